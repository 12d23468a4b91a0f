"""Rows named by their keys, for messages."""

from collections.abc import Sequence

import pyarrow as pa

ROWS_NAMED = 5


def describe_row_keys(
    rows: pa.RecordBatch | pa.Table, row_key: Sequence[str], places: Sequence[int] | None = None
) -> tuple[str, ...]:
    """The keys of the first rows, or of those at `places`, as ``id=7``; at most `ROWS_NAMED` of them."""
    chosen = range(rows.num_rows) if places is None else places
    names = list(row_key)
    return tuple(
        ", ".join(f"{name}={rows.column(name)[place].as_py()!r}" for name in names) for place in chosen[:ROWS_NAMED]
    )
