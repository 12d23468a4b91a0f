"""The outcomes, each row key once, in an order that does not depend on that of their table."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt
from numpy.typing import NDArray

from mlops_assets.arrow.input_table import InputTable
from mlops_assets.errors import TableError
from mlops_assets.performance.outcome_rows import PARTITION, OutcomeColumns, read_columns, replace_column
from mlops_assets.performance.outcome_values import encode_outcomes
from mlops_assets.performance.problem import Problem
from mlops_assets.performance.vocabulary import Vocabulary

ROW = "row"


@dataclass(frozen=True)
class OutcomeCounts:
    """What was read, and what of it does not count.

    Attributes
    ----------
    rows
        Of the table.
    usable
        Row keys with an outcome that counts.
    without_value, wrong_type, not_finite, unknown_label
        Rows whose outcome is missing (null or NaN), no number, not finite, or no class of the predictions.
    repeated
        Rows that say the same as another one of their row key.
    superseded
        Rows with an outcome of their row key that was observed later.
    never_positive
        Row keys whose outcome is not the positive class, where none of all is and labels do not say what the other
        class is called.
    """

    rows: int = 0
    usable: int = 0
    without_value: int = 0
    wrong_type: int = 0
    not_finite: int = 0
    unknown_label: int = 0
    repeated: int = 0
    superseded: int = 0
    never_positive: int = 0

    def to_json(self) -> str:
        """For a table's metadata."""
        return json.dumps(vars(self))


@dataclass(frozen=True)
class Outcomes:
    """Outcomes by row key.

    Attributes
    ----------
    keys
        Columns ``key_0``, ..., `PARTITION` where outcomes have one, and `ROW`: the place in `values`.
    values
        (n,): numbers, or codes of classes.
    labels
        The texts of the codes.
    segments
        Column -> values as texts.
    newest
        When the last one was observed, as text.
    """

    keys: pa.Table
    values: NDArray[np.generic]
    labels: Vocabulary
    counts: OutcomeCounts
    segments: dict[str, pa.ChunkedArray] = field(default_factory=dict)
    newest: str | None = None

    def of_partition(self, partition: str | None) -> pa.Table:
        """Keys and places of the outcomes that may belong to this partition's predictions."""
        if PARTITION not in self.keys.schema.names:
            return self.keys
        rows = self.keys.filter(pc.equal(self.keys[PARTITION], partition)) if partition is not None else self.keys
        return rows.drop_columns([PARTITION])


def read_outcomes(
    table: InputTable, columns: OutcomeColumns, key_types: Sequence[pa.DataType], problem: Problem
) -> Outcomes:
    """Read the outcomes: their keys, values, times and segments are held in memory, and nothing else.

    Parameters
    ----------
    key_types
        Of the predictions' row key, in its order, which is that of the table's.

    Raises
    ------
    TableError
        A column is missing, keys have another type, an outcome is of no type that could be one, or a row key has two
        outcomes and nothing says which is right.
    """
    return outcomes_of(read_columns(table, columns, key_types), columns, problem, table.uri)


def outcomes_of(rows: pa.Table, columns: OutcomeColumns, problem: Problem, where: str) -> Outcomes:
    """`read_outcomes` of columns that were read."""
    counts = {"rows": rows.num_rows}
    rows = rows.filter(pc.invert(pc.is_null(rows["value"], nan_is_null=True)))
    counts["without_value"] = counts["rows"] - rows.num_rows
    rows = _sorted(rows, columns, where)
    rows, once = _each_key_once(rows, columns, where)
    values, labels, usable, wrong = encode_outcomes(rows["value"], problem, columns.value, where)
    rows = rows.filter(pa.array(usable)) if not usable.all() else rows
    keys = rows.select([name for name in rows.schema.names if name.startswith("key_") or name == PARTITION])
    if problem.classes[:1] == (None,) and not (values[usable] == 1).any():
        wrong["never_positive"] = int(usable.sum())
    newest = pc.max(rows["at"]).as_py() if columns.at and rows.num_rows else None
    return Outcomes(
        keys=keys.append_column(ROW, pa.array(np.arange(rows.num_rows, dtype=np.int64))),
        values=values[usable],
        labels=labels,
        counts=OutcomeCounts(**counts, **once, **wrong, usable=int(usable.sum())),
        segments={
            name.removeprefix("segment_"): rows[name] for name in rows.schema.names if name.startswith("segment_")
        },
        newest=None if newest is None else str(newest),
    )


def _sorted(rows: pa.Table, columns: OutcomeColumns, where: str) -> pa.Table:
    """By key, the newest first; equal keys by what else they say, so that the order of the table does not matter."""
    kind = rows["value"].type
    if pt.is_null(kind) or pt.is_float16(kind):
        rows = replace_column(rows, "value", rows["value"].cast(pa.float32()))
    if pt.is_nested(kind):
        raise TableError(
            f"The outcome {columns.value!r} is {kind}, which no prediction can be compared with",
            where=where,
            fix="Set outcomes.column to a column of numbers or labels",
        )
    order = [(name, "ascending") for name in rows.schema.names if name.startswith("key_") or name == PARTITION]
    order += [("at", "descending")] if columns.at else []
    others = [name for name in rows.schema.names if name == "value" or name.startswith("segment_")]
    try:
        return rows.sort_by([*order, *((name, "ascending") for name in others)])
    except (pa.ArrowNotImplementedError, pa.ArrowTypeError, pa.ArrowInvalid):
        kinds = ", ".join(f"{name} {rows.schema.field(name).type}" for name, _ in order)
        raise TableError(
            f"Outcomes cannot be put in an order: {kinds}, outcome {rows.schema.field('value').type}",
            where=where,
            fix="Use keys, times and outcomes that are numbers, text or times",
        ) from None


def _each_key_once(rows: pa.Table, columns: OutcomeColumns, where: str) -> tuple[pa.Table, dict[str, int]]:
    """The newest row of each key, and how many others there were."""
    if rows.num_rows < 2:
        return rows, {"repeated": 0, "superseded": 0}
    by_key = [name for name in rows.schema.names if name.startswith("key_") or name == PARTITION]
    same_key = _equals_row_before(rows, by_key)
    same_time = same_key & _equals_row_before(rows, ["at"]) if columns.at else same_key
    # Rows of the newest time of their key: those before are of the same key and time, up to the key's first row.
    starts = np.flatnonzero(~same_key)
    of_key = np.repeat(starts, np.diff([*starts, rows.num_rows]))
    breaks = np.cumsum(~same_time)
    newest = breaks == breaks[of_key]
    differs = same_time & newest & ~_equals_row_before(rows, ["value"])
    if differs.any():
        keys = len(np.unique(of_key[differs]))
        advice = (
            f"Correct them: outcomes.at, {columns.at}, is the same in these rows"
            if columns.at
            else "Correct them, set outcomes.at to the column that says when an outcome was observed (the newest "
            "counts), or outcomes.partition to the column that says which partition it belongs to"
        )
        raise TableError(
            f"{keys} row key{'s have' if keys > 1 else ' has'} outcomes that differ, and nothing says which is right",
            where=f"{where}, column {columns.value!r}",
            fix=advice,
        )
    repeated = int((same_key & newest).sum())
    return rows.take(pa.array(starts)), {
        "repeated": repeated,
        "superseded": int(same_key.sum()) - repeated,
    }


def _equals_row_before(rows: pa.Table, names: Sequence[str]) -> NDArray[np.bool_]:
    """(n,): whether each row has the values of the one before it; nulls are equal to nulls."""
    same = np.ones(rows.num_rows, bool)
    same[0] = False
    for name in names:
        column = rows[name].combine_chunks()
        before, after = column.slice(0, len(column) - 1), column.slice(1)
        equal = pc.fill_null(pc.equal(before, after), False).to_numpy(zero_copy_only=False)
        nulls = pc.and_(before.is_null(nan_is_null=True), after.is_null(nan_is_null=True))
        same[1:] &= equal | nulls.to_numpy(zero_copy_only=False)
    return same
