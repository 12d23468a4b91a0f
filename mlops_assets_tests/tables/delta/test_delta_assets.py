"""A model's whole family from Delta to Delta: the Parquet family row for row, and which version was read is told."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from sklearn.linear_model import LogisticRegression

from mlops_assets.io_managers.tables import DeltaIOManager
from mlops_assets.scoring.predict import Scorer
from mlops_assets.storage.location import Location
from mlops_assets.tables.delta.reader import delta_table
from mlops_assets.tables.delta.writer import DeltaWriter
from mlops_assets.tables.leftovers import sweep_folder
from mlops_assets.tables.listing import listing, listing_token
from mlops_assets.tables.parquet_writer import ParquetWriter
from mlops_assets_tests.tables.test_writers import KILLED
from mlops_assets_tests.test_graph import ASSETS, data_versions, iris

pytestmark = pytest.mark.slow

TABLES = sorted(ASSETS - {"champion_model", "model_signature", "explanation_report"})


def published(folder, name: str, writer=None) -> pa.Table:
    return (writer or DeltaWriter()).read(Location.parse(str(folder)).child(name)).to_table()


@pytest.fixture
def flowers(registry):
    features, target = iris()
    registry.add_sklearn(LogisticRegression(max_iter=500).fit(features, target), features)
    return features.assign(flower=[f"f{number}" for number in range(len(features))])


def written(folder, frame: pd.DataFrame) -> dict:
    from deltalake import write_deltalake

    write_deltalake(folder, pa.Table.from_pandas(frame, preserve_index=False), mode="overwrite")
    return {"path": str(folder), "format": "delta", "row_key": ["flower"]}


def test_the_family_from_delta_to_delta_equals_the_parquet_family(flowers, run, tmp_path):
    inputs = written(tmp_path / "flowers", flowers)
    delta = run(inputs, outputs={"path": "delta", "format": "delta"})
    assert delta.success
    assert [check for check, found in delta.checks.items() if not found.passed] == []
    parquet = run(flowers, row_key=["flower"])
    assert parquet.success
    for name in TABLES:
        one = published(tmp_path / "delta", name)
        other = published(tmp_path / "tables", name, ParquetWriter())
        assert one.equals(other)
        assert one.schema.metadata == other.schema.metadata
        assert delta.metadata(name)["table_version"] == 0
        assert delta.metadata(name)["dagster/uri"].endswith(f"delta/{name}")
    versions = [data_versions(done.result) for done in (delta, parquet)]
    # The report names the table that was scored.
    assert versions[0].pop("explanation_report") != versions[1].pop("explanation_report")
    assert versions[0] == versions[1]
    reports = [(tmp_path / folder / "explanation_report.html").read_text("utf-8") for folder in ("delta", "tables")]
    assert reports[0].replace(inputs["path"], "inputs.parquet") == reports[1]
    assert delta.metadata("input_samples")["inputs_uri"] == (tmp_path / "flowers").as_uri() + "@v0"


def test_a_rerun_is_a_new_version_with_the_same_content(flowers, run, tmp_path):
    inputs = written(tmp_path / "flowers", flowers)
    settings = {"outputs": {"path": "delta", "format": "delta"}, "job": "inference"}
    first = run(inputs, **settings)
    before = {name: published(tmp_path / "delta", name) for name in ("input_samples", "predictions")}
    written(tmp_path / "flowers", flowers.head(3))
    pinned = run({**inputs, "version": 0}, **settings)
    assert pinned.metadata("input_samples")["inputs_uri"].endswith("flowers@v0")
    assert data_versions(pinned.result) == data_versions(first.result)
    for name, table in before.items():
        assert pinned.metadata(name)["table_version"] == 1
        assert published(tmp_path / "delta", name).equals(table)
    newest = run(inputs, **settings)
    assert newest.metadata("input_samples")["inputs_uri"].endswith("flowers@v1")
    assert published(tmp_path / "delta", "predictions").num_rows == 3
    old = delta_table(Location.parse(str(tmp_path / "delta" / "predictions")), version=0)
    assert old.reader().read_all().num_rows == len(flowers)


def test_a_run_whose_samples_were_replaced_fails_and_the_other_runs_tables_stand(flowers, run, tmp_path, monkeypatch):
    inputs = written(tmp_path / "flowers", flowers)
    settings = {"outputs": {"path": "delta", "format": "delta"}, "job": "inference", "executor": "multiprocess"}
    joined, others = Scorer.combine, []

    def meanwhile(self, scored, schema):
        if not others:
            others.append(True)
            assert run({**inputs, "limit": 40}, **settings).success
        return joined(self, scored, schema)

    monkeypatch.setattr(Scorer, "combine", meanwhile)
    done = run(inputs, **settings)
    assert not done.result.success
    assert "ConcurrentRunError" in done.error()
    assert published(tmp_path / "delta", "input_samples").num_rows == 40
    assert published(tmp_path / "delta", "predictions").num_rows == 40


def test_each_partition_is_a_table_of_its_own(flowers, run, tmp_path):
    for key, frame in (("north 100%", flowers.head(4)), ("süd", flowers.tail(5))):
        written(tmp_path / "in" / key, frame)
    settings = {
        "inputs": {"path": str(tmp_path / "in" / "{partition}"), "row_key": ["flower"]},
        "outputs": {"path": "delta", "format": "delta"},
        "partitions": {"type": "static", "keys": ["north 100%", "süd", "never"]},
    }
    for key in ("north 100%", "süd"):
        done = run(partition=key, **settings)
        assert done.success
        assert [check for check, found in done.checks.items() if not found.passed] == []
    assert {path.name for path in (tmp_path / "delta" / "predictions").iterdir()} == {"north 100~25", "süd"}
    assert published(tmp_path / "delta" / "predictions", "north 100~25").num_rows == 4
    tables = DeltaIOManager(path=str(tmp_path / "delta"))
    assert tables.published_partitions("predictions", ["never", "süd", "north 100%"]) == ["süd", "north 100%"]
    assert published(tmp_path / "delta", "model_explanations").num_rows == 12


def test_a_killed_writer_leaves_the_previous_version_and_what_the_next_run_removes(tmp_path):
    writer, place = DeltaWriter(), Location.parse(str(tmp_path)).child("predictions")
    writer.write(pa.table({"a": [1]}).to_reader(), place)
    command = [sys.executable, "-c", textwrap.dedent(KILLED), "delta", place.path]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)
    assert process.stdout is not None
    assert process.stdout.readline() == b"writing\n"
    assert sweep_folder(Location.parse(str(tmp_path))) == (), "a living writer's file was swept"
    process.kill()
    process.wait()
    process.stdout.close()
    assert writer.read(place).to_table().to_pydict() == {"a": [1]}
    assert len(sweep_folder(Location.parse(str(tmp_path)))) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["predictions"]
    assert len(list((tmp_path / "predictions").glob("*.parquet"))) == 1


@pytest.mark.parametrize("table_format", ["delta", None])
def test_the_sensors_token_follows_the_newest_version(flowers, tmp_path, table_format):
    place = Location.parse(str(tmp_path / "flowers"))
    assert listing_token(place, table_format) is None
    tokens = []
    for rows in (5, 5, 6):
        written(tmp_path / "flowers", flowers.head(rows))
        tokens.append(listing_token(place, table_format))
        assert listing_token(place, table_format) == tokens[-1]
    assert len(set(tokens)) == 3


def test_the_listing_of_partitions_counts_the_log_alone(flowers, tmp_path):
    written(tmp_path / "in" / "a", flowers.head(5))
    names = [name for name, _ in listing(Location.parse(str(tmp_path / "in")), "delta")]
    assert names == [f"a/_delta_log/{0:020}.json"]
