"""A table in splits: whatever the format, one after the other they are the table, here and in other processes."""

import json
import os
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_assets.errors import ConcurrentRunError, MlopsAssetsError, TableError
from mlops_assets.storage.location import Location
from mlops_assets.tables import parquet_files, part_size
from mlops_assets.tables.parquet_files import ParquetFiles
from mlops_assets.tables.reading_plan import FilePart, ReadingPlan
from mlops_assets.tables.source import TableSource
from mlops_assets.tables.splits import open_plan
from mlops_assets_tests.tables.strategies import EVERY, tables
from mlops_assets_tests.tables.test_law_of_readers import JSON_VALUES


@pytest.fixture(autouse=True)
def parts(monkeypatch):
    """Sets how large parts are; small ones from the start."""

    def of(rows, size=1 << 40):
        monkeypatch.setattr(part_size, "PART_ROWS", rows)
        monkeypatch.setattr(part_size, "PART_BYTES", size)

    of(4)
    return of


def open_table(folder, **how):
    return TableSource(Location.parse(folder), **how).open()


def sent(table):
    """The splits as another process gets them."""
    found = table.splits()
    return None if found is None else [pickle.loads(pickle.dumps(each)) for each in found]


def rows(table):
    return pa.Table.from_batches(table.batches(), table.schema)


def is_same(one, other):
    # No NaN equals another one.
    return one.equals(other) or (one.schema == other.schema and repr(one.to_pylist()) == repr(other.to_pylist()))


def assert_splits_are_the_table(table):
    """Columns, rows, row numbers, counts, and the rows before their conversion to declared types; the splits."""
    splits = sent(table)
    assert splits
    whole, start = rows(table), 0
    for number, split in enumerate(splits):
        if split.lacks_first_row:
            assert table.row_key == ("row_number",)
            split = split.starting_at(start)
        opened = split.open()
        found = rows(opened)
        assert (opened.schema, opened.row_key, opened.types) == (table.schema, table.row_key, table.types)
        assert (opened.text_columns, opened.uri) == (table.text_columns, table.uri)
        assert is_same(found, whole.slice(start, found.num_rows)), number
        assert split.count_rows() == found.num_rows
        assert split.number == number
        assert split.rows in (None, found.num_rows)
        assert split.first_row in (None, start)
        if table.raw is not None:
            assert is_same(rows(opened.raw), rows(table.raw).slice(start, found.num_rows))
        start += found.num_rows
    assert start == whole.num_rows
    assert len({split.identity for split in splits}) == len(splits)
    assert [split.identity for split in table.splits()] == [split.identity for split in splits]
    return splits


def failure(work):
    with pytest.raises(MlopsAssetsError) as caught:
        work()
    return str(caught.value)


def read_all(splits):
    return [rows(split.open()) for split in splits]


def numbered(start, count, **more):
    return pa.table({"id": range(start, start + count), **more})


# Arrow cannot read fixed-size lists that are null: https://github.com/apache/arrow/issues/35692
EVERY_BUT_FIXED = {name: kind for name, kind in EVERY.items() if name not in ("fixed_list", "struct")}
# Of one column each: the files of a table may have any of a family, or lack it.
FAMILIES = {
    "x": [pa.int8(), pa.int32(), pa.int64(), pa.float64()],
    "y": [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())],
    "z": [pa.list_(pa.int32()), pa.list_(pa.int64()), pa.list_(pa.float64())],
}


@st.composite
def files_of_a_table(draw):
    """Tables of several files that can be read as one, with the sizes of their row groups."""
    found, first = [], 0
    for _ in range(draw(st.integers(1, 4))):
        count = draw(st.integers(0, 12))
        file = {"id": pa.array(range(first, first + count), pa.int64())}
        for name, kinds in FAMILIES.items():
            if draw(st.booleans()):
                kind = draw(st.sampled_from(kinds))
                values = [None if at % 5 == 4 else at % 7 for at in range(count)]
                if name == "y":
                    values = [None if value is None else f"t{value}" for value in values]
                elif name == "z":
                    values = [None if value is None else [value, None] for value in values]
                file[name] = pa.array(values, kind)
        found.append((pa.table(file), draw(st.integers(1, 9))))
        first += count
    return found


class TestSplitsAreTheTable:
    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(files_of_a_table(), st.booleans(), st.booleans(), st.integers(1, 12), st.sampled_from([1, 200, 1 << 40]))
    def test_parquet(self, tmp_path_factory, parts, files, in_folders, keyed, part_rows, part_bytes):
        folder = tmp_path_factory.mktemp("in")
        for number, (file, group) in enumerate(files):
            place = folder / f"day={number % 2}" if in_folders else folder
            place.mkdir(exist_ok=True)
            pq.write_table(file, place / f"{number}.parquet", row_group_size=group)
        parts(part_rows, part_bytes)
        table = open_table(folder, row_key=("id",) if keyed else None)
        if table.splits():
            assert_splits_are_the_table(table)
        else:
            assert sum(file.num_rows for file, _ in files) < part_rows + 9 or part_bytes == 200

    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(tables(EVERY_BUT_FIXED))
    def test_parquet_of_every_type(self, tmp_path_factory, parts, table):
        folder = tmp_path_factory.mktemp("in")
        pq.write_table(table, folder / "a.parquet", row_group_size=1)
        parts(1)
        if table.num_rows > 1:
            assert_splits_are_the_table(open_table(folder))

    def test_columns_are_chosen_and_a_key_of_the_folders_names(self, tmp_path):
        for day in range(3):
            (tmp_path / f"day={day}").mkdir()
            pq.write_table(
                numbered(day * 5, 5, a=range(5), b=list("vwxyz")), tmp_path / f"day={day}/f.parquet", row_group_size=2
            )
        table = open_table(tmp_path, row_key=("day", "id"), columns=("b",))
        assert table.schema.names == ["day", "id", "b"]
        assert [split.rows for split in assert_splits_are_the_table(table)] == [4, 5, 5, 1]

    def test_a_pandas_index_is_the_key(self, tmp_path):
        for number in range(3):
            frame = pd.DataFrame({"a": range(4)}, index=pd.Index([f"{number}-{row}" for row in range(4)]))
            frame.to_parquet(tmp_path / f"{number}.parquet", row_group_size=2)
        table = open_table(tmp_path)
        assert table.row_key == ("index",)
        assert_splits_are_the_table(table)

    @pytest.mark.parametrize("declared", [{}, {"a": "int64", "t": "timestamp[us]"}], ids=["as_stored", "declared"])
    def test_csv(self, tmp_path, parts, declared):
        for number in range(5):
            text = "".join(f"{number}-{row};{row};2024-01-0{row + 1};NA\n" for row in range(3))
            (tmp_path / f"{number}.csv").write_text("id;a;t;n\n" + text, encoding="utf-8")
        (tmp_path / "5.csv").write_text("more;id\nx;last\n", encoding="utf-8")
        parts(1000, 100)
        table = open_table(tmp_path, delimiter=";", null_values=("", "NA"), row_key=("id",), types=declared)
        splits = assert_splits_are_the_table(table)
        assert len(splits) == 3
        assert [split.rows for split in splits] == [None] * 3
        assert [split.first_row for split in splits] == [0, None, None]

    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        st.lists(st.lists(st.sampled_from(JSON_VALUES), max_size=4), min_size=2, max_size=5),
        st.sampled_from(["csv", "jsonl"]),
        st.booleans(),
        st.integers(1, 90),
    )
    def test_text_of_any_values(self, tmp_path_factory, parts, files, kind, declared, part_bytes):
        folder = tmp_path_factory.mktemp("in")
        for number, values in enumerate(files):
            name = "a" if number % 2 else "b"
            lines = [f'{{"id": "{number}-{row}", "{name}": {value}}}' for row, value in enumerate(values)]
            if kind == "csv":
                lines = [f"{name},id"] + [f"{value.split(',')[0]!r},{number}-{row}" for row, value in enumerate(values)]
            (folder / f"{number}.{kind}").write_text("".join(f"{line}\n" for line in lines or ["{}"]), encoding="utf-8")
        parts(1000, part_bytes)
        how = (
            {"row_key": ("id",)}
            if kind == "csv"
            else {"row_key": ("id",), "types": {"a": "string"} if declared else {}}
        )
        try:
            table = open_table(folder, **how)
            rows(table)
        except TableError:
            return  # a folder without the key, or with objects that nothing holds
        if table.splits():
            assert_splits_are_the_table(table)

    def test_old_timestamps(self, tmp_path):
        times = pa.array([None, *range(1, 9)], pa.timestamp("ns"))
        table = numbered(0, 9, t=times)
        pq.write_table(table, tmp_path / "t.parquet", use_deprecated_int96_timestamps=True, row_group_size=2)
        assert_splits_are_the_table(open_table(tmp_path))

    @pytest.mark.parametrize("declared", [{}, {"a": "double"}], ids=["as_stored", "declared"])
    def test_json_lines_with_values_of_several_kinds(self, tmp_path, parts, declared):
        values = [[1, 2], [2.5, 3], ["7", None], [{"x": 1}, 2], [4, 5]]
        for number, some in enumerate(values if not declared else values[:3]):
            lines = [json.dumps({"id": f"{number}-{row}", "a": value}) for row, value in enumerate(some)]
            (tmp_path / f"{number}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        parts(1000, 1)
        assert_splits_are_the_table(open_table(tmp_path, row_key=("id",), types=declared))

    @pytest.mark.parametrize("types", [{}, {"a": "int32"}], ids=["as_stored", "declared"])
    def test_types_that_differ_between_files(self, tmp_path, types):
        for number, kind in enumerate([pa.int64(), pa.float64(), pa.string() if types else pa.int16()]):
            values = pa.array([1, None, 3, 4]).cast(kind)
            pq.write_table(numbered(number * 4, 4, a=values), tmp_path / f"{number}.parquet", row_group_size=3)
        splits = assert_splits_are_the_table(open_table(tmp_path, types=types))
        assert len(splits) == 3

    @pytest.mark.parametrize("partitions", [None, ["p"]], ids=["whole", "partitioned"])
    def test_delta_with_deleted_rows(self, tmp_path, partitions):
        place = tmp_path / "t"
        for number in range(3):
            some = numbered(number * 10, 10, p=[number % 2] * 10)
            write_deltalake(place, some, mode="append", partition_by=partitions)
            DeltaTable(place).delete("id % 3 = 1")
        table = open_table(place, row_key=("id",))
        assert rows(table).num_rows == 20
        assert_splits_are_the_table(table)
        assert_splits_are_the_table(open_table(place, types={"p": "string"}))

    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.lists(st.booleans(), max_size=30), st.integers(1, 9), st.integers(1, 12))
    def test_deletion_vectors(self, tmp_path_factory, parts, live, group, part_rows):
        # deltalake writes no vectors by itself: a plan with one, over a file of 25 rows.
        folder = tmp_path_factory.mktemp("in")
        pq.write_table(numbered(0, 25), folder / "f.parquet", row_group_size=group)
        parts(part_rows)
        file = FilePart(Location.parse(folder / "f.parquet"), "f.parquet", live=pa.array(live, pa.bool_()))
        plan = ReadingPlan("t", ParquetFiles(), (file,), numbered(0, 1).schema, None, None)
        table = open_plan(plan)
        kept = [row for row in range(25) if row >= len(live) or live[row]]
        assert rows(table).column("id").to_pylist() == kept
        if table.splits():
            assert_splits_are_the_table(table)
        assert open_plan(replace(plan, limit=3)).splits() is None


class TestWhichSplits:
    def test_a_part_is_full_by_rows_or_by_bytes_and_may_span_files(self, tmp_path, parts):
        for number in range(4):
            pq.write_table(numbered(number * 10, 10), tmp_path / f"{number}.parquet", row_group_size=5)
        parts(15)
        assert [split.rows for split in open_table(tmp_path).splits()] == [15, 15, 10]
        parts(1000, 1)
        assert [split.rows for split in open_table(tmp_path).splits()] == [5] * 8

    def test_one_more_file_changes_the_last_split_alone(self, tmp_path):
        for number, count in enumerate([5, 5, 5, 2]):
            pq.write_table(numbered(number * 5, count), tmp_path / f"{number}.parquet", row_group_size=3)
        before = open_table(tmp_path).splits()
        pq.write_table(numbered(17, 3), tmp_path / "4.parquet")
        after = open_table(tmp_path).splits()
        assert [split.identity for split in after[: len(before) - 1]] == [split.identity for split in before[:-1]]
        assert len(after) == len(before)
        assert after[-1].identity != before[-1].identity

    def test_what_rows_depend_on_is_in_the_identity(self, tmp_path):
        for number in range(2):
            (tmp_path / f"{number}.csv").write_text(f"id,a\n{number},1\n", encoding="utf-8")
        part_size.PART_BYTES = 1
        seen = set()
        for how in (
            {},
            {"columns": ("a", "id")},
            {"row_key": ("id", "a")},
            {"types": {"a": "int64"}},
            {"types": {"a": "double"}},
            {"null_values": ("", "1")},
            {"delimiter": ","},
        ):
            seen.add(open_table(tmp_path, **({"row_key": ("id",)} | how)).splits()[1].identity)
        (tmp_path / "1.csv").write_text("id,a\n1,2\n", encoding="utf-8")
        seen.add(open_table(tmp_path, row_key=("id",)).splits()[1].identity)
        (tmp_path / "2.csv").write_text("id,a,b\n1,2,3\n", encoding="utf-8")
        seen.add(open_table(tmp_path, row_key=("id",)).splits()[1].identity)
        assert len(seen) == 9

    def test_rows_without_generated_numbers_do_not_depend_on_what_is_before_them(self, tmp_path):
        for number in (1, 2):
            pq.write_table(numbered(number * 4, 4), tmp_path / f"{number}.parquet")
        keyed, plain = [open_table(tmp_path, row_key=key).splits()[-1] for key in (("id",), None)]
        pq.write_table(numbered(0, 4), tmp_path / "0.parquet")
        now_keyed, now_plain = [open_table(tmp_path, row_key=key).splits()[-1] for key in (("id",), None)]
        assert now_keyed.identity == keyed.identity
        assert now_plain.identity != plain.identity

    def test_what_cannot_be_split(self, tmp_path, parts):
        for number in range(3):
            pq.write_table(numbered(number * 9, 9), tmp_path / f"{number}.parquet")
            (tmp_path / f"{number}.csv").write_text("id\n1\n", encoding="utf-8")
        parts(9, 1 << 40)
        how = {"format": "parquet"}
        assert len(open_table(tmp_path, **how).splits()) == 3
        assert open_table(tmp_path, **how, limit=20).splits() is None
        assert open_table(tmp_path, **how, types={"id": "double"}).raw.splits() is None
        parts(9, 1)
        assert len(open_table(tmp_path, format="csv", row_key=("id",)).splits()) == 3
        parts(100)
        assert open_table(tmp_path, **how).splits() == ()

    @pytest.mark.parametrize("kind", ["csv", "jsonl"])
    def test_numbered_rows_of_files_that_do_not_count_theirs(self, tmp_path, parts, kind):
        for number, count in enumerate((2, 3, 1)):
            lines = ["a,b", *(f'"{number}\nof\n{row}",{row}' for row in range(count)), ""]
            if kind == "jsonl":
                lines = [f'{{"a": {row}, "b": "{number}"}}' for row in range(count)]
            (tmp_path / f"{number}.{kind}").write_text("\n".join(lines), encoding="utf-8")
        parts(100, 1)
        splits = assert_splits_are_the_table(open_table(tmp_path))
        assert all(split.lacks_first_row and split.first_row is None for split in splits)
        told = [splits[1].starting_at(first) for first in (2, 3)]
        assert len({split.identity for split in (splits[1], *told)}) == 3

    def test_footers_are_read_once_by_the_planner_and_once_by_each_reader(self, tmp_path, monkeypatch):
        for number in range(3):
            pq.write_table(numbered(number * 8, 8), tmp_path / f"{number}.parquet", row_group_size=4)
        footers, footer = [], parquet_files._footer  # noqa: SLF001 - where every footer is read
        monkeypatch.setattr(parquet_files, "_footer", lambda stream: footers.append(1) or footer(stream))
        splits = open_table(tmp_path).splits()
        assert (len(splits), len(footers)) == (6, 3)
        read_all(splits)
        assert len(footers) == 9


class TestReplacedFiles:
    def test_another_file_of_the_same_size_and_time(self, tmp_path):
        for number in range(2):
            pq.write_table(numbered(number * 4, 4), tmp_path / f"{number}.parquet")
        splits = sent(open_table(tmp_path))
        old = (tmp_path / "1.parquet").stat()
        pq.write_table(numbered(8, 4), tmp_path / "new")
        os.utime(tmp_path / "new", ns=(old.st_atime_ns, old.st_mtime_ns))
        (tmp_path / "new").replace(tmp_path / "1.parquet")
        assert (tmp_path / "1.parquet").stat().st_size == old.st_size
        assert rows(splits[0].open()).num_rows == 4
        with pytest.raises(ConcurrentRunError, match=r"replaced or changed .*1\.parquet"):
            rows(splits[1].open())

    def test_text_that_is_written_to_while_it_is_read(self, tmp_path, parts):
        for number in range(2):
            (tmp_path / f"{number}.csv").write_text("id\n" + "1\n" * 200_000, encoding="utf-8")
        parts(1, 1)
        splits = sent(open_table(tmp_path, row_key=("id",)))
        batches = splits[1].open().batches()
        next(batches)
        with (tmp_path / "1.csv").open("a", encoding="utf-8") as file:
            file.write("2\n")
        with pytest.raises(ConcurrentRunError, match=r"1\.csv"):
            list(batches)

    def test_a_file_that_is_gone_or_broken_by_then(self, tmp_path):
        for number in range(3):
            pq.write_table(numbered(number * 4, 4), tmp_path / f"{number}.parquet")
        splits = sent(open_table(tmp_path))
        (tmp_path / "1.parquet").unlink()
        (tmp_path / "2.parquet").write_bytes(b"PAR1")
        assert "The file is gone" in failure(lambda: rows(splits[1].open()))
        assert "replaced or changed" in failure(lambda: rows(splits[2].open()))

    def test_a_vacuumed_file_of_delta(self, tmp_path):
        for number in range(2):
            write_deltalake(tmp_path / "t", numbered(number * 4, 4), mode="append")
        splits = sent(open_table(tmp_path / "t"))
        for file in (tmp_path / "t").glob("*.parquet"):
            file.unlink()
        assert "vacuumed" in failure(lambda: rows(splits[1].open()))

    def test_a_file_that_is_added_is_no_concern_of_the_splits(self, tmp_path):
        for number in range(2):
            pq.write_table(numbered(number * 4, 4), tmp_path / f"{number}.parquet")
        table = open_table(tmp_path)
        splits, before = sent(table), rows(table)
        pq.write_table(numbered(90, 4, more=["a"] * 4), tmp_path / "00.parquet")
        assert pa.concat_tables(read_all(splits)).equals(before)


class TestErrors:
    """Of a split as of the whole table."""

    def test_a_null_key(self, tmp_path):
        for number in range(3):
            ids = [None if number == 2 and row == 3 else number * 5 + row for row in range(5)]
            pq.write_table(
                pa.table({"id": pa.array(ids, pa.int64())}), tmp_path / f"{number}.parquet", row_group_size=2
            )
        table = open_table(tmp_path, row_key=("id",))
        said = failure(lambda: rows(table))
        assert "null at row 13 (counting from 0)" in said
        assert failure(lambda: read_all(sent(table))) == said

    def test_a_value_that_is_not_of_the_declared_type(self, tmp_path):
        for number in range(3):
            values = ["x" if number == 1 and row == 4 else "1" for row in range(5)]
            pq.write_table(numbered(number * 5, 5, a=values), tmp_path / f"{number}.parquet", row_group_size=2)
        table = open_table(tmp_path, types={"a": "int64"})
        said = failure(lambda: rows(table))
        assert "not int64, at row 9 (counting from 0)" in said
        assert failure(lambda: read_all(sent(table))) == said

    @pytest.mark.parametrize("bad", ["key", "value"])
    def test_rows_of_text_are_counted_in_their_file(self, tmp_path, parts, bad):
        for number in range(3):
            lines = [f"{number}{row},1" for row in range(5)]
            if number == 1:
                lines[2] = ",1" if bad == "key" else "12,x"
            (tmp_path / f"{number}.csv").write_text("id,a\n" + "\n".join(lines) + "\n", encoding="utf-8")
        parts(1, 1)
        table = open_table(tmp_path, row_key=("id",), types={"a": "int64"})
        said = failure(lambda: rows(table))
        assert "at row 2 (counting from 0)" in said
        assert "1.csv" in said
        assert failure(lambda: read_all(sent(table))) == said

    def test_a_file_that_is_damaged(self, tmp_path):
        for number in range(2):
            pq.write_table(
                numbered(number * 4000, 4000), tmp_path / f"{number}.parquet", row_group_size=1000, compression="zstd"
            )
        damaged = bytearray((tmp_path / "1.parquet").read_bytes())
        damaged[4:400] = bytes(396)
        (tmp_path / "1.parquet").write_bytes(damaged)
        table = open_table(tmp_path)
        said = failure(lambda: rows(table))
        assert failure(lambda: read_all(sent(table))) == said

    def test_splits_are_asked_for_when_a_file_is_gone(self, tmp_path):
        for number in range(2):
            pq.write_table(numbered(number * 4, 4), tmp_path / f"{number}.parquet")
        table = open_table(tmp_path)
        (tmp_path / "1.parquet").unlink()
        with pytest.raises(TableError, match="The file is gone"):
            table.splits()


class TestStores:
    def test_options_that_live_in_one_process_alone(self, tmp_path):
        for number in range(2):
            pq.write_table(numbered(number * 4, 4), tmp_path / f"{number}.parquet")
        place = Location(str(tmp_path), {"session": lambda: None})
        assert TableSource(place).open().splits() is None

    def test_objects_in_memory(self):
        import fsspec

        filesystem = fsspec.filesystem("memory")
        for number in range(2):
            filesystem.pipe_file(f"/splits/{number}.csv", f"id\n{number}\n".encode())
        part_size.PART_BYTES = 1
        table = TableSource(Location.parse("memory://splits"), row_key=("id",)).open()
        splits = assert_splits_are_the_table(table)
        filesystem.pipe_file("/splits/1.csv", b"id\n2\n")
        assert "replaced" in failure(lambda: rows(splits[1].open()))

    def test_a_store_that_says_no_more_than_a_size_gives_no_identity_twice(self, monkeypatch):
        import fsspec

        filesystem = fsspec.filesystem("memory")
        for number in range(40):
            filesystem.pipe_file(f"/sizes/{number}.csv", f"id\n{number}\n".encode())
        info = type(filesystem).info
        monkeypatch.setattr(
            type(filesystem), "info", lambda self, path, **how: info(self, path, **how) | {"created": None}
        )
        part_size.PART_BYTES = 1
        table = TableSource(Location.parse("memory://sizes"), row_key=("id",)).open()
        first, second = table.splits(), table.splits()
        assert len({split.identity for split in (*first, *second)}) == 80
        assert pa.concat_tables(read_all(first)).equals(rows(table))

    def test_of_many_files_the_first_that_is_none_is_named(self):
        import fsspec

        for number in range(50):
            text = b"\0\1" if number in (20, 21, 45) else f"id\n{number}\n".encode()
            fsspec.filesystem("memory").pipe_file(f"/wrong/{number:02}.csv", text)
        source = TableSource(Location.parse("memory://wrong"), row_key=("id",))
        for _ in range(5):
            assert "wrong/20.csv" in failure(source.open)

    @pytest.mark.slow
    def test_another_process_reads_from_s3_and_hides_the_keys(self, bucket, tmp_path):
        for number in range(3):
            sink = pa.BufferOutputStream()
            pq.write_table(numbered(number * 6, 6), sink, row_group_size=2)
            bucket.client.put_object(Bucket=bucket.name, Key=f"in/{number}.parquet", Body=sink.getvalue().to_pybytes())
        table = TableSource(bucket.place("in")).open()
        splits = assert_splits_are_the_table(table)
        (tmp_path / "splits").write_bytes(pickle.dumps(splits))
        code = (
            "import pickle, sys, pathlib\n"
            "splits = pickle.loads(pathlib.Path(sys.argv[1]).read_bytes())\n"
            "print([split.open().reader().read_all()['id'].to_pylist() for split in splits])\n"
            "from mlops_assets.redaction.text import redact\n"
            "print(redact('it was secret-CANARY'))\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / "splits")],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
            cwd=Path(__file__).parents[2],
        )
        read, hidden = done.stdout.splitlines()
        assert json.loads(read) == [list(range(start, start + 4)) for start in (0, 4, 8, 12)] + [[16, 17]]
        assert "CANARY" not in hidden
        bucket.client.put_object(Bucket=bucket.name, Key="in/2.parquet", Body=b"PAR1" + bytes(400))
        assert "replaced" in failure(lambda: rows(splits[-1].open()))
