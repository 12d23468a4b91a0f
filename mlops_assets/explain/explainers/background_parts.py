"""A sample of the rows of a table of several parts, drawn where the parts are: the background, for example."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import ClassVar

import numpy as np
import pyarrow as pa

from mlops_assets.arrow.views import rows_between
from mlops_assets.engines.engine import Engine, stream_ends
from mlops_assets.engines.part_work import engine_that_reads
from mlops_assets.engines.tasks import Task, in_order
from mlops_assets.explain.explainers.explainer import ExplainConfig
from mlops_assets.explain.explainers.sampling import HASHES, Reservoir, hash_bound, position_hash
from mlops_assets.explain.explainers.setup import pool_rows, rows_of_pool
from mlops_assets.tables.staged_table import SourcePart


@dataclass(frozen=True)
class DrawTask(Task[Reservoir]):
    """Draw from the rows of one part; row groups of which no row can be drawn are not read.

    Attributes
    ----------
    capacity, seed, bound
        As of `Reservoir`.
    start
        How many rows of the table come before the part.
    """

    doing: ClassVar[str] = "drawing rows"

    source: SourcePart
    capacity: int
    seed: int
    start: int
    bound: int = HASHES

    @property
    def rows(self) -> int | None:
        return self.source.rows

    def run(self) -> Reservoir:
        first, behind = 0, self.source.rows
        if self.bound < HASHES:
            hashes = position_hash(self.seed, self.start, self.source.rows)
            drawn = np.flatnonzero(hashes < np.uint64(self.bound))
            first, behind = (int(drawn[0]), int(drawn[-1]) + 1) if len(drawn) else (0, 0)
        rows = Reservoir(self.capacity, self.seed, self.start + first, self.bound)
        if behind:
            for batch in rows_between(self.source.dataset(), first, behind):
                rows.add(batch)
        rows.seen = self.start + self.source.rows
        return rows


def draw_rows_of_parts(
    engine: Engine, parts: Sequence[SourcePart], capacity: int, seed: int, log: Callable[[str], None]
) -> Reservoir:
    """At most `capacity` rows of all parts, drawn with the seed: those of `draw_rows` of the whole table."""
    starts = list(accumulate((part.rows for part in parts), initial=0))
    engine = engine_that_reads(engine, parts, log)
    bound = hash_bound(capacity, starts[-1])
    tasks = [DrawTask(part, capacity, seed, at, bound) for part, at in zip(parts, starts, strict=False)]
    drawn = _draw(engine, tasks, log)
    if drawn.is_whole(starts[-1]):
        return drawn
    return _draw(engine, [replace(task, bound=HASHES) for task in tasks], log)


def _draw(engine: Engine, tasks: Sequence[DrawTask], log: Callable[[str], None]) -> Reservoir:
    first, *others = in_order(stream_ends(engine, tasks, log))
    for later in others:
        first.merge(later)
    return first


def draw_from_parts(
    engine: Engine, parts: Sequence[SourcePart], config: ExplainConfig, log: Callable[[str], None]
) -> pa.Table:
    """`draw_background_pool` of the rows of all parts."""
    return rows_of_pool(draw_rows_of_parts(engine, parts, pool_rows(config), config.seed, log))
