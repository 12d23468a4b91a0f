"""Nested Arrow columns as the Python objects that MLflow's enforcement accepts and leaves as they are."""

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlops_assets.signatures.contract.lossless_casts import to_mask, to_numpy, unwrap
from mlops_assets.signatures.contract.nested_converters import plain_list

if TYPE_CHECKING:
    from mlflow.types import DataType
    from mlflow.types.schema import Array, Map, Object

    from mlops_assets.signatures.contract.arrow_types import MlflowType


def cells_of(values: pa.Array, kind: "MlflowType", required: bool) -> list[Any]:
    """One Python object per row of a column of the Array, Object, Map or scalar type `kind`.

    Scalars are numpy scalars of the exact width, str, bytes or None; arrays of numbers, booleans and datetimes are
    numpy arrays (null elements NaN or NaT), all others lists.
    """
    from mlflow.types import DataType
    from mlflow.types.schema import Array, Map, Object

    values = unwrap(values)
    if isinstance(kind, DataType):
        return _scalars(values, kind, required)
    if isinstance(kind, Array):
        return _lists(values, kind, required)
    if isinstance(kind, Object):
        return _records(values, kind)
    if isinstance(kind, Map):
        return _maps(values, kind, required)
    return values.to_pylist()  # type: ignore[no-any-return]


def _scalars(values: pa.Array, kind: "DataType", required: bool) -> list[Any]:
    from mlflow.types import DataType

    if kind in (DataType.string, DataType.binary):
        return values.to_pylist()  # type: ignore[no-any-return]
    cells: list[Any] = list(_numbers(values, kind))
    if required:
        return cells
    # MLflow turns NaN and NaT of an optional property into None.
    absent = to_mask(values.is_null(nan_is_null=True))
    for row in np.flatnonzero(absent):
        cells[row] = None
    return cells


def _numbers(values: pa.Array, kind: "DataType") -> np.ndarray:
    """A writable array of the exact dtype: null becomes NaN or NaT, elsewhere it cannot occur."""
    from mlflow.types import DataType

    if kind is DataType.boolean:
        return to_mask(values)
    filler = np.nan if kind in (DataType.float, DataType.double) else 0
    if kind is DataType.datetime:
        return np.array(values.to_numpy(zero_copy_only=False), dtype="datetime64[ns]")
    return np.array(to_numpy(values, filler))


def _lists(values: pa.Array, kind: "Array", required: bool) -> list[Any]:
    from mlflow.types import DataType

    lists = plain_list(values)
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
    ends = np.cumsum(lengths)
    flat = lists.flatten()
    elements: Any
    if isinstance(kind.dtype, DataType) and kind.dtype not in (DataType.string, DataType.binary):
        elements = _numbers(flat, kind.dtype)
    else:
        elements = cells_of(flat, kind.dtype, required)
    starts = (ends - lengths).tolist()
    cells: list[Any] = [elements[start:end] for start, end in zip(starts, ends.tolist(), strict=True)]
    return _none_where_null(cells, values)


def _records(values: pa.Array, kind: "Object") -> list[Any]:
    children = dict(zip((field.name for field in values.type), values.flatten(), strict=True))
    columns = [cells_of(children[prop.name], prop.dtype, prop.required) for prop in kind.properties]
    names = [prop.name for prop in kind.properties]
    cells: list[Any] = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
    return _none_where_null(cells, values)


def _maps(values: pa.Array, kind: "Map", required: bool) -> list[Any]:
    offsets = values.offsets.to_numpy(zero_copy_only=False)
    first = int(offsets[0]) if len(offsets) else 0
    last = int(offsets[-1]) if len(offsets) else 0
    keys = values.keys[first:last].to_pylist()
    items = cells_of(values.items[first:last], kind.value_type, required)
    bounds = (offsets - first).tolist()
    cells: list[Any] = [dict(zip(keys[start:end], items[start:end], strict=True)) for start, end in pairwise(bounds)]
    return _none_where_null(cells, values)


def _none_where_null(cells: list[Any], values: pa.Array) -> list[Any]:
    if values.null_count:
        for row in np.flatnonzero(to_mask(values.is_null())):
            cells[row] = None
    return cells
