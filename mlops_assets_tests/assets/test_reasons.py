"""The table of reasons as it is published: by one worker or two, for each partition, and beside the predictions."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression

from mlops_assets.component import build_model_definitions
from mlops_assets.engines.local import LocalEngine
from mlops_assets.errors import ConfigurationError
from mlops_assets.explain.reasons.reasons_table import reasons_table
from mlops_assets.settings.reasons import ReasonsSettings
from mlops_assets.storage.location import Location
from mlops_assets.tables import part_size
from mlops_assets.tables.parquet_writer import ParquetWriter
from mlops_assets.tables.staged_table import Destination, SourcePart, StagedTable

FEATURES = ["age", "income", "debt"]
ROWS, FILES = 40, 3
REASONS: dict[str, Any] = {
    "top": 2,
    "toward": "lower",
    "joined": True,
    "catalogue": "reasons.yaml",
    "groups": {"means": FEATURES[1:]},
}
CATALOGUE = """
reasons:
  means: [{when: income < 0, code: M1, text: Income is low}, {code: M2, text: Debts are high}]
otherwise: {code: X9, text: Other information}
"""


def people(count: int, start: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(start)
    values = {name: rng.normal(size=count).round(2) for name in FEATURES}
    return pd.DataFrame({"branch": ["a", "b"] * (count // 2), "number": range(start, start + count), **values})


@pytest.fixture
def folder(registry, tmp_path, monkeypatch):
    """Inputs of three parts, and a model of them."""
    rows = people(200)[FEATURES]
    target = rows["age"] - rows["income"] * 2 + rows["debt"]
    registry.add_sklearn(HistGradientBoostingRegressor(max_iter=5, random_state=0).fit(rows, target), rows)
    monkeypatch.setattr(part_size, "PART_ROWS", ROWS)
    place = tmp_path / "people"
    place.mkdir()
    for number in range(FILES):
        people(ROWS, number * ROWS).to_parquet(place / f"{number}.parquet")
    (tmp_path / "reasons.yaml").write_text(CATALOGUE)
    return tmp_path


def by_hand(ledger: pd.DataFrame) -> pd.DataFrame:
    """(row, age and means): what the units of each row add."""
    means = ledger["shap_income"] + ledger["shap_debt"]
    return pd.DataFrame({"age": ledger["shap_age"], "means": means})


def made_by_two_workers(tables, folder) -> list[bytes]:
    """The parts of the reasons of these tables, made anew."""
    writer = ParquetWriter()
    places = [Location.parse(str(tables / name)) for name in ("sample_explanations", "input_samples")]
    target = Destination(writer, writer.staging(Location.parse(str(folder / "again" / "reasons"))))
    ledger_parts, input_parts = (SourcePart.all_of(writer, place) for place in places)
    explained, inputs = (writer.read(place) for place in places)
    made = reasons_table(
        explained,
        inputs,
        ReasonsSettings(**REASONS).rules(folder),
        lambda: LocalEngine(workers=2),
        ledger_parts=ledger_parts,
        input_parts=input_parts,
        target=target,
    )
    assert isinstance(made.rows, StagedTable)
    return [Path(target.staging.file(part).path).read_bytes() for part in made.rows.parts]


def test_the_table_says_what_the_ledger_says_whoever_works_on_it(folder, run):
    inputs = {"path": "people", "format": "parquet", "row_key": ["branch", "number"]}
    done = run(inputs, explain={"reasons": REASONS}, engine={"KIND": "LocalEngine", "workers": 1})
    assert done.success
    published = sorted((done.tables / "reasons.parquet").glob("part-*"))
    assert len(published) == FILES
    assert [path.read_bytes() for path in published] == made_by_two_workers(done.tables, folder)

    tables = {
        name: done.table(name)
        for name in ("reasons", "sample_explanations", "input_samples", "predictions", "predictions_with_reasons")
    }
    reasons, units = tables["reasons"], by_hand(tables["sample_explanations"])
    first = reasons[reasons["rank"] == 1].reset_index(drop=True)
    down = units[(units < 0).any(axis=1)]
    assert first["feature"].tolist() == down.idxmin(axis=1).tolist()
    np.testing.assert_allclose(first["attribution"], down.min(axis=1))
    np.testing.assert_allclose(first["share"], down.min(axis=1).abs() / down.abs().sum(axis=1))
    assert len(reasons) == int((units < 0).sum().sum())
    rows = tables["input_samples"].merge(reasons, on=["branch", "number"])
    of_means = rows[rows["feature"] == "means"]
    assert (of_means["code"] == np.where(of_means["income"] < 0, "M1", "M2")).all()
    assert set(rows.loc[rows["feature"] == "age", "text"]) == {"Other information"}

    wide, predictions = tables["predictions_with_reasons"], tables["predictions"]
    assert wide["prediction"].tolist() == predictions["prediction"].tolist()
    assert wide["reason_1"].dropna().tolist() == first["feature"].tolist()
    assert wide["reason_2_text"].notna().sum() == (reasons["rank"] == 2).sum()
    assert wide.loc[wide["reason_1"].isna(), "reasons_stable"].isna().all()

    texts = done.checks["reasons", "every_reason_has_a_text"]
    assert not texts.passed
    assert texts.metadata["without_own_entry"].value == "age"
    stable = done.checks["reasons", "lists_are_stable"]
    assert stable.passed
    assert stable.metadata["lists"].value == len(first)
    report = (done.tables / "explanation_report.html").read_text()
    assert "Other information" in report
    schema = {column.name: column.description for column in done.metadata("reasons")["dagster/column_schema"].columns}
    assert all(schema.values())


def test_the_rows_of_a_selection_by_partition_and_class(registry, run, tmp_path):
    features, target = load_iris(return_X_y=True, as_frame=True)
    registry.add_sklearn(LogisticRegression(max_iter=500).fit(features, target), features)
    rows = features.assign(flower=[f"f{n:03}" for n in range(150)]).iloc[::15]
    rows.to_parquet(tmp_path / "day1.parquet", index=False)
    done = run(
        {"path": "{partition}.parquet", "row_key": ["flower"]},
        partitions={"type": "static", "keys": ["day1"]},
        partition="day1",
        explain={"limit": 7, "reasons": {"top": 3, "joined": True}},
    )
    assert done.success
    reasons = pd.read_parquet(tmp_path / "tables" / "reasons" / "day1.parquet")
    ledger = pd.read_parquet(tmp_path / "tables" / "sample_explanations" / "day1.parquet")
    attributions = ledger[[f"shap_{name}" for name in features]].abs().to_numpy()
    names = np.array(features.columns)[np.argsort(-attributions, axis=1, kind="stable")[:, :3]]
    assert reasons["feature"].tolist() == names.ravel().tolist()
    assert reasons["output"].tolist() == ledger["output"].repeat(3).tolist()
    wide = pd.read_parquet(tmp_path / "tables" / "predictions_with_reasons" / "day1.parquet")
    assert len(wide) == 3 * len(rows)
    assert wide["reason_3"].tolist() == [*names[:, 2], *[None] * 9]


@pytest.mark.parametrize(
    ("reasons", "part"),
    [
        ({"catalogue": "none.yaml"}, "cannot be read"),
        ({"catalogue": "reasons.yaml", "groups": {"means": ["income"]}}, "no entry for the groups 'means'"),
        ({"groups": {"one": ["a"], "other": ["a"]}}, "in one group"),
        ({"top": 0}, "top"),
    ],
)
def test_a_gap_fails_the_definition(tmp_path, reasons, part):
    (tmp_path / "reasons.yaml").write_text("reasons: {}\notherwise: {code: X9, text: Other information}")
    with pytest.raises(ConfigurationError, match=part):
        build_model_definitions("m", tmp_path, inputs={"path": "x.parquet"}, explain={"reasons": reasons})


def test_a_row_key_that_is_called_as_a_column_of_reasons_fails_the_definition(tmp_path):
    with pytest.raises(ConfigurationError, match="columns called code"):
        build_model_definitions(
            "m", tmp_path, inputs={"path": "x.parquet", "row_key": ["code"]}, explain={"reasons": {}}
        )
