"""What a report and the summary say of a ledger, added up part by part: whoever works on a part reads it once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import accumulate
from typing import ClassVar

import pyarrow as pa

from mlops_assets.engines.engine import Engine, stream_ends
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
    """

    doing: ClassVar[str] = "summarizing explanations"

    part: SourcePart
    start: int
    outputs_shown: int

    @property
    def rows(self) -> int | None:
        return self.part.rows

    def run(self) -> LedgerFacts:
        return facts_of(StoredLedger.of(self.part.dataset()), self.outputs_shown, self.start)


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


def summarize_ledger(
    engine: Engine, parts: Sequence[SourcePart], outputs: int, outputs_shown: int, log: Callable[[str], None]
) -> LedgerFacts:
    """The facts of all parts; each explained row has `outputs` ledger rows."""
    starts = accumulate((part.rows // outputs for part in parts[:-1]), initial=0)
    tasks = [SummarizeLedger(part, start, outputs_shown) for part, start in zip(parts, starts, strict=True)]
    return reduce(LedgerFacts.merged, in_order(stream_ends(engine, tasks, log)))
