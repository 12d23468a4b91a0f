"""The importances that a model's own `explain_model()` returns, per input column."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from mlops_assets.errors import MlopsAssetsError, NotApplicableError
from mlops_assets.explain.explainers.explainer import ExplanationSubject
from mlops_assets.explain.explainers.inner_models import all_finite, read_transformed_columns, sum_by_source
from mlops_assets.models.prediction_failure import call_model


def find_self_explaining_model(subject: ExplanationSubject) -> Any:
    """The object inside a model that explains itself: the Python model, else its ``.model``, else None."""
    outer = subject.model.python_model if subject.model.python_model is not None else subject.model.native
    for candidate in (outer, getattr(outer, "model", None)):
        if any(callable(getattr(candidate, name, None)) for name in ("explain_samples", "explain_model")):
            return candidate
    return None


def read_model_importance(subject: ExplanationSubject) -> tuple[dict[str, dict[str, float]] | None, str]:
    """The answer of the model's ``explain_model()``, per output; or None, and why it was passed over.

    The answer is a mapping, a Series, a table (``feature`` and ``importance``; an index of names and one column; one
    row), pairs of name and number, or a number per column. Names of transformed columns are summed to the input columns
    where the model's pipeline can be reached. Without that method the reason is empty. Nothing is raised: a run never
    fails for an importance that cannot be named.
    """
    model = find_self_explaining_model(subject)
    ask = getattr(model, "explain_model", None)
    if not callable(ask):
        return None, ""
    try:
        # The user's own code: whatever it raises, the run goes on.
        names, numbers = call_model(lambda: _named_numbers(ask()), lambda error: NotApplicableError(_described(error)))
    except MlopsAssetsError as error:
        return None, f"explain_model() was passed over: {error.what}"
    if not all_finite(numbers):
        return None, "explain_model() was passed over: it returned an importance that is not finite"
    features = subject.features
    summed: dict[str, float] | None = None
    if names is None and len(numbers) == len(features):
        summed = dict(zip(features, numbers, strict=True))
    elif names is not None and len(set(names)) == len(names) and set(names) <= set(features):
        given = dict(zip(names, numbers, strict=True))
        summed = {name: given[name] for name in features if name in given}
    if summed is not None:
        return dict.fromkeys(subject.response.outputs, summed), ""
    pipelines, reason = read_transformed_columns(subject, model)
    for transformed in pipelines:
        width = len(transformed.design.sources)
        by_position = list(range(width)) if len(numbers) == width else None
        places = by_position if names is None else transformed.places(names)
        if places is not None:
            sums = sum_by_source(transformed, places, numbers)
            by_name = {name: value for name, value in zip(features, sums, strict=True) if value is not None}
            return dict.fromkeys(subject.response.outputs, by_name), ""
        reason = "its pipeline makes no such columns"
    unknown = (
        f"{len(numbers)} numbers" if names is None else f"the columns {[n for n in names if n not in features][:5]}"
    )
    return None, f"explain_model() was passed over: it names {unknown}, which are no input columns, and {reason}"


def _named_numbers(answer: Any) -> tuple[list[Any] | None, list[float]]:
    """Names (None where there are only numbers) and numbers."""
    if hasattr(answer, "columns"):
        if {"feature", "importance"} <= set(answer.columns):
            return answer["feature"].tolist(), _numbers(answer["importance"].tolist())
        texts = [name for name in answer.columns if answer[name].dtype.kind not in "biuf"]
        if len(answer.columns) == 2 and len(texts) == 1:
            (number,) = (name for name in answer.columns if name != texts[0])
            return answer[texts[0]].tolist(), _numbers(answer[number].tolist())
        if len(answer.columns) == 1:
            return answer.index.tolist(), _numbers(answer.iloc[:, 0].tolist())
        if len(answer) == 1:
            return list(answer.columns), _numbers(answer.iloc[0].tolist())
        raise TypeError("it returned a table that is neither feature and importance nor one row")
    if hasattr(answer, "to_dict"):
        answer = answer.to_dict()
    if isinstance(answer, Mapping):
        return list(answer), _numbers(list(answer.values()))
    if isinstance(answer, list | tuple | np.ndarray):
        entries = list(answer)
        if entries and all(isinstance(entry, list | tuple) and len(entry) == 2 for entry in entries):
            return [name for name, _ in entries], _numbers([number for _, number in entries])
        return None, _numbers(entries)
    raise TypeError(f"it returned {type(answer).__name__}")


def _numbers(values: list[Any]) -> list[float]:
    return [float(value) for value in values]


def _described(error: BaseException) -> str:
    # The message of other people's errors may hold values of the data.
    return (
        str(error)
        if type(error) is TypeError and str(error).startswith("it returned")
        else f"it raised {type(error).__name__}"
    )
