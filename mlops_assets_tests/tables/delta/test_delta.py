"""Delta tables: each publish one commit, every type back, any version readable, removed rows never."""

import datetime as dt
import importlib
import json
import os
import struct
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import deltalake
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake
from hypothesis import HealthCheck, given, settings

from mlops_assets.arrow.provenance import Provenance
from mlops_assets.component import MlflowModelComponent
from mlops_assets.errors import ConcurrentRunError, ConfigurationError, MissingExtraError, TableError
from mlops_assets.storage.location import Location
from mlops_assets.tables.delta import log as delta_log
from mlops_assets.tables.delta.reader import delta_table
from mlops_assets.tables.delta.store import store_options
from mlops_assets.tables.delta.writer import DeltaWriter
from mlops_assets.tables.source import TableSource
from mlops_assets_tests.tables.strategies import EVERY, assert_same, tables

HELD = {name: kind for name, kind in EVERY.items() if name != "wide_decimal"}
WRITER = DeltaWriter()


def place_in(folder) -> Location:
    return Location.parse(str(folder)).child("predictions")


def publish(place: Location, table: pa.Table, **metadata: str):
    return WRITER.write(table.to_reader(), place, metadata)


def rows(place: Location, **version) -> list[dict]:
    return TableSource(place, "delta", row_key=("a",), **version).open().reader().read_all().to_pylist()


def log(place: Location) -> list[list[dict]]:
    """The actions of each commit."""
    entries = sorted((Path(place.path) / "_delta_log").glob("*.json"))
    return [[json.loads(line) for line in entry.read_text().splitlines()] for entry in entries]


@pytest.mark.slow
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(table=tables(HELD))
def test_types_and_values_come_back(tmp_path_factory, table):
    place = place_in(tmp_path_factory.mktemp("t"))
    WRITER.write(table.to_reader(2), place)
    read = WRITER.read(place).to_table()
    assert_same(read, table)
    assert read.schema.names == table.schema.names


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(table=tables(HELD))
@pytest.mark.slow
def test_what_was_published_is_the_same_as_an_input(tmp_path_factory, table):
    place = place_in(tmp_path_factory.mktemp("t"))
    WRITER.write(table.to_reader(2), place)
    read = delta_table(place).reader().read_all().drop_columns("row_number")
    assert_same(read, table)


@pytest.mark.slow
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(first=tables(HELD, max_rows=2), second=tables(HELD, max_rows=2))
def test_the_schema_may_change_between_versions(tmp_path_factory, first, second):
    place = place_in(tmp_path_factory.mktemp("t"))
    for table in (first, second):
        publish(place, table)
    for version, table in enumerate((first, second)):
        assert_same(delta_table(place, version=version).reader().read_all().drop_columns("row_number"), table)


@pytest.mark.parametrize("name", HELD)
def test_deltalake_itself_reads_what_was_published(tmp_path, name):
    kind, _ = HELD[name]
    publish(place_in(tmp_path), pa.table({"a": [1, 2], "c": pa.nulls(2, kind)}))
    table = DeltaTable(place_in(tmp_path).path).to_pyarrow_table()
    assert (table.num_rows, table["c"].null_count) == (2, 2)


def test_unsigned_and_large_integers_are_readable_elsewhere(tmp_path):
    table = pa.table({"a": pa.array([2**64 - 1], pa.uint64()), "b": pa.array([2**8 - 1], pa.uint8())})
    publish(place_in(tmp_path), table)
    assert DeltaTable(place_in(tmp_path).path).to_pyarrow_table().to_pylist() == [{"a": 2**64 - 1, "b": 255}]


def test_each_publish_is_one_commit_with_the_provenance(tmp_path):
    place = place_in(tmp_path)
    told = [Provenance(row_key=("a",), model="churn ü", data_version=str(n)).to_metadata() for n in (1, 2, 2)]
    for number, metadata in enumerate(told):
        written = publish(place, pa.table({"a": [number]}), **metadata)
        assert (written.version, written.rows, written.uri) == (number, 1, place.uri)
    commits = log(place)
    assert len(commits) == 3
    for commit, metadata in zip(commits, told, strict=True):
        (info,) = [action["commitInfo"] for action in commit if "commitInfo" in action]
        assert {key: value for key, value in info.items() if key.startswith("mlops_assets.")} == metadata
        assert sum("add" in action for action in commit) == 1
    read = WRITER.read(place)
    assert Provenance.of(read.schema) == Provenance(row_key=("a",), model="churn ü", data_version="2")
    assert read.to_table().to_pydict() == {"a": [2]}


def test_all_metadata_comes_back(tmp_path):
    table = pa.table({"a": [1]}).replace_schema_metadata({"operation": "mine", b"\xff": b"\xfe"})
    publish(place_in(tmp_path), table, added="ä")
    assert WRITER.read(place_in(tmp_path)).schema.metadata == {
        b"operation": b"mine",
        b"\xff": b"\xfe",
        b"added": "ä".encode(),
    }
    assert log(place_in(tmp_path))[0][0]["commitInfo"]["operation"] != "mine"


def test_a_version_by_number(tmp_path):
    place = place_in(tmp_path)
    for number in range(3):
        publish(place, pa.table({"a": [number]}))
    assert [rows(place, version=number) for number in range(3)] == [[{"a": 0}], [{"a": 1}], [{"a": 2}]]
    assert TableSource(place, "delta", version=1).open().uri == f"{place.uri}@v1"
    assert TableSource(place).open().uri == f"{place.uri}@v2"
    with pytest.raises(TableError, match=r"no version 3, its newest is 2 .*predictions"):
        rows(place, version=3)


def test_a_version_by_time(tmp_path):
    place = place_in(tmp_path)
    start = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
    for number in range(3):
        publish(place, pa.table({"a": [number]}))
        at = (start + dt.timedelta(hours=number)).timestamp()
        os.utime(Path(place.path) / f"_delta_log/{number:020}.json", (at, at))
    assert rows(place, timestamp="2026-11-01T00:00:00Z") == [{"a": 0}]
    assert rows(place, timestamp="2026-11-01T01:59:59+00:00") == [{"a": 1}]
    assert rows(place, timestamp="2026-11-01T03:30:00+01:00") == [{"a": 2}]
    with pytest.raises(TableError, match=r"no version as old as 2026-10-31T23:59:59Z: version 0 was written later"):
        rows(place, timestamp="2026-10-31T23:59:59Z")


def test_a_vacuumed_version_is_told(tmp_path):
    place = place_in(tmp_path)
    for number in range(2):
        publish(place, pa.table({"a": [number]}))
    DeltaTable(place.path).vacuum(0, dry_run=False, enforce_retention_duration=False)
    with pytest.raises(TableError, match="version 0 is gone: old versions were vacuumed"):
        rows(place, version=0)
    assert rows(place) == [{"a": 1}]
    assert WRITER.read(place).to_table().to_pydict() == {"a": [1]}


def test_removed_rows_never_come_back(tmp_path):
    place = place_in(tmp_path)
    write_deltalake(place.path, pa.table({"a": [1, 2]}))
    write_deltalake(place.path, pa.table({"a": [3]}), mode="overwrite")
    assert TableSource(place, row_key=("a",)).open().reader().read_all().to_pydict() == {"a": [3]}
    for folder in (place, Location.parse(str(tmp_path))):
        with pytest.raises(TableError, match=r"holds a Delta table.*format: delta"):
            TableSource(folder, "parquet").open()


def test_one_partition_of_somebodys_delta_table_is_not_read_as_parquet(tmp_path):
    place = place_in(tmp_path)
    write_deltalake(place.path, pa.table({"a": [1], "day": ["x"]}), partition_by="day")
    with pytest.raises(TableError, match="holds a Delta table"):
        TableSource(place.child("day=x")).open()


def test_a_file_or_folder_without_a_log_is_read_as_before(tmp_path):
    pq.write_table(pa.table({"a": [1]}), tmp_path / "one.parquet")
    for path in (tmp_path / "one.parquet", tmp_path):
        assert TableSource(Location.parse(path), row_key=("a",)).open().reader().read_all().to_pydict() == {"a": [1]}
    with pytest.raises(TableError, match="No such Delta table"):
        TableSource(Location.parse(tmp_path), "delta").open()


def test_appended_files_are_read_in_the_order_of_their_commits(tmp_path):
    place = place_in(tmp_path)
    for number in range(6):
        write_deltalake(place.path, pa.table({"a": [number * 2, number * 2 + 1]}), mode="append")
        time.sleep(0.002)
    found = TableSource(place, row_key=("a",)).open()
    assert found.reader().read_all()["a"].to_pylist() == list(range(12))
    assert found.dataset().to_table()["a"].to_pylist() == list(range(12))


def test_partition_columns_and_added_columns_have_their_values(tmp_path):
    place = place_in(tmp_path)
    day = dt.date(2026, 1, 1)
    first = pa.table({"a": [1, 2], "s": ["x/y%2F ü", None], "d": [day, None]})
    write_deltalake(place.path, first, partition_by=["s", "d"])
    second = pa.table({"a": [3], "s": ["b=c"], "d": [day], "new": ["n"]})
    write_deltalake(place.path, second, mode="append", schema_mode="merge")
    expected = [
        {"a": 1, "s": "x/y%2F ü", "d": day, "new": None},
        {"a": 2, "s": None, "d": None, "new": None},
        {"a": 3, "s": "b=c", "d": day, "new": "n"},
    ]
    assert sorted(rows(place), key=lambda row: row["a"]) == expected
    lazy = TableSource(place, row_key=("a",)).open().dataset().to_table().to_pylist()
    assert sorted(lazy, key=lambda row: row["a"]) == expected


def test_rows_deleted_by_a_deletion_vector_are_left_out(tmp_path):
    """As Spark deletes rows: the file stays, the log says which of its rows are gone."""
    place = place_in(tmp_path / "å b")
    configuration = {"delta.enableDeletionVectors": "true"}
    write_deltalake(Path(place.path).as_uri(), pa.table({"a": range(70_000)}), configuration=configuration)
    (add,) = [action["add"] for action in log(place)[0] if "add" in action]
    removed = {key: add[key] for key in ("path", "size", "partitionValues")} | {"deletionTimestamp": 1}
    removed |= {"dataChange": True, "extendedFileMetadata": True}
    actions = [
        {"commitInfo": {"timestamp": 1, "operation": "DELETE"}},
        {"remove": removed},
        {"add": add | {"deletionVector": deletion_vector([2, 5, 60_000])}},
    ]
    entry = Path(place.path) / f"_delta_log/{1:020}.json"
    entry.write_text("\n".join(map(json.dumps, actions)))

    left = [number for number in range(70_000) if number not in (2, 5, 60_000)]
    assert [row["a"] for row in rows(place)] == left
    assert len(rows(place, version=0)) == 70_000
    assert TableSource(place, row_key=("a",)).open().dataset() is None
    with pytest.raises(TableError, match="deletion vectors"):
        WRITER.read(place)


def deletion_vector(numbers: list[int]) -> dict[str, object]:
    """An inline one: https://github.com/delta-io/delta/blob/master/PROTOCOL.md#deletion-vector-format"""
    digits = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
    roaring = struct.pack("<IIHHI", 12346, 1, 0, len(numbers) - 1, 16) + struct.pack(f"<{len(numbers)}H", *numbers)
    body = struct.pack("<IQI", 1681511377, 1, 0) + roaring
    text = ""
    for start in range(0, len(body), 4):
        word = int.from_bytes(body[start : start + 4].ljust(4, b"\0"), "big")
        text += "".join(digits[word // 85**power % 85] for power in (4, 3, 2, 1, 0))
    return {"storageType": "i", "pathOrInlineDv": text, "sizeInBytes": len(body), "cardinality": len(numbers)}


def test_a_table_that_somebody_partitioned_is_replaced_whole(tmp_path):
    place = place_in(tmp_path)
    write_deltalake(place.path, pa.table({"a": [1], "day": ["x"]}), partition_by="day")
    written = publish(place, pa.table({"a": [2], "day": ["y"]}))
    assert (written.version, WRITER.read(place).to_table().to_pylist()) == (1, [{"a": 2, "day": "y"}])
    assert len(log(place)) == 2


def test_the_tables_properties_stay(tmp_path):
    place = place_in(tmp_path)
    publish(place, pa.table({"a": [1]}))
    DeltaTable(place.path).alter.set_table_properties({"delta.logRetentionDuration": "interval 3 days"})
    for table in (pa.table({"a": [2]}), pa.table({"when": pa.array([dt.datetime(2026, 1, 1)], pa.timestamp("us"))})):
        publish(place, table)
        assert DeltaTable(place.path).metadata().configuration == {"delta.logRetentionDuration": "interval 3 days"}
    assert WRITER.read(place).to_table() == table


def test_somebody_elses_rows_carry_no_provenance_of_ours(tmp_path):
    place = place_in(tmp_path)
    publish(place, pa.table({"a": [1]}), **Provenance(data_version="1").to_metadata())
    write_deltalake(place.path, pa.table({"a": [2]}), mode="append")
    read = WRITER.read(place)
    assert Provenance.of(read.schema) == Provenance()
    assert sorted(read.to_table()["a"].to_pylist()) == [1, 2]


@pytest.mark.parametrize("failure", [ZeroDivisionError, KeyboardInterrupt])
def test_a_reader_that_fails_half_way_leaves_the_previous_version(tmp_path, failure):
    place = place_in(tmp_path)
    publish(place, pa.table({"a": [1]}))
    before = sorted(tmp_path.rglob("*"))

    def half():
        yield pa.record_batch({"a": range(200_000)})
        raise failure("half way")

    with pytest.raises(failure, match="half way"):
        WRITER.write(pa.RecordBatchReader.from_batches(pa.schema([("a", pa.int64())]), half()), place)
    assert sorted(tmp_path.rglob("*")) == before
    assert WRITER.read(place).to_table().to_pydict() == {"a": [1]}


def test_a_commit_that_is_refused_leaves_no_file(tmp_path, monkeypatch):
    place = place_in(tmp_path)
    publish(place, pa.table({"a": [1]}))
    before = sorted(tmp_path.rglob("*"))

    def refused(*_, **__):
        raise deltalake.exceptions.CommitFailedError("version 1 already exists")

    monkeypatch.setattr(DeltaTable, "create_write_transaction", refused)
    with pytest.raises(ConcurrentRunError, match=r"changed the table at the same moment .*predictions"):
        publish(place, pa.table({"a": [2]}))
    assert sorted(tmp_path.rglob("*")) == before
    assert WRITER.read(place).to_table().to_pydict() == {"a": [1]}


@pytest.mark.parametrize("takes", [True, False])
def test_two_writers_at_once_never_make_a_table_of_both(tmp_path, monkeypatch, takes):
    """deltalake would otherwise try a refused commit again, on top of the other writer's rows."""
    place = place_in(tmp_path)
    publish(place, pa.table({"a": [1]}))
    others = [pa.table({"a": [2]})]

    def meanwhile(*_):
        if others:
            publish(place, others.pop())
            return takes
        return True

    monkeypatch.setattr(delta_log, "_accepts", meanwhile)
    try:
        publish(place, pa.table({"a": [3]}))
    except ConcurrentRunError:
        assert WRITER.read(place).to_table().to_pydict() == {"a": [2]}
    else:
        assert WRITER.read(place).to_table().to_pydict() == {"a": [3]}
    assert len(list(Path(place.path).glob("*.parquet"))) == len(log(place))


def test_writers_and_readers_at_once_see_whole_tables(tmp_path):
    place = place_in(tmp_path)
    whole = [[value] * 50 for value in range(2)]
    publish(place, pa.table({"a": whole[0]}))

    def several(value: int) -> int:
        done = 0
        for _ in range(15):
            with suppress(ConcurrentRunError):
                publish(place, pa.table({"a": whole[value]}))
                done += 1
        return done

    with ThreadPoolExecutor(2) as pool:
        publishing = [pool.submit(several, value) for value in range(2)]
        while not all(each.done() for each in publishing):
            assert WRITER.read(place).to_table()["a"].to_pylist() in whole
    commits = 1 + sum(each.result() for each in publishing)
    assert len(log(place)) == len(list(Path(place.path).glob("*.parquet"))) == commits


def test_a_file_that_a_version_names_is_never_removed(tmp_path, monkeypatch):
    place = place_in(tmp_path)
    publish(place, pa.table({"a": [1]}))
    commit = DeltaTable.create_write_transaction

    def taken_and_not_told(*args, **options):
        commit(*args, **options)
        raise OSError("connection reset")

    monkeypatch.setattr(DeltaTable, "create_write_transaction", taken_and_not_told)
    with pytest.raises(TableError, match="connection reset"):
        publish(place, pa.table({"a": [2]}))
    assert WRITER.read(place).to_table().to_pydict() == {"a": [2]}


def test_a_refused_switch_publishes_nothing(tmp_path):
    from contextlib import contextmanager

    @contextmanager
    def refusing():
        raise ConcurrentRunError("no")
        yield

    with pytest.raises(ConcurrentRunError):
        WRITER.write(pa.table({"a": [1]}).to_reader(), place_in(tmp_path), switch_guard=refusing())
    assert not WRITER.exists(place_in(tmp_path))
    assert list(tmp_path.rglob("*")) == []
    with pytest.raises(TableError, match="No such table"):
        WRITER.read(place_in(tmp_path))


@pytest.mark.parametrize(
    ("table", "named"),
    [
        (pa.table({"Wide": pa.array([None], pa.decimal256(45, 2))}), r"'Wide' \(decimal256"),
        (pa.table({"id": [1], "ID": [2]}), "'id', 'ID'"),
        (pa.table({"both": [{"x": 1, "X": 2}]}), "'both'"),
        (
            pa.table([pa.array([None], pa.int64())], schema=pa.schema([pa.field("full", pa.int64(), nullable=False)])),
            "'full' is declared without nulls",
        ),
        (pa.table({"fine ns": pa.array([1], pa.timestamp("ns"))}), r"'fine ns' is timestamp\[ns\]"),
    ],
)
def test_what_delta_cannot_hold_is_refused_by_column(tmp_path, table, named):
    with pytest.raises(TableError, match=rf"{named}.*|.*{named}") as caught:
        publish(place_in(tmp_path), table)
    assert "predictions" in str(caught.value)
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.parametrize(
    "name", ["a b ü", "a#b", "a?b", "x[1]{2}", "100% of", "a&b=c:d+e", "'\"`$", "日本😀", ".hidden"]
)
def test_odd_folders(tmp_path, name):
    place = Location.parse(str(tmp_path / name / "t"))
    publish(place, pa.table({"a": [1]}))
    publish(place, pa.table({"a": [2], "when": pa.array([dt.datetime(2026, 1, 1)], pa.timestamp("us"))}))
    assert rows(place, version=0) == [{"a": 1}]
    assert rows(place)[0]["a"] == 2
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["a%20b", "a\\b", "a\tb"])
def test_folders_that_deltalake_would_mistake_are_refused(tmp_path, name):
    place = Location.parse(str(tmp_path / name))
    with pytest.raises(ConfigurationError, match=r"cannot hold a Delta table.*Use another folder"):
        publish(place, pa.table({"a": [1]}))
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_deltalake_does_not_know_is_refused(memory_root):
    with pytest.raises(ConfigurationError, match=r"deltalake cannot open memory://.*s3://"):
        publish(memory_root.child("t"), pa.table({"a": [1]}))


def test_storage_options_under_either_name():
    place = Location(
        "s3://bucket/t",
        {"key": "id", "client_kwargs": {"endpoint_url": "http://x", "region_name": "r"}, "AWS_SECRET_ACCESS_KEY": "s"},
    )
    assert store_options(place) == {
        "AWS_ACCESS_KEY_ID": "id",
        "AWS_ENDPOINT_URL": "http://x",
        "AWS_REGION": "r",
        "AWS_SECRET_ACCESS_KEY": "s",
        "AWS_ALLOW_HTTP": "true",
    }


def test_a_missing_extra_is_named(tmp_path, monkeypatch):
    real = importlib.import_module

    def without(name, *rest):
        if name == "deltalake":
            raise ModuleNotFoundError(name=name)
        return real(name, *rest)

    monkeypatch.setattr(importlib, "import_module", without)
    with pytest.raises(MissingExtraError, match=r'pip install "mlops-assets\[delta\]"'):
        publish(place_in(tmp_path), pa.table({"a": [1]}))
    with pytest.raises(MissingExtraError, match=r'pip install "mlops-assets\[delta\]"'):
        TableSource(place_in(tmp_path), "delta").open()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"inputs": {"path": "x", "version": 3}}, "need inputs.format: delta"),
        ({"inputs": {"path": "x", "format": "csv", "timestamp": "2026-11-01T00:00:00Z"}}, "need inputs.format: delta"),
        ({"inputs": {"path": "x", "format": "delta", "version": 3, "timestamp": "2026-11-01T00:00:00Z"}}, "keep one"),
        ({"inputs": {"path": "x", "format": "delta", "version": -1}}, "greater than or equal to 0"),
        ({"inputs": {"path": "x", "format": "delta", "timestamp": "yesterday"}}, "'yesterday', which is not ISO 8601"),
        ({"inputs": {"path": "x", "format": "delta", "timestamp": "2026-11-01"}}, "has no time zone"),
        (
            {
                "inputs": {"path": "x", "format": "delta", "version": 1},
                "sensors": {"inputs": {"status": "RUNNING"}},
            },
            "a version of a Delta table never changes",
        ),
        (
            {
                "inputs": {"path": "x/{partition}", "format": "delta", "version": 1},
                "partitions": {"type": "static", "keys": ["n"]},
            },
            "with partitions use inputs.timestamp",
        ),
    ],
)
def test_wrong_settings_fail_at_load(wrong, message):
    with pytest.raises(ConfigurationError, match=message):
        MlflowModelComponent.model_validate({"model": "m", "outputs": {"path": "t"}, **wrong})


def test_right_settings_load(tmp_path):
    for inputs in ({"version": 0}, {"timestamp": "2026-11-01T00:00:00Z"}, {}):
        settings = {"model": "m", "inputs": {"path": "x", "format": "delta", **inputs}}
        component = MlflowModelComponent.model_validate({**settings, "outputs": {"path": "t", "format": "delta"}})
        assert component.definitions(tmp_path).jobs


@pytest.mark.slow
def test_importing_the_settings_imports_no_deltalake():
    import subprocess

    code = "import sys, mlops_assets.settings.groups, mlops_assets.tables.writers; print('deltalake' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
