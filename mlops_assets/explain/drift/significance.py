"""Whether two groups of rows could be drawn from the same distribution, from counts alone.

All tests are two-sided and, where counts are tied, small, binned or of very unequal groups, conservative: their
p-values are too large rather than too small.
"""

import math
from collections.abc import Sequence

import numpy as np

_LEAST_EXPECTED = 5.0
# From so many rows expected in each cell on, the normal distribution is as good as the exact one.
_MANY_EXPECTED = 1_000.0
# Groups of the same size, of which the limit is too small a probability.
_MOST_EXACT_ROWS = 1_000


def ordered_p_value(gap: float, rows: int, others: int) -> float:
    """Of the two-sample Kolmogorov-Smirnov test.

    Exact for groups of the same size of up to 1,000 rows (Gnedenko and Korolyuk, 1951), or where one has a single row;
    else of the limiting distribution, which is conservative for other sizes (Wei and Dudley, Statistics & Probability
    Letters 82, 2012).

    Parameters
    ----------
    gap
        The largest difference of the shares of rows that are at most some value. Values that are close may be one.
    rows, others
        How many rows either group has.
    """
    if rows == others and rows <= _MOST_EXACT_ROWS:
        return _gap_of_same_size(round(gap * rows), rows)
    if min(rows, others) == 1:
        many = max(rows, others)
        # The one row is at any place among the others alike.
        return min(1.0, 2 * (many - round(gap * many) + 1) / (many + 1))
    return _kolmogorov(math.sqrt(rows * others / (rows + others)) * gap)


def category_p_value(one: np.ndarray, other: np.ndarray) -> float:
    """Of Pearson's chi-square test; categories that are expected in fewer than five rows are counted as one.

    The counts of rare categories of the smaller group are skewed, which makes large deviations more frequent than the
    test assumes: its p-value is used only where it is the larger one beside that of the deviations without their
    skewness (the inverse of Cornish and Fisher's expansion).

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

    counts = np.array(cells, np.float64)
    both, share = counts.sum(axis=1), rows / (rows + others)
    deviation = np.sqrt(both * share * (1 - share))
    scores = (counts[:, 0] - both * share) / deviation
    statistic = min(float(scores @ scores), _without_skewness(scores, (1 - 2 * share) / deviation))
    return float(gammaincc((len(cells) - 1) / 2, statistic / 2))


def _without_skewness(scores: np.ndarray, skewness: np.ndarray) -> float:
    """The sum of squares of scores of this skewness, as normally distributed ones would have it."""
    middle = scores + skewness / 6
    normal = 2 * middle / (1 + np.sqrt(np.maximum(1 + skewness * middle * (2 / 3), 0.0)))
    return float(normal @ normal)


def share_p_value(some: int, rows: int, others: int, other_rows: int) -> float:
    """Of two shares, `some` of `rows` and `others` of `other_rows`: Fisher's exact test, the smaller tail doubled.

    Where each cell of the table is expected in many rows, the chi-square test with Yates' correction.
    """
    both, all_rows = some + others, rows + other_rows
    if not rows or not other_rows or both in (0, all_rows):
        return 1.0
    if min(rows, other_rows) * min(both, all_rows - both) < _MANY_EXPECTED * all_rows:
        return min(1.0, 2 * _tail(some, rows, others, other_rows))
    excess = max(abs(some * other_rows - others * rows) - all_rows / 2, 0.0)
    statistic = all_rows * excess * excess / (both * (all_rows - both) * rows * other_rows)
    return math.erfc(math.sqrt(statistic / 2))


def _tail(some: int, rows: int, others: int, other_rows: int) -> float:
    """How often chance puts as many or more of them into the group that has more than its share."""
    if some * other_rows < others * rows:
        some, rows, others, other_rows = others, other_rows, some, rows
    term = math.exp(
        _log_choices(rows, some) + _log_choices(other_rows, others) - _log_choices(rows + other_rows, some + others)
    )
    total = 0.0
    while term > 1e-12 * total:
        total += term
        term *= (rows - some) * others / ((some + 1) * (other_rows - others + 1))
        some, others = some + 1, others - 1
    return total


def _log_choices(rows: int, some: int) -> float:
    return math.lgamma(rows + 1) - math.lgamma(some + 1) - math.lgamma(rows - some + 1)


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


def _gap_of_same_size(steps: int, rows: int) -> float:
    """The probability that two groups of `rows` each have a gap of `steps` rows or more."""
    if not steps:
        return 1.0
    middle = 2 * math.lgamma(rows + 1)
    total = 0.0
    for number, place in enumerate(range(steps, rows + 1, steps)):
        term = math.exp(middle - math.lgamma(rows - place + 1) - math.lgamma(rows + place + 1))
        total += -term if number % 2 else term
    return min(1.0, 2 * total)


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
