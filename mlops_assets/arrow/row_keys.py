"""Rows named by their keys, for messages."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import pyarrow as pa

from mlops_assets.arrow.python_values import python_value
from mlops_assets.errors import MlopsAssetsError

ROWS_NAMED = 5
Item = TypeVar("Item")


def describe_row_keys(
    rows: pa.RecordBatch | pa.Table, row_key: Sequence[str], places: Sequence[int] | None = None
) -> tuple[str, ...]:
    """The keys of the first rows, or of those at `places`, as ``id=7``; at most `ROWS_NAMED` of them."""
    chosen = range(rows.num_rows) if places is None else places
    names = list(row_key)
    return tuple(
        ", ".join(f"{name}={python_value(rows.column(name)[place])!r}" for name in names)
        for place in chosen[:ROWS_NAMED]
    )


@contextmanager
def rows_in_errors(
    rows: pa.RecordBatch | pa.Table, row_key: Sequence[str], *, positions: Sequence[int] | None = None
) -> Iterator[None]:
    """Give an error that is raised within the keys of `rows`, of which it may concern all or those at its `places`.

    An error that has `places` names them in its message: a person has to find these rows. Another one keeps the first
    keys, for `named_rows`.

    Parameters
    ----------
    positions
        Where the rows that were worked on are among `rows`; None: they are the same.
    """
    try:
        yield
    except MlopsAssetsError as error:
        if error.row_keys:
            raise
        places = [place if positions is None else positions[place] for place in error.places]
        error.row_keys = describe_row_keys(rows, row_key, places if error.places else None)
        if not error.places:
            raise
        raise error.name_rows() from error.__cause__


@contextmanager
def named_rows(*, show_values: bool) -> Iterator[None]:
    """Name the rows of the chunk that failed in the message of the error, where values may be shown."""
    try:
        yield
    except MlopsAssetsError as error:
        if not show_values or not error.row_keys or error.places:
            raise
        raise error.name_rows() from error.__cause__


def with_named_rows(items: Iterable[Item], *, show_values: bool) -> Iterator[Item]:
    """The same items; an error of theirs as of `named_rows`."""
    with named_rows(show_values=show_values):
        yield from items
