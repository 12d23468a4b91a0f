"""Recutting a stream of record batches."""

from collections.abc import Iterable, Iterator

import pyarrow as pa

from mlops_assets.errors import TableError

BATCH_ROWS = 65_536
"""No batch that a reader of this package hands on has more rows."""


def split_batches(batches: Iterable[pa.RecordBatch], rows: int = BATCH_ROWS) -> Iterator[pa.RecordBatch]:
    """The same rows in batches of at most `rows`, without copying; empty batches are dropped."""
    for batch in batches:
        for start in range(0, batch.num_rows, rows):
            yield batch.slice(start, rows)


def first_rows(batches: Iterable[pa.RecordBatch], count: int | None) -> Iterator[pa.RecordBatch]:
    """The first `count` rows, without copying; all where it is None. No batch is asked for that is not needed."""
    if count is None:
        yield from batches
        return
    remaining = count
    if remaining <= 0:
        return
    for batch in batches:
        yield batch.slice(0, remaining)
        remaining -= batch.num_rows
        if remaining <= 0:
            return


def fixed_batches(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.RecordBatch]:
    """The same rows in batches of exactly `rows` (the last one may be shorter), wherever the incoming cuts were.

    Holds at most `rows` rows and one incoming batch.
    """
    pending: list[pa.RecordBatch] = []
    held = 0
    for incoming in batches:
        start = 0
        while incoming.num_rows - start >= rows - held:
            pending.append(incoming.slice(start, rows - held))
            yield join_batches(pending)
            start += rows - held
            pending, held = [], 0
        if start < incoming.num_rows:
            pending.append(incoming.slice(start))
            held += incoming.num_rows - start
    if pending:
        yield join_batches(pending)


def join_batches(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    """At least one batch as one; a single one is not copied.

    Raises
    ------
    TableError
        A column of text or bytes would pass 2 GiB.
    """
    if len(batches) == 1:
        return batches[0]
    try:
        return pa.concat_batches(batches)
    except pa.ArrowInvalid as error:
        rows = sum(batch.num_rows for batch in batches)
        raise TableError(
            f"{rows} rows hold more than 2 GiB of text or bytes in one column",
            fix="Give that column the type large_string or large_binary",
        ) from error
