"""What a report and the summary say of a ledger, added up part by part: whoever works on a part reads it once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import accumulate
from typing import ClassVar

import pyarrow as pa

from mlops_assets.arrow.provenance import Provenance
from mlops_assets.engines.engine import Engine, stream_ends
from mlops_assets.engines.part_work import engine_that_reads
from mlops_assets.engines.tasks import Task, in_order
from mlops_assets.explain.columns import SPACE
from mlops_assets.explain.drift.profile import Profiler
from mlops_assets.explain.explainers.sampling import HASHES, hash_bound
from mlops_assets.explain.ledger.attribution_sums import sum_attributions
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
    sums
        What a profile says of a ledger; None: nobody asks.
    """

    summary: LedgerSummary
    residuals: ResidualJudge
    examples: ExamplePicker
    sums: Profiler | None = None

    def add(self, batch: pa.RecordBatch | pa.Table) -> None:
        """Add the next rows of the ledger; sums are rounded within them, so that other cuts may add up otherwise."""
        sums = sum_attributions(batch, self.summary.columns) if len(self.summary.outputs) == 1 else None
        self.summary.add(batch, sums)
        self.residuals.add(batch, None if sums is None else sums.magnitude)
        self.examples.add(batch)
        if self.sums is not None:
            self.sums.add(batch)

    def is_whole(self, rows: int) -> bool:
        """Whether the samples are those of all rows, of which each output has so many."""
        return self.summary.is_whole() and self.examples.is_whole(rows)

    def merged(self, later: "LedgerFacts") -> "LedgerFacts":
        """With those of the rows that come after these."""
        self.summary.merge(later.summary)
        self.residuals.merge(later.residuals)
        self.examples.merge(later.examples)
        if self.sums is not None and later.sums is not None:
            self.sums.add_outputs(later.sums.outputs())
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
    of_rows
        How many rows of each output the whole ledger has: only what may be in the samples of the whole is kept. None:
        unknown.
    with_sums
        Whether a profile is made of it as well.
    """

    doing: ClassVar[str] = "summarizing explanations"

    part: SourcePart
    start: int
    outputs_shown: int
    provenance: Provenance
    columns: pa.Schema
    of_rows: int | None = None
    with_sums: bool = False

    @property
    def rows(self) -> int | None:
        return self.part.rows

    def run(self) -> LedgerFacts:
        ledger = StoredLedger((self.part.dataset(),), self.provenance, self.columns)
        return facts_of(ledger, self.outputs_shown, self.start, self.of_rows, with_sums=self.with_sums)


def facts_of(
    ledger: StoredLedger, outputs_shown: int, start: int = 0, of_rows: int | None = None, *, with_sums: bool = False
) -> LedgerFacts:
    """The facts of a ledger, read once; arguments as of `SummarizeLedger`."""
    facts = no_facts(ledger.provenance, outputs_shown, start, of_rows, with_sums=with_sums)
    for batch in ledger.rows(summarized_columns(ledger.schema.names)):
        facts.add(batch)
    return facts


def summarized_columns(names: Sequence[str]) -> list[str]:
    """Those of a ledger's columns that facts are added up from: text that is the same in all rows takes as long to read
    as several columns of numbers.
    """
    return [name for name in names if name != SPACE]


def no_facts(
    provenance: Provenance, outputs_shown: int, start: int = 0, of_rows: int | None = None, *, with_sums: bool = False
) -> LedgerFacts:
    """The facts of no rows of a ledger, to add rows to; arguments as of `SummarizeLedger`."""
    origin = LedgerProvenance.of(provenance)
    of_sample, of_median = (
        HASHES if of_rows is None else hash_bound(count, of_rows) for count in (SAMPLE_ROWS, MEDIAN_SAMPLE)
    )
    return LedgerFacts(
        LedgerSummary(
            origin.features,
            origin.outputs,
            native_importance=origin.native_importance,
            start=start,
            bound=of_sample,
        ),
        ResidualJudge(provenance.row_key, origin.precision),
        ExamplePicker(outputs_shown, start, of_median),
        Profiler(origin.features, is_ledger=True) if with_sums else None,
    )


def can_be_summarized_in_parts(ledger: StoredLedger) -> bool:
    """Whether each explained row has all outputs, so that the rows of a part say how many of each there are."""
    origins = [LedgerProvenance.of(Provenance.of(part.schema)) for part in ledger.parts]
    return all(origin.every_row or origin.in_order_from_start for origin in origins)


def summarize_ledger(
    engine: Engine,
    ledger: StoredLedger,
    parts: Sequence[SourcePart],
    outputs_shown: int,
    log: Callable[[str], None],
    *,
    with_sums: bool = False,
) -> LedgerFacts:
    """The facts of a ledger that `can_be_summarized_in_parts`, of which these are all parts, in order."""
    outputs = len(LedgerProvenance.of(ledger.provenance).outputs)
    starts = list(accumulate((part.rows // outputs for part in parts), initial=0))
    engine = engine_that_reads(engine, parts, log)
    tasks = [
        SummarizeLedger(part, start, outputs_shown, ledger.provenance, ledger.schema, starts[-1], with_sums)
        for part, start in zip(parts, starts, strict=False)
    ]
    facts = _summarize(engine, tasks, log)
    if facts.is_whole(starts[-1]):
        return facts
    return _summarize(engine, [replace(task, of_rows=None) for task in tasks], log)


def _summarize(engine: Engine, tasks: Sequence[SummarizeLedger], log: Callable[[str], None]) -> LedgerFacts:
    return reduce(LedgerFacts.merged, in_order(stream_ends(engine, tasks, log)))
