"""Does the row key identify a row? Found out in bounded memory, exactly."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from mlops_assets.arrow.key_hash import canonical, key_hashes, strictly_increasing
from mlops_assets.arrow.python_values import comparable_keys
from mlops_assets.errors import TableError

KeyBatches = Callable[[], Iterator[pa.RecordBatch]]

SHOWN = 5
_BUCKETS = 256
_HELD_HASHES = 1 << 22
MOST_VERIFIED = 100_000
"""Of so many hashes that occur more than once the real keys are looked at."""


@dataclass(frozen=True)
class KeyCounts:
    """How often keys occur whose hashes are suspicious.

    Attributes
    ----------
    counts
        Key -> rows, by first appearance; every NaN is the text ``NaN``.
    rows
        All rows that have a suspicious hash.
    """

    counts: dict[tuple[object, ...], int]
    rows: int


class KeyCheck:
    """Takes in the keys of a table batch by batch, and reports at the end whether two rows share one.

    While keys strictly increase nothing is kept. From the first batch that breaks the order, 64-bit hashes are kept: at
    most 32 MiB in memory, the rest in 256 bucket files. Hashes that occur twice are looked up among the real keys in a
    second pass, so that a collision is never taken for a duplicate.

    Parameters
    ----------
    row_key
        The key's columns, at least one.
    scratch
        An existing folder for the bucket files.
    where
        What errors call the table.

    Examples
    --------
    >>> import tempfile
    >>> batches = [pa.record_batch({"id": [3, 1]}), pa.record_batch({"id": [2]})]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     check = KeyCheck(["id"], Path(folder))
    ...     for batch in batches:
    ...         check.add(batch)
    ...     check.finish(lambda: iter(batches))
    """

    def __init__(self, row_key: Sequence[str], scratch: Path, where: str | None = None) -> None:
        self._row_key = tuple(row_key)
        self._scratch = scratch
        self._where = where
        self._last: list[pa.Array] | None = None
        self._ordered = True
        self._ordered_rows = 0
        self._held: list[np.ndarray] = []
        self._held_rows = 0
        self._spilled = False

    def add(self, batch: pa.RecordBatch) -> None:
        """The next rows; columns other than the key's are ignored.

        Raises
        ------
        TableError
            A key column's type cannot identify a row.
        """
        if not batch.num_rows:
            return
        columns = [canonical(batch.column(name)) for name in self._row_key]
        if self._ordered and strictly_increasing(columns, self._last):
            self._ordered_rows += batch.num_rows
            self._last = [column.slice(len(column) - 1).take([0]) for column in columns]
            return
        self._ordered = False
        self._keep(key_hashes(columns, self._row_key, self._where))

    def finish(self, key_batches: KeyBatches) -> None:
        """The verdict.

        Parameters
        ----------
        key_batches
            Opens the same rows again (at least the key columns). Not called when the keys increased throughout. Called
            when order broke after the first batch, or when hashes are suspicious.

        Raises
        ------
        TableError
            Keys occur more than once: up to five with their counts, and how many rows are concerned.
        """
        if self._ordered:
            return
        if self._ordered_rows:
            self._keep_first(self._ordered_rows, key_batches())
        suspicious, surplus = self._repeated()
        if not len(suspicious):
            return
        verified = suspicious[:MOST_VERIFIED]
        counted = count_keys(key_batches(), self._row_key, verified, self._where)
        refuse_repeated(self._row_key, [counted], surplus, len(verified), self._where)

    def _keep(self, hashes: np.ndarray) -> None:
        self._held.append(hashes)
        self._held_rows += len(hashes)
        if self._held_rows >= _HELD_HASHES:
            self._spill()

    def _keep_first(self, rows: int, batches: Iterator[pa.RecordBatch]) -> None:
        for batch in batches:
            taken = batch.slice(0, rows)
            self._keep(key_hashes([taken.column(name) for name in self._row_key], self._row_key, self._where))
            rows -= taken.num_rows
            if not rows:
                return

    def _spill(self) -> None:
        hashes = np.concatenate(self._held)
        hashes.sort()
        edges = np.searchsorted(hashes, np.arange(1, _BUCKETS, dtype=np.uint64) << np.uint64(56))
        for bucket, part in enumerate(np.split(hashes, edges)):
            with self._bucket(bucket).open("ab") as file:
                part.tofile(file)
        self._held, self._held_rows, self._spilled = [], 0, True

    def _bucket(self, number: int) -> Path:
        return self._scratch / f"keys-{id(self):x}-{number:03d}"

    def _sorted_hashes(self) -> Iterator[np.ndarray]:
        """All hashes in rising order, a bucket at a time."""
        if not self._spilled:
            hashes = np.concatenate(self._held)
            hashes.sort()
            yield hashes
            return
        if self._held:
            self._spill()
        for number in range(_BUCKETS):
            hashes = np.fromfile(self._bucket(number), dtype=np.uint64)
            self._bucket(number).unlink()
            hashes.sort()
            yield hashes

    def _repeated(self) -> tuple[np.ndarray, int]:
        """The first hashes that occur more than once, sorted, and how many rows are surplus by all such hashes."""
        repeated: list[np.ndarray] = []
        surplus = repeated_rows = 0
        for hashes in self._sorted_hashes():
            again = hashes[1:][hashes[1:] == hashes[:-1]]
            surplus += len(again)
            if len(again) and repeated_rows <= MOST_VERIFIED:
                repeated.append(np.unique(again))
                repeated_rows += len(repeated[-1])
        return (np.concatenate(repeated) if repeated else np.empty(0, dtype=np.uint64)), surplus


def count_keys(
    batches: Iterable[pa.RecordBatch], row_key: Sequence[str], suspicious: np.ndarray, where: str | None = None
) -> KeyCounts:
    """How often each real key occurs whose hash is among the `suspicious` ones (sorted), in order of appearance."""
    counts: dict[tuple[object, ...], int] = {}
    rows = 0
    for batch in batches:
        columns = [canonical(batch.column(name)) for name in row_key]
        hashes = key_hashes(columns, row_key, where)
        at = np.minimum(np.searchsorted(suspicious, hashes), len(suspicious) - 1)
        chosen = pa.array(np.flatnonzero(suspicious[at] == hashes))
        rows += len(chosen)
        table = pa.table([column.take(chosen) for column in columns], names=[str(i) for i in range(len(columns))])
        grouped = table.group_by(table.column_names, use_threads=False).aggregate([([], "count_all")])
        count_column = grouped.column("count_all").to_pylist()
        for key, count in zip(comparable_keys(grouped, table.column_names), count_column, strict=True):
            counts[key] = counts.get(key, 0) + count
    return KeyCounts(counts, rows)


def refuse_repeated(
    row_key: Sequence[str], counted: Iterable[KeyCounts], surplus: int, verified: int, where: str | None = None
) -> None:
    """Refuse a table in which keys, and not only their hashes, occur more than once.

    Parameters
    ----------
    counted
        What `count_keys` found, in the order of the rows.
    surplus
        By how many there are more rows than different hashes.
    verified
        How many hashes were suspicious to `count_keys`.

    Raises
    ------
    TableError
        Keys occur more than once: up to five with their counts, and how many rows are concerned.
    """
    counts: dict[tuple[object, ...], int] = {}
    rows = 0
    for each in counted:
        rows += each.rows
        for key, count in each.counts.items():
            counts[key] = counts.get(key, 0) + count
    duplicates = {key: count for key, count in counts.items() if count > 1}
    if not duplicates:
        return
    # Hashes that only collided counted as repeated; what was not verified repeats, but for about n² / 2⁶⁵ of it.
    surplus -= (rows - verified) - sum(count - 1 for count in duplicates.values())

    def text(key: tuple[object, ...]) -> str:
        return ", ".join(f"{name}={part!r}" for name, part in zip(row_key, key, strict=True))

    shown = "; ".join(f"{text(key)} ({count} times)" for key, count in list(duplicates.items())[:SHOWN])
    more = "; and more" if len(duplicates) > SHOWN else ""
    raise TableError(
        f"The row key {', '.join(map(repr, row_key))} does not identify a row, {surplus} rows repeat the key "
        f"of an earlier one: {shown}{more}",
        where=where,
        fix="Remove the duplicates, or add the columns to row_key that distinguish these rows",
    )


def check_unique(key_batches: KeyBatches, scratch: Path, *, where: str | None = None) -> None:
    """Refuse a table whose row key occurs twice.

    Parameters
    ----------
    key_batches
        Opens the key columns' batches, and nothing but key columns; opened once more when something is suspicious.
    scratch
        An existing folder for at most eight bytes per row.

    Raises
    ------
    TableError
        As `KeyCheck.finish`.
    """
    check: KeyCheck | None = None
    for batch in key_batches():
        check = check or KeyCheck(batch.schema.names, scratch, where)
        check.add(batch)
    if check is not None:
        check.finish(key_batches)
