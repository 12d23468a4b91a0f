"""Rows that distinguish two types: the values at the edges of a type, valid for it by construction.

Compatibility is not argued, it is tried: if a conversion that the contract makes can lose something, one of these
values shows it.
"""

import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from mlops_assets.signatures.contract.arrow_types import arrow_type_of, tensor_type
from mlops_assets.signatures.contract.column_converters import converter_for
from mlops_assets.signatures.contract.rejection_reasons import any_failure
from mlops_assets.signatures.contract.scalar_converters import Converter, Reading, RefusedError
from mlops_assets.signatures.contract.tensor_converters import tensor_converter

if TYPE_CHECKING:
    from mlflow.types import ColSpec, TensorSpec

    from mlops_assets.signatures.contract.arrow_types import MlflowType

_VARIABLE_LENGTHS = (1, 2)


def edge_values(arrow: pa.DataType) -> list[Any]:
    """Values of a scalar Arrow type among which every conversion that is not always exact finds one to fail for."""
    if pa.types.is_boolean(arrow):
        return [False, True]
    if pa.types.is_integer(arrow):
        limits = np.iinfo(arrow.to_pandas_dtype())
        exact = [2**power + 1 for power in (11, 24, 53)]
        return [0, 1, int(limits.min), int(limits.max), *(value for value in exact if value <= limits.max)]
    if pa.types.is_floating(arrow):
        dtype = np.dtype(arrow.to_pandas_dtype())
        tenth = dtype.type(0.1)
        return [float(value) for value in (dtype.type(0), tenth, np.finfo(dtype).max, dtype.type(np.inf))]
    if pa.types.is_timestamp(arrow):
        return [datetime.datetime(1970, 1, 1), datetime.datetime(2200, 1, 1)]
    return [b"", b"\xff"] if pa.types.is_binary(arrow) else ["", "text"]


def edge_cells(kind: "MlflowType") -> list[Any]:
    """`edge_values` for any MLflow type, None among them; what is not valid for `kind` is for the caller to drop."""
    from mlflow.types import DataType
    from mlflow.types.schema import Array, Map, Object

    if isinstance(kind, DataType):
        return [None, *edge_values(arrow_type_of(kind))]
    if isinstance(kind, Array):
        return [None, [], *([cell] for cell in edge_cells(kind.dtype))]
    if isinstance(kind, Map):
        return [None, [], *([("key", cell)] for cell in edge_cells(kind.value_type))]
    if isinstance(kind, Object):
        parts = {prop.name: edge_cells(prop.dtype) for prop in kind.properties}
        # One property at a time goes through its values, the others keep a harmless one: the last is never None.
        usual = {name: cells[-1] for name, cells in parts.items()}
        return [None, *({**usual, name: cell} for name, cells in parts.items() for cell in cells)]
    return [None]


def edge_rows(spec: "ColSpec | TensorSpec") -> pa.Array:
    """A column of edge values, each of which conforms to `spec`, typed as the contract types it."""
    from mlflow.types import TensorSpec

    if isinstance(spec, TensorSpec):
        rows = _tensor_rows(spec)
    else:
        rows = pa.array(edge_cells(spec.type), arrow_type_of(spec.type))
    values, failures = converter_to(spec, rows.type).convert(rows)
    return values.filter(pa.array(~any_failure(failures, len(rows))))


def _tensor_rows(spec: "TensorSpec") -> pa.Array:
    arrow = tensor_type(spec.type, spec.shape)
    inner = spec.shape[1:]
    values = edge_values(arrow_type_of(spec.type))
    if inner in ((), (1,)):
        return pa.array(values, arrow)
    if -1 not in inner:
        return pa.array([[value] * arrow.list_size for value in values], arrow)
    rows = []
    for value in values:
        for length in _VARIABLE_LENGTHS:
            cell: Any = value
            for size in reversed(inner):
                cell = [cell] * (length if size == -1 else size)
            rows.append(cell)
    return pa.array(rows, arrow)


def converter_to(spec: "ColSpec | TensorSpec", source: pa.DataType) -> Converter:
    """The contract's converter of a column of type `source` to `spec`, under the strictest policy.

    Raises
    ------
    RefusedError
        No value of `source` conforms.
    """
    from mlflow.types import TensorSpec

    reading = Reading()
    if isinstance(spec, TensorSpec):
        return tensor_converter(source, spec, reading)
    return converter_for(source, spec.type, spec.required, reading)


def holds_all(reader: "ColSpec | TensorSpec", writer: "ColSpec | TensorSpec") -> bool:
    """Whether every row that conforms to `writer` conforms to `reader`, by the contract's own judgement."""
    rows = edge_rows(writer)
    try:
        _, failures = converter_to(reader, rows.type).convert(rows)
    except RefusedError:
        return False
    return not any_failure(failures, len(rows)).any()
