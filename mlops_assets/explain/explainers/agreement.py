"""Check on a few rows that an explainer explains the model that it was made for, before it is used."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlops_assets.explain.explainers.explainer import Explainer, ExplanationSubject
from mlops_assets.explain.explainers.response import read_answer
from mlops_assets.trees.arrays import Floats, Space
from mlops_assets.trees.shap_few_rows import walk_quickly

if TYPE_CHECKING:
    import pandas as pd

# What is looked for is a wrong scale, column or class, not rounding; float32 models keep six digits.
_RELATIVE = 1e-4


def to_response_scale(additive: Floats, space: Space) -> Floats:
    """Predictions in an additive space as what the model itself reports.

    Parameters
    ----------
    additive
        (n, outputs).
    space
        Where they add up.

    Returns
    -------
    (n, outputs): probabilities for `log-odds` (sigmoid of one output, softmax of several) and `probability`, the
    exponential for `log`, else unchanged.
    """
    if space == "log":
        return np.exp(additive)
    if space != "log-odds":
        return additive
    if additive.shape[1] == 1:
        # The logistic function without overflow for large negative arguments.
        return np.exp(-np.logaddexp(0.0, -additive))
    shifted = np.exp(additive - additive.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


def find_disagreement(explainer: Explainer, subject: ExplanationSubject, rows: "pd.DataFrame") -> str | None:
    """Why base and attributions do not give the model's predictions on `rows`; None when they do.

    Compared are base + attributions with the model's numbers, and for classifiers the winning class with the labels
    that `pyfunc.predict` returns.
    """
    with walk_quickly():
        explanation = explainer.explain(rows)
    additive = explanation.base + explanation.values.sum(axis=1)
    reported = to_response_scale(additive, explainer.space)
    expected = subject.response.of(rows)
    if reported.shape != expected.shape:
        return f"the explainer has {reported.shape[1]} outputs, the model {expected.shape[1]}"
    scale = max(float(np.abs(expected).max(initial=0.0)), np.finfo(np.float64).tiny)
    gap = float(np.abs(reported - expected).max(initial=0.0)) / scale
    if not gap <= _RELATIVE:
        return f"base and attributions miss the model's predictions by {gap:.2g} of their size"
    classes = subject.response.classes
    if classes is None or subject.response.space == "margin":
        return None
    return _label_disagreement(subject.model.predict(rows), reported, list(classes), len(rows))


def _label_disagreement(answer: Any, reported: Floats, classes: list[Any], rows: int) -> str | None:
    answered, _ = read_answer(answer, rows)
    scores = np.column_stack([1.0 - reported[:, 0], reported[:, 0]]) if len(classes) == 2 else reported
    if answered.shape == scores.shape:
        gap = float(np.abs(_numbers(answered) - scores).max(initial=0.0))
        return None if gap <= _RELATIVE else f"the model's predictions differ from the explained ones by {gap:.2g}"
    if not set(answered[:, 0].tolist()) <= set(classes):
        return None  # it reports something else than labels: nothing to compare
    places = {label: place for place, label in enumerate(classes)}
    labels = np.array([places[label] for label in answered[:, 0].tolist()])
    behind = scores.max(axis=1) - scores[np.arange(rows), labels]
    wrong = int((behind > _RELATIVE).sum())
    return f"the model predicts another class than the explained one for {wrong} of {rows} rows" if wrong else None


def _numbers(values: NDArray[Any]) -> Floats:
    return values.astype(np.float64) if values.dtype.kind in "biuf" else np.full(values.shape, np.nan)
