"""The numbers in what a model predicts: as they are, or one indicator per class where it predicts labels."""

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.types as pat

from mlops_assets.errors import ExplanationError
from mlops_assets.explain.decisions import label_places
from mlops_assets.explain.explainers.answer_numbers import choose_output, finite, flatten_lists, is_numeric, to_floats
from mlops_assets.explain.explainers.response import Response, class_output_names
from mlops_assets.models.loaded_model import LoadedModel
from mlops_assets.trees.arrays import Floats

if TYPE_CHECKING:
    import pandas as pd

# More labels than this are names or numbers that happen to be whole, not classes.
_MOST_LABELS = 100


def prediction_response(model: LoadedModel, probe: "pd.DataFrame", output: str | None) -> Response:
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

    labels = model.predict_fn == "predict"  # its `transform` gives distances
    return labels and isinstance(model.native, BaseEstimator) and bool(is_clusterer(model.native))


def _may_be_labels(kind: pa.DataType) -> bool:
    return bool(
        pat.is_boolean(kind)
        or pat.is_string(kind)
        or pat.is_large_string(kind)
        or pat.is_binary(kind)
        or pat.is_temporal(kind)
    )
