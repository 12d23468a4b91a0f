"""95 % intervals of metrics, and of the difference of two models on the same or on other rows: nothing is sampled."""

import math
from dataclasses import dataclass

import numpy as np

from mlops_assets.performance.measures import Measure
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
    the logarithm of ``1 - R2``, and means as they are, each by Student's t. A ranking without mistakes has no variance:
    it gets Wilson's interval for the rows of the rarer class.
    """
    if measure.value is None or measure.influence is None:
        return Interval(None, None)
    value, rows, kind = measure.value, len(measure.influence), METRICS[measure.name].range
    if kind == "proportion" or (kind == "unit" and not 0 < value < 1):
        return wilson(value, measure.trials)
    error = standard_error(measure)
    if error is None:
        return Interval(None, None)
    reach = error * t_quantile(rows - 1)
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
    if paired:
        both = standard_error(Measure(one.name, value, one.influence - other.influence))
        reach = None if both is None else both * t_quantile(sizes[0] - 1)
    else:
        errors = (standard_error(one), standard_error(other))
        reach = None if None in errors else math.hypot(*(each or 0.0 for each in errors)) * t_quantile(min(sizes) - 1)
    interval = Interval(None, None) if reach is None else Interval(value - reach, value + reach)
    return Difference(one.name, value, interval, min(sizes), paired)


def standard_error(measure: Measure) -> float | None:
    """None with fewer than two rows."""
    influence = measure.influence
    if influence is None or len(influence) < 2:
        return None
    rows = len(influence)
    return math.sqrt(float(np.square(influence).sum()) / (rows * (rows - 1)))


def wilson(share: float, trials: int) -> Interval:
    """Wilson's interval of a share of a number of trials."""
    if trials < 1:
        return Interval(None, None)
    z = _normal_quantile()
    middle = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    reach = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials)) / (1 + z * z / trials)
    # At the ends rounding leaves a little of what is zero.
    return Interval(0.0 if share == 0 else max(0.0, middle - reach), 1.0 if share == 1 else min(1.0, middle + reach))


def t_quantile(freedom: int) -> float:
    """The 97.5 % quantile of Student's t."""
    from scipy.special import stdtrit

    return float(stdtrit(max(freedom, 1), (1 + LEVEL) / 2))


def _normal_quantile() -> float:
    from scipy.special import ndtri

    return float(ndtri((1 + LEVEL) / 2))


def _exp(value: float) -> float:
    return math.exp(min(value, 700.0))


def _expit(value: float) -> float:
    return 1 / (1 + _exp(-value))
