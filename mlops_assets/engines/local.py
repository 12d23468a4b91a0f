"""Work in this process, or in several beside it when the model keeps one core busy and others idle."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, cast

import pyarrow as pa

from mlops_assets.engines.engine import Engine, Run
from mlops_assets.engines.pieces import Cutter, Piece
from mlops_assets.engines.speed import OBSERVED_SECONDS
from mlops_assets.engines.task_pool import TaskPool
from mlops_assets.engines.tasks import Report, Task, TaskEnd, is_picklable
from mlops_assets.engines.work import open_work
from mlops_assets.engines.worker_pool import WorkerPool
from mlops_assets.errors import ConfigurationError
from mlops_assets.storage.location import Location

# A worker imports the model's libraries and loads the model before it is of any use.
MIN_SECONDS_LEFT = 20.0


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
        cores, cutter = available_cores(), Cutter(run)
        # A generator, whose type does not say that it can be closed.
        with closing(cast(Any, run.rows.chunks())) as chunks:
            pieces = cutter.pieces(chunks)
            if run.work.grain is not None:
                yield from self._by_cost(run, cutter, pieces, cores)
            elif self.workers != "auto" and self.workers > 1:
                yield from _in_processes(run, cutter, pieces, self.workers, cores)
            elif run.work.is_sequential or cores == 1:
                decided = self.workers != "auto" or cores == 1
                for piece in pieces:
                    yield _do_here(run, cutter, piece)
                    if not decided and cutter.speed.seconds >= OBSERVED_SECONDS:
                        decided = True
                        if _is_worth_processes(run, cutter):
                            run.log(f"The model keeps one of {cores} cores busy: {cores} processes share what is left")
                            yield from _in_processes(run, cutter, pieces, cores, cores)
            else:
                yield from _in_threads(run, cutter, pieces, cores)

    def run_tasks(
        self, tasks: Sequence[Task[Report]], log: Callable[[str], None] = lambda _line: None
    ) -> Iterator[TaskEnd[Report]]:
        cores = available_cores()
        workers = min(len(tasks), cores if self.workers == "auto" else self.workers)
        # Where the first cannot travel, none can; with a number of workers that is an error, and not a slow run.
        if workers < 2 or (self.workers == "auto" and not is_picklable(tasks[0])):
            yield from super().run_tasks(tasks, log)
            return
        with TaskPool(tasks, workers, cores, log) as pool:
            ended = 0
            if self.workers == "auto" and not pool.is_warm:
                for end in pool.run_until_workers_pay():
                    ended += 1
                    yield end
            pool.start()
            while ended < len(tasks):
                ended += 1
                yield pool.next_end()

    def reaches(
        self, read: Sequence[Location], write: Sequence[Location], log: Callable[[str], None] = lambda _line: None
    ) -> bool:
        """Whether worker processes see these places, as they see all but this process's own memory."""
        own = next((place for place in (*read, *write) if "memory://" in place.address), None)
        if own is None or self.workers == 1:
            return True
        return self._say_what_is_unreachable(f"{own.uri} is in the memory of this process.", log)

    def _by_cost(self, run: Run, cutter: Cutter, pieces: Iterator[Piece], cores: int) -> Iterator[pa.RecordBatch]:
        """A few rows here, which show what the rest costs; then the rest, by as many processes as it is worth."""
        for piece in pieces:
            yield _do_here(run, cutter, piece)
            if not cutter.speed.is_known:
                continue
            workers = self.workers
            if workers == "auto":
                workers = cores if cores > 1 and _is_worth_processes(run, cutter) else 1
            cutter.announce(workers)
            if workers > 1:
                yield from _in_processes(run, cutter, pieces, workers, cores)


def _is_worth_processes(run: Run, cutter: Cutter) -> bool:
    return cutter.speed.keeps_one_core and cutter.seconds_left > MIN_SECONDS_LEFT and run.is_picklable


def _do_here(run: Run, cutter: Cutter, piece: Piece) -> pa.RecordBatch:
    if piece.result is not None:
        return piece.result
    result = cutter.speed.measure(open_work(run.work), piece.rows)
    cutter.store(piece, result)
    return result


def _in_processes(
    run: Run, cutter: Cutter, pieces: Iterator[Piece], workers: int, cores: int
) -> Iterator[pa.RecordBatch]:
    run.tally.workers = cutter.workers = workers
    with WorkerPool(workers, run.pickle_work(), cores, run.clock) as pool:

        def submit(piece: Piece) -> Future[pa.RecordBatch]:
            def finish(result: pa.RecordBatch, seconds: float) -> None:
                cutter.speed.note(piece.rows.num_rows, seconds)
                cutter.store(piece, result)

            return pool.submit(piece.rows, finish)

        yield from _in_order(pieces, submit, 2 * workers)


def _in_threads(run: Run, cutter: Cutter, pieces: Iterator[Piece], threads: int) -> Iterator[pa.RecordBatch]:
    """Each thread with a chunk of its own, instead of all of the library's threads sharing one chunk."""
    do = open_work(run.work)

    def do_and_store(piece: Piece) -> pa.RecordBatch:
        result = do(piece.rows)
        cutter.store(piece, result)
        return result

    with ThreadPoolExecutor(threads, "chunk", initializer=_limit_threads) as pool:
        yield from _in_order(pieces, lambda piece: pool.submit(do_and_store, piece), 2 * threads)


def _limit_threads() -> None:
    from threadpoolctl import threadpool_limits

    # OpenMP keeps this number per calling thread: it ends with the thread, and concerns no other.
    threadpool_limits(1, "openmp")


def _in_order(
    pieces: Iterator[Piece], submit: Callable[[Piece], Future[pa.RecordBatch]], most: int
) -> Iterator[pa.RecordBatch]:
    """At most `most` pieces are in flight: enough that no worker waits for this process to read the next one."""
    waiting: deque[Future[pa.RecordBatch] | pa.RecordBatch] = deque()

    def take_first() -> pa.RecordBatch:
        result = waiting.popleft()
        return result.result() if isinstance(result, Future) else result

    for piece in pieces:
        waiting.append(submit(piece) if piece.result is None else piece.result)
        while len(waiting) >= most:
            yield take_first()
    while waiting:
        yield take_first()


def available_cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
