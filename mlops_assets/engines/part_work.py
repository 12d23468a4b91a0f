"""Work on a table of several parts: those that were finished earlier are found, the others are tasks of an engine."""

import time
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import pyarrow as pa
import pyarrow.dataset as ds

from mlops_assets.arrow.content_hash import hash_of
from mlops_assets.arrow.views import first_of
from mlops_assets.engines.chunk_store import ChunkStore
from mlops_assets.engines.chunks import cut_rows
from mlops_assets.engines.engine import Engine, InputRows, Run, Tally, stream_ends, stream_results
from mlops_assets.engines.local import LocalEngine
from mlops_assets.engines.pieces import PIECE_SECONDS
from mlops_assets.engines.speed import in_one_thread, own_seconds
from mlops_assets.engines.tasks import Task
from mlops_assets.engines.work import ChunkFunction, Work, open_work
from mlops_assets.storage.location import Location
from mlops_assets.tables.staged_table import Destination, SourcePart, StagedPart

AnyWork = TypeVar("AnyWork", bound=Work)
_TIMED_SECONDS = 2.0
MOST_SECONDS = 3 * PIECE_SECONDS
"""A part that takes longer is worked on piece by piece, which are kept, rather than as a whole."""


@dataclass(frozen=True)
class DonePart:
    """A part that is there.

    Attributes
    ----------
    part
        Where it is, and what was noted of it.
    source_rows
        Of how many rows it is made.
    notes
        Of a part that was made now, what was noted of its rows (`Observer.notes`); None: nothing.
    """

    part: StagedPart
    source_rows: int
    notes: object = None

    @property
    def rows(self) -> int:
        return self.source_rows


class Observer(Protocol):
    """Looks at the results of one part while they are made, so that nobody needs to read them for it."""

    def add_chunk(self, rows: pa.RecordBatch, results: pa.RecordBatch) -> None:
        """The next rows of the source and their results; not called where chunks are shared by workers."""

    def add_written(self, group: pa.Table) -> None:
        """The next row group of the results, as `TableWriter.write_part` shows it."""

    @property
    def notes(self) -> object:
        """What was noted when everything is written: picklable, and small, however many rows there are."""


@dataclass(frozen=True)
class PartTask(Task[DonePart], Generic[AnyWork]):
    """Read a part of a table, work on its rows, and write a part of another one.

    Attributes
    ----------
    work
        What is done with each chunk.
    source, target
        The part that is read, and where its results go.
    chunk_rows
        About so many rows are worked on at once.
    schema
        Of the results.
    """

    doing: ClassVar[str] = "working"

    work: AnyWork
    source: SourcePart
    target: Destination
    chunk_rows: int
    schema: pa.Schema

    @property
    def rows(self) -> int | None:
        return self.source.rows

    @cached_property
    def key(self) -> str:
        """What the part is found under: all that it depends on."""
        return hash_of("part", self.work.identity, self.source.content)

    @property
    def select(self) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]] | None:
        """Picks the rows of the part that are worked on; None: all of them."""
        return None

    def rows_of(self, _part: StagedPart, /) -> int:
        """How many rows a part that is there was made of."""
        return self.source.rows

    def run(self) -> DonePart:
        work, rows = open_work(self.work), self.source.batches()
        batches = cut_rows(rows if self.select is None else self.select(rows), self.source.row_key, self.chunk_rows)
        observer = self.observer()

        def results() -> Iterator[pa.RecordBatch]:
            for batch in batches:
                result = work(batch)
                if observer is not None:
                    observer.add_chunk(batch, result)
                yield result

        return self._write(results(), observer)

    def observer(self) -> Observer | None:
        """Who looks at the results of this part; None: nobody."""
        return None

    def write(self, results: Iterator[pa.RecordBatch]) -> DonePart:
        """Write the results of all chunks, in order."""
        return self._write(results, self.observer())

    def _write(self, results: Iterator[pa.RecordBatch], observer: Observer | None) -> DonePart:
        stream, facts = self.combine(results)
        if observer is None or not self.target.can_watch:
            part = self.target.write(self.key, stream, facts)
            return DonePart(part, self.rows_of(part))
        part = self.target.write(self.key, stream, facts, observer.add_written)
        return DonePart(part, self.rows_of(part), observer.notes)

    @abstractmethod
    def combine(
        self, results: Iterator[pa.RecordBatch]
    ) -> tuple[pa.RecordBatchReader, Callable[[], Mapping[str, str]]]:
        """The results as one stream of `schema`, and what is noted of the part once all of it was read."""

    def find(self) -> DonePart | None:
        """The part, where it was finished earlier."""
        part = self.target.find(self.key)
        return None if part is None else DonePart(part, self.rows_of(part))


def seconds_per_row(
    work: Work, samples: ds.Dataset, most_rows: int, rough: float, plain: ChunkFunction | None = None
) -> float:
    """About what a row costs, where a part of `most_rows` may take long; else `rough`.

    What few rows have taken counts what every call costs. So the work is timed again, with as many rows as take two
    seconds if the rough figure is true: first as `plain` does it, which loads nothing that pays for many rows alone.
    """
    if rough * most_rows <= MOST_SECONDS:
        return rough
    rows = first_of(samples, max(1, int(_TIMED_SECONDS / rough))).combine_chunks().to_batches()[0]

    def with_all(batch: pa.RecordBatch) -> pa.RecordBatch:
        return open_work(work)(batch)

    cost = rough
    with in_one_thread():
        # The first call of the work itself may load or compile a kernel and compare it with the library.
        for do in (*([] if plain is None else [plain]), with_all, with_all):
            began, process = time.perf_counter(), time.process_time()
            do(rows)
            seconds = own_seconds(time.perf_counter() - began, time.process_time() - process)
            cost = min(cost, seconds / int(rows.num_rows))
            if cost * most_rows <= MOST_SECONDS:
                break
    return cost


def engine_that_reads(
    engine: Engine, parts: Sequence[SourcePart], log: Callable[[str], None], write: Sequence[Location] = ()
) -> Engine:
    """The engine, or this process where the engine's workers do not see these parts, or the folders to write to."""
    read = [part.part.location for part in (parts[0], parts[-1])]
    return engine if engine.reaches(read, write, log) else LocalEngine(workers=1)


@dataclass(frozen=True)
class PartsRun:
    """All parts of one table's worth of work.

    Attributes
    ----------
    tasks
        One for each part, in order.
    store
        Where the results of costly work are kept chunk by chunk; None: nowhere.
    seconds_per_row
        What the work costs, about; 0 where that is little. Decides how the work is done, never what comes of it.
    tally
        What was done.
    log
        Takes one line for the log.
    """

    tasks: Sequence[PartTask[Any]]
    store: ChunkStore | None = None
    seconds_per_row: float = 0.0
    tally: Tally = field(default_factory=Tally)
    log: Callable[[str], None] = lambda _line: None

    def do(self, engine: Engine) -> list[DonePart]:
        """Every part, found or made, in order."""
        with self.tasks[0].target.staging.mark_in_use():
            return self._do(engine)

    def _do(self, engine: Engine) -> list[DonePart]:
        done: dict[int, DonePart] = {}
        for number, task in enumerate(self.tasks):
            if (part := task.find()) is not None:
                done[number] = part
                self.tally.add(part.source_rows, reused=True)
        left = [number for number in range(len(self.tasks)) if number not in done]
        if done and left:
            self.log(f"{len(done)} of {len(self.tasks)} parts were finished by an earlier run")
        costly = max((self.tasks[number].source.rows for number in left), default=0) * self.seconds_per_row
        # Where its workers do not see the tables, rows are handed over to them, chunk by chunk.
        if left and (costly > MOST_SECONDS or not self._is_reached(engine, left)):
            for number in left:
                done[number] = self._by_chunks(engine, self.tasks[number])
        else:
            for end in stream_ends(engine, [self.tasks[number] for number in left], self.log):
                done[left[end.number]] = end.report
                self.tally.add(end.report.source_rows, reused=False)
        return [done[number] for number in range(len(self.tasks))]

    def _is_reached(self, engine: Engine, left: Sequence[int]) -> bool:
        read = [self.tasks[number].source.part.location for number in (left[0], left[-1])]
        return engine.reaches(read, [self.tasks[left[0]].target.staging.folder], self.log)

    def _by_chunks(self, engine: Engine, task: PartTask[Any]) -> DonePart:
        """A part whose chunks are shared by all workers, kept as they are done, and written here."""
        rows = InputRows(task.source.dataset(), task.chunk_rows, task.select)
        return task.write(stream_results(engine, Run(task.work, rows, self.store, self.tally, self.log)))
