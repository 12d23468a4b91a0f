"""`inputs.types` of every format: the same verdicts on the same values."""

import json
import sqlite3

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops_assets.arrow.declared_types import declare_types
from mlops_assets.arrow.foreign_tables import from_arrow_like
from mlops_assets.errors import ConfigurationError, TableError
from mlops_assets.scoring.apply_contract import apply_contract
from mlops_assets.signatures.contract.contract import ContractPolicy
from mlops_assets.storage.location import Location
from mlops_assets.tables.source import TableSource
from mlops_assets.tables.sql.address import SqlAddress
from mlops_assets.tables.sql.names import TableName
from mlops_assets.tables.sql.source import SqlSource

ROWS = [(1, "1", "2011-01-01"), (2, "2", "2011-01-02"), (3, "0", "someday"), (4, "0", "2011-01-04T10:00")]
TYPES = {"holiday": "bool", "dteday": "timestamp[ns]"}


def _open(kind: str, folder, types):
    columns = {"id": [r[0] for r in ROWS], "holiday": [r[1] for r in ROWS], "dteday": [r[2] for r in ROWS]}
    table = pa.table(columns | {"holiday": pa.array([int(value) for value in columns["holiday"]])})
    if kind == "asset":
        return declare_types(from_arrow_like(table, ["id"]), types)
    if kind == "sqlite":
        with sqlite3.connect(folder / "a.db") as connection:
            connection.execute("CREATE TABLE a (id INTEGER, holiday INTEGER, dteday TIMESTAMP)")
            connection.executemany("INSERT INTO a VALUES (?, ?, ?)", ROWS)
        return SqlSource(
            SqlAddress.parse(f"sqlite:///{folder}/a.db"), TableName("a"), row_key=("id",), types=types
        ).open()
    if kind == "hive":
        for number, holiday, day in ROWS:
            (folder / "t" / f"holiday={holiday}").mkdir(parents=True, exist_ok=True)
            pq.write_table(
                pa.table({"id": [number], "dteday": [day]}), folder / "t" / f"holiday={holiday}" / f"{number}.parquet"
            )
        path = folder / "t"
    elif kind == "delta":
        deltalake = pytest.importorskip("deltalake")
        path = folder / "d"
        deltalake.write_deltalake(str(path), table)
    elif kind == "parquet":
        path = folder / "a.parquet"
        pq.write_table(table, path)
    elif kind == "csv":
        path = folder / "a.csv"
        path.write_text("id,holiday,dteday\n" + "".join(f"{a},{b},{c}\n" for a, b, c in ROWS))
    else:
        path = folder / "a.jsonl"
        path.write_text("".join(json.dumps({"id": a, "holiday": int(b), "dteday": c}) + "\n" for a, b, c in ROWS))
    return TableSource(Location.parse(str(path)), row_key=("id",), types=types).open()


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl", "hive", "delta", "sqlite", "asset"])
def test_a_value_that_cannot_be_converted_rejects_its_row_alone(kind, tmp_path) -> None:
    table = _open(kind, tmp_path, TYPES)
    with apply_contract(table.raw, None, ContractPolicy(types=table.types), tmp_path) as result:
        accepted = {str(row["id"]): row for row in result.accepted.reader().read_all().to_pylist()}
        rejected = {str(row["id"]): row for row in result.rejected.reader().read_all().to_pylist()}
    assert {key: row["holiday"] for key, row in accepted.items()} == {"1": True, "4": False}
    assert {key: row["reasons"] for key, row in rejected.items()} == {
        "2": [
            {"column": "holiday", "code": "out_of_range" if kind in ("parquet", "delta", "asset") else "not_parseable"}
        ],
        "3": [{"column": "dteday", "code": "not_parseable"}],
    }
    assert str(rejected["2"]["holiday"]) == "2"
    assert rejected["3"]["dteday"] == "someday"


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl", "hive", "delta", "sqlite", "asset"])
def test_mistakes_in_types_are_named(kind, tmp_path) -> None:
    with pytest.raises(TableError, match=r"'holidy', which is not in the table.*did you mean 'holiday'"):
        _open(kind, tmp_path, {"holidy": "bool"})


def test_an_unknown_type_is_named(tmp_path) -> None:
    with pytest.raises(ConfigurationError, match=r"'boool' is not the name of a type.*did you mean 'bool'"):
        _open("asset", tmp_path, {"holiday": "boool"})


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl", "sqlite", "asset"])
def test_a_row_key_is_converted_when_it_is_read(kind, tmp_path) -> None:
    table = _open(kind, tmp_path, {"id": "int32", "dteday": "string"})
    assert table.raw.reader().read_all()["id"].to_pylist() == [1, 2, 3, 4]
    assert table.raw.schema.field("id").type == pa.int32()
