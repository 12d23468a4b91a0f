"""Values at the edge of what formats and types hold: each is exact, or its row is rejected for a true reason."""

from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from mlflow.types import ColSpec, Schema

from mlops_assets.arrow.foreign_tables import from_arrow_like
from mlops_assets.arrow.input_table import InputTable
from mlops_assets.errors import ContractError, TableError
from mlops_assets.scoring.apply_contract import apply_contract
from mlops_assets.signatures.contract.contract import ContractPolicy
from mlops_assets.storage.location import Location
from mlops_assets.tables.source import TableSource


def verdicts(table: InputTable, kind: str, scratch: Path) -> list[object]:
    """Of each row its value, or the code for which it is rejected."""
    schema = Schema([ColSpec(kind, "x", required=False)])
    with apply_contract(table, schema, ContractPolicy(text_columns=table.text_columns), scratch) as result:
        accepted = result.accepted.reader().read_all().to_pylist()
        refused = result.rejected.reader().read_all().select(["id", "reasons"]).to_pylist()
        if refused:  # each failure can be shown
            with pytest.raises(ContractError, match=r"x: \w+, it is "):
                result.check_limit(0, "here", show_values=True)
    found = {row["id"]: row["x"] for row in accepted} | {row["id"]: row["reasons"][0]["code"] for row in refused}
    return [found[row] for row in sorted(found)]


NOT_TEXT = pa.Array.from_buffers(
    pa.string(), 2, [None, pa.py_buffer(b"\0\0\0\0\1\0\0\0\2\0\0\0"), pa.py_buffer(b"\xffa")]
)
ARROW = {
    "decimal32": (pa.array([Decimal("1.5"), None], pa.decimal32(5, 2)), "double", [1.5, None]),
    "decimal64": (pa.array([Decimal(3), Decimal("3.5")], pa.decimal64(15, 1)), "long", [3, "not_exact"]),
    "decimal256": (pa.array([Decimal(10**60 + 1), Decimal(3)], pa.decimal256(70, 0)), "long", ["out_of_range", 3]),
    "uint64": (pa.array([2**64 - 1, 2**63, 5], pa.uint64()), "long", ["out_of_range", "out_of_range", 5]),
    "uint64 as double": (pa.array([2**64 - 1, 2**53], pa.uint64()), "double", ["not_exact", 2.0**53]),
    "float16": (pa.array([1.5, 2, None], pa.float16()), "long", ["not_exact", 2, None]),
    "null": (pa.nulls(2), "long", [None, None]),
    "dictionary of nulls": (
        pa.DictionaryArray.from_arrays(pa.array([None, None], pa.int8()), pa.nulls(0)), "long", [None, None]
    ),
    "dictionary": (pa.array([3, 2**60, None]).dictionary_encode(), "double", [3.0, "not_exact", None]),
    "null in a dictionary": (
        pa.DictionaryArray.from_arrays(pa.array([0, 1], pa.int8()), pa.array(["a", None])), "string", ["a", None]
    ),
    "run ends": (pa.RunEndEncodedArray.from_arrays([2, 3], pa.array([1.5, None])), "double", [1.5, 1.5, None]),
    "string view": (pa.array(["a", None], pa.string_view()), "string", ["a", None]),
    "large string": (pa.array(["a", None], pa.large_string()), "string", ["a", None]),
    "no text": (NOT_TEXT, "string", ["not_parseable", "a"]),
    "far seconds": (pa.array([2**62, None], pa.timestamp("s", "UTC")), "datetime", ["out_of_range", None]),
    "far milliseconds": (pa.array([-(2**62)], pa.timestamp("ms", "America/New_York")), "datetime", ["out_of_range"]),
    "far days": (pa.array([2**31 - 1, None], pa.date32()), "datetime", ["out_of_range", None]),
    "no time": (pa.array([-(2**63), None], pa.timestamp("ns")), "datetime", ["out_of_range", None]),
}  # fmt: skip


@pytest.mark.parametrize("name", ARROW)
def test_arrow(tmp_path, name):
    values, kind, expected = ARROW[name]
    table = pa.table({"id": pa.array(range(len(values))), "x": values})
    assert verdicts(from_arrow_like(table, ["id"]), kind, tmp_path) == expected
    path = tmp_path / "in.parquet"
    try:
        pq.write_table(table, path)
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
        return  # Parquet has no such column
    stored = TableSource(Location.parse(str(path)), row_key=("id",)).open()
    if name == "no text":  # a file's reader refuses what is no text in it
        with pytest.raises(TableError, match="not UTF-8"):
            verdicts(stored, kind, tmp_path)
        return
    assert verdicts(stored, kind, tmp_path) == expected


CELLS = {
    "long": {"007": 7, '"1,234"': None, "1_000": None, "0x1F": None, "+5": None, " 7": None, "3.0": None, "1e3": None},
    "double": {"1_0.5": None, "0x1p3": None, "+.5": 0.5, "5.": 5.0, '"1,5"': None, "1d5": None, "0.1f": None},
    "boolean": {"TRUE": True, "False": False, "yes": None, "1": None, "t": None},
    "datetime": {"45292": None, "01/02/2024": None, "2024-1-2": None, "2024-02-30": None, "20240102": None},
    "string": {'"a\nb"': "a\nb", '"c\r\nd"': "c\r\nd", 'a"b': 'a"b', "007": "007"},
}


@pytest.mark.parametrize("kind", CELLS)
def test_csv(tmp_path, kind):
    path = tmp_path / "in.csv"
    path.write_bytes(("\ufeffid,x\n" + "".join(f"{at},{cell}\n" for at, cell in enumerate(CELLS[kind]))).encode())
    found = verdicts(TableSource(Location.parse(str(path)), row_key=("id",)).open(), kind, tmp_path)
    assert found == ["not_parseable" if value is None else value for value in CELLS[kind].values()]


@pytest.mark.parametrize(
    ("name", "content", "fact"),
    [
        ("a.csv", "id,x\n1,2\n".encode("utf-16"), "UTF-16 text"),
        ("a.csv", b"", "empty"),
        ("a.csv", b"\xef\xbb\xbf", "no header line"),
        ("a.csv", b"id,x", "no line break after it"),
        ("a.csv", b"id,x,x\n1,2,3\n", "More than one column is called 'x'"),
        ("a.csv", b"id,x\n1,2\n3\n", "Line 3 has 1 fields"),
        ("a.jsonl", '{"id": 1}\n'.encode("utf-16"), "UTF-16 text"),
        ("a.jsonl", b'{"id": 1, "x": ' + b"[" * 2000 + b"]" * 2000 + b"}\n", "is nested more than"),
        ("a.jsonl", b'{"id": 1, "x": 01}\n', "not valid JSON"),
    ],
)
def test_files_that_are_refused(tmp_path, name, content, fact):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(TableError, match=fact):
        list(TableSource(Location.parse(str(tmp_path / name)), row_key=("id",)).open().batches())
