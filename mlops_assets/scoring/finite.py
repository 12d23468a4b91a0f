"""Which rows of a table of predictions hold null, NaN or infinity."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from mlops_assets.arrow.python_values import python_value
from mlops_assets.scoring.statistics import ColumnStatistics

ROWS_LISTED = 20
OUTPUT_COLUMNS = "output columns"


@dataclass(frozen=True)
class FiniteVerdict:
    """The result of `find_not_finite`.

    Attributes
    ----------
    rows
        Rows judged.
    bad
        Column -> how many of its values are null, NaN or infinite.
    listed
        The first rows that have one: their row key, and in ``output columns`` the columns with what they hold.
    """

    rows: int
    bad: dict[str, int]
    listed: tuple[dict[str, object], ...]


def find_not_finite(
    batches: Iterable[pa.RecordBatch], columns: Sequence[str], row_key: Sequence[str], listed: int = ROWS_LISTED
) -> FiniteVerdict:
    """Judge the output `columns` of predictions, streaming."""
    rows, shown = 0, list[dict[str, object]]()
    statistics = {name: ColumnStatistics() for name in columns}
    for batch in batches:
        rows += batch.num_rows
        for name in columns:
            statistics[name].add(batch.column(name))
        if len(shown) < listed:
            shown += _list_rows(batch, columns, row_key)[: listed - len(shown)]
    return FiniteVerdict(rows, {name: one.nulls + one.not_finite for name, one in statistics.items()}, tuple(shown))


def _list_rows(batch: pa.RecordBatch, columns: Sequence[str], row_key: Sequence[str]) -> list[dict[str, object]]:
    found: dict[int, list[str]] = {}
    for name in columns:
        column = batch.column(name)
        bad = pc.is_null(column)
        if pa.types.is_floating(column.type):
            bad = pc.or_(bad, pc.invert(pc.fill_null(pc.is_finite(column), True)))
        for place in pc.indices_nonzero(bad).to_pylist()[:ROWS_LISTED]:
            value = column[place].as_py()
            word = "null" if value is None else "NaN" if value != value else "infinity"
            found.setdefault(place, []).append(f"{name}: {word}")
    keys = batch.select(list(row_key))
    return [
        {name: python_value(keys.column(name)[place]) for name in row_key} | {OUTPUT_COLUMNS: ", ".join(found[place])}
        for place in sorted(found)
    ]
