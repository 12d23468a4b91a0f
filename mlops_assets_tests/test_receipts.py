"""Receipts, the report, and the comparison with the champion before, on real graphs."""

import json
import shutil

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from mlops_assets.cli import main
from mlops_assets.journal.journal import Journal
from mlops_assets.storage.location import Location


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


def test_a_decision_is_the_whole_story_of_a_row(iris, registry, run, location, capsys, tmp_path):
    features, target = iris
    for seed in (0, 1):
        model = RandomForestClassifier(5, max_depth=3, random_state=seed).fit(features, target)
        registry.add_sklearn(model, features)
        done = run(features.head(60), explain={"reasons": {"top": 2}})
        assert done.success
    assert main(["decision", "m", "f57", "--module", location, "--json"]) == 0
    story = json.loads(capsys.readouterr().out)
    assert story["key"] == {"flower": "f57"}
    assert story["inputs"] == pytest.approx(features.loc["f57"].to_dict())
    assert story["prediction"] == {"prediction": 1}
    assert story["receipt"] == {"matches": True, "problems": []}
    assert (story["journal"]["version"], story["journal"]["previous version"]) == (2, 1)
    assert story["in_force"] is None
    reasons = done.table("reasons")
    for each in story["outputs"]:
        published = reasons[(reasons["flower"] == "f57") & (reasons["output"].astype(str) == each["output"])]
        assert [reason["feature"] for reason in each["reasons"]] == published["feature"].tolist()
    # What the champion before would have said, and every part of the difference.
    assert "Version 1" in story["previous_champion"]
    before = registry_model(registry, 1).predict_proba(features.loc[["f57"]])[0]
    for change, then in zip(story["changes"], before, strict=True):
        assert change["before"] == pytest.approx(then)
        parts = sum(change["columns"].values()) + change["base_change"] + change["rest_change"]
        assert parts == pytest.approx(change["now"] - change["before"], abs=1e-12)

    page = tmp_path / "decision.html"
    assert main(["decision", "m", "f57", "--module", location, "--html", str(page)]) == 0
    assert "Version 1" in page.read_text("utf-8")
    capsys.readouterr()
    assert main(["decision", "m", "f57", "--module", location, "--without-values"]) == 0
    text = capsys.readouterr().out
    for part in ("Decision on the row flower = f57", "1. ", "base value", "the same as stored", "version 2"):
        assert part in text
    assert "Inputs\n" not in text

    # The alias is moved back, and nothing is scored yet.
    journal = Journal(Location.parse(str(tmp_path / ".mlops_assets/journal/m")), "m")
    journal.note("Champion", 1, None, "rollback", run="r")
    assert main(["decision", "m", "f57", "--module", location, "--html", str(page)]) == 0
    for told in (capsys.readouterr().out, page.read_text("utf-8")):
        assert "Journal entry of this version, which is not in force any more" in told
        assert "rollback" in told.partition("Journal entry of the version in force now")[2]


def test_a_row_that_is_not_there_is_looked_for_where_it_may_be(iris, registry, run, location, capsys):
    features, target = iris
    registry.add_sklearn(RandomForestClassifier(3, max_depth=2, random_state=0).fit(features, target), features)
    assert run(features.head(9)).success
    for key, parts in {
        ("f99",): ["no row flower=f99", "rejected_samples"],
        ("flower=f1", "flower=f2"): ["The row key given is flower, flower", "Write flower=VALUE"],
        ("flower=f1", "day=2"): ["The row key given is flower, day", "Write flower=VALUE"],
    }.items():
        assert main(["decision", "m", *key, "--module", location]) == 1
        said = capsys.readouterr().err
        assert all(part in said for part in parts), said


def change(table, column, value):
    """Write another value into one column of a published table, as it should not be possible."""
    whole = pq.read_table(table)
    changed = pa.array([value] * whole.num_rows, whole.schema.field(column).type)
    pq.write_table(whole.set_column(whole.column_names.index(column), whole.schema.field(column), changed), table)


@pytest.mark.parametrize(
    ("table", "column", "value", "part"),
    [
        ("predictions", "prediction", 2, "predictions: prediction = 2 is not what the explained value gives"),
        ("reasons", "attribution", 0.125, "attribution is 0.125, not "),
        ("reasons", "feature", "a", "feature is a, not "),
        ("reasons", "value", "0", "value is another"),
        ("sample_explanations", "residual", 0.25, "residual differ"),
    ],
)
def test_a_decision_names_what_the_tables_contradict(table, column, value, part, iris, registry, run, location, capsys):
    features, target = iris
    registry.add_sklearn(RandomForestClassifier(5, max_depth=3, random_state=0).fit(features, target), features)
    done = run(features.head(60), explain={"reasons": {"top": 2, "groups": {"sizes": ["b", "d"]}}})
    assert done.success
    command = ["decision", "m", "f57", "--module", location]
    assert main(command) == 0
    change(done.tables / f"{table}.parquet", column, value)
    capsys.readouterr()
    assert main(command) == 1
    told = capsys.readouterr().out
    assert "NOT the same as stored" in told
    assert part in told


@pytest.mark.parametrize("kind", [pa.float16(), pa.float64()], ids=str)
def test_a_row_key_of_floats_and_nan(kind, iris, registry, run, location, capsys, tmp_path):
    features, target = iris
    registry.add_sklearn(RandomForestClassifier(3, max_depth=2, random_state=0).fit(features, target), features)
    rows = pa.Table.from_pandas(features.head(3), preserve_index=False)
    keys = pa.array([0.5, float("nan"), 2.0]).cast(kind)
    pq.write_table(rows.append_column("key", keys), tmp_path / "inputs.parquet")
    done = run({"path": "inputs.parquet", "row_key": ["key"]}, explain={"reasons": {}})
    assert done.success
    for place, key in enumerate(("0.5", "nan", "2.0")):
        assert main(["decision", "m", key, "--module", location, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["inputs"]["a"] == features["a"].iloc[place]


def test_a_decision_is_told_without_the_files_of_its_version(iris, registry, run, location, capsys):
    features, target = iris
    registry.add_sklearn(RandomForestClassifier(5, max_depth=3, random_state=0).fit(features, target), features)
    assert run(features.head(60)).success
    shutil.rmtree(registry.folder / "models" / "0")
    assert main(["decision", "m", "f57", "--module", location]) == 1
    told = capsys.readouterr().out
    assert "NOT recomputed now: it cannot be explained again: Artifacts are missing" in told
    assert "From base value to prediction" in told


def test_a_decision_names_what_is_not_shown(iris, registry, run, location, capsys):
    features, target = iris
    registry.add_sklearn(RandomForestClassifier(5, max_depth=3, random_state=0).fit(features, target), features)
    assert run(features.head(60), explain={"reasons": {"top": 2}}).success
    # Rows of another day, and no reasons of them: those of the day before are of other rows.
    done = run(features.iloc[20:80], explain={"limit": 30})
    assert done.success
    assert main(["decision", "m", "f40", "--module", location, "--json"]) == 0
    story = json.loads(capsys.readouterr().out)
    assert story["notes"] == [
        "The table reasons is not of this ledger, or of another release: the largest attributions are shown."
    ]
    assert len(story["outputs"][0]["reasons"]) > 2
    (done.tables / "predictions.parquet").unlink()
    assert main(["decision", "m", "f40", "--module", location]) == 0
    assert "There is no table predictions." in capsys.readouterr().out
    for key, words in {"f70": "scored and not explained", "f5": "no row flower=f5"}.items():
        assert main(["decision", "m", key, "--module", location]) == 1
        assert words in capsys.readouterr().err


def registry_model(registry, version):
    import mlflow.sklearn

    return mlflow.sklearn.load_model(str(registry.folder / "models" / str(version - 1)))


def test_the_report_lies_beside_the_tables_and_is_linked(iris, registry, run):
    features, target = iris
    registry.add_sklearn(RandomForestClassifier(5, max_depth=3, random_state=0).fit(features, target), features)
    done = run(features)
    place = done.tables / "explanation_report.html"
    assert done.metadata("explanation_report")["file"] == str(place)
    text = place.read_text("utf-8")
    assert text.startswith("<!doctype html>")
    for fact in ("no row was rejected", "models:/m/1", "f0", "<svg"):
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
