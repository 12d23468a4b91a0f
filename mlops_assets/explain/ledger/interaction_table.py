"""The interactions of a ledger's rows, with what the table says of its making."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import pyarrow as pa
import pyarrow.dataset as ds

from mlops_assets.arrow.content_hash import hash_of
from mlops_assets.arrow.provenance import Provenance
from mlops_assets.arrow.row_keys import named_rows, with_named_rows
from mlops_assets.arrow.views import first_of, rows_of
from mlops_assets.engines.chunk_store import ChunkStore
from mlops_assets.engines.engine import Engine, Run, stream_results
from mlops_assets.errors import ExplanationError
from mlops_assets.explain.explainers.background_parts import draw_from_parts
from mlops_assets.explain.explainers.explainer import Explainer
from mlops_assets.explain.explainers.setup import draw_background_pool
from mlops_assets.explain.ledger.explain_part import ExplainTask
from mlops_assets.explain.ledger.explain_table import POOL_FOR_CHOICE, run_of, stage_parts
from mlops_assets.explain.ledger.interaction_sizes import SIZES, InteractionSizes
from mlops_assets.explain.ledger.interaction_work import InteractionWork
from mlops_assets.explain.ledger.part_selection import select_in_parts
from mlops_assets.explain.ledger.provenance import LedgerProvenance
from mlops_assets.explain.ledger.selection import Selection
from mlops_assets.models.loaded_model import LoadedModel
from mlops_assets.tables.staged_table import Destination, SourcePart, StagedTable

CODE_VERSION = "1"
"""Part of the data version of the table, and Dagster's code version of its asset."""

COLUMNS, CHOSEN_BY = "interaction_columns", "interaction_columns_chosen_by"
"""`Provenance.extra`: the columns as JSON, and why these."""

_TOGETHER = "Materialize sample_explanations and sample_interactions together"


@dataclass(frozen=True)
class InteractionTask(ExplainTask):
    """The interactions of one part; how strong they are is noted of it."""

    doing: ClassVar[str] = "adding up interactions"

    def combine(
        self, results: Iterator[pa.RecordBatch]
    ) -> tuple[pa.RecordBatchReader, Callable[[], Mapping[str, str]]]:
        assert isinstance(self.work, InteractionWork)
        sizes = InteractionSizes(self.work.columns)
        stream, facts = super().combine(sizes.watch(results))
        return stream, lambda: {**facts(), SIZES: sizes.to_json()}


@dataclass(frozen=True)
class InteractionTable:
    """A table of interactions that is made while it is read.

    Attributes
    ----------
    schema, provenance
        Of the table.
    work, run
        What is done; the run's tally counts along.
    sizes
        How strong interactions are: complete when all rows were read.
    staged
        The parts, where the table was made part by part.
    """

    schema: pa.Schema
    provenance: Provenance
    work: InteractionWork
    run: Run
    sizes: InteractionSizes
    _results: Callable[[], Iterator[pa.RecordBatch]]
    staged: StagedTable | None = None

    @property
    def explainer(self) -> Explainer:
        """What explains."""
        return self.work.explainer

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows, in the order of the ledger."""
        return self._results()


@dataclass(frozen=True)
class Interactions:
    """What is computed of which ledger.

    Attributes
    ----------
    columns
        The input columns of which all pairs are computed.
    chosen_by
        Why these, in words.
    ledger, ledger_rows
        The provenance of the ledger, and how many rows it has.
    configured
        The rows that the settings select: those of the ledger, where it does not say itself which they are.
    """

    columns: tuple[str, ...]
    chosen_by: str
    ledger: Provenance
    ledger_rows: int
    configured: Selection

    def selection(self, origin: LedgerProvenance) -> Selection:
        """The rows of the inputs that the ledger explains.

        Raises
        ------
        ExplanationError
            A run chose them that did not note it in a form that can be repeated.
        """
        if origin.every_row:
            return Selection()
        if origin.in_order_from_start:
            return Selection(limit=self.ledger_rows // max(1, len(origin.outputs)))
        configured = replace(self.configured, seed=origin.settings.seed)
        if str(configured) != origin.selection:
            raise ExplanationError(
                f"sample_explanations explains other rows ({origin.selection}) than the settings say ({configured})",
                where="sample_interactions",
                fix="Set limit, sample and where under explain: in defs.yaml, where both tables read them, not in the "
                "Launchpad",
            )
        return configured


def interaction_table(
    model: LoadedModel,
    signature: str,
    samples: ds.Dataset,
    engine: Callable[[], Engine],
    interactions: Interactions,
    *,
    batch_rows: int | None = None,
    store: ChunkStore | None = None,
    show_values: bool = False,
    log: Callable[[str], None] = lambda _line: None,
    parts: Sequence[SourcePart] = (),
    target: Destination | None = None,
) -> InteractionTable:
    """The interactions of some columns in the rows that a ledger explains, with the ledger's own explainer.

    Parameters as of `explain_table`; `interactions` says what is computed of which ledger.

    Raises
    ------
    ConfigurationError, ExplanationError
        The ledger is of another version or of other rows, or its explainer has no interaction values.
    """
    reference, source, ledger = model.reference, Provenance.of(samples.schema), interactions.ledger
    if (ledger.model_digest, ledger.inputs_version) != (reference.digest, source.data_version):
        raise ExplanationError(
            "sample_explanations is of another model version or of other rows than this run's",
            where="sample_interactions",
            fix=_TOGETHER,
        )
    origin = LedgerProvenance.of(ledger)
    selection = interactions.selection(origin)
    by_parts = bool(parts) and target is not None
    count = samples.count_rows()
    rows = count if selection.limit is None else min(count, selection.limit)
    key = pa.schema([samples.schema.field(column) for column in source.row_key])
    shown = first_of(samples, POOL_FOR_CHOICE).to_batches() if by_parts else rows_of(samples)
    pool = draw_background_pool(shown, origin.settings)
    work = InteractionWork(model, signature, key, pool, origin.settings, selection, rows, columns=interactions.columns)
    _require_interactions(work.explainer, origin)
    if by_parts and work.explainer.background is not None:
        work = replace(work, background=draw_from_parts(engine(), parts, origin.settings, log))
    with named_rows(show_values=show_values):
        run = run_of(work, samples, batch_rows, store, log)
        described = LedgerProvenance.describe(work.explainer, selection, origin.settings)
    columns = json.dumps(interactions.columns)
    provenance = replace(
        ledger,
        inputs_version=source.data_version,
        data_version=version_of(ledger, interactions.columns),
        extra=described.to_extra() | {COLUMNS: columns, CHOSEN_BY: interactions.chosen_by},
    )
    sizes = InteractionSizes(interactions.columns)
    if by_parts and target is not None:
        with named_rows(show_values=show_values):
            tasks = [
                InteractionTask(work, part, target, run.rows.chunk_rows, work.schema, chosen)
                for part, chosen in select_in_parts(work, parts, engine, log)
            ]
            staged = stage_parts(tasks, target, run, engine, samples)
        for part in staged.parts:
            sizes.merge(part.facts)
        return InteractionTable(work.schema, provenance, work, run, sizes, lambda: iter(staged.reader()), staged)

    def results() -> Iterator[pa.RecordBatch]:
        return with_named_rows(sizes.watch(stream_results(engine(), run)), show_values=show_values)

    return InteractionTable(work.schema, provenance, work, run, sizes, results)


def version_of(ledger: Provenance, columns: Sequence[str]) -> str:
    """The data version of the interactions of these columns in the rows of a ledger."""
    return hash_of(CODE_VERSION, ledger.data_version or "", json.dumps(list(columns)))


def read_sizes(table: ds.Dataset, parts: Sequence[SourcePart], ledger: Provenance) -> InteractionSizes | None:
    """How strong the interactions of a published table are; None: they are not those of this ledger.

    Parameters
    ----------
    parts
        Those of the table, which have it noted; none: the table is read.
    """
    provenance = Provenance.of(table.schema)
    columns = tuple(json.loads(provenance.extra[COLUMNS]))
    if provenance.data_version != version_of(ledger, columns):
        return None
    sizes = InteractionSizes(columns)
    for part in parts:
        sizes.merge(part.part.facts)
    for batch in () if parts else rows_of(table):
        sizes.add(batch)
    return sizes


def _require_interactions(explainer: Explainer, origin: LedgerProvenance) -> None:
    if explainer.without_interactions:
        raise ExplanationError(
            f"{explainer.KIND} has no interaction values: {explainer.without_interactions}",
            where="explain.interactions",
            fix="Leave explain.interactions out for this model"
            if origin.settings.mode == "path_dependent"
            else "Set explain.mode to 'path_dependent', or leave explain.interactions out",
        )
