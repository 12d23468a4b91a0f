"""Whether two tables have the same rows: equal keys, in the same order, each once or a fixed number of times."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from mlops_assets.arrow.batching import fixed_batches
from mlops_assets.arrow.python_values import comparable_keys

COMPARED_ROWS = 16_384


@dataclass(frozen=True)
class KeyAgreement:
    """The result of a comparison.

    Attributes
    ----------
    expected, actual
        Rows of the two tables (`actual` in units of one row per key).
    first_difference
        Position (from 0) of the first row whose keys differ; None when every compared row agrees.
    """

    expected: int
    actual: int
    first_difference: int | None

    @property
    def agrees(self) -> bool:
        """Same number of rows, same keys, same order."""
        return self.expected == self.actual and self.first_difference is None

    def merged(self, later: "KeyAgreement") -> "KeyAgreement":
        """With that of the rows that come after these, in both tables."""
        first = self.first_difference
        if first is None and self.expected != self.actual:
            # From here on each row is compared with another one's.
            first = min(self.expected, self.actual)
        if first is None and later.first_difference is not None:
            first = self.expected + later.first_difference
        return KeyAgreement(self.expected + later.expected, self.actual + later.actual, first)


def compare_keys(
    expected: Iterable[pa.RecordBatch], actual: Iterable[pa.RecordBatch], row_key: Sequence[str], repeats: int = 1
) -> KeyAgreement:
    """Compare the key columns of two streams, row by row, in bounded memory.

    Parameters
    ----------
    repeats
        How many consecutive rows of `actual` correspond to one row of `expected` (a ledger has one per output).
    """
    left = fixed_batches((batch.select(list(row_key)) for batch in expected), COMPARED_ROWS)
    right = fixed_batches((batch.select(list(row_key)) for batch in actual), COMPARED_ROWS * repeats)
    rows_left = rows_right = 0
    difference: int | None = None
    for one, other in _pair_up(left, right):
        if one is not None and other is not None and difference is None:
            position = _first_difference(one, other, repeats)
            difference = None if position is None else rows_left + position
        rows_left += one.num_rows if one is not None else 0
        rows_right += other.num_rows if other is not None else 0
    whole, part = divmod(rows_right, repeats)
    return KeyAgreement(rows_left, whole + bool(part), difference)


def compare_subset(
    expected: Iterable[pa.RecordBatch], actual: Iterable[pa.RecordBatch], row_key: Sequence[str]
) -> KeyAgreement:
    """Whether the keys of `actual` all occur in `expected`, in the same order; consecutive equal keys count once.

    For a selection of rows, the number of which only the ledger knows: `expected` and `actual` of the result are the
    number of different keys of `actual`, and how many of them were matched.
    """
    known = _key_rows(expected, row_key)
    keys = matched = 0
    previous: tuple[object, ...] | None = None
    difference: int | None = None
    for key in _key_rows(actual, row_key):
        if key == previous:
            continue
        previous = key
        if difference is None and any(candidate == key for candidate in known):
            matched += 1
        elif difference is None:
            difference = keys
        keys += 1
    return KeyAgreement(keys, matched, difference)


def _key_rows(batches: Iterable[pa.RecordBatch], row_key: Sequence[str]) -> Iterator[tuple[object, ...]]:
    for batch in batches:
        yield from comparable_keys(batch, row_key)


def _pair_up(
    left: Iterator[pa.RecordBatch], right: Iterator[pa.RecordBatch]
) -> Iterator[tuple[pa.RecordBatch | None, pa.RecordBatch | None]]:
    while True:
        pair = next(left, None), next(right, None)
        if pair == (None, None):
            return
        yield pair


def first_difference(one: pa.RecordBatch, other: pa.RecordBatch) -> int | None:
    """The position of the first row with other values; columns are compared by their place, whatever their names.

    NaN equals NaN, and null null. Columns of another type differ from the first row on.

    Parameters
    ----------
    one, other
        As many rows and columns.
    """
    if all(left.equals(right) for left, right in zip(one.columns, other.columns, strict=True)):
        return None
    # Arrow calls no NaN equal to another one, and no columns of two types.
    pairs = zip(*(comparable_keys(each, each.schema.names) for each in (one, other)), strict=True)
    otherwise = None if one.schema.types == other.schema.types else 0
    return next((position for position, (mine, theirs) in enumerate(pairs) if mine != theirs), otherwise)


def _first_difference(one: pa.RecordBatch, other: pa.RecordBatch, repeats: int) -> int | None:
    rows = min(one.num_rows, other.num_rows // repeats)
    for repeat in range(repeats):
        picked = other.take(pa.array(range(repeat, rows * repeats, repeats), pa.int64())) if repeats > 1 else other
        found = first_difference(one.slice(0, rows), picked.slice(0, rows))
        if found is not None:
            return found
    return None
