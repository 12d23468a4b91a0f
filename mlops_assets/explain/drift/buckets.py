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
from itertools import accumulate, pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

MOST_BUCKETS = 1024
_SIZE = np.int64(0x7FFF_FFFF_FFFF_FFFF)
_HIGHEST = np.int64(0x7FEF_FFFF_FFFF_FFFF)
"""The bits of the largest finite number."""
_TENTHS = np.arange(1, 10) / 10
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
        return int(self.up_to[-1])

    @classmethod
    def of_columns(
        cls, shifts: Sequence[int], places: Sequence[np.ndarray], counts: Sequence[np.ndarray]
    ) -> "list[Buckets]":
        """The buckets of several columns, added up in one go: it takes as long to call NumPy as to do so for one."""
        found = list(map(cls, shifts, places, counts))
        none = np.zeros(1, np.int64)
        sums = np.cumsum(np.concatenate([part for of_column in counts for part in (none, of_column)]))
        ends = list(accumulate(len(of_column) + 1 for of_column in counts))
        starts = [0, *ends[:-1]]
        sums -= np.repeat(sums[starts], [end - start for start, end in zip(starts, ends, strict=True)])
        for buckets, start, end in zip(found, starts, ends, strict=True):
            # What the property finds when it is asked for the first time.
            vars(buckets)["up_to"] = sums[start:end]
        return found

    @cached_property
    def up_to(self) -> np.ndarray:
        """(buckets + 1,): int64: how many rows are in the first 0, 1, ... of them."""
        up_to = np.zeros(len(self.counts) + 1, np.int64)
        np.cumsum(self.counts, out=up_to[1:])
        return up_to

    @cached_property
    def tenths(self) -> np.ndarray:
        """(9,): the last place of each tenth of the rows, but of the last one.

        A value that many rows share is in one tenth whole: in the one that its middle row is in.
        """
        wanted = _TENTHS * self.rows
        middle = self.up_to[1:] - self.counts / 2
        first = middle.searchsorted(wanted)
        # Values that these rows do not have are behind all rows before them.
        is_full = self.up_to[first] >= wanted
        following = self.places[np.minimum(first, len(middle) - 1)]
        return np.where(is_full, self.places[first - 1], following - 1)

    @cached_property
    def by_tenths(self) -> list[int]:
        """How many rows are in each of its tenths."""
        return self.count_between(self.tenths)

    def count_between(self, places: np.ndarray) -> list[int]:
        """How many rows are up to the first of these places, from there to the second, ..., behind the last."""
        up_to = self.up_to[self.places.searchsorted(places, side="right")].tolist()
        return [to - at for at, to in pairwise((0, *up_to, self.rows))]

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
    low = min(int(each.places[0]) for each in some)
    width = max(int(each.places[-1]) for each in some) - low + 1
    if width <= _PLACES_PER_BUCKET * sum(len(each.places) for each in some):
        # By place, which is faster than sorting.
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


def midpoints(places: np.ndarray, shifts: np.ndarray | int) -> np.ndarray:
    """(buckets,): the numbers in the middle of buckets of numbers; `shifts` of each of them, or of all."""
    # In place: it takes longer to get memory than to calculate.
    sizes = np.abs(places)
    sizes <<= shifts
    ends = sizes + ((np.int64(1) << shifts) - 1)
    # The last bucket may end beyond all numbers.
    np.minimum(ends, _HIGHEST, out=ends)
    numbers, halves = sizes.view(np.float64), ends.view(np.float64)
    is_exact = np.flatnonzero(np.broadcast_to(np.equal(shifts, 0), places.shape))
    exact = numbers[is_exact]
    halves /= 2
    numbers /= 2
    numbers += halves
    # Half of the smallest number is none.
    numbers[is_exact] = exact
    np.negative(numbers, out=numbers, where=places < 0)
    return np.asarray(numbers)


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
