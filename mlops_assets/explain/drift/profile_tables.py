"""The profile of a run, from its published tables: in one pass over each, or part by part."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import pyarrow as pa
import pyarrow.dataset as ds

from mlops_assets.arrow.content_hash import hash_of
from mlops_assets.arrow.provenance import Provenance
from mlops_assets.arrow.views import rows_of
from mlops_assets.engines.engine import Engine, stream_ends
from mlops_assets.engines.part_work import engine_that_reads
from mlops_assets.engines.tasks import Task, in_order
from mlops_assets.errors import ExplanationError
from mlops_assets.explain.columns import OUTPUT
from mlops_assets.explain.drift.profile import (
    ALL_ROWS,
    Origin,
    OutputProfile,
    Profile,
    Profiler,
    RowsProfile,
    Segments,
    ledger_columns,
    merge_segments,
)
from mlops_assets.explain.drift.segments import cut_beside_inputs, cut_rows, refuse_too_many, refuse_unknown
from mlops_assets.explain.ledger.provenance import LedgerProvenance
from mlops_assets.explain.ledger.stored import StoredLedger
from mlops_assets.tables.staged_table import SourcePart

PROFILE_VERSION = 1
"""Part of a profile's version: raise it with a change that changes profiles."""

Table = Literal["inputs", "predictions", "ledger"]


@dataclass(frozen=True)
class RunTables:
    """The tables of one run, or one partition.

    Attributes
    ----------
    inputs, predictions, ledger
        `input_samples`, `predictions`, `sample_explanations`.
    input_parts, prediction_parts, ledger_parts
        Their parts; none where a table is read as a whole.
    prediction_columns
        Those of `predictions` that the model returned.
    ledger_sums
        What a profile says of the ledger, where somebody has read it already: by output, of its batches as they are
        read here. None: it is read.
    """

    inputs: ds.Dataset
    predictions: ds.Dataset
    ledger: ds.Dataset
    prediction_columns: tuple[str, ...]
    input_parts: tuple[SourcePart, ...] = ()
    prediction_parts: tuple[SourcePart, ...] = ()
    ledger_parts: tuple[SourcePart, ...] = ()
    ledger_sums: Mapping[str, OutputProfile] | None = None


@dataclass(frozen=True)
class ProfileTask(Task[Segments]):
    """The profile of one part of a table.

    Attributes
    ----------
    columns
        Which ones; of the ledger: the explained input columns.
    segments, inputs
        The columns of `input_samples` that say which segment a row is in, and the part of it with the same rows.
    """

    doing: ClassVar[str] = "profiling rows"

    table: Table
    part: SourcePart
    columns: tuple[str, ...]
    segments: tuple[str, ...] = ()
    inputs: SourcePart | None = None

    @property
    def rows(self) -> int | None:
        return self.part.rows

    def run(self) -> Segments:
        inputs = None if self.inputs is None else self.inputs.dataset()
        return profile_rows(self.table, self.part.dataset(), self.columns, self.segments, inputs)


def profile_run(
    tables: RunTables,
    segments: Sequence[str],
    engine: Callable[[], Engine],
    log: Callable[[str], None] = lambda _line: None,
) -> Profile:
    """The profile of a run: the same whoever makes it, and however its tables are cut.

    Parameters
    ----------
    segments
        Columns of `input_samples`.
    engine, log
        Where the work is done, who is told of it.

    Raises
    ------
    ConfigurationError
        `input_samples` lacks a column of the segments, or it has too many values.
    ExplanationError
        The ledger, or the predictions, are not of these inputs.
    """
    samples, predictions, ledger = (
        Provenance.of(table.schema) for table in (tables.inputs, tables.predictions, tables.ledger)
    )
    refuse_unknown(segments, tables.inputs.schema.names)
    origin = LedgerProvenance.of(ledger)
    if not samples.data_version == predictions.inputs_version == ledger.inputs_version:
        raise ExplanationError(
            "The published input_samples are not those that predictions and sample_explanations are made of",
            where=f"profile of {ledger.model}",
            fix="Materialize them again, together with profile",
        )
    columns: dict[Table, tuple[str, ...]] = {
        "inputs": tuple(name for name in tables.inputs.schema.names if name not in samples.row_key),
        "predictions": tables.prediction_columns,
        "ledger": origin.features,
    }
    datasets: dict[Table, ds.Dataset] = {
        "inputs": tables.inputs,
        "predictions": tables.predictions,
        "ledger": tables.ledger,
    }
    parts = _parts(tables, every_row=origin.every_row, segmented=bool(segments))
    found: list[Segments] = []
    if tables.ledger_sums is not None and not segments:
        found.append({ALL_ROWS: RowsProfile(outputs=tables.ledger_sums)})
        datasets.pop("ledger")
        parts.pop("ledger", None)
    found += [
        profile_rows(table, datasets[table], columns[table], segments, tables.inputs)
        for table in datasets
        if not parts.get(table)
    ]
    tasks = [
        ProfileTask(table, part, columns[table], tuple(segments), tables.input_parts[number] if segments else None)
        for table, of_table in parts.items()
        for number, part in enumerate(of_table)
    ]
    if tasks:
        engine_of_parts = engine_that_reads(engine(), [task.part for task in tasks], log)
        found += in_order(stream_ends(engine_of_parts, tasks, log))
    merged = merge_segments(found)
    # Each part may have few.
    refuse_too_many(merged, segments)
    versions = [source.data_version or "" for source in (samples, predictions, ledger)]
    return Profile(
        Origin(
            version=hash_of("profile", str(PROFILE_VERSION), *versions, *segments),
            model_uri=ledger.model_uri,
            model_digest=ledger.model_digest,
            space=origin.space,
            explainer=origin.explainer,
            background=origin.background_digest,
            selection=origin.selection,
        ),
        _in_order_of_names(merged),
    )


def profile_inputs(
    batches: pa.RecordBatchReader, row_key: Sequence[str], segments: Sequence[str], content: str, where: str
) -> Profile:
    """The profile of rows that no model has seen.

    Parameters
    ----------
    batches, row_key
        Rows to which the signature was applied. One pass.
    segments
        As of `profile_run`.
    content
        A hash of the rows.
    where
        What they are called in errors.
    """
    names = batches.schema.names
    refuse_unknown(segments, names, where)
    columns = [name for name in names if name not in row_key]
    pieces = (piece for batch in batches for piece in cut_rows(batch, batch.select(list(segments))))
    found = _profile_pieces("inputs", pieces, columns, segments, _without_rows(batches.schema, columns))
    version = hash_of("profile", str(PROFILE_VERSION), content, *segments)
    return Profile(Origin(version), _in_order_of_names(found))


def profile_rows(
    table: Table, dataset: ds.Dataset, columns: Sequence[str], segments: Sequence[str], inputs: ds.Dataset | None
) -> Segments:
    """The profile of the rows of one table, or a part of it; arguments as of `ProfileTask`. One pass."""
    stored, read, output = None, list(columns), None
    if table == "ledger":
        stored, read = StoredLedger.of(dataset), ledger_columns(columns)
        outputs = LedgerProvenance.of(stored.provenance).outputs
        if len(outputs) == 1:
            # Text that is the same in all rows takes as long to read as several columns of numbers.
            output = outputs[0]
            read.remove(OUTPUT)

    def batches(further: Sequence[str]) -> Iterator[pa.RecordBatch]:
        names = list(dict.fromkeys((*further, *read)))
        return rows_of(dataset, names) if stored is None else stored.rows(names)

    pieces: Iterable[tuple[str, pa.RecordBatch]]
    if not segments:
        pieces = ((ALL_ROWS, batch) for batch in batches(()))
    elif table == "inputs":
        pieces = (piece for batch in batches(segments) for piece in cut_rows(batch, batch.select(list(segments))))
    else:
        assert inputs is not None
        pieces = cut_beside_inputs(batches, inputs, segments)
    before = None if stored is not None else _without_rows(dataset.schema, columns)
    return _profile_pieces(table, pieces, columns, segments, before, output)


def _without_rows(schema: pa.Schema, columns: Sequence[str]) -> pa.RecordBatch:
    """So that a table without rows has its columns."""
    return pa.RecordBatch.from_pylist([], pa.schema([schema.field(name) for name in columns]))


def _profile_pieces(
    table: Table,
    pieces: Iterable[tuple[str, pa.RecordBatch]],
    columns: Sequence[str],
    segments: Sequence[str],
    empty: pa.RecordBatch | None,
    output: str | None = None,
) -> Segments:
    is_ledger = table == "ledger"
    profilers = {ALL_ROWS: Profiler(columns, is_ledger=is_ledger, output=output)}
    if empty is not None:
        profilers[ALL_ROWS].add(empty)
    for segment, rows in pieces:
        if segment not in profilers:
            profilers[segment] = Profiler(columns, is_ledger=is_ledger, output=output)
            refuse_too_many(profilers, segments)
        profilers[segment].add(rows)
    if is_ledger:
        return {segment: RowsProfile(outputs=profiler.outputs()) for segment, profiler in profilers.items()}
    if table == "predictions":
        return {segment: RowsProfile(predictions=profiler.columns()) for segment, profiler in profilers.items()}
    return {segment: RowsProfile(inputs=profiler.columns()) for segment, profiler in profilers.items()}


def _parts(tables: RunTables, *, every_row: bool, segmented: bool) -> dict[Table, tuple[SourcePart, ...]]:
    """The tables whose parts are worked on one by one."""
    parts: dict[Table, tuple[SourcePart, ...]] = {
        "inputs": tables.input_parts,
        "predictions": tables.prediction_parts,
        "ledger": tables.ledger_parts,
    }
    if segmented:
        # Then a part needs the part of the inputs with its rows.
        count = len(tables.input_parts)
        parts = {table: each for table, each in parts.items() if len(each) == count}
        if not every_row:
            parts.pop("ledger", None)
    return {table: each for table, each in parts.items() if each}


def _in_order_of_names(segments: Segments) -> Segments:
    """All rows first, then segments by name: which part has a value first says nothing."""
    return dict(sorted(segments.items(), key=lambda segment: (segment[0] != ALL_ROWS, segment[0])))
