"""The rows of each segment: of each value of a column of the inputs."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from mlops_assets.arrow.provenance import Provenance
from mlops_assets.arrow.value_text import values_as_text
from mlops_assets.arrow.views import rows_of
from mlops_assets.errors import ConfigurationError, list_with_suggestions
from mlops_assets.explain.drift.profile import ALL_ROWS
from mlops_assets.explain.ledger.match_rows import match_rows

MOST_SEGMENTS = 200
"""Of a column of a table: segments are looked at one by one."""
MISSING = "(missing)"


def cut_rows(rows: pa.RecordBatch, segments: pa.RecordBatch) -> Iterator[tuple[str, pa.RecordBatch]]:
    """All rows, and those of each value of each of the columns beside them, as text; NaN is missing.

    Raises
    ------
    ConfigurationError
        A column has more than `MOST_SEGMENTS` values.
    """
    yield ALL_ROWS, rows
    for name, column in zip(segments.schema.names, segments.columns, strict=True):
        encoded = pc.dictionary_encode(values_as_text(column), null_encoding="encode")
        if len(encoded.dictionary) > MOST_SEGMENTS:
            raise _too_many(name)
        codes = encoded.indices.to_numpy()
        for code, text in enumerate(encoded.dictionary.to_pylist()):
            shown = MISSING if text is None else text
            yield f"{name}={shown}", rows.take(pa.array(np.flatnonzero(codes == code)))


def refuse_too_many(found: Iterable[str], columns: Sequence[str]) -> None:
    """Raise `ConfigurationError` where a column has more than `MOST_SEGMENTS` of the segments."""
    names = list(found)
    for column in columns:
        if sum(name.startswith(f"{column}=") for name in names) > MOST_SEGMENTS:
            raise _too_many(column)


def _too_many(column: str) -> ConfigurationError:
    return ConfigurationError(
        f"The column {column!r} has more than {MOST_SEGMENTS} values, each of which would be a segment",
        where="monitor.segments",
        fix="Name columns of few values",
    )


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
            f"There is no column {list_with_suggestions(unknown, columns)} in {of}",
            where="monitor.segments",
            fix="Name columns of the model's signature, or of the row key",
        )
