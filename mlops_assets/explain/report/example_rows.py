"""Example rows for a report: highest, median and lowest prediction, and the largest residual."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlops_assets.explain.columns import EXPLAINED_VALUE
from mlops_assets.explain.explainers.sampling import HASHES, Reservoir

MEDIAN_SAMPLE = 2000
"""Rows of each output of which the median is taken."""
LARGEST_RESIDUAL = "largest residual"


@dataclass(frozen=True)
class ExampleRow:
    """One ledger row and why it is shown: `highest`, `median`, `lowest` prediction or `largest residual`."""

    why: str
    row: dict[str, Any]


@dataclass
class _Extremes:
    sample: Reservoir
    lowest: dict[str, Any] | None = None
    highest: dict[str, Any] | None = None
    worst: dict[str, Any] | None = None


class ExamplePicker:
    """Picks example rows of a ledger batch by batch, with a bounded sample in memory.

    Parameters
    ----------
    outputs
        Only of the first so many outputs.
    start
        How many rows of each output there are before the first that is added.
    bound
        Of `hash_bound`: leave out of the sample what is not below it, as of `Reservoir`.
    """

    def __init__(self, outputs: int = 4, start: int = 0, bound: int = HASHES) -> None:
        self._most, self._start, self._bound = outputs, start, bound
        self.by_output: dict[str, _Extremes] = {}

    def add(self, batch: pa.RecordBatch | pa.Table) -> None:
        """Look at the next rows."""
        outputs = pc.unique(batch.column("output")).to_pylist()
        for output in outputs:
            if output not in self.by_output and len(self.by_output) >= self._most:
                continue
            empty = _Extremes(Reservoir(MEDIAN_SAMPLE, 0, self._start, self._bound))
            extremes = self.by_output.setdefault(output, empty)
            part = batch if len(outputs) == 1 else batch.filter(pc.equal(batch.column("output"), output))
            _update(extremes, part)
            extremes.sample.add(part)

    def merge(self, later: "ExamplePicker") -> None:
        """Add what was picked from the rows that come after these."""
        for output, others in later.by_output.items():
            mine = self.by_output.get(output)
            if mine is None:
                if len(self.by_output) < self._most:
                    self.by_output[output] = others
                continue
            _merge(mine, others)

    def is_whole(self, rows: int) -> bool:
        """Whether `bound` has left out nothing of the samples of so many rows of each output."""
        return all(extremes.sample.is_whole(rows) for extremes in self.by_output.values())

    def examples(self) -> dict[str, list[ExampleRow]]:
        """Per output four rows; see `pick_example_rows`."""
        return {output: _examples(extremes) for output, extremes in self.by_output.items()}


def pick_example_rows(batches: Iterable[pa.RecordBatch], outputs: int = 4) -> dict[str, list[ExampleRow]]:
    """Per output (the first `outputs` of them), four rows of a ledger; streams with a bounded sample in memory.

    Highest, lowest and largest residual are of the whole ledger, the first row where several are equal; the median is
    that of the predictions of at most 2,000 rows drawn by seed. A residual is shown only where there is one.
    """
    picker = ExamplePicker(outputs)
    for batch in batches:
        picker.add(batch)
    return picker.examples()


def _update(extremes: _Extremes, part: pa.RecordBatch | pa.Table) -> None:
    prediction = part.column(EXPLAINED_VALUE).to_numpy()
    residual = np.abs(part.column("residual").to_numpy())
    low, high, bad = int(prediction.argmin()), int(prediction.argmax()), int(residual.argmax())
    if extremes.lowest is None or prediction[low] < extremes.lowest[EXPLAINED_VALUE]:
        extremes.lowest = part.slice(low, 1).to_pylist()[0]
    if extremes.highest is None or prediction[high] > extremes.highest[EXPLAINED_VALUE]:
        extremes.highest = part.slice(high, 1).to_pylist()[0]
    if extremes.worst is None or residual[bad] > abs(extremes.worst["residual"]):
        extremes.worst = part.slice(bad, 1).to_pylist()[0]


def _merge(mine: _Extremes, later: _Extremes) -> None:
    if _value(later.lowest) < _value(mine.lowest):
        mine.lowest = later.lowest
    if _value(later.highest) > _value(mine.highest):
        mine.highest = later.highest
    if abs(_value(later.worst, "residual")) > abs(_value(mine.worst, "residual")):
        mine.worst = later.worst
    mine.sample.merge(later.sample)


def _value(row: dict[str, Any] | None, name: str = EXPLAINED_VALUE) -> float:
    # Whoever has seen a row has an extreme of each kind.
    assert row is not None
    return float(row[name])


def _examples(extremes: _Extremes) -> list[ExampleRow]:
    rows = extremes.sample.rows
    assert extremes.lowest is not None
    assert extremes.highest is not None
    assert extremes.worst is not None
    assert rows is not None
    order = np.argsort(rows.column(EXPLAINED_VALUE).to_numpy(), kind="stable")
    middle = rows.slice(int(order[(len(order) - 1) // 2]), 1).to_pylist()[0]
    chosen = [
        ExampleRow("highest", extremes.highest),
        ExampleRow("median", middle),
        ExampleRow("lowest", extremes.lowest),
    ]
    return [*chosen, ExampleRow(LARGEST_RESIDUAL, extremes.worst)] if extremes.worst["residual"] else chosen
