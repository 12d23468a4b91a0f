"""Writers of published tables as a user derives them."""

import pyarrow as pa
import pyarrow.dataset as ds
import pytest

from mlops_assets.errors import TableError
from mlops_assets.io_managers.sql import SqlIOManager
from mlops_assets.io_managers.tables import (
    CsvIOManager,
    DeltaIOManager,
    FileTableIOManager,
    ParquetIOManager,
    TableIOManager,
)
from mlops_assets.tables.writers import ParquetWriter, TableWriter, Written


class OwnFiles(FileTableIOManager):
    """A user's: says which writer it uses, and that names are in capitals."""

    @property
    def writer(self) -> TableWriter:
        return ParquetWriter()

    def partition_name(self, partition: str) -> str:
        return super().partition_name(partition).upper()


class InMemory(TableIOManager):
    """A user's that keeps no files."""

    def publish(self, asset, table, partition=None, switch_guard=None):
        rows = table.read_all()
        TABLES[asset, partition] = rows
        return Written("memory", rows.num_rows, rows.schema, None)

    def read(self, asset, partition=None, columns=None, limit=None):
        return ds.dataset(TABLES[asset, partition])

    def exists(self, asset, partition=None):
        return (asset, partition) in TABLES

    def published_partitions(self, asset, partitions):
        return [key for key in partitions if self.exists(asset, key)]


TABLES: dict = {}


def rows(*values: int, version: str = "v1") -> pa.RecordBatchReader:
    return pa.table({"x": values}).replace_schema_metadata({"mlops_assets.data_version": version}).to_reader()


def test_a_file_writer_of_a_users_own_says_its_writer_only(tmp_path):
    tables = OwnFiles(path=str(tmp_path))
    tables.publish("predictions", rows(1))
    tables.publish("samples", rows(2), "north")
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.parquet")) == [
        "predictions.parquet",
        "samples/NORTH.parquet",
    ]
    assert tables.read("predictions").to_table().to_pydict() == {"x": [1]}
    assert tables.published_partitions("samples", ["south", "north"]) == ["north"]
    assert tables.exists("predictions")
    assert not tables.exists("explanations")
    with pytest.raises(TableError, match="No such table"):
        tables.read("explanations")


@pytest.mark.parametrize("kind", [OwnFiles, InMemory])
def test_versions_follow_from_what_every_table_promises(tmp_path, kind):
    TABLES.clear()
    tables = kind(path=str(tmp_path))
    assert tables.versions("predictions", [None]) == {}
    tables.publish("predictions", rows(1))
    tables.publish("samples", rows(2, version="of north"), "north")
    assert tables.versions("predictions", [None]) == {None: "v1"}
    assert tables.versions("samples", ["south", "north"]) == {"north": "of north"}


def test_what_a_table_promises_must_be_kept(tmp_path):
    with pytest.raises(TypeError, match="abstract"):
        TableIOManager(path=str(tmp_path))
    with pytest.raises(TypeError, match="writer"):
        FileTableIOManager(path=str(tmp_path))


def test_a_database_is_not_a_folder_of_files():
    assert not issubclass(SqlIOManager, FileTableIOManager)
    assert all(issubclass(kind, FileTableIOManager) for kind in (ParquetIOManager, CsvIOManager, DeltaIOManager))
