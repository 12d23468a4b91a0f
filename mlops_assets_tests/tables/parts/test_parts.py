"""A table of several parts is one table: to every reader, through every death, from one switch to the next."""

import pickle
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from mlops_assets.storage.location import Location
from mlops_assets.tables.parquet_writer import ParquetWriter
from mlops_assets.tables.parts.part import StagedPart, part_name
from mlops_assets.tables.parts.staging import Staging

SCHEMA = pa.schema([("id", pa.int64()), ("text", pa.string()), ("at", pa.timestamp("s"))])


def rows(start: int, count: int) -> pa.Table:
    ids = range(start, start + count)
    return pa.table([list(ids), [f"t{each}" for each in ids], list(ids)], SCHEMA)


def stage(staging: Staging, key: str, start: int, count: int = 3) -> StagedPart:
    return ParquetWriter().write_part(
        staging, key, rows(start, count).to_reader(2), lambda: {"digest": f"of {key}", "ä": "ö"}
    )


def publish(place: Location, keys: dict[str, int], metadata: dict[str, str] | None = None) -> Staging:
    staging = ParquetWriter().staging(place)
    parts = [stage(staging, key, start) for key, start in keys.items()]
    ParquetWriter().commit(staging, parts, SCHEMA.with_metadata(metadata or {"k": "v"}))
    return staging


@pytest.fixture
def place(tmp_path) -> Location:
    return Location.parse(tmp_path / "tables" / "predictions")


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "tables" / "predictions.parquet"


def test_parts_are_one_table_in_their_order_with_the_provenance(place, folder):
    publish(place, {"b": 0, "a": 3, "c": 6}, {"mlops_assets.row_key": '["id"]'})
    read = ParquetWriter().read(place)
    assert read.to_table().equals(rows(0, 9))
    assert read.schema == SCHEMA
    assert read.schema.metadata == {b"mlops_assets.row_key": b'["id"]'}
    names = sorted(path.name for path in folder.iterdir())
    assert names[0] == "manifest.parquet"
    assert [name[:11] for name in names[1:]] == ["part-00000-", "part-00001-", "part-00002-"]
    assert sorted(path.name for path in folder.parent.iterdir()) == [folder.readlink().name, folder.name]


def test_what_is_known_of_parts_comes_back(place):
    writer, staging = ParquetWriter(), ParquetWriter().staging(place)
    parts = [
        pickle.loads(pickle.dumps(stage(pickle.loads(pickle.dumps(staging)), key, at))) for at, key in enumerate("ab")
    ]
    written = writer.commit(staging, parts, SCHEMA, [{"digest": "later"}, {}])
    published = writer.parts(place)
    assert [(part.number, part.key, part.rows, dict(part.facts)) for part in published] == [
        (0, "a", 3, {"digest": "later", "ä": "ö"}),
        (1, "b", 3, {"digest": "of b", "ä": "ö"}),
    ]
    assert written.rows == 6
    assert written.bytes == sum(path.stat().st_size for path in Path(ParquetWriter().path_of(place).path).iterdir())
    assert writer.read_part(published[1]).to_table().equals(rows(1, 3))
    assert writer.read_part(published[1], ["text"]).to_table().to_pydict() == {"text": ["t1", "t2", "t3"]}


def test_a_table_in_one_file_is_one_part(place):
    ParquetWriter().write(rows(0, 5).to_reader(), place)
    (part,) = ParquetWriter().parts(place)
    assert (part.number, part.rows, part.key) == (0, 5, "")
    assert ParquetWriter().read_part(part).to_table().equals(rows(0, 5))


def test_a_file_becomes_parts_and_parts_become_other_parts_and_a_file(place, folder):
    writer = ParquetWriter()
    writer.write(rows(0, 2).to_reader(), place)
    publish(place, {"a": 0, "b": 3})
    assert writer.read(place).to_table().equals(rows(0, 6))
    publish(place, {"b": 3})
    assert writer.read(place).to_table().equals(rows(3, 3))
    writer.write(rows(7, 1).to_reader(), place)
    assert writer.read(place).to_table().equals(rows(7, 1))
    assert folder.is_file()
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_no_parts_are_a_table_without_rows(place):
    publish(place, {})
    assert ParquetWriter().read(place).to_table().equals(SCHEMA.empty_table())
    assert ParquetWriter().parts(place) == ()


def test_finished_parts_are_found_after_a_kill_and_in_the_published_table(place):
    writer, staging = ParquetWriter(), ParquetWriter().staging(place)
    part = stage(staging, "a", 0)
    assert writer.find_part(writer.staging(place), "a") == part
    assert writer.find_part(staging, "b") is None
    writer.commit(staging, [part], SCHEMA)
    again = writer.staging(place)
    assert writer.find_part(again, "a") == part
    writer.commit(again, [part, stage(again, "b", 3)], SCHEMA)
    assert writer.read(place).to_table().equals(rows(0, 6))


def test_names_sort_as_the_numbers_do():
    numbers = [0, 9, 10, 99_999, 100_000, 100_001, 2_000_000]
    names = [part_name(number, "k") for number in numbers]
    assert sorted(names) == names


def test_the_folder_is_one_table_in_order_to_pyarrow(place, folder):
    publish(place, {"a": 0, "b": 3})
    assert ds.dataset(folder).to_table().column("id").to_pylist() == list(range(6))
    table = pq.read_table(folder)
    assert table.column("id").to_pylist() == list(range(6))
    assert table.schema.metadata[b"k"] == b"v"
