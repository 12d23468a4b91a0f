"""What the checks of a ledger ask, answered part by part: whoever works on a part reads it once."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import ClassVar

import pyarrow as pa

from mlops_assets.arrow.key_agreement import KeyAgreement, compare_keys
from mlops_assets.engines.engine import Engine, stream_ends
from mlops_assets.engines.part_work import engine_that_reads
from mlops_assets.engines.tasks import Task, in_order
from mlops_assets.explain.columns import EXPLAINED_VALUE
from mlops_assets.explain.compare.stored_predictions import StoredAgreement, compare_with_stored
from mlops_assets.explain.ledger.provenance import LedgerProvenance
from mlops_assets.explain.ledger.residuals import ResidualJudge, judged_columns
from mlops_assets.explain.ledger.stored import StoredLedger
from mlops_assets.tables.staged_table import SourcePart


@dataclass(frozen=True)
class LedgerVerdict:
    """What the checks of a ledger ask.

    Attributes
    ----------
    keys
        Whether they are those of the predictions.
    residuals
        Whether everything adds up.
    stored
        Whether the explained values are the published predictions; None: not compared.
    """

    keys: KeyAgreement
    residuals: ResidualJudge
    stored: StoredAgreement | None

    def merged(self, later: "LedgerVerdict") -> "LedgerVerdict":
        """With that of the rows that come after these."""
        self.residuals.merge(later.residuals)
        stored = self.stored.merged(later.stored) if self.stored is not None and later.stored is not None else None
        return LedgerVerdict(self.keys.merged(later.keys), self.residuals, stored)


@dataclass(frozen=True)
class JudgeLedger(Task[LedgerVerdict]):
    """Judge one part of a ledger that explains every row, beside the part of the predictions of the same rows.

    Attributes
    ----------
    outputs
        The columns of the predictions that the explained values are compared with; None: they are not.
    is_judged
        Whether it adds up is known: of the attributions nothing is read.
    """

    doing: ClassVar[str] = "checking explanations"

    ledger: SourcePart
    predictions: SourcePart
    outputs: tuple[str, ...] | None
    is_judged: bool = False

    @property
    def rows(self) -> int | None:
        return self.ledger.rows

    def run(self) -> LedgerVerdict:
        stored = StoredLedger.of(self.ledger.dataset())
        row_key, origin = stored.provenance.row_key, LedgerProvenance.of(stored.provenance)
        residuals = ResidualJudge(row_key, origin.precision)
        explained = list[pa.RecordBatch]()

        own = [*row_key, EXPLAINED_VALUE]
        columns = own if self.is_judged else judged_columns(row_key, stored.schema.names)

        def judged() -> Iterator[pa.RecordBatch]:
            for batch in stored.rows(columns):
                if not self.is_judged:
                    residuals.add(batch)
                if self.outputs is not None:
                    explained.append(batch.select([EXPLAINED_VALUE]))
                yield batch.select(list(row_key))

        # Not the text of the digest, which takes longer to read than all numbers.
        published = list(self.predictions.batches(list(dict.fromkeys((*row_key, *(self.outputs or ()))))))
        keys = compare_keys(published, judged(), row_key, repeats=len(origin.outputs))
        if self.outputs is None:
            return LedgerVerdict(keys, residuals, None)
        agreement = compare_with_stored(
            explained, published, origin.outputs, origin.space, self.outputs, origin.decision
        )
        return LedgerVerdict(keys, residuals, agreement)


def judge_ledger(
    engine: Engine,
    ledger: Sequence[SourcePart],
    predictions: Sequence[SourcePart],
    outputs: tuple[str, ...] | None,
    log: Callable[[str], None],
    residuals: ResidualJudge | None = None,
) -> LedgerVerdict:
    """The verdict on all parts; there are as many of the one as of the other. Attributes as of `JudgeLedger`.

    `residuals`: whether everything adds up, where that is known.
    """
    engine = engine_that_reads(engine, ledger, log)
    pairs = zip(ledger, predictions, strict=True)
    tasks = [JudgeLedger(one, other, outputs, residuals is not None) for one, other in pairs]
    verdict = reduce(LedgerVerdict.merged, in_order(stream_ends(engine, tasks, log)))
    return verdict if residuals is None else replace(verdict, residuals=residuals)
