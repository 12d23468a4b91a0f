"""The reader of the external table that is to be scored."""

from abc import ABC, abstractmethod
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import dagster as dg
import pyarrow.dataset as ds
from pydantic import Field

from mlops_assets.arrow.input_table import InputTable
from mlops_assets.arrow.views import as_type
from mlops_assets.errors import ConfigurationError, TableError
from mlops_assets.io_managers.progress import progress_of
from mlops_assets.redaction.addresses import show_address
from mlops_assets.redaction.concealed import conceal, conceal_options, reveal
from mlops_assets.redaction.errors import redact_errors, redact_methods
from mlops_assets.settings.environment import from_environment, open_location
from mlops_assets.settings.partitions import PartitionsSettings
from mlops_assets.settings.tables import InputsSettings, database_setting
from mlops_assets.storage.location import Location
from mlops_assets.storage.partition_paths import PathTemplate
from mlops_assets.tables.listing import listing_token
from mlops_assets.tables.source import TableFormat, TableSource


class InputsReader(dg.ConfigurableIOManager, ABC):
    """Reads the inputs as a stream. Loads what the consumer annotates; without an annotation an `InputTable`, which
    knows the row key.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        redact_methods(cls, "handle_output", "load_input")

    @property
    @abstractmethod
    def place(self) -> str:
        """Where the inputs are, for errors; without credentials."""

    @abstractmethod
    def open(self, partition: str | None = None) -> InputTable:
        """The table, or one partition of it, opened: its schema is read, its rows are not.

        Raises
        ------
        TableError
            It is missing, of another kind, or lacks the row key.
        ConfigurationError
            The inputs are partitioned, and no partition is asked for; or its key cannot be part of the path.
        """

    @redact_errors
    def load_input(self, context: dg.InputContext) -> object:
        partitions = context.asset_partition_keys if context.has_asset_partitions else None
        if partitions is not None and len(partitions) != 1:
            raise ConfigurationError(
                f"A run reads one partition of {context.asset_key.to_user_string()}, and this one asks for several",
                where=self.place,
                fix="Launch a run per partition, as a backfill does",
            )
        with progress_of(context):
            table = self.open(partitions[0] if partitions else None)
            annotation = context.dagster_type.typing_type
            if annotation in (Any, InputTable):
                return table
            lazy = table.dataset()
            return as_type(lazy if lazy is not None else ds.InMemoryDataset(table.reader()), annotation)

    @redact_errors
    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        raise dg.DagsterInvariantViolationError("Inputs are external: this IO manager only reads")


class InputsIOManager(InputsReader):
    """Reads Parquet (file, folder, hive-partitioned), CSV, JSON Lines and Delta from a path or an fsspec URL."""

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
    types: dict[str, str] = Field(
        default_factory=dict, description="Column -> Arrow type that its values are converted to."
    )
    delimiter: str | None = Field(default=None, description="CSV only; null: a comma, or a tab for .tsv.")
    follow_links: bool = Field(default=False, description="Whether links in a folder may lead out of it.")
    storage_options: dict[str, Any] = Field(default_factory=dict, description="For fsspec.")

    @property
    def place(self) -> str:
        return show_address(reveal(self.path))

    def open(self, partition: str | None = None) -> InputTable:
        address = reveal(self.path)
        template = PathTemplate(address, self.key_format)
        if partition is None and template.is_partitioned:
            raise ConfigurationError(
                "The inputs are partitioned, and this run has no partition",
                where=self.place,
                fix="Launch it with a partition",
            )
        location = open_location(address if partition is None else template.path(partition), self.storage_options)
        # Before anything is opened: a file that comes later is not in it.
        listing = list_files(location, self.format) if partition is None else None
        table = TableSource(
            location=location,
            format=cast(TableFormat | None, self.format),
            row_key=tuple(self.row_key) if self.row_key else None,
            columns=tuple(self.columns) if self.columns else None,
            limit=self.limit,
            types=self.types,
            delimiter=self.delimiter,
            follow_links=self.follow_links,
            version=self.version,
            timestamp=self.timestamp,
        ).open()
        return replace(table, listing=listing)


def list_files(place: Location, table_format: str | None) -> str | None:
    """`listing_token`; None where the files cannot be listed, which no run needs: it reads them, or says why not."""
    try:
        return listing_token(place, table_format)
    except TableError:
        return None


class SqlInputsIOManager(InputsReader):
    """Reads a table or the result of a query from PostgreSQL, SQLite or DuckDB."""

    connection: dict[str, Any] = Field(
        description="{database: URL}, or {database: {env: NAME}}, which is read when a run starts."
    )
    table: str | None = Field(default=None, description="A table or view; or a query.")
    namespace: str | None = Field(default=None, description="The table's schema; null: the connection's own.")
    query: str | None = Field(default=None, description="SQL, run as it is.")
    row_key: list[str] | None = Field(default=None, description="Columns that identify a row.")
    columns: list[str] | None = Field(default=None, description="Read only these.")
    limit: int | None = Field(default=None, description="Read only the first rows.")
    types: dict[str, str] = Field(
        default_factory=dict, description="Column -> Arrow type that its values are converted to."
    )
    root: str = Field(default=".", description="The project's folder: relative paths start here.")
    setting: str = Field(default="inputs", description="The settings group that names the table, for errors.")

    @property
    def place(self) -> str:
        return f"table {self.table}" if self.table is not None else "query"

    def open(self, partition: str | None = None) -> InputTable:
        from mlops_assets.tables.sql.address import SqlAddress
        from mlops_assets.tables.sql.names import TableName
        from mlops_assets.tables.sql.source import SqlSource

        return SqlSource(
            address=SqlAddress.parse(from_environment(self.connection, self.setting)["database"], Path(self.root)),
            table=TableName(self.table, self.namespace) if self.table is not None else None,
            query=self.query,
            row_key=tuple(self.row_key) if self.row_key else None,
            columns=tuple(self.columns) if self.columns else None,
            limit=self.limit,
            types=self.types,
            setting=self.setting,
        ).open()


def inputs_io_manager(
    inputs: InputsSettings, partitioning: PartitionsSettings | None, root: Path, setting: str = "inputs"
) -> InputsReader | None:
    """What reads a model's inputs, or another table that `setting` names; None where it is the user's own asset."""
    common: dict[str, Any] = {
        "row_key": list(inputs.row_key) if inputs.row_key else None,
        "columns": inputs.read_columns,
        "limit": inputs.limit,
        "types": inputs.types or {},
    }
    if inputs.path:
        return InputsIOManager(
            path=conceal(Location.parse(inputs.path, base=root).address),
            key_format=partitioning.template(inputs.path).key_format if partitioning else None,
            format=inputs.format,
            version=inputs.version,
            timestamp=inputs.timestamp,
            delimiter=inputs.delimiter,
            follow_links=inputs.follow_links,
            storage_options=conceal_options(inputs.storage_options or {}),
            **common,
        )
    if inputs.database:
        table = inputs.table
        return SqlInputsIOManager(
            connection=database_setting(inputs.database),
            table=table if table is None or isinstance(table, str) else table.table,
            namespace=None if table is None or isinstance(table, str) else table.database_schema,
            query=inputs.query,
            root=str(root),
            setting=setting,
            **common,
        )
    return None
