"""The background of a table of several parts, drawn where the parts are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import ClassVar

import pyarrow as pa

from mlops_assets.engines.engine import Engine, stream_ends
from mlops_assets.engines.tasks import Task, in_order
from mlops_assets.explain.explainers.explainer import ExplainConfig
from mlops_assets.explain.explainers.sampling import Reservoir
from mlops_assets.explain.explainers.setup import background_pool, rows_of_pool
from mlops_assets.tables.staged_table import SourcePart


@dataclass(frozen=True)
class DrawTask(Task[Reservoir]):
    """Draw from the rows of one part.

    Attributes
    ----------
    start
        How many rows of the table come before the part.
    """

    doing: ClassVar[str] = "drawing the background"

    source: SourcePart
    config: ExplainConfig
    start: int

    @property
    def rows(self) -> int | None:
        return self.source.rows

    def run(self) -> Reservoir:
        pool = background_pool(self.config, self.start)
        for batch in self.source.batches():
            pool.add(batch)
        return pool


def draw_from_parts(
    engine: Engine, parts: Sequence[SourcePart], config: ExplainConfig, log: Callable[[str], None]
) -> pa.Table:
    """`draw_background_pool` of the rows of all parts."""
    starts = accumulate((part.rows for part in parts[:-1]), initial=0)
    tasks = [DrawTask(part, config, start) for part, start in zip(parts, starts, strict=True)]
    first, *others = in_order(stream_ends(engine, tasks, log))
    for later in others:
        first.merge(later)
    return rows_of_pool(first)
