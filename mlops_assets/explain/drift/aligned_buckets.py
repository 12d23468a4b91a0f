"""Counts of two groups of rows in the same buckets, of many columns in one array.

It takes as long to call NumPy as to count what one column has.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np

from mlops_assets.explain.drift.buckets import Buckets


@dataclass(frozen=True, eq=False)
class AlignedBuckets:
    """Pairs of counts, each in the same buckets, one pair after the other.

    Attributes
    ----------
    pairs
        Both of each, with as many bits left out.
    ends
        Where the buckets of each pair end, from the first pair's first one on.
    places
        (buckets of all pairs,): int64, rising within a pair.
    up_to, others_up_to
        (buckets of all pairs,): int64: how many rows of the one and of the other are in it or before, in its pair.
    """

    pairs: tuple[tuple[Buckets, Buckets], ...]
    ends: tuple[int, ...]
    places: np.ndarray
    up_to: np.ndarray
    others_up_to: np.ndarray

    @property
    def slices(self) -> list[slice]:
        """Where the buckets of each pair are."""
        return [slice(start, end) for start, end in pairwise((0, *self.ends))]

    def each(self, of_pairs: Sequence[int]) -> np.ndarray:
        """(buckets of all pairs,): of each bucket, what its pair has."""
        return np.repeat(of_pairs, [pair.stop - pair.start for pair in self.slices])


def align_buckets(pairs: Sequence[tuple[Buckets, Buckets]]) -> AlignedBuckets:
    """The pairs, of which there is one at least, in the same buckets each; either side has one row at least."""
    coarse: list[tuple[Buckets, Buckets]] = []
    for one, other in pairs:
        shift = max(one.shift, other.shift)
        coarse.append((one.coarser(shift), other.coarser(shift)))
    places = np.concatenate([side.places for pair in coarse for side in pair])
    lengths = [len(one.places) + len(other.places) for one, other in coarse]
    starts = list(accumulate(lengths, initial=0))
    order = np.empty(len(places), np.int64)
    for start, end in pairwise(starts):
        # Two runs in order: a stable sort merges them.
        np.add(places[start:end].argsort(kind="stable"), start, out=order[start:end])
    places = places[order]
    is_last = np.empty(len(places), bool)
    np.not_equal(places[1:], places[:-1], out=is_last[:-1])
    # The next pair's first place may be this one's last.
    is_last[np.array(starts[1:]) - 1] = True
    last = np.flatnonzero(is_last)
    ends = np.searchsorted(last, starts[1:]).tolist()
    sizes = [end - start for start, end in pairwise((0, *ends))]

    def each(of_pairs: Iterable[int]) -> np.ndarray:
        return np.repeat(list(of_pairs), sizes)

    # Where a bucket's last row was: within a pair the places of the one came before those of the other. So many of the
    # other's are up to there, and all before them but these are of the one.
    origin = order[last]
    of_others = last - origin
    origin -= each(start + len(one.places) - 1 for start, (one, _) in zip(starts, coarse, strict=False))
    np.copyto(of_others, origin, where=origin > 0)
    up_to, others_up_to = ([pair[side].up_to for pair in coarse] for side in (0, 1))
    begin, begin_of_others = (accumulate(map(len, side[:-1]), initial=0) for side in (up_to, others_up_to))
    of_one = each(at + 1 - start for at, start in zip(begin, starts, strict=False))
    of_one += last
    of_one -= of_others
    of_others += each(begin_of_others)
    return AlignedBuckets(
        tuple(coarse),
        tuple(ends),
        places[last],
        np.concatenate(up_to)[of_one],
        np.concatenate(others_up_to)[of_others],
    )
