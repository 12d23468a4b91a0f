"""Where the table to score is, and where the tables go, as a model's ``defs.yaml`` says."""

import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import dagster as dg
from pydantic import Field, ValidationInfo, field_validator, model_validator

from mlops_assets.errors import ConfigurationError
from mlops_assets.naming import INPUTS, ModelNames
from mlops_assets.redaction.addresses import show_address
from mlops_assets.settings.described import SettingsGroup
from mlops_assets.settings.environment import open_location
from mlops_assets.settings.table_keys import (
    Database,
    DeltaVersion,
    EnvironmentSettings,
    SqlQuery,
    SqlTable,
    StorageOptions,
    TableFormat,
    check_database,
    check_source,
)
from mlops_assets.storage.location import Location
from mlops_assets.tables.delimiter import check_delimiter
from mlops_assets.tables.delta.log import parse_timestamp


def check_asset_key(key: str | None) -> str | None:
    """An asset key as text; raises `ValueError` for what Dagster would refuse with a message about names of inputs."""
    if key is not None and not re.fullmatch(r"[A-Za-z0-9_.\-/]+", key):
        raise ValueError(f"asset is {key!r}; write an asset key of letters, digits, _, - and ., such as raw/customers")
    return key


class InputsSettings(SettingsGroup):
    """The table to score: a path or URL, a table or query of a database, or another asset of the code location."""

    path: str | None = Field(
        default=None,
        description="File, folder or fsspec URL, relative to the project's folder; with partitions it contains "
        "{partition}. Set exactly one of path, asset and database.",
        examples=["data/customers.parquet", "s3://bucket/customers/{partition}.parquet"],
    )
    asset: str | None = Field(
        default=None,
        description="Instead of a path: the key of an asset of your own, which its IO manager reads.",
        examples=["warehouse/customers"],
    )
    database: Database = None
    table: SqlTable = None
    query: SqlQuery = None
    format: TableFormat = None
    version: DeltaVersion = None
    timestamp: str | None = Field(
        default=None,
        description="Delta, instead of a version: read the version that was current at this time. Needs format: delta.",
        examples=["2026-11-01T00:00:00Z"],
    )
    row_key: Sequence[str] | None = Field(
        default=None,
        description="Columns that identify a row. Null: the stored pandas index, else a generated row_number.",
        examples=[["patient_id"]],
    )
    columns: Sequence[str] | None = Field(
        default=None,
        description="Read only these columns; row key and label are added. Null: all columns.",
        examples=[["age", "balance"]],
    )
    label: str | None = Field(
        default=None,
        description="The column with the true answers, kept in input_samples beside the model's inputs, for "
        "explain.space: loss. The model does not see it. Null: none.",
        examples=["churned"],
    )
    limit: int | None = Field(
        default=None, description="Read only the first rows. Null: all rows.", ge=1, examples=[1000]
    )
    types: dict[str, str] | None = Field(
        default=None,
        description="Column -> Arrow type that its values are converted to; a value that cannot be converted rejects "
        "its row. Null: types as they are read.",
        examples=[{"holiday": "bool", "dteday": "timestamp[ns]"}],
    )
    delimiter: str | None = Field(
        default=None,
        description="CSV: the character between columns. Null: a comma, or a tab for .tsv files.",
        examples=[";"],
    )
    follow_links: bool = Field(
        default=False,
        description="Whether links in a folder of files may lead out of the folder. The path itself may always be a "
        "link; links inside the folder are followed.",
        examples=[True],
    )
    storage_options: StorageOptions = None

    _check_asset = field_validator("asset")(check_asset_key)

    @model_validator(mode="after")
    def _one_source(self) -> "InputsSettings":
        names = ("format", "delimiter", "follow_links", "storage_options")
        check_source(self, "inputs", {name: getattr(self, name) for name in names})
        return self

    @property
    def read_columns(self) -> list[str] | None:
        """`columns` and the label; None: all."""
        if not self.columns:
            return None
        return [*self.columns, *([] if self.label is None or self.label in self.columns else [self.label])]

    @property
    def carried(self) -> tuple[str, ...]:
        """Columns that are kept beside the model's inputs."""
        return () if self.label is None else (self.label,)

    @property
    def shown_path(self) -> str | None:
        """`path` without user, password and query, for descriptions and metadata."""
        return None if self.path is None else show_address(self.path)

    @property
    def is_read(self) -> bool:
        """Whether this package reads the table itself; else it is the user's own asset."""
        return self.asset is None

    def asset_key(self, names: ModelNames) -> dg.AssetKey:
        """The user's own asset, or the external asset ``<model>/inputs``."""
        return dg.AssetKey.from_user_string(self.asset) if self.asset else names.key(INPUTS)

    def readers(self, names: ModelNames) -> tuple[str, ...]:
        """The resource that reads the table; none where it is the user's own asset."""
        return (names.inputs_reader,) if self.is_read else ()

    def location(self, root: Path) -> Location:
        """Where the files are; reads the environment variables that `storage_options` name."""
        return open_location(self.path or "", self.storage_options, base=root)

    @property
    def is_pinned(self) -> bool:
        """Whether the same version of the table is read whatever happens to it."""
        return self.version is not None or self.timestamp is not None

    @field_validator("row_key", "columns")
    @classmethod
    def _each_once(cls, value: Sequence[str] | None, info: ValidationInfo) -> Sequence[str] | None:
        if value is not None and len(set(value)) < len(value):
            raise ValueError(f"inputs.{info.field_name} names a column twice")
        return value

    @field_validator("delimiter")
    @classmethod
    def _one_character(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                check_delimiter(value)
            except ConfigurationError as error:
                raise ValueError(f"inputs.{error}") from error
        return value

    @field_validator("timestamp", mode="before")
    @classmethod
    def _time(cls, value: Any) -> Any:
        # Without quotes YAML may make a time of it.
        text = value.isoformat() if isinstance(value, datetime) else value
        if isinstance(text, str):
            try:
                parse_timestamp(text)
            except ConfigurationError as error:
                raise ValueError(f"inputs.{error}") from error
        return text

    @model_validator(mode="after")
    def _delta_alone_has_versions(self) -> "InputsSettings":
        if self.is_pinned and self.format != "delta":
            raise ValueError("inputs.version and inputs.timestamp need inputs.format: delta; no other table has them")
        if self.version is not None and self.timestamp is not None:
            raise ValueError("inputs.version and inputs.timestamp name two versions; keep one")
        return self


class OutputsSettings(SettingsGroup):
    """Where the tables go: ``<path>/<asset>.parquet``, the Delta table ``<path>/<asset>``, or tables of a database."""

    path: str | None = Field(
        default=None,
        description="Folder or fsspec URL, relative to the project's folder. Null: tables/<name>.",
        examples=["tables/churn", "s3://bucket/churn"],
    )
    format: Literal["parquet", "csv", "delta", "sql"] = Field(
        default="parquet",
        description="How tables are written: parquet, csv, delta, or sql (into `database`; small files such as the "
        "report are still written below `path`).",
        examples=["delta"],
    )
    csv_formulas: Literal["keep", "escape"] = Field(
        default="keep",
        description="With format csv: text that begins with = + - @, a tab or a carriage return, which spreadsheets "
        "execute. keep: it is written as it is; escape: an apostrophe is written before it, and left out again when "
        "this package reads the table. Numbers are never changed.",
        examples=["escape"],
    )
    database: str | EnvironmentSettings | None = Field(
        default=None,
        description="With format sql: postgresql://..., sqlite:///file, duckdb:///file, or {env: NAME_OF_VARIABLE}. A "
        "URL with a password is refused; use the variable.",
        examples=["duckdb:///tables.duckdb", {"env": "WAREHOUSE_URL"}],
    )
    database_schema: str | None = Field(
        default=None,
        alias="schema",
        description="With format sql: the schema of the tables, which must exist. Null: the database's default schema.",
        examples=["scoring"],
    )
    mode: Literal["replace", "append", "upsert"] = Field(
        default="replace",
        description="With format sql: what happens to the rows of earlier runs. replace: they are replaced; append: "
        "they are kept; upsert: rows with the same row key are replaced.",
        examples=["upsert"],
    )
    prefix: str | None = Field(
        default=None, description="With format sql: prefix of each table's name. Null: none.", examples=["churn_"]
    )
    joined: bool = Field(
        default=False,
        description="Publish predictions_explained as well: predictions and explanations in one table, as large as "
        "both together.",
        examples=[True],
    )
    KIND: str | None = Field(
        default=None,
        description="Instead of a format: your own writer as module.Class, a subclass of TableIOManager. Null: by "
        "`format`.",
        examples=["my_project.writers.MyTables"],
    )
    url: str | None = Field(
        default=None,
        description="http:// or https:// address at which a web server serves the folder `path`; the page of "
        "explanation_report then links to the report there. Null: it shows the path.",
        examples=["https://reports.example.com/churn"],
    )
    storage_options: dict[str, Any] | None = Field(
        default=None,
        description="Options for fsspec. Write secrets as {env: NAME_OF_VARIABLE}; they are read when a run starts.",
        examples=[{"secret": {"env": "AWS_SECRET"}}],
    )

    @model_validator(mode="after")
    def _database_of_sql(self) -> "OutputsSettings":
        if self.KIND is None and (self.format == "sql") != (self.database is not None):
            raise ValueError("outputs.database goes with `format: sql`, and the other way round")
        given = [self.database, self.database_schema, self.prefix].count(None) < 3 or self.mode != "replace"
        if given and (self.format != "sql" or self.KIND is not None):
            raise ValueError("outputs.database, schema, mode and prefix need `format: sql`, and no KIND")
        if self.csv_formulas == "escape" and (self.format != "csv" or self.KIND is not None):
            raise ValueError("outputs.csv_formulas needs `format: csv`, and no KIND")
        check_database(self.database)
        return self

    @field_validator("url")
    @classmethod
    def _served(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            address = urlsplit(value)
        except ValueError as error:
            raise ValueError(f"outputs.url is {value!r}, which is no address ({error})") from error
        if address.scheme not in ("http", "https") or not address.hostname or " " in value:
            raise ValueError(f"outputs.url is {value!r}; write an address such as https://reports.example.com/churn")
        if address.username or address.password:
            raise ValueError("outputs.url holds a user or password, which everybody would see in Dagster; leave it out")
        if address.query or address.fragment:
            raise ValueError(f"outputs.url is {value!r}; write the folder's address alone, without ? and #")
        return value

    @property
    def folder(self) -> str:
        """`path`, as written or as the model's settings fill it in."""
        assert self.path is not None
        return self.path

    def address(self, root: Path) -> str:
        """`path`, absolute; nothing is read from the environment."""
        return Location.parse(self.folder, base=root).address

    def location(self, root: Path) -> Location:
        """Where the tables are; reads the environment variables that `storage_options` name."""
        return open_location(self.folder, self.storage_options, base=root)


def database_setting(database: str | EnvironmentSettings) -> dict[str, Any]:
    """A database as resources keep it, for `from_environment`: its URL, or the name of the variable that holds it."""
    return {"database": database if isinstance(database, str) else {"env": database.env}}
