"""What is known of a column without its rows: counts, the exact sum, and how many rows have which value."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from mlops_assets.arrow.key_hash import key_hashes
from mlops_assets.arrow.plain_types import plain_array
from mlops_assets.explain.drift.buckets import EMPTY, Buckets, bounded, count_numbers, merge_buckets

Kind = Literal["number", "category", "other"]
# Of a text, in the profile; longer ones are still counted as what they are.
MOST_LABEL = 200


@dataclass(frozen=True)
class ColumnProfile:
    """A column of some rows.

    Attributes
    ----------
    kind
        number: also dates and times, in seconds; category: text and truth values; other: what cannot be compared.
    rows, missing, not_finite
        All rows; those that are null or NaN; those that are infinite.
    total
        The sum of finite numbers: rounded within a batch of rows, and exact from there on.
    buckets
        How many rows have which number, or which category, by the hash of its text.
    labels
        Hash -> text of all categories; None where these are no longer told apart.
    """

    kind: Kind
    rows: int = 0
    missing: int = 0
    not_finite: int = 0
    total: Fraction = Fraction(0)
    buckets: Buckets = field(default_factory=lambda: EMPTY)
    labels: Mapping[int, str] | None = field(default_factory=dict)

    @property
    def known(self) -> int:
        """Rows with a value."""
        return self.buckets.rows

    @cached_property
    def mean(self) -> float | None:
        """The mean of finite numbers, correctly rounded."""
        return mean_of(self.total, self.known) if self.kind == "number" and self.known else None

    @property
    def missing_share(self) -> float:
        """Null, NaN and infinite values among all rows."""
        return (self.missing + self.not_finite) / self.rows if self.rows else 0.0

    def has_values_of(self, other: "ColumnProfile") -> bool:
        """Whether as many rows have each value, as far as profiles know; sums depend on where batches were cut."""
        counts = [(each.kind, each.rows, each.missing, each.not_finite) for each in (self, other)]
        return counts[0] == counts[1] and self.buckets == other.buckets

    def merged(self, other: "ColumnProfile") -> "ColumnProfile":
        """The profile of the rows of both; the same in any order."""
        return merge_profiles([self, other])


def merge_profiles(profiles: Sequence[ColumnProfile]) -> ColumnProfile:
    """The profile of the rows of all of them, of which there is one at least; the same in any order.

    Columns of several kinds have the kind `other`.
    """
    if len(profiles) == 1:
        return profiles[0]
    rows, missing = sum(each.rows for each in profiles), sum(each.missing for each in profiles)
    kinds = {each.kind for each in profiles}
    if len(kinds) > 1 or "other" in kinds:
        return _without_values(rows, missing)
    buckets = merge_buckets([each.buckets for each in profiles])
    labels: dict[int, str] | None = {}
    for each in profiles:
        if labels is not None:
            labels = None if each.labels is None else labels | dict(each.labels)
    return ColumnProfile(
        profiles[0].kind,
        rows,
        missing,
        sum(each.not_finite for each in profiles),
        add_exactly([each.total for each in profiles]),
        buckets,
        labels if buckets.is_exact else None,
    )


class ColumnProfiler:
    """Profiles a column batch by batch."""

    _MOST_PIECES = 16

    def __init__(self) -> None:
        self._pieces: list[ColumnProfile] = []
        self._shift = 0

    def add(self, column: pa.Array) -> None:
        """Add some rows."""
        piece = profile_column(column, self._shift)
        self._shift = max(self._shift, piece.buckets.shift)
        self._pieces.append(piece)
        if len(self._pieces) >= self._MOST_PIECES:
            self._pieces = [merge_profiles(self._pieces)]

    def profile(self) -> ColumnProfile:
        """Of all rows that were added; `add` was called at least once."""
        return merge_profiles(self._pieces)


def add_exactly(numbers: Sequence[Fraction]) -> Fraction:
    """Their sum. Denominators of sums of floating-point numbers are powers of two: the largest is common to all."""
    common = max((number.denominator for number in numbers), default=1)
    if any(common % number.denominator for number in numbers):
        return sum(numbers, Fraction(0))
    return Fraction(sum(number.numerator * (common // number.denominator) for number in numbers), common)


def mean_of(total: Fraction, rows: int) -> float:
    """The mean of so many rows, correctly rounded."""
    # Python rounds the quotient of two integers correctly; a fraction would look for common factors first.
    return total.numerator / (total.denominator * rows)


def difference_of_means(total: Fraction, rows: int, before: Fraction, rows_before: int) -> float:
    """The mean less the mean before, rounded once."""
    one = total.numerator * before.denominator * rows_before
    other = before.numerator * total.denominator * rows
    try:
        return (one - other) / (total.denominator * before.denominator * rows * rows_before)
    except OverflowError:
        # Of means on both sides of zero that are close to the largest number there is.
        return math.inf if one > other else -math.inf


def kind_of(column: pa.DataType) -> Kind:
    """How columns of this type are compared."""
    if pt.is_dictionary(column):
        return kind_of(column.value_type)
    if pt.is_integer(column) or pt.is_floating(column) or pt.is_decimal(column):
        return "number"
    if pt.is_timestamp(column) or pt.is_date(column) or pt.is_duration(column) or pt.is_time(column):
        return "number"
    is_category = pt.is_boolean(column) or pt.is_string(column) or pt.is_large_string(column)
    return "category" if is_category else "other"


def profile_column(column: pa.Array, shift: int = 0) -> ColumnProfile:
    """The profile of some rows of a column; `shift` as of `count_numbers`."""
    kind = kind_of(column.type)
    column = plain_array(column)
    if kind == "number":
        return _profile_numbers(column, shift)
    if kind == "category":
        return _profile_categories(column)
    return _without_values(len(column), column.null_count)


def _profile_numbers(column: pa.Array, shift: int) -> ColumnProfile:
    values = to_numbers(column.drop_null() if column.null_count else column)
    missing, sum_of_all = column.null_count, batch_sum(values)
    # Sums of finite numbers are finite, but for numbers close to the largest one.
    if math.isfinite(sum_of_all):
        total = Fraction(sum_of_all)
    else:
        missing += int(np.count_nonzero(np.isnan(values)))
        values = values[np.isfinite(values)]
        total = sum_finite(values)
    not_finite = len(column) - missing - len(values)
    return ColumnProfile("number", len(column), missing, not_finite, total, count_numbers(values, shift), None)


def batch_sum(values: np.ndarray) -> float:
    """The sum of the numbers of a batch, rounded as NumPy does (pairwise)."""
    with np.errstate(over="ignore", invalid="ignore"):
        return float(values.sum())


def sum_finite(values: np.ndarray) -> Fraction:
    """`batch_sum` of finite numbers; the exact sum where that is beyond all numbers."""
    total = batch_sum(values)
    return Fraction(total) if math.isfinite(total) else sum(map(Fraction, values.tolist()), Fraction(0))


def to_numbers(column: pa.Array) -> np.ndarray:
    """(rows,): float64; dates and times in seconds. Of a column without nulls."""
    kind, scale = column.type, 1.0
    if pt.is_float64(kind):
        # A cast would copy.
        return np.asarray(column.to_numpy(zero_copy_only=False))
    if pt.is_timestamp(kind) or pt.is_duration(kind) or pt.is_time(kind):
        scale = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}[kind.unit]
        column = column.cast(pa.int32() if pt.is_time32(kind) else pa.int64())
    elif pt.is_date(kind):
        scale = 86_400.0 if pt.is_date32(kind) else 1e-3
        column = column.cast(pa.int32() if pt.is_date32(kind) else pa.int64())
    numbers = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return np.asarray(numbers if scale == 1.0 else numbers * scale)


def _profile_categories(column: pa.Array) -> ColumnProfile:
    known = column.drop_null()
    if pt.is_boolean(known.type):
        known = known.cast(pa.string())
    counted = pc.value_counts(known)
    values, counts = counted.field(0), counted.field(1).to_numpy()
    # Without the sign, so that their order is that of their bits.
    hashes = (key_hashes([values], ["category"]) >> np.uint64(1)).astype(np.int64)
    order = np.argsort(hashes)
    places, starts = np.unique(hashes[order], return_index=True)
    buckets = bounded(0, places, np.add.reduceat(counts[order], starts) if len(starts) else counts)
    labels = None
    if buckets.is_exact:
        texts = pc.utf8_slice_codeunits(values, 0, MOST_LABEL).to_pylist()
        labels = dict(zip(hashes.tolist(), texts, strict=True))
    return ColumnProfile("category", len(column), column.null_count, 0, Fraction(0), buckets, labels)


def _without_values(rows: int, missing: int) -> ColumnProfile:
    return ColumnProfile("other", rows, missing, labels=None)
