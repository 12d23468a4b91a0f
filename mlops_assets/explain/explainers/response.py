"""A model's answers as numbers: the function that is explained, and what explainers are checked against."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from mlops_assets.errors import ExplanationError, PredictionError, did_you_mean
from mlops_assets.models.column_names import match_names
from mlops_assets.models.loaded_model import LoadedModel
from mlops_assets.models.native_input import floats_of, to_native_input
from mlops_assets.trees.arrays import Floats, Space

if TYPE_CHECKING:
    import pandas as pd

# More labels than this are names or numbers that happen to be whole, not classes.
_MOST_LABELS = 100


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
    """

    space: Space
    outputs: tuple[str, ...]
    classes: tuple[Any, ...] | None
    of: "Callable[[pd.DataFrame], Floats]"
    note: str = ""


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
        classifier = model.native if _classes(model.native) is not None else None
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


def read_answer(answer: Any, rows: int) -> tuple[NDArray[Any], tuple[str, ...] | None]:
    """A prediction of any container as an (n, k) array, with its columns' names where it has some.

    Raises
    ------
    ExplanationError
        It does not hold one prediction per row.
    """
    import pandas as pd

    if isinstance(answer, Mapping):
        answer = pd.DataFrame({key: np.asarray(value).reshape(rows, -1)[:, 0] for key, value in answer.items()})
    names: tuple[str, ...] | None = None
    if isinstance(answer, pd.DataFrame):
        names = tuple(str(name) for name in answer.columns)
        values = answer.to_numpy()
    elif isinstance(answer, list) and answer and isinstance(answer[0], Mapping):
        return read_answer(pd.DataFrame(answer), rows)
    else:
        values = answer.toarray() if hasattr(answer, "toarray") else np.asarray(answer)
    if values.ndim == 0 or values.shape[0] != rows:
        raise ExplanationError(
            f"The model returned an answer of shape {values.shape} for {rows} rows",
            where="predict",
            fix="Return one prediction per row",
        )
    return values.reshape(rows, -1), names


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
    if not isinstance(classes, np.ndarray) or classes.ndim != 1 or len(classes) < 2:
        return None
    return list(classes.tolist())


def _classifier_inside(model: LoadedModel, probe: "pd.DataFrame") -> object | None:
    """The classifier of a custom model, when the labels it predicts are that classifier's own verdict on the same rows.

    A Python model may do anything between its input and its classifier, or return something else than its labels;
    then only what it returns is explained.
    """
    inner = model.inner
    classes = _classes(inner)
    if classes is None or not hasattr(inner, "predict_proba"):
        return None
    labels, _ = read_answer(model.predict(probe), len(probe))
    if labels.shape[1] != 1 or not set(labels[:, 0].tolist()) <= set(classes):
        return None
    try:
        scores = np.asarray(model.predict(probe, method="predict_proba"), dtype=np.float64)
    except (PredictionError, ValueError, TypeError):
        # It takes other columns than the model round it: not the function that is to be explained.
        return None
    if scores.shape != (len(probe), len(classes)):
        return None
    winners = [classes[place] for place in scores.argmax(axis=1)]
    return inner if winners == labels[:, 0].tolist() else None


def _classifier_response(model: LoadedModel, classifier: _Classifier, probe: "pd.DataFrame") -> Response | None:
    classes = _classes(classifier)
    assert classes is not None
    if callable(getattr(classifier, "predict_proba", None)):

        def probabilities(rows: "pd.DataFrame") -> Floats:
            answer = model.predict(to_fitted_columns(rows, classifier), method="predict_proba")
            return _checked(positive_class_scores(np.asarray(answer), len(classes)), len(rows), outputs)

        outputs = class_output_names(classes)
        first = np.asarray(model.predict(to_fitted_columns(probe, classifier), method="predict_proba"))
        if first.ndim != 2:
            return None  # scores of a loss of one's own (LightGBM): no probabilities, and not one per class
        # Some libraries call raw scores so (XGBoost with binary:logitraw).
        are_probabilities = bool(((first >= 0) & (first <= 1)).all()) and not _answers_with_scores(classifier)
        return Response("probability" if are_probabilities else "margin", outputs, tuple(classes), probabilities)
    decide = getattr(classifier, "decision_function", None)
    if not callable(decide) or model.native is None:
        return None

    def margins(rows: "pd.DataFrame") -> Floats:
        return np.asarray(decide(to_fitted_columns(rows, classifier)), dtype=np.float64).reshape(len(rows), -1)

    outputs = class_output_names(classes)
    # One-against-one machines return a column per pair of classes, which is a score of no class.
    return Response("margin", outputs, tuple(classes), margins) if margins(probe).shape[1] == len(outputs) else None


def _answers_with_scores(classifier: Any) -> bool:
    """Whether what a booster calls probabilities are raw scores: XGBoost's `binary:logitraw`, losses of one's own."""
    objective = getattr(classifier, "objective_", None) or getattr(classifier, "objective", None)
    return callable(objective) or objective == "binary:logitraw"


def to_fitted_columns(rows: "pd.DataFrame", estimator: object) -> "pd.DataFrame | NDArray[Any]":
    """The rows as the estimator was fitted: its own columns by name, or an array when it was fitted without names.

    A model of text gets its one column as a Series, missing values are marked as it knows them: see `to_native_input`.
    """
    rows = to_native_input(rows, estimator)
    names = getattr(estimator, "feature_names_in_", None)
    if rows.ndim == 1:
        return rows
    if names is None:
        return floats_of(rows).to_numpy() if getattr(estimator, "n_features_in_", None) == rows.shape[1] else rows
    places = match_names(names, list(rows.columns))
    return rows.iloc[:, places] if places is not None else rows


def _prediction_response(model: LoadedModel, probe: "pd.DataFrame", output: str | None) -> Response:
    answer = model.predict(probe)
    chosen, note = choose_output(answer, len(probe), output, model.reference.uri)

    def ask(rows: "pd.DataFrame", answer: Any = None) -> tuple[NDArray[Any], tuple[str, ...] | None]:
        answer = model.predict(rows) if answer is None else answer
        frame = None if chosen is None else _as_frame(answer, len(rows))
        return read_answer(answer if frame is None else frame[[chosen]], len(rows))

    first, names = ask(probe, answer)
    if first.dtype.kind in "iuf":
        outputs = (chosen,) if chosen is not None else _output_names(model, names, first.shape[1])

        def numbers(rows: "pd.DataFrame") -> Floats:
            values, _ = ask(rows)
            return _checked(values.astype(np.float64), len(rows), outputs)

        return Response("identity", outputs, None, numbers, note)
    labels = tuple(sorted(set(first.ravel().tolist()), key=str))
    if first.shape[1] != 1 or len(labels) > _MOST_LABELS or not all(isinstance(x, str | bool) for x in labels):
        raise ExplanationError(
            f"The model returns {first.dtype} in {first.shape[1]} columns, which are neither numbers nor class labels",
            where=model.reference.uri,
            fix="Explain a model that returns numbers, or give it explain_samples(inputs)",
        )
    if labels in ((False, True), (True,), (False,)):
        labels = (False, True)

    def indicators(rows: "pd.DataFrame") -> Floats:
        values, _ = ask(rows)
        shown = class_labels[1:] if len(class_labels) == 2 else class_labels
        return np.stack([values[:, 0] == label for label in shown], axis=1).astype(np.float64)

    class_labels = labels
    return Response(
        "probability",
        class_output_names(labels) if len(labels) > 1 else (str(labels[0]),),
        # Labels beside other columns are not what predict returns as a whole.
        labels if chosen is None else None,
        indicators,
        note,
    )


def choose_output(answer: Any, rows: int, output: str | None, where: str) -> tuple[str | None, str]:
    """Which column of an answer is explained, and a note that says so; None: the answer as a whole.

    Raises
    ------
    ExplanationError
        `output` is none of its columns; or it is None, and several columns are numbers while others are not.
    """
    frame = _as_frame(answer, rows)
    if frame is None:
        if output is not None:
            raise ExplanationError(
                f"explain.output is {output!r}, and the model returns no columns with names",
                where=where,
                fix="Leave explain.output out, or return a DataFrame with named columns",
            )
        return None, ""
    names = [str(name) for name in frame.columns]
    numeric = [name for name in names if frame[name].dtype.kind in "iuf"]
    if output is not None:
        if output not in names:
            raise ExplanationError(
                f"explain.output is {output!r}{did_you_mean(output, names)}, and the model returns {', '.join(names)}",
                where=where,
                fix=f"Write `explain: {{output: {(numeric or names)[0]}}}` into its YAML, or another of its columns",
            )
        return output, f"explain.output names {output!r}"
    if len(names) == 1 or len(numeric) == len(names):
        return None, ""
    if len(numeric) == 1:
        return numeric[0], f"explained is {numeric[0]!r}, the only number among the model's outputs {', '.join(names)}"
    candidates = numeric or names
    raise ExplanationError(
        f"The model returns {len(names)} columns ({', '.join(names)}), of which "
        + (f"several are numbers ({', '.join(numeric)})" if numeric else "none is a number"),
        where=where,
        fix=f"Say which one is explained: `explain: {{output: {candidates[0]}}}` in its YAML, or "
        + " or ".join(candidates[1:]),
    )


def _as_frame(answer: Any, rows: int) -> "pd.DataFrame | None":
    """An answer that names its columns, as a frame of plain types with names that are text; None for any other."""
    import pandas as pd

    if isinstance(answer, Mapping):
        answer = {key: np.asarray(value).reshape(rows, -1)[:, 0] for key, value in answer.items()}
    elif not (isinstance(answer, pd.DataFrame) or (isinstance(answer, list) and answer and _are_mappings(answer))):
        return None
    frame = floats_of(pd.DataFrame(answer).infer_objects())
    return frame.set_axis([str(name) for name in frame.columns], axis="columns")


def _are_mappings(answer: list[Any]) -> bool:
    return all(isinstance(row, Mapping) for row in answer)


def _output_names(model: LoadedModel, returned: tuple[str, ...] | None, count: int) -> tuple[str, ...]:
    """Names for the columns of a prediction: the only one is ``prediction`` whatever the signature calls it."""
    if count == 1:
        return ("prediction",)
    signature = model.signature
    named = signature.outputs.input_names() if signature is not None and signature.outputs is not None else []
    if len(named) == count and all(isinstance(name, str) for name in named):
        return tuple(named)
    return returned if returned is not None else tuple(f"prediction_{place}" for place in range(count))


def _checked(values: Floats, rows: int, outputs: Sequence[str]) -> Floats:
    if values.shape != (rows, len(outputs)):
        raise ExplanationError(
            f"The model returned numbers of shape {values.shape}, not ({rows}, {len(outputs)})", where="predict"
        )
    if not np.isfinite(values).all():
        raise ExplanationError("The model predicts values that are not finite, which cannot be attributed")
    return values
