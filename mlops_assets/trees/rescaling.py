"""What can be attributed in place of a margin: a function of it, of which the difference between two rows is shared out
in proportion to the attributions of the difference of their margins.

So do shap's ``model_output="probability"`` and ``"log_loss"``. For each pair of a row and a background row the margin's
attributions are multiplied by the function's slope between the two margins. Where that slope is a short sum of products
of a number of the row and a number of the background row, the background is added up once, for all rows.
"""

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from mlops_assets.trees.arrays import Floats
from mlops_assets.trees.separable_slope import SeparableSlope, logistic, slopes, softplus, softplus_slopes

Target = Literal["probability", "log loss", "squared error"]
"""`probability` and `log loss` of log-odds (the loss in nats), `squared error` of any margin."""

MARGIN, PROBABILITY, LOG_LOSS, SQUARED_ERROR = range(4)
"""Numbers of the targets in kernels; `MARGIN`: the margin itself."""
NUMBERS: dict[Target, int] = {"probability": PROBABILITY, "log loss": LOG_LOSS, "squared error": SQUARED_ERROR}

NEEDS_LABELS: frozenset[Target] = frozenset({"log loss", "squared error"})


def target_values(target: Target, margins: Floats, labels: Floats) -> Floats:
    """(n,): the target at these margins (n,), with these labels (n,) where it has any.

    The logarithmic loss of a label between 0 and 1 is that of a row which has the positive class with that probability.
    """
    if target == "probability":
        return logistic(margins)
    if target == "squared error":
        return np.asarray(np.square(margins - labels))
    # Without cancellation for either class: the loss of a confident and right score is the small one of the two.
    return np.asarray(labels * softplus(-margins) + (1 - labels) * softplus(margins))


def target_slopes(target: Target, one: Floats, other: Floats, labels: Floats) -> Floats:
    """The slope of the target between two margins, or its derivative where they are equal; shapes as of the three."""
    if target == "squared error":
        return np.asarray((one - labels) + (other - labels))
    return slopes(one, other) if target == "probability" else np.asarray(softplus_slopes(one, other) - labels)


class PairFactors(Protocol):
    """The slope between the margins of a row and of a background row, as a sum of products."""

    @property
    def terms(self) -> int:
        """How many products are added up."""

    def of_other(self, margins: Floats) -> Floats:
        """(terms, n): what background rows count in each product."""

    def of_one(self, margins: Floats, labels: Floats) -> Floats:
        """(terms, n): what rows with these labels count in it; each on its own, whatever the others are."""


@dataclass(frozen=True)
class OfProbability:
    """The logistic function's."""

    slope: SeparableSlope

    @property
    def terms(self) -> int:
        return self.slope.terms

    def of_other(self, margins: Floats) -> Floats:
        return self.slope.of_other(margins)

    def of_one(self, margins: Floats, labels: Floats) -> Floats:
        return self.slope.of_one(margins)


@dataclass(frozen=True)
class OfLogLoss:
    """log(1 + exp(u)) - y u: the slope of the first, less y."""

    slope: SeparableSlope

    @property
    def terms(self) -> int:
        return 1 + self.slope.terms

    def of_other(self, margins: Floats) -> Floats:
        return np.concatenate([np.ones((1, len(margins))), self.slope.of_other(margins)])

    def of_one(self, margins: Floats, labels: Floats) -> Floats:
        return np.concatenate([-labels[None], self.slope.of_one(margins)])


@dataclass(frozen=True)
class OfSquaredError:
    """(u - y)^2: u + v - 2 y, both margins taken from a `middle`, so that large ones cancel no digits."""

    middle: float

    terms = 2

    def of_other(self, margins: Floats) -> Floats:
        return np.stack([np.ones(len(margins)), margins - self.middle])

    def of_one(self, margins: Floats, labels: Floats) -> Floats:
        return np.stack([(margins - labels) - (labels - self.middle), np.ones(len(margins))])


def pair_factors(target: Target, low: float, high: float) -> PairFactors | None:
    """The factors for margins between `low` and `high`; None where these are too far apart for a short sum."""
    if target == "squared error":
        return OfSquaredError(0.5 * (low + high))
    slope = SeparableSlope.over(low, high, slopes if target == "probability" else softplus_slopes)
    if slope is None:
        return None
    return OfProbability(slope) if target == "probability" else OfLogLoss(slope)


class TargetMean:
    """The mean of a target over a background, for any label."""

    def __init__(self, target: Target, middle: float) -> None:
        self._target, self._middle = target, middle
        self._rows, self._sums = 0, np.zeros(2)

    def add(self, margins: Floats) -> None:
        """Count background rows."""
        self._rows += len(margins)
        if self._target == "probability":
            one, other = logistic(margins), np.zeros(0)
        elif self._target == "log loss":
            one, other = softplus(margins), softplus(-margins)
        else:
            other = margins - self._middle
            one = np.square(other)
        self._sums += one.sum(), other.sum()

    def of(self, labels: Floats) -> Floats:
        """(n,): for each label; (1,) where the target has none."""
        one, other = self._sums / self._rows
        if self._target == "probability":
            return np.array([one])
        if self._target == "log loss":
            return np.asarray((1 - labels) * one + labels * other)
        distance = labels - self._middle
        return np.asarray(one - 2 * distance * other + np.square(distance))
