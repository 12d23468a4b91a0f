"""A selection of a table of several parts: which rows of each part it takes, known before any of them is explained."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import ClassVar

import numpy as np
import pyarrow as pa

from mlops_assets.arrow.batching import first_rows
from mlops_assets.engines.engine import Engine, stream_ends
from mlops_assets.engines.part_work import engine_that_reads
from mlops_assets.engines.tasks import Task, in_order
from mlops_assets.explain.explainers.sampling import is_in_fraction, position_hash
from mlops_assets.explain.ledger.selection import Selection
from mlops_assets.explain.ledger.work import ExplainWork
from mlops_assets.tables.staged_table import SourcePart


@dataclass(frozen=True)
class PartSelection:
    """Which of a part's rows are explained, of those that pass the filter where there is one.

    Attributes
    ----------
    start
        How many such rows the parts before have.
    seed, fraction, bound
        A row is drawn by the hash of its position: with this probability, or where the hash is no greater than `bound`.
        None: every row is.
    most
        At most so many of the rows that were drawn, the first ones; None: all.
    """

    start: int = 0
    seed: int = 0
    fraction: float | None = None
    bound: int | None = None
    most: int | None = None

    def select(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The rows of the part that are explained, of `batches` that have passed the filter."""
        return first_rows(self._draw(batches), self.most)

    def _draw(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        start = self.start
        for batch in batches:
            drawn = self._is_drawn(start, batch.num_rows)
            start += batch.num_rows
            yield batch if drawn is None else batch.filter(pa.array(drawn))

    def _is_drawn(self, start: int, count: int) -> "np.ndarray | None":
        if self.bound is not None:
            drawn: np.ndarray = position_hash(self.seed, start, count) <= np.uint64(self.bound)
            return drawn
        if self.fraction is not None and self.fraction < 1:
            return is_in_fraction(position_hash(self.seed, start, count), self.fraction)
        return None

    def count(self, rows: int) -> int:
        """How many of a part's rows that pass the filter are explained."""
        drawn = self._is_drawn(self.start, rows)
        count = rows if drawn is None else int(np.count_nonzero(drawn))
        return count if self.most is None else min(count, self.most)


@dataclass(frozen=True)
class CountPassing(Task[int]):
    """Count the rows of one part that pass the filter."""

    doing: ClassVar[str] = "filtering rows"

    work: ExplainWork
    source: SourcePart

    @property
    def rows(self) -> int | None:
        return self.source.rows

    def run(self) -> int:
        return sum(batch.num_rows for batch in self.work.filter_rows(self.source.batches()))


def select_in_parts(
    work: ExplainWork, parts: Sequence[SourcePart], engine: Callable[[], Engine], log: Callable[[str], None]
) -> list[tuple[SourcePart, PartSelection | None]]:
    """The parts that have rows to be explained, and which; together they are the rows of `Selection.select`.

    None: all that pass the filter.
    """
    selection = work.selection
    if selection.sample is None and selection.limit is None:
        return [(part, None) for part in parts]
    counts = [part.rows for part in parts]
    if selection.is_filtered:
        tasks = [CountPassing(work, part) for part in parts]
        counts = in_order(stream_ends(engine_that_reads(engine(), parts, log), tasks, log))
    return [
        (part, chosen)
        for part, chosen in zip(parts, plan_selection(selection, counts), strict=True)
        if chosen is not None
    ]


def plan_selection(selection: Selection, counts: Sequence[int]) -> list[PartSelection | None]:
    """What a sample and a limit take of parts with so many rows that pass the filter; None: nothing.

    What is the same for other limits, and wherever a part is, is said in the same way: a part that is taken whole is
    found again.
    """
    starts = list(accumulate(counts[:-1], initial=0))
    fraction = selection.sample if isinstance(selection.sample, float) else None
    bound = _bound_of(selection.seed, selection.sample, sum(counts)) if isinstance(selection.sample, int) else None
    left, planned = selection.limit, list[PartSelection | None]()
    for start, count in zip(starts, counts, strict=True):
        drawn = PartSelection() if selection.sample is None else PartSelection(start, selection.seed, fraction, bound)
        if left == 0:
            planned.append(None)
            continue
        available = drawn.count(count)
        chosen = drawn if left is None or available <= left else replace(drawn, most=left)
        planned.append(chosen if available else None)
        left = None if left is None else left - min(left, available)
    return planned


def _bound_of(seed: int, sample: int, rows: int) -> int:
    """The hash up to which `sample` of so many positions are drawn; no two positions have one hash."""
    lowest = np.empty(0, dtype=np.uint64)
    for start in range(0, rows, _AT_ONCE):
        lowest = np.concatenate([lowest, position_hash(seed, start, min(_AT_ONCE, rows - start))])
        if len(lowest) > sample:
            lowest = np.partition(lowest, sample - 1)[:sample]
    return int(lowest.max(initial=0))


_AT_ONCE = 1 << 20
