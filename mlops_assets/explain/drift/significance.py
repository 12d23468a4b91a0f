"""Whether two groups of rows could be drawn from the same distribution, from counts alone.

All tests are two-sided, asymptotic and, where counts are tied, small or binned, conservative: their p-values are too
large rather than too small.
"""

import math
from collections.abc import Sequence

import numpy as np

_LEAST_EXPECTED = 5.0


def ordered_p_value(gap: float, rows: int, others: int) -> float:
    """Of the two-sample Kolmogorov-Smirnov test, with Stephens' correction for small samples (1970).

    Parameters
    ----------
    gap
        The largest difference of the shares of rows that are at most some value. Values that are close may be one.
    rows, others
        How many rows either group has.
    """
    root = math.sqrt(rows * others / (rows + others))
    return _kolmogorov((root + 0.12 + 0.11 / root) * gap)


def category_p_value(one: np.ndarray, other: np.ndarray) -> float:
    """Of Pearson's chi-square test; categories that are expected in fewer than five rows are counted as one.

    Parameters
    ----------
    one, other
        (categories,): how many rows of each group are in which category.
    """
    rows, others = int(one.sum()), int(other.sum())
    if not rows or not others:
        return 1.0
    rare = (one + other) * (min(rows, others) / (rows + others)) < _LEAST_EXPECTED
    cells = [*zip(one[~rare].tolist(), other[~rare].tolist(), strict=True)]
    if rare.any():
        together = int(one[rare].sum()), int(other[rare].sum())
        if cells and sum(together) * min(rows, others) / (rows + others) < _LEAST_EXPECTED:
            # The rare ones together are still rare: they go with the rarest of the others.
            rarest = min(range(len(cells)), key=lambda place: sum(cells[place]))
            cells[rarest] = cells[rarest][0] + together[0], cells[rarest][1] + together[1]
        else:
            cells.append(together)
    if len(cells) < 2:
        return 1.0
    if len(cells) == 2:
        return share_p_value(cells[0][0], rows, cells[0][1], others)
    from scipy.special import gammaincc

    statistic = sum(
        (count * others - counts * rows) ** 2 / ((count + counts) * rows * others) for count, counts in cells
    )
    return float(gammaincc((len(cells) - 1) / 2, statistic / 2))


def share_p_value(some: int, rows: int, others: int, other_rows: int) -> float:
    """Of the chi-square test of two shares, `some` of `rows` and `others` of `other_rows`, with Yates' correction."""
    both, all_rows = some + others, rows + other_rows
    if not rows or not other_rows or both in (0, all_rows):
        return 1.0
    excess = max(abs(some * other_rows - others * rows) - all_rows / 2, 0.0)
    statistic = all_rows * excess * excess / (both * (all_rows - both) * rows * other_rows)
    return math.erfc(math.sqrt(statistic / 2))


def adjust_p_values(p_values: Sequence[float]) -> list[float]:
    """Holm's adjustment (1979): where nothing has changed, one of them is below a rate no more often than that rate.

    Holds whatever the dependence among the tests.
    """
    adjusted = [1.0] * len(p_values)
    highest = 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, p_values[place] * (len(p_values) - rank)))
        adjusted[place] = highest
    return adjusted


def either(p_values: Sequence[float]) -> float:
    """One p-value of several tests of the same rows: Bonferroni's."""
    return min(1.0, len(p_values) * min(p_values)) if p_values else 1.0


def _kolmogorov(deviation: float) -> float:
    """The probability that Kolmogorov's distribution exceeds `deviation`."""
    if deviation < 0.3:
        # The series is slow here, and the probability above 0.99999.
        return 1.0
    total, number, term = 0.0, 1, 1.0
    while term > 1e-17:
        term = math.exp(-2.0 * number * number * deviation * deviation)
        total += term if number % 2 else -term
        number += 1
    return min(1.0, max(0.0, 2.0 * total))
