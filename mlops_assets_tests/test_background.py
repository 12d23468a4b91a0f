"""`explain.background` in a real family: a table of its own, all of whose rows trees are compared with."""

import dagster as dg
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import GradientBoostingClassifier

from mlops_assets import build_model_definitions
from mlops_assets.errors import ConfigurationError


@pytest.fixture
def flowers(registry):
    """A registered model of two classes; it, and its rows."""
    features, target = load_iris(return_X_y=True, as_frame=True)
    features.columns = ["a", "b", "c", "d"]
    model = GradientBoostingClassifier(n_estimators=5, random_state=0).fit(features, target > 1)
    registry.add_sklearn(model, features)
    return model, features


def test_trees_are_compared_with_all_rows_of_the_table(flowers, run, tmp_path):
    model, rows = flowers
    rows.sample(1000, replace=True, random_state=0).to_parquet(tmp_path / "background.parquet", index=False)
    explain = {"background": {"path": "background.parquet"}, "background_rows": 5}
    done = run(rows.iloc[::10], explain=explain)
    assert done.success
    ledger, stored = done.table("sample_explanations"), done.table("sample_explanations_background")
    assert len(stored) == 1000
    np.testing.assert_allclose(ledger["base_value"], model.decision_function(stored).mean())
    np.testing.assert_allclose(ledger["explained_value"], model.decision_function(rows.iloc[::10]))
    np.testing.assert_allclose(ledger["residual"], 0, atol=1e-12)
    before = done.metadata("sample_explanations")
    assert "interventional" in before["explainer_reason"]
    # Another table is another explanation, also where nothing else has changed.
    rows.head(40).to_parquet(tmp_path / "background.parquet", index=False)
    after = run(rows.iloc[::10], explain=explain)
    assert len(after.table("sample_explanations_background")) == 40
    assert after.metadata("sample_explanations")["background_digest"] != before["background_digest"]
    # Trees that are path dependent need none; other explainers draw from it.
    assert run(rows.iloc[::10], explain=explain | {"mode": "path_dependent"}).success
    drawn = run(rows.iloc[::10], explain=explain | {"KIND": "PermutationExplainer", "mode": "path_dependent"})
    assert len(drawn.table("sample_explanations_background")) == 5


def test_an_asset_of_ones_own_is_read_by_its_io_manager(flowers, run):
    model, rows = flowers

    @dg.asset(key=["warehouse", "training"])
    def training():
        return rows.iloc[:50]

    job = dg.define_asset_job("m_own_job", selection=dg.AssetSelection.all())
    extra = dg.Definitions(assets=[training], jobs=[job])
    done = run(rows.iloc[::10], job="own", extra=extra, explain={"background": {"asset": "warehouse/training"}})
    assert done.success
    assert len(done.table("sample_explanations_background")) == 50
    ledger = done.table("sample_explanations")
    np.testing.assert_allclose(ledger["base_value"], model.decision_function(rows.iloc[:50]).mean())
    np.testing.assert_allclose(ledger["residual"], 0, atol=1e-12)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (None, "background.parquet"),
        (pd.DataFrame({"a": [1.0], "b": [1.0], "c": [1.0]}), "column 'd' is missing"),
        (pd.DataFrame({"a": [None, 1.0], "b": [1.0, 2.0], "c": [1.0, 2.0], "d": [1.0, 2.0]}), "refused 1 of 2 rows"),
        (pd.DataFrame({name: pd.Series([], dtype=float) for name in "abcd"}), "The background has no rows"),
    ],
    ids=["missing", "a column is missing", "a value is missing", "empty"],
)
def test_a_table_that_will_not_do_is_an_error_that_names_it(table, message, flowers, run, tmp_path):
    _, rows = flowers
    if table is not None:
        table.to_parquet(tmp_path / "background.parquet", index=False)
    done = run(rows.iloc[::50], explain={"background": {"path": "background.parquet"}})
    assert not done.result.success
    assert message in done.error()
    assert "background.parquet" in done.error()
    assert table is None or "explain.background, " in done.error()
    assert "rejected_samples" not in done.error()


def test_an_asset_of_ones_own_is_the_background_and_lineage_shows_it(tmp_path):
    explain = {"background": {"asset": "warehouse/training"}}
    definitions = build_model_definitions("m", tmp_path, inputs={"path": "inputs.parquet"}, explain=explain)
    training = dg.Definitions(assets=[dg.AssetSpec(["warehouse", "training"])])
    graph = dg.Definitions.merge(definitions, training).resolve_asset_graph()
    ledger = graph.get(dg.AssetKey(["m", "sample_explanations"]))
    assert dg.AssetKey(["warehouse", "training"]) in ledger.parent_keys
    with pytest.raises(ConfigurationError, match="exactly one of `path` and `asset`"):
        build_model_definitions("m", tmp_path, inputs={"path": "i.parquet"}, explain={"background": {}})
