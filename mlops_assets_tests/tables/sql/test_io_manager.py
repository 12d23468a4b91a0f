"""The IO manager outside of a run, as a notebook or a sensor uses it."""

import pyarrow as pa
import pyarrow.dataset as ds
import pytest

from mlops_assets.errors import TableError
from mlops_assets.io_managers.sql import SqlIOManager
from mlops_assets_tests.tables.sql.test_round_trip import rows_of
from mlops_assets_tests.tables.sql.test_writer import table


@pytest.fixture
def tables(tmp_path) -> SqlIOManager:
    url = f"sqlite:///{tmp_path}/x.db"
    return SqlIOManager(path=str(tmp_path / "tables"), connection={"database": url}, root=str(tmp_path), prefix="p_")


def test_a_dataset_outlives_what_was_read_for_it(tables, tmp_path):
    written = tables.publish("predictions", rows_of(table([3, 1, 2])).reader())
    assert (written.rows, written.bytes, written.uri) == (3, None, f"sqlite:///{tmp_path}/x.db#p_predictions")
    dataset = tables.read("predictions")
    tables.publish("predictions", rows_of(table([9]), "v2").reader())
    assert list((tmp_path / ".mlops_assets" / "scratch").iterdir()) == []
    assert isinstance(dataset, ds.Dataset)
    for _ in range(2):
        assert pa.Table.from_batches(dataset.to_batches())["id"].to_pylist() == [3, 1, 2]
    assert dataset.count_rows() == 3
    assert tables.read("predictions", columns=["id"], limit=1).to_table().to_pydict() == {"id": [9]}
    with pytest.raises(TableError, match=r"Columns 'idd' not in the table .*p_predictions"):
        tables.read("predictions", columns=["idd"])


def test_versions_are_those_of_the_current_publications(tables):
    assert not tables.exists("predictions")
    assert tables.versions("predictions", [None]) == {}
    tables.publish("predictions", rows_of(table([1])).reader())
    assert tables.exists("predictions")
    assert tables.versions("predictions", [None]) == {None: "v1"}
    for partition in ("a", "b"):
        tables.publish("input_samples", rows_of(table([1]), f"of {partition}").reader(), partition)
    assert tables.published_partitions("input_samples", ["b", "c", "a"]) == ["b", "a"]
    assert tables.versions("input_samples", ["b", "c"]) == {"b": "of b"}


def test_a_stream_that_breaks_off_publishes_nothing(tables):
    tables.publish("predictions", rows_of(table([1])).reader())

    def broken():
        yield table([2]).to_batches()[0]
        raise TableError("The model fell over")

    with pytest.raises(TableError, match="The model fell over"):
        tables.publish("predictions", pa.RecordBatchReader.from_batches(table([2]).schema, broken()))
    assert tables.read("predictions").to_table()["id"].to_pylist() == [1]


def test_what_the_database_cannot_hold_is_told_before_any_row_is_made(tables):
    def never():
        raise AssertionError("a row was asked for")
        yield

    schema = pa.schema([("span", pa.month_day_nano_interval())])
    with pytest.raises(TableError, match=r"sqlite cannot hold the columns 'span'.*table p_predictions"):
        tables.publish("predictions", pa.RecordBatchReader.from_batches(schema, never()))
