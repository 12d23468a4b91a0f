"""The scales on which attributions add up, in words and as the way back to what the model predicts."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mlops_assets.trees.arrays import Floats, Space


@dataclass(frozen=True)
class SpaceText:
    """A space for people.

    Attributes
    ----------
    axis
        As the unit on an axis.
    meaning
        One sentence, with the formula that leads back to the model's prediction.
    noun
        What is explained.
    """

    axis: str
    meaning: str
    noun: str = "prediction"


SPACES: Mapping[Space, SpaceText] = {
    "identity": SpaceText("the prediction's unit", "the prediction itself: prediction = value"),
    "log": SpaceText(
        "log of the prediction",
        "the natural logarithm of the prediction: every +0.69 doubles it; prediction = exp(value)",
    ),
    "log-odds": SpaceText(
        "log-odds",
        "log-odds: 0 is even odds, and every +0.69 doubles them; probability = 1 / (1 + exp(-value))",
    ),
    "softmax margin": SpaceText(
        "softmax margin",
        "softmax margin: a score per class, of which only the differences between a row's classes count; +0.69 doubles"
        " the odds of a class against each other class; probability = exp(value) / sum of exp(value) over the row's"
        " classes",
    ),
    "probability": SpaceText("probability", "probability, from 0 to 1: probability = value"),
    "margin": SpaceText(
        "decision score",
        "a score of the model's own, which is no probability and has no unit: of a classifier its sign decides, or of"
        " several scores the largest; of a regression no formula leads back to the prediction",
    ),
    "log loss": SpaceText(
        "nats",
        "the logarithmic loss of the prediction against the row's label: 0 is a certain and right one, 0.69 one of even"
        " odds; probability of the true class = exp(-value)",
        "loss",
    ),
    "squared error": SpaceText(
        "the label's unit, squared",
        "the square of the prediction's distance from the row's label: |prediction - label| = square root of value",
        "loss",
    ),
}

LOSSES: frozenset[Space] = frozenset({"log loss", "squared error"})
"""Spaces of which no value leads to a prediction without the row's label."""


def to_response_scale(additive: Floats, space: Space) -> Floats:
    """Explained values as what the model itself predicts.

    Parameters
    ----------
    additive
        (n, outputs).
    space
        Where they add up.

    Returns
    -------
    (n, outputs): the sigmoid of each for `log-odds`, the softmax over the outputs for `softmax margin`, the exponential
    for `log`, else unchanged.
    """
    if space == "log":
        return np.exp(additive)
    if space == "log-odds":
        # The logistic function without overflow for large negative arguments.
        return np.asarray(np.exp(-np.logaddexp(0.0, -additive)))
    if space == "softmax margin":
        shifted = np.exp(additive - additive.max(axis=1, keepdims=True, initial=-np.inf))
        return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))
    return additive


def response_space(space: Space) -> Space:
    """The scale of what `to_response_scale` gives, which is that of the predictions."""
    if space == "log":
        return "identity"
    return "probability" if space in ("log-odds", "softmax margin") else space


def from_probability(probability: Floats, space: Space) -> Floats:
    """(n, outputs) probabilities on the scale of `log-odds` or `softmax margin` (there: up to a constant per row)."""
    with np.errstate(divide="ignore"):
        logarithm = np.log(probability)
        return np.asarray(logarithm - np.log1p(-probability) if space == "log-odds" else logarithm)
