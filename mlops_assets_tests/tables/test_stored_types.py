"""Types that formats and databases store, through reader and contract: the value, or a refusal; never another value."""

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from mlflow.types import ColSpec, DataType, Schema
from mlflow.types.schema import Array, Object, Property

from mlops_assets.arrow.input_table import InputTable
from mlops_assets.errors import ContractError, TableError
from mlops_assets.scoring.apply_contract import apply_contract
from mlops_assets.signatures.contract.contract import ContractPolicy
from mlops_assets.storage.location import Location
from mlops_assets.tables.source import TableSource
from mlops_assets.tables.sql.address import SqlAddress
from mlops_assets.tables.sql.names import TableName
from mlops_assets.tables.sql.source import SqlSource

REFUSED = "refused"


def verdicts(table: InputTable, target: DataType | Array | Object, scratch: Path) -> list[object]:
    """In the rows' order (their key is 0, 1, ...): the accepted values, or `REFUSED`."""
    schema = Schema([ColSpec(target, "x", required=False)])
    with apply_contract(table, schema, ContractPolicy(text_columns=table.text_columns), scratch) as result:
        found = {row["id"]: row["x"] for row in result.accepted.reader().read_all().to_pylist()}
        found |= {row["id"]: REFUSED for row in result.rejected.reader().read_all().to_pylist()}
    return [found[at] for at in range(len(found))]


def parquet(path: Path, values: pa.Array, **options) -> InputTable:
    pq.write_table(pa.table({"id": pa.array(range(len(values)), pa.int64()), "x": values}), path, **options)
    return TableSource(Location.parse(str(path)), row_key=("id",)).open()


TIME = datetime(2024, 1, 2, 3, 4, 5)
PARQUET = {
    "int96": (pa.array([TIME, None], pa.timestamp("ns")), {"use_deprecated_int96_timestamps": True}, "datetime",
              [pd.Timestamp(TIME), None]),
    "milliseconds": (pa.array([TIME], pa.timestamp("ms")), {}, "datetime", [pd.Timestamp(TIME)]),
    "microseconds far away": (pa.array([TIME, datetime(1000, 1, 1)], pa.timestamp("us")), {}, "datetime",
                              [pd.Timestamp(TIME), REFUSED]),
    "nanoseconds": (pa.array([1], pa.timestamp("ns")), {}, "datetime", [pd.Timestamp(1)]),
    "zone": (pa.array([TIME], pa.timestamp("us", "Europe/Berlin")), {}, "datetime", [pd.Timestamp(TIME)]),
    "date": (pa.array([date(2024, 1, 2), date(1, 1, 1)]), {}, "datetime", [pd.Timestamp("2024-01-02"), REFUSED]),
    "decimal": (pa.array([Decimal("0.10"), Decimal("12345678901234567.89"), None], pa.decimal128(19, 2)), {}, "double",
                [0.1, REFUSED, None]),
    "decimal of 256 bits": (pa.array([Decimal(3), Decimal(10) ** 60], pa.decimal256(76, 0)), {}, "long", [3, REFUSED]),
    "decimal in int32": (pa.array([Decimal("1.50"), Decimal("2.00")], pa.decimal128(5, 2)),
                         {"store_decimal_as_integer": True}, "long", [REFUSED, 2]),
    "float16": (pa.array(np.array([0.5, 65504], np.float16)), {}, "double", [0.5, 65504.0]),
    "float": (pa.array([0.5, 2.0**24], pa.float32()), {}, "long", [REFUSED, 2**24]),
    "uint64": (pa.array([1, 2**64 - 1], pa.uint64()), {}, "long", [1, REFUSED]),
    "uint32": (pa.array([2**32 - 1], pa.uint32()), {}, "long", [2**32 - 1]),
    "int8": (pa.array([-128], pa.int8()), {}, "integer", [-128]),
    "dictionary": (pa.array(["a", None, "b"]).dictionary_encode(), {}, "string", ["a", None, "b"]),
    "dictionary of numbers": (pa.array([1, 2**40, None]).dictionary_encode(), {}, "integer", [1, REFUSED, None]),
    "large text": (pa.array(["a"], pa.large_string()), {}, "string", ["a"]),
    "view": (pa.array(["a", None], pa.string_view()), {}, "string", ["a", None]),
    "fixed bytes": (pa.array([b"ab"], pa.binary(2)), {}, "binary", [b"ab"]),
    "uuid": (pa.array([bytes(16)], pa.binary(16)).cast(pa.uuid()), {}, "binary", [bytes(16)]),
    "list of float16": (pa.array([[0.5]], pa.list_(pa.float16())), {}, Array(DataType.double), [[0.5]]),
    "list of decimals": (pa.array([[Decimal("0.5")], [Decimal("12345678901234567.8")]], pa.list_(pa.decimal128(18, 1))),
                         {}, Array(DataType.double), [[0.5], REFUSED]),
    "struct": (pa.array([{"t": TIME}, {"t": None}], pa.struct([("t", pa.timestamp("ms"))])), {},
               Object([Property("t", DataType.datetime, required=False)]),
               [{"t": pd.Timestamp(TIME)}, {"t": None}]),
}  # fmt: skip


@pytest.mark.parametrize("name", PARQUET)
def test_types_of_parquet(tmp_path, name):
    values, options, target, expected = PARQUET[name]
    table = parquet(tmp_path / "in.parquet", values, **options)
    assert verdicts(table, target if isinstance(target, Array | Object) else DataType[target], tmp_path) == expected


@pytest.mark.parametrize("values", [pa.array([1], pa.duration("s")), pa.array([1], pa.time32("s"))])
def test_times_of_day_and_durations_are_no_datetimes(tmp_path, values):
    table = parquet(tmp_path / "in.parquet", values)
    with pytest.raises(ContractError, match=r"column 'x': .* cannot become datetime"):
        verdicts(table, DataType.datetime, tmp_path)


FAR = datetime(9999, 12, 31)


def test_int96_beyond_the_years_of_nanoseconds_is_not_wrapped(tmp_path):
    values = pa.array([FAR, TIME], pa.timestamp("us"))
    table = parquet(tmp_path / "in.parquet", values, use_deprecated_int96_timestamps=True)
    assert table.reader().read_all()["x"].to_pylist() == [FAR, TIME]
    assert table.dataset() is None
    assert verdicts(table, DataType.datetime, tmp_path) == [REFUSED, pd.Timestamp(TIME)]


def test_int96_nanoseconds_are_kept(tmp_path):
    values = pa.array([None, 1, 10**18 + 1], pa.timestamp("ns"))
    table = parquet(tmp_path / "in.parquet", values, use_deprecated_int96_timestamps=True)
    assert verdicts(table, DataType.datetime, tmp_path) == [None, pd.Timestamp(1), pd.Timestamp(10**18 + 1)]


def test_int96_that_no_type_holds_is_refused(tmp_path):
    table = pa.table({"a": pa.array([FAR], pa.timestamp("us")), "b": pa.array([1], pa.timestamp("ns"))})
    pq.write_table(table, tmp_path / "in.parquet", use_deprecated_int96_timestamps=True)
    with pytest.raises(TableError, match=r"INT96 times \(columns 'a', 'b'\) with nanoseconds"):
        TableSource(Location.parse(str(tmp_path / "in.parquet"))).open()


def test_a_nested_int96_is_not_wrapped(tmp_path):
    values = pa.array([[FAR], [TIME, None], None], pa.list_(pa.timestamp("us")))
    table = parquet(tmp_path / "in.parquet", values, use_deprecated_int96_timestamps=True)
    assert table.reader().read_all()["x"].to_pylist() == [[FAR], [TIME, None], None]


DUCKDB = {
    "hugeint": ("HUGEINT", ["1", "170141183460469231731687303715884105727"], "long", [1, REFUSED]),
    "decimal": ("DECIMAL(18, 3)", ["0.125", "123456789012345.678", "NULL"], "double", [0.125, REFUSED, None]),
    "ubigint": ("UBIGINT", ["1", "18446744073709551615"], "long", [1, REFUSED]),
    "enum": ("ENUM('a', 'b')", ["'b'", "NULL"], "string", ["b", None]),
    "timestamptz": ("TIMESTAMPTZ", ["'2024-01-02 03:04:05+02'"], "datetime", [pd.Timestamp("2024-01-02 01:04:05")]),
    "timestamp": ("TIMESTAMP", ["'2024-01-02 03:04:05'", "'1000-01-01'"], "datetime", [pd.Timestamp(TIME), REFUSED]),
    "date": ("DATE", ["'2024-01-02'"], "datetime", [pd.Timestamp("2024-01-02")]),
    "array": ("DOUBLE[2]", ["[1, 2.5]", "NULL"], Array(DataType.double), [[1.0, 2.5], None]),
    "list": ("INTEGER[]", ["[1, 2]", "[]"], Array(DataType.long), [[1, 2], []]),
    "struct": ("STRUCT(a BIGINT)", ["{'a': 1}"], Object([Property("a", DataType.long)]), [{"a": 1}]),
    "json": ("JSON", ["'{\"a\": 1}'"], "string", ['{"a": 1}']),
    "boolean": ("BOOLEAN", ["true", "NULL"], "boolean", [True, None]),
    "uuid": ("UUID", ["'00000000-0000-0000-0000-000000000001'"], "string", ["00000000-0000-0000-0000-000000000001"]),
}


def duckdb_table(path: Path, kind: str, values: list[str]) -> InputTable:
    import duckdb

    with duckdb.connect(str(path)) as connection:
        connection.execute(f"CREATE TABLE t (id BIGINT, x {kind})")
        for at, value in enumerate(values):
            connection.execute(f"INSERT INTO t VALUES ({at}, {value})")
    return SqlSource(SqlAddress.parse(f"duckdb:///{path}"), TableName("t"), row_key=("id",)).open()


@pytest.mark.parametrize("name", DUCKDB)
def test_types_of_duckdb(tmp_path, name):
    kind, values, target, expected = DUCKDB[name]
    table = duckdb_table(tmp_path / "in.duckdb", kind, values)
    assert verdicts(table, target if isinstance(target, Array | Object) else DataType[target], tmp_path) == expected


def test_an_interval_of_duckdb_is_no_number(tmp_path):
    table = duckdb_table(tmp_path / "in.duckdb", "INTERVAL", ["INTERVAL 1 DAY"])
    with pytest.raises(ContractError, match=r"column 'x': .* cannot become double"):
        verdicts(table, DataType.double, tmp_path)
