"""Declarative automation in place of the sensors: one whole run per move, stopped by blocking checks."""

import warnings
from typing import Any

import dagster as dg
import pytest

from mlops_assets.errors import ConfigurationError
from mlops_assets.sensors.moves import plain_token

REPORT, INPUTS = "m_champion_report", "m_inputs_report"
WHOLE = {
    "champion_model",
    "model_signature",
    "input_samples",
    "rejected_samples",
    "predictions",
    "sample_explanations",
    "sample_explanations_background",
    "model_explanations",
    "explanation_report",
}


class Automation:
    """The daemon's part: evaluates conditions, executes what they request."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.cursor: Any = None

    def requested(self) -> set[str]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", dg.BetaWarning)  # Dagster's own, from within the tester
            found = dg.evaluate_automation_conditions(
                defs=self.model.definitions, instance=self.model.instance, cursor=self.cursor
            )
        self.cursor = found.cursor
        return {result.key.path[-1] for result in found.results if result.true_subset.size}

    def report(self, sensor: str) -> list[str]:
        """Tick a reporting sensor and store its events, as the daemon does."""
        events = self.model.tick(sensor).asset_events
        for event in events:
            self.model.instance.report_runless_asset_event(event)
        return [plain_token(event.tags["dagster/data_version"]) for event in events]

    def run(self, names: set[str]) -> dg.ExecuteInProcessResult:
        job = self.model.definitions.resolve_implicit_global_asset_job_def()
        return job.execute_in_process(
            instance=self.model.instance,
            asset_selection=[dg.AssetKey(["m", name]) for name in names],
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            raise_on_error=False,
        )


@pytest.fixture
def automation(model):
    automation = Automation(model(automation="eager"))
    automation.requested()
    return automation


def test_a_move_renews_the_whole_family_in_one_run_and_then_rests(automation, registry):
    assert automation.report(INPUTS) != []
    assert automation.report(REPORT) == ["v1"]
    assert automation.requested() == WHOLE
    assert automation.run(WHOLE).success
    assert automation.requested() == set()

    registry.client.set_registered_model_alias("m", "Champion", "2")
    assert automation.report(REPORT) == ["v2"]
    assert automation.requested() == WHOLE
    assert automation.run(WHOLE).success
    assert automation.report(REPORT) == []
    assert automation.requested() == set()


def test_changed_inputs_renew_what_is_made_from_them(automation, versions, tmp_path):
    automation.report(INPUTS)
    automation.report(REPORT)
    assert automation.run(automation.requested()).success
    assert automation.requested() == set()
    versions.head(7).to_parquet(tmp_path / "inputs.parquet")
    assert len(automation.report(INPUTS)) == 1
    assert automation.requested() == WHOLE - {"champion_model"}


def test_a_repeated_tick_reports_no_move_twice(automation):
    m = automation.model
    (first,) = m.tick(REPORT).asset_events
    m.instance.report_runless_asset_event(first)
    m.cursors[REPORT] = None
    assert m.tick(REPORT).asset_events == []


def test_a_blocking_check_that_fails_stops_the_assets_behind_it(automation, versions, tmp_path):
    automation.report(INPUTS)
    automation.report(REPORT)
    assert automation.run(automation.requested()).success
    assert automation.requested() == set()
    versions.head(0).to_parquet(tmp_path / "inputs.parquet")
    automation.report(INPUTS)
    wanted = automation.requested()
    assert "predictions" in wanted
    done = automation.run(wanted)
    checks = {
        (check.asset_key.path[-1], check.check_name): check.passed for check in done.get_asset_check_evaluations()
    }
    assert checks["input_samples", "not_empty"] is False
    materialized = {event.asset_key.path[-1] for event in done.get_asset_materialization_events()}
    # A signer may look at the inputs, so that the signature is made from them too.
    assert materialized == {"model_signature", "input_samples", "rejected_samples"}
    assert automation.requested() == set()


def test_the_report_does_not_wait_for_outcomes(model):
    automation = Automation(model(automation="eager", outcomes={"path": "outcomes.csv", "column": "sold"}))
    automation.requested()
    automation.report(INPUTS)
    automation.report(REPORT)
    requested = automation.requested()
    assert requested >= WHOLE
    assert "performance" not in requested


def test_there_is_no_champion_sensor_beside_automation(automation):
    names = {sensor.name for sensor in automation.model.definitions.get_repository_def().sensor_defs}
    assert names.isdisjoint({"m_champion_sensor", "m_inputs_sensor"})
    assert {"m_automation", REPORT, INPUTS} <= names


def test_without_automation_no_asset_has_a_condition(model):
    definitions = model().definitions
    keys = definitions.resolve_asset_graph().get_all_asset_keys()
    assert dg.AssetKey(["m", "champion_alias"]) not in keys
    assert all(spec.automation_condition is None for spec in definitions.resolve_all_asset_specs())


def test_both_at_once_are_refused_at_load(model):
    with pytest.raises(ConfigurationError, match="would both launch a run when the alias moves; keep one"):
        model(automation="eager", sensors={"champion": {"status": "RUNNING"}})


def test_an_unknown_automation_is_refused_at_load(model):
    with pytest.raises(ConfigurationError, match="automation"):
        model(automation="eagre")
