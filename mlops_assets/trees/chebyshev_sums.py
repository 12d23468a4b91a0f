"""Sums of Chebyshev polynomials at many points, each on its own: compiled."""

from functools import partial

import numpy as np

from mlops_assets.trees.arrays import Floats
from mlops_assets.trees.numba_kernels import as_kernel_array, compile_kernel


def chebyshev_sums(points: Floats, coefficients: Floats) -> Floats:
    """(sums, n): of the polynomials with `coefficients` (polynomials, sums) at `points` (n,) between -1 and 1.

    By Clenshaw's recurrence, in the order of NumPy's `chebval`: the same bits, several times faster.
    """
    values = np.empty((coefficients.shape[1], len(points)))
    _add_up(as_kernel_array(points), as_kernel_array(coefficients), values)
    return values


@partial(compile_kernel, fastmath=False)
def _add_up(points: Floats, coefficients: Floats, values: Floats) -> None:
    nodes, terms = coefficients.shape
    one, other = np.empty(terms), np.empty(terms)
    for row in range(len(points)):
        x = points[row]
        twice = 2 * x
        for term in range(terms):
            one[term], other[term] = coefficients[nodes - 2, term], coefficients[nodes - 1, term]
        for node in range(nodes - 3, -1, -1):
            for term in range(terms):
                before = one[term]
                one[term] = coefficients[node, term] - other[term]
                other[term] = before + other[term] * twice
        for term in range(terms):
            values[term, row] = one[term] + other[term] * x
