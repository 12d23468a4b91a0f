"""Tables on a real S3 server: read in every format and shape, written whole or not at all, types and all."""

import datetime as dt
import gzip
import os
import signal
import subprocess
import sys
import textwrap
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings

from mlops_assets.errors import TableError
from mlops_assets.tables.source import TableSource
from mlops_assets.tables.writers import CsvWriter, ParquetWriter, writer_for
from mlops_assets_tests.tables.strategies import FLAT, NESTED, tables

MIB = 1 << 20
MIXED = pa.table(
    {
        "name": pa.array(["ü", None, "", 'a"b\n'], pa.string()),
        "big": pa.array([2**63 - 1, None, -(2**63), 0], pa.int64()),
        "at": pa.array([dt.datetime(2024, 2, 29, 23, 59, 59, 999999), None, None, None], pa.timestamp("us", "UTC")),
        "money": pa.array([Decimal("1.10"), None, Decimal("-0.01"), None], pa.decimal128(12, 2)),
        "yes": pa.array([True, False, None, None]),
    }
)


def put(bucket, key, data):
    bucket.client.put_object(Bucket=bucket.name, Key=key, Body=data)


def put_parquet(bucket, key, table, **how):
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, **how)
    put(bucket, key, sink.getvalue().to_pybytes())


def rows(place, **how):
    return TableSource(place, **how).open().reader().read_all()


class TestInputs:
    def test_a_parquet_file(self, bucket):
        put_parquet(bucket, "in.parquet", MIXED)
        assert rows(bucket.place("in.parquet")).select(MIXED.column_names).equals(MIXED)

    def test_csv_and_json_lines_packed_or_not(self, bucket):
        text = "a,b\n1,x\n2,ü\n".encode()
        put(bucket, "in.csv", text)
        put(bucket, "in.csv.gz", gzip.compress(text))
        put(bucket, "in.jsonl", b'{"a": 1, "b": "x"}\n{"a": 2, "b": "\xc3\xbc"}\n')
        for name in ("in.csv", "in.csv.gz", "in.jsonl"):
            found = rows(bucket.place(name), types={"a": "int64"})
            assert found.column("a").to_pylist() == [1, 2]
            assert found.column("b").to_pylist() == ["x", "ü"]

    def test_a_folder_of_files_in_their_order_without_hidden_ones(self, bucket):
        for number, name in enumerate(["in/b.parquet", "in/a.parquet", "in/deep er/c#1.parquet"]):
            put_parquet(bucket, name, pa.table({"n": [number]}))
        put_parquet(bucket, "in/_old/d.parquet", pa.table({"n": [9]}))
        put_parquet(bucket, "inside.parquet", pa.table({"n": [9]}))
        put(bucket, "in/", b"")
        assert rows(bucket.place("in")).column("n").to_pylist() == [1, 0, 2]

    def test_hive_partitions_become_columns(self, bucket):
        put_parquet(bucket, "in/year=2023/place=a%2Fb/x.parquet", pa.table({"n": [1]}))
        put_parquet(bucket, "in/year=2024/place=c d/x.parquet", pa.table({"n": [2]}))
        table = TableSource(bucket.place("in"), row_key=("n",)).open()
        expected = {"n": [1, 2], "year": ["2023", "2024"], "place": ["a/b", "c d"]}
        assert table.reader().read_all().select(list(expected)).to_pydict() == expected
        assert table.dataset().to_table().select(list(expected)).to_pydict() == expected

    def test_a_missing_column_is_named_with_its_table(self, bucket):
        put_parquet(bucket, "in.parquet", MIXED)
        with pytest.raises(TableError, match=rf"'nope'.*\({bucket.url}/in\.parquet\)"):
            rows(bucket.place("in.parquet"), columns=("nope",))

    @pytest.mark.parametrize(
        ("key", "data", "expected"),
        [("in.parquet", b"PAR1", "damaged"), ("in.csv", b"", "empty"), ("in.parquet", b"a,b\n", "not Parquet")],
    )
    def test_what_is_no_table(self, bucket, key, data, expected):
        put(bucket, key, data)
        with pytest.raises(TableError, match=rf"{expected}.*\({bucket.url}/{key}\)"):
            rows(bucket.place(key))

    def test_only_the_columns_asked_for_are_fetched(self, bucket):
        wide = pa.table({f"c{number}": np.random.default_rng(number).random(1_000_000) for number in range(8)})
        put_parquet(bucket, "in.parquet", wide, compression="none", use_dictionary=False)
        assert bucket.place("in.parquet").size() > 60 * MIB
        filesystem = bucket.place("in.parquet").remote()[0]
        fetched = []

        def count(parsed, **_):
            fetched.append(parsed["ContentLength"])

        filesystem.connect()
        filesystem.s3.meta.events.register("after-call.s3.GetObject", count)
        try:
            found = TableSource(bucket.place("in.parquet"), columns=("c5",)).open().reader().read_all()
        finally:
            filesystem.s3.meta.events.unregister("after-call.s3.GetObject", count)
        np.testing.assert_array_equal(found.column("c5"), wide.column("c5"))
        assert sum(fetched) < 16 * MIB
        assert max(fetched) <= 2 * MIB


class TestPublishing:
    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(table=tables(FLAT | NESTED))
    def test_parquet_types_survive(self, bucket, table):
        place = bucket.place("t")
        ParquetWriter().write(table.to_reader(), place, {"origin": "ü"})
        found = ParquetWriter().read(place)
        assert found.schema.remove_metadata().equals(table.schema)
        assert found.to_table().to_pylist().__repr__() == table.to_pylist().__repr__()
        assert found.schema.metadata[b"origin"] == "ü".encode()

    @settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(table=tables(FLAT))
    def test_csv_types_survive(self, bucket, table):
        place = bucket.place("t")
        CsvWriter().write(table.to_reader(), place)
        found = CsvWriter().read(place)
        assert found.schema.equals(table.schema)
        assert found.to_table().to_pylist().__repr__() == table.to_pylist().__repr__()

    @pytest.mark.parametrize("kind", ["parquet", "csv"])
    def test_the_same_bytes_as_locally(self, bucket, kind, tmp_path):
        from mlops_assets.storage.location import Location

        local, remote = Location.parse(tmp_path / "t"), bucket.place("folder/t")
        here, there = (writer_for(kind).write(MIXED.to_reader(), place) for place in (local, remote))
        assert remote.append(f".{kind}").read_bytes() == (tmp_path / f"t.{kind}").read_bytes()
        assert (here.rows, here.bytes, here.schema) == (there.rows, there.bytes, there.schema)

    @pytest.mark.parametrize("kind", ["parquet", "csv"])
    def test_a_stream_that_fails_leaves_the_old_table_alone(self, bucket, kind):
        writer, place = writer_for(kind), bucket.place("t", default_block_size=5 * MIB)
        writer.write(MIXED.to_reader(), place)
        before = bucket.objects()

        def broken():
            for _ in range(8):
                yield pa.record_batch({"x": np.random.default_rng(0).random(200_000)})
            raise RuntimeError

        stream = pa.RecordBatchReader.from_batches(pa.schema({"x": pa.float64()}), broken())
        with pytest.raises(RuntimeError):
            writer.write(stream, place)
        assert writer.read(place).to_table().equals(MIXED)
        assert (bucket.objects(), bucket.uploads()) == (before, [])

    def test_whoever_refuses_the_switch_leaves_the_old_table(self, bucket):
        from contextlib import contextmanager

        writer, place = ParquetWriter(), bucket.place("t")
        writer.write(MIXED.to_reader(), place)

        @contextmanager
        def refusing():
            raise TableError("no")
            yield

        with pytest.raises(TableError, match="no"):
            writer.write(pa.table({"x": [1]}).to_reader(), place, switch_guard=refusing())
        assert writer.read(place).to_table().equals(MIXED)

    def test_a_reader_meanwhile_sees_the_old_table_or_the_new_one(self, bucket):
        writer, place = CsvWriter(), bucket.place("t")
        writer.write(MIXED.to_reader(), place)
        seen = []

        def looking():
            for number in range(3):
                seen.append(writer.read(place).to_table())
                yield pa.record_batch({"n": [number]})

        schema = pa.schema({"n": pa.int64()})
        writer.write(pa.RecordBatchReader.from_batches(schema, looking()), place)
        assert all(table.equals(MIXED) for table in seen)
        assert len(seen) == 3
        assert writer.read(place).to_table().column("n").to_pylist() == [0, 1, 2]

    def test_a_killed_writer_leaves_the_old_table(self, bucket):
        place = bucket.place("t", default_block_size=5 * MIB)
        ParquetWriter().write(MIXED.to_reader(), place)
        before = bucket.objects()
        program = f"""
            import numpy, pyarrow as pa
            from mlops_assets.storage.location import Location
            from mlops_assets.tables.writers import ParquetWriter
            def batches():
                for number in range(100):
                    if number == 8:
                        print("half", flush=True)
                        input()
                    yield pa.record_batch({{"x": numpy.random.default_rng(number).random(200_000)}})
            stream = pa.RecordBatchReader.from_batches(pa.schema({{"x": pa.float64()}}), batches())
            ParquetWriter().write(stream, Location({place.address!r}, {dict(place.storage_options)!r}))
        """
        writer = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout.readline() == "half\n"
        os.kill(writer.pid, signal.SIGKILL)
        writer.communicate()
        assert bucket.uploads() == ["t.parquet"]
        assert bucket.objects() == before
        assert ParquetWriter().read(place).to_table().equals(MIXED)

    def test_a_refused_write_names_table_and_bucket(self, bucket):
        bucket.deny("s3:PutObject")
        with pytest.raises(TableError, match=rf"refuses access to '{bucket.name}' \({bucket.url}/t\.parquet\)"):
            ParquetWriter().write(MIXED.to_reader(), bucket.place("t"))
