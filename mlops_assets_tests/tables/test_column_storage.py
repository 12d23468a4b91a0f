"""How columns are stored follows from a table's first rows: what a codec does not make smaller is not compressed."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops_assets.storage.location import Location
from mlops_assets.tables.column_storage import ColumnStorage
from mlops_assets.tables.parquet_writer import ParquetWriter

ROWS = 10_000
RNG = np.random.default_rng(0)
COLUMNS = {
    "id": np.arange(ROWS),
    "noise": RNG.standard_normal(ROWS),
    "constant": np.ones(ROWS),
    "digits": pa.array(RNG.standard_normal(ROWS)).cast(pa.string()),
    "text": pa.array([f"customer number {number}" for number in range(ROWS)]),
    "word": pa.array([("red", "green", "blue")[number % 3] for number in range(ROWS)]),
    "sorted": pa.array([f"region {number // 100:03d}" for number in range(ROWS)]),
    "missing": pa.nulls(ROWS, pa.float64()),
}


def test_what_looks_random_is_not_compressed():
    codecs = ColumnStorage.of(pa.table(COLUMNS)).codecs
    assert {name for name, codec in codecs.items() if codec == "none"} == {"noise", "digits"}


def test_words_in_no_order_have_no_statistics(tmp_path):
    table = pa.table(COLUMNS)
    ParquetWriter().write(table.to_reader(), Location.parse(str(tmp_path / "table")))
    group = pq.read_metadata(tmp_path / "table.parquet").row_group(0)
    columns = [group.column(number) for number in range(group.num_columns)]
    without = {column.path_in_schema for column in columns if column.statistics is None}
    assert without == {"word"}
    assert pq.read_table(tmp_path / "table.parquet").equals(table)


@pytest.mark.parametrize("nested", [pa.array([[1.0]] * ROWS), pa.array([{"a": 1}] * ROWS)], ids=["list", "struct"])
def test_a_table_with_nested_columns_has_one_codec(nested, tmp_path):
    table = pa.table(COLUMNS | {"nested": nested})
    assert ColumnStorage.of(table).codecs == "snappy"
    ParquetWriter().write(table.to_reader(), Location.parse(str(tmp_path / "table")))
    assert pq.read_table(tmp_path / "table.parquet").equals(table)


def test_very_many_columns_are_not_judged():
    assert ColumnStorage.of(pa.table({f"c{number}": [0.5] for number in range(513)})).codecs == "snappy"


def test_a_table_without_rows_is_stored():
    assert ColumnStorage.of(None) == ColumnStorage(False, "snappy", True)
