"""Does the row key identify a row in a table of several parts? Exactly, and without one process seeing all keys.

Whoever works on a part notes the hashes of its keys in a file. Where the keys do not rise strictly through all
parts, ranges of hashes are looked at, each in all files; where a hash occurs twice the real keys are compared, part by
part, so that a collision is never taken for a duplicate.
"""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlops_assets.arrow.hash_files import ALL_HASHES, count_between, read_between, sort_hashes, write_hashes
from mlops_assets.arrow.key_hash import canonical, key_hashes, strictly_increasing
from mlops_assets.arrow.unique_keys import MOST_VERIFIED, KeyCounts, count_keys, refuse_repeated
from mlops_assets.storage.location import Location

__all__ = [
    "MOST_VERIFIED",
    "KeyCounts",
    "KeyReport",
    "PartKeys",
    "RepeatedHashes",
    "count_keys",
    "needs_merge",
    "ranges",
    "refuse_repeated",
    "repeated_in_range",
    "sort_hashes",
]

HELD_HASHES = 1 << 22
"""So many hashes, 32 MiB, are held in memory at most, by whoever writes or compares them."""
_BUCKETS = 256


@dataclass(frozen=True)
class KeyReport:
    """What is known of the keys of one part.

    Attributes
    ----------
    rows
        Rows of the part.
    increasing
        Each key is greater than the one above it.
    ends
        The first key and the last one, as an Arrow IPC stream of two rows; empty where there are no rows.
    file
        Where the hashes of all keys are, see `hash_files`.
    is_sorted
        The file is sorted. Another one is best given to `sort_hashes` once, in a task, before tasks look at ranges:
        each of these would read all of it.
    """

    rows: int
    increasing: bool
    ends: bytes
    file: Location
    is_sorted: bool


@dataclass(frozen=True)
class RepeatedHashes:
    """Hashes that occur more than once.

    Attributes
    ----------
    hashes
        Sorted; no more than the first `MOST_VERIFIED`.
    surplus
        By how many rows there are more than different hashes.
    """

    hashes: np.ndarray
    surplus: int


class PartKeys:
    """Takes in the keys of one part batch by batch.

    Parameters
    ----------
    row_key
        The key's columns, at least one.
    where
        What errors call the table.
    scratch
        A folder for what does not fit into memory; None: the system's.
    """

    def __init__(self, row_key: Sequence[str], where: str | None = None, scratch: Path | None = None) -> None:
        self._row_key = tuple(row_key)
        self._where = where
        self._scratch = scratch
        self._first: list[pa.Array] | None = None
        self._last: list[pa.Array] | None = None
        self._increasing = True
        self._rows = 0
        self._held: list[np.ndarray] = []
        self._held_rows = 0
        self._runs: list[tuple[int, np.ndarray]] = []
        self._file: BinaryIO | None = None

    def add(self, batch: pa.RecordBatch) -> np.ndarray:
        """The next rows; columns other than the key's are ignored. Returns the hashes of their keys.

        Raises
        ------
        TableError
            A key column's type cannot identify a row.
        """
        columns = [canonical(batch.column(name)) for name in self._row_key]
        hashes = key_hashes(columns, self._row_key, self._where)
        if not batch.num_rows:
            return hashes
        if self._increasing:
            self._increasing = strictly_increasing(columns, self._last)
        if self._first is None:
            self._first = [column.take([0]) for column in columns]
        self._last = [column.take([len(column) - 1]) for column in columns]
        self._rows += batch.num_rows
        self._held.append(hashes)
        self._held_rows += len(hashes)
        if self._held_rows >= HELD_HASHES:
            self._spill()
        return hashes

    def finish(self, file: Location) -> KeyReport:
        """What is known of the part's keys, when all rows were added.

        Parameters
        ----------
        file
            Is written, whole or not at all, and replaced where it is there already.
        """
        # Where keys rise nobody may ever look at their hashes: sorting them is left to who does.
        is_sorted = not self._increasing or self._file is not None
        try:
            write_hashes(file, self._sorted_hashes() if is_sorted else self._held, is_sorted=is_sorted)
        finally:
            if self._file is not None:
                self._file.close()
        return KeyReport(self._rows, self._increasing, self._ends(), file, is_sorted)

    def _spill(self) -> None:
        hashes = _sorted(self._held)
        if self._file is None:
            self._file = tempfile.TemporaryFile(dir=self._scratch)  # noqa: SIM115 - `finish` closes it
        start = self._file.seek(0, 2) // 8
        edges = np.searchsorted(hashes, np.arange(1, _BUCKETS, dtype=np.uint64) << np.uint64(56))
        self._runs.append((start, np.concatenate([[0], edges, [len(hashes)]])))
        hashes.tofile(self._file)
        self._file.flush()
        self._held, self._held_rows = [], 0

    def _sorted_hashes(self) -> Iterator[np.ndarray]:
        """All hashes in rising order, a bucket at a time."""
        if self._file is None:
            yield _sorted(self._held)
            return
        if self._held:
            self._spill()
        for bucket in range(_BUCKETS):
            pieces = []
            for start, edges in self._runs:
                self._file.seek((start + int(edges[bucket])) * 8)
                pieces.append(np.fromfile(self._file, dtype=np.uint64, count=int(edges[bucket + 1] - edges[bucket])))
            yield _sorted(pieces)

    def _ends(self) -> bytes:
        if self._first is None or self._last is None:
            return b""
        columns = [pa.concat_arrays(pair) for pair in zip(self._first, self._last, strict=True)]
        both = pa.RecordBatch.from_arrays(columns, names=list(self._row_key))
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, both.schema) as writer:
            writer.write_batch(both)
        return bytes(sink.getvalue())


def needs_merge(reports: Sequence[KeyReport]) -> bool:
    """False where what the parts report shows that no key occurs twice: their keys rise, and in no two of them overlap.

    Parameters
    ----------
    reports
        Of all parts; the parts themselves may be in any order.
    """
    parts = [report for report in reports if report.rows]
    if not all(part.increasing for part in parts):
        return True
    if len(parts) < 2:
        return False
    ends = pa.concat_tables([pa.ipc.open_stream(part.ends).read_all() for part in parts]).combine_chunks()
    columns = [column.combine_chunks() for column in ends.columns]
    numbered = pa.table([column.take(pa.array(np.arange(0, len(column), 2))) for column in columns], _names(columns))
    order = pc.sort_indices(numbered, [(name, "ascending") for name in numbered.column_names])
    rows = [at for part in order.to_pylist() for at in (2 * part, 2 * part + 1)[: parts[part].rows]]
    return not strictly_increasing([column.take(pa.array(rows)) for column in columns], None)


def ranges(reports: Sequence[KeyReport], count: int) -> list[tuple[int, int]]:
    """At least `count` ranges of hashes (the first, and the one behind the last) that cover all, for as many tasks.

    There are more where the hashes of so few would not fit into memory.
    """
    rows = sum(report.rows for report in reports)
    count = max(1, min(count, rows), -(-2 * rows // HELD_HASHES))
    edges = [ALL_HASHES * number // count for number in range(count + 1)]
    return list(pairwise(edges))


def repeated_in_range(files: Sequence[Location], low: int, high: int) -> RepeatedHashes:
    """The hashes of ``low <= hash < high`` that occur more than once in all `files` together; reads no others.

    Parameters
    ----------
    files
        Of all parts, see `KeyReport`.

    Raises
    ------
    TableError
        A file is gone, or no file of hashes.
    """
    pieces: list[np.ndarray] = []
    rows = 0
    for file in files:
        found = read_between(file, low, high, HELD_HASHES - rows)
        if found is None:
            return _repeated_in_halves(files, low, high)
        pieces.append(found)
        rows += len(found)
    hashes = _sorted(pieces)
    again = hashes[1:][hashes[1:] == hashes[:-1]]
    return RepeatedHashes(np.unique(again)[:MOST_VERIFIED], len(again))


def _repeated_in_halves(files: Sequence[Location], low: int, high: int) -> RepeatedHashes:
    """As `repeated_in_range`, of more hashes than fit into memory."""
    if high - low == 1:
        rows = sum(count_between(file, low, high) for file in files)
        return RepeatedHashes(np.array([low], dtype=np.uint64)[: rows - 1], rows - 1)
    middle = (low + high) // 2
    one, other = repeated_in_range(files, low, middle), repeated_in_range(files, middle, high)
    hashes = np.concatenate([one.hashes, other.hashes])
    return RepeatedHashes(hashes[:MOST_VERIFIED], one.surplus + other.surplus)


def _sorted(pieces: Sequence[np.ndarray]) -> np.ndarray:
    hashes = np.concatenate([np.empty(0, dtype=np.uint64), *pieces])
    hashes.sort()
    return hashes


def _names(columns: Sequence[pa.Array]) -> list[str]:
    return [str(number) for number in range(len(columns))]
