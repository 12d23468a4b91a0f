"""What MLflow infers, and on which columns it is not asked, because its answer would not be faithful to the data."""

import logging
import warnings
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.models import ModelSignature


class Deviation(StrEnum):
    """Why MLflow is not asked for the type of a column (seen in MLflow 3.17); the value says what it would answer."""

    NO_VALUE = "no value shows a type: MLflow answers Any, or string for an empty column of objects"
    MIXED_OBJECTS = "objects of several types: MLflow types no column of the input then"
    UNTYPED_OBJECTS = "objects that MLflow has no type for: it types no column of the input then"
    LARGE_INTEGERS = "integers beyond 64 bits: MLflow calls them long"
    INTEGERS_WITH_MISSING_VALUES = "a column of integer objects with missing values: MLflow calls it double"
    MISSING_IN_ARRAY = "a missing value inside an array: MLflow ignores it, and then refuses the row when it scores"
    MISSING_OBJECT = "a missing or empty object: MLflow makes every property of the others optional"
    MISSING_NUMBER = "NaN, NA or NaT in JSON objects, or a NaN of float32: MLflow takes it for a value"
    UNTYPED_DTYPE = "a dtype that MLflow has no type for (it types no column then), or whose meaning it drops"
    ENCODED_ARROW = (
        "an Arrow type that MLflow sees as Python objects only, which do not distinguish an int32 from an int64"
    )


_INTEGERS = (int, np.int64, np.int32)
_TYPED = {*_INTEGERS, bool, np.bool_, float, np.float64, np.float32, str, np.str_, bytes, np.bytes_, bytearray}
_TYPED |= {date, datetime}
_FLAT = (
    *(pa.bool_(), pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32()),
    *(pa.float32(), pa.float64(), pa.string(), pa.large_string(), pa.binary(), pa.large_binary(), pa.date32()),
)


def ask_mlflow(
    inputs: Any = None, outputs: Any = None, params: Mapping[str, Any] | None = None
) -> "ModelSignature | None":
    """`mlflow.models.infer_signature` without its warnings, which advise on how to call it; None for no arguments.

    Raises
    ------
    MlflowException
        A param has no type. Data without one are answered with one column of type Any.
    """
    import mlflow.models

    if inputs is None and outputs is None and not params:
        return None
    logger, silence = logging.getLogger("mlflow.models.signature"), _Silence()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logger.addFilter(silence)
        try:
            return mlflow.models.infer_signature(inputs, outputs, dict(params) if params else None)
        finally:
            logger.removeFilter(silence)


class _Silence(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return False


def deviation_of(column: "pd.Series") -> Deviation | None:
    """Why MLflow's type of a pandas column would not be faithful; None: it is."""
    import pandas as pd

    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype | pd.PeriodDtype | pd.IntervalDtype | pd.SparseDtype):
        return Deviation.UNTYPED_DTYPE
    if isinstance(dtype, pd.ArrowDtype) and not is_flat(dtype.pyarrow_dtype):
        return Deviation.ENCODED_ARROW
    if dtype.kind in "biufM":
        # Extension types have the kind and the item size of what they hold.
        size = getattr(dtype, "itemsize", 8)
        return Deviation.UNTYPED_DTYPE if size > 8 or (dtype.kind == "u" and size == 8) else None
    if dtype.kind != "O":
        return Deviation.UNTYPED_DTYPE
    cells = column.tolist()
    if deviation := deviation_of_cells(cells):
        return deviation
    present = [cell for cell in cells if not is_missing(cell)]
    if len(present) < len(cells) and isinstance(present[0], _INTEGERS) and not isinstance(present[0], bool):
        return Deviation.INTEGERS_WITH_MISSING_VALUES
    return None


def is_flat(kind: pa.DataType) -> bool:
    """Whether MLflow distinguishes an Arrow type from all others when pandas holds it."""
    return kind in _FLAT or pa.types.is_timestamp(kind)


def deviation_of_records(cells: Sequence[object]) -> Deviation | None:
    """The same for the values of one key in JSON objects; None is a key that an object lacks."""
    if any(cell is not None and is_missing(cell) for cell in cells):
        return Deviation.MISSING_NUMBER
    return deviation_of_cells(cells)


def deviation_of_cells(cells: Sequence[object], within_missing: bool = False) -> Deviation | None:
    """The same for Python objects.

    Parameters
    ----------
    within_missing
        Whether something that holds the cells is itself missing somewhere.
    """
    present = [cell for cell in cells if not is_missing(cell)]
    some_missing = within_missing or len(present) < len(cells)
    if not present:
        return Deviation.NO_VALUE
    if any(isinstance(cell, np.float16 | np.float32 | np.longdouble) and is_missing(cell) for cell in cells):
        return Deviation.MISSING_NUMBER
    kinds = {type(cell) for cell in present}
    if kinds <= {list, np.ndarray}:
        return _deviation_of_arrays(present, some_missing)
    if kinds == {dict}:
        return _deviation_of_objects(present, some_missing)
    if len(kinds) > 1:
        return Deviation.MIXED_OBJECTS
    (kind,) = kinds
    if kind not in _TYPED:
        return Deviation.UNTYPED_OBJECTS
    if kind is int and not all(-(2**63) <= cell < 2**63 for cell in present):  # type: ignore[operator]  # they are int
        return Deviation.LARGE_INTEGERS
    return None


def _deviation_of_arrays(arrays: Iterable[Any], some_missing: bool) -> Deviation | None:
    elements: list[object] = []
    for array in arrays:
        if isinstance(array, np.ndarray) and array.ndim == 0:
            return Deviation.UNTYPED_OBJECTS
        if isinstance(array, np.ndarray) and array.dtype.kind in "biuf":
            # Any NaN, and one value of the dtype, say all that there is to know.
            elements.extend([*array[np.isnan(array)][:1], *array.flat[:1]])
        else:
            elements.extend(array)
    if any(is_missing(element) for element in elements):
        return Deviation.MISSING_IN_ARRAY
    return deviation_of_cells(elements, some_missing)


def _deviation_of_objects(objects: Sequence[Any], some_missing: bool) -> Deviation | None:
    if some_missing or not all(objects):
        return Deviation.MISSING_OBJECT
    names = dict.fromkeys(name for each in objects for name in each)
    if not all(isinstance(name, str) for name in names):
        return Deviation.UNTYPED_OBJECTS
    deviations = (deviation_of_cells([each.get(name) for each in objects]) for name in names)
    return next((deviation for deviation in deviations if deviation), None)


def shorten_arrays(cell: Any) -> Any:
    """A cell that says the same of its type: every array of scalars cut to its first element.

    MLflow looks at each element in Python, which takes minutes for a thousand images. Only for columns without
    `Deviation`: the elements of their arrays are alike.
    """
    if isinstance(cell, np.ndarray) and cell.dtype.kind != "O":
        return cell[(slice(1),) * cell.ndim]
    if isinstance(cell, list | np.ndarray):
        return [shorten_arrays(part) for part in (cell if len(cell) and _holds_more(cell[0]) else cell[:1])]
    if isinstance(cell, dict):
        return {name: shorten_arrays(value) for name, value in cell.items()}
    return cell


def _holds_more(element: object) -> bool:
    return isinstance(element, list | dict | np.ndarray)


def is_missing(cell: object) -> bool:
    """Whether a cell is None, NaN, NA or NaT."""
    import pandas as pd

    if cell is None or cell is pd.NA or cell is pd.NaT:
        return True
    return isinstance(cell, float | np.floating | np.datetime64) and bool(pd.isna(cell))
