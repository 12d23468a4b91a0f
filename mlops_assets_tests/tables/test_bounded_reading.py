"""A published table is read in memory that does not grow with it."""

import numpy as np
import pyarrow as pa
import pytest

from mlops_assets.arrow.views import rows_of
from mlops_assets.storage.location import Location
from mlops_assets.tables.parquet_writer import ParquetWriter
from mlops_assets.tables.source import TableSource

ROWS, COLUMNS = 65_536, 8
BATCHES = 40


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Location:
    """A table of 160 MiB."""
    random = np.random.default_rng(0)
    schema = pa.schema([(f"c{i}", pa.float64()) for i in range(COLUMNS)])
    batches = (pa.record_batch(list(random.random((COLUMNS, ROWS))), schema=schema) for _ in range(BATCHES))
    place = Location.parse(tmp_path_factory.mktemp("tables") / "t")
    ParquetWriter().write(pa.RecordBatchReader.from_batches(schema, batches), place)
    return place


@pytest.mark.slow
@pytest.mark.parametrize("whose", ["published", "inputs"])
def test_of_a_lazy_table_less_than_half_is_in_memory_at_once(place, whose):
    writer = ParquetWriter()
    dataset = (
        writer.read(place)
        if whose == "published"
        else TableSource(writer.path_of(place), row_key=("c0",)).open().dataset()
    )
    before = pa.total_allocated_bytes()
    rows, peak = 0, 0
    for batch in rows_of(dataset):
        rows += batch.num_rows
        peak = max(peak, pa.total_allocated_bytes() - before)
    assert rows == ROWS * BATCHES
    assert peak < ROWS * BATCHES * COLUMNS * 8 / 2
