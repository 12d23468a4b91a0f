"""The keys that say how a table of files is read, described once for all groups that name one."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Protocol, TypeAlias

from pydantic import Field

from mlops_assets.errors import ConfigurationError
from mlops_assets.settings.described import SettingsGroup


class SqlTableSettings(SettingsGroup):
    """A table in a schema of its database."""

    database_schema: str = Field(
        alias="schema", description="The schema in the database.", min_length=1, examples=["analytics"]
    )
    table: str = Field(description="The table or view in that schema.", min_length=1, examples=["customers"])


class EnvironmentSettings(SettingsGroup):
    """A value that is read from the environment when a run starts."""

    env: str = Field(
        description="Name of the environment variable; it is read when a run starts.",
        min_length=1,
        examples=["WAREHOUSE_URL"],
    )


Database: TypeAlias = Annotated[
    str | EnvironmentSettings | None,
    Field(
        description="Instead of a path: postgresql://..., sqlite:///file, duckdb:///file, or {env: NAME_OF_VARIABLE}. "
        "A URL with a password is refused; use the variable.",
        examples=["postgresql://host/warehouse", {"env": "WAREHOUSE_URL"}],
    ),
]
SqlTable: TypeAlias = Annotated[
    str | SqlTableSettings | None,
    Field(
        description="With database: the table or view; {schema: ..., table: ...} for another schema. Set table or "
        "query.",
        examples=["customers", {"schema": "analytics", "table": "customers"}],
    ),
]
SqlQuery: TypeAlias = Annotated[
    str | None,
    Field(
        description="With database, instead of a table: a SQL query, run as it is.",
        examples=["SELECT * FROM customers WHERE active"],
    ),
]
TableFormat: TypeAlias = Annotated[
    Literal["parquet", "csv", "jsonl", "delta"] | None,
    Field(
        description="parquet, csv, jsonl or delta. Null: by the file's extension; a folder with a Delta log is a Delta "
        "table.",
        examples=["parquet"],
    ),
]
DeltaVersion: TypeAlias = Annotated[
    int | None,
    Field(
        description="Delta: number of the table version to read. Null: the newest. Needs format: delta.",
        ge=0,
        examples=[12],
    ),
]
StorageOptions: TypeAlias = Annotated[
    dict[str, Any] | None,
    Field(
        description="Options for fsspec. Write secrets as {env: NAME_OF_VARIABLE}; they are read when a run starts.",
        examples=[{"key": {"env": "AWS_KEY"}, "anon": False}],
    ),
]

KEYS_OF_A_TABLE = {"path", "asset", "format", "version", "storage_options"}
"""Of a group that names a table and nothing else of it."""


class NamesTable(Protocol):
    """A group that names a table of files, of a database, or an asset."""

    @property
    def path(self) -> str | None: ...
    @property
    def asset(self) -> str | None: ...
    @property
    def database(self) -> Database: ...
    @property
    def table(self) -> SqlTable: ...
    @property
    def query(self) -> SqlQuery: ...


def check_source(group: NamesTable, name: str, of_files: Mapping[str, object]) -> None:
    """Raise `ValueError` unless exactly one table is named.

    Parameters
    ----------
    name
        The group's key, for messages.
    of_files
        Keys that are of files alone, and their values.
    """
    if [group.path, group.asset, group.database].count(None) != 2:
        raise ValueError(f"{name} needs exactly one of `path`, `asset` and `database`")
    if group.database is None:
        if group.table is not None or group.query is not None:
            raise ValueError(f"{name}.table and {name}.query need {name}.database")
        return
    if (group.table is None) == (group.query is None):
        raise ValueError(f"{name}.database needs exactly one of `table` and `query`")
    if any(of_files.values()):
        *first, last = of_files
        raise ValueError(f"{name}.{', '.join(first)} and {last} are of files, and {name} is a database")
    check_database(group.database)


def check_database(database: Database) -> None:
    """Refuse a URL that names no database, or holds a password: it would stand in Dagster's snapshots."""
    from mlops_assets.tables.sql.address import SqlAddress

    if not isinstance(database, str):
        return
    try:
        holds_password = SqlAddress.parse(database).has_password
    except ConfigurationError as error:
        raise ValueError(f"database: {error}") from None
    if holds_password:
        raise ValueError("database holds a password; write {env: NAME_OF_VARIABLE} and set the URL there")
