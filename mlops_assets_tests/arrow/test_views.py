"""A published table as its consumer's annotation says."""

from typing import Annotated, Any

import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from mlops_assets.arrow import views
from mlops_assets.arrow.views import as_type, first_of, rows_between, rows_of
from mlops_assets.storage.location import Location
from mlops_assets.tables.source import TableSource

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


@pytest.mark.parametrize(("columns", "most"), [(1, 8_192), (1_000, 8_192), (10_000, 1_000)])
def test_the_first_rows_are_neither_cut_from_a_thousand_batches_nor_read_with_many_others(columns, most, monkeypatch):
    """A scanner makes all batches of a row group, whoever wants the first one."""
    dataset, asked = ds.dataset(pa.table({f"c{number}": range(20) for number in range(columns)})), []
    monkeypatch.setattr(
        views, "rows_of", lambda dataset, batch_rows: asked.append(batch_rows) or rows_of(dataset, None, batch_rows)
    )
    assert first_of(dataset, 3).equals(dataset.to_table().slice(0, 3))
    assert 20 <= asked[0] <= most


def test_rows_of_a_folder_carry_what_its_folders_say_and_columns_that_a_file_lacks(tmp_path):
    for year, columns in ((2024, {"id": [1, 2], "x": [0.5, 1.5]}), (2025, {"id": [3]})):
        (tmp_path / f"year={year}").mkdir()
        pq.write_table(pa.table(columns), tmp_path / f"year={year}" / "a.parquet", row_group_size=1)
    table = TableSource(Location.parse(tmp_path), row_key=("id",)).open()
    dataset = table.dataset()
    assert dataset is not None
    found = pa.Table.from_batches(rows_of(dataset)).to_pylist()
    assert found == pa.Table.from_batches(table.batches()).to_pylist()
    assert [row["year"] for row in found] == ["2024", "2024", "2025"]
    assert [row["x"] for row in found] == [0.5, 1.5, None]


@pytest.mark.parametrize(("start", "stop"), [(1, 9), (4, 5), (0, 10), (9, 10), (3, 3)])
def test_rows_between_are_found_in_any_row_group_of_any_file(tmp_path, start, stop):
    """pyarrow counts the rows of the whole file for each of its row groups."""
    for number in range(2):
        rows = pa.table({"x": pa.array(range(5 * number, 5 * number + 5))})
        pq.write_table(rows, tmp_path / f"{number}.parquet", row_group_size=2)
    found = [value for batch in rows_between(ds.dataset(tmp_path), start, stop) for value in batch["x"].to_pylist()]
    assert found == list(range(start, stop))
