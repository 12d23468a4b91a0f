"""The strongest attributions of each row, and whether the list would be another one with less exact numbers."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlops_assets.explain.reasons.rules import Toward
from mlops_assets.trees.arrays import Floats


@dataclass(frozen=True)
class Strongest:
    """The strongest of each row.

    Attributes
    ----------
    places
        (top, n): which ones, the strongest first; only the first `counts` of each row are meant.
    counts
        (n,): how many there are. None of them is zero, or on the other side.
    stable
        (n,): no other list could come of attributions that differ by no more than their errors.
    """

    places: NDArray[np.intp]
    counts: NDArray[np.intp]
    stable: NDArray[np.bool_]


def find_strongest(values: Floats, toward: Toward, top: int, error: Floats) -> Strongest:
    """Rank the attributions of each row; of equal ones the first column is first.

    Parameters
    ----------
    values
        (units, n): attributions, all finite. Some thousand rows at once stay in the processor's cache.
    toward
        lower: only negative ones; higher: only positive ones; both: by absolute size.
    top
        The most of each row.
    error
        (n,): by how much each attribution of a row may be wrong; inf: by anything. An attribution of exactly zero is
        one of a column without any effect, and right.
    """
    units, rows = values.shape
    top = min(top, units)
    signed = -values if toward == "lower" else values
    left = np.abs(values) if toward == "both" else signed.copy()
    every = np.arange(rows)
    # Small numbers are written faster.
    places = np.zeros((top, rows), dtype=np.uint16)
    # One more than are listed: the next one may be as strong.
    best = np.full((top + 1, rows), -np.inf)
    for rank in range(min(top + 1, units)):
        np.max(left, axis=0, out=best[rank])
        if rank < top:
            is_best = left == best[rank]
            for unit in range(units - 1, -1, -1):
                np.copyto(places[rank], unit, where=is_best[unit])
            left[places[rank], every] = -np.inf
    listed = best[:top] > 0
    # Two numbers that are each wrong by the error change places where they are no further apart than twice that.
    far_apart = best[:top] - np.maximum(best[1:], 0.0) > 2 * error
    counts, stable = listed.sum(axis=0), (far_apart | ~listed).all(axis=0)
    if toward != "both":
        # Where there is room in the list, what is barely on the other side could get into it.
        short = np.flatnonzero(stable & (counts < top))
        others = signed[:, short]
        nearest = np.where(others < 0, others, -np.inf).max(axis=0, initial=-np.inf)
        stable[short] = nearest < -error[short]
    return Strongest(places.astype(np.intp), counts, stable)
