"""Values at the edges of lossless casts, and the reasons they fail for."""

import datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from mlflow.types import ColSpec, Schema

from mlops_assets.signatures.contract.contract import Contract, ContractPolicy

NAN = float("nan")


def judge(values, kind, policy=None, required=True):
    """(accepted values, reason per rejected row) of one column."""
    batch = pa.record_batch({"x": values})
    verdict = Contract(Schema([ColSpec(kind, "x", required)]), batch.schema, (), policy).apply(batch)
    reasons = [reason["code"] for row in verdict.rejected.to_pylist() for reason in row["reasons"]]
    return verdict.accepted.column("x").to_pylist(), reasons


@pytest.mark.parametrize(
    ("value", "arrow", "kind", "expected"),
    [
        (2**53, pa.int64(), "double", 2.0**53),
        (2**53 + 1, pa.int64(), "double", "not_exact"),
        (2**53 + 2, pa.int64(), "double", "not_exact"),
        (-(2**53), pa.int64(), "double", -(2.0**53)),
        (-(2**53) - 1, pa.int64(), "double", "not_exact"),
        (2**64 - 1, pa.uint64(), "double", "not_exact"),
        (2**24, pa.int32(), "float", 2.0**24),
        (2**24 + 1, pa.int32(), "float", "not_exact"),
        (2**63, pa.uint64(), "long", "out_of_range"),
        (2**63 - 1, pa.uint64(), "long", 2**63 - 1),
        (2**31, pa.int64(), "integer", "out_of_range"),
        (-(2**31), pa.int64(), "integer", -(2**31)),
        (1.5, pa.float64(), "long", "not_exact"),
        (-0.0, pa.float64(), "long", 0),
        (2.0**63, pa.float64(), "long", "out_of_range"),
        (-(2.0**63), pa.float64(), "long", -(2**63)),
        (float("inf"), pa.float64(), "long", "out_of_range"),
        (2.0**31, pa.float64(), "integer", "out_of_range"),
        (0.1, pa.float64(), "float", "not_exact"),
        (0.5, pa.float64(), "float", 0.5),
        (1e300, pa.float64(), "float", "out_of_range"),
        (float("inf"), pa.float64(), "float", float("inf")),
        (1e-320, pa.float64(), "float", "not_exact"),
        (1.5, pa.float16(), "double", 1.5),
        (1.5, pa.float16(), "long", "not_exact"),
        (Decimal("0.10"), pa.decimal128(9, 2), "double", 0.1),
        (Decimal("0.10"), pa.decimal32(9, 2), "double", 0.1),
        (Decimal("1234567890123.45"), pa.decimal128(38, 2), "double", 1234567890123.45),
        (Decimal("12345678901234.567"), pa.decimal128(38, 3), "double", "not_exact"),
        (Decimal("1e19"), pa.decimal128(38, 18), "double", 1e19),
        (Decimal("0.1234567"), pa.decimal128(9, 7), "float", "not_exact"),
        (Decimal("2.00"), pa.decimal64(18, 2), "long", 2),
        (Decimal("2.01"), pa.decimal64(18, 2), "long", "not_exact"),
        (Decimal(2**63), pa.decimal128(38, 2), "long", "out_of_range"),
        (Decimal(2**63 - 1), pa.decimal128(38, 2), "long", 2**63 - 1),
        (datetime.date(1677, 9, 22), pa.date32(), "datetime", datetime.datetime(1677, 9, 22)),
        (datetime.date(1500, 1, 1), pa.date32(), "datetime", "out_of_range"),
        (datetime.datetime(2262, 4, 12), pa.timestamp("us"), "datetime", "out_of_range"),
        (datetime.datetime(9999, 1, 1), pa.timestamp("s"), "datetime", "out_of_range"),
        (b"\x00", pa.binary(1), "binary", b"\x00"),
    ],
)
def test_one_value(value, arrow, kind, expected):
    accepted, reasons = judge(pa.array([np.float16(value) if arrow == pa.float16() else value], arrow), kind)
    assert (accepted, reasons) == (([], [expected]) if isinstance(expected, str) else ([expected], []))


def test_the_nearest_double_is_taken_for_decimals():
    # Arrow's own cast gives 0.30000000000000004 and the like for many of these.
    cents = [Decimal(unscaled).scaleb(-2) for unscaled in range(-10_000, 10_000)]
    accepted, _ = judge(pa.array(cents, pa.decimal128(12, 2)), "double")
    assert accepted == [float(cent) for cent in cents]


def test_zoned_timestamps_become_utc_without_zone():
    noon = datetime.datetime(2024, 6, 1, 12, tzinfo=datetime.UTC)
    accepted, _ = judge(pa.array([noon], pa.timestamp("us", "Europe/Paris")), "datetime")
    assert accepted == [datetime.datetime(2024, 6, 1, 12)]


@pytest.mark.parametrize(
    "values",
    [
        pa.array(["a", "b", "a"]).dictionary_encode(),
        pa.array(["a", "b", "a"], pa.string_view()),
        pa.array(["a", "b", "a"], pa.large_string()),
        pa.RunEndEncodedArray.from_arrays([1, 2, 3], ["a", "b", "a"]),
    ],
)
def test_encodings_of_strings_are_decoded(values):
    assert judge(values, "string") == (["a", "b", "a"], [])


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (pa.array([1.0, NAN, None]), "double"),
        (pa.array([1.0, NAN, None]), "long"),
        (pa.array([1.0, NAN, None], pa.float32()), "float"),
        (pa.array(["a", None, None]), "string"),
        (pa.array([True, None, None]), "boolean"),
        (pa.array([0, None, None], pa.timestamp("s")), "datetime"),
        (pa.array([b"a", None, None]), "binary"),
        (pa.array([1, None, None]), "double"),
    ],
)
class TestMissingValues:
    def test_are_rejected_in_a_required_column(self, values, kind):
        accepted, reasons = judge(values, kind)
        assert len(accepted) == 1
        assert reasons == ["missing_value", "missing_value"]

    def test_pass_in_an_optional_column(self, values, kind):
        accepted, reasons = judge(values, kind, required=False)
        assert len(accepted) == 3
        assert reasons == []

    def test_pass_when_the_policy_allows(self, values, kind):
        accepted, reasons = judge(values, kind, ContractPolicy(missing="allow"))
        assert len(accepted) == 3
        assert reasons == []


def test_infinite_values_do_not_hide_missing_ones():
    values = pa.array([float("inf"), float("-inf"), NAN, 1e308, 1e308])
    accepted, reasons = judge(values, "double")
    assert len(accepted) == 4
    assert reasons == ["missing_value"]


def test_a_row_that_fails_its_cast_is_not_missing_as_well():
    assert judge(pa.array([1.5, NAN]), "long") == ([], ["not_exact", "missing_value"])


def test_slices_are_judged_by_their_own_rows():
    batch = pa.record_batch({"x": pa.array([2**60, 1, None, 2, 2**60])}).slice(1, 3)
    verdict = Contract(Schema([ColSpec("double", "x")]), batch.schema).apply(batch)
    assert verdict.accepted.column("x").to_pylist() == [1.0, 2.0]
    assert verdict.reasons == {("x", "missing_value"): 1}
