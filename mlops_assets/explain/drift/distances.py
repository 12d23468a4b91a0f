"""How far two distributions are apart, from counts in the same cells.

Cells are few, so that plain Python takes less time than an array's overhead.
"""

import math
from collections.abc import Sequence

import numpy as np


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


def wasserstein_distances(gaps: np.ndarray, values: np.ndarray, pairs: Sequence[slice]) -> list[float]:
    """The first Wasserstein (earth mover's) distance of each pair, in the unit of its values.

    Parameters
    ----------
    gaps
        (values of all pairs,): how far apart the shares of rows are that are at most each value; 0 at a pair's last.
    values
        Rising within a pair.
    pairs
        Where the values of each are.
    """
    # Halves of the largest numbers are no further apart than a number can be.
    halves = values / 2
    steps = np.subtract(halves[1:], halves[:-1])
    within = [slice(pair.start, pair.stop - 1) for pair in pairs]
    return [2 * float(gaps[pair] @ steps[pair]) for pair in within]
