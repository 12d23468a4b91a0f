"""The values of one column of a model's answer as an Arrow array."""

from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa

from mlops_assets.errors import PredictionError

_KINDS_SHOWN = 4
_LONGEST_FLOAT = 8  # bytes; Arrow has no longer ones


def to_array(name: str, values: Any) -> pa.Array:
    """The values as Arrow holds them: categories as their values, n-D arrays as lists of a fixed size.

    Raises
    ------
    PredictionError
        They are of several types, or of one that Arrow has none for; the message names the types and no value.
    """
    try:
        array = _convert(values)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        # The library's message quotes a value.
        raise _unreadable(name, values, type(error).__name__) from error
    array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if isinstance(array, pa.FixedShapeTensorArray):
        return array.storage
    if isinstance(array, pa.ExtensionArray):
        raise _unreadable(name, values, f"Arrow has only the extension type {array.type.extension_name} for it")
    return array


def _convert(values: Any) -> Any:
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values
    if isinstance(values, np.ma.MaskedArray):
        return pa.array(_plain(values.data), mask=np.ma.getmaskarray(values))
    if not isinstance(values, list) and not hasattr(values, "dtype") and hasattr(values, "__array__"):
        values = np.asarray(values)
    if isinstance(values, np.ndarray):
        values = _plain(values)
        if values.ndim > 1:
            if values.dtype.kind in "iuf":
                return pa.FixedShapeTensorArray.from_numpy_ndarray(values).storage
            return pa.array(values.tolist())
    elif type(getattr(values, "dtype", None)).__name__ == "SparseDtype":
        values = np.asarray(values)
    elif isinstance(values, tuple | range):
        values = list(values)
    return pa.array(values, from_pandas=_keeps_null(values))


def _plain(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind == "T":  # NumPy's own text of any length, of which Arrow 25 knows nothing
        return values.astype(object)
    if values.dtype.kind == "f" and values.dtype.itemsize > _LONGEST_FLOAT:
        return values.astype(np.float64)
    if not values.dtype.isnative:
        values = values.astype(values.dtype.newbyteorder("="))
    return np.ascontiguousarray(values)


def _keeps_null(values: Any) -> bool:
    """Whether missing values mean null: not for plain floats, where NaN is a value the model returned."""
    return getattr(getattr(values, "dtype", None), "kind", "O") not in "fc"


def _unreadable(name: str, values: Any, reason: str) -> PredictionError:
    kinds = _kinds(values)
    several = len(kinds) > 1
    holds = " and ".join(f"{kind} ({count} rows)" for kind, count in kinds.most_common(_KINDS_SHOWN))
    if not kinds or not several:
        holds = str(getattr(values, "dtype", None) or next(iter(kinds), type(values).__name__))
    return PredictionError(
        f"The model's output cannot be stored as a column: it holds {holds}" + ("" if several else f" ({reason})"),
        where=f"output column {name!r}",
        fix="Return values of one type per column, for example all of them as text"
        if several
        else "Return numbers, text, booleans, dates, lists or dicts",
    )


def _kinds(values: Any) -> Counter[str]:
    """How many values there are of each Python type, missing ones apart."""
    dtype = getattr(values, "dtype", None)
    if dtype is not None and getattr(dtype, "kind", "O") != "O":
        return Counter()
    one_by_one = values if isinstance(values, list) else np.asarray(values, dtype=object).ravel().tolist()
    kinds = Counter(type(value).__name__ for value in one_by_one if value is not None)
    for missing in ("NAType", "NaTType"):
        kinds.pop(missing, None)
    return kinds
