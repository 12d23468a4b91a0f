"""Do the parts of the columns add up to the difference, and are the rows and values those of the ledger?"""

from collections.abc import Callable, Iterable, Sequence
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
from mlops_assets.explain.columns import EXPLAINED_VALUE, OUTPUT
from mlops_assets.explain.compare.change_summary import ChangesOrigin
from mlops_assets.explain.compare.comparison import (
    BASE_CHANGE,
    DIFFERENCE,
    RESIDUAL_CHANGE,
    VALUE_AFTER,
    VALUE_BEFORE,
    change_column,
)
from mlops_assets.explain.compare.sum_verdict import SumVerdict, or_infinite
from mlops_assets.explain.labels import with_output_names
from mlops_assets.explain.ledger.residuals import residual_tolerance
from mlops_assets.explain.ledger.stored import StoredLedger
from mlops_assets.tables.staged_table import SourcePart


def judge_changes(
    ledger: Iterable[pa.RecordBatch], changes: Iterable[pa.RecordBatch], row_key: Sequence[str], origin: ChangesOrigin
) -> SumVerdict:
    """Hold the difference of each row against the sum of its parts, and its values against the ledger's.

    With the change of the residual the sum is right up to double precision; the residual itself is no more than the
    rounding of the type that the models compute in. See `residual_tolerance`.

    Parameters
    ----------
    ledger
        Rows of `sample_explanations`, with at least `compared_columns`.
    changes
        Rows of the table of changes, with at least `judged_columns`.
    """
    verdict, keys = SumVerdict(), [*row_key, OUTPUT]
    value = VALUE_BEFORE if origin.scored == "before" else VALUE_AFTER
    shared = set(origin.outputs)
    left = fixed_batches((_of_outputs(batch, shared) for batch in ledger), COMPARED_ROWS)
    right = fixed_batches(map(with_output_names, changes), COMPARED_ROWS)
    for one, other in zip_longest(left, right):
        now = SumVerdict(0 if other is None else other.num_rows, 0 if one is None else one.num_rows)
        if other is not None:
            if one is not None and one.num_rows == other.num_rows:
                now.first_difference = first_difference(
                    one.select([*keys, EXPLAINED_VALUE]), other.select([*keys, value])
                )
            _judge_sums(now, other, keys, origin)
        verdict = verdict.merged(now)
    return verdict


def compared_columns(row_key: Sequence[str]) -> list[str]:
    """What `judge_changes` reads of a ledger."""
    return [*row_key, OUTPUT, EXPLAINED_VALUE]


def judged_columns(row_key: Sequence[str], origin: ChangesOrigin) -> list[str]:
    """What `judge_changes` reads of the table of changes."""
    numbers = (VALUE_BEFORE, VALUE_AFTER, DIFFERENCE, BASE_CHANGE, RESIDUAL_CHANGE)
    return [*row_key, OUTPUT, *numbers, *map(change_column, origin.features)]


def _judge_sums(verdict: SumVerdict, changes: pa.RecordBatch, keys: Sequence[str], origin: ChangesOrigin) -> None:
    before, after, difference, base, residual = (
        changes.column(name).to_numpy()
        for name in (VALUE_BEFORE, VALUE_AFTER, DIFFERENCE, BASE_CHANGE, RESIDUAL_CHANGE)
    )
    total, magnitude = base.copy(), np.abs(base)
    for name in origin.features:
        part = changes.column(change_column(name)).to_numpy()
        total += part
        magnitude += np.abs(part)
    missing = np.abs(difference - total)
    unexplained = np.abs(difference - total - residual) + np.abs(difference - (after - before))
    terms = len(origin.features) + 1
    tolerance = residual_tolerance(before, after, terms, np.dtype(origin.precision), magnitude=magnitude)
    exact = residual_tolerance(before, after, terms, magnitude=magnitude)
    misses, others = or_infinite(missing), or_infinite(unexplained)
    verdict.count(
        ~((missing <= tolerance) & (unexplained <= exact)),
        misses,
        np.maximum(misses / tolerance, others / exact),
        changes.select(list(keys)),
        lambda row: {
            "missing": float(max(missing[row], unexplained[row])),
            "tolerance": float(tolerance[row]),
        },
    )


def _of_outputs(batch: pa.RecordBatch, outputs: set[str]) -> pa.RecordBatch:
    named = with_output_names(batch)
    names = named.column(OUTPUT)
    present = set(names.unique().to_pylist())
    if present <= outputs:
        return named
    return named.filter(pa.array([name in outputs for name in names.to_pylist()], pa.bool_()))


@dataclass(frozen=True)
class JudgeChanges(Task[SumVerdict]):
    """Judge one part of a table of changes beside the part of the ledger of the same rows."""

    doing: ClassVar[str] = "checking changes"

    ledger: SourcePart
    changes: SourcePart
    origin: ChangesOrigin

    @property
    def rows(self) -> int | None:
        return self.changes.rows

    def run(self) -> SumVerdict:
        key = self.changes.row_key
        explained = StoredLedger.of(self.ledger.dataset()).rows(compared_columns(key))
        return judge_changes(explained, self.changes.batches(judged_columns(key, self.origin)), key, self.origin)


def judge_changes_in_parts(
    engine: Engine,
    ledger: Sequence[SourcePart],
    changes: Sequence[SourcePart],
    origin: ChangesOrigin,
    log: Callable[[str], None],
) -> SumVerdict:
    """The verdict on all parts; there are as many of the one as of the other."""
    engine = engine_that_reads(engine, ledger, log)
    tasks = [JudgeChanges(one, other, origin) for one, other in zip(ledger, changes, strict=True)]
    return reduce(SumVerdict.merged, in_order(stream_ends(engine, tasks, log)), SumVerdict())
