"""Which Gauss-Legendre points each tree of an ensemble needs, and how a kernel groups them."""

import itertools
from functools import cache

import numpy as np

from mlops_assets.trees.arrays import Floats, Ints
from mlops_assets.trees.ensemble import Walk

POINTS_AT_ONCE = 4
"""Points per walk; a kernel is compiled for each size of group that occurs, so at most four times."""

Rule = tuple[Ints, tuple[float, ...], tuple[float, ...]]
"""Trees, points and weights of one walk."""


@cache
def gauss_legendre(count: int) -> tuple[Floats, Floats]:
    """Points in (0, 1) and weights that integrate polynomials up to degree 2 count - 1 exactly over [0, 1]."""
    points, weights = np.polynomial.legendre.leggauss(count)
    return (points + 1) / 2, weights / 2


def plan_walks(walk: Walk) -> list[Rule]:
    """Walks that together integrate every tree exactly; a tree may get more points than it needs, never fewer."""
    nodes = np.diff(walk.start)
    points = np.where(walk.points == 5, 6, walk.points)  # three and three: no version for two
    counts = np.unique(points[nodes > 0]).tolist()
    for count, larger in itertools.pairwise(counts):
        if nodes[points == count].sum() < 0.1 * nodes.sum():  # not worth a walk, perhaps a compilation, of their own
            points[points == count] = larger
    result = []
    for count in np.unique(points[nodes > 0]).tolist():
        trees, (q, weights) = np.flatnonzero((nodes > 0) & (points == count)), gauss_legendre(count)
        for group in np.array_split(np.arange(count), -(-count // POINTS_AT_ONCE)):
            result.append((trees, tuple(q[group].tolist()), tuple(weights[group].tolist())))
    return result
