"""Work in this process, or in several beside it when the model keeps one core busy and others idle."""

import os
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Literal, cast

import pyarrow as pa

from mlops_assets.errors import ConfigurationError
from mlops_assets.scoring.engine import Engine, Run
from mlops_assets.scoring.work import PerChunk, opened
from mlops_assets.scoring.worker_pool import WorkerPool
from mlops_assets.tables.chunk_store import ChunkStore
from mlops_assets.tables.chunks import Chunk

# A worker imports the model's libraries and loads the model before it is of any use.
WORTH_SECONDS = 20.0
# Above it the model has threads of its own at work: more processes would only take the cores from each other.
ONE_CORE = 1.5
_WATCHED_SECONDS = 1.0


@dataclass(frozen=True)
class LocalEngine(Engine):
    """This machine.

    Attributes
    ----------
    workers
        Processes beside this one that share the chunks; 1: none, this one works. ``auto``: one per core where the first
        chunks show that the model keeps no more than one core busy and that at least 20 seconds of work are left;
        else none.
    """

    workers: int | Literal["auto"] = "auto"

    def __post_init__(self) -> None:
        if self.workers != "auto" and (isinstance(self.workers, bool) or self.workers not in range(1, 1025)):
            raise ConfigurationError(
                f"workers is {self.workers!r}", where="engine", fix="Use auto, or a number of processes from 1 up"
            )

    def results(self, run: Run) -> Iterator[pa.RecordBatch]:
        # A generator, whose type does not say that it can be closed.
        with closing(cast(Any, run.rows.chunks())) as chunks:
            if self.workers == "auto":
                yield from _watched(run, chunks)
            elif self.workers == 1:
                yield from _here(run, chunks, opened(run.work))
            else:
                yield from _beside(run, chunks, self.workers)


def _here(run: Run, chunks: Iterator[Chunk], do: PerChunk) -> Iterator[pa.RecordBatch]:
    for chunk in chunks:
        yield _one(run, chunk, do)


def _one(run: Run, chunk: Chunk, do: PerChunk) -> pa.RecordBatch:
    key = ChunkStore.key(run.work.identity, chunk.content)
    result = _kept(run, chunk, key)
    if result is None:
        result = do(chunk.rows)
        _keep(run, chunk, key, result)
    return result


def _kept(run: Run, chunk: Chunk, key: str) -> pa.RecordBatch | None:
    result = run.store.get(key) if run.store else None
    if result is not None:
        run.tally.add(chunk.rows.num_rows, reused=True)
    return result


def _keep(run: Run, chunk: Chunk, key: str, result: pa.RecordBatch) -> None:
    if run.store:
        run.store.put(key, result)
    run.tally.add(chunk.rows.num_rows, reused=False)


def _watched(run: Run, chunks: Iterator[Chunk]) -> Iterator[pa.RecordBatch]:
    """Here, until it is known how many cores the model keeps busy and how much is left."""
    cores, do = cores_of_this_process(), opened(run.work)
    seconds = busy = 0.0
    watched = 0
    warm = False
    for chunk in chunks:
        before, wall, cpu = run.tally.rows_computed, time.perf_counter(), time.process_time()
        result = _one(run, chunk, do)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        yield result
        if run.tally.rows_computed == before:
            continue
        if not warm:
            # The first call imports, compiles and fills caches: it says nothing of those after it.
            warm = True
            continue
        seconds, busy, watched = seconds + wall, busy + cpu, watched + chunk.rows.num_rows
        if seconds < _WATCHED_SECONDS:
            continue
        left = run.rows.count - run.tally.rows_computed - run.tally.rows_reused
        if cores > 1 and busy < seconds * ONE_CORE and left * seconds / watched > WORTH_SECONDS and run.can_travel:
            run.tell(f"The model keeps one of {cores} cores busy: {cores} processes share the rows that are left")
            yield from _beside(run, chunks, cores)
            return
        break
    yield from _here(run, chunks, do)


def _beside(run: Run, chunks: Iterator[Chunk], workers: int) -> Iterator[pa.RecordBatch]:
    run.tally.workers = workers
    waiting: deque[tuple[Chunk, str, Future[pa.RecordBatch] | pa.RecordBatch]] = deque()

    def first() -> pa.RecordBatch:
        chunk, key, result = waiting.popleft()
        if isinstance(result, Future):
            result = result.result()
            _keep(run, chunk, key, result)
        return result

    with WorkerPool(workers, run.packed(), cores_of_this_process()) as pool:
        for chunk in chunks:
            key = ChunkStore.key(run.work.identity, chunk.content)
            kept = _kept(run, chunk, key)
            waiting.append((chunk, key, pool.submit(chunk.rows) if kept is None else kept))
            # One more chunk than workers: none of them waits for this process to read the next.
            while len(waiting) > 2 * workers:
                yield first()
        while waiting:
            yield first()


def cores_of_this_process() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
