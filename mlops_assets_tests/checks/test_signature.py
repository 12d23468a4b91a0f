"""The blocking check of a new champion's signature against the one before, and `mlops-assets compare`."""

import pytest
from mlflow.models import infer_signature
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from mlops_assets.cli import main


@pytest.fixture
def promoted(registry, run):
    """A scored champion on columns a, b, c, and a function that promotes the next one."""
    features, target = load_iris(return_X_y=True, as_frame=True)
    features.columns = ["a", "b", "c", "d"]

    def promote(columns, types="float64"):
        frame = features[columns].astype(types)
        model = LogisticRegression(max_iter=500).fit(frame, target)
        registry.add_sklearn(model, frame, signature=infer_signature(frame, frame[[columns[0]]].round(0)))

    promote(["a", "b", "c"])
    assert run(features, job="inference").success
    return features, promote


def test_a_new_required_input_stops_the_run(promoted, run):
    features, promote = promoted
    before = (run(features, job="inference").tables / "predictions.parquet").read_bytes()
    promote(["a", "b", "c", "d"])
    done = run(features, job="inference")
    assert not done.success
    check = done.checks["model_signature", "compatible"]
    assert not check.passed
    assert "input_added_required" in check.description
    assert check.metadata["compared_with"].value == "version 1"
    assert (done.tables / "predictions.parquet").read_bytes() == before


def test_a_removed_input_is_compatible(promoted, run):
    features, promote = promoted
    promote(["a", "b"])
    done = run(features, job="inference")
    assert done.success
    rows = done.checks["model_signature", "compatible"].metadata["differences"].records
    assert [row.data["code"] for row in rows] == ["input_removed"]


def test_the_mode_is_a_setting(promoted, run):
    features, promote = promoted
    promote(["a", "b", "c", "d"])
    done = run(features, job="inference", contract={"compatibility": "NONE"})
    assert done.checks["model_signature", "compatible"].passed


def test_transitive_modes_look_at_every_earlier_champion(promoted, run):
    features, promote = promoted
    promote(["a", "b"])
    assert run(features, job="inference").success
    promote(["a", "b", "c"])
    transitive = {"compatibility": "FULL_TRANSITIVE"}
    done = run(features, job="inference", contract=transitive)
    compared = done.checks["model_signature", "compatible"]
    assert compared.metadata["compared_with"].value == "version 1, version 2"
    # Against version 1 alone it would be compatible; against version 2 it asks for c anew.
    assert not compared.passed


def test_compare_gates_a_promotion_with_its_exit_code(promoted, run, registry, tmp_path, monkeypatch, capsys):
    _, promote = promoted
    promote(["a", "b", "c", "d"])
    (tmp_path / "gate_location.py").write_text(
        f"""
import dagster as dg
from mlops_assets import MlflowRegistry, build_model_definitions
defs = dg.Definitions.merge(
    build_model_definitions("m", inputs={{"path": "x.parquet"}}, outputs={{"path": "t"}}),
    dg.Definitions(resources={{"mlflow_registry": MlflowRegistry(tracking_uri={registry.uri!r})}}),
)
"""
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    assert main(["compare", "m", "1", "2", "--module", "gate_location"]) == 1
    told = capsys.readouterr().out
    assert "NOT compatible" in told
    assert "input_added_required" in told
    assert main(["compare", "m", "2", "1", "--module", "gate_location"]) == 0
    assert main(["compare", "m", "1", "7", "--module", "gate_location"]) == 1
    assert "version 7" in capsys.readouterr().err


def test_the_job_gates_a_promotion(promoted, run):
    features, promote = promoted
    promote(["a", "b", "c", "d"])
    gate = {"m__compare_signatures": {"config": {"old": "1", "new": "2"}}}
    done = run(features, job="compatibility", config=gate)
    assert not done.success
    assert "input_added_required" in done.error()
    back = {"m__compare_signatures": {"config": {"old": "2", "new": "1"}}}
    assert run(features, job="compatibility", config=back).success
