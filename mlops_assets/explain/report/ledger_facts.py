"""What a report and the summary say of a ledger, added up part by part: whoever works on a part reads it once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import accumulate
from typing import ClassVar

import pyarrow as pa

from mlops_assets.arrow.provenance import Provenance
from mlops_assets.engines.engine import Engine, stream_ends
from mlops_assets.engines.part_work import engine_that_reads
from mlops_assets.engines.tasks import Task, in_order
from mlops_assets.explain.ledger.provenance import LedgerProvenance
from mlops_assets.explain.ledger.residuals import ResidualJudge
from mlops_assets.explain.ledger.stored import StoredLedger
from mlops_assets.explain.ledger.summary import LedgerSummary
from mlops_assets.explain.report.example_rows import ExamplePicker
from mlops_assets.tables.staged_table import SourcePart


@dataclass(frozen=True)
class LedgerFacts:
    """What a ledger says as a whole.

    Attributes
    ----------
    summary
        Importances and ranks, and a sample of rows.
    residuals
        Whether everything adds up.
    examples
        Rows that are shown.
    """

    summary: LedgerSummary
    residuals: ResidualJudge
    examples: ExamplePicker

    def add(self, batch: pa.RecordBatch) -> None:
        """Add the next rows of the ledger."""
        self.summary.add(batch)
        self.residuals.add(batch)
        self.examples.add(batch)

    def merged(self, later: "LedgerFacts") -> "LedgerFacts":
        """With those of the rows that come after these."""
        self.summary.merge(later.summary)
        self.residuals.merge(later.residuals)
        self.examples.merge(later.examples)
        return self


@dataclass(frozen=True)
class SummarizeLedger(Task[LedgerFacts]):
    """Add up one part of a ledger.

    Attributes
    ----------
    start
        How many rows of each output come before the part.
    outputs_shown
        Of how many outputs example rows are picked.
    provenance, columns
        Of the whole ledger.
    """

    doing: ClassVar[str] = "summarizing explanations"

    part: SourcePart
    start: int
    outputs_shown: int
    provenance: Provenance
    columns: pa.Schema

    @property
    def rows(self) -> int | None:
        return self.part.rows

    def run(self) -> LedgerFacts:
        ledger = StoredLedger((self.part.dataset(),), self.provenance, self.columns)
        return facts_of(ledger, self.outputs_shown, self.start)


def facts_of(ledger: StoredLedger, outputs_shown: int, start: int = 0) -> LedgerFacts:
    """The facts of a ledger, read once; arguments as of `SummarizeLedger`."""
    origin = LedgerProvenance.of(ledger.provenance)
    summary = LedgerSummary(origin.features, origin.outputs, native_importance=origin.native_importance, start=start)
    facts = LedgerFacts(
        summary, ResidualJudge(ledger.provenance.row_key, origin.precision), ExamplePicker(outputs_shown, start)
    )
    for batch in ledger.rows():
        facts.add(batch)
    return facts


def can_be_summarized_in_parts(ledger: StoredLedger) -> bool:
    """Whether each explained row has all outputs, so that the rows of a part say how many of each there are."""
    origins = [LedgerProvenance.of(Provenance.of(part.schema)) for part in ledger.parts]
    return all(origin.every_row or origin.in_order_from_start for origin in origins)


def summarize_ledger(
    engine: Engine, ledger: StoredLedger, parts: Sequence[SourcePart], outputs_shown: int, log: Callable[[str], None]
) -> LedgerFacts:
    """The facts of a ledger that `can_be_summarized_in_parts`, of which these are all parts, in order."""
    outputs = len(LedgerProvenance.of(ledger.provenance).outputs)
    starts = accumulate((part.rows // outputs for part in parts[:-1]), initial=0)
    engine = engine_that_reads(engine, parts, log)
    tasks = [
        SummarizeLedger(part, start, outputs_shown, ledger.provenance, ledger.schema)
        for part, start in zip(parts, starts, strict=True)
    ]
    return reduce(LedgerFacts.merged, in_order(stream_ends(engine, tasks, log)))
