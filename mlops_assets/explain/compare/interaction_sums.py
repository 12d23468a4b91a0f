"""Do main effects and interactions add up to the attributions of the ledger, row by row?"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import zip_longest
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from mlops_assets.arrow.batching import fixed_batches
from mlops_assets.arrow.key_agreement import COMPARED_ROWS
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
from mlops_assets.explain.labels import to_names
from mlops_assets.explain.ledger.residuals import residual_tolerance
from mlops_assets.explain.ledger.stored import StoredLedger
from mlops_assets.tables.staged_table import SourcePart

LISTED = 20
_BASE = "base_value"


@dataclass
class InteractionVerdict:
    """What a comparison has found so far.

    Attributes
    ----------
    rows, ledger_rows
        Of the two tables.
    first_difference
        Position (from 0) of the first row whose key or output differs; None: all agree.
    beyond
        How many sums miss the attribution by more than rounding.
    largest, largest_ratio
        The largest absolute difference, and the largest in units of its tolerance.
    listed
        Some of those beyond: row key, output, column, difference and tolerance.
    """

    rows: int = 0
    ledger_rows: int = 0
    first_difference: int | None = None
    beyond: int = 0
    largest: float = 0.0
    largest_ratio: float = 0.0
    listed: list[dict[str, Any]] = field(default_factory=list)

    @property
    def are_the_same_rows(self) -> bool:
        """Both tables have the same keys and outputs in the same order."""
        return self.rows == self.ledger_rows and self.first_difference is None

    @property
    def passed(self) -> bool:
        """The same rows, and everything adds up."""
        return self.are_the_same_rows and self.beyond == 0

    def merged(self, later: "InteractionVerdict") -> "InteractionVerdict":
        """With that on the rows that come after these, in both tables."""
        first = self.first_difference
        if first is None and self.rows != self.ledger_rows:
            first = min(self.rows, self.ledger_rows)
        if first is None and later.first_difference is not None:
            first = self.rows + later.first_difference
        return InteractionVerdict(
            self.rows + later.rows,
            self.ledger_rows + later.ledger_rows,
            first,
            self.beyond + later.beyond,
            max(self.largest, later.largest),
            max(self.largest_ratio, later.largest_ratio),
            [*self.listed, *later.listed][:LISTED],
        )


def judge_sums(
    ledger: Iterable[pa.RecordBatch],
    interactions: Iterable[pa.RecordBatch],
    row_key: Sequence[str],
    columns: Sequence[str],
) -> InteractionVerdict:
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
    verdict, keys = InteractionVerdict(), [*row_key, OUTPUT]
    left = fixed_batches((_with_names(batch) for batch in ledger), COMPARED_ROWS)
    right = fixed_batches((_with_names(batch) for batch in interactions), COMPARED_ROWS)
    for one, other in zip_longest(left, right):
        now = InteractionVerdict(
            0 if other is None else other.num_rows,
            0 if one is None else one.num_rows,
        )
        if one is not None and other is not None and one.num_rows == other.num_rows:
            now.first_difference = _first_difference(one.select(keys), other.select(keys))
            if now.first_difference is None:
                for column in columns:
                    _judge_column(now, one, other, column, columns, keys)
        verdict = verdict.merged(now)
    return verdict


def ledger_columns(row_key: Sequence[str], columns: Sequence[str]) -> list[str]:
    """What `judge_sums` reads of a ledger."""
    return [*row_key, OUTPUT, EXPLAINED_VALUE, _BASE, *(shap_column(name) for name in columns)]


def _judge_column(
    verdict: InteractionVerdict,
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
    over = ~(difference <= tolerance)
    finite = np.where(np.isfinite(difference), difference, np.inf)
    verdict.beyond += int(over.sum())
    verdict.largest = max(verdict.largest, float(finite.max(initial=0.0)))
    verdict.largest_ratio = max(verdict.largest_ratio, float((finite / tolerance).max(initial=0.0)))
    for row in np.flatnonzero(over)[: max(0, LISTED - len(verdict.listed))].tolist():
        found = {"column": column, "difference": float(difference[row]), "tolerance": float(tolerance[row])}
        verdict.listed.append({**interactions.slice(row, 1).select(list(keys)).to_pylist()[0], **found})


def _with_names(batch: pa.RecordBatch) -> pa.RecordBatch:
    place = batch.schema.get_field_index(OUTPUT)
    return batch.set_column(place, pa.field(OUTPUT, pa.string()), to_names(batch.column(place)))


def _first_difference(one: pa.RecordBatch, other: pa.RecordBatch) -> int | None:
    if all(one.column(name).equals(other.column(name)) for name in one.schema.names):
        return None
    pairs = zip(one.to_pylist(), other.to_pylist(), strict=True)
    # Keys of another type, or NaN: the batch as a whole differs.
    return next((place for place, (mine, theirs) in enumerate(pairs) if mine != theirs), 0)


@dataclass(frozen=True)
class JudgeSums(Task[InteractionVerdict]):
    """Judge one part of a table of interactions beside the part of the ledger of the same rows."""

    doing: ClassVar[str] = "checking interactions"

    ledger: SourcePart
    interactions: SourcePart
    columns: tuple[str, ...]

    @property
    def rows(self) -> int | None:
        return self.interactions.rows

    def run(self) -> InteractionVerdict:
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
) -> InteractionVerdict:
    """The verdict on all parts; there are as many of the one as of the other."""
    engine = engine_that_reads(engine, ledger, log)
    tasks = [JudgeSums(one, other, columns) for one, other in zip(ledger, interactions, strict=True)]
    verdicts: Iterator[InteractionVerdict] = iter(in_order(stream_ends(engine, tasks, log)))
    return reduce(InteractionVerdict.merged, verdicts, InteractionVerdict())
