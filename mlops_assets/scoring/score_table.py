"""Predictions for a table of accepted rows, with what the table of predictions says of its making."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds

from mlops_assets.arrow.content_hash import hash_of
from mlops_assets.arrow.provenance import Provenance
from mlops_assets.arrow.row_keys import named_rows, with_named_rows
from mlops_assets.arrow.views import first_of
from mlops_assets.engines.chunk_store import ChunkStore
from mlops_assets.engines.engine import Engine, InputRows, Run, stream_results
from mlops_assets.engines.pieces import PIECE_SECONDS
from mlops_assets.engines.speed import Speed
from mlops_assets.models.loaded_model import LoadedModel, PredictMethod
from mlops_assets.progress.report import track
from mlops_assets.scoring.batch_dependence import (
    MOST_ROWS,
    BatchDependence,
    has_same_bits_alone,
    measure_batch_dependence,
)
from mlops_assets.scoring.predict import PredictWork, Scorer
from mlops_assets.scoring.provenance import PredictionsProvenance

CODE_VERSION = "1"
"""Part of the data version of predictions, and Dagster's code version of their asset."""

PREDICTED_ROWS = 65_536
"""Of one chunk, where the settings name no number: what a killed run loses is seconds of predicting."""


@dataclass(frozen=True)
class ScoredTable:
    """Predictions that are made while they are read.

    Attributes
    ----------
    stream
        Row key, output columns, version and digest; one row per row and in the same order.
    provenance
        For the table that they become.
    scorer
        Its statistics are filled while the stream is read.
    run
        Its tally counts along.
    """

    stream: pa.RecordBatchReader
    provenance: Provenance
    scorer: Scorer
    run: Run

    @property
    def data_version(self) -> str:
        """A hash of the model's digest, the signature, the rows and the params."""
        return self.provenance.data_version or ""


def _try_on_few_rows(work: PredictWork, rows: InputRows) -> tuple[PredictWork, BatchDependence]:
    """How the predictions of the first rows depend on their batch; and the work, to be cut where a chunk is costly."""
    sample = first_of(rows.dataset, MOST_ROWS)
    speed = Speed()
    dependence = measure_batch_dependence(lambda batch: speed.measure(work.scorer.score, batch), sample)
    # Without declared types those of the first few rows would be the table's.
    declares_outputs = work.scorer.outputs is not None
    if declares_outputs and speed.per_row * min(rows.count, rows.chunk_rows) > 2 * PIECE_SECONDS:
        work = replace(work, may_be_cut=has_same_bits_alone(work.scorer.score, sample))
    return work, dependence


def score_table(
    model: LoadedModel,
    signature: str,
    samples: ds.Dataset,
    engine: Engine,
    *,
    name: str,
    method: PredictMethod = "predict",
    params: Mapping[str, Any] | None = None,
    batch_rows: int | None = None,
    store: ChunkStore | None = None,
    show_values: bool = False,
    log: Callable[[str], None] = lambda _line: None,
) -> ScoredTable:
    """What a pinned version says of every row of `samples`.

    Parameters
    ----------
    model, signature
        The version, and the signature's JSON.
    samples
        Rows that conform to it, with their provenance (row key, data version, parts).
    engine, store, log
        Where the work is done, where results are kept, who is told of it.
    name
        The registered model.
    method, params, batch_rows
        Which of the model's methods answers, with which inference params, about how many rows at once.
    show_values
        Errors may name the first row keys of the chunk that failed.

    Raises
    ------
    SignatureError
        The signature has no such params.
    PredictionError
        See `Scorer`; while the stream is read.
    """
    from mlops_assets.scoring.params import validate_params
    from mlops_assets.signatures.mlflow.signature_json import signature_from_json, signature_hash

    reference, source = model.reference, Provenance.of(samples.schema)
    given = validate_params(dict(params or {}), signature_from_json(signature).params, where=reference.uri)
    rows = InputRows.of(samples, batch_rows, PREDICTED_ROWS)
    work = PredictWork(model, signature, source.row_key, given, method, rows.count)
    with named_rows(show_values=show_values), track("predicting a few rows", unit=""):
        work, dependence = _try_on_few_rows(work, rows)
    run = Run(work, rows, store, log=log)
    provenance = Provenance(
        row_key=source.row_key,
        model=name,
        model_uri=reference.uri,
        model_digest=reference.digest,
        signature_hash=signature_hash(signature),
        inputs_version=source.data_version,
        data_version=hash_of(
            CODE_VERSION,
            reference.digest,
            str(reference.version),
            signature_hash(signature),
            source.data_version or "",
            method,
            json.dumps(given, sort_keys=True, default=str),
        ),
        extra=PredictionsProvenance(method, given, dependence).to_extra(),
    )
    results = with_named_rows(stream_results(engine, run), show_values=show_values)
    stream = work.scorer.combine(results, samples.schema)
    return ScoredTable(stream, provenance, work.scorer, run)
