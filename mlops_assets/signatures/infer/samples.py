"""A bounded sample of any tabular object, as Arrow: the head, and the first row with a missing value of each column.

The null rows matter: whether a column is required is decided by them, and the head alone would miss them.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlops_assets.signatures.infer.mlflow_inference import deviation_of, deviation_of_records, is_flat, shorten_arrays

if TYPE_CHECKING:
    import pandas as pd

# pandas dtypes that MLflow's types cannot say, with what to do about them.
_UNSUPPORTED_KINDS = {
    "m": "convert it to a number of seconds",
    "c": "split it into two columns",
}


@dataclass(frozen=True)
class Sample:
    """Rows to infer a schema from.

    Attributes
    ----------
    columns
        All columns that can be typed, as Arrow.
    typed_by_mlflow
        Those of them that MLflow types faithfully, in a form that it takes; None: there are none.
    """

    columns: dict[str, pa.Array]
    typed_by_mlflow: "pd.DataFrame | list[dict[str, Any]] | None" = None


class Faults:
    """What is wrong, column by column, collected so that all of it can be said at once."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def add(self, column: object, found: str, remedy: str) -> None:
        self.messages.append(f"column {column!r} is {found}: {remedy}")


def sample_frame(frame: "pd.DataFrame", head: int, faults: Faults) -> Sample:
    """A sample of a DataFrame; the index is left out."""
    import pandas as pd

    if isinstance(frame.columns, pd.MultiIndex):
        faults.messages.append(
            f"the columns are a MultiIndex of {frame.columns.nlevels} levels: "
            'join the levels, such as frame.columns = ["_".join(map(str, c)) for c in frame.columns]'
        )
        return Sample({})
    check_names(list(frame.columns), faults)
    if faults.messages:
        return Sample({})
    rows = sample_positions(len(frame), head, (np.asarray(frame[name].isna()) for name in frame.columns))
    return _sample_columns({name: frame[name].iloc[rows] for name in frame.columns}, faults)


def sample_series(series: "pd.Series", head: int, faults: Faults) -> Sample:
    """A sample of one column."""
    rows = sample_positions(len(series), head, [np.asarray(series.isna())])
    return _sample_columns({str(series.name): series.iloc[rows]}, faults)


def sample_table(table: pa.Table, head: int, faults: Faults) -> Sample:
    """A sample of an Arrow table, which MLflow does not take: columns of plain types become Arrow-backed pandas."""
    import pandas as pd

    check_names(table.column_names, faults)
    if faults.messages:
        return Sample({})
    missing = (
        column.is_null(nan_is_null=True).to_numpy() for column in table.columns if column.null_count or _has_nan(column)
    )
    taken = table.take(pa.array(sample_positions(table.num_rows, head, missing)))
    columns = {name: taken.column(name).combine_chunks() for name in taken.column_names}
    typed = {}
    for name, values in columns.items():
        if is_flat(values.type):
            series = pd.Series(pd.arrays.ArrowExtensionArray(values))
            if deviation_of(series) is None:
                typed[name] = series
    return Sample(columns, pd.DataFrame(typed) if typed else None)


def sample_records(records: Sequence[Mapping[str, Any]], head: int, faults: Faults) -> Sample:
    """A sample of JSON objects; a key that an object lacks is missing there."""
    names = list(dict.fromkeys(name for record in records for name in record))
    check_names(names, faults)
    if faults.messages:
        return Sample({})
    missing = (np.array([record.get(name) is None for record in records], dtype=bool) for name in names)
    taken = [records[row] for row in sample_positions(len(records), head, missing)]
    cells = {name: [record.get(name) for record in taken] for name in names}
    sampled = {name: values for name in names if (values := _from_objects(name, cells[name], faults)) is not None}
    typed = [name for name in sampled if deviation_of_records(cells[name]) is None]
    by_mlflow = [{name: shorten_arrays(record[name]) for name in typed if name in record} for record in taken]
    return Sample(sampled, by_mlflow if typed else None)


def _sample_columns(columns: "Mapping[str, pd.Series]", faults: Faults) -> Sample:
    import pandas as pd

    sampled = {
        name: values for name, column in columns.items() if (values := to_arrow(name, column, faults)) is not None
    }
    typed = {
        name: columns[name].map(shorten_arrays) if columns[name].dtype == object else columns[name]
        for name in sampled
        if deviation_of(columns[name]) is None
    }
    return Sample(sampled, pd.DataFrame(typed) if typed else None)


def to_arrow(name: object, series: "pd.Series", faults: Faults) -> pa.Array | None:
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
    for name, count in Counter(names).items():
        if not isinstance(name, str):
            kind = type(name).__name__
            faults.messages.append(
                f"column name {name!r} is {kind}, not text: rename it, such as frame.columns.astype(str)"
            )
        elif not name:
            faults.messages.append("a column has the empty name '': MLflow takes it for its position; rename it")
        elif count > 1:
            faults.messages.append(f"column name {name!r} occurs {count} times")


def _from_objects(name: object, cells: list[Any], faults: Faults) -> pa.Array | None:
    cells = [_plain(cell) for cell in cells]
    try:
        return pa.array(cells, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
        # Arrow's message holds values of the data: the types of the cells say as much.
        type_names = sorted({type(cell).__name__ for cell in cells if cell is not None})
        remedy = "give all its values one type that MLflow has"
        if any(hasattr(cell, "model_dump") for cell in cells):
            remedy = "turn pydantic objects into dicts with model_dump()"
        faults.add(name, f"a mix of objects ({', '.join(type_names)})", remedy)
        return None


def _plain(cell: Any) -> Any:
    """A cell as Arrow takes it: arrays of several dimensions as lists of one-dimensional ones of the same dtype."""
    if isinstance(cell, np.floating) and np.isnan(cell):
        # A missing value, which beside arrays Arrow would take for a number.
        return None
    if isinstance(cell, np.ndarray):
        return [_plain(part) for part in cell] if cell.ndim > 1 else cell
    if isinstance(cell, bytearray):
        return bytes(cell)
    if isinstance(cell, np.datetime64):
        # Arrow takes no single ones (a `datetime64` of days fails in pyarrow 20).
        return cell.astype("datetime64[us]").item()
    return cell


def _has_nan(column: pa.ChunkedArray) -> bool:
    return pa.types.is_floating(column.type) and bool(pc.any(pc.is_nan(column)).as_py())


def sample_positions(rows: int, head: int, missing: Iterable[np.ndarray]) -> np.ndarray:
    """Positions of the head and of each column's first missing value, sorted."""
    first = [int(mask.argmax()) for mask in missing if mask.any()]
    return np.unique(np.concatenate([np.arange(min(rows, head)), np.array(first, dtype=np.int64)]))
