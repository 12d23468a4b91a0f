"""Files of one folder that disagree on the type of a declared column: each value is converted, or its row rejected."""

import datetime
import json
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops_assets.errors import TableError
from mlops_assets.scoring.apply_contract import apply_contract
from mlops_assets.signatures.contract.contract import ContractPolicy
from mlops_assets.storage.location import Location
from mlops_assets.tables.source import TableSource

DAY = datetime.date(2024, 1, 2)
NOON = datetime.datetime(2024, 1, 2, 12)
BIG = 2**53 + 1

CASES = [
    ("bool", [([1, 0, 2], pa.int64()), ([True, None], pa.bool_()), (["false", "yes", ""], pa.string())],
     [True, False, "2", True, None, False, "yes", None]),
    ("bool", [([1.0, 0.5], pa.float64()), ([0], pa.uint8())], [True, "0.5", False]),
    ("timestamp[ns]", [([NOON], pa.timestamp("us")), ([DAY], pa.date32()), (["2024-01-02T12:00", "soon"], pa.string()),
                       ([1704196800000000000], pa.int64())],
     [NOON, datetime.datetime(2024, 1, 2), NOON, "soon", NOON]),
    ("date32", [([DAY], pa.date32()), ([NOON], pa.timestamp("ms")), (["2024-01-02"], pa.large_string())],
     [DAY, "2024-01-02 12:00:00.000", DAY]),
    ("int64", [([BIG, None], pa.int64()), ([3.0, 3.5], pa.float64()), (["7", "x"], pa.string()), ([True], pa.bool_())],
     [BIG, None, 3, "3.5", 7, "x", 1]),
    ("double", [([2, BIG], pa.int64()), ([0.1], pa.float64()), (["0.25", "x"], pa.string()),
                ([0.5, None], pa.float32()), ([2**63], pa.uint64())],
     [2.0, str(BIG), 0.1, 0.25, "x", 0.5, None, f"{2**63} (uint64)"]),
    ("string", [([2], pa.int64()), ([True], pa.bool_()), (["", "a"], pa.string()),
                ([Decimal("1.50")], pa.decimal128(5, 2))], ["2", "true", "", "a", "1.50"]),
    ("int32", [([1], pa.int64()), ([None, None], pa.null()), (["5"], pa.dictionary(pa.int8(), pa.string()))],
     [1, None, None, 5]),
]  # fmt: skip


def _write(folder, files) -> None:
    number = 0
    for place, (values, kind) in enumerate(files):
        ids = list(range(number, number + len(values)))
        number += len(values)
        column = pa.array(values, pa.string()).dictionary_encode() if pa.types.is_dictionary(kind) else None
        table = pa.table({"id": ids, "x": pa.array(values, kind) if column is None else column})
        pq.write_table(table, folder / f"{place}.parquet")


def _read(folder, types):
    table = TableSource(Location.parse(str(folder)), row_key=("id",), types=types).open()
    with apply_contract(table.raw, None, ContractPolicy("allow", types=table.types), folder) as result:
        accepted = {row["id"]: row["x"] for row in result.accepted.reader().read_all().to_pylist()}
        rejected = {row["id"]: row["x"] for row in result.rejected.reader().read_all().to_pylist()}
    return table, accepted, rejected


@pytest.mark.parametrize(
    ("declared", "files", "expected"), CASES, ids=lambda value: value if type(value) is str else ""
)
def test_each_value_of_each_file_is_converted_or_its_row_rejected(declared, files, expected, tmp_path) -> None:
    _write(tmp_path, files)
    table, accepted, rejected = _read(tmp_path, {"x": declared})
    assert table.schema.field("x").type == pa.type_for_alias(declared)
    seen = dict(sorted({**accepted, **rejected}.items()))
    assert [str(value) if declared == "timestamp[ns]" else value for value in seen.values()] == [
        str(value) if declared == "timestamp[ns]" else value for value in expected
    ]
    wrong = {at for at, value in enumerate(expected) if type(value) is str and declared != "string"}
    assert set(rejected) == wrong


@pytest.mark.parametrize(
    ("declared", "files", "expected"), CASES, ids=lambda value: value if type(value) is str else ""
)
def test_the_order_of_the_files_changes_no_verdict(declared, files, expected, tmp_path) -> None:
    del expected
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    _write(tmp_path / "a", files)
    for place in range(len(files)):
        (tmp_path / "b" / f"{len(files) - place}.parquet").write_bytes(
            (tmp_path / "a" / f"{place}.parquet").read_bytes()
        )
    assert _read(tmp_path / "a", {"x": declared})[1:] == _read(tmp_path / "b", {"x": declared})[1:]


def test_a_row_key_of_two_types_is_converted(tmp_path) -> None:
    pq.write_table(pa.table({"id": [1], "x": [1.0]}), tmp_path / "0.parquet")
    pq.write_table(pa.table({"id": ["2"], "x": [1.0]}), tmp_path / "1.parquet")
    table = TableSource(Location.parse(str(tmp_path)), row_key=("id",), types={"id": "int64"}).open()
    assert table.reader().read_all()["id"].to_pylist() == [1, 2]
    assert table.raw.reader().read_all()["id"].to_pylist() == [1, 2]


@pytest.mark.parametrize("suffix", ["jsonl", "csv"])
def test_text_formats_have_their_values_read_one_by_one(suffix, tmp_path) -> None:
    for place, value in enumerate([1, True, "0", "yes"]):
        text = json.dumps({"id": place, "x": value}) if suffix == "jsonl" else f"id,x\n{place},{str(value).lower()}"
        (tmp_path / f"{place}.{suffix}").write_text(text + "\n")
    _, accepted, rejected = _read(tmp_path, {"x": "bool", "id": "int64"})
    assert (accepted, rejected) == ({0: True, 1: True, 2: False}, {3: "yes"})


@pytest.mark.parametrize(
    ("second", "declared", "fact"),
    [
        (pa.array([[1]]), "int64", "list<.*> cannot become int64"),
        (pa.array([0.5]), "string", "double cannot become string"),
    ],
)
def test_a_file_whose_values_cannot_be_converted_is_named(second, declared, fact, tmp_path) -> None:
    pq.write_table(pa.table({"id": [1], "x": [1]}), tmp_path / "0.parquet")
    pq.write_table(pa.table({"id": [2], "x": second}), tmp_path / "1.parquet")
    with pytest.raises(TableError, match=fact) as refusal:
        TableSource(Location.parse(str(tmp_path)), row_key=("id",), types={"x": declared}).open()
    assert refusal.value.where.endswith("1.parquet")


def test_without_a_declared_type_the_message_names_the_key_that_helps(tmp_path) -> None:
    _write(tmp_path, [([1], pa.int64()), ([True], pa.bool_())])
    with pytest.raises(TableError, match=r"inputs\.types"):
        TableSource(Location.parse(str(tmp_path)), row_key=("id",)).open()
    assert _read(tmp_path, {"x": "bool"})[1] == {0: True, 1: True}


def test_an_empty_folder_is_said_to_be_empty(tmp_path) -> None:
    with pytest.raises(TableError, match="The folder holds no files"):
        TableSource(Location.parse(str(tmp_path))).open()
