"""What a report and the summary say of a ledger, added up part by part: whoever works on a part reads it once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import accumulate
from typing import ClassVar

import pyarrow as pa

from mlops_assets.engines.engine import Engine, stream_ends
from mlops_assets.engines.part_work import engine_that_reads
from mlops_assets.engines.tasks import Task, in_order
from mlops_assets.explain.explainers.sampling import HASHES, hash_bound
from mlops_assets.explain.ledger.provenance import LedgerProvenance
from mlops_assets.explain.ledger.residuals import ResidualJudge
from mlops_assets.explain.ledger.stored import StoredLedger
from mlops_assets.explain.ledger.summary import SAMPLE_ROWS, LedgerSummary
from mlops_assets.explain.report.example_rows import MEDIAN_SAMPLE, ExamplePicker
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

    def is_whole(self, rows: int) -> bool:
        """Whether the samples are those of all rows, of which each output has so many."""
        return self.summary.is_whole() and self.examples.is_whole(rows)

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
    of_rows
        How many rows of each output the whole ledger has: only what may be in the samples of the whole is kept. None:
        unknown.
    """

    doing: ClassVar[str] = "summarizing explanations"

    part: SourcePart
    start: int
    outputs_shown: int
    of_rows: int | None = None

    @property
    def rows(self) -> int | None:
        return self.part.rows

    def run(self) -> LedgerFacts:
        return facts_of(StoredLedger.of(self.part.dataset()), self.outputs_shown, self.start, self.of_rows)


def facts_of(ledger: StoredLedger, outputs_shown: int, start: int = 0, of_rows: int | None = None) -> LedgerFacts:
    """The facts of a ledger, read once; arguments as of `SummarizeLedger`."""
    origin = LedgerProvenance.of(ledger.provenance)
    of_sample, of_median = (
        HASHES if of_rows is None else hash_bound(count, of_rows) for count in (SAMPLE_ROWS, MEDIAN_SAMPLE)
    )
    facts = LedgerFacts(
        LedgerSummary(
            origin.features,
            origin.outputs,
            native_importance=origin.native_importance,
            start=start,
            bound=of_sample,
        ),
        ResidualJudge(ledger.provenance.row_key, origin.precision),
        ExamplePicker(outputs_shown, start, of_median),
    )
    for batch in ledger.rows():
        facts.add(batch)
    return facts


def summarize_ledger(
    engine: Engine, parts: Sequence[SourcePart], outputs: int, outputs_shown: int, log: Callable[[str], None]
) -> LedgerFacts:
    """The facts of all parts; each explained row has `outputs` ledger rows."""
    starts = list(accumulate((part.rows // outputs for part in parts), initial=0))
    engine = engine_that_reads(engine, parts, log)
    tasks = [SummarizeLedger(part, at, outputs_shown, starts[-1]) for part, at in zip(parts, starts, strict=False)]
    facts = _summarize(engine, tasks, log)
    if facts.is_whole(starts[-1]):
        return facts
    return _summarize(engine, [replace(task, of_rows=None) for task in tasks], log)


def _summarize(engine: Engine, tasks: Sequence[SummarizeLedger], log: Callable[[str], None]) -> LedgerFacts:
    return reduce(LedgerFacts.merged, in_order(stream_ends(engine, tasks, log)))
