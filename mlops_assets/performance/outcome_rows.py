"""The columns of the table of outcomes that say something, with keys in the types of the predictions."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from mlops_assets.arrow.input_table import InputTable
from mlops_assets.arrow.value_text import values_as_text
from mlops_assets.arrow.views import rows_of
from mlops_assets.errors import TableError, list_some, list_with_suggestions
from mlops_assets.performance.vocabulary import MISSING

PARTITION = "partition"
_UTC = {"UTC", "Etc/UTC", "GMT", "Z", "+00:00"}


@dataclass(frozen=True)
class OutcomeColumns:
    """Which columns of the table of outcomes say what.

    Attributes
    ----------
    value
        The outcome.
    at
        When it was observed; None: a row key has one outcome.
    partition
        The key of the partition that it belongs to; None: it counts for all predictions of the row key.
    segments
        Columns of segments, as far as this table has them.
    """

    value: str
    at: str | None = None
    partition: str | None = None
    segments: tuple[str, ...] = ()


def key_column(place: int) -> str:
    """The name of a key column while tables are joined, whatever it is called in them."""
    return f"key_{place}"


def read_columns(table: InputTable, columns: OutcomeColumns, key_types: Sequence[pa.DataType]) -> pa.Table:
    """The needed columns of the outcomes: ``key_0``, ..., ``value``, ``at``, `PARTITION` and ``segment_<column>``.

    Raises
    ------
    TableError
        A column is missing, keys have another type or are null, times are none.
    """
    known = list(table.schema.names)
    asked = [columns.value, *(name for name in (columns.at, columns.partition) if name is not None)]
    if unknown := [name for name in asked if name not in known]:
        raise TableError(
            f"The outcomes have no column {list_with_suggestions(unknown, known)}",
            where=table.uri,
            fix=f"Set outcomes.column, at and partition to columns of the table: {list_some(known)}",
        )
    if len(table.row_key) != len(key_types):
        raise TableError(
            f"The outcomes' row key has {len(table.row_key)} columns, and the predictions' has {len(key_types)}",
            where=table.uri,
            fix="Name the columns of outcomes.row_key in the order of inputs.row_key",
        )
    names = {**{key_column(place): name for place, name in enumerate(table.row_key)}, "value": columns.value}
    names |= {"at": columns.at} if columns.at else {}
    names |= {PARTITION: columns.partition} if columns.partition else {}
    columns_of_table = set(known)
    names |= {f"segment_{name}": name for name in columns.segments if name in columns_of_table}
    needed = list(dict.fromkeys(names.values()))
    table = table.narrow(needed)
    dataset = table.dataset()
    batches = rows_of(dataset, needed) if dataset is not None else (batch.select(needed) for batch in table.batches())
    rows = pa.Table.from_batches(batches, pa.schema([table.schema.field(name) for name in needed]))
    rows = pa.table({own: rows[name] for own, name in names.items()})
    for place, (name, kind) in enumerate(zip(table.row_key, key_types, strict=True)):
        rows = rows.set_column(place, key_column(place), _as_key(rows.column(place), name, kind, table.uri))
    if columns.partition:
        rows = replace_column(rows, PARTITION, _as_partition(rows[PARTITION]))
    if columns.at:
        rows = replace_column(rows, "at", _as_time(rows["at"], columns.at, table.uri))
    for name in columns.segments:
        if name in columns_of_table:
            rows = replace_column(rows, f"segment_{name}", segment_texts(rows[f"segment_{name}"]))
    return rows


def _as_key(column: pa.ChunkedArray, name: str, kind: pa.DataType, where: str) -> pa.ChunkedArray:
    if column.null_count:
        raise TableError(
            f"Row key column {name!r} is null in {column.null_count} rows of the outcomes",
            where=where,
            fix="Fill the column, or leave these rows out",
        )
    try:
        return _cast_without_loss(column, kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        # Without its cause, which quotes a value.
        raise TableError(
            f"Row key column {name!r} is {column.type} in the outcomes and {kind} in the predictions, and holds values "
            "that cannot be converted",
            where=where,
            fix="Write the keys as they are in the inputs, or name another column in outcomes.row_key",
        ) from None


def _cast_without_loss(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    """Raises as `cast` does."""
    if pt.is_timestamp(column.type) and pt.is_timestamp(kind):
        zones = {column.type.tz, kind.tz}
        # Arrow takes times without a zone for those of UTC; beside another zone they may as well be local ones.
        if None in zones and zones - {None} - _UTC:
            raise pa.ArrowInvalid("times without a zone, and of another zone than UTC")
    if pt.is_integer(column.type) and pt.is_decimal(kind):
        # Arrow asks whether any integer would fit.
        column = column.cast(pa.decimal128(20, 0))
    converted = column.cast(kind)
    # Arrow takes the days of times without a word.
    if pt.is_timestamp(column.type) and pt.is_date(kind) and not converted.cast(column.type).equals(column):
        raise pa.ArrowInvalid("times within a day")
    return converted


def _as_time(column: pa.ChunkedArray, name: str, where: str) -> pa.ChunkedArray:
    if pt.is_null(column.type):
        return column.cast(pa.timestamp("us"))
    if not (pt.is_string(column.type) or pt.is_large_string(column.type)):
        return column
    # Arrow takes either text with a zone or text without one.
    for kind in (pa.timestamp("us"), pa.timestamp("us", "UTC")):
        try:
            return column.cast(kind)
        except pa.ArrowInvalid:
            continue
    raise TableError(
        f"The column {name!r} holds text that is no time, or times with and without a zone",
        where=where,
        fix="Write times as 2026-01-31T12:00:00, as 2026-01-31, or all with a zone: 2026-01-31T12:00:00Z",
    )


def segment_texts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Values as texts, as all tables show the values of segments; `MISSING` for null and NaN."""
    texts = values_as_text(column.combine_chunks())
    return pa.chunked_array([pc.fill_null(texts, MISSING)])


def _as_partition(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Keys of partitions as texts; times as Dagster's keys of days, months and hours are written."""
    kind = column.type
    if pt.is_timestamp(kind):
        times = column.cast(pa.timestamp(kind.unit))
        whole_days = pc.all(pc.equal(times, pc.floor_temporal(times, unit="day"))).as_py()
        column = pc.strftime(times.cast(pa.timestamp("s"), safe=False), "%Y-%m-%d" if whole_days else "%Y-%m-%d-%H:%M")
    return segment_texts(column)


def replace_column(rows: pa.Table, name: str, column: pa.ChunkedArray) -> pa.Table:
    """The same table with another column of that name."""
    return rows.set_column(rows.schema.get_field_index(name), name, column)
