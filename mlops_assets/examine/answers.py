"""What the model answers on a few rows: which method is asked, which explainer fits, and what it costs."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from mlops_assets.errors import MlopsAssetsError
from mlops_assets.examine.findings import Notes
from mlops_assets.explain.explainers.explainer import ExplainConfig
from mlops_assets.explain.explainers.setup import draw_background_pool, prepare_for_rows
from mlops_assets.models.loaded_model import LoadedModel, PredictMethod
from mlops_assets.scoring.predict import PredictWork

if TYPE_CHECKING:
    from mlflow.types import Schema

_TRIED_ROWS = 256
_MEASURED_SECONDS = 0.3
_LONG_SECONDS = 3600.0


@dataclass(frozen=True)
class Answers:
    """What was found out by asking.

    Attributes
    ----------
    method
        What `predict.method` should be.
    slow
        Explaining every row takes longer than an hour.
    """

    method: PredictMethod = "predict"
    slow: bool = False


def examine_predictions(
    model: LoadedModel, signature: str, accepted: pa.Table, row_key: tuple[str, ...], predict_fn: str, notes: Notes
) -> PredictMethod | None:
    """The method that says most of each row; None: the model fails on rows that the contract accepted."""
    rows = accepted.slice(0, _TRIED_ROWS).combine_chunks().to_batches()
    with notes.report_errors("predictions"):
        answer = _ask(model, signature, row_key, "predict", rows[0])
        method: PredictMethod = "predict"
        if predict_fn == "predict" and _is_classifier(model):
            try:
                answer = _ask(model, signature, row_key, "predict_proba", rows[0])
                method = "predict_proba"
            except MlopsAssetsError as error:
                notes.add("predictions", "yellow", f"Class labels, no probabilities: {error.what}")
        outputs = [name for name in answer.schema.names if name not in {*row_key, "model_version", "model_digest"}]
        notes.add("predictions", "green", f"{method} answers {rows[0].num_rows:,} rows with: {', '.join(outputs[:10])}")
        return method
    return None


def examine_explanations(
    model: LoadedModel,
    inputs: "Schema | None",
    accepted: pa.Table,
    row_key: tuple[str, ...],
    total: int | None,
    notes: Notes,
) -> bool:
    """Choose the explainer and measure it on a few rows; whether all rows would take long."""
    with notes.report_errors("explanations"):
        config = ExplainConfig()
        pool = draw_background_pool(accepted.to_batches(), config)
        prepared = prepare_for_rows(model, inputs, row_key, pool, config)
        explainer = prepared.explainer
        frame = prepared.to_frame(accepted)
        explainer.explain(frame.head(1))  # compiles its kernel, where it has one

        def explain(rows: int) -> None:
            explainer.explain(frame.head(rows))

        per_second = _measure(explain, len(frame))
        rows = total if total is not None else len(frame)
        seconds = rows / per_second
        slow = seconds > _LONG_SECONDS
        extent = f"all {rows:,} rows" if total is not None else f"each {rows:,} rows"
        notes.add(
            "explanations",
            "yellow" if slow else "green",
            f"{explainer.KIND}, on the scale of {explainer.space}: {explainer.reason}; about {per_second:,.0f} rows a "
            f"second in one process, {_duration(seconds)} for {extent}",
            fix="Write `explain: {sample: 10000}` to explain a seeded sample" if slow else None,
        )
        return slow
    return False


def _ask(
    model: LoadedModel, signature: str, row_key: tuple[str, ...], method: PredictMethod, rows: pa.RecordBatch
) -> pa.RecordBatch:
    return PredictWork(model, signature, row_key, {}, method, rows.num_rows).scorer.score(rows)


def _is_classifier(model: LoadedModel) -> bool:
    return hasattr(model.inner, "predict_proba") and getattr(model.inner, "classes_", None) is not None


def _measure(explain: Callable[[int], None], most: int) -> float:
    """Rows a second, of the first number of rows that takes long enough to be measured."""
    rows = 1
    while True:
        start = time.perf_counter()
        explain(rows)
        seconds = time.perf_counter() - start
        if seconds >= _MEASURED_SECONDS or rows >= most:
            return rows / max(seconds, 1e-6)
        rows = min(most, rows * 8)


def _duration(seconds: float) -> str:
    if seconds < 1:
        return "less than a second"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
