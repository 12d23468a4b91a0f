"""Work in this process, or in several beside it when the model keeps one core busy and others idle."""

import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, cast

import pyarrow as pa

from mlops_assets.engines.chunk_store import ChunkStore
from mlops_assets.engines.chunks import Chunk
from mlops_assets.engines.engine import Engine, Run
from mlops_assets.engines.work import open_work
from mlops_assets.engines.worker_pool import WorkerPool
from mlops_assets.errors import ConfigurationError

# A worker imports the model's libraries and loads the model before it is of any use.
MIN_SECONDS_LEFT = 20.0
# Above it the model has threads of its own at work: more processes would only take the cores from each other.
ONE_CORE = 1.5
OBSERVED_SECONDS = 1.0


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

    KIND: ClassVar[Literal["LocalEngine"]] = "LocalEngine"

    workers: int | Literal["auto"] = field(
        default="auto",
        metadata={
            "description": "Number of worker processes, 1 to 1024; 1: this process alone. auto: one per core where the "
            "model keeps no more than one core busy and at least 20 seconds of work are left; else this process alone.",
            "examples": ["auto", 4],
        },
    )

    def __post_init__(self) -> None:
        if self.workers != "auto" and (isinstance(self.workers, bool) or self.workers not in range(1, 1025)):
            raise ConfigurationError(
                f"workers is {self.workers!r}", where="engine", fix="Use auto, or a number of processes from 1 up"
            )

    def results(self, run: Run) -> Iterator[pa.RecordBatch]:
        cores = available_cores()
        # A generator, whose type does not say that it can be closed.
        with closing(cast(Any, run.rows.chunks())) as chunks:
            if self.workers != "auto" and self.workers > 1:
                yield from _in_processes(run, chunks, self.workers, cores)
            elif run.work.is_sequential or cores == 1:
                monitor = _LoadMonitor(run, cores) if self.workers == "auto" else None
                for chunk in chunks:
                    yield _process_chunk(run, chunk, monitor)
                    if monitor and monitor.is_worth_processes():
                        run.log(f"The model keeps one of {cores} cores busy: {cores} processes share what is left")
                        yield from _in_processes(run, chunks, cores, cores)
            else:
                yield from _in_threads(run, chunks, cores)


class _LoadMonitor:
    """Measures how many cores the model keeps busy, and how much of its work is left."""

    def __init__(self, run: Run, cores: int) -> None:
        self._run, self._cores = run, cores
        self._seconds = self._thread = self._process = 0.0
        self._rows = 0
        # The first call imports, compiles and fills caches: it is not representative.
        self._warm = False
        self._decided = cores == 1

    def do(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        """Do the work and measure it."""
        wall, thread, process = time.perf_counter(), time.thread_time(), time.process_time()
        result = open_work(self._run.work)(rows)
        if self._warm:
            self._seconds += time.perf_counter() - wall
            # Both count processor time, which a busy machine does not change.
            self._thread += time.thread_time() - thread
            self._process += time.process_time() - process
            self._rows += rows.num_rows
        self._warm = True
        return result

    def is_worth_processes(self) -> bool:
        """True once, if ever: when enough was seen."""
        if self._decided or self._seconds < OBSERVED_SECONDS:
            return False
        self._decided = True
        tally = self._run.tally
        rows_left = self._run.rows.count - tally.rows_computed - tally.rows_reused
        one_core = self._process < self._thread * ONE_CORE
        return one_core and rows_left * self._seconds / self._rows > MIN_SECONDS_LEFT and self._run.is_picklable


def _process_chunk(run: Run, chunk: Chunk, monitor: _LoadMonitor | None) -> pa.RecordBatch:
    key = ChunkStore.key(run.work.identity, chunk.content)
    result = run.find_result(key, chunk.rows.num_rows)
    if result is None:
        result = monitor.do(chunk.rows) if monitor else open_work(run.work)(chunk.rows)
        run.count_and_store(key, chunk.rows.num_rows, result)
    return result


def _in_processes(run: Run, chunks: Iterator[Chunk], workers: int, cores: int) -> Iterator[pa.RecordBatch]:
    run.tally.workers = workers
    with WorkerPool(workers, run.pickle_work(), cores) as pool:
        yield from _in_order(run, chunks, pool.submit, 2 * workers)


def _in_threads(run: Run, chunks: Iterator[Chunk], threads: int) -> Iterator[pa.RecordBatch]:
    """Each thread with a chunk of its own, instead of all of the library's threads sharing one chunk."""
    do = open_work(run.work)
    with ThreadPoolExecutor(threads, "chunk", initializer=_limit_threads) as pool:
        yield from _in_order(run, chunks, lambda rows: pool.submit(do, rows), 2 * threads)


def _limit_threads() -> None:
    from threadpoolctl import threadpool_limits

    # OpenMP keeps this number per calling thread: it ends with the thread, and concerns no other.
    threadpool_limits(1, "openmp")


def _in_order(
    run: Run, chunks: Iterator[Chunk], submit: Callable[[pa.RecordBatch], Future[pa.RecordBatch]], most: int
) -> Iterator[pa.RecordBatch]:
    """At most `most` chunks are in flight: enough that no worker waits for this process to read the next one."""
    waiting: deque[tuple[Chunk, str, Future[pa.RecordBatch] | pa.RecordBatch]] = deque()

    def take_first() -> pa.RecordBatch:
        chunk, key, result = waiting.popleft()
        if isinstance(result, Future):
            result = result.result()
            run.count_and_store(key, chunk.rows.num_rows, result)
        return result

    for chunk in chunks:
        key = ChunkStore.key(run.work.identity, chunk.content)
        stored = run.find_result(key, chunk.rows.num_rows)
        waiting.append((chunk, key, submit(chunk.rows) if stored is None else stored))
        while len(waiting) >= most:
            yield take_first()
    while waiting:
        yield take_first()


def available_cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
