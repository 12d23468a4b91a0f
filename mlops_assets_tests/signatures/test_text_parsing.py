"""Strict parsing of text columns."""

import datetime

import pyarrow as pa
import pytest

from mlops_assets.signatures.contract.contract import ContractPolicy
from mlops_assets_tests.signatures.test_lossless_casts import judge

TEXT = ContractPolicy(text_columns=frozenset({"x"}))


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("12", "long", 12),
        ("-12", "integer", -12),
        ("007", "long", 7),
        (" 12", "long", "not_parseable"),
        ("12 ", "long", "not_parseable"),
        ("1e3", "long", "not_parseable"),
        ("12.0", "long", "not_parseable"),
        ("0x1F", "long", "not_parseable"),
        ("+12", "long", "not_parseable"),
        ("1_000", "long", "not_parseable"),
        ("9223372036854775807", "long", 2**63 - 1),
        ("9223372036854775808", "long", "out_of_range"),
        ("-9223372036854775808", "long", -(2**63)),
        ("-9223372036854775809", "long", "out_of_range"),
        ("99999999999999999999999999", "long", "out_of_range"),
        ("2147483648", "integer", "out_of_range"),
        ("1.5", "double", 1.5),
        (".5", "double", 0.5),
        ("1.", "double", 1.0),
        ("-1e-3", "double", -0.001),
        ("+1", "double", 1.0),
        ("0.1", "float", 0.10000000149011612),
        ("1,5", "double", "not_parseable"),
        (" 1.5", "double", "not_parseable"),
        ("one", "double", "not_parseable"),
        ("-nan", "double", "not_parseable"),
        ("inf", "double", float("inf")),
        ("-Infinity", "double", float("-inf")),
        ("1e999", "double", "out_of_range"),
        ("1e39", "float", "out_of_range"),
        ("9007199254740993", "double", "not_exact"),
        ("9007199254740994", "double", 9007199254740994.0),
        ("16777217", "float", "not_exact"),
        ("nan", "double", "missing_value"),
        ("NaN", "float", "missing_value"),
        ("true", "boolean", True),
        ("False", "boolean", False),
        ("1", "boolean", "not_parseable"),
        ("yes", "boolean", "not_parseable"),
        ("text", "string", "text"),
        ("12", "string", "12"),
        ("2024-02-29", "datetime", datetime.datetime(2024, 2, 29)),
        ("2023-02-29", "datetime", "not_parseable"),
        ("1900-02-29", "datetime", "not_parseable"),
        ("2000-02-29", "datetime", datetime.datetime(2000, 2, 29)),
        ("2024-01-31 10:20", "datetime", datetime.datetime(2024, 1, 31, 10, 20)),
        ("2024-01-31T10:20:30.25", "datetime", datetime.datetime(2024, 1, 31, 10, 20, 30, 250_000)),
        ("2024-01-31T10:20:30Z", "datetime", datetime.datetime(2024, 1, 31, 10, 20, 30)),
        ("2024-01-31T10:20:30+02:00", "datetime", datetime.datetime(2024, 1, 31, 8, 20, 30)),
        ("2024-01-31T10:20:30-0530", "datetime", datetime.datetime(2024, 1, 31, 15, 50, 30)),
        ("2024-01-31T24:00", "datetime", "not_parseable"),
        ("2024-01-31T10:60", "datetime", "not_parseable"),
        ("2024-01-31T10:20:60", "datetime", "not_parseable"),
        ("2024-13-01", "datetime", "not_parseable"),
        ("2024-00-01", "datetime", "not_parseable"),
        ("2024-1-1", "datetime", "not_parseable"),
        ("20240131", "datetime", "not_parseable"),
        ("31.01.2024", "datetime", "not_parseable"),
        ("2024-01-31T10:20:30+25:00", "datetime", "not_parseable"),
        ("1677-09-21", "datetime", "out_of_range"),
        ("1677-09-22", "datetime", datetime.datetime(1677, 9, 22)),
        ("2262-04-10", "datetime", datetime.datetime(2262, 4, 10)),
        ("2262-04-11", "datetime", "out_of_range"),
        ("9999-12-31T23:59:59Z", "datetime", "out_of_range"),
        ("", "long", "missing_value"),
        ("", "double", "missing_value"),
        ("", "boolean", "missing_value"),
        ("", "datetime", "missing_value"),
        ("", "string", "missing_value"),
    ],
)
def test_one_text(text, kind, expected):
    known = ("not_parseable", "out_of_range", "not_exact", "missing_value")
    accepted, reasons = judge(pa.array([text]), kind, TEXT)
    assert (accepted, reasons) == (([], [expected]) if expected in known else ([expected], []))


def test_an_empty_text_is_null_in_an_optional_column():
    assert judge(pa.array(["", "1", None]), "long", TEXT, required=False) == ([None, 1, None], [])


def test_iso_datetimes_are_parsed_by_policy_in_a_typed_source():
    values = pa.array(["2024-01-31", "2024-01-31T00:00Z", "never", None])
    accepted, reasons = judge(values, "datetime", ContractPolicy(parse_iso_datetimes=True), required=False)
    assert accepted == [datetime.datetime(2024, 1, 31), datetime.datetime(2024, 1, 31), None]
    assert reasons == ["not_parseable"]


def test_an_empty_text_is_no_date_in_a_typed_source():
    assert judge(pa.array([""]), "datetime", ContractPolicy(parse_iso_datetimes=True)) == ([], ["not_parseable"])


def test_nanoseconds_survive():
    values = pa.array(["2024-01-31T10:20:30.123456789"])
    accepted, _ = judge(values, "datetime", TEXT)
    assert accepted[0].value % 1000 == 789


@pytest.mark.parametrize("other", ["", "x", "0x10", "1e999", "nan", "2262-04-11", "2024-01-31T00:00Z"])
@pytest.mark.parametrize(
    ("text", "kind"), [("12", "long"), ("1.5", "double"), ("true", "boolean"), ("2024-01-31", "datetime")]
)
def test_a_neighbour_changes_nothing(text, kind, other):
    alone, _ = judge(pa.array([text]), kind, TEXT)
    together, _ = judge(pa.array([text, other]), kind, TEXT)
    assert together[0] == alone[0]
