"""The rows of each segment: of each value of a column of the inputs."""

from collections.abc import Callable, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from mlops_assets.arrow.provenance import Provenance
from mlops_assets.arrow.views import rows_of
from mlops_assets.errors import ConfigurationError, list_with_suggestions
from mlops_assets.explain.drift.profile import ALL_ROWS
from mlops_assets.explain.ledger.match_rows import match_rows

MOST_SEGMENTS = 200
"""Of a column: segments are looked at one by one."""


def cut_rows(rows: pa.RecordBatch, segments: pa.RecordBatch) -> Iterator[tuple[str, pa.RecordBatch]]:
    """All rows, and those of each value of each of the columns beside them.

    Raises
    ------
    ConfigurationError
        A column has more than `MOST_SEGMENTS` values.
    """
    yield ALL_ROWS, rows
    for name, column in zip(segments.schema.names, segments.columns, strict=True):
        values = pc.unique(column)
        if len(values) > MOST_SEGMENTS:
            raise ConfigurationError(
                f"The column {name!r} has more than {MOST_SEGMENTS} values, each of which would be a segment",
                where="monitor.segments",
                fix="Name columns of few values",
            )
        for value in values:
            is_in = pc.equal(column, value) if value.is_valid else pc.is_null(column)
            shown = value.cast(pa.string()).as_py() if value.is_valid else "missing"
            yield f"{name}={shown}", rows.filter(is_in)


def cut_beside_inputs(
    batches: Callable[[Sequence[str]], Iterator[pa.RecordBatch]], inputs: ds.Dataset, segments: Sequence[str]
) -> Iterator[tuple[str, pa.RecordBatch]]:
    """The rows of a table that is made of the inputs, and those of each segment.

    Parameters
    ----------
    batches
        The table's rows, with these columns before the others.
    inputs, segments
        `input_samples`, in the same order, and its columns that say which segment a row is in.
    """
    key = list(Provenance.of(inputs.schema).row_key)
    names = list(dict.fromkeys((*key, *segments)))
    schema = pa.schema([inputs.schema.field(name) for name in names])
    for rows, block, places in match_rows(batches(key), rows_of(inputs, names), key, schema, "input_samples"):
        yield from cut_rows(rows, block.select(list(segments)).take(pa.array(places)))


def refuse_unknown(segments: Sequence[str], columns: Sequence[str], of: str = "input_samples") -> None:
    """Raise `ConfigurationError` where a column of the segments is not among the table's."""
    if unknown := [name for name in segments if name not in columns]:
        raise ConfigurationError(
            f"monitor.segments names {list_with_suggestions(unknown, columns)}, not a column of {of}",
            where="monitor.segments",
            fix="Name columns of the model's signature, or of the row key",
        )
