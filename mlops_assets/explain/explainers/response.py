"""A model's answers as numbers: the function that is explained, and what explainers are checked against."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np
import pyarrow as pa
import pyarrow.types as pat
from numpy.typing import NDArray

from mlops_assets.errors import ExplanationError, PredictionError
from mlops_assets.explain.decisions import Decision, label_places
from mlops_assets.explain.explainers.answer_numbers import choose_output, finite, flatten_lists, is_numeric, to_floats
from mlops_assets.explain.explainers.decision_rule import read_decision
from mlops_assets.models.answers import read_answer
from mlops_assets.models.column_names import match_names
from mlops_assets.models.loaded_model import LoadedModel
from mlops_assets.models.native_input import floats_of, to_native_input
from mlops_assets.models.prediction_failure import call_model, describe_failure
from mlops_assets.trees.arrays import Floats, Space

if TYPE_CHECKING:
    import pandas as pd

# More labels than this are names or numbers that happen to be whole, not classes.
_MOST_LABELS = 100
# Methods of a classifier that a model may be logged with as its own `predict`, and whose answer follows from its
# probabilities or its decision function. What others return is explained as it is.
_OF_CLASSIFIERS = ("predict", "predict_proba", "predict_log_proba", "decision_function")


@dataclass(frozen=True)
class Response:
    """A model seen as a function from rows to numbers.

    Attributes
    ----------
    space
        The scale of these numbers: `identity`, `probability` or `margin`.
    outputs
        Their names; one (the positive class) for a binary classification.
    classes
        The labels, in the model's order; None for a regression.
    of
        Rows -> (n, outputs), float64.
    note
        What was chosen of the model's answer, where there was a choice.
    decision
        How what `predict` returns follows from these numbers; None for a regression.
    """

    space: Space
    outputs: tuple[str, ...]
    classes: tuple[Any, ...] | None
    of: "Callable[[pd.DataFrame], Floats]"
    note: str = ""
    decision: Decision | None = None


class _Classifier(Protocol):
    classes_: NDArray[Any]


def read_response(model: LoadedModel, probe: "pd.DataFrame", output: str | None = None) -> Response:
    """How to get numbers from `model`, tried on some rows; a label that is predicted for none of them has no output.

    Probabilities where a classifier gives them, else its decision function, else what `pyfunc.predict` returns: numbers
    as they are, labels as one indicator per class. Of several columns `output` is the one that is explained; without it
    all are, if all are numbers, else the only one that is.

    Raises
    ------
    ExplanationError
        The model answers with something that has no numbers in it, or with several columns of which `output` has to
        name one.
    """
    if model.native is not None:
        is_classifier = _classes(model.native) is not None and model.predict_fn in _OF_CLASSIFIERS
        classifier = model.native if is_classifier else None
    else:
        classifier = _classifier_inside(model, probe)
    if classifier is not None:
        response = _classifier_response(model, cast(_Classifier, classifier), probe)
        if response is not None and output is not None:
            raise ExplanationError(
                f"explain.output is {output!r}, and the model is a classifier that returns one column: its classes are "
                f"explained, {', '.join(response.outputs)}",
                where=model.reference.uri,
                fix="Leave explain.output out",
            )
        if response is not None:
            return response
    return _prediction_response(model, probe, output)


def positive_class_scores(values: NDArray[Any], classes: int) -> Floats:
    """(n, classes) scores with a binary pair reduced to its positive class, as float64."""
    scores = np.asarray(values, dtype=np.float64)
    return scores[:, 1:] if classes == 2 and scores.shape[1] == 2 else scores


def class_output_names(classes: Sequence[Any]) -> tuple[str, ...]:
    """The output names of a classification: the positive class of two, else every class."""
    return tuple(str(label) for label in (classes[1:] if len(classes) == 2 else classes))


def _classes(estimator: object) -> list[Any] | None:
    """The labels of a single-output classifier; None for anything else."""
    classes = getattr(estimator, "classes_", None)
    if not isinstance(classes, np.ndarray) or classes.ndim != 1 or not len(classes):
        return None
    # To NumPy, the values of dates in nanoseconds are whole numbers.
    return list(pa.array(classes).to_pylist() if classes.dtype.kind == "M" else classes.tolist())


def _classifier_inside(model: LoadedModel, probe: "pd.DataFrame") -> object | None:
    """The classifier of a custom model, when the labels it predicts are that classifier's own verdict on the same rows.

    A Python model may do anything between its input and its classifier, or return something else than its labels;
    then only what it returns is explained.
    """
    inner = model.inner
    classes = _classes(inner)
    if classes is None or not hasattr(inner, "predict_proba"):
        return None
    answer = list(model.answer(probe).values())
    places = label_places(answer[0], [str(label) for label in classes])
    if len(answer) != 1 or (places < 0).any():
        return None
    try:
        scores = to_floats(model.answer(probe, method="predict_proba"))
    except (PredictionError, pa.ArrowException):
        # It takes other columns than the model round it: not the function that is to be explained.
        return None
    if scores.shape != (len(probe), len(classes)):
        return None
    decision = read_decision(model, inner, classes, positive_class_scores(scores, len(classes)), probe, "probability")
    return inner if decision.follows and decision.undecided is None else None


def _classifier_response(model: LoadedModel, classifier: _Classifier, probe: "pd.DataFrame") -> Response | None:
    classes = _classes(classifier)
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


def to_fitted_columns(
    rows: "pd.DataFrame", estimator: object, model: LoadedModel | None = None
) -> "pd.DataFrame | NDArray[Any]":
    """The rows as the estimator was fitted: its own columns by name, or an array when it was fitted without names.

    A model of text gets its one column as a Series, missing values are marked as it knows them: see `to_native_input`.
    A `model` that was logged with numbers for names gets a frame with these.
    """
    named = rows if model is None else model.with_own_names(rows)
    has_numbers = named is not rows
    rows = to_native_input(named, estimator)
    names = getattr(estimator, "feature_names_in_", None)
    if rows.ndim == 1:
        return rows
    if names is None and not has_numbers:
        return floats_of(rows).to_numpy() if getattr(estimator, "n_features_in_", None) == rows.shape[1] else rows
    if names is None:
        return rows
    places = match_names(names, list(rows.columns))
    if places is not None:
        return rows.iloc[:, places]
    # Signed as an array, or under other names: by position.
    return floats_of(rows).to_numpy() if len(names) == rows.shape[1] else rows


def _prediction_response(model: LoadedModel, probe: "pd.DataFrame", output: str | None) -> Response:
    answer = model.answer(probe)
    chosen, note = choose_output(answer, output, model.reference.uri)

    def ask(rows: "pd.DataFrame", answer: dict[str, pa.Array] | None = None) -> dict[str, pa.Array]:
        answer = model.answer(rows) if answer is None else answer
        missing = chosen is not None and chosen not in answer
        if missing:
            raise ExplanationError(
                f"The model returned the columns {', '.join(answer)} after {chosen} for other rows",
                where="predict",
                fix="Return the same columns for every row",
            )
        return flatten_lists(answer if chosen is None else {chosen: answer[chosen]})

    first = ask(probe, answer)
    if all(is_numeric(column) for column in first.values()) and not _numbers_clusters(model):
        outputs = (chosen,) if chosen is not None else ("prediction",) if len(first) == 1 else tuple(first)

        def numbers(rows: "pd.DataFrame") -> Floats:
            return finite(to_floats(ask(rows)), len(rows), len(outputs))

        return Response("identity", outputs, None, numbers, note)
    column = next(iter(first.values()))
    may_be_labels = _may_be_labels(column.type) or is_numeric(column)
    labels = tuple(sorted(set(column.to_pylist()) - {None}, key=str)) if may_be_labels else ()
    if len(first) > 1 or not labels or len(labels) > _MOST_LABELS:
        types = ", ".join(dict.fromkeys(str(each.type) for each in first.values()))
        raise ExplanationError(
            f"The model returns {types} in {len(first)} columns, which are neither numbers nor class labels",
            where=model.reference.uri,
            fix="Explain a model that returns numbers, or give it explain_samples(inputs)",
        )
    if labels in ((False, True), (True,), (False,)):
        labels = (False, True)
    outputs_of_labels = class_output_names(labels) if len(labels) > 1 else (str(labels[0]),)

    def indicators(rows: "pd.DataFrame") -> Floats:
        (values,) = ask(rows).values()
        return np.equal.outer(label_places(values, outputs_of_labels), np.arange(len(outputs_of_labels))).astype(float)

    return Response(
        "probability",
        outputs_of_labels,
        # Labels beside other columns are not what predict returns as a whole.
        labels if chosen is None else None,
        indicators,
        note,
    )


def _numbers_clusters(model: LoadedModel) -> bool:
    """Whether the model answers with the number of a cluster, which is a name and no quantity."""
    from sklearn.base import BaseEstimator, is_clusterer

    return isinstance(model.native, BaseEstimator) and bool(is_clusterer(model.native))


def _may_be_labels(kind: pa.DataType) -> bool:
    return bool(
        pat.is_boolean(kind)
        or pat.is_string(kind)
        or pat.is_large_string(kind)
        or pat.is_binary(kind)
        or pat.is_temporal(kind)
    )
