"""The law of readers, tried with generated tables: a row has one verdict and one value, whatever stands beside it."""

import json
import random
import sqlite3
import zlib
from collections.abc import Callable
from datetime import date, datetime
from itertools import permutations
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import write_deltalake
from mlflow.types import ColSpec, DataType, Schema
from mlflow.types.schema import Array, Map, Object, Property

from mlops_assets.errors import ContractError, TableError
from mlops_assets.scoring.apply_contract import apply_contract
from mlops_assets.signatures.contract.contract import Contract, ContractPolicy
from mlops_assets.storage.location import Location
from mlops_assets.tables import json_lines_files
from mlops_assets.tables.source import TableSource
from mlops_assets.tables.sql.address import SqlAddress
from mlops_assets.tables.sql.names import TableName
from mlops_assets.tables.sql.source import SqlSource

DAY = "2024-01-02"
TARGETS = {
    "boolean": DataType.boolean,
    "integer": DataType.integer,
    "long": DataType.long,
    "float": DataType.float,
    "double": DataType.double,
    "string": DataType.string,
    "datetime": DataType.datetime,
    "list": Array(DataType.double),
    "texts": Array(DataType.string),
    "struct": Object([Property("a", DataType.long), Property("b", DataType.string, required=False)]),
    "map": Map(DataType.double),
}
JSON_VALUES = [
    "null", "true", "false", "0", "-1", "3", "3.0", "0.5", "16777217", "33554432", str(2**31), str(2**53 + 1),
    str(2**60), str(2**63), str(2**64), "1e15", "1e16", "1e-400", "1e400", '""', '"a"', '"3"', '"true"', f'"{DAY}"',
    f'"{DAY}T10:11:12"', '"10:11"', '"1e400"', '"\\u00e9\\n"', "[]", "[1]", "[1, 0.5]", f"[{2**53 + 1}, 0.5]",
    '["a"]', f'["{DAY}"]', '[1, "a"]', "[null]", "[[1]]", "{}", '{"a": 1}', '{"a": 1.5}', '{"a": 1, "b": "x"}',
    f'{{"a": 2, "b": "{DAY}"}}', '{"a": "x"}', '{"b": "y"}', '{"a": 1, "c": 2}', '{"a": 1, "a": 2}', '{"a": [1]}',
]  # fmt: skip
"""Any of these may stand in any line."""
CELLS = ["", '""', "0", "007", "-1", "3", "3.0", "0.5", "1e400", "nan", "inf", "NA", "null", "true", "TRUE", "a", " 3",
         str(2**31), str(2**53 + 1), str(2**63), DAY, f"{DAY} 10:11", "10:11", '"a,b"', '"a\nb"']  # fmt: skip
TYPED = {
    "boolean": (pa.bool_(), [True, False]),
    "integer": (pa.int32(), [0, -(2**31), 2**31 - 1]),
    "long": (pa.int64(), [0, 2**53 + 1, -(2**63)]),
    "double": (pa.float64(), [0.5, 3.0, float("nan"), float("inf"), 1e300]),
    "string": (pa.string(), ["", "a", "3", DAY]),
    "date": (pa.date32(), [date(2024, 1, 2), date(1000, 1, 1)]),
    "datetime": (pa.timestamp("us"), [datetime(2024, 1, 2, 3), datetime(1000, 1, 1)]),
    "list": (pa.list_(pa.float64()), [[], [0.5], [None]]),
    "struct": (pa.struct([("a", pa.int64()), ("b", pa.string())]), [{"a": 1, "b": None}, {"a": None, "b": "x"}]),
}
Rows = list[tuple[int, object]]


def verdicts(path: Path, target: DataType | Array | Object | Map, required: bool, scratch: Path) -> dict[int, str]:
    """By id: the accepted value as text, or ``refused``."""
    if path.suffix == ".db":
        table = SqlSource(SqlAddress.parse(f"sqlite:///{path}"), TableName("t"), row_key=("id",)).open()
    else:
        table = TableSource(Location.parse(str(path)), row_key=("id",)).open()
    schema = Schema([ColSpec(target, "x", required=required)])
    policy = ContractPolicy(text_columns=table.text_columns)
    try:
        with apply_contract(table, schema, policy, scratch) as result:
            accepted = result.accepted.reader().read_all().to_pylist()
            rejected = result.rejected.reader().read_all().to_pylist()
    except ContractError:  # by its declared type the column can never conform
        assert path.suffix == ".db"
        return dict.fromkeys(table.reader().read_all()["id"].to_pylist(), "refused")
    return {int(row["id"]): repr(row["x"]) for row in accepted} | {int(row["id"]): "refused" for row in rejected}


def write_json(path: Path, rows: Rows) -> None:
    path.write_text("".join(f'{{"id": {at}, "x": {value}}}\n' for at, value in rows))


def write_csv(path: Path, rows: Rows) -> None:
    path.write_text("id,x\n" + "".join(f"{at},{value}\n" for at, value in rows))


def arrow_writer(kind: pa.DataType, suffix: str) -> Callable[[Path, Rows], None]:
    def write(path: Path, rows: Rows) -> None:
        ids, values = pa.array([at for at, _ in rows], pa.int64()), pa.array([value for _, value in rows], kind)
        table = pa.table({"id": ids, "x": values})
        write_deltalake(str(path), table) if suffix == ".delta" else pq.write_table(table, path)

    return write


def assert_law(
    tmp_path: Path, write: Callable[[Path, Rows], None], suffix: str, values: list[object],
    target: DataType | Array | Object | Map, tables: int, seed: str,
) -> dict[int, str]:  # fmt: skip
    chance = random.Random(zlib.crc32(seed.encode()))
    rows = list(enumerate(values))
    tmp_path.mkdir(exist_ok=True)
    result = {}
    for required in (True, False):
        alone: dict[int, str] = {}
        for row in rows:
            path = tmp_path / f"{required}{row[0]}{suffix}"
            write(path, [row])
            alone |= verdicts(path, target, required, tmp_path)
        orders = [rows, rows[::-1]] + [chance.sample(rows, chance.randint(2, len(rows))) for _ in range(tables)]
        for number, order in enumerate(orders):
            path = tmp_path / f"{required}order{number}{suffix}"
            write(path, order)
            expected = {at: alone[at] for at, _ in order}
            assert verdicts(path, target, required, tmp_path) == expected, [value for _, value in order]
        result = alone
    assert len(result) == len(values)
    return result


@pytest.mark.parametrize("name", ["long", "string"])
def test_json_lines_in_brief(tmp_path, name):
    some = ["null", "true", "3", "3.0", "0.5", str(2**60), "1e400", '"3"', f'"{DAY}"', "[1]", '{"a": 1}']
    found = assert_law(tmp_path, write_json, ".jsonl", some, TARGETS[name], 3, name)
    accepted = {some[at]: value for at, value in found.items() if value != "refused"}
    expected = {
        "long": {"3": "3", "3.0": "3", str(2**60): str(2**60)},
        "string": {'"3"': "'3'", f'"{DAY}"': f"'{DAY}'"},
    }
    assert accepted == {"null": "None", **expected[name]}


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_json_lines(tmp_path, name):
    found = assert_law(tmp_path, write_json, ".jsonl", JSON_VALUES, TARGETS[name], 20, name)
    assert {"refused", "None"} < set(found.values())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["boolean", "integer", "long", "float", "double", "string", "datetime"])
def test_csv(tmp_path, name):
    assert_law(tmp_path, write_csv, ".csv", CELLS, TARGETS[name], 10, name)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".parquet", ".delta"])
@pytest.mark.parametrize("name", TYPED)
def test_typed_files(tmp_path, name, suffix):
    kind, values = TYPED[name]
    target = TARGETS["datetime" if name == "date" else name]
    found = assert_law(tmp_path, arrow_writer(kind, suffix), suffix, [*values, None], target, 2, name)
    assert found[len(values)] == "None"


def sqlite_writer(declared: str) -> Callable[[Path, Rows], None]:
    def write(path: Path, rows: Rows) -> None:
        with sqlite3.connect(path) as connection:
            connection.execute(f"CREATE TABLE t (id INTEGER, x {declared})")
            connection.executemany("INSERT INTO t VALUES (?, ?)", rows)
        connection.close()

    return write


SQLITE_VALUES: list[object] = [
    None, 0, 1, 3, -1, 16777217, 33554432, 2**53 + 1, 2**63 - 1, 0.5, 3.0, 1e300, float("inf"), "", "a", "3", "NaN",
    "it's", "x'00'", DAY, f"{DAY} 03:04:05.5", f"{DAY}T03:04:05Z", f"{DAY} 03:04:05.123456789", "1000-01-01",
    "0000-00-00", b"", b"\x00'", b"a",
]  # fmt: skip


def test_a_sqlite_column_of_several_kinds_in_brief(tmp_path):
    some = [None, 1, 3, 0.5, 2**53 + 1, "a", "3", DAY, b"a"]
    accepted = {}
    for name, target in {"long": DataType.long, "double": DataType.double, "binary": DataType.binary}.items():
        found = assert_law(tmp_path / name, sqlite_writer(""), ".db", some, target, 2, name)
        accepted[name] = {some[at]: value for at, value in found.items() if value != "refused" and some[at] is not None}
    assert accepted == {
        "long": {1: "1", 3: "3", 2**53 + 1: str(2**53 + 1)},
        "double": {1: "1.0", 3: "3.0", 0.5: "0.5"},
        "binary": {b"a": "b'a'"},
    }


def test_a_bad_value_of_a_declared_sqlite_column_rejects_its_row(tmp_path):
    path = tmp_path / "in.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE t (id INTEGER, age INTEGER, flag BOOLEAN, at DATETIME, day DATE, note TEXT)")
        good = (5, 1, f"{DAY} 03:04:05.25", DAY, "x")
        bad = ("old", 2, "yesterday", 20240102, b"\xff")
        rows = [tuple(bad[at] if at == row else value for at, value in enumerate(good)) for row in range(6)]
        connection.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?)", [(at, *row) for at, row in enumerate(rows)])
    connection.close()
    table = SqlSource(SqlAddress.parse(f"sqlite:///{path}"), TableName("t"), row_key=("id",)).open()
    kinds = {"age": "long", "flag": "boolean", "at": "datetime", "day": "datetime", "note": "string"}
    schema = Schema([ColSpec(kind, name) for name, kind in kinds.items()])
    with apply_contract(table, schema, ContractPolicy(), tmp_path) as result:
        (accepted,) = result.accepted.reader().read_all().to_pylist()
        rejected = result.rejected.reader().read_all().to_pylist()
    assert (accepted["id"], accepted["age"], accepted["flag"], accepted["note"]) == (5, 5, True, "x")
    assert (str(accepted["at"]), str(accepted["day"])) == (f"{DAY} 03:04:05.250000", f"{DAY} 00:00:00")
    found = [[(reason["column"], reason["code"]) for reason in row["reasons"]] for row in rejected]
    assert found == [[(name, "not_parseable")] for name in kinds]
    assert [rejected[at][name] for at, name in enumerate(kinds)] == ["'old'", "2", "'yesterday'", "20240102", "x'ff'"]


@pytest.mark.slow
@pytest.mark.parametrize("declared", ["", "INTEGER", "REAL", "NUMERIC", "TEXT", "BLOB", "BOOLEAN", "DATE", "DATETIME"])
@pytest.mark.parametrize("name", ["boolean", "integer", "long", "float", "double", "string", "datetime"])
def test_sqlite(tmp_path, declared, name):
    assert_law(tmp_path, sqlite_writer(declared), ".db", SQLITE_VALUES, TARGETS[name], 6, declared + name)


def test_a_sqlite_table_of_as_many_columns_as_it_can_have(tmp_path):
    names = [f"c{at}" for at in range(1999)]
    path = tmp_path / "wide.db"
    with sqlite3.connect(path) as connection:
        connection.execute(f"CREATE TABLE t (id INTEGER, {', '.join(names)})")
        connection.execute(f"INSERT INTO t VALUES (0, {', '.join('0.5' for _ in names)})")
    connection.close()
    table = SqlSource(SqlAddress.parse(f"sqlite:///{path}"), TableName("t"), row_key=("id",)).open()
    assert set(table.reader().read_all().schema.types[1:]) == {pa.float64()}


@pytest.mark.slow
def test_a_column_that_appears_late_is_read(tmp_path):
    line = json.dumps({"id": 0, "pad": "x" * 1000})
    path = tmp_path / "in.jsonl"
    with path.open("w") as file:
        for at in range(34_000):
            file.write(line.replace('"id": 0', f'"id": {at}', 1) + "\n")
        file.write('{"id": 34000, "x": 1}\n{"id": 34001, "x": "a"}\n')
    found = verdicts(path, DataType.long, False, tmp_path)
    assert [found[0], found[34_000], found[34_001]] == ["None", "1", "refused"]


def test_values_of_several_kinds_in_several_files(tmp_path):
    for name, values in {"a": "1", "b": '"x"', "c": "0.5"}.items():
        write_json(tmp_path / f"{name}.jsonl", [(ord(name), values)])
    assert verdicts(tmp_path, DataType.double, True, tmp_path) == {97: "1.0", 98: "refused", 99: "0.5"}


def write_json_folder(path: Path, rows: Rows) -> None:
    path.mkdir()
    chance = random.Random(str(rows))
    for row in rows:
        with (path / f"{chance.randint(0, 2)}.jsonl").open("a") as file:
            file.write(f'{{"id": {row[0]}, "x": {row[1]}}}\n')


def test_large_integers_in_one_file_and_fractions_in_another(tmp_path):
    large, fraction, small = str(2**53 + 1), "0.5", "3"
    for wrap in ("{}", "[{}]", '{{"a": {}}}'):
        for number, files in enumerate(permutations([large, fraction, small])):
            folder = tmp_path / f"{len(wrap)}{number}"
            folder.mkdir()
            for at, value in enumerate(files):
                write_json(folder / f"{at}.jsonl", [(files.index(value), wrap.format(value))])
            target = {"{}": DataType.double, "[{}]": Array(DataType.double)}.get(wrap, Map(DataType.double))
            found = verdicts(folder, target, True, tmp_path)
            assert [found[files.index(value)] == "refused" for value in (large, fraction, small)] == [
                True,
                False,
                False,
            ]
            if wrap == "{}":
                found = verdicts(folder, DataType.long, True, tmp_path)
                assert [found[files.index(value)] for value in (large, fraction, small)] == [large, "refused", "3"]


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_json_lines_in_several_files(tmp_path, name):
    assert_law(tmp_path, write_json_folder, "", JSON_VALUES, TARGETS[name], 12, name)


@pytest.mark.parametrize("block", [1, 40, 4 << 20])
def test_the_types_of_json_lines_do_not_depend_on_blocks(tmp_path, monkeypatch, block):
    monkeypatch.setattr(json_lines_files, "_KIND_BYTES", block)
    path = tmp_path / "in.jsonl"
    rows = {"id": range(5), "i": [1, 2, None, 2**60, 3], "f": [1, 2, 0.5, None, 3], "t": [DAY, "x", DAY, "", None]}
    rows |= {"v": [1, 2, "a", 3, 4], "l": [[], [1], [0.5], None, [2]], "o": [{}, {"a": 1}, {"b": "x"}, None, {}]}
    columns = list(zip(*rows.values(), strict=True))
    path.write_text("".join(json.dumps(dict(zip(rows, row, strict=True))) + "\n\n" for row in columns).rstrip())
    table = TableSource(Location.parse(str(path)), row_key=("id",)).open()
    assert [str(kind) for kind in table.schema.types] == [
        *("int64", "int64", "double", "string", "string", "list<item: double>", "struct<a: int64, b: string>")
    ]
    read = table.reader().read_all()
    assert [read[name].to_pylist() for name in ("i", "t")] == [rows["i"], rows["t"]]
    assert read["v"].to_pylist() == ["1", "2", '"a"', "3", "4"]


def test_json_values_are_as_they_are_written_whichever_way_the_line_is_read(tmp_path):
    path = tmp_path / "in.jsonl"
    simple = ['"a"', "1.50", "-0.0", "1E2", "null", "true", "12", '"é, : }"', '""']
    whole = ['"a\\"b"', "-0", "[1.50]", '{"x": 1}', '"\\u00e9"']
    lines = [f'{{"id":{at},"x" :{value}, "y": "x"}}' for at, value in enumerate([*simple, *whole])]
    path.write_text("\n".join([*lines, '{"id": 99, "y": "z"}']), encoding="utf-8")
    read = TableSource(Location.parse(str(path)), row_key=("id",)).open().reader().read_all()
    assert read["x"].to_pylist() == [
        *('"a"', "1.50", "-0.0", "1E2", None, "true", "12", '"é, : }"', '""'),
        *('"a\\"b"', "0", "[1.50]", '{"x": 1}', '"é"', None),
    ]
    declared = TableSource(Location.parse(str(path)), row_key=("id",), types={"x": "string"}).open()
    assert declared.reader().read_all()["x"].to_pylist() == [
        *("a", "1.50", "-0", "100", None, "true", "12", "é, : }", ""),
        *('a"b', "0", "[1.5]", '{"x": 1}', "é", None),
    ]


def test_rejected_rows_show_the_json_text(tmp_path):
    path = tmp_path / "in.jsonl"
    path.write_text('{"id": 1, "x": 1, "x": 2}\n{"id": 2, "x": "a"}\n{"id": 3, "x": 3}\n')
    table = TableSource(Location.parse(str(path)), row_key=("id",)).open()
    with apply_contract(table, Schema([ColSpec("long", "x")]), ContractPolicy(), tmp_path) as result:
        rejected = result.rejected.reader().read_all()
    assert rejected.schema.field("x").metadata is None
    assert [(row["x"], row["reasons"][0]["code"]) for row in rejected.to_pylist()] == [
        ("1, 2", "duplicate_key"),
        ('"a"', "not_parseable"),
    ]


@pytest.mark.parametrize("suffix", ["parquet", "jsonl", "csv"])
def test_the_value_of_a_folder_does_not_depend_on_other_folders(tmp_path, suffix):
    found = []
    for at, value in enumerate(["12", "007", "x", "__HIVE_DEFAULT_PARTITION__"]):
        folder = tmp_path / f"x={value}"
        folder.mkdir()
        if suffix == "parquet":
            pq.write_table(pa.table({"id": [at]}), folder / "a.parquet")
        else:
            (folder / f"a.{suffix}").write_text(f'{{"id": {at}}}\n' if suffix == "jsonl" else f"id\n{at}\n")
        found.append([verdicts(tmp_path, TARGETS[name], False, tmp_path) for name in ("long", "string")])
    longs, strings = found[-1]
    assert longs == {0: "12", 1: "7", 2: "refused", 3: "None"}
    assert strings == {0: "'12'", 1: "'007'", 2: "'x'", 3: "None"}
    for count, (some_longs, some_strings) in enumerate(found, 1):
        assert some_longs == {at: longs[at] for at in range(count)}
        assert some_strings == {at: strings[at] for at in range(count)}


def test_a_column_of_another_kind_is_converted_as_the_advice_says(tmp_path):
    path = tmp_path / "in.jsonl"
    write_json(path, [(0, "3"), (1, "0.5")])
    assert verdicts(path, DataType.string, True, tmp_path) == {0: "refused", 1: "refused"}
    table = TableSource(Location.parse(str(path)), row_key=("id",), types={"x": "string"}).open()
    policy = ContractPolicy(types=table.types)
    with apply_contract(table.raw, Schema([ColSpec("string", "x")]), policy, tmp_path) as result:
        assert [row["x"] for row in result.accepted.reader().read_all().to_pylist()] == ["3", "0.5"]


@pytest.mark.parametrize("text", [b'"\\ud800"', b'"\xff"'])
@pytest.mark.parametrize("other", [b'"a"', b"1"])
def test_text_that_is_no_unicode_is_refused(tmp_path, text, other):
    path = tmp_path / "in.jsonl"
    path.write_bytes(b'{"id": 0, "x": %s}\n{"id": 1, "x": %s}\n' % (other, text))
    with pytest.raises(TableError, match=r"Column 'x' holds bytes|not valid JSON"):
        verdicts(path, DataType.string, False, tmp_path)


def test_a_key_of_several_kinds_and_a_model_without_signature_are_refused(tmp_path):
    path = tmp_path / "in.jsonl"
    path.write_text('{"id": 1, "x": 1}\n{"id": "a", "x": "b"}\n')
    table = TableSource(Location.parse(str(path)), row_key=("id",)).open()
    with pytest.raises(ContractError, match="row key column 'id' holds JSON values of several kinds"):
        Contract(Schema([ColSpec("long", "x")]), table.schema, ("id",))
    with pytest.raises(ContractError, match="column 'x' holds JSON values of several kinds"):
        Contract(None, table.schema, ())
