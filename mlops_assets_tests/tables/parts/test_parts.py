"""A table of several parts is one table: to every reader, through every death, from one switch to the next."""

import errno
import os
import pickle
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from mlops_assets.errors import TableError
from mlops_assets.io_managers.tables import ParquetIOManager
from mlops_assets.storage.location import Location
from mlops_assets.tables.csv_writer import CsvWriter
from mlops_assets.tables.parquet_writer import ParquetWriter
from mlops_assets.tables.parts.part import StagedPart, part_name
from mlops_assets.tables.parts.staging import Staging
from mlops_assets.tables.source import TableSource

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


@pytest.mark.slow
def test_each_library_reads_the_folder_as_one_table_in_order(place, folder):
    import duckdb
    import pandas as pd
    import polars as pl

    publish(place, {f"key {number}": 3 * number for number in range(12)})
    expected = list(range(36))
    assert pd.read_parquet(folder)["id"].tolist() == expected
    assert pl.read_parquet(folder)["id"].to_list() == expected
    assert pl.scan_parquet(folder).collect()["id"].to_list() == expected
    for name in (folder, f"{folder}/*.parquet"):
        assert [row[0] for row in duckdb.sql(f"SELECT id FROM read_parquet('{name}')").fetchall()] == expected


def test_a_table_in_parts_is_an_input_as_one_in_a_file_is(place, folder, tmp_path):
    publish(place, {"b": 0, "a": 3})
    table = TableSource(Location.parse(folder), "parquet", row_key=("id",)).open()
    assert table.reader().read_all()["id"].to_pylist() == list(range(6))
    copy = tmp_path / "copy"
    shutil.copytree(folder.parent, copy)
    copied = Location.parse(copy / "predictions")
    assert ParquetWriter().read(copied).to_table().equals(rows(0, 6))
    assert [part.key for part in ParquetWriter().parts(copied)] == ["b", "a"]


def test_each_partition_is_replaced_by_itself(tmp_path):
    manager = ParquetIOManager(path=str(tmp_path))
    assert manager.published_partitions("predictions", ["x", "y", "z"]) == []
    for partition, start in (("x", 0), ("y", 10), ("x", 20)):
        publish(manager.table_place("predictions", partition), {"a": start, "b": start + 3})
    manager.publish("predictions", rows(40, 2), "z")
    assert manager.published_partitions("predictions", ["z", "y", "x", "w"]) == ["z", "y", "x"]
    assert manager.read("predictions", "x").to_table()["id"].to_pylist() == list(range(20, 26))
    assert manager.read("predictions", "y").to_table()["id"].to_pylist() == list(range(10, 16))
    inputs = TableSource(Location.parse(tmp_path / "predictions"), "parquet", row_key=("id",)).open()
    assert inputs.reader().read_all()["id"].to_pylist() == [*range(20, 26), *range(10, 16), 40, 41]


@pytest.mark.slow
def test_readers_beside_publishes_see_one_table_or_an_error(place):
    tables = [{"a": 0, "b": 3}, {"c": 10, "d": 13}]
    whole = [list(range(6)), list(range(10, 16))]
    publish(place, tables[0])

    def publish_often() -> None:
        for number in range(12):
            publish(place, tables[number % 2])

    seen = 0
    with ThreadPoolExecutor(1) as pool:
        publishing = pool.submit(publish_often)
        while not publishing.done():
            try:
                read = ParquetWriter().read(place).to_table()["id"].to_pylist()
            except (OSError, TableError):
                continue
            assert read in whole
            seen += 1
        publishing.result()
    assert seen
    assert ParquetWriter().read(place).to_table()["id"].to_pylist() == whole[1]
    assert len(list(Path(place.path).parent.iterdir())) == 2


def test_formats_and_places_without_parts_say_so(tmp_path, memory_root, monkeypatch):
    csv = Location.parse(tmp_path / "predictions")
    assert ParquetWriter().can_stage(csv)
    assert not CsvWriter().can_stage(csv)
    assert not ParquetWriter().can_stage(memory_root.child("predictions"))
    with pytest.raises(TableError, match=r"one file by CsvWriter.*`write`.*Parquet or Delta"):
        CsvWriter().staging(csv)

    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(Path, "symlink_to", refuse)
    assert not ParquetWriter().can_stage(csv)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_without_second_names_holds_copies(place, monkeypatch):
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refuse)
    publish(place, {"a": 0, "b": 3})
    assert ParquetWriter().find_part(ParquetWriter().staging(place), "b") is not None
    assert ParquetWriter().read(place).to_table().equals(rows(0, 6))


def test_parts_are_the_same_bytes_whatever_the_batches(tmp_path):
    contents = set()
    for number, size in enumerate((1, 7, 50)):
        staging = ParquetWriter().staging(Location.parse(tmp_path / str(number)))
        part = ParquetWriter().write_part(staging, "k", rows(0, 50).to_reader(size), lambda: {"b": "1", "a": "2"})
        contents.add(Path(staging.file(part).path).read_bytes())
    assert len(contents) == 1
