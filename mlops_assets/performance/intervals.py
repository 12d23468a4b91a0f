"""95 % intervals of metrics, and of the difference of two models on the same or on other rows: nothing is sampled."""

import math
from dataclasses import dataclass

import numpy as np

from mlops_assets.performance.measures import Floats, Measure
from mlops_assets.performance.metrics import METRICS

LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """Where the metric of all such rows lies with a confidence of 95 %; None: these rows do not say."""

    low: float | None
    high: float | None


@dataclass(frozen=True)
class Difference:
    """A metric of one model minus that of another one.

    Attributes
    ----------
    rows
        The rows that both have, where they are paired; else those of the side that has fewer.
    paired
        Both were measured on the same rows.
    """

    name: str
    value: float
    interval: Interval
    rows: int
    paired: bool

    @property
    def is_fall(self) -> bool:
        """Whether it is worse, and the interval does not hold zero."""
        low, high, better = self.interval.low, self.interval.high, METRICS[self.name].better
        if low is None or high is None or better == "near zero":
            return False
        return high < 0 if better == "higher" else low > 0


def interval_of(measure: Measure) -> Interval:
    """The interval of one metric.

    Proportions have Wilson's. Numbers from 0 to 1 are taken to the logit scale, positive ones to the logarithm, R2 to
    the logarithm of ``1 - R2``, and means as they are, each by Student's t. A ranking without mistakes, or of a single
    row of the rarer class, has no variance: it gets Wilson's interval for the rows of that class.
    """
    if measure.value is None or measure.influence is None:
        return Interval(None, None)
    value, kind = measure.value, METRICS[measure.name].range
    if kind == "proportion" or _lacks_variance(measure):
        return wilson(value, measure.trials)
    error = standard_error(measure)
    if error is None:
        return Interval(None, None)
    reach = error * t_quantile(freedom(measure.influence))
    if kind == "unit":
        middle, slope = math.log(value / (1 - value)), value * (1 - value)
        return Interval(_expit(middle - reach / slope), _expit(middle + reach / slope))
    if kind == "positive" and value > 0:
        ratio = _exp(reach / value)
        return Interval(value / ratio, value * ratio)
    if kind == "below one" and value < 1:
        ratio = _exp(reach / (1 - value))
        return Interval(1 - (1 - value) * ratio, 1 - (1 - value) / ratio)
    return Interval(value - reach, value + reach)


def difference_of(one: Measure, other: Measure, *, paired: bool) -> Difference | None:
    """`one` minus `other`, `paired`: of the same rows in the same order; None where a side has no value."""
    if one.value is None or other.value is None or one.influence is None or other.influence is None:
        return None
    value, sizes = one.value - other.value, (len(one.influence), len(other.influence))
    if _lacks_variance(one) or _lacks_variance(other):
        interval = _of_both(one.value, interval_of(one), other.value, interval_of(other))
        return Difference(one.name, value, interval, min(sizes), paired)
    if paired:
        both = Measure(one.name, value, one.influence - other.influence, min(one.trials, other.trials))
        error, reach = standard_error(both), t_quantile(freedom(one.influence - other.influence))
    else:
        errors = [standard_error(each) for each in (one, other)]
        variances = [(each or 0.0) ** 2 for each in errors]
        error = None if None in errors else math.sqrt(sum(variances))
        # Welch's and Satterthwaite's.
        by_side = zip(variances, (freedom(one.influence), freedom(other.influence)), strict=True)
        spread = sum(variance**2 / degrees for variance, degrees in by_side)
        reach = t_quantile(sum(variances) ** 2 / spread if spread else min(sizes) - 1)
    interval = Interval(None, None) if error is None else Interval(value - error * reach, value + error * reach)
    return Difference(one.name, value, interval, min(sizes), paired)


def standard_error(measure: Measure) -> float | None:
    """None with fewer than two rows."""
    influence = measure.influence
    if influence is None or len(influence) < 2:
        return None
    # Of a ranking, the variance of the rarer class is estimated from its rows alone.
    estimated_from = measure.trials if METRICS[measure.name].range == "unit" and measure.trials > 1 else len(influence)
    return math.sqrt(float(np.square(influence).sum()) * estimated_from / (estimated_from - 1)) / len(influence)


def freedom(influence: Floats) -> float:
    """The degrees of freedom of the variance of rows with these influences, by their kurtosis; at most ``rows - 1``.

    The variance of a few rows that matter, such as those of a rare class or of large errors, is known as badly as that
    of so few rows (Satterthwaite, Biometrics Bulletin 2, 1946).
    """
    most, largest = max(len(influence) - 1, 1), float(np.abs(influence).max(initial=0.0))
    if not largest:
        return most
    squares = np.square(influence / largest)
    excess = len(squares) * float(squares @ squares) / float(squares.sum()) ** 2 - 1
    return most if excess * most <= 2 * len(influence) else 2 * len(influence) / excess


def _lacks_variance(measure: Measure) -> bool:
    """Whether a share or a ranking is such that its rows do not differ."""
    kind = METRICS[measure.name].range
    at_end = measure.value is not None and not 0 < measure.value < 1
    return (kind in ("proportion", "unit") and at_end) or (kind == "unit" and measure.trials < 2)


def _of_both(value: float, interval: Interval, other: float, others: Interval) -> Interval:
    """The interval of a difference by those of its sides (Newcombe, Statistics in Medicine 17, 1998)."""
    if interval.low is None or interval.high is None or others.low is None or others.high is None:
        return Interval(None, None)
    below = math.hypot(value - interval.low, others.high - other)
    above = math.hypot(interval.high - value, other - others.low)
    return Interval(value - other - below, value - other + above)


def wilson(share: float, trials: int) -> Interval:
    """Wilson's interval of a share of a number of trials."""
    if trials < 1:
        return Interval(None, None)
    z = _normal_quantile()
    middle = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    reach = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials)) / (1 + z * z / trials)
    # At the ends rounding leaves a little of what is zero.
    return Interval(0.0 if share == 0 else max(0.0, middle - reach), 1.0 if share == 1 else min(1.0, middle + reach))


def t_quantile(degrees: float) -> float:
    """The 97.5 % quantile of Student's t."""
    from scipy.special import stdtrit

    return float(stdtrit(max(degrees, 1), (1 + LEVEL) / 2))


def _normal_quantile() -> float:
    from scipy.special import ndtri

    return float(ndtri((1 + LEVEL) / 2))


def _exp(value: float) -> float:
    return math.exp(min(value, 700.0))


def _expit(value: float) -> float:
    return 1 / (1 + _exp(-value))
