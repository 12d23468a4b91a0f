"""What a booster's library itself adds up for rows: the margin, before its objective makes a prediction of it."""

from collections.abc import Callable
from typing import Any

import numpy as np

from mlops_assets.models.booster_categories import as_categories
from mlops_assets.models.inner_boosters import library_of
from mlops_assets.trees.arrays import Floats


def ask_margin(estimator: Any, data: Any) -> Floats | None:
    """(n, outputs): the library's own margin of `data`, as the estimator is given it; None: it has none to ask for."""
    ask = _MARGINS.get(library_of(estimator))
    if ask is None:
        return None
    answer = np.asarray(ask(estimator, data), np.float64)
    return answer.reshape(len(answer), -1)


def xgboost_booster(model: Any) -> Any:
    """The Booster of an XGBModel, or the Booster itself."""
    return model.get_booster() if hasattr(model, "get_booster") else model


def xgboost_matrix(model: Any, data: Any) -> Any:
    """`data` as an XGBoost model takes it: its mark for missing values, its categories."""
    from xgboost import DMatrix

    if hasattr(data, "dtypes") and data.ndim == 2:
        data = as_categories(data, model)
    return DMatrix(data, missing=getattr(model, "missing", np.nan), enable_categorical=True)


def xgboost_iterations(model: Any) -> tuple[int, int]:
    """The rounds that an XGBoost model predicts with; (0, 0): all."""
    best = getattr(model, "best_iteration", None) if getattr(model, "early_stopping_rounds", None) else None
    return (0, best + 1) if best is not None else (0, 0)


def _catboost(model: Any, data: Any) -> Any:
    from catboost import CatBoost

    # Of the base class: a CatBoostRanker's own has no prediction_type.
    return CatBoost.predict(model, data, prediction_type="RawFormulaVal")


def _xgboost(model: Any, data: Any) -> Any:
    matrix = xgboost_matrix(model, data)
    return xgboost_booster(model).predict(matrix, output_margin=True, iteration_range=xgboost_iterations(model))


def _lightgbm(model: Any, data: Any) -> Any:
    booster = getattr(model, "booster_", model)
    rounds = booster.current_iteration() if booster.best_iteration <= 0 else booster.best_iteration
    # The raw score of a random forest is the sum of its trees, of which it predicts the mean (LightGBM 4.7).
    averaged = "\naverage_output\n" in booster.model_to_string(num_iteration=1).partition("\nTree=")[0]
    return np.asarray(model.predict(data, raw_score=True)) / (rounds if averaged else 1)


_MARGINS: dict[str, Callable[[Any, Any], Any]] = {"catboost": _catboost, "xgboost": _xgboost, "lightgbm": _lightgbm}
