"""Columns of few words are written without looking at each of their rows, to the same bytes."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops_assets.storage.location import Location
from mlops_assets.tables.parquet_writer import ParquetWriter
from mlops_assets.tables.word_columns import MOST_WORDS, WORDS


def words(rows: int, many: int, nulls: bool, seed: int) -> pa.Array:
    rng = np.random.default_rng(seed)
    listed = pa.array([f"word {number}" for number in rng.permutation(many)])
    places = rng.integers(0, many, rows)
    return pa.DictionaryArray.from_arrays(pa.array(places, pa.int32(), mask=nulls & (places % 3 == 0)), listed)


@pytest.mark.parametrize("nulls", [False, True])
@pytest.mark.parametrize("many", [1, 7, MOST_WORDS + 1])
def test_words_are_written_as_plain_text_is(tmp_path, monkeypatch, many, nulls):
    monkeypatch.setattr(ParquetWriter, "ROW_GROUP_ROWS", 2048)
    schema = pa.schema([("word", WORDS), ("number", pa.int64())], {"about": "words"})
    # Each batch has a list of its own, and batches end anywhere.
    batches = [
        pa.RecordBatch.from_arrays([words(rows, many, nulls, rows), pa.array(np.arange(rows))], schema=schema)
        for rows in (1, 3000, 777, 2048)
    ]
    plain = pa.schema([schema.field(0).with_type(pa.string()), schema.field(1)], schema.metadata)
    texts = [
        pa.RecordBatch.from_arrays([batch.column(0).dictionary_decode(), batch.column(1)], schema=plain)
        for batch in batches
    ]
    place, other = (Location.parse(str(tmp_path / name)) for name in ("words", "texts"))
    written = ParquetWriter().write(pa.RecordBatchReader.from_batches(schema, batches), place)
    ParquetWriter().write(pa.RecordBatchReader.from_batches(plain, texts), other)
    assert written.schema.equals(plain, check_metadata=True)
    assert (tmp_path / "words.parquet").read_bytes() == (tmp_path / "texts.parquet").read_bytes()
    assert pq.read_table(tmp_path / "words.parquet").equals(pa.Table.from_batches(texts))
    assert pq.read_schema(tmp_path / "words.parquet").metadata == {b"about": b"words"}
