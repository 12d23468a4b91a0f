"""The table of conversions, held against what the contract does."""

import datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from mlflow.types import ColSpec, DataType, Schema, TensorSpec
from mlflow.types.schema import AnyType, Array, Map, Object, Property

from mlops_assets.signatures.contract.arrow_types import (
    CONVERSIONS,
    ConversionKind,
    arrow_schema,
    arrow_type_of,
    conversion,
    conversions_as_markdown,
    family_of,
    tensor_type,
)
from mlops_assets.signatures.contract.scalar_converters import Reading, RefusedError, scalar_converter

# A column of each family: its edges, so that a conversion that can lose something does.
SAMPLES = {
    "boolean": pa.array([True, False]),
    **{
        name: pa.array([0, 1, np.iinfo(name).min, np.iinfo(name).max], name)
        for name in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
    },
    **{
        name: pa.array(np.array([0, 1, 0.1, np.finfo(name).max, -np.inf], name))
        for name in ("float16", "float32", "float64")
    },
    "decimal": pa.array([Decimal(0), Decimal("1.5"), Decimal("123456789012345678901.1")], pa.decimal128(30, 2)),
    "string": pa.array(["0", "true", "2024-01-31"]),
    "binary": pa.array([b"0"]),
    "date": pa.array([datetime.date(2024, 1, 31), datetime.date(1066, 10, 14)]),
    "timestamp": pa.array([0, 2**62], pa.timestamp("us")),
    "time": pa.array([datetime.time(12)]),
    "duration": pa.array([datetime.timedelta(1)]),
    "interval": pa.array([(1, 2, 3)], pa.month_day_nano_interval()),
    "list": pa.array([[1]]),
    "struct": pa.array([{"a": 1}]),
    "map": pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64())),
    "union": pa.UnionArray.from_dense(pa.array([0], pa.int8()), pa.array([0], pa.int32()), [pa.array([1])]),
}
TARGETS = {name: arrow_type_of(DataType[name]) for name in DataType.__members__} | {
    name: arrow_type_of(np.dtype(name)) for name in ("int8", "int16", "uint8", "uint16", "uint32", "uint64", "float16")
}


def cells(how):
    return [pytest.param(*pair, id=f"{pair[0]}-{pair[1]}") for pair, found in CONVERSIONS.items() if found is how]


def test_the_table_has_every_family_and_every_target():
    assert {family for family, _ in CONVERSIONS} == set(SAMPLES)
    assert {target for _, target in CONVERSIONS} == set(TARGETS)
    assert {family_of(values.type) for values in SAMPLES.values()} == set(SAMPLES)


@pytest.mark.parametrize(("family", "target"), cells(ConversionKind.SAME) + cells(ConversionKind.WIDEN))
def test_same_and_widen_keep_every_value(family, target):
    values = SAMPLES[family]
    cast, failures = scalar_converter(values.type, TARGETS[target], False, Reading()).convert(values)
    assert not failures
    assert cast.type == TARGETS[target]
    assert cast.to_pylist() == values.to_pylist()


@pytest.mark.parametrize(("family", "target"), cells(ConversionKind.CHECK))
def test_check_keeps_what_fits_and_finds_what_does_not(family, target):
    values = SAMPLES[family]
    cast, failures = scalar_converter(values.type, TARGETS[target], False, Reading()).convert(values)
    failed = np.logical_or.reduce(list(failures.values()))
    assert failed.any()
    assert not failed[0]
    for row in np.flatnonzero(~failed):
        kept, was = cast[row].as_py(), values[row].as_py()
        if isinstance(was, datetime.date) and not isinstance(was, datetime.datetime):
            kept = kept.date()
        assert kept == was if not isinstance(was, Decimal) else Decimal(str(kept)) == was
    assert all(cast[row].as_py() is None for row in np.flatnonzero(failed))


@pytest.mark.parametrize(("family", "target"), cells(ConversionKind.REFUSED))
def test_refused_pairs_are_refused_whatever_the_policy(family, target):
    with pytest.raises(RefusedError, match="cannot become"):
        scalar_converter(SAMPLES[family].type, TARGETS[target], True, Reading(text=True, iso=True, allow_missing=True))


@pytest.mark.parametrize(("family", "target"), cells(ConversionKind.TEXT) + cells(ConversionKind.ISO))
def test_text_is_parsed_only_where_it_is_named(family, target):
    with pytest.raises(RefusedError, match="cannot become"):
        scalar_converter(pa.string(), TARGETS[target], True, Reading())
    assert scalar_converter(pa.string(), TARGETS[target], True, Reading(text=True)).type == TARGETS[target]


def test_markdown_says_what_the_table_says():
    page = conversions_as_markdown()
    header, _, *rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in page.split("\n\n")[0].split("\n")
    ]
    assert {
        (row[0], target): ConversionKind(cell) for row in rows for target, cell in zip(header[1:], row[1:], strict=True)
    } == (CONVERSIONS)
    assert all(f"`{how.value}`" in page for how in ConversionKind)


@pytest.mark.parametrize(
    ("wrapped", "family"),
    [
        (pa.dictionary(pa.int8(), pa.large_string()), "string"),
        (pa.run_end_encoded(pa.int32(), pa.float32()), "float32"),
        (pa.fixed_shape_tensor(pa.int8(), [2, 2]), "list"),
        (pa.string_view(), "string"),
        (pa.large_list(pa.int8()), "list"),
        (pa.binary(3), "binary"),
        (pa.date64(), "date"),
        (pa.timestamp("ms", "Asia/Tokyo"), "timestamp"),
        (pa.decimal256(50, 3), "decimal"),
    ],
)
def test_wrappers_and_variants_belong_to_the_plain_family(wrapped, family):
    assert family_of(wrapped) == family


def test_a_column_of_nulls_suits_every_type():
    assert {conversion(pa.null(), target) for target in TARGETS.values()} == {ConversionKind.SAME}


def test_arrow_schema_of_columns():
    schema = Schema(
        [
            ColSpec("integer", "i"),
            ColSpec("datetime", "t", required=False),
            ColSpec(Array(Map("float")), "a"),
            ColSpec(Object([Property("z", "string"), Property("b", "binary", False)]), "o"),
            ColSpec(AnyType(), "x"),
        ]
    )
    assert arrow_schema(schema) == pa.schema(
        {
            "i": pa.int32(),
            "t": pa.timestamp("ns"),
            "a": pa.list_(pa.map_(pa.string(), pa.float32())),
            "o": pa.struct({"b": pa.binary(), "z": pa.string()}),
            "x": pa.null(),
        }
    )


@pytest.mark.parametrize(
    ("dtype", "shape", "arrow"),
    [
        ("float32", (-1,), pa.float32()),
        ("uint8", (-1, 1), pa.uint8()),
        ("float64", (-1, 8, 8), pa.list_(pa.float64(), 64)),
        ("int64", (-1, -1, 3), pa.list_(pa.list_(pa.int64()))),
        ("str", (-1, 2), pa.list_(pa.string(), 2)),
        ("bool", (-1,), pa.bool_()),
    ],
)
def test_arrow_type_of_tensors(dtype, shape, arrow):
    assert tensor_type(np.dtype(dtype), shape) == arrow
    assert arrow_schema(Schema([TensorSpec(np.dtype(dtype), shape)])) == pa.schema({"0": arrow})


def test_a_dtype_that_arrow_lacks_is_an_error():
    with pytest.raises(TypeError, match="complex128"):
        arrow_type_of(np.dtype("complex128"))
