"""Random signatures, and random tables in types that can become them."""

import datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st
from mlflow.types import ColSpec, DataType, Schema, TensorSpec
from mlflow.types.schema import Array, Map, Object, Property

from mlops_assets.signatures.contract.arrow_types import arrow_type_of

names = st.sampled_from(["a", "b", "c", "d", "e f", "ü", "prediction", "A"])
scalars = st.sampled_from(list(DataType))
times = st.datetimes(datetime.datetime(1900, 1, 1), datetime.datetime(2200, 1, 1))
texts = st.text(st.characters(codec="utf-8"), max_size=4)
numbers = st.one_of(
    st.integers(-3, 3), st.integers(-(2**63), 2**63 - 1), st.sampled_from([2**24, 2**24 + 1, 2**53, 2**53 + 1, 2**31])
)
reals = st.one_of(st.integers(-3, 3).map(float), st.floats(), st.sampled_from([0.1, 2.0**53, 1e300, 2.0**31, 2.0**63]))

# What a column of a scalar MLflow type may be stored as: (Arrow type, its values).
SOURCES: dict[Any, list[Any]] = {
    DataType.boolean: [(pa.bool_(), st.booleans())],
    DataType.integer: [
        (pa.int8(), st.integers(-128, 127)),
        (pa.uint16(), st.integers(0, 2**16 - 1)),
        (pa.int32(), st.integers(-(2**31), 2**31 - 1)),
        (pa.int64(), numbers),
        (pa.float64(), reals),
    ],
    DataType.long: [
        (pa.int32(), st.integers(-(2**31), 2**31 - 1)),
        (pa.int64(), numbers),
        (pa.uint64(), st.integers(0, 2**64 - 1)),
        (pa.float64(), reals),
        (pa.decimal128(20, 2), st.integers(-(10**18), 10**18).map(lambda unscaled: Decimal(unscaled).scaleb(-2))),
    ],
    DataType.float: [(pa.float32(), st.floats(width=32)), (pa.float64(), reals), (pa.int64(), numbers)],
    DataType.double: [
        (pa.float64(), reals),
        (pa.float32(), st.floats(width=32)),
        (pa.int64(), numbers),
        (pa.decimal128(20, 2), st.integers(-(10**18), 10**18).map(lambda unscaled: Decimal(unscaled).scaleb(-2))),
    ],
    DataType.string: [
        (pa.string(), texts),
        (pa.large_string(), texts),
        (pa.string_view(), texts),
        (pa.dictionary(pa.int32(), pa.string()), texts),
    ],
    DataType.binary: [(pa.binary(), st.binary(max_size=4)), (pa.binary(2), st.binary(min_size=2, max_size=2))],
    DataType.datetime: [
        (pa.timestamp("ns"), times),
        (pa.timestamp("us", "Europe/Paris"), times),
        (pa.timestamp("s"), st.integers(-(2**35), 2**37)),
        (pa.date32(), st.dates()),
    ],
}


def mlflow_types(depth: int = 2):
    """Any MLflow type but Any, nested at most `depth` deep."""
    if depth == 0:
        return scalars
    inner = mlflow_types(depth - 1)
    properties = st.lists(st.tuples(names, inner, st.booleans()), min_size=1, max_size=3, unique_by=lambda p: p[0])
    return st.one_of(
        scalars,
        scalars,
        inner.map(Array),
        inner.map(Map),
        properties.map(lambda parts: Object([Property(*part) for part in parts])),
    )


@st.composite
def column_schemas(draw, min_size: int = 1, max_size: int = 4, types=None):
    """A schema of named columns."""
    chosen = draw(st.lists(names, min_size=min_size, max_size=max_size, unique=True))
    return Schema([ColSpec(draw(types or mlflow_types()), name, draw(st.booleans())) for name in chosen])


def values_of(kind, nullable: bool = True):
    """Python values that Arrow reads as the canonical type of `kind`; None among them."""
    cells: Any
    if isinstance(kind, Array):
        cells = st.lists(values_of(kind.dtype, nullable), max_size=3)
    elif isinstance(kind, Map):
        keys = st.sampled_from("xyz")
        cells = st.lists(st.tuples(keys, values_of(kind.value_type, nullable)), max_size=3)
    elif isinstance(kind, Object):
        cells = st.fixed_dictionaries({p.name: values_of(p.dtype, nullable) for p in kind.properties})
    else:
        arrow = arrow_type_of(kind)
        cells = next(values for source, values in SOURCES[kind] if source == arrow)
    return st.one_of(cells, cells, cells, st.none()) if nullable else cells


@st.composite
def tables(draw, schema: Schema, max_rows: int = 5, canonical: bool = False):
    """A record batch with a column for every spec of `schema`, scalars in any type that may become theirs."""
    rows = draw(st.integers(0, max_rows))
    nullable = draw(st.booleans())
    columns = []
    for spec in schema.inputs:
        source, values = arrow_type_of(spec.type), values_of(spec.type, nullable)
        if isinstance(spec.type, DataType) and not canonical:
            source, values = draw(st.sampled_from(SOURCES[spec.type]))
            values = st.one_of(values, values, values, st.none()) if nullable else values
        cells = draw(st.lists(values, min_size=rows, max_size=rows))
        columns.append(pa.array(cells, source))
    return pa.RecordBatch.from_arrays(columns, names=[spec.name for spec in schema.inputs])


tensor_specs = st.builds(
    TensorSpec,
    st.sampled_from(["float32", "float64", "int64", "int32", "uint8", "bool"]).map(np.dtype),
    st.lists(st.integers(1, 3), max_size=2).map(lambda inner: (-1, *inner)),
)
