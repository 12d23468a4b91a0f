"""Predictions for a table of accepted rows, with what the table of predictions says of its making."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.dataset as ds

from mlops_assets.arrow.content_hash import hash_of
from mlops_assets.arrow.provenance import Provenance
from mlops_assets.arrow.row_keys import named_rows, with_named_rows
from mlops_assets.arrow.views import first_of
from mlops_assets.engines.chunk_store import ChunkStore
from mlops_assets.engines.engine import Engine, InputRows, Run, Tally, stream_results
from mlops_assets.engines.part_work import DonePart, PartsRun, PartTask, seconds_per_row
from mlops_assets.engines.pieces import PIECE_SECONDS
from mlops_assets.engines.speed import Speed, in_one_thread
from mlops_assets.models.loaded_model import LoadedModel, PredictMethod
from mlops_assets.progress.report import track
from mlops_assets.scoring.batch_dependence import (
    MOST_ROWS,
    BatchDependence,
    has_same_bits_alone,
    measure_batch_dependence,
)
from mlops_assets.scoring.predict import PredictWork
from mlops_assets.scoring.provenance import PredictionsProvenance
from mlops_assets.scoring.statistics import ColumnStatistics
from mlops_assets.tables.staged_table import Destination, SourcePart, StagedTable

CODE_VERSION = "1"
"""Part of the data version of predictions, and Dagster's code version of their asset."""

STATISTICS = "statistics"
"""Of a part's facts: those of its columns, as JSON."""

PREDICTED_ROWS = 65_536
"""Of one chunk, where the settings name no number: what a killed run loses is seconds of predicting."""


@dataclass(frozen=True)
class ScoredTable:
    """Predictions: a stream that is made while it is read, or parts that are there.

    Attributes
    ----------
    rows
        Row key, output columns, version and digest; one row per row and in the same order.
    provenance
        For the table that they become.
    tally
        What was done; of a stream it counts along.
    statistics
        One per output column; of a stream they are filled while it is read.
    """

    rows: pa.RecordBatchReader | StagedTable
    provenance: Provenance
    tally: Tally
    statistics: dict[str, ColumnStatistics]

    @property
    def data_version(self) -> str:
        """A hash of the model's digest, the signature, the rows and the params."""
        return self.provenance.data_version or ""

    @property
    def stream(self) -> pa.RecordBatchReader:
        """The rows as a stream, in either case."""
        return self.rows.reader() if isinstance(self.rows, StagedTable) else self.rows


@dataclass(frozen=True)
class PredictTask(PartTask[PredictWork]):
    """Predictions of one part."""

    doing: ClassVar[str] = "predicting"

    def combine(
        self, results: Iterator[pa.RecordBatch]
    ) -> tuple[pa.RecordBatchReader, Callable[[], Mapping[str, str]]]:
        scorer = replace(self.work.scorer, statistics={})
        stream = scorer.combine(results, self.source.schema, self.schema)

        def facts() -> dict[str, str]:
            return {STATISTICS: json.dumps({name: one.as_json() for name, one in scorer.statistics.items()})}

        return stream, facts


def _try_on_few_rows(work: PredictWork, rows: InputRows) -> tuple[PredictWork, BatchDependence, float]:
    """How the predictions of the first rows depend on their batch; the work, to be cut where a chunk is costly; and
    about how many seconds a row takes.
    """
    sample = first_of(rows.dataset, MOST_ROWS)
    speed = Speed()
    dependence = measure_batch_dependence(lambda batch: speed.measure(work.scorer.score, batch), sample)
    # Without declared types those of the first few rows would be the table's.
    declares_outputs = work.scorer.outputs is not None
    if declares_outputs and speed.per_row * min(rows.count, rows.chunk_rows) > 2 * PIECE_SECONDS:
        work = replace(work, may_be_cut=has_same_bits_alone(work.scorer.score, sample))
    return work, dependence, speed.per_row


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
    parts: Sequence[SourcePart] = (),
    target: Destination | None = None,
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
    parts, target
        The parts of `samples`, and where those of the predictions go: then each is made from its file to its file.

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
    with named_rows(show_values=show_values), track("predicting a few rows", unit=""), in_one_thread():
        work, dependence, rough = _try_on_few_rows(work, rows)
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
    # Without declared types those of the first rows are the table's, and each part has other first rows.
    if parts and target is not None and work.scorer.outputs is not None:
        few = work.scorer.combine(iter([work.scorer.score(first_of(samples, 1).to_batches()[0])]), samples.schema)
        tasks = [PredictTask(work, part, target, rows.chunk_rows, few.schema) for part in parts]
        most = max(part.rows for part in parts)
        cost = seconds_per_row(work, samples, most, rough, work.scorer.score)
        parts_run = PartsRun(tasks, store, cost, run.tally, log)
        with named_rows(show_values=show_values):
            done = parts_run.do(engine)
        staged = StagedTable(target, tuple(each.part for each in done), few.schema)
        return ScoredTable(staged, provenance, run.tally, _merged_statistics(done))
    results = with_named_rows(stream_results(engine, run), show_values=show_values)
    stream = work.scorer.combine(results, samples.schema)
    return ScoredTable(stream, provenance, run.tally, work.scorer.statistics)


def _merged_statistics(done: Sequence[DonePart]) -> dict[str, ColumnStatistics]:
    merged: dict[str, ColumnStatistics] = {}
    for each in done:
        for name, values in json.loads(each.part.facts.get(STATISTICS, "{}")).items():
            one = ColumnStatistics.from_json(values)
            if name in merged:
                merged[name].merge(one)
            else:
                merged[name] = one
    return merged
