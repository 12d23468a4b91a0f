"""The slope between two points of a function, as a short sum of products of functions of one point each.

Of the logistic function and its integral ``(p(u) - p(v)) / (u - v)`` is smooth in both points: a sum of six to sixteen
products gives it to rounding. What has to be added up over all v, with a factor that depends on v, is so added up once,
for all u.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mlops_assets.trees.arrays import Floats

MOST_HALF_WIDTH = 40.0
"""Of the range of points: beyond, p is 0 or 1 to the last bit at both ends."""
_PRECISION = 1e-14


def slopes(one: Floats, other: Floats) -> Floats:
    """(p(one) - p(other)) / (one - other) of the logistic function p; its derivative where they are equal."""
    d = one - other
    is_close = np.abs(d) <= 1.0
    half = np.where(is_close, 0.5 * d, 1.0)
    is_zero = np.abs(half) < 1e-5
    ratio = np.where(is_zero, 1.0 + half * half / 6, np.sinh(half) / np.where(is_zero, 1.0, half))
    with np.errstate(over="ignore"):
        close = ratio / (4 * np.cosh(0.5 * one) * np.cosh(0.5 * other))
    far = (logistic(one) - logistic(other)) / np.where(is_close, 1.0, d)
    return np.where(is_close, close, far)


def softplus_slopes(one: Floats, other: Floats) -> Floats:
    """The same of the logistic function's integral, `softplus`."""
    low, high = np.minimum(one, other), np.maximum(one, other)
    d = high - low
    is_close = d <= 1.0
    near = np.where(is_close & (d > 0), d, 1.0)
    close = np.where(d > 0, np.log1p(np.expm1(near) * logistic(low)) / near, logistic(low))
    return np.where(is_close, close, (softplus(high) - softplus(low)) / np.where(is_close, 1.0, d))


def logistic(x: Floats) -> Floats:
    """1 / (1 + exp(-x)), without overflow."""
    return np.asarray(np.exp(-np.logaddexp(0.0, -x)))


def softplus(x: Floats) -> Floats:
    """log(1 + exp(x)), without overflow."""
    return np.asarray(np.logaddexp(0.0, x))


@dataclass(frozen=True)
class SeparableSlope:
    """A slope between points u and v of a range, as ``(of_one(u) * of_other(v)).sum()``, to 1e-13.

    Attributes
    ----------
    low, high
        The range.
    one, other
        (coefficients, terms): of Chebyshev polynomials on the range.
    """

    low: float
    high: float
    one: Floats
    other: Floats

    @classmethod
    def over(cls, low: float, high: float, of: Callable[[Floats, Floats], Floats] = slopes) -> "SeparableSlope | None":
        """Of a function's slopes, for points of a range; None: it is wider than twice `MOST_HALF_WIDTH`."""
        if high - low > 2 * MOST_HALF_WIDTH:
            return None
        half = max(0.5 * (high - low), 0.5)
        middle = 0.5 * (low + high)
        # The next poles of the function are at a distance of pi from the real axis.
        distance = np.pi / half
        nodes = int(np.ceil(-np.log(1e-2 * _PRECISION) / np.log(distance + np.hypot(distance, 1.0)))) + 4
        angles = np.pi * (np.arange(nodes) + 0.5) / nodes
        points = middle + half * np.cos(angles)
        left, sizes, right = np.linalg.svd(of(points[:, None], points[None, :]))
        terms = int((sizes > _PRECISION * sizes[0]).sum())
        to_coefficients = 2 / nodes * np.cos(np.arange(nodes)[:, None] * angles)
        to_coefficients[0] /= 2
        one, other = left[:, :terms] * sizes[:terms], right[:terms].T
        return cls(middle - half, middle + half, to_coefficients @ one, to_coefficients @ other)

    @property
    def terms(self) -> int:
        """How many products are added up."""
        return int(self.one.shape[1])

    def of_one(self, points: Floats) -> Floats:
        """(terms, n): what a point on the one side counts in each product; each on its own, whatever the others are."""
        return self._evaluate(self.one, points)

    def of_other(self, points: Floats) -> Floats:
        """(terms, n): the same on the other side."""
        return self._evaluate(self.other, points)

    def _evaluate(self, coefficients: Floats, points: Floats) -> Floats:
        # numba, which definitions do without.
        from mlops_assets.trees.chebyshev_sums import chebyshev_sums

        scaled = (2 * points - (self.low + self.high)) / (self.high - self.low)
        return chebyshev_sums(scaled, coefficients)
