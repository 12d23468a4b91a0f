"""The last step before the model: accepted rows as pandas or numpy, in the one form that MLflow leaves unchanged.

MLflow's own enforcement accepts what `to_model_input` gives and passes it on as it is. One case MLflow cannot carry at
all: an optional ``integer`` or ``long`` column with a null in it; see `refused_by_mlflow` and
`mlops_assets.signatures.mlflow.enforcement`.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np
import pyarrow as pa
import pyarrow.types as pat

from mlops_assets.signatures.contract.arrow_types import arrow_type_of
from mlops_assets.signatures.contract.lossless_casts import to_mask, to_numpy, unwrap
from mlops_assets.signatures.mlflow.nested_objects import cells_of

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.types import ColSpec, Schema, TensorSpec

ModelInput: TypeAlias = "pd.DataFrame | np.ndarray | dict[str, np.ndarray]"


# Types of MLflow's -> arrays that pandas takes as they are, while no value is null.
_AS_THEY_ARE = {
    "double": pa.DoubleArray,
    "float": pa.FloatArray,
    "long": pa.Int64Array,
    "integer": pa.Int32Array,
    "boolean": pa.BooleanArray,
}
# Those that a block of numbers holds.
_NUMBERS = {"double": pa.float64(), "float": pa.float32(), "long": pa.int64(), "integer": pa.int32()}


def to_model_input(data: pa.Table | pa.RecordBatch, inputs: "Schema | None", row_key: Sequence[str] = ()) -> ModelInput:
    """Accepted rows as the model takes them.

    Columns: a DataFrame with the signature's columns in its order, of the dtypes bool, int32, int64, float32, float64,
    datetime64[ns] and object (str, bytes, None); an optional boolean column with nulls is object (True, False, None),
    an integer one ``Int32`` or ``Int64``. Array: lists, the innermost a numpy array of the exact dtype (a list of str
    or bytes). Object and Map: dicts of numpy scalars, every property present, None where null. Any: Python objects.
    One unnamed tensor: an array of the signature's dtype and shape. Named tensors: a dict of such arrays.
    No signature: a DataFrame of all columns but the row key, as Arrow makes it.

    Arrays are writable and owned by the caller.

    Parameters
    ----------
    data
        Rows with `Contract.accepted_schema`.
    inputs
        The signature's inputs.
    row_key
        The key columns; those that are no inputs are left out.
    """
    batch = _one_batch(data)
    if inputs is None:
        frame: pd.DataFrame = _without(batch, row_key).to_pandas()
        return frame
    if inputs.is_tensor_spec():
        return _tensors(batch, inputs, row_key)
    return _frame(batch, inputs, row_key)


def refused_by_mlflow(data: pa.Table | pa.RecordBatch, inputs: "Schema | None") -> tuple[str, ...]:
    """The integer columns with nulls: no pandas dtype of theirs passes MLflow's enforcement (``cannot convert NA``)."""
    return tuple(
        name
        for name, spec in _named_columns(inputs)
        if data.column(name).null_count and pat.is_integer(arrow_type_of(spec.type))
    )


def _named_columns(inputs: "Schema | None") -> list[tuple[str, "ColSpec"]]:
    if inputs is None or inputs.is_tensor_spec() or not inputs.has_input_names():
        return []
    return [(str(spec.name), cast("ColSpec", spec)) for spec in inputs.inputs]


def _one_batch(data: pa.Table | pa.RecordBatch) -> pa.RecordBatch:
    if isinstance(data, pa.RecordBatch):
        return data
    batches = data.to_batches()
    if batches:
        return pa.concat_batches(batches)
    return pa.RecordBatch.from_arrays([pa.nulls(0, field.type) for field in data.schema], schema=data.schema)


def _without(batch: pa.RecordBatch, row_key: Sequence[str]) -> pa.RecordBatch:
    return batch.select([name for name in batch.schema.names if name not in row_key])


def _frame(batch: pa.RecordBatch, inputs: "Schema", row_key: Sequence[str]) -> "pd.DataFrame":
    import pandas as pd

    if inputs.has_input_names():
        names = [str(spec.name) for spec in inputs.inputs]
    else:
        names = _without(batch, row_key).schema.names
    if (numbers := _frame_of_numbers(batch, names, inputs)) is not None:
        return numbers
    plain: dict[str, pa.Array] = {}
    others: dict[str, pd.Series] = {}
    columns = dict(zip(batch.schema.names, batch.columns, strict=True))
    for name, spec in zip(names, inputs.inputs, strict=True):
        values = columns[name]
        if not values.null_count and type(values) is _AS_THEY_ARE.get(getattr(spec.type, "name", "")):
            # Thousands of columns of numbers: nothing is asked of any of them.
            plain[name] = values
            continue
        values = unwrap(values)
        series = _special_series(values, cast("ColSpec", spec))
        if series is None:
            plain[name] = values.cast(arrow_type_of(spec.type))
        else:
            others[name] = series
    # Arrow copies columns of one dtype into one block, which is the form that numpy and scikit-learn take without copy.
    in_blocks = pa.RecordBatch.from_arrays(list(plain.values()), names=list(plain))
    frame: pd.DataFrame = in_blocks.to_pandas() if plain else pd.DataFrame()
    if not others:
        return frame
    rest = pd.DataFrame(others, index=pd.RangeIndex(batch.num_rows))
    return pd.concat([frame, rest], axis="columns")[names] if plain else rest[names]


def _frame_of_numbers(batch: pa.RecordBatch, names: list[str], inputs: "Schema") -> "pd.DataFrame | None":
    """The frame where every column is of one type of numbers, and no value is null; else None.

    One copy into one block, as `RecordBatch.to_pandas` makes it in ten times the time where there are many columns.
    """
    import pandas as pd

    kinds = {getattr(spec.type, "name", "") for spec in inputs.inputs}
    kind = _NUMBERS.get(kinds.pop()) if len(kinds) == 1 else None
    if kind is None or not batch.num_rows:
        return None
    numbers = batch.select(names)
    if set(numbers.schema.types) != {kind}:
        return None
    try:
        block = numbers.to_tensor(row_major=False).to_numpy()
    except pa.ArrowTypeError:
        # A value is null.
        return None
    return pd.DataFrame(block, columns=pd.Index(names, dtype=object), copy=False)


def _special_series(values: pa.Array, spec: "ColSpec") -> "pd.Series | None":
    """The column where Arrow's own conversion is not what MLflow leaves unchanged, else None."""
    import pandas as pd
    from mlflow.types import DataType
    from mlflow.types.schema import AnyType

    if isinstance(spec.type, AnyType):
        return pd.Series(values.to_pylist(), dtype=object if not len(values) else None)
    if not isinstance(spec.type, DataType):
        return _objects(cells_of(values, spec.type, spec.required))
    if spec.type in (DataType.integer, DataType.long) and values.null_count:
        numbers = to_numpy(values.cast(arrow_type_of(spec.type)), 0).copy()
        return pd.Series(pd.arrays.IntegerArray(numbers, to_mask(values.is_null())))
    return None


def _objects(cells: list[Any]) -> "pd.Series":
    import pandas as pd

    # Filled one by one: numpy would make one array of lists of equal length.
    column = np.empty(len(cells), dtype=object)
    for i, cell in enumerate(cells):
        column[i] = cell
    return pd.Series(column)


def _tensors(batch: pa.RecordBatch, inputs: "Schema", row_key: Sequence[str]) -> "np.ndarray | dict[str, np.ndarray]":
    if inputs.has_input_names():
        specs = cast("list[TensorSpec]", inputs.inputs)
        return {str(spec.name): tensor_of(batch.column(str(spec.name)), spec) for spec in specs}
    spec = cast("TensorSpec", inputs.inputs[0])
    columns = _without(batch, row_key).columns
    if len(columns) == 1:
        return tensor_of(columns[0], spec)
    return np.column_stack([_elements(unwrap(column), spec.type) for column in columns])


def tensor_of(values: pa.Array, spec: "TensorSpec") -> np.ndarray:
    """A column that conforms to `spec` as an array of its dtype and shape, rows first.

    With a variable dimension beside the first: one dense array if all rows have the same shape, else an object array of
    one array per row (MLflow accepts both).
    """
    values = unwrap(values)
    rows, inner = len(values), tuple(spec.shape[1:])
    if -1 in inner and spec.type.kind != "O":
        return _ragged(values, spec.type, rows)
    flat = values.flatten() if pat.is_fixed_size_list(values.type) else values
    return _elements(flat, spec.type).reshape((rows, *inner))


def _elements(values: pa.Array, dtype: np.dtype) -> np.ndarray:
    if dtype.kind == "O":
        objects = np.empty(len(values), dtype=object)
        objects[:] = values.to_pylist()
        return objects
    if dtype.kind in "US":
        return np.array(values.to_pylist(), dtype=dtype)
    array = np.asarray(values.to_numpy(zero_copy_only=False)).astype(dtype, copy=False)
    return np.require(array, requirements=["C", "W"])


def _ragged(values: pa.Array, dtype: np.dtype, rows: int) -> np.ndarray:
    arrays = [np.array(row, dtype=dtype) for row in values.to_pylist()]
    if len({array.shape for array in arrays}) == 1:
        return np.stack(arrays)
    ragged = np.empty(rows, dtype=object)
    for i, array in enumerate(arrays):
        ragged[i] = array
    return ragged
