"""The numbers of a classifier: the probabilities of its classes, or what it decides by."""

from typing import TYPE_CHECKING, Any, Protocol

from numpy.typing import NDArray

from mlops_assets.errors import PredictionError
from mlops_assets.explain.explainers.answer_numbers import finite, is_numeric, to_floats
from mlops_assets.explain.explainers.decision_rule import read_decision
from mlops_assets.explain.explainers.fitted_rows import to_fitted_columns
from mlops_assets.explain.explainers.response import (
    Response,
    class_output_names,
    classes_of,
    positive_class_scores,
)
from mlops_assets.models.answers import read_answer
from mlops_assets.models.loaded_model import LoadedModel
from mlops_assets.models.prediction_failure import call_model, describe_failure
from mlops_assets.trees.arrays import Floats, Space

if TYPE_CHECKING:
    import pandas as pd


class Classifier(Protocol):
    classes_: NDArray[Any]


def classifier_response(model: LoadedModel, classifier: Classifier, probe: "pd.DataFrame") -> Response | None:
    classes = classes_of(classifier)
    assert classes is not None
    outputs = class_output_names(classes)
    decide = getattr(classifier, "decision_function", None)
    wants_margin = model.predict_fn == "decision_function" and callable(decide)
    if callable(getattr(classifier, "predict_proba", None)) and not wants_margin:

        def probabilities(rows: "pd.DataFrame") -> Floats:
            answer = to_floats(model.answer(to_fitted_columns(rows, classifier, model), method="predict_proba"))
            return finite(positive_class_scores(answer, len(classes)), len(rows), len(outputs))

        first = to_floats(model.answer(to_fitted_columns(probe, classifier, model), method="predict_proba"))
        if _has_several_labels(model, first, probe):
            return _labels_response(model, classifier, probe)
        if first.shape[1] != len(classes):
            return None  # scores of a loss of one's own (LightGBM): no probabilities, and not one per class
        # Some libraries call raw scores so (XGBoost with binary:logitraw).
        are_probabilities = bool(((first >= 0) & (first <= 1)).all()) and not _answers_with_scores(classifier)
        space: Space = "probability" if are_probabilities else "margin"
        scores = positive_class_scores(first, len(classes))
        decision = read_decision(model, classifier, classes, scores, probe, space)
        return Response(space, outputs, tuple(classes), probabilities, decision=decision)
    if not callable(decide) or model.native is None:
        return None

    def margins(rows: "pd.DataFrame") -> Floats:
        def describe(error: BaseException) -> PredictionError:
            return describe_failure(error, rows, model.reference.uri, model.signature, classifier)

        answer = call_model(lambda: decide(to_fitted_columns(rows, classifier, model)), describe)
        return to_floats(read_answer(answer, len(rows)))

    first = margins(probe)
    if first.shape[1] != len(outputs):
        return None  # one-against-one machines return a column per pair of classes, which is a score of no class
    decision = read_decision(model, classifier, classes, first, probe, "margin")
    return Response(
        "margin",
        outputs,
        tuple(classes),
        lambda rows: finite(margins(rows), len(rows), len(outputs)),
        decision=decision,
    )


def _has_several_labels(model: LoadedModel, first: Floats, probe: "pd.DataFrame") -> bool:
    """Whether a row may have several labels at once: `predict` says of each whether its probability is above 0.5."""
    if model.native is None or model.predict_fn != "predict":
        return False
    answer = model.answer(probe)
    if not 1 < len(answer) == first.shape[1] or not all(is_numeric(column) for column in answer.values()):
        return False
    return bool((to_floats(answer) == (first > 0.5)).all())


def _labels_response(model: LoadedModel, classifier: object, probe: "pd.DataFrame") -> Response:
    outputs = tuple(f"{column}:1" for column in model.answer(probe))

    def probabilities(rows: "pd.DataFrame") -> Floats:
        answer = to_floats(model.answer(to_fitted_columns(rows, classifier, model), method="predict_proba"))
        return finite(answer, len(rows), len(outputs))

    return Response("probability", outputs, None, probabilities)


def _answers_with_scores(classifier: Any) -> bool:
    """Whether what a booster calls probabilities are raw scores: XGBoost's `binary:logitraw`, losses of one's own."""
    objective = getattr(classifier, "objective_", None) or getattr(classifier, "objective", None)
    return callable(objective) or objective == "binary:logitraw"
