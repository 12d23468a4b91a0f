"""How many rows have which value: a sketch of bounded size, the same whatever the order and the cuts of the rows.

A number is laid out as the 63 bits of its size, as floating-point numbers have them, and its sign; a category as a
hash. A bucket is what values have in common without the last `shift` of these bits; `shift` is the smallest with which
no more than `MOST_BUCKETS` buckets hold rows. So it follows from the rows alone: merged sketches are the sketch of all
rows, bit for bit.

- As long as there are no more different values than `MOST_BUCKETS`, the sketch is exact.
- Beyond that, a number is known up to the width of its bucket: at most 2**(shift - 52) of its size.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

MOST_BUCKETS = 1024
_SIZE = np.int64(0x7FFF_FFFF_FFFF_FFFF)
_HIGHEST = np.int64(0x7FEF_FFFF_FFFF_FFFF)
"""The bits of the largest finite number."""
_PROBE_ROWS = 2_048
# With so many bits left out, buckets are counted by place rather than by hashing: the places of all numbers are few.
_LEAST_SHIFT_BY_PLACE = 44
_WORD = 32
# Counting by place takes an array of all places between the first and the last bucket.
_PLACES_PER_BUCKET = 8


@dataclass(frozen=True, eq=False)
class Buckets:
    """Counts of integers by their leading bits.

    Attributes
    ----------
    shift
        How many of the last bits are left out.
    places
        (buckets,): int64, rising: the integers without these bits, rounded toward zero.
    counts
        (buckets,): int64: how many rows each has.
    """

    shift: int
    places: np.ndarray
    counts: np.ndarray

    @cached_property
    def rows(self) -> int:
        """How many rows were counted."""
        return int(self.counts.sum())

    @property
    def is_exact(self) -> bool:
        """Whether each bucket is one value."""
        return self.shift == 0

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Buckets)
            and self.shift == other.shift
            and np.array_equal(self.places, other.places)
            and np.array_equal(self.counts, other.counts)
        )

    def merged(self, other: "Buckets") -> "Buckets":
        """The buckets of the rows of both."""
        return merge_buckets([self, other])

    def coarser(self, shift: int) -> "Buckets":
        """The same rows with more of the last bits left out; made once for all who ask."""
        if shift == self.shift:
            return self
        if shift not in self._coarser:
            self._coarser[shift] = Buckets(shift, *_cut(self.places, self.counts, shift - self.shift))
        return self._coarser[shift]

    @cached_property
    def _coarser(self) -> dict[int, "Buckets"]:
        return {}


EMPTY = Buckets(0, np.zeros(0, np.int64), np.zeros(0, np.int64))


def merge_buckets(buckets: Sequence[Buckets]) -> Buckets:
    """The buckets of the rows of all of them."""
    some = [each for each in buckets if len(each.places)]
    if len(some) < 2:
        return some[0] if some else EMPTY
    shift = max(each.shift for each in some)
    some = [each.coarser(shift) for each in some]
    if (span := _span(some)) is not None:
        low, width = span
        counts = np.zeros(width, np.int64)
        for each in some:
            # No place occurs twice in one of them.
            counts[each.places - low] += each.counts
        found = np.flatnonzero(counts)
        return bounded(shift, found + low, counts[found])
    places = np.concatenate([each.places for each in some])
    order = np.argsort(places, kind="stable")
    counts = np.concatenate([each.counts for each in some])[order]
    return bounded(shift, *_sum_equal(places[order], counts))


def _span(some: Sequence[Buckets]) -> tuple[int, int] | None:
    """The first place and how many there could be, where counting by place is faster than sorting; else None."""
    low = min(int(each.places[0]) for each in some)
    width = max(int(each.places[-1]) for each in some) - low + 1
    return (low, width) if width <= _PLACES_PER_BUCKET * sum(len(each.places) for each in some) else None


def count_numbers(numbers: np.ndarray, shift: int = 0) -> Buckets:
    """The buckets of finite float64 numbers.

    `shift`: of buckets of other rows that these are going to be merged with; saves work, changes nothing then.
    """
    if not len(numbers):
        return EMPTY
    if not shift and len(numbers) > _PROBE_ROWS:
        # The first rows need no more bits left out than all of them.
        shift = count_numbers(numbers[:_PROBE_ROWS]).shift
    if shift >= _LEAST_SHIFT_BY_PLACE:
        # Sign and leading bits: all that is left is in the upper half of each number.
        words = np.ascontiguousarray(numbers).view("<u4")[1::2]
        counts = np.bincount(words >> np.uint32(shift - _WORD))
        found = np.flatnonzero(counts != 0)
        sign = 1 << (63 - shift)
        places, counts = np.where(found >= sign, sign - found, found), counts[found]
    else:
        counted = pc.value_counts(pa.array(numbers))
        values, counts = (counted.field(place).to_numpy() for place in (0, 1))
        places = _toward_zero(_to_integers(values), shift)
    order = np.argsort(places, kind="stable")
    return bounded(shift, *_sum_equal(places[order], counts[order]))


def bounded(shift: int, places: np.ndarray, counts: np.ndarray) -> Buckets:
    """Counts of any number of different places, in order, with as many bits left out as are needed and no more."""
    if len(places) <= MOST_BUCKETS:
        return Buckets(shift, places, counts)
    fewest, most = 1, 63 - shift
    while fewest < most:
        middle = (fewest + most) // 2
        cut = _toward_zero(places, middle)
        if 1 + np.count_nonzero(cut[1:] != cut[:-1]) <= MOST_BUCKETS:
            most = middle
        else:
            fewest = middle + 1
    return Buckets(shift + fewest, *_cut(places, counts, fewest))


def midpoints(places: np.ndarray, shift: int) -> np.ndarray:
    """(buckets,): the numbers in the middle of buckets of numbers."""
    sizes = np.abs(places) << shift
    if shift:
        # The last bucket may end beyond all numbers.
        ends = np.minimum(sizes + ((1 << shift) - 1), _HIGHEST)
        numbers = sizes.view(np.float64) / 2 + ends.view(np.float64) / 2
    else:
        numbers = sizes.view(np.float64)
    return np.asarray(np.where(places < 0, -numbers, numbers))


def aligned(one: Buckets, other: Buckets) -> tuple[int, np.ndarray, np.ndarray, np.ndarray]:
    """Both in the same buckets: the shift, all places in order, and how many rows of either are there.

    Either has one row at least.
    """
    shift = max(one.shift, other.shift)
    one, other = one.coarser(shift), other.coarser(shift)
    if (span := _span([one, other])) is not None:
        low, width = span
        counts = np.zeros((2, width), np.int64)
        counts[0][one.places - low] = one.counts
        counts[1][other.places - low] = other.counts
        found = np.flatnonzero(counts[0] + counts[1])
        return shift, found + low, counts[0][found], counts[1][found]
    places = np.concatenate([one.places, other.places])
    # Two runs in order: a stable sort merges them.
    order = np.argsort(places, kind="stable")
    places, starts = _different(places[order])
    nothing = np.zeros(max(len(one.places), len(other.places)), np.int64)
    of_one = np.concatenate([one.counts, nothing[: len(other.counts)]])[order]
    of_other = np.concatenate([nothing[: len(one.counts)], other.counts])[order]
    return shift, places, np.add.reduceat(of_one, starts), np.add.reduceat(of_other, starts)


def _to_integers(numbers: np.ndarray) -> np.ndarray:
    """Integers in the order of the numbers; -0.0 is 0.0."""
    bits = numbers.view(np.int64)
    sizes = bits & _SIZE
    return np.where(bits < 0, -sizes, sizes)


def _toward_zero(places: np.ndarray, bits: int) -> np.ndarray:
    """Without the last bits; of positive and negative ones alike, so that sizes are cut and signs stay."""
    return np.where(places < 0, -(np.abs(places) >> bits), places >> bits)


def _cut(places: np.ndarray, counts: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
    return _sum_equal(_toward_zero(places, bits), counts)


def _sum_equal(places: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The different ones of places in order, and the sums of their counts."""
    if not len(places):
        return places, counts
    places, starts = _different(places)
    return places, np.add.reduceat(counts, starts)


def _different(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The different ones of places in order, and where each is first."""
    first = np.empty(len(places), bool)
    first[0] = True
    np.not_equal(places[1:], places[:-1], out=first[1:])
    starts = np.flatnonzero(first)
    return places[starts], starts
