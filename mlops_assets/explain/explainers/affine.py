"""Whether a function of few numbers is linear (plus a constant), found by asking it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mlops_assets.trees.arrays import Floats

_STEP = 2.0**10
_TRIED = 64
_RELATIVE = 1e-9


@dataclass(frozen=True)
class Affine:
    """``x @ weights + constant``: (inputs, outputs) and (outputs,)."""

    weights: Floats
    constant: Floats


def read_affine(function: Callable[[Floats], Floats], width: int) -> Affine | None:
    """The affine function that `function`, (n, width) -> (n, outputs), is; None where it is none.

    It is asked at the corners that determine it, and then at points from 1e-6 to 1e6 of both signs.
    """
    corners = np.concatenate([np.zeros((1, width)), _STEP * np.eye(width), -_STEP * np.eye(width)])
    with np.errstate(all="ignore"):
        answers = _ask(function, corners)
        weights = (answers[1 : width + 1] - answers[width + 1 :]) / (2 * _STEP)
        affine = Affine(weights, answers[0])
        random = np.random.default_rng(0)
        points = random.choice([-1.0, 1.0], (_TRIED, width)) * 10.0 ** random.uniform(-6, 6, (_TRIED, width))
        expected, found = points @ weights + answers[0], _ask(function, points)
    if not (np.isfinite(weights).all() and np.isfinite(found).all()):
        return None
    scale = np.abs(points) @ np.abs(weights) + np.abs(answers[0])
    return affine if (np.abs(found - expected) <= _RELATIVE * scale + 1e-300).all() else None


def read_exponential(function: Callable[[Floats], Floats], width: int) -> Affine | None:
    """The affine function whose exponential `function` is, between -30 and 30; None where it is none."""

    def logarithm(points: Floats) -> Floats:
        return np.asarray(np.log(_ask(function, points)))

    corners = np.concatenate([np.zeros((1, width)), np.eye(width), -np.eye(width)])
    with np.errstate(all="ignore"):
        answers = logarithm(corners)
        weights = (answers[1 : width + 1] - answers[width + 1 :]) / 2
        points = np.random.default_rng(0).uniform(-30, 30, (_TRIED, width))
        expected, found = points @ weights + answers[0], logarithm(points)
    if not (np.isfinite(weights).all() and np.isfinite(found).all()):
        return None
    return Affine(weights, answers[0]) if np.abs(found - expected).max() <= 1e-9 * 30 else None


def _ask(function: Callable[[Floats], Floats], points: Floats) -> Floats:
    answers = np.asarray(function(points), np.float64)
    return answers.reshape(len(points), -1)
