"""Delta tables on a real S3 protocol server (moto's), under either name of the options; no fsspec package is needed."""

import pickle
import secrets
import socket
import subprocess
import sys

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from mlops_assets.errors import ConcurrentRunError, TableError
from mlops_assets.storage.location import Location
from mlops_assets.tables import part_size
from mlops_assets.tables.delta import log as delta_log
from mlops_assets.tables.delta.store import store_options
from mlops_assets.tables.delta.writer import DeltaWriter
from mlops_assets.tables.source import TableSource
from mlops_assets_tests.tables.delta.test_delta_parts import SCHEMA as PARTS_SCHEMA
from mlops_assets_tests.tables.delta.test_delta_parts import check_publishes, publish, rows, stage
from mlops_assets_tests.waiting import wait_for

SECRET = "secret-that-nobody-may-see"


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def server():
    # A process of its own: deltalake keeps Python's lock while it waits for an answer.
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: _listens(port), "the store's server", seconds_between=0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
def bucket(server):
    import boto3

    name = f"bucket-{secrets.token_hex(4)}"
    client = boto3.client(
        "s3", endpoint_url=server, aws_access_key_id="id", aws_secret_access_key=SECRET, region_name="us-east-1"
    )
    client.create_bucket(Bucket=name)
    options = {"key": "key-id", "secret": SECRET, "client_kwargs": {"endpoint_url": server, "region_name": "us-east-1"}}
    return client, name, Location.parse(f"s3://{name}/out", storage_options=options).child("t å"), server


def objects(client, name: str) -> list[str]:
    return sorted(each["Key"] for each in client.list_objects_v2(Bucket=name).get("Contents", []))


def test_publish_read_and_travel(bucket):
    client, name, place, server = bucket
    writer = DeltaWriter()
    assert not writer.exists(place)
    for number in range(3):
        written = writer.write(
            pa.table({"a": [number], "b": pa.array([2], pa.uint64())}).to_reader(), place, {"k": "v"}
        )
        assert (written.version, written.uri) == (number, f"s3://{name}/out/t å")
    read = writer.read(place)
    assert read.to_table().to_pydict() == {"a": [2], "b": [2]}
    assert read.schema.metadata == {b"k": b"v"}
    assert len([key for key in objects(client, name) if key.endswith(".parquet")]) == 3
    own = {
        "AWS_ACCESS_KEY_ID": "id",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_ENDPOINT_URL": server,
        "AWS_REGION": "us-east-1",
    }
    for options in (place.storage_options, own):
        found = TableSource(Location(place.address, options), "delta", version=1, row_key=("a",)).open()
        assert (found.uri, found.reader().read_all().to_pydict()) == (f"{written.uri}@v1", {"a": [1], "b": [2]})
    assert TableSource(place, "delta").open().uri.endswith("@v2")
    late = TableSource(place, "delta", timestamp="2099-01-01T00:00:00Z").open()
    assert late.uri.endswith("@v2")
    with pytest.raises(TableError, match="no version as old as 2001"):
        TableSource(place, "delta", timestamp="2001-01-01T00:00:00Z").open()


def test_its_splits_are_opened_where_they_are_sent(bucket, monkeypatch):
    _, _, place, _ = bucket
    for number in range(3):
        some = pa.table({"a": [number, 10 + number], "p": [number % 2] * 2})
        write_deltalake(place.address, some, mode="append", partition_by="p", storage_options=store_options(place))
    monkeypatch.setattr(part_size, "PART_ROWS", 2)
    table = TableSource(place, "delta").open()
    splits = pickle.loads(pickle.dumps(table.splits()))
    found = [split.open().reader().read_all() for split in splits]
    assert len(found) == 3
    assert pa.concat_tables(found).equals(table.reader().read_all())


def test_a_failed_write_leaves_nothing(bucket):
    client, name, place, _ = bucket

    def half():
        yield pa.record_batch({"a": range(200_000)})
        raise ZeroDivisionError

    reader = pa.RecordBatchReader.from_batches(pa.schema([("a", pa.int64())]), half())
    with pytest.raises(ZeroDivisionError):
        DeltaWriter().write(reader, place)
    assert objects(client, name) == []


def test_a_refused_switch_leaves_nothing(bucket):
    from contextlib import contextmanager

    @contextmanager
    def refusing():
        raise ConcurrentRunError("no")
        yield

    client, name, place, _ = bucket
    with pytest.raises(ConcurrentRunError):
        DeltaWriter().write(pa.table({"a": [1]}).to_reader(), place, switch_guard=refusing())
    assert objects(client, name) == []


def test_two_writers_at_once_never_make_a_table_of_both(bucket, monkeypatch):
    _, _, place, _ = bucket
    DeltaWriter().write(pa.table({"a": [1]}).to_reader(), place)
    others = [pa.table({"a": [2]})]

    def meanwhile(*_):
        if others:
            DeltaWriter().write(others.pop().to_reader(), place)
        return True

    monkeypatch.setattr(delta_log, "_accepts", meanwhile)
    with pytest.raises(ConcurrentRunError, match="at the same moment"):
        DeltaWriter().write(pa.table({"a": [3]}).to_reader(), place)
    assert DeltaWriter().read(place).to_table().to_pydict() == {"a": [2]}


def test_no_secret_is_shown(bucket):
    _, _, place, _ = bucket
    lost = Location(place.address.replace("s3://bucket", "s3://tekcub"), place.storage_options)
    with pytest.raises(TableError) as caught:
        TableSource(lost, "delta").open()
    shown = f"{caught.value} {caught.value.__cause__} {lost!r}"
    assert SECRET not in shown
    assert "key-id" not in shown


def test_parts_in_an_object_store(bucket):
    client, name, place, _ = bucket
    staging = DeltaWriter().staging(place)
    part = stage(staging, "z", 0)

    def half() -> pa.RecordBatchReader:
        def batches():
            yield rows(0, 2).to_batches()[0]
            raise ZeroDivisionError

        return pa.RecordBatchReader.from_batches(PARTS_SCHEMA, batches())

    for key in ("z", "never"):
        with pytest.raises(ZeroDivisionError):
            DeltaWriter().write_part(staging, key, half())
    assert [key.rpartition("/")[2] for key in objects(client, name)] == [part.name]
    assert DeltaWriter().find_part(staging, "z") == part
    assert DeltaWriter().find_part(staging, "never") is None
    check_publishes(place)


def test_two_runs_at_once_in_an_object_store_never_make_a_mixture(bucket):
    _, _, place, _ = bucket
    publish(place, {"z": 0})
    one, other = DeltaWriter().staging(place), DeltaWriter().staging(place)
    parts = [stage(one, "a", 3)], [stage(other, "a", 3), stage(other, "b", 6)]
    DeltaWriter().commit(one, parts[0], PARTS_SCHEMA)
    with pytest.raises(ConcurrentRunError, match="Run again"):
        DeltaWriter().commit(other, parts[1], PARTS_SCHEMA)
    assert DeltaWriter().read(place).to_table().equals(rows(3, 3))
    publish(place, {"a": 3, "b": 6})
    assert DeltaWriter().read(place).to_table().equals(rows(3, 6))
