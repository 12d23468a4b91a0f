"""Example rows for a report: highest, median and lowest prediction, and the largest residual."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlops_assets.explain.columns import EXPLAINED_VALUE
from mlops_assets.explain.explainers.sampling import Reservoir

_MEDIAN_SAMPLE = 2000


@dataclass(frozen=True)
class ExampleRow:
    """One ledger row and why it is shown: `highest`, `median`, `lowest` prediction or `largest residual`."""

    why: str
    row: dict[str, Any]


@dataclass
class _Extremes:
    lowest: dict[str, Any] | None = None
    highest: dict[str, Any] | None = None
    worst: dict[str, Any] | None = None
    sample: Reservoir = field(default_factory=lambda: Reservoir(_MEDIAN_SAMPLE, 0))


def pick_example_rows(batches: Iterable[pa.RecordBatch], outputs: int = 4) -> dict[str, list[ExampleRow]]:
    """Per output (the first `outputs` of them), four rows of a ledger; streams with a bounded sample in memory.

    Highest, lowest and largest residual are of the whole ledger, the first row where several are equal; the median is
    that of the predictions of at most 2,000 rows drawn by seed. A residual is shown only where there is one.
    """
    by_output: dict[str, _Extremes] = {}
    for batch in batches:
        for output in pc.unique(batch.column("output")).to_pylist():
            if output not in by_output and len(by_output) >= outputs:
                continue
            extremes = by_output.setdefault(output, _Extremes())
            part = batch.filter(pc.equal(batch.column("output"), output))
            _update(extremes, part)
            extremes.sample.add(part)
    return {output: _examples(extremes) for output, extremes in by_output.items()}


def _update(extremes: _Extremes, part: pa.RecordBatch) -> None:
    prediction = part.column(EXPLAINED_VALUE).to_numpy()
    residual = np.abs(part.column("residual").to_numpy())
    low, high, bad = int(prediction.argmin()), int(prediction.argmax()), int(residual.argmax())
    if extremes.lowest is None or prediction[low] < extremes.lowest[EXPLAINED_VALUE]:
        extremes.lowest = part.slice(low, 1).to_pylist()[0]
    if extremes.highest is None or prediction[high] > extremes.highest[EXPLAINED_VALUE]:
        extremes.highest = part.slice(high, 1).to_pylist()[0]
    if extremes.worst is None or residual[bad] > abs(extremes.worst["residual"]):
        extremes.worst = part.slice(bad, 1).to_pylist()[0]


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
    return [*chosen, ExampleRow("largest residual", extremes.worst)] if extremes.worst["residual"] else chosen
