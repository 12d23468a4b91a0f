"""Whatever a model returns, as named Arrow columns: one value per row, in the order of the rows.

Predictions, explanations, validation, checks and receipts read a model's answer here and nowhere else.
"""

from collections.abc import Iterator, Mapping, Sequence, ValuesView
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from mlops_assets.errors import PredictionError, describe_cause
from mlops_assets.models.answer_names import name_columns
from mlops_assets.models.answer_order import in_order_of
from mlops_assets.models.answer_values import to_array
from mlops_assets.models.records import fields_of

if TYPE_CHECKING:
    import pandas as pd

_ONE_PER_ROW = "Return one value per row, in the order of the rows"
# Methods of scikit-learn that return a list of arrays (rows, classes) where there are several outputs.
_PER_CLASS = ("predict_proba", "predict_log_proba")


def read_answer(
    raw: Any,
    rows: int,
    names: Sequence[str] = (),
    method: str = "predict",
    classes: Sequence[object] | None = None,
    index: "pd.Index | None" = None,
    asked: str | None = None,
) -> dict[str, pa.Array]:
    """Turn a model's answer into named columns of `rows` values each.

    Accepts 1-D and n-D arrays of any library that NumPy reads, structured and masked arrays, sparse matrices, Series,
    DataFrames, lists of scalars, of lists or of mappings (dicts, named tuples, dataclasses, pydantic models), a mapping
    of columns, a tuple of arrays (several outputs), an iterator, a scalar for a single row, and what offers Arrow's C
    stream interface (Arrow, polars, DuckDB).

    A pandas index that names the rows, in any order, is followed; one that names some rows twice and others not at all
    is refused; any other is ignored. Categories become their values, numbers lose a foreign byte order.

    Names: the answer's own, where it has text for names; else those in `names` where their number agrees; else
    ``prediction``, or ``prediction_0``, ``prediction_1``, ... A name that occurs again gets ``_1``, ``_2``, ...

    Parameters
    ----------
    raw
        The model's own return value.
    rows
        How many rows the model was given.
    names
        The output names of the signature.
    method, classes
        The method that answered. Columns of ``predict_proba`` are called ``probability_<class>``.
    index
        That of the rows; None: 0 .. rows - 1.
    asked
        The method behind `method`: a model may be logged with another one than predict as its own.

    Raises
    ------
    PredictionError
        The number of rows differs, or the value has no columns that Arrow can hold.
    """
    import pandas as pd

    given = pd.RangeIndex(rows) if index is None else index
    found = [(name, in_order_of(values, given)) for name, values in _columns(raw, given, names, asked or method)]
    if not found:
        raise PredictionError("The model returned no columns", fix=_ONE_PER_ROW)
    texts = name_columns([name for name, _ in found], names, method, classes)
    return {
        text: _one_per_row(text, to_array(text, values), rows) for text, (_, values) in zip(texts, found, strict=True)
    }


def answer_to_sign(raw: Any, rows: int) -> Any:
    """A model's answer as a signature is inferred from it: as it is, where its columns have names of their own.

    Columns of one name, of none or of a number, and containers that only `read_answer` knows, become the Arrow table
    that is published.

    Raises
    ------
    PredictionError
        As `read_answer`.
    """
    import pandas as pd

    if isinstance(raw, pd.DataFrame):
        is_plain = raw.columns.is_unique and all(isinstance(name, str) and name.strip() for name in raw.columns)
    elif isinstance(raw, pd.Series):
        is_plain = raw.name is None or isinstance(raw.name, str)
    elif isinstance(raw, list):
        is_plain = not any(fields_of(value) is not None and not isinstance(value, Mapping) for value in raw)
    else:
        is_plain = isinstance(raw, np.ndarray | Mapping | pa.Table | pa.RecordBatch) or hasattr(raw, "toarray")
    return raw if is_plain else pa.table(read_answer(raw, rows))


def _one_per_row(name: str, array: pa.Array, rows: int) -> pa.Array:
    if len(array) != rows:
        raise PredictionError(
            f"The model returned {len(array)} values for {rows} rows",
            where=f"output column {name!r}",
            fix="A batch model must return one prediction per row, in order",
        )
    return array


def _columns(raw: Any, given: "pd.Index", names: Sequence[str], method: str) -> list[tuple[object, Any]]:
    """(name or None, values) of each column; values may be of another length still."""
    import pandas as pd

    rows = len(given)
    if raw is None:
        raise PredictionError(
            "The model returned None",
            fix=f"{_ONE_PER_ROW}: its predict() may lack a `return`, or return after writing its result elsewhere",
        )
    if isinstance(raw, str | bytes):
        return [(None, _of_one_row(raw, rows))]
    if isinstance(raw, pd.Series):
        # A Series that was computed from an input column still has that column's name, which says nothing here.
        return [(None, raw)]
    if isinstance(raw, pd.DataFrame):
        raw = in_order_of(raw, given)
        return [(name, raw.iloc[:, place]) for place, name in enumerate(raw.columns)]
    if isinstance(raw, pd.Index):
        return [(None, raw.to_series(index=pd.RangeIndex(len(raw))))]
    if (fields := fields_of(raw)) is not None:
        return [(name, _column_of_mapping(name, values, rows)) for name, values in fields.items()]
    if isinstance(raw, pa.RecordBatch):
        raw = pa.Table.from_batches([raw])
    if isinstance(raw, pa.Array | pa.ChunkedArray):
        return [(None, raw)]
    if isinstance(raw, pd.api.extensions.ExtensionArray):
        return [(None, pd.Series(raw))]
    if hasattr(raw, "toarray"):
        raw = raw.toarray()
    if hasattr(raw, "to_arrow"):
        raw = raw.to_arrow()  # polars: Arrow 25 reads no dictionaries within its stream's structs
        if isinstance(raw, pa.Array | pa.ChunkedArray):
            return [(None, raw)]
    if hasattr(raw, "__arrow_c_stream__"):
        return list(_of_stream(raw))
    if isinstance(raw, Iterator | ValuesView):
        raw = list(raw)
    if isinstance(raw, set | frozenset):
        raise PredictionError("The model returned a set, which has no order", fix=_ONE_PER_ROW)
    if isinstance(raw, tuple) and raw and all(hasattr(part, "__array__") and np.ndim(part) for part in raw):
        return [(None, _without_inner(part)) for part in raw]
    if isinstance(raw, list | tuple):
        return _of_list(list(raw), rows, names, method)
    return list(_of_array(_as_array(raw), rows, names, type(raw).__name__))


def _column_of_mapping(name: object, values: Any, rows: int) -> Any:
    if isinstance(values, Iterator | ValuesView):
        return list(values)
    # Text has a length, and is one value all the same.
    if isinstance(values, str | bytes) or np.ndim(values) == 0:
        return _of_one_row(values, rows, f"output column {str(name)!r}")
    return _without_inner(values)


def _without_inner(values: Any) -> Any:
    """An array (rows, 1) as one (rows,): as neural networks and transposed results have it."""
    return values[:, 0] if isinstance(values, np.ndarray) and values.ndim == 2 and values.shape[1] == 1 else values


def _of_one_row(value: Any, rows: int, where: str | None = None) -> list[Any]:
    if rows != 1:
        raise PredictionError(
            f"The model returned a single {type(value).__name__} for {rows} rows", where=where, fix=_ONE_PER_ROW
        )
    return [value]


def _of_stream(raw: Any) -> Iterator[tuple[object, Any]]:
    chunks = pa.chunked_array(raw)
    if not pa.types.is_struct(chunks.type):
        yield None, chunks
        return
    for place, field in enumerate(chunks.type.fields):
        parts = [chunk.field(place) if not chunk.null_count else chunk.flatten()[place] for chunk in chunks.chunks]
        yield field.name, pa.chunked_array(parts, field.type)


def _of_list(values: list[Any], rows: int, names: Sequence[str], method: str) -> list[tuple[object, Any]]:
    if method in _PER_CLASS and values and all(np.ndim(part) == 2 for part in values):
        # scikit-learn's answer for several outputs: an array (rows, classes) for each of them.
        arrays = [_as_array(part) for part in values]
        return [
            (f"{_prefix(method)}_{output}_{place}", column)
            for output, array in enumerate(arrays)
            for place, column in enumerate(array.T)
        ]
    records = [fields_of(value) for value in values]
    if values and all(record is not None for record in records):
        keys = dict.fromkeys(key for record in records if record is not None for key in record)
        return [(key, [record.get(key) for record in records if record is not None]) for key in keys]
    # Rows of as many values as the signature has outputs; else the one column holds lists, as it is signed.
    if len(names) > 1 and values and all(_length(value) == len(names) for value in values):
        return [(None, [value[place] for value in values]) for place in range(len(names))]
    if rows == 1 and len(values) == len(names) > 1:
        return [(None, [value]) for value in values]
    if values and len(values) != rows:
        _refuse_turned(values, rows)
    return [(None, values)]


def _refuse_turned(values: list[Any], rows: int) -> None:
    """A list of one array per output. Of as many rows as outputs it could not be told from one array per row."""
    if all(isinstance(part, np.ndarray) and part.ndim and len(part) == rows for part in values):
        raise PredictionError(
            f"The model returned a list of {len(values)} arrays of {rows} values for {rows} rows",
            fix="Return one array per output as a tuple, tuple(answer), or a row per row: np.column_stack(answer)",
        )


def _prefix(method: str) -> str:
    return "probability" if method == "predict_proba" else "prediction"


def _length(value: object) -> int:
    is_row = isinstance(value, list | tuple | np.ndarray) and np.ndim(value) == 1
    return len(value) if is_row and isinstance(value, list | tuple | np.ndarray) else -1


def _as_array(raw: Any) -> Any:
    if isinstance(raw, np.ma.MaskedArray):
        return raw
    try:
        return np.asarray(raw)
    except Exception as error:  # an array of another library, which raises what it likes
        raise PredictionError(
            f"The model returned a {type(raw).__name__} that is no array ({describe_cause(error)})",
            fix="Return a NumPy array, a Series, a DataFrame or a list",
        ) from error


def _of_array(array: Any, rows: int, names: Sequence[str], kind: str) -> Iterator[tuple[object, Any]]:
    if array.ndim == 0:
        if array.dtype.kind == "O" and not isinstance(array.item(), int | float | str | bytes):
            raise PredictionError(
                f"The model returned a {kind}, which holds no values that can be read", fix=_ONE_PER_ROW
            )
        if rows != 1:
            raise PredictionError(f"The model returned a single {kind} for {rows} rows", fix=_ONE_PER_ROW)
        array = array.reshape(1)
    if array.dtype.names:
        yield from ((name, array[name]) for name in array.dtype.names)
        return
    if array.ndim == 1 and rows == 1 and len(array) == len(names) > 1:
        array = array.reshape(1, -1)  # the outputs of a single row, without the dimension of the rows
    if array.ndim > 1 and len(array) != rows:
        turned = array.ndim == 2 and array.shape[1] == rows
        raise PredictionError(
            f"The model returned an array of shape {array.shape} for {rows} rows",
            fix="Return its transpose: rows are the first dimension" if turned else _ONE_PER_ROW,
        )
    if array.ndim == 2:
        yield from ((None, array[:, place]) for place in range(array.shape[1]))
        return
    yield None, array
