"""How to get numbers from a model: from its classifier where it has one, else from its predictions."""

from typing import TYPE_CHECKING, cast

import pyarrow as pa

from mlops_assets.errors import ExplanationError, PredictionError
from mlops_assets.explain.decisions import label_places
from mlops_assets.explain.explainers.answer_numbers import to_floats
from mlops_assets.explain.explainers.classifier_response import Classifier, classifier_response
from mlops_assets.explain.explainers.decision_rule import read_decision
from mlops_assets.explain.explainers.prediction_response import prediction_response
from mlops_assets.explain.explainers.response import Response, classes_of, positive_class_scores
from mlops_assets.models.loaded_model import LoadedModel

if TYPE_CHECKING:
    import pandas as pd

# Methods of a classifier that a model may be logged with as its own `predict`, and whose answer follows from its
# probabilities or its decision function. What others return is explained as it is.
_OF_CLASSIFIERS = ("predict", "predict_proba", "predict_log_proba", "decision_function")


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
        is_classifier = classes_of(model.native) is not None and model.predict_fn in _OF_CLASSIFIERS
        classifier = model.native if is_classifier else None
    else:
        classifier = _classifier_inside(model, probe)
    if classifier is not None:
        response = classifier_response(model, cast(Classifier, classifier), probe)
        if response is not None and output is not None:
            raise ExplanationError(
                f"explain.output is {output!r}, and the model is a classifier that returns one column: its classes are "
                f"explained, {', '.join(response.outputs)}",
                where=model.reference.uri,
                fix="Leave explain.output out",
            )
        if response is not None:
            return response
    return prediction_response(model, probe, output)


def _classifier_inside(model: LoadedModel, probe: "pd.DataFrame") -> object | None:
    """The classifier of a custom model, when the labels it predicts are that classifier's own verdict on the same rows.

    A Python model may do anything between its input and its classifier, or return something else than its labels;
    then only what it returns is explained.
    """
    inner = model.inner
    classes = classes_of(inner)
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
