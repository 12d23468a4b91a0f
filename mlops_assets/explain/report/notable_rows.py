"""The rows that a reader wants to see explained: highest, lowest, median, and the one that adds up worst."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlops_assets.explain.explainers.sampling import Reservoir

_MEDIAN_SAMPLE = 2000


@dataclass(frozen=True)
class NotableRow:
    """One ledger row and why it is shown: `highest`, `median`, `lowest` prediction or `largest residual`."""

    why: str
    row: dict[str, Any]


@dataclass
class _Kept:
    lowest: dict[str, Any] | None = None
    highest: dict[str, Any] | None = None
    worst: dict[str, Any] | None = None
    sample: Reservoir = field(default_factory=lambda: Reservoir(_MEDIAN_SAMPLE, 0))


def notable_rows(batches: Iterable[pa.RecordBatch], outputs: int = 4) -> dict[str, list[NotableRow]]:
    """Per output (the first `outputs` of them), four rows of a ledger; streams, and holds a bounded sample.

    Highest, lowest and largest residual are of the whole ledger, the first row where several are equal; the median is
    that of the predictions of at most 2,000 rows drawn by seed. A residual is shown only where there is one.
    """
    kept: dict[str, _Kept] = {}
    for batch in batches:
        for output in pc.unique(batch.column("output")).to_pylist():
            if output not in kept and len(kept) >= outputs:
                continue
            own = kept.setdefault(output, _Kept())
            part = batch.filter(pc.equal(batch.column("output"), output))
            _look(own, part)
            own.sample.add(part)
    return {output: _chosen(own) for output, own in kept.items()}


def _look(kept: _Kept, part: pa.RecordBatch) -> None:
    prediction = part.column("prediction").to_numpy()
    residual = np.abs(part.column("residual").to_numpy())
    low, high, bad = int(prediction.argmin()), int(prediction.argmax()), int(residual.argmax())
    if kept.lowest is None or prediction[low] < kept.lowest["prediction"]:
        kept.lowest = part.slice(low, 1).to_pylist()[0]
    if kept.highest is None or prediction[high] > kept.highest["prediction"]:
        kept.highest = part.slice(high, 1).to_pylist()[0]
    if kept.worst is None or residual[bad] > abs(kept.worst["residual"]):
        kept.worst = part.slice(bad, 1).to_pylist()[0]


def _chosen(kept: _Kept) -> list[NotableRow]:
    rows = kept.sample.rows
    assert kept.lowest is not None
    assert kept.highest is not None
    assert kept.worst is not None
    assert rows is not None
    order = np.argsort(rows.column("prediction").to_numpy(), kind="stable")
    middle = rows.slice(int(order[(len(order) - 1) // 2]), 1).to_pylist()[0]
    chosen = [NotableRow("highest", kept.highest), NotableRow("median", middle), NotableRow("lowest", kept.lowest)]
    return [*chosen, NotableRow("largest residual", kept.worst)] if kept.worst["residual"] else chosen
