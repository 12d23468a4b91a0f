"""Delta tables of several parts: one commit, in order, and what was finished is found again."""

import json
import pickle
from pathlib import Path

import pyarrow as pa
import pytest

from mlops_assets.errors import ConcurrentRunError, TableError
from mlops_assets.storage.location import Location
from mlops_assets.tables.delta import writer as delta_writer
from mlops_assets.tables.delta.writer import DeltaWriter
from mlops_assets.tables.leftovers import sweep_folder
from mlops_assets.tables.parts.part import StagedPart
from mlops_assets.tables.parts.staging import Staging
from mlops_assets.tables.source import TableSource

SCHEMA = pa.schema([("id", pa.int64()), ("small", pa.uint8()), ("at", pa.timestamp("s"))], {"k": "v"})


def rows(start: int, count: int) -> pa.Table:
    ids = list(range(start, start + count))
    return pa.table([ids, [each % 200 for each in ids], ids], SCHEMA)


def stage(staging: Staging, key: str, start: int) -> StagedPart:
    sent = pickle.loads(pickle.dumps(staging))
    return DeltaWriter().write_part(sent, key, rows(start, 3).to_reader(2), lambda: {"of": key})


def publish(place: Location, keys: dict[str, int]) -> None:
    writer, staging = DeltaWriter(), DeltaWriter().staging(place)
    parts = [writer.find_part(staging, key) or stage(staging, key, start) for key, start in keys.items()]
    writer.commit(staging, parts, SCHEMA)


@pytest.fixture
def place(tmp_path) -> Location:
    return Location.parse(tmp_path / "out" / "predictions")


def log(place: Location) -> list[list[dict[str, dict[str, object]]]]:
    entries = sorted((Path(place.path) / "_delta_log").glob("*.json"))
    return [[json.loads(line) for line in entry.read_text().splitlines()] for entry in entries]


def test_parts_are_one_table_through_publishes_in_another_order(place):
    check_publishes(place)


def check_publishes(place: Location) -> None:
    """The second of three keeps a part and has another one before it; the third finds all of them."""
    writer = DeltaWriter()
    publish(place, {"z": 0, "a": 3})
    read = writer.read(place)
    assert read.to_table().equals(rows(0, 6))
    assert (read.schema, read.schema.metadata) == (SCHEMA, {b"k": b"v"})
    publish(place, {"b": 10, "z": 0})
    assert writer.read(place).to_table()["id"].to_pylist() == [10, 11, 12, 0, 1, 2]
    publish(place, {"z": 0, "b": 10, "a": 3})
    assert writer.read(place).to_table()["id"].to_pylist() == [0, 1, 2, 10, 11, 12, 3, 4, 5]
    parts = pickle.loads(pickle.dumps(writer.parts(place)))
    assert [(part.number, part.key, part.rows, part.facts) for part in parts] == [
        (0, "z", 3, {"of": "z"}),
        (1, "b", 3, {"of": "b"}),
        (2, "a", 3, {"of": "a"}),
    ]
    assert writer.read_part(parts[1]).to_table().equals(rows(10, 3))
    assert writer.read_part(parts[1], ["id"]).to_table().to_pydict() == {"id": [10, 11, 12]}
    earlier = TableSource(place, "delta", version=1).open()
    assert earlier.reader().read_all()["id"].to_pylist() == [10, 11, 12, 0, 1, 2]
    writer.write(rows(7, 1).to_reader(), place)
    assert writer.read(place).to_table().equals(rows(7, 1))
    (part,) = writer.parts(place)
    assert (part.rows, part.key) == (1, "")
    assert writer.read_part(part).to_table().equals(rows(7, 1))


def test_each_publish_is_one_commit_whose_files_are_the_parts_in_order(place):
    publish(place, {"z": 0, "a": 3})
    publish(place, {"a": 3, "z": 0})
    first, second = log(place)
    for entries in (first, second):
        adds = [each["add"] for each in entries if "add" in each]
        times = [add["modificationTime"] for add in adds]
        assert len(adds) == 3
        assert times == sorted(set(times))
        assert [json.loads(str(add["stats"]))["numRecords"] for add in adds] == [0, 3, 3]
    added = {each["add"]["path"] for each in second if "add" in each}
    removed = {each["remove"]["path"] for each in second if "remove" in each}
    assert len(removed) == 3
    assert added.isdisjoint(removed)


def test_a_part_of_the_published_table_is_taken_without_copying(place):
    publish(place, {"z": 0})
    writer, staging = DeltaWriter(), DeltaWriter().staging(place)
    part = writer.find_part(staging, "z")
    assert part is not None
    published = Path(writer.parts(place)[0].location.path)
    assert published.samefile(staging.file(part).path)


def test_deltalake_polars_and_duckdb_read_the_parts(place):
    import deltalake
    import polars

    publish(place, {"z": 0, "a": 3})
    assert sorted(deltalake.DeltaTable(place.path).to_pyarrow_table()["id"].to_pylist()) == list(range(6))
    assert sorted(polars.read_delta(place.path)["id"].to_list()) == list(range(6))


def test_rows_that_somebody_appends_are_delta_rows(place):
    import deltalake

    publish(place, {"z": 0})
    deltalake.write_deltalake(place.path, DeltaWriter().read(place).to_table().slice(0, 1), mode="append")
    read = DeltaWriter().read(place)
    assert read.to_table()["id"].to_pylist() == [0, 1, 2, 0]
    assert read.schema.metadata is None
    assert [part.key for part in DeltaWriter().parts(place)] == ["", "", ""]


def test_a_commit_that_is_refused_leaves_the_version_and_the_parts(place, monkeypatch):
    publish(place, {"z": 0})
    before = sorted(path.name for path in Path(place.path).iterdir())
    staging = DeltaWriter().staging(place)
    part = stage(staging, "a", 3)

    def refuse(*_: object) -> int:
        raise ConcurrentRunError("no")

    monkeypatch.setattr(delta_writer, "commit", refuse)
    with pytest.raises(ConcurrentRunError):
        DeltaWriter().commit(staging, [part], SCHEMA)
    assert sorted(path.name for path in Path(place.path).iterdir()) == before
    assert DeltaWriter().read(place).to_table().equals(rows(0, 3))
    assert DeltaWriter().find_part(staging, "a") == part
    assert sweep_folder(Location.parse(Path(place.path).parent)) == ()


def test_a_part_that_is_gone_is_named(place):
    publish(place, {"z": 0, "a": 3})
    gone = Path(DeltaWriter().parts(place)[1].location.path)
    gone.unlink()
    with pytest.raises(TableError, match=rf"part of the table is missing.*{gone.name}"):
        DeltaWriter().read(place)
