"""Recutting a stream of record batches."""

from collections.abc import Iterable, Iterator

import pyarrow as pa

from mlops_assets.errors import TableError, describe_without_values

BATCH_ROWS = 65_536
"""No batch that a reader of this package hands on has more rows."""
_MOST_BYTES = 2**31 - 1  # Arrow's 32-bit offsets


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


def batch_groups(batches: Iterable[pa.RecordBatch], rows: int, unit: int) -> Iterator[list[pa.RecordBatch]]:
    """The same rows in groups of exactly `rows` (the last one may be shorter), wherever the incoming cuts were.

    Each batch but the last one has a multiple of `unit` rows, and so must `rows`. Of long incoming batches only the
    rows around a cut are copied; short ones are joined. Holds one group and one incoming batch.
    """
    group: list[pa.RecordBatch] = []
    pending: list[pa.RecordBatch] = []
    held = waiting = 0
    for incoming in batches:
        start = 0
        while start < incoming.num_rows:
            left = min(incoming.num_rows - start, rows - held)
            missing = -waiting % unit
            is_long = left - missing >= _LONG * unit
            count = missing if is_long else left
            if count:
                pending.append(incoming.slice(start, count))
                waiting += count
            if pending and (is_long or held + left == rows):
                group.append(join_batches(pending))
                pending, waiting = [], 0
            if is_long:
                count += (left - missing) // unit * unit
                group.append(incoming.slice(start + missing, count - missing))
            start, held = start + count, held + count
            if held == rows:
                yield group
                group, held = [], 0
    if pending:
        group.append(join_batches(pending))
    if group:
        yield group


_LONG = 8
"""Units of a batch that is not copied."""


def join_batches(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    """At least one batch as one; a single one is not copied.

    Raises
    ------
    TableError
        A column of text or bytes would pass 2 GiB; or the batches have different columns.
    """
    if len(batches) == 1:
        return batches[0]
    try:
        return pa.concat_batches(batches)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
        raise _why_not_joined(batches, error) from error


def table_of_batches(batches: list[pa.RecordBatch]) -> pa.Table:
    """At least one batch as a table of so many pieces; nothing is copied.

    Raises
    ------
    TableError
        The batches have different columns.
    """
    try:
        return pa.Table.from_batches(batches)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise _why_not_joined(batches, error) from error


def _why_not_joined(batches: list[pa.RecordBatch], error: Exception) -> TableError:
    rows, schema = sum(batch.num_rows for batch in batches), batches[0].schema
    other = next((batch.schema for batch in batches if not batch.schema.equals(schema)), None)
    if other is not None:
        return TableError(
            f"{rows} rows that belong together have different columns: {_describe_difference(schema, other)}",
            fix="Give all rows of the table the same columns and types",
        )
    large = [
        name
        for place, name in enumerate(schema.names)
        if sum(batch.column(place).get_total_buffer_size() for batch in batches) > _MOST_BYTES
    ]
    if "overflow" in str(error) and large:
        return TableError(
            f"{rows} rows hold more than 2 GiB of text or bytes in one column: {', '.join(map(repr, large))}",
            fix="Give that column the type large_string or large_binary",
        )
    return TableError(
        f"{rows} rows cannot be put together, and Arrow gives as the reason: {describe_without_values(error)}",
        fix="Compare the types of the columns with what Arrow says",
    )


def _describe_difference(one: pa.Schema, other: pa.Schema) -> str:
    if one.names != other.names:
        return f"{', '.join(one.names)} and {', '.join(other.names)}"
    differences = [
        f"{left.name!r} is {left.type}{'' if left.nullable else ' (never null)'} and "
        f"{right.type}{'' if right.nullable else ' (never null)'}"
        for left, right in zip(one, other, strict=True)
        if not left.equals(right)
    ]
    return "; ".join(differences) or "their metadata differ"
