"""Outcomes that come, and a candidate's alias that moves, ask for one run each."""

import pandas as pd
import pytest

from mlops_assets.component import build_model_definitions
from mlops_assets.errors import ConfigurationError

OUTCOMES, CANDIDATE = "m_outcomes_sensor", "m_candidate_sensor"


@pytest.fixture
def asked(model, versions, tmp_path):
    """A model of which nothing is published yet, whose outcomes are there."""
    m = model(
        inputs={"path": "inputs.parquet"},
        outcomes={"path": "outcomes.csv", "column": "y"},
        explain={"changes": {"candidate": "Challenger"}},
    )
    pd.DataFrame({"row_number": range(len(versions)), "y": 1.0}).to_csv(tmp_path / "outcomes.csv", index=False)
    return m


def test_each_move_asks_for_one_run_once_there_is_something_to_compare(asked, registry, tmp_path):
    # First the outcomes, then the predictions.
    assert asked.tick(OUTCOMES).skip_message.endswith("m has predicted nothing yet")
    registry.client.set_registered_model_alias("m", "Challenger", "2")
    assert asked.tick(CANDIDATE).skip_message.endswith("m has explained nothing yet")
    assert asked.materialize("m_explanations_job").success
    # The run has compared with the candidate already.
    assert asked.keys(CANDIDATE) == []
    (first,) = asked.keys(OUTCOMES)
    assert first.startswith("m/outcomes:1:")
    assert asked.keys(OUTCOMES) == []
    assert asked.materialize("m_performance_job").success
    assert asked.keys(OUTCOMES) == []
    asked.cursors.clear()
    assert asked.keys(OUTCOMES) == []
    assert asked.keys(CANDIDATE) == []
    (tmp_path / "outcomes.csv").write_text("row_number,y\n0,2.0\n", "utf-8")
    (second,) = asked.keys(OUTCOMES)
    assert second.startswith("m/outcomes:")
    assert second != first

    registry.client.set_registered_model_alias("m", "Challenger", "3")
    cursor = asked.cursors[CANDIDATE]
    (moved,) = asked.keys(CANDIDATE)
    assert moved.endswith(":v3")
    # A tick that is repeated asks for the same run.
    asked.cursors[CANDIDATE] = cursor
    assert asked.keys(CANDIDATE) == [moved]
    compared = asked.materialize("m_changes_job")
    assert compared.success
    (summary,) = compared.asset_materializations_for_node("m__change_summary")
    assert summary.metadata["version_after"].value == 3
    assert asked.keys(CANDIDATE) == []
    assert asked.tick(CANDIDATE).skip_message == "m/candidate@Challenger is still v3"
    # An alias that is gone starts nothing.
    registry.client.delete_registered_model_alias("m", "Challenger")
    assert "gone" in asked.tick(CANDIDATE).skip_message


def test_a_run_of_a_candidate_that_failed_is_asked_for_again(asked, registry, monkeypatch):
    from mlops_assets.sensors import watch

    assert asked.materialize("m_explanations_job").success
    assert asked.keys(CANDIDATE) == []
    registry.client.set_registered_model_alias("m", "Challenger", "2")
    assert len(asked.keys(CANDIDATE)) == 1
    now = watch.now()
    monkeypatch.setattr(watch, "now", lambda: now + 120)
    (again,) = asked.keys(CANDIDATE)
    assert again.endswith(":v2:again1")


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        ({"sensors": {"outcomes": {"status": "RUNNING"}}}, "there is no outcomes.path"),
        (
            {
                "outcomes": {"asset": "spent", "column": "y"},
                "sensors": {"outcomes": {"status": "RUNNING"}},
            },
            "there is no outcomes.path",
        ),
        ({"explain": {"changes": {"candidate": 3}}, "sensors": {"candidate": {"status": "RUNNING"}}}, "names none"),
    ],
)
def test_a_sensor_with_nothing_to_watch_fails_the_definition(tmp_path, settings, part):
    with pytest.raises(ConfigurationError, match=part):
        build_model_definitions("m", tmp_path, inputs={"path": "x.parquet"}, **settings)
