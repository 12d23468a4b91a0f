"""Predictions and explanations of a table, as streams."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, get_args

import pyarrow as pa

from mlops_assets.arrow.provenance import with_provenance
from mlops_assets.direct.model import open_model
from mlops_assets.direct.samples import AcceptedRows, accept_rows, read_background
from mlops_assets.direct.settings import DirectSettings
from mlops_assets.direct.tables import open_table, without_numbering
from mlops_assets.engines.local import LocalEngine
from mlops_assets.errors import ConfigurationError, did_you_mean
from mlops_assets.explain.explainers.explainer import ExplainConfig
from mlops_assets.explain.ledger.explain_table import explain_table
from mlops_assets.explain.ledger.selection import Selection
from mlops_assets.models.loaded_model import PredictMethod
from mlops_assets.models.reference import ModelReference
from mlops_assets.progress.report import say
from mlops_assets.scoring.score_table import score_table


@dataclass(frozen=True)
class DirectResult:
    """A result that is made while it is read.

    Attributes
    ----------
    stream
        The rows, with their provenance.
    reference
        The version that made them.
    accepted
        The rows that they are made of.
    rows
        How many the stream will have at most.
    method
        How the result was made, in words.
    """

    stream: pa.RecordBatchReader
    reference: ModelReference
    accepted: AcceptedRows
    rows: int
    method: str


@contextmanager
def open_predictions(
    model: str,
    table: object,
    settings: DirectSettings,
    *,
    method: PredictMethod = "predict",
    params: Mapping[str, Any] | None = None,
    limit: int | None = None,
) -> Iterator[DirectResult]:
    """What `predictions` of a graph holds for the same model, table and settings.

    Parameters
    ----------
    model, table
        See `parse_model` and `open_table`.
    limit
        Read only the first rows.
    """
    if method not in get_args(PredictMethod):
        raise ConfigurationError(
            f"method is {method!r}{did_you_mean(method, get_args(PredictMethod))}",
            fix=f"Use {' or '.join(get_args(PredictMethod))}",
        )
    rows = open_table(table, settings, limit)
    pinned = open_model(model, settings)
    with accept_rows(pinned, rows, settings) as accepted:
        scored = score_table(
            pinned.model,
            accepted.signature,
            accepted.dataset,
            LocalEngine(settings.workers),
            name=pinned.name,
            method=method,
            params=params,
            show_values=settings.show_values,
            log=say,
        )
        yield DirectResult(
            with_provenance(scored.stream, scored.provenance),
            pinned.model.reference,
            accepted,
            accepted.read - accepted.rejected,
            method,
        )


@contextmanager
def open_explanations(
    model: str,
    table: object,
    settings: DirectSettings,
    *,
    config: ExplainConfig | None = None,
    selection: Selection | None = None,
    background: object | None = None,
) -> Iterator[DirectResult]:
    """What `sample_explanations` of a graph holds for the same model, table and settings.

    Parameters
    ----------
    model, table
        See `parse_model` and `open_table`.
    config, selection
        How, and which rows.
    background
        The table to compare with, where `config.own_background`; None: it is drawn from all rows of `table`.
    """
    config = config or ExplainConfig()
    rows = open_table(table, settings, label=config.label)
    compared = None if background is None else open_table(without_numbering(background), DirectSettings())
    pinned = open_model(model, settings)
    with accept_rows(pinned, rows, settings, config.label) as accepted:
        explained = explain_table(
            pinned.model,
            accepted.signature,
            accepted.dataset,
            lambda: LocalEngine(settings.workers),
            name=pinned.name,
            settings=config,
            selection=selection or Selection(),
            show_values=settings.show_values,
            log=say,
            background=None if compared is None else read_background(accepted, compared, settings),
        )
        explainer, limit = explained.explainer, explained.work.selection.limit
        count = explained.rows if limit is None else min(explained.rows, limit)
        yield DirectResult(
            with_provenance(
                pa.RecordBatchReader.from_batches(explained.schema, explained.batches()), explained.provenance
            ),
            pinned.model.reference,
            accepted,
            count * len(explainer.outputs),
            f"{explainer.KIND}, on the scale of {explainer.space}: {explainer.reason}",
        )
