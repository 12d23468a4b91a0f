"""Chunks cut by what they cost, so that a piece takes about ten seconds: a run that dies loses no more.

What a result is never depends on the cut, which follows from measured times: a piece is a whole number of the work's
smallest pieces (`Work.grain`), which give the same bits in any company. Pieces lie on a ladder, each a power of two of
the smallest and at a multiple of its own length, so that a later run finds those of an earlier one that cut otherwise.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa

from mlops_assets.engines.chunk_store import ChunkStore
from mlops_assets.engines.chunks import Chunk
from mlops_assets.engines.engine import Run, Tally
from mlops_assets.engines.speed import Speed
from mlops_assets.engines.work import Work
from mlops_assets.errors import ConfigurationError
from mlops_assets.progress.words import duration_text

PIECE_SECONDS = 10.0
_SHORTEST_SECONDS = 1.0
# Towards the end pieces become shorter, so that all processes end at about the same time.
_PIECES_OF_A_WORKER = 4
_LEAST_ANNOUNCED = 10.0


@dataclass(frozen=True)
class Piece:
    """Consecutive rows of a chunk, the key of their result, and that result where it was found.

    Attributes
    ----------
    mark
        Says, under this key in the store, that the chunk has pieces of this length; None: it is the whole chunk.
    """

    rows: pa.RecordBatch
    key: str
    result: pa.RecordBatch | None = None
    mark: str | None = None


class Cutter:
    """Cuts the chunks of one run by the speed that is measured meanwhile.

    Parameters
    ----------
    run
        Whose work says into what it may be cut; where it says nothing, each chunk is one piece.
    """

    def __init__(self, run: Run) -> None:
        self.speed = Speed(run.clock)
        self.workers = 1
        self._run = run
        self._grain = run.work.grain
        self._begun = 0
        self._announced = False
        self._marked: set[str] = set()

    @property
    def tally(self) -> Tally:
        """What was done."""
        return self._run.tally

    @property
    def seconds_left(self) -> float:
        """What is left to do, in seconds of one process."""
        return max(0, self._run.expected - self._run.tally.rows) * self.speed.per_row

    def pieces(self, chunks: Iterable[Chunk]) -> Iterator[Piece]:
        """The rows of all chunks in order; each piece is cut when it is asked for, as long as it should be then."""
        for chunk in chunks:
            key = ChunkStore.key(self._run.work.identity, chunk.content)
            result = self._run.find_result(key, chunk.rows.num_rows)
            if result is not None or self._grain is None or chunk.rows.num_rows <= self._grain:
                yield Piece(chunk.rows, key, result)
                continue
            size = self._grain
            while size < chunk.rows.num_rows:
                size *= 2
            yield from self._cut(chunk, 0, size, self._kept(chunk, size))

    def store(self, piece: Piece, result: pa.RecordBatch) -> None:
        """Count a piece as computed, and keep its result."""
        run = self._run
        if run.store is not None and piece.mark is not None and piece.mark not in self._marked:
            self._marked.add(piece.mark)
            # Before the piece: one that is kept can then always be found.
            run.store_result(piece.mark, _MARK)
        run.count_and_store(piece.key, piece.rows.num_rows, result)

    def announce(self, workers: int) -> None:
        """Say what the whole work costs, once, where that is known and not little; `workers` share it.

        Raises
        ------
        ConfigurationError
            It is more than the work's `most_seconds`.
        """
        if self._announced or self._grain is None or not self.speed.is_known:
            return
        self._announced, self.workers = True, workers
        seconds, per_row = self.seconds_left, self._run.work.cost_of_row
        left, limit = max(0, self._run.expected - self._run.tally.rows), self._limit()
        require_budget(self._run.work, seconds / workers, workers, left)
        if seconds < _LEAST_ANNOUNCED:
            return
        pieces = f", in pieces of about {limit:,} rows" if limit < self._run.rows.chunk_rows else ""
        processes = "process" if workers == 1 else "processes"
        self._run.log(
            f"{self._run.work.doing.capitalize()} takes about {duration_text(seconds / workers)} on {workers} "
            f"{processes}: {left:,} rows{f' x {per_row}' if per_row else ''}{pieces}"
        )

    def _limit(self) -> int:
        """Rows of the longest piece at the present speed."""
        grain = self._grain or 1
        if not self.speed.is_known:
            # 1, 1, 2, 4, ...: what is done to measure is part of the result.
            return max(grain, self._begun)
        seconds = min(PIECE_SECONDS, max(_SHORTEST_SECONDS, self.seconds_left / (_PIECES_OF_A_WORKER * self.workers)))
        size = grain
        while size < 1 << 40 and 2 * size * self.speed.per_row <= (PIECE_SECONDS if self.workers == 1 else seconds):
            size *= 2
        return size

    def _cut(self, chunk: Chunk, start: int, size: int, kept: frozenset[tuple[int, int]]) -> Iterator[Piece]:
        rows = chunk.rows.slice(start, size)
        if not rows.num_rows:
            return
        key = self._key(chunk, start, size)
        if (start, size) in kept:
            result = self._run.find_result(key, rows.num_rows)
            if result is not None:
                yield Piece(rows, key, result)
                return
        inside = any(start <= place < start + size and length < size for place, length in kept)
        if size == self._grain or (size <= self._limit() and not inside):
            self._begun += rows.num_rows
            mark = None if size >= chunk.rows.num_rows else self._mark(chunk, size)
            yield Piece(rows, key, mark=mark)
            return
        half = size // 2
        yield from self._cut(chunk, start, half, kept)
        yield from self._cut(chunk, start + half, half, kept)

    def _kept(self, chunk: Chunk, whole: int) -> frozenset[tuple[int, int]]:
        """Start and length of the pieces of a chunk that are in the store."""
        store, kept, size = self._run.store, set(), self._grain or 1
        while store is not None and size < whole:
            if store.holds(self._mark(chunk, size)):
                starts = range(0, chunk.rows.num_rows, size)
                kept |= {(start, size) for start in starts if store.holds(self._key(chunk, start, size))}
            size *= 2
        return frozenset(kept)

    def _key(self, chunk: Chunk, start: int, size: int) -> str:
        identity = self._run.work.identity
        if start == 0 and size >= chunk.rows.num_rows:
            return ChunkStore.key(identity, chunk.content)
        return ChunkStore.key(identity, f"{chunk.content} {start} {size}")

    def _mark(self, chunk: Chunk, size: int) -> str:
        return ChunkStore.key(self._run.work.identity, f"{chunk.content} pieces of {size}")


_MARK = pa.record_batch({"pieces": [True]})


def require_budget(work: Work, seconds: float, workers: int, rows: int) -> None:
    """See that what is left to do is within the work's `most_seconds`.

    Raises
    ------
    ConfigurationError
        It is not; the message says how many rows would be.
    """
    most = work.most_seconds
    if most is None or seconds <= most:
        return
    processes = "process" if workers == 1 else "processes"
    raise ConfigurationError(
        f"{work.doing.capitalize()} takes about {duration_text(seconds)} on {workers} {processes}, and may take "
        f"{duration_text(most)}: {rows:,} rows{f' x {work.cost_of_row}' if work.cost_of_row else ''}",
        where="explain.budget.seconds",
        fix=f"About {int(rows * most / seconds):,} of the rows fit in it: choose them by limit, sample or where; or "
        "lower explain.budget.calls_per_row or explain.background_rows; or raise the budget",
    )
