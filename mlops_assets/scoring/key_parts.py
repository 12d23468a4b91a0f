"""Whether the row keys of a published table of several parts occur once, part by part."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mlops_assets.arrow.hash_files import sort_hashes
from mlops_assets.arrow.input_table import InputSplit
from mlops_assets.arrow.part_keys import (
    MOST_VERIFIED,
    KeyCounts,
    KeyReport,
    PartKeys,
    RepeatedHashes,
    count_keys,
    needs_merge,
    ranges,
    refuse_repeated,
    repeated_in_range,
)
from mlops_assets.engines.engine import Engine, stream_ends
from mlops_assets.engines.part_work import engine_that_reads
from mlops_assets.engines.tasks import Task, in_order
from mlops_assets.storage.location import Location
from mlops_assets.tables.staged_table import SourcePart

MOST_RANGES = 64
"""Tasks among which hashes are shared, unless so few would not fit into memory: each of them opens the files of all
parts, so that as many as there are parts would be a square.
"""


@dataclass(frozen=True)
class NoteKeysTask(Task[KeyReport]):
    """Note the hashes of the row keys of one part of a published table."""

    doing: ClassVar[str] = "reading row keys"

    part: SourcePart
    file: Location

    @property
    def rows(self) -> int | None:
        return self.part.rows

    def run(self) -> KeyReport:
        keys = PartKeys(self.part.row_key, self.part.part.location.uri)
        for batch in self.part.batches(list(self.part.row_key)):
            keys.add(batch)
        return keys.finish(self.file)


@dataclass(frozen=True)
class SortKeysTask(Task[None]):
    """Sort the hashes of one part, which were written as its keys rise."""

    doing: ClassVar[str] = "sorting row keys"

    file: Location

    def run(self) -> None:
        sort_hashes(self.file)


@dataclass(frozen=True)
class RepeatedKeysTask(Task[RepeatedHashes]):
    """Find the hashes that occur twice, among those of one range of all parts."""

    doing: ClassVar[str] = "looking for repeated row keys"

    files: tuple[Location, ...]
    low: int
    high: int

    def run(self) -> RepeatedHashes:
        return repeated_in_range(self.files, self.low, self.high)


@dataclass(frozen=True)
class CountKeysTask(Task[KeyCounts]):
    """Count the real keys that have one of these hashes, in one part."""

    doing: ClassVar[str] = "comparing repeated row keys"

    rows_of: InputSplit | SourcePart
    hashes: np.ndarray

    def run(self) -> KeyCounts:
        if isinstance(self.rows_of, SourcePart):
            part = self.rows_of
            return count_keys(part.batches(list(part.row_key)), part.row_key, self.hashes, part.part.location.uri)
        table = self.rows_of.open()
        return count_keys(table.batches(), table.row_key, self.hashes, table.uri)


def refuse_repeated_keys(
    reports: Sequence[KeyReport],
    sources: Sequence[InputSplit | SourcePart],
    row_key: Sequence[str],
    engine: Engine,
    log: Callable[[str], None],
    where: str | None = None,
) -> None:
    """Refuse a table in which a row key occurs twice.

    Parameters
    ----------
    reports, sources
        What was noted of each part, and the parts, which are read again where keys seem to repeat.
    where
        What errors call the table.

    Raises
    ------
    TableError
        Keys occur more than once: as `KeyCheck` says it.
    """
    if not needs_merge(reports):
        return
    unsorted = [SortKeysTask(report.file) for report in reports if not report.is_sorted]
    for _ in stream_ends(engine, unsorted, log):
        pass
    files = tuple(report.file for report in reports)
    tasks = [RepeatedKeysTask(files, low, high) for low, high in ranges(reports, min(MOST_RANGES, len(files)))]
    repeated = in_order(stream_ends(engine, tasks, log))
    suspicious = np.concatenate([each.hashes for each in repeated])
    if not len(suspicious):
        return
    suspicious = np.sort(suspicious)[:MOST_VERIFIED]
    counts = in_order(stream_ends(engine, [CountKeysTask(source, suspicious) for source in sources], log))
    refuse_repeated(row_key, counts, sum(each.surplus for each in repeated), len(suspicious), where)


def refuse_repeated_keys_of_parts(
    parts: Sequence[SourcePart], folder: Location, engine: Engine, log: Callable[[str], None]
) -> None:
    """`refuse_repeated_keys` of a published table.

    Parameters
    ----------
    folder
        Takes eight bytes per row while it is looked at; workers write there.
    """
    engine = engine_that_reads(engine, parts, log, [folder])
    tasks = [NoteKeysTask(part, folder.child(f"{number:05d}.keys")) for number, part in enumerate(parts)]
    reports = in_order(stream_ends(engine, tasks, log))
    refuse_repeated_keys(reports, parts, parts[0].row_key, engine, log)
