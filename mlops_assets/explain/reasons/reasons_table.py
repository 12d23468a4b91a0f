"""The table of reasons, from a published ledger and the rows that it explains: in one pass, or part by part."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

import pyarrow as pa
import pyarrow.dataset as ds

from mlops_assets.arrow.content_hash import hash_of
from mlops_assets.arrow.plain_types import plain_schema
from mlops_assets.arrow.provenance import Provenance
from mlops_assets.arrow.views import rows_of
from mlops_assets.engines.engine import Engine, stream_ends
from mlops_assets.engines.part_work import engine_that_reads
from mlops_assets.engines.tasks import Task
from mlops_assets.errors import ExplanationError
from mlops_assets.explain.ledger.match_rows import match_rows
from mlops_assets.explain.ledger.provenance import LedgerProvenance
from mlops_assets.explain.ledger.stored import StoredLedger
from mlops_assets.explain.reasons.list_counts import ListCounts
from mlops_assets.explain.reasons.reason_rows import Reasoner
from mlops_assets.explain.reasons.rules import ReasonRules
from mlops_assets.tables.staged_table import Destination, SourcePart, StagedPart, StagedTable

REASONS_VERSION = 2
"""Part of the key of a part, and of the data version: raise it with a change that changes reasons."""


@dataclass(frozen=True)
class ReasonsTask(Task[StagedPart]):
    """The reasons of one part of a ledger that explains every row, beside the part of the same rows."""

    doing: ClassVar[str] = "finding reasons"

    reasoner: Reasoner
    ledger: SourcePart
    inputs: SourcePart
    target: Destination

    @property
    def rows(self) -> int | None:
        return self.inputs.rows

    @cached_property
    def key(self) -> str:
        """What the part is found under: all that it depends on."""
        rules = self.reasoner.rules.digest
        return hash_of("reasons", str(REASONS_VERSION), rules, self.ledger.content, self.inputs.content)

    def run(self) -> StagedPart:
        rows = reason_batches(self.reasoner, StoredLedger.of(self.ledger.dataset()), self.inputs.dataset())
        lists = ListCounts()
        stream = pa.RecordBatchReader.from_batches(self.reasoner.schema, lists.watch(rows))
        return self.target.write(self.key, stream, lists.to_facts)


@dataclass(frozen=True)
class ReasonsTable:
    """Reasons that are made while they are read, or parts that are there.

    Attributes
    ----------
    rows
        One per explained row, output and rank.
    provenance
        For the table that they become.
    reasoner
        What makes them.
    """

    rows: pa.RecordBatchReader | StagedTable
    provenance: Provenance
    reasoner: Reasoner


_MANY = 1_000_000
"""So many reasons are worth loading what is compiled, which takes half a second."""


def _data_version(ledger: Provenance, digest: str) -> str:
    """Of the table of reasons that rules with this digest make of a ledger."""
    return hash_of("reasons", str(REASONS_VERSION), ledger.data_version or "", digest)


def are_of_ledger(reasons: Provenance, ledger: Provenance) -> bool:
    """Whether a published table of reasons was made of this ledger, by this release."""
    return reasons.data_version == _data_version(ledger, reasons.extra.get("reasons", ""))


def make_reasoner(ledger: StoredLedger, rules: ReasonRules, rows: int = 0) -> Reasoner:
    """What makes the reasons of a published ledger, of about so many of its rows.

    Raises
    ------
    ConfigurationError
        The names of row key or groups are taken.
    ExplanationError
        The table is not a ledger.
    """
    source = ledger.provenance
    origin = LedgerProvenance.of(source)
    version = (source.model_uri or "").rpartition("/")[2]
    reasoner = Reasoner(
        rules,
        origin.features,
        ledger.key_schema().remove_metadata(),
        origin.output_type,
        origin.precision.name,
        int(version) if version.isdigit() else 0,
        source.model_digest or "",
        compiled=rows * rules.top >= _MANY,
    )
    # Both refuse names that are taken: here, before a worker starts.
    _ = reasoner.schema, reasoner.units
    return reasoner


def reason_batches(reasoner: Reasoner, ledger: StoredLedger, inputs: ds.Dataset) -> Iterator[pa.RecordBatch]:
    """The reasons of a ledger's rows, in their order."""
    key = reasoner.key.names
    explained = ledger.rows(reasoner.ledger_columns(ledger.schema.names))
    columns = list(dict.fromkeys((*key, *reasoner.features)))
    read = pa.schema([inputs.schema.field(name) for name in columns])
    for rows, block, places in match_rows(explained, rows_of(inputs, columns), key, read, "input_samples"):
        reasons = reasoner.reasons(rows, block, places)
        if reasons.num_rows:
            yield reasons


def reasons_table(
    ledger: ds.Dataset,
    inputs: ds.Dataset,
    rules: ReasonRules,
    engine: Callable[[], Engine],
    *,
    ledger_parts: Sequence[SourcePart] = (),
    input_parts: Sequence[SourcePart] = (),
    target: Destination | None = None,
    log: Callable[[str], None] = lambda _line: None,
) -> ReasonsTable:
    """The reasons of every explained row.

    Parameters
    ----------
    ledger, inputs
        `sample_explanations`, and the `input_samples` that it explains.
    rules
        Which attributions are reasons.
    engine, log
        Where the work is done, who is told of it.
    ledger_parts, input_parts, target
        The parts of both, and where those of the reasons go: then each is made from its files to its file.

    Raises
    ------
    ConfigurationError
        As of `make_reasoner`; a condition of the catalogue compares a column with something of another type.
    ExplanationError
        The inputs are not those that the ledger explains.
    """
    stored = StoredLedger.of(ledger)
    source, origin = stored.provenance, LedgerProvenance.of(stored.provenance)
    if source.inputs_version != Provenance.of(inputs.schema).data_version:
        raise ExplanationError(
            "The published input_samples are not those that sample_explanations explains",
            where=f"reasons of {source.model}",
            fix="Materialize sample_explanations again, together with reasons",
        )
    reasoner = make_reasoner(stored, rules, ledger.count_rows())
    reasoner.check_conditions(inputs.schema)
    version = _data_version(source, rules.digest)
    extra = {**source.extra, **rules.to_extra()}
    provenance = replace(source, data_version=version, extra=extra)
    if target is not None and origin.every_row and ledger_parts and len(ledger_parts) == len(input_parts):
        pairs = zip(ledger_parts, input_parts, strict=True)
        tasks = [ReasonsTask(reasoner, one, other, target) for one, other in pairs]
        return ReasonsTable(_in_parts(tasks, engine(), log), provenance, reasoner)
    rows = pa.RecordBatchReader.from_batches(reasoner.schema, reason_batches(reasoner, stored, inputs))
    return ReasonsTable(rows, provenance, reasoner)


def _in_parts(tasks: Sequence[ReasonsTask], engine: Engine, log: Callable[[str], None]) -> StagedTable:
    target = tasks[0].target
    with target.staging.mark_in_use():
        done = {number: part for number, task in enumerate(tasks) if (part := target.find(task.key)) is not None}
        left = [number for number in range(len(tasks)) if number not in done]
        if done and left:
            log(f"{len(done)} of {len(tasks)} parts were finished by an earlier run")
        if left:
            read = [tasks[number].ledger for number in left] + [tasks[number].inputs for number in left]
            engine = engine_that_reads(engine, read, log, [target.staging.folder])
            for end in stream_ends(engine, [tasks[number] for number in left], log):
                done[left[end.number]] = end.report
    # Of a part without any reason there is nothing to publish.
    parts = tuple(done[number] for number in range(len(tasks)) if done[number].rows)
    return StagedTable(target, parts, plain_schema(tasks[0].reasoner.schema))
