"""A bounded sample of any tabular object, as Arrow: the head, and the first row with a missing value of each column.

The null rows matter: whether a column is required is decided by them, and the head alone would miss them.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    import pandas as pd

# pandas dtypes that MLflow's types cannot say, with what to do about them.
_UNSUPPORTED_KINDS = {
    "m": "convert it to a number of seconds",
    "c": "split it into two columns",
}


class Faults:
    """What is wrong, column by column, collected so that all of it can be said at once."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def add(self, column: object, found: str, remedy: str) -> None:
        self.messages.append(f"column {column!r} is {found}: {remedy}")


def sample_frame(frame: "pd.DataFrame", head: int, faults: Faults) -> dict[str, pa.Array]:
    """Columns of a DataFrame, sampled; the index is left out."""
    import pandas as pd

    if isinstance(frame.columns, pd.MultiIndex):
        faults.messages.append(
            f"the columns are a MultiIndex of {frame.columns.nlevels} levels: "
            'join the levels, such as frame.columns = ["_".join(map(str, c)) for c in frame.columns]'
        )
        return {}
    check_names(list(frame.columns), faults)
    if faults.messages:
        return {}
    rows = head_and_nulls(len(frame), head, (np.asarray(frame[name].isna()) for name in frame.columns))
    sampled = {name: column_of(name, frame[name].iloc[rows], faults) for name in frame.columns}
    return {name: values for name, values in sampled.items() if values is not None}


def sample_table(table: pa.Table, head: int, faults: Faults) -> dict[str, pa.Array]:
    """Columns of an Arrow table, sampled."""
    check_names(table.column_names, faults)
    if faults.messages:
        return {}
    missing = (
        column.is_null(nan_is_null=True).to_numpy() for column in table.columns if column.null_count or _nan(column)
    )
    taken = table.take(pa.array(head_and_nulls(table.num_rows, head, missing)))
    return {name: taken.column(name).combine_chunks() for name in taken.column_names}


def sample_records(records: Sequence[Mapping[str, Any]], head: int, faults: Faults) -> dict[str, pa.Array]:
    """Columns of JSON objects, sampled; a key that an object lacks is missing there."""
    names = list(dict.fromkeys(name for record in records for name in record))
    check_names(names, faults)
    if faults.messages:
        return {}
    missing = (np.array([record.get(name) is None for record in records], dtype=bool) for name in names)
    rows = head_and_nulls(len(records), head, missing)
    sampled = {name: _from_objects(name, [records[row].get(name) for row in rows], faults) for name in names}
    return {name: values for name, values in sampled.items() if values is not None}


def column_of(name: object, series: "pd.Series", faults: Faults) -> pa.Array | None:
    """A pandas column as Arrow (NaN is null), None with a fault where MLflow has no type for its dtype."""
    import pandas as pd

    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        remedy = "MLflow has no categories; convert it to the type of its categories (the model will see that, too)"
        faults.add(name, f"category of {dtype.categories.dtype}", remedy)
        return None
    if isinstance(dtype, pd.PeriodDtype | pd.IntervalDtype | pd.SparseDtype):
        faults.add(name, str(dtype), "convert it to a type that MLflow has")
        return None
    if dtype.kind in _UNSUPPORTED_KINDS:
        faults.add(name, str(dtype), _UNSUPPORTED_KINDS[dtype.kind])
        return None
    if dtype.kind == "f" and isinstance(dtype, np.dtype) and dtype.itemsize > 8:
        faults.add(name, str(dtype), "convert it to float64")
        return None
    if dtype.kind == "O" and not pd.api.types.is_extension_array_dtype(dtype):
        return _from_objects(name, series.tolist(), faults)
    values = pa.array(series, from_pandas=True)
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values


def check_names(names: Iterable[object], faults: Faults) -> None:
    """Names must be non-empty text, each once: MLflow's JSON and its enforcement mistake all others."""
    names = list(names)
    for name in dict.fromkeys(names):
        if not isinstance(name, str):
            kind = type(name).__name__
            faults.messages.append(
                f"column name {name!r} is {kind}, not text: rename it, such as frame.columns.astype(str)"
            )
        elif not name:
            faults.messages.append("a column has the empty name '': MLflow takes it for its position; rename it")
        elif names.count(name) > 1:
            faults.messages.append(f"column name {name!r} occurs {names.count(name)} times")


def _from_objects(name: object, cells: list[Any], faults: Faults) -> pa.Array | None:
    cells = [_plain(cell) for cell in cells]
    try:
        return pa.array(cells, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
        # Arrow's message holds values of the data: the types of the cells say as much.
        found = sorted({type(cell).__name__ for cell in cells if cell is not None})
        remedy = "give all its values one type that MLflow has"
        if any(hasattr(cell, "model_dump") for cell in cells):
            remedy = "turn pydantic objects into dicts with model_dump()"
        faults.add(name, f"a mix of objects ({', '.join(found)})", remedy)
        return None


def _plain(cell: Any) -> Any:
    """Arrays of several dimensions as lists of one-dimensional ones, which Arrow takes; the dtype stays."""
    if isinstance(cell, np.ndarray):
        return [_plain(part) for part in cell] if cell.ndim > 1 else cell
    if isinstance(cell, bytearray):
        return bytes(cell)
    return cell


def _nan(column: pa.ChunkedArray) -> bool:
    return pa.types.is_floating(column.type) and bool(pc.any(pc.is_nan(column)).as_py())


def head_and_nulls(rows: int, head: int, missing: Iterable[np.ndarray]) -> np.ndarray:
    """Positions of the head and of each column's first missing value, sorted."""
    first = [int(mask.argmax()) for mask in missing if mask.any()]
    return np.unique(np.concatenate([np.arange(min(rows, head)), np.array(first, dtype=np.int64)]))
