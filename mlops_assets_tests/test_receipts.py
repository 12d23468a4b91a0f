"""Receipts, the report, and the comparison with the champion before, on real graphs."""

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from mlops_assets.cli import main


@pytest.fixture
def location(registry, tmp_path, monkeypatch):
    """The family's code location as a module, for commands."""
    (tmp_path / "receipt_location.py").write_text(
        f"""
from pathlib import Path
import dagster as dg
from mlops_assets import MlflowRegistry, build_model_definitions
root = Path({str(tmp_path)!r})
defs = dg.Definitions.merge(
    build_model_definitions("m", root, inputs={{"path": "inputs.parquet"}}, outputs={{"path": "tables"}}),
    dg.Definitions(resources={{
        "mlflow_registry": MlflowRegistry(tracking_uri={registry.uri!r}, state=str(root / "state"))
    }}),
)
"""
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(__import__("sys").modules, "receipt_location", raising=False)
    return "receipt_location"


@pytest.fixture
def iris():
    features, target = load_iris(return_X_y=True, as_frame=True)
    features.columns = ["a", "b", "c", "d"]
    return features.set_index(pd.Index([f"f{n}" for n in range(150)], name="flower")), target.to_numpy()


@pytest.mark.parametrize(
    "model",
    [RandomForestClassifier(5, max_depth=3, random_state=0), KNeighborsClassifier()],
    ids=["trees", "permutation, with a background"],
)
def test_a_receipt_recomputes_the_stored_row(model, iris, registry, run, location, capsys):
    features, target = iris
    registry.add_sklearn(model.fit(features, target), features)
    assert run(features.head(40)).success
    assert main(["explain-receipt", "m", "f7", "--module", location]) == 0
    told = capsys.readouterr().out
    assert "flower = f7" in told
    assert "version 1" in told
    assert "the same as stored" in told
    assert main(["explain-receipt", "m", "flower=f99", "--module", location]) == 1
    assert "no row flower=f99" in capsys.readouterr().err


def test_a_changed_ledger_is_noticed(iris, registry, run, location, capsys):
    features, target = iris
    registry.add_sklearn(RandomForestClassifier(5, max_depth=3, random_state=0).fit(features, target), features)
    place = run(features.head(40)).tables / "sample_explanations.parquet"
    table = pq.read_table(place)
    column = table.schema.get_field_index("shap_c")
    forged = table["shap_c"].to_numpy().copy()
    forged[21] += 0.25
    pq.write_table(table.set_column(column, table.schema.field(column), [forged]), place)
    assert main(["explain-receipt", "m", "f7", "--module", location]) == 1
    told = capsys.readouterr().out
    assert "NOT the same" in told
    assert "shap_c" in told
    assert main(["explain-receipt", "m", "f8", "--module", location]) == 0


def test_the_report_lies_beside_the_tables_and_is_linked(iris, registry, run):
    features, target = iris
    registry.add_sklearn(RandomForestClassifier(5, max_depth=3, random_state=0).fit(features, target), features)
    done = run(features)
    place = done.tables / "explanation_report.html"
    assert done.metadata("explanation_report")["file"] == str(place)
    text = place.read_text("utf-8")
    assert text.startswith("<!doctype html>")
    for fact in ("Rejected rows", "models:/m/1", "f0", "<svg"):
        assert fact in text
    assert "http" not in text.replace("http-equiv", "").replace("http://www.w3.org", "")


def test_a_new_champion_is_compared_with_the_one_before(iris, registry, run):
    features, target = iris
    registry.add_sklearn(RandomForestClassifier(5, max_depth=3, random_state=0).fit(features, target), features)
    first = run(features)
    assert (
        first.checks["model_explanations", "like_the_previous_champion"]
        .metadata["compared_with"]
        .value.endswith("no earlier champion")
    )
    # A champion that looks at other columns: what mattered is shuffled noise to it.
    shuffled = features.copy()
    shuffled[["c", "d"]] = np.random.default_rng(0).permutation(shuffled[["c", "d"]].to_numpy())
    registry.add_sklearn(RandomForestClassifier(5, max_depth=3, random_state=1).fit(shuffled, target), features)
    done = run(features)
    assert done.success
    check = done.checks["model_explanations", "like_the_previous_champion"]
    assert not check.passed
    assert check.severity.name == "WARN"
    assert check.metadata["compared_with"].value == 1
    assert check.metadata["lowest_ndcg"].value < 0.9
    assert check.metadata["rows_compared"].value == 450


def test_explanations_of_a_like_champion_pass(iris, registry, run):
    features, target = iris
    registry.add_sklearn(LogisticRegression(max_iter=500).fit(features, target), features)
    assert run(features).success
    registry.add_sklearn(LogisticRegression(max_iter=500, C=0.9).fit(features, target), features)
    check = run(features).checks["model_explanations", "like_the_previous_champion"]
    assert check.passed
    assert check.metadata["lowest_ndcg"].value > 0.99
