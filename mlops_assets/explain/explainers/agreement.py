"""Check on a few rows that an explainer explains the model that it was made for, before it is used."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from mlops_assets.explain.decisions import Decision, label_places
from mlops_assets.explain.explainers.answer_numbers import is_numeric, to_floats
from mlops_assets.explain.explainers.decision_rule import read_decision
from mlops_assets.explain.explainers.explainer import Explainer, ExplanationSubject
from mlops_assets.explain.explainers.fitted_rows import to_fitted_columns
from mlops_assets.explain.spaces import to_response_scale
from mlops_assets.models.answers import read_answer
from mlops_assets.trees.arrays import Floats, Space
from mlops_assets.trees.shap_few_rows import walk_quickly

if TYPE_CHECKING:
    import pandas as pd

# What is looked for is a wrong scale, column or class, not rounding; float32 models keep six digits.
_RELATIVE = 1e-4


def settle_space(claimed: Space, additive: Floats, expected: Floats, response: Space) -> Space:
    """The scale that an explained value truly has, given what the model itself answers for the same rows.

    A library may answer with the score that it adds up, instead of what its objective makes of it (XGBoost's
    ``binary:logitraw``, CatBoost's own class): then the explained value is the prediction itself.

    Parameters
    ----------
    claimed
        By the model's objective.
    additive, expected
        (n, outputs): sums of a few rows, and the model's answers.
    response
        The scale of `expected`, as far as it is known: `Response.space`.
    """
    if response == "margin":
        return "margin" if claimed == "identity" else claimed
    if response != "identity" or claimed == "identity":
        return claimed
    links = claimed != "margin" and _agrees(to_response_scale(additive, claimed), expected)
    return "identity" if not links and _agrees(additive, expected) else claimed


def name_outputs(subject: ExplanationSubject, space: Space, width: int) -> tuple[str, ...]:
    """The outputs of an explainer that adds up `width` numbers per row in `space`.

    A Booster answers with numbers of which nothing but its objective says that they are of classes. It knows no labels:
    the positive class is 1, several are numbered.
    """
    response = subject.response
    unnamed = response.classes is None and response.space == "identity"
    if unnamed and space in ("log-odds", "softmax margin", "probability"):
        return ("1",) if width == 1 else tuple(str(place) for place in range(width))
    return response.outputs


def _agrees(numbers: Floats, expected: Floats) -> bool:
    return numbers.shape == expected.shape and _gap(numbers, expected) <= _RELATIVE


def _gap(numbers: Floats, expected: Floats) -> float:
    scale = max(float(np.abs(expected).max(initial=0.0)), np.finfo(np.float64).tiny)
    return float(np.abs(numbers - expected).max(initial=0.0)) / scale


def find_disagreement(explainer: Explainer, subject: ExplanationSubject, rows: "pd.DataFrame") -> str | None:
    """Why base and attributions do not give the model's predictions on `rows`; None when they do.

    Compared are base + attributions with the model's numbers, and for classifiers the winning class with the labels
    that `pyfunc.predict` returns. A model that answers with a class's number (XGBoost's ``multi:softmax``) is
    compared by that. Where the space is a `margin`, base + attributions are compared with the library's own margin.
    """
    with walk_quickly():
        explanation = explainer.explain(rows)
    additive = explanation.base + explanation.values.sum(axis=1)
    if additive.shape[1] != len(explainer.outputs):
        return f"it has {additive.shape[1]} outputs, of which {len(explainer.outputs)} have a name"
    if explainer.space == "margin" and subject.response.space != "margin":
        own = explainer.own_margin(rows)
        if own is not None:
            return _margin_disagreement(additive, own, subject, rows)
    expected = subject.response.of(rows)
    # A response of decision scores is the sum itself, whatever the objective says that they are.
    reported = additive if subject.response.space == "margin" else to_response_scale(additive, explainer.space)
    if explainer.space == "softmax margin" and expected.shape[1] == 1 < reported.shape[1]:
        wrong = int((reported.argmax(axis=1) != expected[:, 0]).sum())
        return f"the model predicts another class for {wrong} of {len(expected)} rows" if wrong else None
    if reported.shape != expected.shape:
        return f"the explainer has {reported.shape[1]} outputs, the model {expected.shape[1]}"
    gap = _gap(reported, expected)
    if not gap <= _RELATIVE:
        return f"base and attributions miss the model's predictions by {gap:.2g} of their size"
    if subject.response.classes is None or subject.response.space == "margin":
        return None
    return _answer_disagreement(subject, rows, reported)


def _margin_disagreement(
    additive: Floats, own: Floats, subject: ExplanationSubject, rows: "pd.DataFrame"
) -> str | None:
    """A margin is compared with the library's own, and with its labels: no formula leads from it to a probability."""
    if additive.shape != own.shape:
        return f"the explainer has {additive.shape[1]} outputs, the library's own margin {own.shape[1]}"
    gap = _gap(additive, own)
    if not gap <= _RELATIVE:
        return f"base and attributions miss the library's own margin by {gap:.2g} of its size"
    classes, model = subject.response.classes, subject.model
    native: Any = model.native
    if classes is not None and model.native is not None:
        decision = read_decision(model, model.native, classes, additive, rows, "margin")
        if not decision.follows:
            return "the model's labels do not follow from its margin"
    if model.python_model is None or native is None:
        return None
    # A custom model may make something else of what the estimator inside it predicts.
    answered = list(model.answer(rows).values())
    inner = list(read_answer(native.predict(to_fitted_columns(rows, native)), len(rows)).values())
    same = len(answered) == len(inner) and all(map(_are_same, answered, inner))
    return None if same else "the model predicts something else than the estimator inside it"


def _are_same(one: pa.Array, other: pa.Array) -> bool:
    if is_numeric(one) and is_numeric(other):
        return _gap(to_floats({"": one}), to_floats({"": other})) <= _RELATIVE
    return bool(one.to_pylist() == other.to_pylist())


def _answer_disagreement(subject: ExplanationSubject, rows: "pd.DataFrame", reported: Floats) -> str | None:
    """Compare what `predict` returns, whether labels or scores, with the probabilities that are explained."""
    labels = tuple(str(label) for label in subject.response.classes or ())
    decision = subject.response.decision or Decision(labels)
    columns = subject.model.answer(rows)
    if decision.answer in ("probability", "log probability"):
        answered = to_floats(columns)
        if decision.answer == "log probability":
            answered = np.exp(answered)
        scores = np.column_stack([1.0 - reported[:, 0], reported[:, 0]]) if len(labels) == 2 else reported
        if answered.shape != scores.shape:
            return None  # it reports something else than scores: nothing to compare
        gap = float(np.abs(answered - scores).max(initial=0.0))
        return None if gap <= _RELATIVE else f"the model's predictions differ from the explained ones by {gap:.2g}"
    places = label_places(next(iter(columns.values())), labels)
    if decision.answer != "labels" or len(columns) > 1 or (places < 0).any():
        return None  # it reports something else than labels: nothing to compare
    wrong = int(decision.misses(reported, places, _RELATIVE, 0.0).sum())
    return f"the model predicts another class than the explained one for {wrong} of {len(rows)} rows" if wrong else None
