"""Where work is done: an engine takes rows and work, and hands on the results in the rows' order."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

import pyarrow as pa
import pyarrow.dataset as ds

from mlops_assets.arrow.provenance import Provenance
from mlops_assets.arrow.read_ahead import read_ahead
from mlops_assets.arrow.views import rows_of
from mlops_assets.engines.chunk_store import ChunkStore
from mlops_assets.engines.chunks import Chunk, chunk_rows_of, chunks
from mlops_assets.engines.handed_over import HandedOver, windows
from mlops_assets.engines.reach import find_unreachable
from mlops_assets.engines.tasks import Report, Task, TaskEnd, is_picklable, pickle_for_process, rows_of_end
from mlops_assets.engines.work import Work
from mlops_assets.errors import TableError
from mlops_assets.progress.report import track
from mlops_assets.progress.stage import Stage
from mlops_assets.storage.location import Location
from mlops_assets.strategies import Strategy

PARTS = "parts"
"""`Provenance.extra` of a table whose rows came in parts: how many rows each has, separated by spaces."""


@dataclass(frozen=True)
class InputRows:
    """The rows of a published table, to be worked on in order.

    Attributes
    ----------
    dataset
        The table, with its provenance.
    select
        Picks rows of the table's stream; None: all rows. Cuts between parts are then unknown.
    chunk_rows
        About so many rows are one chunk: what is worked on at once, and found again later.
    selected
        How many rows are picked, where that is known.
    """

    dataset: ds.Dataset
    chunk_rows: int
    select: Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]] | None = None
    selected: int | None = None
    _looked_at: list[int] = field(default_factory=lambda: [0], repr=False, compare=False)

    @classmethod
    def of(
        cls,
        dataset: ds.Dataset,
        chunk_rows: int | None = None,
        most: int = 32_768,
        select: Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]] | None = None,
        selected: int | None = None,
    ) -> "InputRows":
        """With `chunk_rows` None: those of `chunk_rows_of`, and no more than `most`."""
        return cls(dataset, chunk_rows or chunk_rows_of(dataset.schema, most), select, selected)

    @property
    def row_key(self) -> tuple[str, ...]:
        """The columns that identify a row."""
        return Provenance.of(self.dataset.schema).row_key

    @cached_property
    def count(self) -> int:
        """Rows of the table; a selection may be fewer."""
        return int(self.dataset.count_rows())

    @property
    def expected(self) -> int | None:
        """Rows that will be worked on; None: only looking at them shows which."""
        return self.count if self.select is None else self.selected

    @property
    def share(self) -> float:
        """The part of the table that was looked at, from 0 to 1."""
        return self._looked_at[0] / self.count if self.count else 1.0

    @property
    def parts(self) -> tuple[int, ...]:
        """Rows of each part of the table; empty where it has none, or where rows are selected."""
        counts = Provenance.of(self.dataset.schema).extra.get(PARTS, "") if self.select is None else ""
        return tuple(map(int, counts.split()))

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows in order, a few batches in memory at most."""
        stream = self._look_at(rows_of(self.dataset))
        return stream if self.select is None else (batch for batch in self.select(stream) if batch.num_rows)

    def _look_at(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        self._looked_at[0] = 0
        for batch in batches:
            yield batch
            self._looked_at[0] += batch.num_rows

    def chunks(self) -> Iterator[Chunk]:
        """The rows cut into chunks, read and hashed in a thread of their own."""
        return read_ahead(chunks(self.batches(), self.row_key, self.chunk_rows, self.parts))


@dataclass
class Tally:
    """What an engine did, filled while its results are read; from any thread.

    Chunks that are cut because they take long count as so many as they are cut into.
    """

    chunks_computed: int = 0
    chunks_reused: int = 0
    rows_computed: int = 0
    rows_reused: int = 0
    workers: int = 0
    """Worker processes beside this one."""
    store_failed: bool = False
    """Results could not be kept for the next run."""
    stage: Stage | None = field(default=None, repr=False, compare=False)
    """Hears of every row that is done."""
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    @property
    def rows(self) -> int:
        """Rows whose results are there."""
        return self.rows_computed + self.rows_reused

    def add(self, rows: int, *, reused: bool) -> None:
        """Count one chunk."""
        with self._lock:
            if reused:
                self.chunks_reused += 1
                self.rows_reused += rows
            else:
                self.chunks_computed += 1
                self.rows_computed += rows
        if self.stage is not None:
            self.stage.advance(rows)

    def as_metadata(self) -> dict[str, int | bool]:
        """By name, for an asset's metadata."""
        return {name: value for name, value in vars(self).items() if isinstance(value, int)}


@dataclass(frozen=True)
class Run:
    """One table's worth of work.

    Attributes
    ----------
    work, rows
        What is done with which rows.
    store
        Where results are kept and looked for; None: nowhere.
    tally
        What was done.
    log
        Takes one line for the log.
    clock
        Seconds, from any start: how long work takes.
    """

    work: Work
    rows: InputRows
    store: ChunkStore | None = None
    tally: Tally = field(default_factory=Tally)
    log: Callable[[str], None] = lambda _line: None
    clock: Callable[[], float] = time.perf_counter

    @property
    def expected(self) -> int:
        """Rows that will be worked on, at most."""
        rows = self.rows.expected
        return self.rows.count if rows is None else rows

    def find_result(self, key: str, rows: int) -> pa.RecordBatch | None:
        """The result under this key, counted as reused; None where there is none."""
        result = self.store.get(key) if self.store else None
        if result is not None:
            self.tally.add(rows, reused=True)
        return result

    def count_and_store(self, key: str, rows: int, result: pa.RecordBatch) -> None:
        """Count a result as computed, and `store_result` it."""
        self.tally.add(rows, reused=False)
        self.store_result(key, result)

    def store_result(self, key: str, result: pa.RecordBatch) -> None:
        """Keep a result. A failure to do so is logged, and no later result is kept."""
        if not self.store or self.tally.store_failed:
            return
        try:
            self.store.put(key, result)
        except TableError as error:
            # Nothing of this run depends on it: the next one has more to do.
            self.tally.store_failed = True
            self.log(f"The results of this run are not kept for the next one. {error}")

    def pickle_work(self) -> bytes:
        """The work, pickled for another process.

        Raises
        ------
        ConfigurationError
            It holds something of this process alone: a class from a notebook, a model that was made by hand.
        """
        return pickle_for_process(self.work)

    @property
    def is_picklable(self) -> bool:
        """Whether `pickle_work` succeeds."""
        return is_picklable(self.work)


class Engine(Strategy):
    """Says where work is done: a strategy. Name your own subclass in YAML: ``engine: {KIND: your_module.YourEngine}``.

    Every engine makes the same results: what is done is the `Task`'s and the `Work`'s, and follows from the rows alone.
    An engine of your own has `run_tasks`; each of the two methods works without the other.
    """

    def run_tasks(
        self, tasks: Sequence[Task[Report]], log: Callable[[str], None] = lambda _line: None
    ) -> Iterator[TaskEnd[Report]]:
        """Run each task and yield its end when it is there, in any order; here: one after the other in this process.

        A task that was lost with its worker is run again. A task may be run twice; it ends once. Closing the iterator
        stops the work: nothing goes on afterwards.

        Parameters
        ----------
        log
            Takes one line for the log.

        Raises
        ------
        MlopsAssetsError
            What a task raises, as it would in this process; no other task is begun then. `WorkerError` where a task
            cannot be finished, because every process that runs it dies.
        """
        for number, task in enumerate(tasks):
            yield TaskEnd(number, task.run())

    def results(self, run: Run) -> Iterator[pa.RecordBatch]:
        """The results of one part in the order of its rows, one or more per chunk; `run.tally` counts along.

        Bounded memory. Closing the iterator stops the work. Results of chunks that are done are kept in `run.store`,
        also where a later one fails. Here: chunks are handed to `run_tasks`, some 32 MiB at a time.

        Raises
        ------
        MlopsAssetsError
            What the work raises, as it would in this process.
        """
        # A generator, whose type does not say that it can be closed.
        with closing(cast(Any, run.rows.chunks())) as chunks:
            for window in windows(chunks):
                yield from self._hand_over(run, window)

    def _hand_over(self, run: Run, window: Sequence[Chunk]) -> Iterator[pa.RecordBatch]:
        keys = [ChunkStore.key(run.work.identity, chunk.content) for chunk in window]
        results = [run.find_result(key, chunk.rows.num_rows) for key, chunk in zip(keys, window, strict=True)]
        left = [number for number, result in enumerate(results) if result is None]
        tasks = [HandedOver(run.work, window[number].rows) for number in left]
        with closing(cast(Any, self.run_tasks(tasks, run.log))) as ends:
            for end in ends if tasks else ():
                number = left[end.number]
                results[number] = end.report
                run.count_and_store(keys[number], window[number].rows.num_rows, end.report)
        yield from results

    def reaches(
        self, read: Sequence[Location], write: Sequence[Location], log: Callable[[str], None] = lambda _line: None
    ) -> bool:
        """Whether the processes that run tasks see these places, shown by tasks that look.

        Where they do not, the log says which place, who does not see it, and what to do. Work is then done by
        `results`, to which this process hands the rows.

        Parameters
        ----------
        read
            Files or folders that are there.
        write
            Folders that tasks write to; they are made where they are missing.
        """
        return self._say_what_is_unreachable(find_unreachable(self.run_tasks, read, write), log)

    def _say_what_is_unreachable(self, problem: str | None, log: Callable[[str], None]) -> bool:
        if problem is not None:
            log(
                f"{problem} Rows are handed to the workers by this process, which is slow for large tables. Use places "
                "that this machine and the workers see at the same address, such as an object store"
            )
        return problem is None


def stream_results(engine: Engine, run: Run) -> Iterator[pa.RecordBatch]:
    """`engine.results(run)` in a thread of its own, while the caller writes; old chunks are collected afterwards."""
    with track(run.work.doing, lambda: run.rows.expected, share=lambda: run.rows.share) as run.tally.stage:
        if run.store is None:
            yield from read_ahead(engine.results(run))
            return
        with run.store.mark_in_use():
            yield from read_ahead(engine.results(run))
        run.store.collect_if_due()


def stream_ends(
    engine: Engine, tasks: Sequence[Task[Report]], log: Callable[[str], None] = lambda _line: None
) -> Iterator[TaskEnd[Report]]:
    """`engine.run_tasks(tasks)`, as a stage of progress in which the rows of each task count when it ends."""
    counts = [task.rows for task in tasks]
    total = None if None in counts else sum(count or 0 for count in counts)
    ended = 0
    doing = tasks[0].doing if tasks else Task.doing
    with (
        track(doing, total, share=lambda: ended / len(tasks)) as stage,
        # A generator, whose type does not say that it can be closed.
        closing(cast(Any, engine.run_tasks(tasks, log))) as ends,
    ):
        for end in ends:
            ended += 1
            stage.advance(rows_of_end(tasks[end.number], end))
            yield end
