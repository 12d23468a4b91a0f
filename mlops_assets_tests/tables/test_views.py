"""A published table as its consumer's annotation says."""

from typing import Annotated, Any

import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pytest

from mlops_assets.tables.views import as_type, rows_of

FRAME = pd.DataFrame({"x": [1.5, 2.5]}, index=pd.Index(["a", "b"], name="patient"))
DATASET = ds.dataset(pa.Table.from_pandas(FRAME))


@pytest.mark.parametrize("wanted", [ds.Dataset, Any, object, None, dict, int | str])
def test_lazily_unless_told(wanted):
    assert as_type(DATASET, wanted) is DATASET


@pytest.mark.parametrize("wanted", [pa.Table, pa.Table | None, Annotated[pa.Table, "whole"]])
def test_as_a_table(wanted):
    table = as_type(DATASET, wanted)
    assert type(table) is pa.Table
    assert table.to_pydict() == {"x": [1.5, 2.5], "patient": ["a", "b"]}


def test_as_a_stream():
    reader = as_type(DATASET, pa.RecordBatchReader)
    assert isinstance(reader, pa.RecordBatchReader)
    assert reader.read_all().num_rows == 2


def test_as_a_dataframe_with_its_key_as_a_column():
    frame = as_type(DATASET, pd.DataFrame)
    pd.testing.assert_frame_equal(frame, FRAME.reset_index()[["x", "patient"]])


def test_streamed_in_order_in_small_batches_with_the_columns_asked_for():
    table = pa.table({"x": range(200_000), "y": range(200_000)})
    batches = list(rows_of(ds.dataset(table), ["x"]))
    assert max(batch.num_rows for batch in batches) <= 65_536
    assert pa.Table.from_batches(batches).equals(table.select(["x"]))
