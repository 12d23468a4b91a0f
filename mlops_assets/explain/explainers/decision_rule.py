"""The rule by which a classifier makes labels of its scores, read from it where it names one, and tried on rows."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mlops_assets.explain.decisions import Answer, Decision, find_threshold, label_places
from mlops_assets.models.loaded_model import LoadedModel
from mlops_assets.trees.arrays import Floats, Space

if TYPE_CHECKING:
    import pandas as pd

_ANSWERS: dict[str, Answer] = {
    "predict_proba": "probability",
    "predict_log_proba": "log probability",
    "decision_function": "margin",
}


def read_decision(
    model: LoadedModel, classifier: object, classes: Sequence[Any], scores: Floats, rows: "pd.DataFrame", space: Space
) -> Decision:
    """How what `model.predict` returns for `rows` follows from their `scores`.

    Parameters
    ----------
    scores
        (n, outputs): of the explained function, on the scale `space`; one column for two classes.
    """
    labels = tuple(str(label) for label in classes)
    floats = any(type(label) is float for label in classes)
    of: Literal["probability", "margin"] = "probability" if space == "probability" else "margin"
    if model.native is not None and model.predict_fn in _ANSWERS:
        return Decision(labels, _ANSWERS[model.predict_fn], of)
    columns = list(model.answer(rows).values())
    if len(columns) > 1:
        return Decision(labels, "probability", of)
    if len(labels) == 1:
        return Decision(labels, "labels", of, floats=floats)
    places, finite = label_places(columns[0], labels), np.isfinite(scores).all(axis=1)
    if (places < 0).any():
        return Decision(labels, "labels", of)  # another answer than labels, which its type says
    thresholds = _named_thresholds(classifier, classes, of)
    follows, threshold, undecided = find_threshold(scores[finite], places[finite], thresholds, of)
    return Decision(labels, "labels", of, threshold, undecided, follows, floats)


def _named_thresholds(classifier: Any, classes: Sequence[Any], of: str) -> tuple[float, ...]:
    """Thresholds of the second class's score that the estimator may mean; which one it does is seen on rows.

    Read are scikit-learn's ``TunedThresholdClassifierCV`` (``best_threshold_``) and ``FixedThresholdClassifier``
    (``threshold``), also as the last step of a pipeline or found by a search, and what CatBoost's
    ``set_probability_threshold`` has set.
    """
    if len(classes) != 2:
        return ()
    if getattr(classifier, "objective", None) == "binary:logitraw":
        return (0.5,)  # XGBoost compares the log-odds with it, which it takes for a probability
    for _ in range(10):  # wrappers within wrappers
        steps = getattr(classifier, "steps", None)
        inner = steps[-1][1] if isinstance(steps, list) and steps else getattr(classifier, "best_estimator_", None)
        if inner is None:
            break
        classifier = inner
    named = getattr(classifier, "best_threshold_", None)
    if named is None and type(classifier).__name__ == "FixedThresholdClassifier":
        named = getattr(classifier, "threshold", None)
    if named is None and callable(getattr(classifier, "get_probability_threshold", None)):
        named = classifier.get_probability_threshold()
    if isinstance(named, bool) or not isinstance(named, int | float | np.number):
        return ()
    threshold = float(named)
    # The threshold of the first class, where that one is the positive one (`pos_label`).
    return (threshold, 1.0 - threshold) if of == "probability" else (threshold, -threshold)
