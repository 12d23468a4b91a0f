"""Columns of few words, written as they come: numbers into a list of words, which Parquet stores so as well."""

import base64
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlops_assets.arrow.plain_types import plain_array
from mlops_assets.arrow.type_kinds import is_text

WORDS = pa.dictionary(pa.int32(), pa.string())
"""The type of such a column; of any other dictionary the values are written one by one, as are many words."""
MOST_WORDS = 1024
_FIRST_ROWS = 4096
"""Among so many rows most words appear."""


def plain_but_words(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """As `plain_batch`, except for the columns of type `WORDS`, which are text in `schema`."""
    if batch.schema.equals(schema, check_metadata=True):
        return batch
    held = with_words(schema, batch.schema)
    columns = [
        column if field.type == WORDS else plain_array(column)
        for column, field in zip(batch.columns, held, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=held)


def number_words(table: pa.Table) -> pa.Table:
    """The same rows; words, which are in one piece, are numbered by `words_by_appearance`."""
    if WORDS not in table.schema.types:
        return table
    columns = [
        words_by_appearance(column.combine_chunks()) if column.type == WORDS else column for column in table.columns
    ]
    fields = [field.with_type(column.type) for field, column in zip(table.schema, columns, strict=True)]
    return pa.Table.from_arrays(columns, schema=pa.schema(fields, table.schema.metadata))


def number_repeated_words(batch: pa.RecordBatch, words: Mapping[str, str], schema: pa.Schema) -> pa.RecordBatch:
    """The same rows; these columns, each of which is one word in all rows, as numbers. `schema` has them as `WORDS`."""
    zeros = pa.array(np.zeros(batch.num_rows, dtype=np.int32))
    columns = [
        pa.DictionaryArray.from_arrays(zeros, pa.array([words[name]], pa.string())) if name in words else column
        for name, column in zip(batch.schema.names, batch.columns, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def with_words(schema: pa.Schema, held: pa.Schema) -> pa.Schema:
    """`schema`, with the type `WORDS` where `held` has it."""
    kinds = zip(schema, held.types, strict=True)
    return pa.schema([field.with_type(WORDS) if kind == WORDS else field for field, kind in kinds], schema.metadata)


def words_by_appearance(column: pa.Array) -> pa.Array:
    """A column of type `WORDS` with the words in the order in which they appear, each once: so Parquet would number
    them itself. Of many words, or words that are null, the plain text.
    """
    words = column.dictionary
    if words.null_count or len(words) > MOST_WORDS or len(words.unique()) < len(words):
        return plain_array(column)
    if len(words) == 1 and column.null_count < len(column):
        return column
    indices = column.indices
    order = _order_of_appearance(indices.drop_null().to_numpy(), len(words))
    if np.array_equal(order, np.arange(len(words))):
        return column
    places = np.zeros(len(words), dtype=np.int32)
    places[order] = np.arange(len(order))
    renumbered = pa.array(places).take(indices)
    return pa.DictionaryArray.from_arrays(renumbered, words.take(pa.array(order)))


def _order_of_appearance(numbers: np.ndarray, count: int) -> np.ndarray:
    """Those of the numbers below `count` that appear, the first one first."""
    for seen in (_FIRST_ROWS, len(numbers)):
        some = numbers[:seen]
        first = np.full(count, len(some))
        # The last one written is the first one that appears.
        first[some[::-1]] = np.arange(len(some))[::-1]
        order = np.argsort(first, kind="stable")[: np.count_nonzero(first < len(some))]
        if len(order) == count:
            break
    return order


def arrow_schema(schema: pa.Schema) -> dict[bytes, bytes]:
    """What Arrow notes in a file's metadata of the types in it: of columns of words that they are text."""
    return {b"ARROW:schema": base64.b64encode(schema.serialize().to_pybytes())}


def texts_that_repeat(first: pa.Table) -> list[str]:
    """The columns that are worth a dictionary, by a table's first rows.

    Trying to encode values that seldom repeat, as those of number columns and texts such as row keys do, takes longer
    than to write them.
    """
    repeats = first.num_rows // 2
    columns = zip(first.schema, first.columns, strict=True)
    return [
        field.name
        for field, column in columns
        if field.type == WORDS or (is_text(field.type) and pc.count_distinct(column).as_py() <= repeats)
    ]
