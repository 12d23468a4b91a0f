"""Small Parquet files of large rows: so many are decoded at a time as fit, and what is made to fill is refused."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops_assets.errors import TableError
from mlops_assets.storage.location import Location
from mlops_assets.tables import parquet_batches, part_size
from mlops_assets.tables.source import TableSource

ROWS = 2_000


def write(path, texts, **options):
    words = pa.DictionaryArray.from_arrays(pa.array(np.arange(ROWS) % len(texts), pa.int32()), pa.array(texts))
    table = pa.table({"id": np.arange(ROWS), "a": words})
    pq.write_table(table, path, compression="zstd", store_schema=False, **options)
    return TableSource(Location.parse(path))


@pytest.fixture
def small(monkeypatch):
    """The limits, each a hundredth of a thousandth."""
    monkeypatch.setattr(parquet_batches, "MOST_BATCH_BYTES", 1 << 20)
    monkeypatch.setattr(parquet_batches, "LONGEST_VALUE", 1 << 18)
    monkeypatch.setattr(parquet_batches, "LITTLE", 1 << 20)


def lengths(source):
    return [batch.num_rows for batch in source.open().reader()]


@pytest.mark.parametrize("groups", [ROWS, 700])
def test_long_texts_of_a_dictionary_come_in_batches_that_fit(groups, tmp_path, small):
    source = write(tmp_path / "x.parquet", ["x" * 10_000, "y"], row_group_size=groups)
    sizes = lengths(source)
    assert sum(sizes) == ROWS
    assert max(sizes) <= (1 << 20) // 10_000
    assert source.open().reader().read_all()["a"].to_pylist()[:2] == ["x" * 10_000, "y"]


def test_short_texts_are_not_counted_as_long(tmp_path, small):
    assert lengths(write(tmp_path / "x.parquet", [f"text {at}" for at in range(40)])) == [ROWS]


def test_a_long_text_among_short_ones_is_read(tmp_path, small, monkeypatch):
    """It is as if each text were as long, unless they are counted."""
    monkeypatch.setattr(parquet_batches, "MOST_EXPANSION", 100)
    assert sum(lengths(write(tmp_path / "x.parquet", ["x" * 10_000, *map(str, range(500))]))) == ROWS
    with pytest.raises(TableError, match=r"rows take .* GiB once they are decoded, more than 100 times its size"):
        lengths(write(tmp_path / "x.parquet", ["x" * 10_000, "y"]))


def test_splits_are_judged_by_what_their_whole_file_takes(tmp_path, small, monkeypatch):
    monkeypatch.setattr(parquet_batches, "MOST_EXPANSION", 100)
    monkeypatch.setattr(part_size, "PART_ROWS", 500)
    table = write(tmp_path / "x.parquet", ["x" * 10_000, *map(str, range(500))], row_group_size=500).open()
    assert [split.open().reader().read_all().num_rows for split in table.splits()] == [500] * 4
    table = write(tmp_path / "x.parquet", ["x" * 10_000, "y"], row_group_size=500).open()
    with pytest.raises(TableError, match="once they are decoded") as of_table:
        table.reader().read_all()
    for split in table.splits():
        with pytest.raises(TableError, match="once they are decoded") as of_split:
            split.open().reader().read_all()
        assert str(of_split.value) == str(of_table.value)


def test_rows_of_which_each_is_too_long_are_refused_by_name(tmp_path, small):
    with pytest.raises(TableError, match=r"Each row takes \d+ MiB once .* the column 'a', and 0 MiB are the most"):
        lengths(write(tmp_path / "x.parquet", ["x" * 300_000]))
    assert lengths(TableSource(Location.parse(tmp_path / "x.parquet"), columns=("id",))) == [ROWS]


def test_lists_count_by_their_values(tmp_path, small):
    lists = pa.array([[0] * 1_000] * 200, pa.list_(pa.int8()))
    pq.write_table(pa.table({"id": np.arange(200), "a": lists}), tmp_path / "x.parquet")
    sizes = lengths(TableSource(Location.parse(tmp_path / "x.parquet")))
    assert sum(sizes) == 200
    assert max(sizes) <= (1 << 20) // 16_000


def test_a_file_that_expands_to_more_than_memory_holds_says_so(tmp_path, monkeypatch):
    source = write(tmp_path / "x.parquet", ["x"])

    def no_memory(*_arguments, **_options):
        raise pa.ArrowMemoryError("realloc of size 2147483648 failed")

    monkeypatch.setattr("mlops_assets.tables.parquet_files.rows_at_a_time", no_memory)
    with pytest.raises(TableError, match=r"do not fit into memory once they are decoded.*inputs\.columns"):
        lengths(source)
