"""Partitioned families: real graphs over daily, static and dynamic partitions."""

import json
import subprocess
import sys

import dagster as dg
import pandas as pd
import pyarrow.dataset as ds
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContextForTest
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier

from mlops_assets.assets import ledger_reading
from mlops_assets.component import build_model_definitions
from mlops_assets.errors import ConfigurationError
from mlops_assets.tables import part_size

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


@pytest.mark.fast
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
        "explanation_report",
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


def test_a_partition_that_appears_while_the_others_are_summarised_is_summarised_too(daily, monkeypatch):
    """A backfill runs several partitions at once; the last one to write must not forget the others."""
    daily(DAYS[0])
    others = []
    facts_of = ledger_reading.facts_of

    def meanwhile(*arguments, **options):
        if not others:
            others.append(None)
            assert daily(DAYS[2]).success
        return facts_of(*arguments, **options)

    monkeypatch.setattr(ledger_reading, "facts_of", meanwhile)
    done = daily(DAYS[1])
    assert done.success
    told = done.metadata("model_explanations")
    assert (told["partitions_summarised"], told["rows_explained"]) == (3, 150)


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


def test_rerunning_a_partition_gives_the_same_bytes(daily, monkeypatch):
    daily(DAYS[0])
    before = contents(daily(DAYS[1]).tables)
    assert contents(daily(DAYS[1]).tables) == before
    # Together they are larger than a part: each is summarized by itself.
    monkeypatch.setattr(part_size, "PART_ROWS", 60)
    monkeypatch.setattr(ledger_reading, "facts_of", None)
    assert contents(daily(DAYS[1]).tables) == before


def test_old_partitions_of_an_old_version_show_as_stale(daily, iris, registry, instance):
    features, model = iris
    daily(DAYS[0])
    done = daily(DAYS[1])
    graph = done.definitions.resolve_asset_graph()

    def stale() -> dict[str, bool]:
        """As the UI asks: the data versions that each partition was made from, against those of today."""
        found = CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))
        key = dg.AssetKey(["m", "predictions"])
        return {day: found.get_status(key, day) is StaleStatus.STALE for day in DAYS[:2]}

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


def test_the_path_may_spell_the_day(iris, run, tmp_path):
    place = tmp_path / "in" / "2024" / "01" / "flowers-02.csv"
    place.parent.mkdir(parents=True)
    iris[0].head(30).to_csv(place, index=False)
    inputs = {"path": "in/{partition:%Y/%m}/flowers-{partition:%d}.csv", "row_key": ["flower"]}
    done = run(inputs, partitions=DAILY, partition="2024-01-02", job="inference")
    assert done.success
    assert len(pd.read_parquet(done.tables / "predictions" / "2024-01-02.parquet")) == 30


def test_static_partitions_have_files_named_after_their_keys(iris, run, tmp_path):
    for key in ("north", "south east"):
        iris[0].head(30).to_parquet(tmp_path / f"{key}.parquet", index=False)
    for key in ("north", "south east"):
        done = run(
            {"path": "{partition}.parquet", "row_key": ["flower"]},
            partitions={"type": "static", "keys": ["north", "south east"]},
            partition=key,
            job="inference",
        )
        assert done.success
    assert {path.name for path in (done.tables / "predictions").iterdir()} == {"north.parquet", "south east.parquet"}


def test_dynamic_partitions_are_added_as_they_come(iris, run, tmp_path, instance):
    iris[0].head(30).to_parquet(tmp_path / "batch-7.parquet", index=False)
    instance.add_dynamic_partitions("m_partitions", ["batch-7"])
    done = run({"path": "{partition}.parquet"}, partitions="dynamic", partition="batch-7")
    assert done.success
    assert done.metadata("model_explanations")["partitions_summarised"] == 1
    assert (done.tables / "predictions" / "batch-7.parquet").exists()


def test_hours_and_csv_tables(iris, run, tmp_path):
    iris[0].head(30).to_parquet(tmp_path / "2024-01-01-05:00.parquet", index=False)
    done = run(
        {"path": "{partition}.parquet", "row_key": ["flower"]},
        partitions={"type": "hourly", "start": "2024-01-01T05:00", "timezone": "Europe/Oslo"},
        partition="2024-01-01-05:00",
        outputs={"path": "tables", "format": "csv"},
        job="inference",
    )
    assert done.success
    assert len(pd.read_csv(done.tables / "predictions" / "2024-01-01-05:00.csv")) == 30


def test_the_users_own_asset_has_the_same_partitions(iris, run):
    features, _ = iris
    days = dg.DailyPartitionsDefinition("2024-01-01", end_date="2024-01-04")

    @dg.asset(key=["warehouse", "flowers"], partitions_def=days)
    def flowers(context: dg.AssetExecutionContext) -> pd.DataFrame:
        return features.iloc[rows_of(DAYS.index(context.partition_key))].set_index("flower")

    job = dg.define_asset_job("m_own_job", selection="*")
    extra = dg.Definitions(assets=[flowers], jobs=[job])
    for day in DAYS[:2]:
        done = run({"asset": "warehouse/flowers"}, extra=extra, job="own", partitions=DAILY, partition=day)
        assert done.success
        predictions = pd.read_parquet(done.tables / "predictions" / f"{day}.parquet")
        assert predictions["flower"].tolist() == features.iloc[rows_of(DAYS.index(day))]["flower"].tolist()


def test_consumers_read_all_partitions_or_each_by_itself(daily, instance):
    seen = {}

    @dg.asset(ins={"table": dg.AssetIn(key=["m", "predictions"], metadata={"allow_missing_partitions": True})})
    def whole(table: pd.DataFrame) -> None:
        seen["whole"] = len(table)

    @dg.asset(ins={"tables": dg.AssetIn(key=["m", "predictions"], metadata={"allow_missing_partitions": True})})
    def each(tables: dict[str, ds.Dataset]) -> None:
        seen["each"] = {day: table.count_rows() for day, table in tables.items()}

    @dg.asset(ins={"table": dg.AssetIn(key=["m", "predictions"])})
    def strict(table: pd.DataFrame) -> None: ...

    extra = dg.Definitions(assets=[whole, each, strict])
    daily(DAYS[0], job="inference")
    done = daily(DAYS[2], job="inference", extra=extra)
    everything = done.definitions.resolve_implicit_global_asset_job_def()
    for name in ("whole", "each"):
        assert everything.get_subset(asset_selection={dg.AssetKey(name)}).execute_in_process(instance=instance).success
    assert seen == {"whole": 100, "each": {DAYS[0]: 50, DAYS[2]: 50}}
    missing = everything.get_subset(asset_selection={dg.AssetKey("strict")}).execute_in_process(
        instance=instance, raise_on_error=False
    )
    assert not missing.success
    (failure,) = [event for event in missing.all_events if event.is_step_failure]
    assert f"predictions/{DAYS[1]}.parquet" in str(failure.step_failure_data.error)


def test_a_run_without_a_partition_says_so(daily):
    done = daily(None)
    assert not done.success
    assert "partition" in done.error()
    assert not list(done.tables.glob("predictions*"))


def test_a_missing_partition_file_is_named(daily, tmp_path):
    (tmp_path / "in" / DAYS[0] / "flowers.parquet").unlink()
    done = daily(DAYS[0], job="inference")
    assert not done.success
    assert f"in/{DAYS[0]}/flowers.parquet" in done.error()


@pytest.mark.parametrize(
    ("settings", "fact"),
    [
        ({"partitions": "daily"}, "daily partitions need a start"),
        ({"partitions": {"type": "weekly"}}, "'daily', 'hourly', 'monthly', 'static' or 'dynamic'"),
        ({"partitions": {"type": "static"}}, "static partitions need keys"),
        ({"partitions": {"type": "static", "keys": ["a", "a"]}}, "must be unique"),
        ({"partitions": {"type": "static", "keys": ["a/b"]}}, "'a/b' cannot be put into a path"),
        ({"partitions": {"type": "dynamic", "keys": ["a"]}}, "dynamic partitions have no keys"),
        ({"partitions": {"type": "daily", "start": "yesterday"}}, "not a date such as"),
        ({"partitions": {"type": "daily", "start": "2024-01-01T05:00"}}, "no daily partition begins"),
        ({"partitions": {"type": "monthly", "start": "2024-01-15"}}, "no monthly partition begins"),
        ({"partitions": {"type": "daily", "start": "2024-01-02", "end": "2024-01-02"}}, "not after their start"),
        ({"partitions": {"type": "daily", "start": "2024-01-01", "timezone": "Mars"}}, "no timezone 'Mars'"),
        ({"partitions": DAILY, "inputs": {"path": "in.parquet"}}, "every partition would read the same rows"),
        (
            {"partitions": DAILY, "inputs": {"path": "{partition:%Y-%m}.csv"}},
            "Several partitions would share this path",
        ),
        ({"partitions": DAILY, "inputs": {"path": "{partition:%Y-%B-%d}.csv"}}, "%B cannot be used"),
        (
            {"partitions": {"type": "static", "keys": ["a"]}, "inputs": {"path": "{partition:%Y}.csv"}},
            "needs daily, hourly or monthly partitions",
        ),
        ({"inputs": {"path": "{partition}.csv"}}, "there are no partitions"),
        ({"partitions": DAILY, "automation": "eager"}, "automation does not know partitions"),
    ],
)
def test_a_wrong_setting_is_refused_at_load(settings, fact, tmp_path):
    good = {"inputs": {"path": "in/{partition}.parquet"}, "outputs": {"path": "t"}}
    with pytest.raises(ConfigurationError) as caught:
        build_model_definitions(model="m", root=tmp_path, **{**good, **settings})
    assert fact in str(caught.value)


@pytest.mark.slow
def test_partitions_in_yaml(tmp_path):
    """Both forms, and dates as people write them: without quotes."""
    for name, partitions in (("days", "{type: daily, start: 2024-01-01, end: 2024-01-03}"), ("batches", "dynamic")):
        place = tmp_path / "location" / "defs" / name
        place.mkdir(parents=True)
        (place / "defs.yaml").write_text(
            f"type: mlops_assets.MlflowModelComponent\nattributes:\n  model: {name}\n"
            f"  inputs: {{path: 'in/{{partition}}.csv'}}\n  outputs: {{path: t/{name}}}\n  partitions: {partitions}\n"
        )
    (tmp_path / "pyproject.toml").write_text(
        '[tool.dg]\ndirectory_type = "project"\n[tool.dg.project]\nroot_module = "location"\n'
    )
    (tmp_path / "location" / "__init__.py").touch()
    (tmp_path / "location" / "definitions.py").write_text(
        "from pathlib import Path\nimport dagster as dg\n"
        "from mlops_assets import default_resources\n"
        "defs = dg.Definitions.merge(dg.load_from_defs_folder(path_within_project=Path(__file__).parent),\n"
        "    dg.Definitions(resources=default_resources(Path(__file__).parent)))\n"
    )
    code = """
import json
from location.definitions import defs
print(json.dumps({
    asset.key.path[0]: [asset.partitions_def.name] if hasattr(asset.partitions_def, "name") else
    list(asset.partitions_def.get_partition_keys())
    for asset in defs.resolve_all_asset_specs() if asset.key.path[-1] == "predictions"
}))"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert json.loads(done.stdout or "{}") == {
        "days": ["2024-01-01", "2024-01-02"],
        "batches": ["batches_partitions"],
    }, done.stderr[-2000:]
