"""Outcomes in the graph: two versions, a fall that is found, and what the page shows."""

import sqlite3
from contextlib import closing
from pathlib import Path

import dagster as dg
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import roc_auc_score

from mlops_assets.component import build_model_definitions
from mlops_assets.errors import ConfigurationError

FEATURES = ["age", "income"]


def people(rows: int) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(4)
    table = pd.DataFrame({name: rng.normal(size=rows) for name in FEATURES})
    chance = 1 / (1 + np.exp(-2 * table["age"] - table["income"]))
    return table, rng.random(rows) < chance


def test_a_worse_version_is_noticed_when_outcomes_come(registry, run, tmp_path):
    features, left = people(400)
    good = LogisticRegression().fit(features, left)
    bad = LogisticRegression().fit(features.assign(age=0.0), left)
    rows = features.assign(customer=range(400), branch=np.where(features["age"] > 0, "a", "b"))
    settings = {
        "predict": {"method": "predict_proba"},
        "outcomes": {
            "path": "outcomes.csv",
            "column": "left",
            "segments": ["age", "branch"],
            "floor": {"roc_auc": 0.8},
            "on_fall": "block",
            "candidate": {"name": "nobody"},
        },
    }
    registry.add_sklearn(good, features)
    # The report does not need a table that nobody has made yet.
    first = run(rows, row_key=["customer"], **settings)
    assert first.success
    assert "Performance" not in (first.tables / "explanation_report.html").read_text("utf-8")
    registry.add_sklearn(bad, features)
    second = run(rows, row_key=["customer"], job="inference", **settings)
    assert second.metadata("prediction_history")["publications"] == 2

    known = pd.DataFrame({"customer": range(300), "left": left[:300], "branch": rows["branch"][:300]})
    known.to_csv(tmp_path / "outcomes.csv", index=False)
    done = run(rows, row_key=["customer"], job="performance", **settings)
    assert "roc_auc of version 2" in done.error()
    shown = done.metadata("performance")
    expected = {1: good, 2: bad}
    for version, model in expected.items():
        scores = model.predict_proba(features[:300])[:, 1]
        table = done.table("performance").query("metric == 'roc_auc' and segment.isna() and compared_with.isna()")
        value = table.set_index("model_version").loc[version, "value"]
        assert value == pytest.approx(roc_auc_score(left[:300], scores))
    assert shown["performance/roc_auc"] == value
    assert shown["performance/roc_auc_low"] < value < shown["performance/roc_auc_high"]
    assert shown["counts/predictions_without_outcome"] == 200
    assert shown["segment_values_left_out"] == "age: 250"
    assert "| roc_auc |" in shown["metrics"]
    assert "no predictions are kept in" in shown["candidate_not_compared"]
    assert "tables/nobody" in shown["candidate_not_compared"]
    assert len(done.metadata("performance_calibration")["calibration"].records) > 3
    columns = {column.name: column.description for column in shown["dagster/column_schema"].columns}
    assert all(columns.values())
    assert done.checks["performance", "outcomes_count"].passed
    assert not done.checks["performance", "above_the_floor"].passed
    assert not done.checks["performance", "no_worse_than_before"].passed
    assert set(done.table("performance")["segment_value"].dropna()) >= {"a", "b"}
    # The next report says so.
    told = run(rows, row_key=["customer"], **settings)
    assert told.success
    report = (told.tables / "explanation_report.html").read_text("utf-8")
    assert f"roc auc {value:.4g}".rstrip("0") in report
    assert "minus version 1 (same rows)" in report
    assert "Calibration of" in report
    assert "worse than that of version 1, " in report


def test_all_partitions_are_compared_with_an_asset_of_ones_own(registry, run, tmp_path):
    features, _ = people(60)
    truth = features["age"] - features["income"]
    registry.add_sklearn(LinearRegression().fit(features, truth), features)
    rows = features.assign(customer=range(60))
    settings = {
        "partitions": {"type": "static", "keys": ["day1", "day2", "day3"]},
        "outcomes": {"asset": "spent", "column": "amount", "at": "seen", "partition": "day"},
    }
    for day in ("day1", "day2"):
        rows.to_parquet(tmp_path / f"{day}.parquet", index=False)
    seen = rows.assign(amount=truth + 1, day="day2", seen=pd.Timestamp("2026-01-01"))
    corrected = seen.iloc[:20].assign(amount=truth[:20], seen=pd.Timestamp("2026-02-01"))

    @dg.asset
    def spent() -> pd.DataFrame:
        return pd.concat([seen, corrected])[["customer", "amount", "day", "seen"]]

    both = dg.define_asset_job("m_own_job", ["spent", "m/performance", "m/performance_calibration"])
    extra = dg.Definitions(assets=[spent], jobs=[both])
    inputs = {"path": "{partition}.parquet", "row_key": ["customer"]}
    for day in ("day1", "day2"):
        assert run(inputs, job="inference", partition=day, extra=extra, **settings).success
    assert len(list((tmp_path / "tables" / "prediction_history").glob("day*--*-v1-*.parquet"))) == 2
    done = run(inputs, job="own", extra=extra, **settings)
    assert done.success
    table = done.table("performance").query("metric == 'mae'").set_index("partition")
    assert list(table.index) == [None, "day2"]
    assert table.loc["day2", "value"] == pytest.approx(40 / 60)
    assert done.metadata("performance")["counts/outcomes_superseded"] == 20
    assert done.metadata("performance")["newest_outcome"].startswith("2026-02-01")


@pytest.mark.parametrize("kind", ["sqlite", "duckdb"])
@pytest.mark.parametrize("source", [{"table": "seen"}, {"query": "SELECT customer, amount FROM seen"}])
def test_outcomes_of_a_database(kind, source, registry, run, tmp_path, monkeypatch):
    features, _ = people(60)
    truth = features["age"] - features["income"]
    registry.add_sklearn(LinearRegression().fit(features, truth), features)
    rows = features.assign(customer=range(60))
    seen = pd.DataFrame({"customer": range(40), "amount": truth[:40] + 1, "unused": "text"})
    write_table(kind, tmp_path / "outcomes.db", seen)
    monkeypatch.setenv("OUTCOMES_URL", f"{kind}:///outcomes.db")
    settings = {"outcomes": {"database": {"env": "OUTCOMES_URL"}, "column": "amount", **source}}
    assert run(rows, row_key=["customer"], job="inference", **settings).success
    done = run(rows, row_key=["customer"], job="performance", **settings)
    assert done.success
    shown = done.metadata("performance")
    assert shown["performance/mae"] == pytest.approx(1)
    assert shown["counts/predictions_without_outcome"] == 20
    if "table" in source:
        wrong = {"outcomes": {**settings["outcomes"], "table": "seem"}}
        error = run(rows, row_key=["customer"], job="performance", **wrong).error()
        assert "There is no table 'seem' (did you mean 'seen'?)" in error
        assert "Correct outcomes.table" in error
    monkeypatch.delenv("OUTCOMES_URL")
    unset = run(rows, row_key=["customer"], job="performance", **settings).error()
    assert "The environment variable OUTCOMES_URL is not set (outcomes.database)" in unset


def write_table(kind: str, file: Path, table: pd.DataFrame) -> None:
    if kind == "sqlite":
        with closing(sqlite3.connect(file)) as connection:
            table.to_sql("seen", connection, index=False)
        return
    import duckdb

    with duckdb.connect(str(file)) as connection:
        connection.register("rows", table)
        connection.execute("CREATE TABLE seen AS SELECT * FROM rows")


@pytest.mark.parametrize(
    ("outcomes", "part"),
    [
        ({"path": "o.parquet", "column": "y", "floor": {"auc": 0.8}}, "there is no metric 'auc'"),
        ({"path": "o.parquet", "column": "y", "floor": {"mae": float("nan")}}, "which is no bound"),
        ({"path": "o.parquet", "column": "y", "watch": ["mean_error"]}, "as the largest bias"),
        ({"path": "o.parquet", "column": "y", "task": "binary", "floor": {"mae": 1}}, "mae is no metric of"),
        ({"path": "o.parquet", "asset": "a", "column": "y"}, "exactly one of"),
        ({"path": "o.parquet", "database": "sqlite:///x.db", "table": "t", "column": "y"}, "exactly one of"),
        ({"database": "sqlite:///x.db", "column": "y"}, "outcomes.database needs exactly one of `table` and `query`"),
        (
            {"path": "o.parquet", "table": "t", "column": "y"},
            "outcomes.table and outcomes.query need outcomes.database",
        ),
        ({"database": "duckdb:///x", "table": "t", "format": "csv", "column": "y"}, "and outcomes is a database"),
        ({"database": "postgresql://me:pw@host/d", "table": "t", "column": "y"}, "holds a password"),
        ({"path": "o.parquet"}, "column"),
        ({"path": "o.parquet", "column": "y", "partition": "day"}, "there are no partitions"),
        ({"path": "o.parquet", "column": "y", "row_key": ["a", "b"]}, "as many columns as inputs.row_key"),
    ],
)
def test_wrong_settings_fail_the_definition(tmp_path, outcomes, part):
    with pytest.raises(ConfigurationError, match=part):
        build_model_definitions("m", tmp_path, inputs={"path": "x.parquet", "row_key": ["id"]}, outcomes=outcomes)
