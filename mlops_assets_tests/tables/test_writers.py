"""Published tables: whole or absent, the same bytes for the same rows, the same types on the way back."""

import datetime as dt
import os
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings

from mlops_assets.errors import ConfigurationError, TableError
from mlops_assets.storage.location import Location
from mlops_assets.storage.locks import hold
from mlops_assets.tables import parquet_writer
from mlops_assets.tables.writers import CsvWriter, ParquetWriter, writer_for
from mlops_assets_tests.tables.strategies import EVERY, FLAT, assert_same, tables

FORMATS = ["parquet", "csv"]


def place_in(folder) -> Location:
    return Location.parse(str(folder)).child("predictions")


@pytest.mark.slow
@settings(max_examples=120, deadline=None)
@given(table=tables(EVERY))
def test_parquet_brings_types_and_values_back(tmp_path_factory, table):
    place = place_in(tmp_path_factory.mktemp("t"))
    ParquetWriter().write(table.to_reader(2), place)
    assert_same(ParquetWriter().read(place).to_table(), table)
    assert_same(ParquetWriter().read_whole(place), table)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(table=tables(FLAT))
def test_csv_brings_types_and_values_back(tmp_path_factory, table):
    place = place_in(tmp_path_factory.mktemp("t"))
    CsvWriter().write(table.to_reader(2), place)
    assert_same(CsvWriter().read(place).to_table(), table)


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize("name", FLAT)
def test_a_column_of_nulls_alone_keeps_its_rows(tmp_path, format_name, name):
    table = pa.table({name: pa.nulls(3, FLAT[name][0])})
    writer = writer_for(format_name)
    writer.write(table.to_reader(), place_in(tmp_path))
    assert_same(writer.read(place_in(tmp_path)).to_table(), table)


@pytest.mark.parametrize("format_name", FORMATS)
def test_an_empty_stream_is_a_table_without_rows(tmp_path, format_name):
    schema = pa.schema([("id", pa.int64()), ("when", pa.timestamp("ns", tz="UTC"))])
    writer = writer_for(format_name)
    written = writer.write(schema.empty_table().to_reader(), place_in(tmp_path), {"k": "v"})
    read = writer.read(place_in(tmp_path))
    assert (written.rows, read.count_rows(), read.schema.types) == (0, 0, schema.types)
    assert read.to_table().schema.metadata == {b"k": b"v"}


@pytest.mark.parametrize("format_name", FORMATS)
def test_dictionaries_come_back_plain(tmp_path, format_name):
    writer = writer_for(format_name)
    writer.write(pa.table({"c": pa.array(["a", None, "b"]).dictionary_encode()}).to_reader(), place_in(tmp_path))
    assert_same(writer.read(place_in(tmp_path)).to_table(), pa.table({"c": ["a", None, "b"]}))


@pytest.mark.parametrize("format_name", FORMATS)
def test_metadata_of_schema_and_call_are_merged_and_come_back(tmp_path, format_name):
    table = pa.table({"a": [1]}).replace_schema_metadata({"kept": "1", "changed": "old"})
    writer = writer_for(format_name)
    written = writer.write(table.to_reader(), place_in(tmp_path), {"changed": "new", "added": "ä"})
    expected = {b"kept": b"1", b"changed": b"new", b"added": "ä".encode()}
    assert written.schema.metadata == expected
    assert writer.read(place_in(tmp_path)).schema.metadata == expected


def test_hidden_types_do_not_show_in_the_metadata(tmp_path):
    table = pa.table({"c": pa.array([[1.0], None], pa.list_(pa.float64(), 1))})
    ParquetWriter().write(table.to_reader(), place_in(tmp_path), {"k": "v"})
    assert ParquetWriter().read(place_in(tmp_path)).schema.metadata == {b"k": b"v"}


@pytest.mark.parametrize("format_name", FORMATS)
def test_what_was_written_is_described(tmp_path, format_name):
    writer = writer_for(format_name)
    written = writer.write(pa.table({"a": [1, 2]}).to_reader(), place_in(tmp_path))
    path = tmp_path / f"predictions.{format_name}"
    assert (written.uri, written.rows, written.bytes) == (path.as_uri(), 2, path.stat().st_size)


@pytest.mark.parametrize("format_name", FORMATS)
def test_the_same_rows_give_the_same_bytes_however_they_are_cut(tmp_path, format_name, monkeypatch):
    monkeypatch.setattr(parquet_writer, "_SAMPLE_ROWS", 16)
    monkeypatch.setattr(ParquetWriter, "ROW_GROUP_ROWS", 64)
    table = pa.table({"id": range(200), "s": [None if i % 7 == 0 else f"v{i % 5}" for i in range(200)]})
    writer = writer_for(format_name)
    contents = set()
    for number, (rows, metadata) in enumerate(
        [(1, {"a": "1", "b": "2"}), (33, {"b": "2", "a": "1"}), (200, {"a": "1", "b": "2"})]
    ):
        place = place_in(tmp_path / str(number))
        writer.write(table.to_reader(rows), place, metadata)
        contents.add(Path(writer.path_of(place).path).read_bytes())
    assert len(contents) == 1


@pytest.mark.slow
def test_pages_are_the_same_however_the_rows_are_cut(tmp_path):
    rows = 150_000  # of several pages and two row groups
    numbers = np.random.default_rng(0).standard_normal(rows)
    whole = pa.table(
        {
            "id": np.arange(rows),
            "number": numbers,
            "perhaps": pa.array(numbers, mask=numbers < 0),
            "text": pa.array(numbers).cast(pa.string()),
            "list": pa.ListArray.from_arrays(np.arange(rows + 1, dtype=np.int32), numbers),
        }
    )
    contents = set()
    for number, cuts in enumerate([[], [33_000, 70_001, 131_073], [1, 5_000, 140_000], list(range(0, rows, 3_001))]):
        ends = [*cuts, rows]
        pieces = [whole.slice(low, high - low) for low, high in zip([0, *ends[:-1]], ends, strict=True)]
        batches = [batch for piece in pieces for batch in piece.combine_chunks().to_batches()]
        place = place_in(tmp_path / str(number))
        ParquetWriter().write(pa.RecordBatchReader.from_batches(whole.schema, batches), place)
        contents.add(Path(ParquetWriter().path_of(place).path).read_bytes())
    assert len(contents) == 1
    assert pq.read_table(tmp_path / "0" / "predictions.parquet").equals(whole)


def test_row_groups_are_of_one_size_whatever_comes_in(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet_writer, "_SAMPLE_ROWS", 16)
    monkeypatch.setattr(ParquetWriter, "ROW_GROUP_ROWS", 64)
    ParquetWriter().write(pa.table({"id": range(200)}).to_reader(33), place_in(tmp_path))
    footer = pq.read_metadata(tmp_path / "predictions.parquet")
    assert [footer.row_group(i).num_rows for i in range(footer.num_row_groups)] == [64, 64, 64, 8]


def test_wide_rows_make_small_row_groups(tmp_path, monkeypatch):
    monkeypatch.setattr(ParquetWriter, "ROW_GROUP_BYTES", 1 << 20)
    ParquetWriter().write(pa.table({"s": ["x" * 500] * 5000}).to_reader(), place_in(tmp_path))
    footer = pq.read_metadata(tmp_path / "predictions.parquet")
    assert footer.row_group(0).num_rows == 2048


@pytest.mark.parametrize("format_name", FORMATS)
def test_columns_and_limit(tmp_path, format_name):
    writer = writer_for(format_name)
    writer.write(
        pa.table({"a": range(9), "b": list("abcdefghi"), "c": [1.5] * 9}).to_reader(2), place_in(tmp_path), {"k": "v"}
    )
    read = writer.read(place_in(tmp_path), columns=["b", "a"], limit=3)
    assert read.to_table().to_pydict() == {"b": ["a", "b", "c"], "a": [0, 1, 2]}
    assert read.schema.metadata == {b"k": b"v"}
    assert writer.read(place_in(tmp_path), columns=["c"]).to_table().to_pydict() == {"c": [1.5] * 9}


@pytest.mark.parametrize("format_name", FORMATS)
def test_a_whole_table_is_the_lazy_one(tmp_path, format_name):
    writer = writer_for(format_name)
    day = pa.array([dt.date(2026, 1, 31)] * 9, pa.date64())
    table = pa.table({"a": range(9), "b": list("abcdefghi"), "c": pa.array(range(9), pa.timestamp("s")), "d": day})
    writer.write(table.to_reader(2), place_in(tmp_path), {"k": "v"})
    whole = writer.read_whole(place_in(tmp_path))
    assert whole.equals(writer.read(place_in(tmp_path)).to_table(), check_metadata=True)
    assert whole.schema.metadata == {b"k": b"v"}
    target = writer.path_of(place_in(tmp_path))
    Path(target.path).write_bytes(b"PAR1 and no more of it")
    with pytest.raises(TableError, match=r"predictions\."):
        writer.read_whole(place_in(tmp_path))
    Path(target.path).unlink()
    with pytest.raises(TableError, match="No such table"):
        writer.read_whole(place_in(tmp_path))


@pytest.mark.parametrize("format_name", FORMATS)
def test_an_unknown_column_is_named_beside_those_there_are(tmp_path, format_name):
    writer = writer_for(format_name)
    writer.write(pa.table({"a": [1]}).to_reader(), place_in(tmp_path))
    with pytest.raises(TableError, match=r"'zz' not in the table .*predictions\..*'a'"):
        writer.read(place_in(tmp_path), columns=["zz"])


@pytest.mark.parametrize("format_name", FORMATS)
def test_a_table_never_written_is_missing(tmp_path, format_name):
    writer = writer_for(format_name)
    assert not writer.exists(place_in(tmp_path))
    with pytest.raises(TableError, match="No such table"):
        writer.read(place_in(tmp_path))


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize("failure", [ZeroDivisionError, KeyboardInterrupt])
def test_a_reader_that_fails_half_way_leaves_the_previous_table(tmp_path, format_name, failure):
    writer, place = writer_for(format_name), place_in(tmp_path)
    writer.write(pa.table({"a": [1, 2]}).to_reader(), place)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def half():
        yield pa.record_batch({"a": range(200_000)})
        raise failure("half way")

    with pytest.raises(failure, match="half way"):
        writer.write(pa.RecordBatchReader.from_batches(pa.schema([("a", pa.int64())]), half()), place)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert writer.read(place).to_table().to_pydict() == {"a": [1, 2]}


@pytest.mark.parametrize("format_name", FORMATS)
def test_a_failed_first_write_leaves_nothing(tmp_path, format_name):
    def failing():
        raise ZeroDivisionError
        yield

    with pytest.raises(ZeroDivisionError):
        writer_for(format_name).write(
            pa.RecordBatchReader.from_batches(pa.schema([("a", pa.int64())]), failing()), place_in(tmp_path)
        )
    assert list(tmp_path.iterdir()) == []


KILLED = """
    import sys, time
    import pyarrow as pa
    from mlops_assets.storage.location import Location
    from mlops_assets.tables.writers import writer_for

    def endless():
        for number in range(10**9):
            if number == 20:
                print("writing", flush=True)
            time.sleep(0.001 if number >= 20 else 0)
            yield pa.record_batch({"a": range(10_000)})

    reader = pa.RecordBatchReader.from_batches(pa.schema([("a", pa.int64())]), endless())
    writer_for(sys.argv[1]).write(reader, Location.parse(sys.argv[2]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("format_name", FORMATS)
def test_a_killed_writer_leaves_the_previous_table_and_a_leftover_that_is_swept(tmp_path, format_name):
    writer, place = writer_for(format_name), place_in(tmp_path)
    writer.write(pa.table({"a": [1, 2]}).to_reader(), place)
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(KILLED), format_name, place.path],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"writing\n"
    assert writer.sweep(place, dt.timedelta(0)) == (), "a living writer's file was swept"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert writer.read(place).to_table().to_pydict() == {"a": [1, 2]}
    leftovers = [path.name for path in tmp_path.glob(".*.tmp")]
    assert len(leftovers) == 1
    assert writer.sweep(place) == (), "a young leftover was swept"
    assert writer.sweep(place, dt.timedelta(0)) == tuple(leftovers)
    assert not list(tmp_path.glob(".*.tmp"))


def test_only_old_leftovers_of_this_table_are_swept(tmp_path):
    names = {
        "old": f".predictions.parquet.{'a' * 16}.tmp",
        "young": f".predictions.parquet.{'b' * 16}.tmp",
        "held": f".predictions.parquet.{'c' * 16}.tmp",
        "other": f".explanations.parquet.{'d' * 16}.tmp",
    }
    for kind, name in names.items():
        (tmp_path / name).touch()
        if kind != "young":
            os.utime(tmp_path / name, (time.time() - 7200,) * 2)
    with hold(tmp_path / f"{names['held']}.lock"):
        swept = ParquetWriter().sweep(place_in(tmp_path), dt.timedelta(hours=1))
    assert swept == (names["old"],)
    assert {path.name for path in tmp_path.iterdir()} == {names["young"], names["held"], names["other"]}


def test_csv_keeps_one_file_of_types_and_it_is_the_current_one(tmp_path):
    for value in (1, 2, 2):
        CsvWriter().write(pa.table({"a": [value]}).to_reader(), place_in(tmp_path))
    assert len(list(tmp_path.glob(".predictions.csv.*.schema"))) == 1
    assert CsvWriter().read(place_in(tmp_path)).to_table().to_pydict() == {"a": [2]}


def test_csv_edited_by_hand_is_refused(tmp_path):
    CsvWriter().write(pa.table({"a": [1]}).to_reader(), place_in(tmp_path))
    with (tmp_path / "predictions.csv").open("a") as file:
        file.write("2\n")
    with pytest.raises(TableError, match=r"types.*edited.*predictions\.csv.*Materialize"):
        CsvWriter().read(place_in(tmp_path))


def test_csv_has_its_types_before_it_is_switched(tmp_path, monkeypatch):
    writer, place = CsvWriter(), place_in(tmp_path)
    writer.write(pa.table({"a": [1]}).to_reader(), place)
    replace = Path.replace
    seen = []

    def watched(self, target):
        if Path(target).suffix == ".csv":
            seen.append(writer.read(place).to_table().to_pydict())
            replace(self, target)
            seen.append(writer.read(place).to_table().to_pydict())
            return target
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", watched)
    writer.write(pa.table({"a": [2]}).to_reader(), place)
    assert seen == [{"a": [1]}, {"a": [2]}]


def test_csv_names_the_columns_it_cannot_hold(tmp_path):
    table = pa.table({"ok": [1], "raw": [b"x"], "many": [[1]], "both": [{"x": 1}]})
    with pytest.raises(TableError, match=r"'raw' \(binary\), 'many' \(list.*\), 'both' \(struct.*Parquet"):
        CsvWriter().write(table.to_reader(), place_in(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_csv_refuses_what_it_could_not_read_back(tmp_path):
    with pytest.raises(TableError, match="too much for CSV"):
        CsvWriter().write(pa.table({"a": ["x" * (9 << 20)]}).to_reader(), place_in(tmp_path))


def test_csv_bytes_are_plain_csv(tmp_path):
    table = pa.table({"id": [1, None], "s": ["", None], "x": [float("nan"), None]})
    CsvWriter().write(table.to_reader(), place_in(tmp_path))
    assert (tmp_path / "predictions.csv").read_text() == '"id","s","x"\n1,"",nan\n,,\n'


def test_a_folder_of_parquet_files_is_read_as_one_table(tmp_path):
    for number in (1, 0):
        (tmp_path / "predictions.parquet").mkdir(exist_ok=True)
        pq.write_table(pa.table({"a": [number]}), tmp_path / f"predictions.parquet/part-{number}.parquet")
    (tmp_path / "predictions.parquet/_SUCCESS").touch()
    assert ParquetWriter().read(place_in(tmp_path)).to_table().to_pydict() == {"a": [0, 1]}
    with pytest.raises(TableError, match="is a folder here"):
        ParquetWriter().write(pa.table({"a": [1]}).to_reader(), place_in(tmp_path))


def test_nulls_where_none_may_be_are_refused(tmp_path):
    schema = pa.schema([pa.field("a", pa.int64(), nullable=False)])
    batch = pa.RecordBatch.from_arrays([pa.array([None], pa.int64())], schema=schema)
    with pytest.raises(TableError, match=r"'a' is declared without nulls .* cannot be written as parquet"):
        ParquetWriter().write(pa.RecordBatchReader.from_batches(schema, [batch]), place_in(tmp_path))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("format_name", FORMATS)
def test_a_disk_without_room_is_told_and_leaves_the_previous_table(tmp_path, format_name):
    import resource

    writer, place = writer_for(format_name), place_in(tmp_path)
    writer.write(pa.table({"a": [1]}).to_reader(), place)
    before = {path.name for path in tmp_path.iterdir()}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(TableError, match=r"cannot be written: .*predictions\..*disk's space"):
            writer.write(pa.table({"a": range(500_000)}).to_reader(), place)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert {path.name for path in tmp_path.iterdir()} == before
    assert writer.read(place).to_table().to_pydict() == {"a": [1]}


def test_a_file_where_the_folder_should_be_is_told(tmp_path):
    (tmp_path / "out").touch()
    with pytest.raises(TableError, match=r"cannot be written: .*out/predictions\.parquet"):
        ParquetWriter().write(pa.table({"a": [1]}).to_reader(), place_in(tmp_path / "out"))


@pytest.mark.parametrize("format_name", FORMATS)
def test_a_remote_place_behaves_like_a_local_one(memory_root, format_name):
    writer, place = writer_for(format_name), memory_root.child("out").child("predictions")
    writer.write(pa.table({"a": [1]}).to_reader(), place)
    written = writer.write(pa.table({"a": [2, 3]}).to_reader(), place, {"k": "v"})
    read = writer.read(place)
    assert (read.to_table().to_pydict(), read.schema.metadata) == ({"a": [2, 3]}, {b"k": b"v"})
    assert written.uri == writer.path_of(place).uri
    assert [name for name in memory_root.files() if name.endswith(".tmp")] == []


@pytest.mark.parametrize("format_name", FORMATS)
def test_a_remote_table_survives_a_failed_write(memory_root, format_name):
    writer, place = writer_for(format_name), memory_root.child("predictions[x]")
    writer.write(pa.table({"a": [1]}).to_reader(), place)
    before = memory_root.files()

    def half():
        yield pa.record_batch({"a": [9]})
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        writer.write(pa.RecordBatchReader.from_batches(pa.schema([("a", pa.int64())]), half()), place)
    assert memory_root.files() == before
    assert writer.read(place).to_table().to_pydict() == {"a": [1]}


def test_an_unknown_format_is_refused_with_those_there_are():
    with pytest.raises(ConfigurationError, match=r"'parket'.*did you mean 'parquet'.*parquet, csv"):
        writer_for("parket")


def test_csv_times_of_a_zone_with_an_odd_offset(tmp_path):
    table = pa.table({"t": pa.array([dt.datetime(1919, 1, 1, tzinfo=dt.UTC)], pa.timestamp("us", tz="Asia/Kathmandu"))})
    CsvWriter().write(table.to_reader(), place_in(tmp_path))
    assert_same(CsvWriter().read(place_in(tmp_path)).to_table(), table)


def test_decimals_keep_their_scale_in_csv(tmp_path):
    table = pa.table({"d": pa.array([Decimal("1.500")], pa.decimal128(10, 3))})
    CsvWriter().write(table.to_reader(), place_in(tmp_path))
    assert CsvWriter().read(place_in(tmp_path)).to_table()["d"].to_pylist() == [Decimal("1.500")]


@pytest.mark.parametrize("format_name", FORMATS)
def test_writers_and_readers_at_once_see_whole_tables(tmp_path, format_name):
    writer, place = writer_for(format_name), place_in(tmp_path)
    whole = [[value] * 50 for value in range(2)]
    writer.write(pa.table({"a": whole[0]}).to_reader(), place)

    def publish(value):
        for _ in range(15):
            writer.write(pa.table({"a": whole[value]}).to_reader(), place)

    with ThreadPoolExecutor(2) as pool:
        publishing = [pool.submit(publish, value) for value in range(2)]
        while not all(each.done() for each in publishing):
            assert writer.read(place).to_table()["a"].to_pylist() in whole
    for each in publishing:
        each.result()
    assert writer.read(place).to_table()["a"].to_pylist() in whole
    assert len(list(tmp_path.iterdir())) == (1 if format_name == "parquet" else 2)


def test_a_table_that_is_replaced_is_read_to_its_end(tmp_path):
    """By its path a file would be opened again at each scan, with the places that the old footer tells."""
    place = Location.parse(tmp_path / "t")
    old = pa.table({"id": range(300_000), "text": ["old"] * 300_000})
    ParquetWriter().write(old.to_reader(), place)
    opened = ParquetWriter().read(place)
    assert opened.head(1)["text"].to_pylist() == ["old"]
    ParquetWriter().write(pa.table({"id": [1], "text": ["new"]}).to_reader(), place)
    assert opened.count_rows() == 300_000
    assert opened.to_table().equals(old)
    assert ParquetWriter().read(place).to_table()["text"].to_pylist() == ["new"]
