"""Partitioned families: real graphs over daily, static and dynamic partitions."""

import json
import subprocess
import sys

import dagster as dg
import pandas as pd
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

PARTITIONED = {"input_samples", "rejected_samples", "predictions", "sample_explanations"}
DAYS = ["2024-01-01", "2024-01-02", "2024-01-03"]
DAILY = {"type": "daily", "start": "2024-01-01", "end": "2024-01-04"}


def rows_of(day: int) -> slice:
    """The flowers of each day, fifty of all three kinds."""
    return slice(day, 150, 3)


@pytest.fixture
def iris(registry):
    features, target = load_iris(return_X_y=True, as_frame=True)
    model = RandomForestClassifier(5, max_depth=3, random_state=0).fit(features, target)
    registry.add_sklearn(model, features)
    features.insert(0, "flower", [f"flower-{number}" for number in range(150)])
    return features, model


@pytest.fixture
def daily(iris, run, tmp_path):
    """Three days of flowers, and `of(day)`, which runs one of them."""
    for number, day in enumerate(DAYS):
        place = tmp_path / "in" / day
        place.mkdir(parents=True)
        iris[0].iloc[rows_of(number)].to_parquet(place / "flowers.parquet", index=False)

    def of(day: str | None, **settings):
        inputs = {"path": "in/{partition}/flowers.parquet", "row_key": ["flower"]}
        return run(inputs, partition=day, **{"partitions": DAILY, **settings})

    return of


def contents(tables) -> dict[str, bytes]:
    return {str(path.relative_to(tables)): path.read_bytes() for path in tables.rglob("*") if path.is_file()}


def test_a_day_is_scored_and_explained_by_itself(daily, iris, tmp_path):
    features, model = iris
    done = daily("2024-01-02")

    assert done.success
    assert [check for check, found in done.checks.items() if not found.passed] == []
    assert {str(path.relative_to(done.tables)) for path in done.tables.rglob("*.parquet")} == {
        *(f"{asset}/2024-01-02.parquet" for asset in PARTITIONED),
        "model_explanations.parquet",
    }
    todays = features.iloc[rows_of(1)]
    predictions = pd.read_parquet(done.tables / "predictions" / "2024-01-02.parquet")
    assert predictions["flower"].tolist() == todays["flower"].tolist()
    assert predictions["prediction"].tolist() == model.predict(todays.drop(columns="flower")).tolist()
    ledger = pd.read_parquet(done.tables / "sample_explanations" / "2024-01-02.parquet")
    assert ledger["flower"].unique().tolist() == todays["flower"].tolist()
    partitions = {event.asset_key.path[-1]: event.partition for event in done.result.get_asset_materialization_events()}
    assert {asset for asset, partition in partitions.items() if partition == "2024-01-02"} == PARTITIONED
    assert {asset for asset, partition in partitions.items() if partition is None} == {
        "champion_model",
        "model_signature",
        "model_explanations",
    }


def test_checks_look_at_the_partition_of_their_run(daily):
    """The other days were never materialized, which fails Dagster's own way of loading; a bad day does not matter."""
    assert daily("2024-01-01").success
    done = daily("2024-01-03")
    assert done.success
    assert len(done.checks) >= 10
    assert done.checks["input_samples", "not_empty"].metadata["rows"].value == 50
    assert done.checks["predictions", "one_row_per_input"].metadata["prediction_rows"].value == 50
    assert done.checks["sample_explanations", "one_row_per_prediction"].metadata["ledger_rows"].value == 150


def test_a_check_by_itself_looks_at_the_partition_that_came_last(daily, instance):
    daily("2024-01-01")
    done = daily("2024-01-02")
    key = dg.AssetCheckKey(dg.AssetKey(["m", "input_samples"]), "not_empty")
    checks = done.definitions.resolve_implicit_global_asset_job_def().get_subset(
        asset_selection=set(), asset_check_selection={key, dg.AssetCheckKey(key.asset_key, "keys_unique")}
    )
    (done.tables / "input_samples" / "2024-01-01.parquet").unlink()
    result = checks.execute_in_process(instance=instance)
    assert {found.check_name: found.passed for found in result.get_asset_check_evaluations()} == {
        "not_empty": True,
        "keys_unique": True,
    }


def test_a_partition_without_rows_fails_its_own_run_only(daily, iris, tmp_path):
    assert daily("2024-01-01").success
    iris[0].head(0).to_parquet(tmp_path / "in" / "2024-01-02" / "flowers.parquet", index=False)
    done = daily("2024-01-02")
    assert not done.success
    assert not done.checks["input_samples", "not_empty"].passed
    assert daily("2024-01-03").success


def test_a_backfill_run_by_run_covers_all_partitions(daily, iris):
    for day in DAYS:
        assert daily(day).success
    done = daily(DAYS[-1])
    assert {path.stem for path in (done.tables / "predictions").iterdir()} == set(DAYS)
    whole = pd.read_parquet(done.tables / "predictions")
    assert sorted(whole["flower"]) == sorted(iris[0]["flower"])


def test_the_models_explanations_cover_the_partitions_so_far(daily):
    ledgers = []
    for number, day in enumerate(DAYS[:2], 1):
        done = daily(day)
        ledgers.append(pd.read_parquet(done.tables / "sample_explanations" / f"{day}.parquet"))
        told = done.metadata("model_explanations")
        assert (told["partitions_summarised"], told["rows_explained"]) == (number, 50 * number)
    summary = done.table("model_explanations")
    ledger = pd.concat(ledgers)
    for row in summary.itertuples():
        own = ledger.loc[ledger["output"] == row.output, f"shap_{row.feature}"]
        assert row.mean_abs_shap == pytest.approx(own.abs().mean(), rel=1e-9)


def test_rerunning_a_partition_rewrites_only_that_one(daily, iris, tmp_path):
    for day in DAYS[:2]:
        done = daily(day)
    before = contents(done.tables)
    iris[0].iloc[:20].to_parquet(tmp_path / "in" / DAYS[1] / "flowers.parquet", index=False)
    daily(DAYS[1])
    changed = {name for name, data in contents(done.tables).items() if before.get(name) != data}
    assert changed == {
        *(f"{asset}/{DAYS[1]}.parquet" for asset in PARTITIONED),
        "model_explanations.parquet",
        "explanation_report.html",
    }


def test_rerunning_a_partition_gives_the_same_bytes(daily):
    daily(DAYS[0])
    before = contents(daily(DAYS[1]).tables)
    assert contents(daily(DAYS[1]).tables) == before


def test_old_partitions_of_an_old_version_show_as_stale(daily, iris, registry, instance):
    features, model = iris
    daily(DAYS[0])
    done = daily(DAYS[1])
    graph = done.definitions.resolve_asset_graph()

    def stale() -> dict[str, bool]:
        with instance_resolver() as resolver:
            key = dg.AssetKey(["m", "predictions"])
            return {day: resolver.get_status(key, day) is StaleStatus.STALE for day in DAYS[:2]}

    def instance_resolver():
        from dagster._core.loader import LoadingContextForTest

        context = LoadingContextForTest(instance)
        return _Closing(CachingStaleStatusResolver(instance, graph, context))

    assert stale() == {DAYS[0]: False, DAYS[1]: False}
    registry.add_sklearn(model, features.drop(columns="flower").astype("float64") + 1)
    done = daily(DAYS[1])
    assert done.metadata("predictions")["model_version"] == 2
    assert stale() == {DAYS[0]: True, DAYS[1]: False}
    summary = done.metadata("model_explanations")
    assert (summary["partitions_summarised"], summary["partitions_of_other_versions"]) == (1, DAYS[0])
    assert done.table("model_explanations")["model_version"].unique().tolist() == [2]
    assert daily(DAYS[0]).success
    assert stale() == {DAYS[0]: False, DAYS[1]: False}


class _Closing:
    def __init__(self, value):
        self.value = value

    def __enter__(self):
        return self.value

    def __exit__(self, *_):
        return None
