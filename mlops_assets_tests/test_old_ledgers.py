"""A project that was upgraded from 0.1: its ledger is checked, summarised, reported and verified as it lies there."""

import dagster as dg
import pandas as pd
import pyarrow.parquet as pq
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from mlops_assets.cli import main
from mlops_assets_tests.explain.old_ledgers import as_of_0_1
from mlops_assets_tests.test_receipts import location

__all__ = ["location"]


@pytest.fixture
def upgraded(registry, run):
    """Run a family, then put its ledger back to what 0.1 wrote; the model, and the run."""

    def make(model, target_classes=3, **settings):
        features, target = load_iris(return_X_y=True, as_frame=True)
        features.columns = ["a", "b", "c", "d"]
        some = target < target_classes
        registry.add_sklearn(model.fit(features[some], target[some]), features[some])
        rows = features[some].iloc[::5].set_index(pd.Index([f"f{n}" for n in range(some.sum() // 5)], name="flower"))
        done = run(rows, **settings)
        assert done.success
        place = done.tables / "sample_explanations.parquet"
        today = pq.read_table(place)
        pq.write_table(as_of_0_1(today), place)
        return done, today

    return make


def materialize(done, instance, *assets: str) -> dg.ExecuteInProcessResult:
    job = done.definitions.resolve_implicit_global_asset_job_def()
    return job.get_subset(asset_selection={dg.AssetKey(["m", asset]) for asset in assets}).execute_in_process(
        instance=instance
    )


def test_the_summary_and_the_report_of_an_old_ledger(upgraded, instance):
    done, _ = upgraded(LogisticRegression(max_iter=500))
    before = pq.read_table(done.tables / "model_explanations.parquet")
    result = materialize(done, instance, "model_explanations", "explanation_report")
    assert result.success
    after = pq.read_table(done.tables / "model_explanations.parquet")
    # Its outputs are text, as they are in the ledger that it is made of.
    assert after["output"].to_pylist() == [str(output) for output in before["output"].to_pylist()]
    assert after.drop_columns(["output"]).to_pylist() == before.drop_columns(["output"]).to_pylist()
    page = (done.tables / "explanation_report.html").read_text("utf-8")
    assert "softmax margin: a score per class" in page
    assert "even odds" not in page


def test_the_checks_of_an_old_ledger(upgraded, instance):
    done, _ = upgraded(LogisticRegression(max_iter=500))
    names = ("one_row_per_prediction", "additive", "explains_the_stored_prediction")
    keys = {dg.AssetCheckKey(dg.AssetKey(["m", "sample_explanations"]), name) for name in names}
    job = done.definitions.resolve_implicit_global_asset_job_def()
    checks = job.get_subset(asset_selection=set(), asset_check_selection=keys).execute_in_process(instance=instance)
    found = {check.check_name: check for check in checks.get_asset_check_evaluations()}
    assert {name: check.passed for name, check in found.items()} == dict.fromkeys(names, True)
    stored = found["explains_the_stored_prediction"].metadata
    assert stored["space"].value == "softmax margin"
    assert (stored["rows"].value, stored["different_rows"].value) == (30, 0)


def test_a_receipt_of_an_old_ledger(upgraded, location, capsys):
    upgraded(LogisticRegression(max_iter=500))
    assert main(["explain-receipt", "m", "f7", "--module", location]) == 0
    told = capsys.readouterr().out
    assert "the same as stored" in told
    assert "Unit of all numbers: softmax margin" in told


def test_a_receipt_is_checked_by_the_explainer_that_the_ledger_names(registry, run, location, capsys):
    """0.1 could explain this model by permutation only; today's choice would be another, and so would its numbers."""
    features, target = load_iris(return_X_y=True, as_frame=True)
    features.columns = ["a", "b", "c", "d"]
    model = GradientBoostingClassifier(loss="exponential", n_estimators=5).fit(features, target == 1)
    registry.add_sklearn(model, features)
    rows = features.iloc[::10].set_index(pd.Index([f"f{n}" for n in range(15)], name="flower"))
    done = run(rows, explain={"KIND": "PermutationExplainer"})
    place = done.tables / "sample_explanations.parquet"
    ledger = pq.read_table(place)
    key = b"mlops_assets.explain_settings"
    assert b'"PermutationExplainer"' in ledger.schema.metadata[key]
    chosen = ledger.schema.metadata | {key: ledger.schema.metadata[key].replace(b'"PermutationExplainer"', b"null")}
    pq.write_table(as_of_0_1(ledger.replace_schema_metadata(chosen)), place)
    assert main(["explain-receipt", "m", "f7", "--module", location]) == 0
    told = capsys.readouterr().out
    assert "Explained by: PermutationExplainer" in told
    assert "the same as stored" in told


def test_the_next_run_computes_the_ledger_anew(upgraded, run, tmp_path):
    done, today = upgraded(LogisticRegression(max_iter=500))
    again = run({"path": "inputs.parquet"})
    assert again.success
    assert pq.read_table(done.tables / "sample_explanations.parquet").equals(today)
