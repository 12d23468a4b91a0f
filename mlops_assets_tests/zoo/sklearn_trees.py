"""scikit-learn's trees, forests and boosting."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from sklearn import ensemble as e
from sklearn import tree as t

from mlops_assets_tests.zoo.case import Case, Fitted
from mlops_assets_tests.zoo.data import numbers, target

LIBRARY = "scikit-learn"


def fit(model: Callable[[], Any], kind: str, ask: str, **data: Any) -> Fitted:
    """A model of `numbers` for a kind of `target`, whose method `ask` is its margin."""
    rows = numbers(**data)
    fitted = model().fit(rows, target(rows, kind))
    return Fitted(fitted, rows, margin=partial(margin_of, fitted, ask))


def margin_of(model: Any, ask: str, rows: pd.DataFrame) -> np.ndarray:
    """What a method answers; of two probabilities the second."""
    if ask == "log":
        return np.log(model.predict(rows))
    answer = np.asarray(getattr(model, ask)(rows), np.float64)
    return answer[:, 1:] if ask == "predict_proba" and answer.shape[1] == 2 else answer.reshape(len(rows), -1)


CASES: tuple[Case, ...] = (
    Case(
        "decision tree",
        LIBRARY,
        "decision trees, forests, extra trees: regression",
        partial(fit, partial(t.DecisionTreeRegressor, max_depth=4), "number", "predict"),
        explainer="TreeExplainer",
        space="identity",
        quick=True,
    ),
    Case(
        "random forest, binary, missing values",
        LIBRARY,
        "decision trees, forests, extra trees: classification",
        partial(
            fit,
            partial(e.RandomForestClassifier, 5, max_depth=4, random_state=0),
            "binary",
            "predict_proba",
            missing=True,
        ),
        explainer="TreeExplainer",
        space="probability",
    ),
)
