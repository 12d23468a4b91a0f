"""Types that a user declares: every value is converted losslessly, or its row is rejected."""

import datetime
from decimal import Decimal

import pyarrow as pa
import pytest
import yaml
from mlflow.types import ColSpec, Schema

from mlops_assets.errors import ContractError
from mlops_assets.signatures.contract.contract import Contract, ContractPolicy
from mlops_assets.signatures.contract.declared_types import declared_converter
from mlops_assets.signatures.contract.rejection_reasons import any_failure
from mlops_assets.signatures.contract.scalar_converters import RefusedError

DAY = datetime.date(2026, 1, 2)
NOON = datetime.datetime(2026, 1, 2, 12)


@pytest.mark.parametrize(
    ("values", "source", "target", "expected", "failing"),
    [
        ([0, 1, 2, None], pa.int64(), pa.bool_(), [False, True, None, None], [2]),
        ([0.0, 1.0, 0.5, 7.0], pa.float64(), pa.bool_(), [False, True, None, None], [2, 3]),
        (["true", "FALSE", "1", "0", "yes", ""], pa.string(), pa.bool_(), [True, False, True, False, None, None], [4]),
        ([True, False], pa.bool_(), pa.int64(), [1, 0], []),
        ([True, False], pa.bool_(), pa.float64(), [1.0, 0.0], []),
        ([3.0, 3.5, 1e30], pa.float64(), pa.int64(), [3, None, None], [1, 2]),
        (["3", "3.5", "x"], pa.string(), pa.int64(), [3, None, None], [1, 2]),
        (["1.5", "x"], pa.string(), pa.float64(), [1.5, None], [1]),
        ([2**53, 2**53 + 1], pa.int64(), pa.float64(), [2.0**53, None], [1]),
        ([12, -7], pa.int64(), pa.string(), ["12", "-7"], []),
        ([Decimal("1.50")], pa.decimal128(5, 2), pa.string(), ["1.50"], []),
        (["2026-01-02", "02.01.2026"], pa.string(), pa.date32(), [DAY, None], [1]),
        (["2026-01-02T12:00", "2026-01-02"], pa.string(), pa.date32(), [None, DAY], [0]),
        (["2026-01-02T12:00:00", "soon"], pa.string(), pa.timestamp("us"), [NOON, None], [1]),
        (["2026-01-02T12:00:00.5"], pa.string(), pa.timestamp("s"), [None], [0]),
        ([DAY], pa.date32(), pa.timestamp("s"), [datetime.datetime(2026, 1, 2)], []),
        ([1, 123456], pa.int64(), pa.decimal128(5, 2), [Decimal("1.00"), None], [1]),
        (["1.5", "1.555", "x"], pa.string(), pa.decimal128(5, 2), [Decimal("1.50"), None, None], [1, 2]),
    ],
)
def test_each_value_is_converted_or_fails(values, source, target, expected, failing) -> None:
    cast, failures = declared_converter(source, target).convert(pa.array(values, source))
    assert cast.type == target
    assert cast.to_pylist() == expected
    assert any_failure(failures, len(values)).nonzero()[0].tolist() == failing
    for value, one in zip(values, expected, strict=True):
        alone, _ = declared_converter(source, target).convert(pa.array([value], source))
        assert alone.to_pylist() == [one], "the verdict on a value depends on no other"


@pytest.mark.parametrize(
    ("source", "target"),
    [(pa.float64(), pa.string()), (pa.list_(pa.int64()), pa.int64()), (pa.timestamp("ns"), pa.bool_())],
    ids=str,
)
def test_what_has_no_one_conversion_is_refused(source, target) -> None:
    with pytest.raises(RefusedError, match="cannot become"):
        declared_converter(source, target)


def test_the_advice_for_a_refused_column_works_when_followed() -> None:
    schema = Schema([ColSpec("boolean", "holiday"), ColSpec("datetime", "dteday")])
    table = pa.table({"id": [1, 2, 3], "holiday": [0, 1, 2], "dteday": ["2011-01-01", "2011-01-02", "2011-01-03"]})
    with pytest.raises(ContractError, match="int64 cannot become boolean") as refusal:
        Contract(schema, table.schema, ("id",))
    line = str(refusal.value).partition("`")[2].partition("`")[0]
    types = yaml.safe_load(line)["inputs"]["types"]
    assert types == {"holiday": "bool", "dteday": "timestamp[ns]"}
    declared = {name: pa.type_for_alias(kind) for name, kind in types.items()}
    verdict = Contract(schema, table.schema, ("id",), ContractPolicy(types=declared)).apply(table.to_batches()[0])
    assert verdict.accepted.column("holiday").to_pylist() == [False, True]
    assert verdict.rejected.to_pylist() == [
        {"id": 3, "holiday": 2, "dteday": "2011-01-03", "reasons": [{"column": "holiday", "code": "out_of_range"}]}
    ]


def test_a_model_without_signature_gets_the_declared_types() -> None:
    table = pa.table({"id": [1, 2], "n": ["4", "x"]})
    verdict = Contract(None, table.schema, ("id",), ContractPolicy(types={"n": pa.int64()})).apply(
        table.to_batches()[0]
    )
    assert verdict.accepted.to_pylist() == [{"id": 1, "n": 4}]
    assert verdict.rejected.column("n").to_pylist() == ["x"]
