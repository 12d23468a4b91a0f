"""Whatever a model returns, as Arrow columns: one row per input row, in the order of the inputs."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from mlops_assets.errors import PredictionError
from mlops_assets.models.loaded_model import PredictMethod


def to_output_columns(
    raw: Any,
    rows: int,
    names: Sequence[str] = (),
    method: PredictMethod = "predict",
    classes: Sequence[object] | None = None,
) -> dict[str, pa.Array]:
    """Turn a prediction into named columns of `rows` values each.

    Accepts what MLflow's flavors return: 1-D and n-D ndarrays, Series, DataFrames, lists of scalars, of lists or of
    dicts, dicts of arrays, sparse matrices, and anything that speaks the Arrow C stream interface.
    A pandas result whose index is a permutation of 0..rows-1 is put back into the order of the inputs by that index.

    Parameters
    ----------
    raw
        The model's own return value.
    rows
        How many rows the model was given.
    names
        The output names of the signature; used where the result has no names of its own and the number agrees.
    method, classes
        For ``predict_proba`` columns are called ``probability_<class>``.

    Raises
    ------
    PredictionError
        The number of rows differs, or the value has no columns that Arrow can hold.
    """
    columns = _columns(raw, rows, list(names), method, classes)
    arrays = {}
    for name, values in columns.items():
        array = _array(name, values)
        if len(array) != rows:
            raise PredictionError(
                f"The model returned {len(array)} values for {rows} rows",
                where=f"output column {name!r}",
                fix="A batch model must return one prediction per row, in order",
            )
        arrays[name] = array
    if not arrays:
        raise PredictionError("The model returned no columns", fix="Return one value per row")
    return arrays


def _columns(
    raw: Any, rows: int, names: list[str], method: PredictMethod, classes: Sequence[object] | None
) -> dict[str, Any]:
    import pandas as pd

    if isinstance(raw, pd.Series):
        # A Series that was computed from an input column still has that column's name, which says nothing here.
        raw = raw.to_frame(_names(1, names, method, classes)[0])
    if isinstance(raw, pd.DataFrame):
        raw = _in_input_order(raw, rows)
        if all(isinstance(column, int) for column in raw.columns):
            raw.columns = pd.Index(_names(raw.shape[1], names, method, classes))
        return {str(column): raw.iloc[:, position] for position, column in enumerate(raw.columns)}
    if isinstance(raw, Mapping):
        return {str(name): values for name, values in raw.items()}
    if hasattr(raw, "toarray"):
        raw = raw.toarray()
    if hasattr(raw, "__arrow_c_stream__"):
        table = pa.table(raw)
        return {name: table[name].combine_chunks() for name in table.column_names}
    if isinstance(raw, list):
        if raw and all(isinstance(row, Mapping) for row in raw):
            keys = dict.fromkeys(key for row in raw for key in row)
            return {str(key): [row.get(key) for row in raw] for key in keys}
        return {_names(1, names, method, classes)[0]: raw}
    array = np.asarray(raw)
    if array.ndim == 0:
        raise PredictionError(
            f"The model returned a single {type(raw).__name__} for {rows} rows", fix="Return one value per row"
        )
    if array.ndim == 2:
        return dict(zip(_names(array.shape[1], names, method, classes), array.T, strict=True))
    return {_names(1, names, method, classes)[0]: array}


def _in_input_order(frame: Any, rows: int) -> Any:
    import pandas as pd

    if (
        len(frame) == rows
        and not frame.index.equals(pd.RangeIndex(rows))
        and pd.api.types.is_integer_dtype(frame.index)
    ):
        order = frame.index.to_numpy()
        if np.array_equal(np.sort(order), np.arange(rows)):
            return frame.loc[np.arange(rows)]
    return frame.copy(deep=False)


def _names(width: int, names: list[str], method: PredictMethod, classes: Sequence[object] | None) -> list[str]:
    if method == "predict_proba":
        labels = classes if classes is not None and len(classes) == width else range(width)
        return [f"probability_{label}" for label in labels]
    if len(names) == width:
        return names
    return ["prediction"] if width == 1 else [f"prediction_{position}" for position in range(width)]


def _array(name: str, values: Any) -> pa.Array:
    try:
        if isinstance(values, pa.Array):
            return values
        if isinstance(values, np.ndarray):
            values = np.ascontiguousarray(values)
            if values.ndim > 1:
                return pa.FixedShapeTensorArray.from_numpy_ndarray(values).storage
        array = pa.array(values, from_pandas=_keeps_nan(values))
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise PredictionError(
            f"The model's output cannot be stored as a column ({type(error).__name__})",
            where=f"output column {name!r}",
            fix="Return numbers, text, booleans, dates, lists or dicts of one type per column",
        ) from error
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def _keeps_nan(values: Any) -> bool:
    """Whether missing values mean null: not for plain floats, where NaN is a value the model returned."""
    return getattr(getattr(values, "dtype", None), "kind", "O") not in "fc"
