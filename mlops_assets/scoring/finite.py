"""Which rows of a table of predictions hold null, NaN or infinity."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from mlops_assets.arrow.python_values import python_value
from mlops_assets.scoring.statistics import ColumnStatistics

ROWS_LISTED = 20
OUTPUT_COLUMNS = "output columns"


@dataclass(frozen=True)
class FiniteVerdict:
    """What a `FiniteJudge` has found.

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

    def merged(self, later: "FiniteVerdict") -> "FiniteVerdict":
        """With that on the rows that come after these."""
        bad = {name: count + later.bad[name] for name, count in self.bad.items()}
        return FiniteVerdict(self.rows + later.rows, bad, (*self.listed, *later.listed)[:ROWS_LISTED])


class FiniteJudge:
    """Looks for null, NaN and infinity in the output `columns` of predictions, batch by batch."""

    def __init__(self, columns: Sequence[str], row_key: Sequence[str], listed: int = ROWS_LISTED) -> None:
        self._columns, self._row_key, self._listed = tuple(columns), tuple(row_key), listed
        self._rows, self._shown = 0, list[dict[str, object]]()
        self._statistics = {name: ColumnStatistics() for name in columns}

    def add(self, batch: pa.RecordBatch) -> None:
        """Judge the next rows."""
        self._rows += batch.num_rows
        for name, statistics in self._statistics.items():
            statistics.add(batch.column(name))
        if len(self._shown) < self._listed:
            found = _list_rows(batch, self._columns, self._row_key)
            self._shown += found[: self._listed - len(self._shown)]

    def verdict(self) -> FiniteVerdict:
        """On the rows so far."""
        bad = {name: one.nulls + one.not_finite for name, one in self._statistics.items()}
        return FiniteVerdict(self._rows, bad, tuple(self._shown))


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
