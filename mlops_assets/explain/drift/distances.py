"""How far two distributions are apart, from counts in the same cells.

Cells are few, so that plain Python takes less time than an array's overhead.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

TENTHS = np.arange(1, 10) / 10


def population_stability_index(one: Sequence[int], reference: Sequence[int]) -> float:
    """PSI: the sum of (share - share) * ln(share / share) over cells, in nats.

    Half a row is added to every cell that either has rows in, so that an empty one does not make it infinite.
    """
    used = [(count, other) for count, other in zip(one, reference, strict=True) if count or other]
    rows, others = sum(one) + len(used) / 2, sum(reference) + len(used) / 2
    shares = [((count + 0.5) / rows, (other + 0.5) / others) for count, other in used]
    return math.fsum((share - before) * math.log(share / before) for share, before in shares)


def jensen_shannon_distance(one: Sequence[int], reference: Sequence[int]) -> float:
    """The square root of the Jensen-Shannon divergence in bits: 0 for equal ones, 1 for disjoint ones."""
    rows, others = max(sum(one), 1), max(sum(reference), 1)
    divergence = 0.0
    for count, other in zip(one, reference, strict=True):
        share, before = count / rows, other / others
        middle = (share + before) / 2
        if share:
            divergence += share * math.log2(share / middle)
        if before:
            divergence += before * math.log2(before / middle)
    return math.sqrt(max(divergence / 2, 0.0))


def wasserstein_distance(gaps: np.ndarray, values: np.ndarray) -> float:
    """The first Wasserstein (earth mover's) distance, in the unit of `values`.

    Parameters
    ----------
    gaps
        (values,): how much larger a share of the one than of the other is at most each value.
    values
        Rising.
    """
    # Halves of the largest numbers are no further apart than a number can be.
    return 2 * float(np.abs(gaps[:-1]) @ np.diff(values / 2))


def decile_cells(up_to: np.ndarray, reference_up_to: np.ndarray, reference: np.ndarray) -> tuple[list[int], list[int]]:
    """Counts by the tenths of the reference, ten each. A value that many rows share is in one cell whole.

    Parameters
    ----------
    up_to, reference_up_to
        (values,): rows that are at most each value, in the values' order; either has one at least.
    reference
        (values,): rows of the reference that have each value.
    """
    # A value belongs to the tenth that its middle row is in.
    middle = reference_up_to - reference / 2
    ends = np.searchsorted(middle, TENTHS * reference_up_to[-1]).tolist()
    cells = []
    for rows in (up_to, reference_up_to):
        at_ends = [0, *(int(rows[end - 1]) if end else 0 for end in ends), int(rows[-1])]
        cells.append([after - before for before, after in pairwise(at_ends)])
    return cells[0], cells[1]
