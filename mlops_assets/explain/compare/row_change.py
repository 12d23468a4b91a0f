"""What another version would have said of one row, and which columns make the difference."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from mlops_assets.explain.columns import EXPLAINED_VALUE, OUTPUT, SPACE
from mlops_assets.explain.compare.change_rows import change_batches
from mlops_assets.explain.compare.comparison import (
    BASE_CHANGE,
    RESIDUAL_CHANGE,
    VALUE_AFTER,
    VALUE_BEFORE,
    Comparison,
    change_column,
)
from mlops_assets.explain.labels import to_names


@dataclass(frozen=True)
class RowChange:
    """One output of a row in two versions.

    Attributes
    ----------
    output
        Its name.
    before, now
        The explained values of the earlier version and of this one.
    space_before, space_now
        Their scales.
    columns
        Input column -> how much its attribution changed, the largest change first; a column that one of the versions
        lacks has no attribution there. Empty where the versions cannot be compared.
    base_change, rest_change
        Of the base value, and of what attributions leave. Together with `columns` they are the change exactly.
    only_before, only_now
        Columns that only one of the versions has.
    not_compared
        Why the two values cannot be compared; empty: they can.
    """

    output: str
    before: float
    now: float
    space_before: str
    space_now: str
    columns: Mapping[str, float]
    base_change: float = 0.0
    rest_change: float = 0.0
    only_before: tuple[str, ...] = ()
    only_now: tuple[str, ...] = ()
    not_compared: str = ""


def compare_row(comparison: Comparison, before: pa.RecordBatch, now: pa.RecordBatch) -> list[RowChange]:
    """The outputs that two ledgers of one row have in common, in the order of the scored version's.

    Parameters
    ----------
    before, now
        Their rows; those of `now` are of the scored version.

    Raises
    ------
    ExplanationError
        As of `change_batches`.
    """
    changes = [
        line
        for batch in change_batches(comparison, [now], [before])
        for line in zip(to_names(batch.column(OUTPUT)).to_pylist(), batch.to_pylist(), strict=True)
    ]
    return [
        RowChange(
            output,
            line[VALUE_BEFORE],
            line[VALUE_AFTER],
            line[SPACE],
            line[SPACE],
            dict(
                sorted(
                    ((name, line[change_column(name)]) for name in comparison.features), key=lambda item: -abs(item[1])
                )
            ),
            line[BASE_CHANGE],
            line[RESIDUAL_CHANGE],
            comparison.only_before,
            comparison.only_after,
        )
        for output, line in changes
    ]


def values_alone(
    before: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]], not_compared: str
) -> list[RowChange]:
    """The outputs that two ledgers have in common, where their attributions cannot be subtracted.

    Parameters
    ----------
    before, now
        Their rows, in today's columns and with outputs by name.
    not_compared
        Why.
    """
    earlier = {row[OUTPUT]: row for row in before}
    pairs = [(earlier[row[OUTPUT]], row) for row in now if row[OUTPUT] in earlier]
    return [
        RowChange(
            row[OUTPUT],
            old[EXPLAINED_VALUE],
            row[EXPLAINED_VALUE],
            old[SPACE],
            row[SPACE],
            {},
            not_compared=not_compared,
        )
        for old, row in pairs
    ]
