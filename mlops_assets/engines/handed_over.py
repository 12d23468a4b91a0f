"""Rows that travel with their task: of a table of one part, or where workers do not reach what holds the rows."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa

from mlops_assets.engines.chunks import Chunk
from mlops_assets.engines.tasks import Task
from mlops_assets.engines.work import Work, open_work
from mlops_assets.engines.worker import deserialize_batch, serialize_batch

# So much is in this process at once, and so many tasks are an engine's to share out.
_MOST_BYTES, _MOST_CHUNKS = 32 << 20, 64


@dataclass(frozen=True)
class HandedOver(Task[pa.RecordBatch]):
    """The work on one chunk; the report is the result."""

    doing: ClassVar[str] = "working on rows"

    work: Work
    batch: pa.RecordBatch

    @property
    def rows(self) -> int:
        return int(self.batch.num_rows)

    def run(self) -> pa.RecordBatch:
        return open_work(self.work)(self.batch)

    def __reduce__(self) -> tuple[object, ...]:
        # Of a slice, pickle would take all that it is a slice of.
        return _restore, (self.work, serialize_batch(self.batch).to_pybytes())


def _restore(work: Work, data: bytes) -> HandedOver:
    return HandedOver(work, deserialize_batch(data))


def windows(chunks: Iterable[Chunk]) -> Iterator[list[Chunk]]:
    """Consecutive chunks that are in memory together."""
    window: list[Chunk] = []
    size = 0
    for chunk in chunks:
        window.append(chunk)
        size += chunk.rows.nbytes
        if size >= _MOST_BYTES or len(window) >= _MOST_CHUNKS:
            yield window
            window, size = [], 0
    if window:
        yield window
