"""Do main effects and interactions add up to the attributions of the ledger, row by row?"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import zip_longest
from typing import ClassVar

import numpy as np
import pyarrow as pa

from mlops_assets.arrow.batching import fixed_batches
from mlops_assets.arrow.key_agreement import COMPARED_ROWS, first_difference
from mlops_assets.engines.engine import Engine, stream_ends
from mlops_assets.engines.part_work import engine_that_reads
from mlops_assets.engines.tasks import Task, in_order
from mlops_assets.explain.columns import (
    EXPLAINED_VALUE,
    OUTPUT,
    interaction_column,
    main_column,
    others_column,
    shap_column,
)
from mlops_assets.explain.compare.sum_verdict import SumVerdict, or_infinite
from mlops_assets.explain.labels import with_output_names
from mlops_assets.explain.ledger.residuals import residual_tolerance
from mlops_assets.explain.ledger.stored import StoredLedger
from mlops_assets.tables.staged_table import SourcePart

_BASE = "base_value"


def judge_sums(
    ledger: Iterable[pa.RecordBatch],
    interactions: Iterable[pa.RecordBatch],
    row_key: Sequence[str],
    columns: Sequence[str],
) -> SumVerdict:
    """Hold main effect + interactions with the other columns + `others_` of each column against its attribution.

    Rounding alone may make a difference: see `residual_tolerance`, in double precision, in which both tables are
    computed from the same trees.

    Parameters
    ----------
    ledger
        Rows of `sample_explanations`, with at least `ledger_columns`.
    interactions
        Rows of `sample_interactions`, in the same order.
    """
    verdict, keys = SumVerdict(), [*row_key, OUTPUT]
    left = fixed_batches((with_output_names(batch) for batch in ledger), COMPARED_ROWS)
    right = fixed_batches((with_output_names(batch) for batch in interactions), COMPARED_ROWS)
    for one, other in zip_longest(left, right):
        now = SumVerdict(
            0 if other is None else other.num_rows,
            0 if one is None else one.num_rows,
        )
        if one is not None and other is not None and one.num_rows == other.num_rows:
            now.first_difference = first_difference(one.select(keys), other.select(keys))
            if now.first_difference is None:
                for column in columns:
                    _judge_column(now, one, other, column, columns, keys)
        verdict = verdict.merged(now)
    return verdict


def ledger_columns(row_key: Sequence[str], columns: Sequence[str]) -> list[str]:
    """What `judge_sums` reads of a ledger."""
    return [*row_key, OUTPUT, EXPLAINED_VALUE, _BASE, *(shap_column(name) for name in columns)]


def _judge_column(
    verdict: SumVerdict,
    ledger: pa.RecordBatch,
    interactions: pa.RecordBatch,
    column: str,
    columns: Sequence[str],
    keys: Sequence[str],
) -> None:
    place = columns.index(column)
    names = [main_column(column)]
    names += [interaction_column(other, column) for other in columns[:place]]
    names += [interaction_column(column, other) for other in columns[place + 1 :]]
    if others_column(column) in interactions.schema.names:
        names.append(others_column(column))
    terms = [interactions.column(name).to_numpy() for name in names]
    attribution, prediction, base = (
        ledger.column(name).to_numpy() for name in (shap_column(column), EXPLAINED_VALUE, _BASE)
    )
    difference = np.abs(np.sum(terms, axis=0) - attribution)
    magnitude = np.sum(np.abs(terms), axis=0) + np.abs(attribution)
    tolerance = residual_tolerance(prediction, base, len(terms), magnitude=magnitude)
    misses = or_infinite(difference)
    verdict.count(
        ~(difference <= tolerance),
        misses,
        misses / tolerance,
        interactions.select(list(keys)),
        lambda row: {
            "column": column,
            "difference": float(difference[row]),
            "tolerance": float(tolerance[row]),
        },
    )


@dataclass(frozen=True)
class JudgeSums(Task[SumVerdict]):
    """Judge one part of a table of interactions beside the part of the ledger of the same rows."""

    doing: ClassVar[str] = "checking interactions"

    ledger: SourcePart
    interactions: SourcePart
    columns: tuple[str, ...]

    @property
    def rows(self) -> int | None:
        return self.interactions.rows

    def run(self) -> SumVerdict:
        stored = StoredLedger.of(self.ledger.dataset())
        row_key = stored.provenance.row_key
        rows = stored.rows(ledger_columns(row_key, self.columns))
        return judge_sums(rows, self.interactions.batches(), row_key, self.columns)


def judge_sums_in_parts(
    engine: Engine,
    ledger: Sequence[SourcePart],
    interactions: Sequence[SourcePart],
    columns: tuple[str, ...],
    log: Callable[[str], None],
) -> SumVerdict:
    """The verdict on all parts; there are as many of the one as of the other."""
    engine = engine_that_reads(engine, ledger, log)
    tasks = [JudgeSums(one, other, columns) for one, other in zip(ledger, interactions, strict=True)]
    verdicts: Iterator[SumVerdict] = iter(in_order(stream_ends(engine, tasks, log)))
    return reduce(SumVerdict.merged, verdicts, SumVerdict())
