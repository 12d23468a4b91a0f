"""The law of readers: a row's verdict and value are the same alone, first, last, and beside any other rows."""

import datetime
import json
import sqlite3
from itertools import product

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from mlflow.types import ColSpec, DataType, Schema
from mlflow.types.schema import Array, Object, Property

from mlops_assets.errors import TableError
from mlops_assets.scoring.apply_contract import apply_contract
from mlops_assets.signatures.contract.contract import ContractPolicy
from mlops_assets.storage.location import Location
from mlops_assets.tables.source import TableSource
from mlops_assets.tables.sql.address import SqlAddress
from mlops_assets.tables.sql.names import TableName
from mlops_assets.tables.sql.source import SqlSource

DAY = "2024-01-02"
TEXTS = [DAY, "2024-01-02T10:11:12", "10:11", "NA", "null", "nan", "001", "1_000", "true", "1e400", "x", None]


def verdicts(path, kind, scratch, required=False) -> dict[int, str]:
    """By id: the accepted value as text, or ``refused``."""
    table = TableSource(Location.parse(str(path)), row_key=("id",)).open()
    schema = Schema([ColSpec(kind, "x", required=required)])
    with apply_contract(table, schema, ContractPolicy(text_columns=table.text_columns), scratch) as result:
        accepted = {row["id"]: repr(row["x"]) for row in result.accepted.reader().read_all().to_pylist()}
        return {int(key): value for key, value in accepted.items()} | {
            int(row["id"]): "refused" for row in result.rejected.reader().read_all().to_pylist()
        }


def write(path, rows) -> None:
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps({"id": at, "x": value}) + "\n" for at, value in rows))
    elif path.suffix == ".csv":
        cells = ("" if value is None else f'"{value}"' for _, value in rows)
        path.write_text("id,x\n" + "".join(f"{at},{cell}\n" for (at, _), cell in zip(rows, cells, strict=True)))
    else:
        values = pa.array([value for _, value in rows], pa.string())
        pq.write_table(pa.table({"id": pa.array([at for at, _ in rows]), "x": values}), path)


@pytest.mark.parametrize(
    ("extension", "kind"),
    [*product((".jsonl", ".csv", ".parquet"), ["string"]), *product((".jsonl", ".csv"), ["datetime"]),
     *product((".csv",), ["long", "double", "boolean"])],
)  # fmt: skip
def test_text_has_one_verdict_in_any_company(tmp_path, extension, kind):
    rows = list(enumerate(TEXTS))
    alone = {}
    for row in rows:
        path = tmp_path / f"alone{row[0]}{extension}"
        write(path, [row])
        alone |= verdicts(path, kind, tmp_path)
    for name, order in {"forth": rows, "back": rows[::-1], "turned": rows[5:] + rows[:5]}.items():
        path = tmp_path / f"{name}{extension}"
        write(path, order)
        assert verdicts(path, kind, tmp_path) == alone
    if kind == "string":
        assert [alone[at] for at, _ in rows] == [repr(text) for text in TEXTS]


def test_json_text_is_a_datetime_where_the_signature_asks_for_one(tmp_path):
    write(tmp_path / "in.jsonl", [(0, DAY), (1, "no day"), (2, None)])
    assert verdicts(tmp_path / "in.jsonl", "datetime", tmp_path) == {
        0: repr(pd.Timestamp(DAY)),
        1: "refused",
        2: "None",
    }


@pytest.mark.parametrize("other", [DAY, "no day"])
@pytest.mark.parametrize(
    ("kind", "wrap"),
    [
        (Array(DataType.string), lambda text: [text]),
        (Object([Property("c", DataType.string)]), lambda text: {"c": text}),
    ],
)
def test_nested_json_text_stays_text(tmp_path, kind, wrap, other):
    write(tmp_path / "in.jsonl", [(0, wrap(DAY)), (1, wrap(other))])
    assert verdicts(tmp_path / "in.jsonl", kind, tmp_path, required=True) == {0: repr(wrap(DAY)), 1: repr(wrap(other))}


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([2**53 + 1, 0.5, 2**60], DataType.double, ["refused", "0.5", "refused"]),
        ([0.5, 2**53 + 1, 2**63], DataType.long, ["refused", repr(2**53 + 1), "refused"]),
        ([[2**53 + 1, 0.5], [1, 2]], Array(DataType.double), ["refused", "[1.0, 2.0]"]),
        ([{"c": 2**63 + 1}, {"c": 1}], Object([Property("c", DataType.double)]), ["refused", "{'c': 1.0}"]),
    ],
)
def test_json_integers_are_never_rounded(tmp_path, values, kind, expected):
    write(tmp_path / "in.jsonl", list(enumerate(values)))
    assert verdicts(tmp_path / "in.jsonl", kind, tmp_path) == dict(enumerate(expected))


def test_large_json_floats_are_read(tmp_path):
    write(tmp_path / "in.jsonl", [(0, 1e300), (1, 2**53), (2, 0.5)])
    table = TableSource(Location.parse(str(tmp_path / "in.jsonl"))).open()
    assert table.reader().read_all()["x"].to_pylist() == [1e300, float(2**53), 0.5]


@pytest.mark.parametrize("head", ["sep=;", '"sep=;"', "SEP=;\r"])
def test_a_separator_line_is_no_header(tmp_path, head):
    (tmp_path / "in.csv").write_bytes(f"{head}\nid;x\n1;2\n".encode())
    with pytest.raises(TableError, match="separator line sep=;") as caught:
        TableSource(Location.parse(str(tmp_path / "in.csv"))).open()
    assert 'inputs: {delimiter: ";"}' in str(caught.value)
    (tmp_path / "in.csv").write_bytes(b"id;x\n1;2\n")
    table = TableSource(Location.parse(str(tmp_path / "in.csv")), delimiter=";").open()
    assert table.reader().read_all().to_pylist() == [{"row_number": 0, "id": "1", "x": "2"}]


def test_a_blank_line_of_csv_is_no_row(tmp_path):
    (tmp_path / "in.csv").write_text('x\n1\n\n""\n2\n\n')
    table = TableSource(Location.parse(str(tmp_path / "in.csv"))).open()
    assert table.reader().read_all()["x"].to_pylist() == ["1", "", "2"]


def test_sqlite_does_not_round_what_a_column_without_type_holds(tmp_path):
    with sqlite3.connect(tmp_path / "in.db") as connection:
        connection.execute("CREATE TABLE t (id INTEGER, x)")
        connection.executemany("INSERT INTO t VALUES (?, ?)", [(0, 2**53 + 1), (1, 0.5)])
    connection.close()
    address = SqlAddress.parse(f"sqlite:///{tmp_path / 'in.db'}")
    table = SqlSource(address, TableName("t")).open()
    assert table.reader().read_all()["x"].to_pylist() == [str(2**53 + 1), "0.5"]


PARTS = [
    (pa.int64(), pa.float64(), [1, 2.5]),
    (pa.int32(), pa.int64(), [1, 2**40]),
    (pa.int64(), pa.float32(), [2**30 + 1, 0.5]),
    (pa.uint8(), pa.int8(), [255, -1]),
    (pa.string(), pa.large_string(), ["a", "b"]),
    (pa.timestamp("s"), pa.timestamp("us"), [datetime.datetime(2024, 1, 2), datetime.datetime(2024, 1, 2, 0, 0, 0, 1)]),
    (pa.list_(pa.int32()), pa.list_(pa.float64()), [[1], [2.5]]),
]


@pytest.mark.parametrize(("first", "second", "values"), PARTS)
@pytest.mark.parametrize("turned", [False, True])
def test_parts_of_compatible_types_are_one_table(tmp_path, first, second, values, turned):
    for at, (kind, value) in enumerate(zip((first, second), values, strict=True)):
        name = f"{1 - at if turned else at}.parquet"
        pq.write_table(pa.table({"x": pa.array([value], kind)}), tmp_path / name)
    table = TableSource(Location.parse(str(tmp_path))).open()
    expected = values[::-1] if turned else values
    assert table.reader().read_all()["x"].to_pylist() == expected


def test_a_value_that_the_common_type_cannot_hold_is_refused_with_its_file(tmp_path):
    pq.write_table(pa.table({"x": [0.5]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"x": [2**53 + 1]}), tmp_path / "b.parquet")
    with pytest.raises(TableError, match=r"Column 'x' (?s:.*)b\.parquet"):
        list(TableSource(Location.parse(str(tmp_path))).open().batches())


@pytest.mark.parametrize("kind", [pa.string(), pa.bool_(), pa.date32()])
def test_an_empty_part_of_another_type_does_not_count(tmp_path, kind):
    pq.write_table(pa.table({"x": pa.array([], kind)}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"x": [1, 2]}), tmp_path / "b.parquet")
    assert TableSource(Location.parse(str(tmp_path))).open().reader().read_all()["x"].to_pylist() == [1, 2]
