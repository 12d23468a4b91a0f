"""The table of changes as it is published: by whichever worker, for candidates, partitions and selections."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression

from mlops_assets.component import build_model_definitions
from mlops_assets.engines.local import LocalEngine
from mlops_assets.engines.tasks import TaskEnd, pack_task, run_packed
from mlops_assets.errors import ConfigurationError
from mlops_assets.explain.compare.change_rules import ChangeRules
from mlops_assets.explain.compare.changes_table import OtherVersion, changes_table
from mlops_assets.models.model_source import ModelSource
from mlops_assets.models.trust import TrustPolicy
from mlops_assets.resources.loaders import BuiltinLoader
from mlops_assets.settings.changes import ChangesSettings
from mlops_assets.signatures.mlflow.signature_json import signature_to_json
from mlops_assets.storage.location import Location
from mlops_assets.tables import part_size
from mlops_assets.tables.parquet_writer import ParquetWriter
from mlops_assets.tables.staged_table import Destination, SourcePart, StagedTable
from mlops_assets.validation import in_child

FEATURES = ["age", "income", "debt"]
ROWS, FILES = 40, 3
INPUTS = {"path": "people", "format": "parquet", "row_key": ["branch", "number"]}


def people(count: int, start: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(start)
    values = {name: rng.normal(size=count).round(2) for name in FEATURES}
    return pd.DataFrame({"branch": ["a", "b"] * (count // 2), "number": range(start, start + count), **values})


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Inputs of three parts."""
    monkeypatch.setattr(part_size, "PART_ROWS", ROWS)
    place = tmp_path / "people"
    place.mkdir()
    for number in range(FILES):
        people(ROWS, number * ROWS).to_parquet(place / f"{number}.parquet")
    return tmp_path


def add_linear(registry, *, income: float, features=FEATURES) -> int:
    """A linear model of known coefficients; versions differ in that of the income."""
    rows = people(200)[features]
    coefficients = {"age": 1.0, "income": income, "debt": 3.0}
    model = LinearRegression().fit(rows, rows @ [coefficients[name] for name in features])
    return registry.add_sklearn(model, rows)


class Backwards(LocalEngine):
    """Hands tasks over as to another process, the last one first."""

    def run_tasks(self, tasks, log=print):
        for number in reversed(range(len(tasks))):
            yield TaskEnd(number, pickle.loads(run_packed(pack_task(tasks[number]))))


def made_backwards(tables: Path, folder: Path, registry, rules: ChangeRules) -> list[pa.Table]:
    """The parts of the changes of these tables, made anew."""
    writer = ParquetWriter()
    places = [Location.parse(str(tables / name)) for name in ("sample_explanations", "input_samples")]
    target = Destination(writer, writer.staging(Location.parse(str(folder / "again" / "changes"))))
    ledger_parts, input_parts = (SourcePart.all_of(writer, place) for place in places)
    explained, inputs = (writer.read(place) for place in places)
    source = ModelSource(registry.resource.address(), registry.resource.cache.root, BuiltinLoader(), TrustPolicy())
    model = source.load(registry.resource.pin("m", 1))
    assert model.signature is not None
    made = changes_table(
        explained,
        inputs,
        OtherVersion(model, signature_to_json(model.signature), "before"),
        rules,
        Backwards,
        ledger_parts=ledger_parts,
        input_parts=input_parts,
        target=target,
    )
    assert isinstance(made.rows, StagedTable)
    return [pq.read_table(target.staging.file(part).path) for part in made.rows.parts]


def test_a_candidate_that_differs_in_one_column_has_its_whole_difference_there(folder, registry, run):
    add_linear(registry, income=2.0)
    changes = {"segments": {"branch": [], "age": [0]}, "tolerance": 0.1, "decision_threshold": 1.0}
    settings: dict[str, Any] = {"explain": {"changes": changes}, "engine": {"KIND": "LocalEngine", "workers": 1}}
    # Whoever scored the rows before is the champion before.
    assert run(INPUTS, job="inference", **settings).success
    add_linear(registry, income=2.5)
    done = run(INPUTS, **settings)
    assert done.success
    assert all(check.passed for check in done.checks.values())
    table, rows = done.table("changes"), done.table("input_samples")
    assert table[["branch", "number"]].equals(rows[["branch", "number"]])
    np.testing.assert_allclose(table["change_age"], 0, atol=1e-12)
    np.testing.assert_allclose(table["change_debt"], 0, atol=1e-12)
    np.testing.assert_allclose(table["difference"], 0.5 * rows["income"], atol=1e-12)
    np.testing.assert_allclose(table["change_income"] + table["base_change"], table["difference"], atol=1e-12)
    np.testing.assert_allclose(table["prediction_after"], done.table("predictions")["prediction"])
    assert table["changed"].tolist() == (table["prediction_change"].abs() > 0.1).tolist()

    summary = done.table("change_summary")
    assert set(summary.loc[summary["rank"] == 1, "feature"]) == {"income"}
    whole = summary[summary["segment_column"].isna()].iloc[0]
    up = (table["prediction_before"] < 1) & (table["prediction_after"] >= 1)
    assert (whole["rows"], whole["swapped_up"]) == (ROWS * FILES, up.sum())
    assert whole["changed_share"] == pytest.approx(table["changed"].mean())
    of_b = summary[(summary["segment_column"] == "branch") & (summary["segment"] == "b")].iloc[0]
    assert of_b["mean_after"] == pytest.approx(table.loc[table["branch"] == "b", "prediction_after"].mean())
    young = summary[summary["segment"] == "below 0"].iloc[0]
    assert young["rows"] == (rows["age"] < 0).sum()
    assert "data:image/svg+xml" in done.metadata("change_summary")["causes"]
    assert done.metadata("change_summary")["changes/changed_share"] == pytest.approx(whole["changed_share"])
    for name in ("changes", "change_summary"):
        schema = done.metadata(name)["dagster/column_schema"].columns
        assert all(column.description for column in schema)

    report = (done.tables / "explanation_report.html").read_text("utf-8")
    assert "What changed since version 1" in report
    assert f"of {ROWS * FILES} predictions change" in report
    assert "most of the difference comes from income" in report
    assert "age: below 0" in report

    made = made_backwards(done.tables, folder, registry, ChangesSettings(**changes).rules())
    # The key of a part, which is noted in it, names the loader as well: the rows are the same.
    parts = sorted((done.tables / "changes.parquet").glob("part-*"))
    for published, again in zip(parts, made, strict=True):
        assert pq.read_table(published).equals(again)
    assert len(made) == FILES


def test_a_candidate_of_trees_and_one_column_less(folder, registry, run):
    """The candidate comes after; what it lacks is named, and its attributions are lost with their sign."""
    rows = people(200)
    target = rows["age"] - rows["income"] * 2 + rows["debt"] > 0
    for features in (FEATURES, FEATURES[:2]):
        model = HistGradientBoostingClassifier(max_iter=5, random_state=0).fit(rows[features], target)
        version = registry.add_sklearn(model, rows[features])
    registry.client.set_registered_model_alias("m", "Champion", "1")
    registry.client.set_registered_model_alias("m", "Challenger", str(version))
    changes = {"candidate": "Challenger", "max_swapped_share": 0.0}
    done = run(INPUTS, explain={"changes": changes}, contract={"compatibility": "NONE"})
    assert done.success
    table, ledger = done.table("changes"), done.table("sample_explanations")
    assert set(table["version_before"]), set(table["version_after"]) == ({1}, {2})
    np.testing.assert_array_equal(table["value_before"], ledger["explained_value"])
    np.testing.assert_array_equal(table["change_debt"], -ledger["shap_debt"])
    of_candidate = model.predict_proba(done.table("input_samples")[FEATURES[:2]])[:, 1]
    np.testing.assert_allclose(table["prediction_after"], of_candidate, atol=1e-9)
    assert done.metadata("changes")["only_before"] == "debt"
    assert done.checks["changes", "parts_add_up"].passed
    swapped = table["swap"].notna()
    assert (swapped == ((table["prediction_before"] >= 0.5) != (table["prediction_after"] >= 0.5))).all()
    limits = done.checks["change_summary", "within_limits"]
    assert limits.passed == (not swapped.any())
    assert swapped.any()
    assert "max_swapped_share" in limits.description

    # The other way round rows lack a column, and a YAML of the larger version's own compares them.
    registry.client.set_registered_model_alias("m", "Champion", "2")
    registry.client.set_registered_model_alias("m", "Challenger", "1")
    refused = run(INPUTS, explain={"changes": {"candidate": "Challenger"}}, contract={"compatibility": "NONE"})
    assert not refused.result.success
    assert "debt" in refused.error()
    assert "explain.changes.against" in refused.error()


def test_the_rows_of_a_selection_by_partition_and_class(registry, run, tmp_path):
    features, target = load_iris(return_X_y=True, as_frame=True)
    for strength in (1.0, 0.1):
        registry.add_sklearn(LogisticRegression(C=strength, max_iter=500).fit(features, target), features)
    rows = features.assign(flower=[f"f{n:03}" for n in range(150)]).iloc[::15]
    rows.to_parquet(tmp_path / "day1.parquet", index=False)
    settings: dict[str, Any] = {
        "partitions": {"type": "static", "keys": ["day1"]},
        "partition": "day1",
        "outputs": {"path": "tables", "format": "csv"},
    }
    changes = {"against": 1}
    inputs = {"path": "{partition}.parquet", "row_key": ["flower"]}
    done = run(inputs, explain={"sample": 4, "changes": changes}, **settings)
    assert done.success
    assert done.checks["changes", "parts_add_up"].passed
    table, ledger = (
        pd.read_csv(tmp_path / "tables" / name / "day1.csv") for name in ("changes", "sample_explanations")
    )
    assert table[["flower", "output"]].equals(ledger[["flower", "output"]])
    np.testing.assert_allclose(table["value_after"], ledger["explained_value"])
    np.testing.assert_allclose(table.groupby("flower")["prediction_before"].sum(), 1)
    parts = table[[name for name in table.columns if name.startswith("change_")]].sum(axis=1)
    np.testing.assert_allclose(parts + table["base_change"], table["difference"], atol=1e-12)

    refused = run(inputs, explain={"where": "output == 1", "changes": changes}, **settings)
    assert "explain.where" in refused.error()


def test_versions_on_different_scales_are_refused(folder, registry, run):
    rows = people(200)
    registry.add_sklearn(HistGradientBoostingRegressor(max_iter=3).fit(rows[FEATURES], rows["age"]), rows[FEATURES])
    poisson = HistGradientBoostingRegressor(max_iter=3, loss="poisson").fit(rows[FEATURES], np.exp(rows["age"]))
    registry.add_sklearn(poisson, rows[FEATURES])
    done = run(INPUTS, explain={"changes": {"against": 1}})
    assert "between two scales mean nothing" in done.error()
    assert (folder / "tables" / "sample_explanations.parquet").exists()


def test_a_version_that_changes_too_much_fails_its_validation(folder, registry, run, monkeypatch):
    def try_here(candidate, champion, trial, _seconds):
        return in_child.validate_candidate(candidate, champion, trial)

    # Another process would import everything again.
    monkeypatch.setattr(in_child, "validate_in_child", try_here)
    add_linear(registry, income=2.0)
    add_linear(registry, income=2.5)
    registry.client.set_registered_model_alias("m", "Champion", "1")
    changes = {"decision_threshold": 1.0, "segments": {"branch": []}}
    config = {"m__validate": {"config": {"version": 2}}}
    for limits, verdict in (({"max_mean_abs_change": 0.1}, "failed"), ({"max_mean_abs_change": 1.0}, "passed")):
        done = run(INPUTS, job="validation", config=config, explain={"changes": changes | limits})
        assert done.success
        tags = registry.client.get_model_version("m", "2").tags
        assert tags["mlops_assets.validation"] == verdict
        assert "most by income" in tags["mlops_assets.validation_changes"]
        assert ("max_mean_abs_change" in tags["mlops_assets.validation_reasons"]) == (verdict == "failed")


@pytest.mark.parametrize(
    ("inputs", "changes", "part"),
    [
        ({"row_key": ["swap"]}, {}, "columns called swap"),
        ({}, {"against": 1, "candidate": 2}, "not both"),
        ({}, {"segments": {"age": [3, 1]}}, "rising numbers"),
    ],
)
def test_bad_settings_fail_the_definition(tmp_path, inputs, changes, part):
    with pytest.raises(ConfigurationError, match=part):
        build_model_definitions("m", tmp_path, inputs={"path": "x.parquet", **inputs}, explain={"changes": changes})
