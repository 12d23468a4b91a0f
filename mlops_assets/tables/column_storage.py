"""How each column of a Parquet file is stored, judged by the table's first rows."""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from mlops_assets.arrow.content_hash import fixed_width_bytes, value_bytes
from mlops_assets.arrow.plain_types import plain_array
from mlops_assets.arrow.type_kinds import is_text
from mlops_assets.tables.word_columns import texts_that_repeat

CODEC = "snappy"
_REPEAT_ROWS, _CODEC_ROWS = 1024, 8192
_MOST_COLUMNS = 512
"""Of more columns judging each would take about as long as writing them."""
_WORTH_A_CODEC = 0.75
"""A column of which more than this is left when it is compressed is stored as it is."""


@dataclass(frozen=True)
class ColumnStorage:
    """What `pyarrow.parquet.ParquetWriter` is told of the columns.

    Attributes
    ----------
    dictionary
        The columns that are stored as numbers into a list of values.
    codecs
        Of each column; one for all where there are very many, or nested ones, which Parquet names by their leaves.
    statistics
        The columns whose least and greatest values are noted in each row group. Of words that come in no order they
        help no reader, and take as long as writing these.
    """

    dictionary: list[str] | bool
    codecs: dict[str, str] | str
    statistics: list[str] | bool

    @classmethod
    def of(cls, first: pa.Table | None) -> "ColumnStorage":
        """By the first row group; None: there are no rows."""
        if first is None:
            return cls(False, CODEC, True)
        sample = first.slice(0, _REPEAT_ROWS)
        texts = texts_that_repeat(sample)
        if len(first.schema) > _MOST_COLUMNS or any(kind.num_fields for kind in first.schema.types):
            return cls(texts or False, CODEC, True)
        columns = zip(first.schema.names, first.slice(0, _CODEC_ROWS).columns, strict=True)
        codecs = {name: CODEC if name in texts or _is_compressible(column) else "none" for name, column in columns}
        in_order = [name for name in first.schema.names if name not in texts or _is_in_order(sample.column(name))]
        return cls(texts or False, codecs, True if len(in_order) == len(first.schema) else in_order)


def _is_in_order(column: pa.ChunkedArray) -> bool:
    """Whether texts rise or fall, as keys by which a table is sorted do."""
    texts = plain_array(column.combine_chunks()).drop_null()
    pairs = texts.slice(0, max(len(texts) - 1, 0)), texts.slice(1)
    return any(pc.all(compare(*pairs)).as_py() for compare in (pc.less_equal, pc.greater_equal))


def _is_compressible(column: pa.ChunkedArray) -> bool:
    """Whether the codec is worth its time; digits that look random are copied by it, slowly."""
    values = column.combine_chunks().drop_null()
    if pa.types.is_floating(values.type) or pa.types.is_integer(values.type):
        data = fixed_width_bytes(values)
    elif is_text(values.type):
        data = value_bytes(values)
    else:
        return True
    return not data.nbytes or len(pa.compress(data, CODEC)) <= _WORTH_A_CODEC * data.nbytes
