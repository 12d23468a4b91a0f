"""The ledger of a table of accepted rows, with what it says of its making."""

import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, islice

import pyarrow as pa
import pyarrow.dataset as ds

from mlops_assets.arrow.content_hash import hash_of
from mlops_assets.arrow.provenance import Provenance
from mlops_assets.arrow.row_keys import named_rows, with_named_rows
from mlops_assets.arrow.views import first_of, rows_of
from mlops_assets.engines.chunk_store import ChunkStore
from mlops_assets.engines.engine import Engine, InputRows, Run, stream_results
from mlops_assets.engines.local import available_cores
from mlops_assets.engines.part_work import DonePart, Observer, PartsRun, seconds_per_row
from mlops_assets.engines.pieces import require_budget
from mlops_assets.engines.speed import Speed
from mlops_assets.engines.work import open_work
from mlops_assets.errors import ExplanationError
from mlops_assets.explain.explainers.background_parts import draw_from_parts
from mlops_assets.explain.explainers.explainer import ExplainConfig, Explainer
from mlops_assets.explain.explainers.setup import draw_background_pool
from mlops_assets.explain.ledger.explain_part import ExplainTask
from mlops_assets.explain.ledger.part_selection import select_in_parts
from mlops_assets.explain.ledger.provenance import LedgerProvenance
from mlops_assets.explain.ledger.selection import Selection
from mlops_assets.explain.ledger.work import ExplainWork
from mlops_assets.models.loaded_model import LoadedModel
from mlops_assets.storage.location import Location
from mlops_assets.storage.os_errors import translate_os_errors
from mlops_assets.tables.staged_table import Destination, SourcePart, StagedTable

CODE_VERSION = "3"
"""Part of the data version of a ledger, and Dagster's code version of its asset."""

POOL_FOR_CHOICE = 16_384
"""Rows of a table of several parts with which the explainer is chosen."""

TIMED_ROWS = 64
"""Rows that are explained to see what one costs."""

LEDGER_BYTES = 128 << 20
"""Of the attributions of one chunk: many classes times many columns make it shorter."""

ObserveParts = Callable[[Provenance, int, int], Callable[[], Observer]]
"""Of a ledger of every row: its provenance, how many rows of the inputs come before a part, and how many there are in
all -> what makes the observer of that part. Both can be pickled.
"""


@dataclass(frozen=True)
class ExplainedTable:
    """A ledger that is made while it is read.

    Attributes
    ----------
    schema
        Of the ledger.
    provenance
        For the table that it becomes.
    work, run
        What is done; the run's tally counts along.
    rows
        Rows of the inputs, whether or not they are explained.
    staged
        The parts, where the ledger was made part by part.
    notes
        Of each of these, what its observer has noted; None of one that was found.
    """

    schema: pa.Schema
    provenance: Provenance
    work: ExplainWork
    run: Run
    rows: int
    _results: Callable[[], Iterator[pa.RecordBatch]]
    staged: StagedTable | None = None
    notes: tuple[object, ...] = ()

    @property
    def explainer(self) -> Explainer:
        """What explains."""
        return self.work.explainer

    @property
    def data_version(self) -> str:
        """A hash of the model's digest, the signature, the rows and the settings."""
        return self.provenance.data_version or ""

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The ledger, in the order of the inputs."""
        return self._results()


def explain_table(
    model: LoadedModel,
    signature: str,
    samples: ds.Dataset,
    engine: Callable[[], Engine],
    *,
    name: str,
    settings: ExplainConfig,
    selection: Selection,
    batch_rows: int | None = None,
    store: ChunkStore | None = None,
    show_values: bool = False,
    log: Callable[[str], None] = lambda _line: None,
    parts: Sequence[SourcePart] = (),
    target: Destination | None = None,
    background: pa.Table | None = None,
    observe: ObserveParts | None = None,
) -> ExplainedTable:
    """Why a pinned version says what it says of the selected rows of `samples`.

    Parameters
    ----------
    model, signature
        The version, and the signature's JSON.
    samples
        Rows that conform to it, with their provenance.
    engine, store, log
        Where the work is done, where results are kept, who is told of it.
    name
        The registered model.
    settings, selection
        How, and which rows.
    batch_rows
        About how many rows are explained at once.
    show_values
        Errors may name the first row keys of the chunk that failed.
    parts, target
        The parts of `samples`, and where those of the ledger go: then each is made from its file to its file.
    background
        Conformed rows to compare with, where `settings.own_background`; None: they are drawn from all of `samples`.
    observe
        Who looks at the parts of a ledger of every row while they are made.

    Raises
    ------
    ConfigurationError, ExplanationError
        The model cannot be explained, or not in the way that was asked for.
    """
    from mlops_assets.signatures.mlflow.signature_json import signature_hash

    reference, source = model.reference, Provenance.of(samples.schema)
    selection = replace(selection, label=settings.label)
    by_parts = bool(parts) and target is not None
    key = pa.schema([samples.schema.field(column) for column in source.row_key])
    count = samples.count_rows()
    rows = count if selection.limit is None else min(count, selection.limit)
    # Whether the method needs a background is known with any rows; only to draw one are all parts looked at.
    shown = first_of(samples, POOL_FOR_CHOICE).to_batches() if by_parts else rows_of(samples)
    pool = draw_background_pool(shown, settings) if background is None else background
    work = ExplainWork(model, signature, key, pool, settings, selection, rows)
    if background is None and by_parts and work.explainer.background is not None:
        work = replace(work, background=draw_from_parts(engine(), parts, settings, log))

    ready = None
    with named_rows(show_values=show_values):
        run, may_be_passed_over = run_of(work, samples, batch_rows, store, log), work.explainer.may_be_passed_over
    if may_be_passed_over:
        # It may fail on any row, and no table is explained in two ways: all rows are, before the first is handed on.
        try:
            with named_rows(show_values=show_values):
                ready = _put_aside(stream_results(engine(), run), work.schema, store)
        except ExplanationError as error:
            log(f"Another explainer explains all rows, because the model's own failed: {error}")
            work = replace(work, own_failure=error.what)
            run = run_of(work, samples, batch_rows, store, log)
    chosen = {**settings.as_dict(), "selection": repr(selection)}
    if background is not None:
        chosen["background"] = work.explainer.background_digest
    if work.explainer.preparation:
        log(work.explainer.preparation)
    with named_rows(show_values=show_values):
        described = LedgerProvenance.describe(work.explainer, selection, settings)
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
            json.dumps(chosen, sort_keys=True),
        ),
        extra=described.to_extra(),
    )

    if by_parts and target is not None and ready is None:
        with named_rows(show_values=show_values):
            tasks = [
                ExplainTask(work, part, target, run.rows.chunk_rows, work.schema, chosen)
                for part, chosen in select_in_parts(work, parts, engine, log)
            ]
            if observe is not None and selection.every_row:
                starts = accumulate((task.source.rows for task in tasks), initial=0)
                observers = [observe(provenance, start, count) for start in islice(starts, len(tasks))]
                tasks = [replace(task, observe=one) for task, one in zip(tasks, observers, strict=True)]
            done = _make_parts(tasks, run, engine, samples)
        staged, notes = _staged(done, target, work.schema), tuple(each.notes for each in done)
        return ExplainedTable(work.schema, provenance, work, run, count, lambda: iter(staged.reader()), staged, notes)

    def results() -> Iterator[pa.RecordBatch]:
        return with_named_rows(stream_results(engine(), run) if ready is None else ready(), show_values=show_values)

    return ExplainedTable(work.schema, provenance, work, run, count, results)


def stage_parts(
    tasks: Sequence[ExplainTask], target: Destination, run: Run, engine: Callable[[], Engine], samples: ds.Dataset
) -> StagedTable:
    """The parts that these tasks of one work make, found or made."""
    assert isinstance(run.work, ExplainWork)
    return _staged(_make_parts(tasks, run, engine, samples), target, run.work.schema)


def _staged(done: Sequence[DonePart], target: Destination, schema: pa.Schema) -> StagedTable:
    return StagedTable(target, tuple(each.part for each in done), schema)


def _make_parts(
    tasks: Sequence[ExplainTask], run: Run, engine: Callable[[], Engine], samples: ds.Dataset
) -> list[DonePart]:
    work, done = run.work, list[DonePart]()
    assert isinstance(work, ExplainWork)
    if tasks:
        most = max(task.source.rows for task in tasks)
        cost = seconds_per_row(work, samples, most, _rough_seconds_per_row(work, samples))
        left, cores = sum(task.source.rows for task in tasks), available_cores()
        require_budget(work, cost * left / cores, cores, left)
        done = PartsRun(tasks, run.store, cost, run.tally, run.log).do(engine())
    # Of a part of which no row was taken there is nothing to publish.
    return [each for each in done if each.part.rows]


def run_of(
    work: ExplainWork, samples: ds.Dataset, batch_rows: int | None, store: ChunkStore | None, log: Callable[[str], None]
) -> Run:
    """The work on all selected rows of a table, in chunks whose results take no more than `LEDGER_BYTES`."""
    selection = work.selection
    select = None if selection.every_row else work.select_rows
    most = max(1, min(work.explainer.rows_per_chunk, LEDGER_BYTES // (8 * work.cells_per_row)))
    selected = selection.count_of(samples.count_rows())
    return Run(work, InputRows.of(samples, batch_rows, most, select, selected), store, log=log)


def _rough_seconds_per_row(work: ExplainWork, samples: ds.Dataset) -> float:
    """About how long a row takes; 0 where the work cannot be cut, whatever it costs."""
    if work.grain is None:
        return 0.0
    speed, explain = Speed(), open_work(work)
    rows = first_of(samples, TIMED_ROWS).combine_chunks().to_batches()
    for count in (1, len(rows[0]) // 4, len(rows[0])) if rows else ():
        speed.measure(explain, rows[0].slice(0, max(1, count)))
    return speed.per_row


def _put_aside(
    batches: Iterator[pa.RecordBatch], schema: pa.Schema, store: ChunkStore | None
) -> Callable[[], Iterator[pa.RecordBatch]]:
    """All batches, on disk and not in memory, to be read once; the file has no name and is gone with its reader."""
    folder = None if store is None else store.root
    with translate_os_errors(Location.parse(folder or tempfile.gettempdir())):
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - it is read and closed later
        with pa.ipc.new_stream(pa.PythonFile(file, "w"), schema) as writer:
            for batch in batches:
                writer.write_batch(batch)

    def read() -> Iterator[pa.RecordBatch]:
        with file:
            file.seek(0)
            yield from pa.ipc.open_stream(pa.PythonFile(file, "r"))

    return read
