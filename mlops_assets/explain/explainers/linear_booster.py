"""XGBoost's linear booster (`gblinear`) as coefficients and an intercept."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlops_assets.explain.explainers.library_margins import xgboost_booster
from mlops_assets.models.inner_boosters import library_of
from mlops_assets.trees.arrays import Floats, Space
from mlops_assets.trees.read_boosters import xgboost_offset, xgboost_space


@dataclass(frozen=True)
class LinearBooster:
    """A fitted `gblinear`.

    Attributes
    ----------
    weights
        (outputs, columns).
    intercept
        (outputs,), the start of all rows included.
    space
        The scale of its margin, by its objective.
    missing
        The number that means a missing value beside NaN: to a linear booster a missing value is a zero.
    """

    weights: Floats
    intercept: Floats
    space: Space
    missing: float

    def clean(self, matrix: Floats) -> Floats:
        """(n, columns) as the booster multiplies it: rounded to 32 bits, zero where missing."""
        with np.errstate(over="ignore"):
            numbers = matrix.astype(np.float32).astype(np.float64)
        return np.where(np.isnan(matrix) | (matrix == self.missing), 0.0, numbers)


def read_linear_booster(estimator: Any) -> LinearBooster | None:
    """The coefficients of an XGBModel or Booster with ``booster="gblinear"``; None for any other estimator."""
    if library_of(estimator) != "xgboost":
        return None
    booster = xgboost_booster(estimator)
    learner = json.loads(booster.save_raw("json"))["learner"]
    if learner["gradient_booster"]["name"] != "gblinear":
        return None
    columns = int(learner["learner_model_param"]["num_feature"])
    numbers = np.asarray(learner["gradient_booster"]["model"]["weights"], np.float32).astype(np.float64)
    numbers = numbers.reshape(columns + 1, -1)  # column by column, the intercepts last
    intercept = numbers[-1] + xgboost_offset(learner)
    missing = getattr(estimator, "missing", np.nan)
    return LinearBooster(numbers[:-1].T, intercept, xgboost_space(booster), float(missing))
