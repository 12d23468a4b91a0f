"""Models whose numbers are neither one prediction nor the classes of one output: several outputs, labels, outliers."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from mlops_assets.errors import ExplanationError
from mlops_assets.explain.explainers.design import last_estimator
from mlops_assets.explain.explainers.fitted_rows import to_fitted_columns
from mlops_assets.explain.explainers.response import Response
from mlops_assets.models.loaded_model import LoadedModel
from mlops_assets.trees.arrays import Floats
from mlops_assets.trees.read_sklearn_ensembles import inlier_path_length, path_length

if TYPE_CHECKING:
    import pandas as pd


def read_special_response(model: LoadedModel, probe: "pd.DataFrame", output: str | None) -> Response | None:
    """The numbers of a scikit-learn model that `read_response` would take for a regression; None for any other.

    Of a classifier of several outputs, or of labels that do not exclude each other, the probability of each class, of
    two classes the second; called ``<output>:<class>``. Of an outlier detector its decision function, whose sign
    decides; of an isolation forest the path length beyond that of an outlier, which decides alike and adds up.
    """
    native = model.native
    if native is None or model.predict_fn != "predict":
        return None
    last = last_estimator(native)
    if not type(last).__module__.startswith("sklearn."):
        return None
    response: Response | None = None
    if _is_outlier_detector(last):
        response = _outliers(model, last)
    elif isinstance(getattr(last, "classes_", None), list) or _has_labels(last):
        response = _several_outputs(model, last, probe)
    if response is not None and output is not None:
        raise ExplanationError(
            f"explain.output is {output!r}, and all outputs of the model are explained: {', '.join(response.outputs)}",
            where=model.reference.uri,
            fix="Leave explain.output out",
        )
    return response


def explained_classes(estimator: Any) -> list[int]:
    """Of the probabilities of all classes of all outputs, side by side, those that are explained: of two classes the
    second, else every one.
    """
    places, start = [], 0
    classes = getattr(last_estimator(estimator), "classes_", None)
    for labels in classes if isinstance(classes, list) else []:
        places += [start + 1] if len(labels) == 2 else list(range(start, start + len(labels)))
        start += len(labels)
    return places


def _has_labels(estimator: Any) -> bool:
    """Whether its classes are labels of which a row may have several."""
    # Of a neural network's, nothing public says so.
    target = getattr(getattr(estimator, "_label_binarizer", None), "y_type_", "")
    return bool(getattr(estimator, "multilabel_", False)) or target == "multilabel-indicator"


def _several_outputs(model: LoadedModel, last: Any, probe: "pd.DataFrame") -> Response | None:
    native = model.native
    ask = getattr(native, "predict_proba", None)
    if not callable(ask):
        return None

    def answer(rows: "pd.DataFrame") -> Floats:
        probability = model.predict(to_fitted_columns(rows, native, model), method="predict_proba")
        if isinstance(probability, list):
            return np.concatenate([np.asarray(part, np.float64) for part in probability], axis=1)
        return np.asarray(probability, np.float64)

    width = answer(probe).shape[1]
    if isinstance(last.classes_, list) and width == sum(len(labels) for labels in last.classes_):
        classes, places = last.classes_, explained_classes(last)
    else:
        # A column per label: the probability that a row has it.
        count = len(last.classes_)
        classes, places = [np.array([0, 1])] * count, list(range(count))
        if isinstance(last.classes_, list):  # a chain, whose parts know their labels
            classes = last.classes_
        if width != count:
            return None
    columns = tuple(model.answer(probe))  # as predictions call them
    if len(columns) != len(classes):
        return None
    outputs = tuple(
        f"{column}:{label}"
        for column, labels in zip(columns, classes, strict=True)
        for label in (labels[1:] if len(labels) == 2 else labels)
    )
    return Response("probability", outputs, None, lambda rows: answer(rows)[:, places])


def _is_outlier_detector(estimator: Any) -> bool:
    from sklearn.base import is_outlier_detector

    return is_outlier_detector(estimator) and callable(getattr(estimator, "decision_function", None))


def _outliers(model: LoadedModel, last: Any) -> Response:
    native: Any = model.native
    ask: Callable[[Any], Any] = native.decision_function

    def margin(rows: "pd.DataFrame") -> Floats:
        decision = np.asarray(ask(to_fitted_columns(rows, native, model)), np.float64).reshape(len(rows), 1)
        if type(last).__name__ != "IsolationForest":
            return decision
        return path_length(last, decision + last.offset_) - inlier_path_length(last)

    return Response("margin", ("1",), (-1, 1), margin)
