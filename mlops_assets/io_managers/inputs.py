"""The reader of the external table that is to be scored."""

from typing import Any, cast

import dagster as dg
import pyarrow.dataset as ds
from pydantic import Field

from mlops_assets.errors import ConfigurationError
from mlops_assets.settings import from_environment
from mlops_assets.tables.input_table import InputTable
from mlops_assets.tables.location import Location
from mlops_assets.tables.partition_paths import PathTemplate
from mlops_assets.tables.source import TableFormat, TableSource
from mlops_assets.tables.views import as_type


class InputsIOManager(dg.ConfigurableIOManager):
    """Reads Parquet (file, folder, hive-partitioned), CSV, JSON Lines and Delta from a path or URL, as a stream.

    Loads what the consumer annotates; without an annotation an `InputTable`, which knows the row key.
    """

    path: str = Field(description="File, folder or URL; of partitioned inputs with {partition} in it.")
    key_format: str | None = Field(
        default=None, description="How the keys of time partitions are written; null: the partitions are names."
    )
    format: str | None = Field(default=None, description="parquet, csv, jsonl or delta; null: by the extension.")
    version: int | None = Field(default=None, description="Of a Delta table; null: the newest.")
    timestamp: str | None = Field(default=None, description="Of a Delta table: what was the newest then.")
    row_key: list[str] | None = Field(default=None, description="Columns that identify a row.")
    columns: list[str] | None = Field(default=None, description="Read only these.")
    limit: int | None = Field(default=None, description="Read only the first rows.")
    types: dict[str, str] = Field(default_factory=dict, description="Column -> Arrow type, for text formats.")
    delimiter: str | None = Field(default=None, description="CSV only; null: a comma, or a tab for .tsv.")
    storage_options: dict[str, Any] = Field(default_factory=dict, description="For fsspec.")

    def open(self, partition: str | None = None) -> InputTable:
        """The table, or one partition of it, opened: its schema is read, its rows are not.

        Raises
        ------
        TableError
            It is missing, empty, of another format, or lacks the row key.
        ConfigurationError
            The inputs are partitioned, and no partition is asked for; or its key cannot be part of the path.
        """
        template = PathTemplate(self.path, self.key_format)
        if partition is None and template.is_partitioned:
            raise ConfigurationError(
                "The inputs are partitioned, and this run has no partition",
                where=self.path,
                fix="Launch it with a partition",
            )
        path = self.path if partition is None else template.path(partition)
        return TableSource(
            location=Location.parse(path, storage_options=from_environment(self.storage_options)),
            format=cast(TableFormat | None, self.format),
            row_key=tuple(self.row_key) if self.row_key else None,
            columns=tuple(self.columns) if self.columns else None,
            limit=self.limit,
            types=self.types,
            delimiter=self.delimiter,
            version=self.version,
            timestamp=self.timestamp,
        ).open()

    def load_input(self, context: dg.InputContext) -> object:
        partitions = context.asset_partition_keys if context.has_asset_partitions else None
        if partitions is not None and len(partitions) != 1:
            raise ConfigurationError(
                f"A run reads one partition of {context.asset_key.to_user_string()}, and this one asks for several",
                where=self.path,
                fix="Launch a run per partition, as a backfill does",
            )
        table = self.open(partitions[0] if partitions else None)
        wanted = context.dagster_type.typing_type
        if wanted in (Any, InputTable):
            return table
        lazy = table.dataset()
        return as_type(lazy if lazy is not None else ds.InMemoryDataset(table.reader()), wanted)

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        raise dg.DagsterInvariantViolationError("Inputs are external: this IO manager only reads")
