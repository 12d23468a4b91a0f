"""The table of changes: a published ledger beside that of another version, which is explained on the way."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, Literal

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds

from mlops_assets.arrow.batching import fixed_batches
from mlops_assets.arrow.content_hash import hash_of
from mlops_assets.arrow.key_agreement import COMPARED_ROWS
from mlops_assets.arrow.provenance import Provenance
from mlops_assets.arrow.row_keys import named_rows, with_named_rows
from mlops_assets.arrow.views import first_of, rows_of
from mlops_assets.engines.chunk_store import ChunkStore
from mlops_assets.engines.engine import Engine, Run, stream_results
from mlops_assets.errors import ExplanationError
from mlops_assets.explain.compare.change_rows import change_batches, ledger_columns
from mlops_assets.explain.compare.change_rules import ChangeRules
from mlops_assets.explain.compare.comparable import VersionOrigin
from mlops_assets.explain.compare.comparison import Comparison
from mlops_assets.explain.compare.other_version import explain_other
from mlops_assets.explain.explainers.background_parts import draw_from_parts
from mlops_assets.explain.explainers.setup import draw_background_pool
from mlops_assets.explain.ledger.explain_part import ExplainTask
from mlops_assets.explain.ledger.explain_table import POOL_FOR_CHOICE, run_of, stage_parts
from mlops_assets.explain.ledger.match_rows import match_rows
from mlops_assets.explain.ledger.provenance import OF_LEDGER, LedgerProvenance
from mlops_assets.explain.ledger.selection import Selection
from mlops_assets.explain.ledger.stored import StoredLedger
from mlops_assets.explain.ledger.work import ExplainWork
from mlops_assets.models.loaded_model import LoadedModel
from mlops_assets.tables.staged_table import Destination, SourcePart, StagedTable

CHANGES_VERSION = "1"
"""Part of the key of a part, and of the data version: raise it with a change that changes the table."""

CHANGES = "changes"
"""`Provenance.extra`: the comparison, as `Comparison.to_json` has it."""


@dataclass(frozen=True)
class OtherVersion:
    """What a published ledger is compared with.

    Attributes
    ----------
    model, signature
        The version, and its signature's JSON.
    role
        Whether it comes before the scored version, or would come after it.
    background
        Conformed rows to compare with, where the settings name a table of their own.
    """

    model: LoadedModel
    signature: str
    role: Literal["before", "after"]
    background: pa.Table | None = None


@dataclass(frozen=True)
class ChangesTask(ExplainTask):
    """The changes of one part: its rows are explained by the other version, beside the part of the ledger."""

    doing: ClassVar[str] = "comparing versions"

    ledger: SourcePart | None = None
    comparison: Comparison | None = None

    @cached_property
    def key(self) -> str:
        assert self.ledger is not None
        assert self.comparison is not None
        own = hash_of("part", self.work.identity, self.source.content)
        return hash_of("changes", CHANGES_VERSION, own, self.ledger.content, self.comparison.digest)

    def combine(
        self, results: Iterator[pa.RecordBatch]
    ) -> tuple[pa.RecordBatchReader, Callable[[], Mapping[str, str]]]:
        assert self.ledger is not None
        assert self.comparison is not None
        explained = _read_ledger(StoredLedger.of(self.ledger.dataset()), self.comparison)
        return pa.RecordBatchReader.from_batches(self.schema, change_batches(self.comparison, explained, results)), dict


@dataclass(frozen=True)
class ChangesTable:
    """Changes that are made while they are read, or parts that are there.

    Attributes
    ----------
    rows
        One per explained row and output that both versions have.
    provenance
        For the table that they become.
    comparison
        The versions.
    """

    rows: pa.RecordBatchReader | StagedTable
    provenance: Provenance
    comparison: Comparison


def changes_table(
    ledger: ds.Dataset,
    samples: ds.Dataset,
    other: OtherVersion | None,
    rules: ChangeRules,
    engine: Callable[[], Engine],
    *,
    batch_rows: int | None = None,
    store: ChunkStore | None = None,
    show_values: bool = False,
    log: Callable[[str], None] = lambda _line: None,
    ledger_parts: Sequence[SourcePart] = (),
    input_parts: Sequence[SourcePart] = (),
    target: Destination | None = None,
) -> ChangesTable:
    """What another version says of the rows of a published ledger, and which columns make the difference.

    Parameters
    ----------
    ledger, samples
        `sample_explanations`, and the `input_samples` that it explains.
    other
        The other version; None: there is none, and the table has no rows.
    ledger_parts, input_parts, target
        The parts of both, and where those of the changes go: then each is made from its files to its file.

    Others as of `explain_table`.

    Raises
    ------
    ConfigurationError
        The names of the row key are taken.
    ContractError
        The rows are not those that the other version takes.
    ExplanationError
        The versions cannot be compared, or the rows are not those that the ledger explains.
    """
    stored, source = StoredLedger.of(ledger), Provenance.of(samples.schema)
    published, origin = stored.provenance, LedgerProvenance.of(stored.provenance)
    if published.inputs_version != source.data_version:
        raise ExplanationError(
            "The published input_samples are not those that sample_explanations explains",
            where=f"changes of {published.model}",
            fix="Materialize sample_explanations again, together with changes",
        )
    scored = VersionOrigin.of_ledger(published.model_uri, published.model_digest, origin)
    key = stored.key_schema().remove_metadata()
    if other is None:
        comparison = Comparison(scored, scored, "after", key, rules)
        nothing = pa.RecordBatchReader.from_batches(comparison.schema, [])
        return ChangesTable(nothing, _provenance(published, comparison, ""), comparison)
    by_parts = _are_by_parts(origin, ledger_parts, input_parts, target)
    work = _work(other, origin, samples, engine, input_parts if by_parts else (), log)
    its = VersionOrigin.of_explainer(work.model.reference, work.explainer, origin.settings)
    before, after = (its, scored) if other.role == "before" else (scored, its)
    comparison = Comparison(before, after, "after" if other.role == "before" else "before", key, rules)
    # Whatever is refused is refused before a worker starts.
    schema = comparison.schema
    if work.explainer.preparation:
        log(work.explainer.preparation)
    provenance = _provenance(published, comparison, work.explainer.background_digest or "", other.signature)
    with named_rows(show_values=show_values):
        run = run_of(work, samples, batch_rows, store, log)
        if by_parts and target is not None:
            tasks = [
                ChangesTask(work, part, target, run.rows.chunk_rows, schema, ledger=of_ledger, comparison=comparison)
                for part, of_ledger in zip(input_parts, ledger_parts, strict=True)
            ]
            staged = replace(stage_parts(tasks, target, run, engine, samples), schema=schema)
            return ChangesTable(staged, provenance, comparison)
    if not origin.every_row:
        run = _of_explained_rows(run, stored)
    explained = with_named_rows(stream_results(engine(), run), show_values=show_values)
    rows = change_batches(comparison, _read_ledger(stored, comparison), explained)
    return ChangesTable(pa.RecordBatchReader.from_batches(schema, rows), provenance, comparison)


def _are_by_parts(
    origin: LedgerProvenance,
    ledger_parts: Sequence[SourcePart],
    input_parts: Sequence[SourcePart],
    target: Destination | None,
) -> bool:
    return bool(target is not None and origin.every_row and ledger_parts and len(ledger_parts) == len(input_parts))


def _work(
    other: OtherVersion,
    origin: LedgerProvenance,
    samples: ds.Dataset,
    engine: Callable[[], Engine],
    parts: Sequence[SourcePart],
    log: Callable[[str], None],
) -> ExplainWork:
    """The other version's explanations, as they would be if it were the scored one."""
    settings = origin.settings
    key = pa.schema([samples.schema.field(name) for name in Provenance.of(samples.schema).row_key])
    shown = first_of(samples, POOL_FOR_CHOICE).to_batches() if parts else rows_of(samples)
    pool = draw_background_pool(shown, settings) if other.background is None else other.background
    rows = samples.count_rows()
    plain = ExplainWork(other.model, other.signature, key, pool, settings, Selection(), rows)
    work = explain_other(plain, conformed=other.background is not None)
    if other.background is None and parts and work.explainer.background is not None:
        return work.with_background(draw_from_parts(engine(), parts, settings, log))
    return work


def _of_explained_rows(run: Run, ledger: StoredLedger) -> Run:
    """The work on the rows that a ledger explains, where these are not all."""
    key, outputs = list(ledger.provenance.row_key), len(LedgerProvenance.of(ledger.provenance).outputs)

    def keys() -> Iterator[pa.RecordBatch]:
        for batch in fixed_batches(ledger.rows(key), COMPARED_ROWS * outputs):
            yield batch.take(pa.array(np.arange(0, batch.num_rows, outputs)))

    def select(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        schema = run.rows.dataset.schema
        for _, block, places in match_rows(keys(), iter(batches), key, schema, "input_samples"):
            yield block.take(pa.array(places))

    count = sum(part.count_rows() for part in ledger.parts) // max(1, outputs)
    return replace(run, rows=replace(run.rows, select=select, selected=count))


def _read_ledger(ledger: StoredLedger, comparison: Comparison) -> Iterator[pa.RecordBatch]:
    return ledger.rows(ledger_columns(comparison, ledger.schema.names))


def _provenance(published: Provenance, comparison: Comparison, *of_other: str) -> Provenance:
    version = hash_of("changes", CHANGES_VERSION, published.data_version or "", comparison.digest, *of_other)
    extra = {**published.extra, CHANGES: comparison.to_json(), OF_LEDGER: published.data_version or ""}
    return replace(published, data_version=version, extra=extra)
