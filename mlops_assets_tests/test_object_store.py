"""The whole family with inputs, tables, journal and MLflow's artifacts on a real S3 server."""

import json

import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier

from mlops_assets.cli import main
from mlops_assets.journal.journal import Journal
from mlops_assets.storage.location import Location
from mlops_assets_tests.object_store import KEY, SECRET

pytestmark = pytest.mark.slow

DAYS = {"type": "daily", "start": "2024-01-01", "end": "2024-01-03"}


@pytest.fixture
def flowers(registry) -> pd.DataFrame:
    features, target = load_iris(return_X_y=True, as_frame=True)
    registry.add_sklearn(RandomForestClassifier(4, max_depth=3, random_state=0).fit(features, target), features)
    return features.assign(flower=[f"flower-{number}" for number in range(150)])


def put(bucket, key: str, frame: pd.DataFrame) -> None:
    bucket.client.put_object(Bucket=bucket.name, Key=key, Body=frame.to_parquet(index=False))


# The tables that people ask for: of the version before, which the store holds as well, and of outcomes.
ON_REQUEST = {
    "explain": {"reasons": {"joined": True}, "changes": {"against": 1}},
    "monitor": {"segments": ["petal width (cm)"]},
}


def test_the_family_is_the_local_one_byte_for_byte(bucket, flowers, run, registry, capfd, tmp_path):
    features = flowers.drop(columns="flower")
    registry.add_sklearn(RandomForestClassifier(6, max_depth=2, random_state=1).fit(features, [0, 1, 2] * 50), features)
    known = flowers[["flower"]].assign(kind=[0, 1, 2] * 50)
    put(bucket, "outcomes.parquet", known)
    known.to_parquet(tmp_path / "outcomes.parquet", index=False)
    stored = {"path": f"{bucket.url}/outcomes.parquet", "column": "kind", "storage_options": bucket.options}
    put(bucket, "in/flowers 1.parquet", flowers[:80])
    put(bucket, "in/flowers 2.parquet", flowers[80:])
    inputs = {"path": f"{bucket.url}/in", "format": "parquet", "row_key": ["flower"], "storage_options": bucket.options}
    outputs = {"path": f"{bucket.url}/tables/m", "storage_options": bucket.options}
    remote = {"outputs": outputs, "outcomes": stored, **ON_REQUEST}
    assert run(inputs, **remote, job="inference").success
    assert run(inputs, **remote, job="performance").success
    done = run(inputs, **remote)

    assert done.success
    assert [check for check, found in done.checks.items() if not found.passed] == []
    assert len(done.checks) >= 10
    (tmp_path / "in").mkdir()
    for number, part in enumerate((flowers[:80], flowers[80:]), 1):
        part.to_parquet(tmp_path / "in" / f"flowers {number}.parquet", index=False)
    here = {"path": "in", "format": "parquet", "row_key": ["flower"]}
    settings = {"outcomes": {"path": "outcomes.parquet", "column": "kind"}, **ON_REQUEST}
    for job in ("inference", "performance", "explanations"):
        local = run(here, **settings, job=job)
        assert local.success
    places = (path for path in local.tables.rglob("*") if path.is_file())
    names = sorted(name for path in places if not (name := str(path.relative_to(local.tables))).startswith("."))
    assert len(names) == 17
    assert "explanation_report.html" in names
    published = [key.removeprefix("tables/m/") for key in bucket.objects() if key.startswith("tables/m/")]
    assert sorted(name for name in published if not name.startswith("journal/")) == names
    for name in names:
        if name.endswith((".parquet", "champion_model.json", "model_signature.json")):
            assert bucket.place(f"tables/m/{name}").read_bytes() == (local.tables / name).read_bytes(), name
    assert bucket.uploads() == []

    journal = Journal(bucket.place("tables/m/journal/m"), "m")
    assert [(entry.alias, entry.version) for entry in journal.entries()] == [("Champion", 2)]
    events = "".join(str(event) for event in done.result.all_events) + str(capfd.readouterr())
    assert KEY not in events
    assert SECRET not in events


def test_csv_tables_and_a_second_run(bucket, flowers, run):
    put(bucket, "in.parquet", flowers)
    inputs = {"path": f"{bucket.url}/in.parquet", "row_key": ["flower"], "storage_options": bucket.options}
    outputs = {"path": f"{bucket.url}/tables", "format": "csv", "storage_options": bucket.options}
    assert run(inputs, outputs=outputs, job="inference").success
    before = {key: bucket.place(key).read_bytes() for key in bucket.objects()}
    assert run(inputs, outputs=outputs, job="inference").success
    assert {key: bucket.place(key).read_bytes() for key in bucket.objects()} == before
    assert len([key for key in before if key.endswith(".schema")]) == 3


def test_partitions(bucket, flowers, run):
    put(bucket, "in/2024-01-01/flowers.parquet", flowers[:20])
    put(bucket, "in/2024-01-02/flowers.parquet", flowers[20:50])
    inputs = {
        "path": f"{bucket.url}/in/{{partition}}/flowers.parquet",
        "row_key": ["flower"],
        "storage_options": bucket.options,
    }
    outputs = {"path": f"{bucket.url}/tables", "storage_options": bucket.options}
    for day, job in (("2024-01-01", "inference"), ("2024-01-02", "explanations")):
        assert run(inputs, outputs=outputs, partitions=DAYS, partition=day, job=job).success
    days = [key for key in bucket.objects() if key.startswith("tables/predictions/")]
    assert days == ["tables/predictions/2024-01-01.parquet", "tables/predictions/2024-01-02.parquet"]
    summary = pd.read_parquet(f"{bucket.url}/tables/model_explanations.parquet", storage_options=resolved(bucket))
    assert summary["model_version"].unique().tolist() == [1]


def test_a_bucket_that_is_not_there_is_told_by_its_name(bucket, flowers, run):
    inputs = {"path": "s3://nobodys-bucket/in.parquet", "storage_options": bucket.options}
    assert "TableError: There is no bucket 'nobodys-bucket'" in run(inputs, job="inference").error()


@pytest.mark.slow
def test_a_receipt_is_checked_against_the_ledger_in_the_store(bucket, flowers, run, registry, tmp_path, monkeypatch):
    put(bucket, "in.parquet", flowers[:20])
    inputs = {"path": f"{bucket.url}/in.parquet", "row_key": ["flower"], "storage_options": bucket.options}
    outputs = {"path": f"{bucket.url}/tables", "storage_options": bucket.options}
    assert run(inputs, outputs=outputs).success
    (tmp_path / "location_in_a_bucket.py").write_text(
        f"""
from pathlib import Path
import dagster as dg
from mlops_assets import MlflowRegistry, build_model_definitions
root = Path({str(tmp_path)!r})
defs = dg.Definitions.merge(
    build_model_definitions("m", root, inputs={inputs!r}, outputs={outputs!r}),
    dg.Definitions(resources={{
        "mlflow_registry": MlflowRegistry(tracking_uri={registry.uri!r}, state=str(root / "state"))
    }}),
)
"""
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    assert main(["explain-receipt", "m", "flower-7", "--module", "location_in_a_bucket"]) == 0
    assert main(["explain-receipt", "m", "flower-77", "--module", "location_in_a_bucket"]) == 1


def test_the_journal_gives_no_number_twice(bucket, monkeypatch):
    """Between a writer's look at the journal and its entry another one takes the next number."""
    journal, other = (Journal(bucket.place("weird [1]/journal"), "m") for _ in range(2))
    assert journal.note("Champion", 1, "d" * 64, "run") is not None
    create = Location.create

    def create_late(place: Location, data: bytes) -> bool:
        monkeypatch.setattr(Location, "create", create)
        assert other.note("Champion", 2, "e" * 64, "run") is not None
        assert not place.create(data)
        return False

    monkeypatch.setattr(Location, "create", create_late)
    assert journal.note("Champion", 3, "f" * 64, "run") is not None
    assert bucket.objects() == [f"weird [1]/journal/{number:08d}.json" for number in (1, 2, 3)]
    assert [json.loads(bucket.place(key).read_text())["version"] for key in bucket.objects()] == [1, 2, 3]


def test_two_writers_of_the_journal_lose_no_entry(bucket):
    from concurrent.futures import ThreadPoolExecutor

    def noting(writer: int) -> None:
        journal = Journal(bucket.place("journal"), f"m{writer}")
        for version in range(1, 4):
            assert journal.note("Champion", version, f"{version}" * 64, "run") is not None

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(noting, range(3)))
    assert bucket.objects() == [f"journal/{number:08d}.json" for number in range(1, 10)]


def resolved(bucket) -> dict:
    return {**bucket.options, "key": KEY, "secret": SECRET}
