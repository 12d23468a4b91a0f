"""Where the table is: a file, one partition of many, or a database."""

import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from mlops_assets.errors import ConfigurationError, TableError
from mlops_assets.examine.findings import Notes
from mlops_assets.examine.request import ENVIRONMENT, ExaminationRequest, is_database
from mlops_assets.storage.location import Location
from mlops_assets.storage.partition_paths import PathTemplate
from mlops_assets.tables.source import TableSource
from mlops_assets.tables.sql.address import SqlAddress
from mlops_assets.tables.sql.connect import open_session
from mlops_assets.tables.sql.names import TableName
from mlops_assets.tables.sql.session import Session
from mlops_assets.tables.sql.source import SqlSource

# How Dagster writes the keys of partitions by time.
_KEYS = {"hourly": "%Y-%m-%d-%H:%M", "daily": "%Y-%m-%d", "monthly": "%Y-%m-%d"}
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_HOUR = re.compile(r"\d{4}-\d{2}-\d{2}-\d{2}:00")
_PLACE = re.compile(r"\{partition:([^{}]*)\}")
_SHOWN = 10
_VARIABLE = "WAREHOUSE_URL"


@dataclass(frozen=True)
class FoundInputs:
    """How the table is read, and what the YAML says of it.

    Attributes
    ----------
    inputs
        The keys under ``inputs:`` that name the table.
    partitions
        What ``partitions:`` says; None: the table has none.
    """

    source: TableSource | SqlSource
    inputs: Mapping[str, Any]
    partitions: Mapping[str, Any] | None = None


def find_inputs(request: ExaminationRequest, notes: Notes) -> FoundInputs:
    """The table that a request names.

    Raises
    ------
    ConfigurationError, TableError
        It is not there, or what is said of it does not fit together.
    """
    assert request.inputs is not None
    if is_database(request.inputs):
        return _find_database(request, request.inputs, notes)
    if request.table is not None or request.query is not None:
        raise ConfigurationError(
            f"{'--table' if request.table is not None else '--query'} is for databases, and the inputs are a file",
            where=request.inputs,
            fix="Leave it out, or give --inputs postgresql://..., sqlite:///file or duckdb:///file",
        )
    path, partitions = request.inputs, None
    if PathTemplate(path).is_partitioned:
        path, partitions = _find_partition(request, notes)
    source = TableSource(
        Location.parse(path, base=request.root),
        format=request.format,
        delimiter=request.delimiter,
        types=request.types,
    )
    return FoundInputs(source, {"path": request.inputs}, partitions)


def name_database(request: ExaminationRequest) -> Mapping[str, Any]:
    """The keys under ``inputs:`` for a database that cannot be examined, without a password; empty: it is a file."""
    written = request.inputs or ""
    if not is_database(written):
        return {}
    database: Any = {"env": written.removeprefix(ENVIRONMENT) if written.startswith(ENVIRONMENT) else _VARIABLE}
    with suppress(ConfigurationError):
        if not written.startswith(ENVIRONMENT) and not SqlAddress.parse(written, request.root).has_password:
            database = written
    what = {"query": request.query} if request.query is not None else {"table": request.table or "my_table"}
    return {"database": database, **what}


def _find_database(request: ExaminationRequest, written: str, notes: Notes) -> FoundInputs:
    if request.format or request.delimiter:
        raise ConfigurationError(
            "--format and --delimiter are of files, and the inputs are a database", fix="Leave them out"
        )
    if request.table is not None and request.query is not None:
        raise ConfigurationError("--table and --query were both given", fix="Leave one of them out")
    variable = written.removeprefix(ENVIRONMENT) if written.startswith(ENVIRONMENT) else None
    url = written if variable is None else os.environ.get(variable)
    if url is None:
        raise ConfigurationError(
            f"The environment variable {variable} is not set",
            where="inputs.database",
            fix="Set it, for example in the project's .env, to the database's URL",
        )
    address = SqlAddress.parse(url, request.root)
    if variable is None and address.has_password:
        notes.add(
            "table",
            "red",
            "The database's URL holds a password, which does not belong into a YAML",
            where=address.uri,
            fix=f"Set the URL as an environment variable, for example {_VARIABLE} in the project's .env, and write "
            f"--inputs {ENVIRONMENT}{_VARIABLE}",
        )
    database: Any = url if variable is None else {"env": variable}
    if variable is None and address.has_password:
        database = {"env": _VARIABLE}
    if request.query is not None:
        source = SqlSource(address, query=request.query, types=request.types)
        return FoundInputs(source, {"database": database, "query": request.query})
    with open_session(address, writing=False) as session, session.translate_errors(address.uri), session.transaction():
        table = _find_table(request.table, session, address)
    named: Any = table.table if table.schema is None else {"schema": table.schema, "table": table.table}
    return FoundInputs(SqlSource(address, table, types=request.types), {"database": database, "table": named})


def _find_table(written: str | None, session: Session, address: SqlAddress) -> TableName:
    if written is None:
        tables = session.tables(None)
        if len(tables) == 1:
            return TableName(tables[0])
        shown = ", ".join(map(repr, tables[:_SHOWN])) + (", ..." if len(tables) > _SHOWN else "")
        raise ConfigurationError(
            "Which table of the database is to be scored is not said",
            where=address.uri,
            fix=f"Name it with --table ({shown or 'the database has none in its own schema'}), or give a --query",
        )
    schema, dot, table = written.partition(".")
    if dot and schema and table and session.columns(TableName(written)) is None:
        return TableName(table, schema)
    return TableName(written)


def _find_partition(request: ExaminationRequest, notes: Notes) -> tuple[str, Mapping[str, Any]]:
    """The path of the last partition that has files, and how the YAML describes all of them."""
    assert request.inputs is not None
    written = Location.parse(request.inputs, base=request.root).address
    kind = _kind_of_format(_PLACE.findall(written))
    template = PathTemplate(written, _KEYS[kind] if kind is not None else None)
    folder = Location.parse(template.folder)
    keys = list(template.keys_of(folder.files() if folder.exists() else []))
    if not keys:
        raise TableError(
            "There is no file of any partition",
            where=written,
            fix="Put files there, or correct the path: {partition} stands for one part of it",
        )
    kind = kind or _kind_of_keys(keys)
    if kind is None:
        partitions: dict[str, Any] = {"type": "static", "keys": keys}
    else:
        day, hour = keys[0][:10], keys[0][11:]
        partitions = {"type": kind, "start": f"{day}T{hour}" if kind == "hourly" else day}
    notes.add(
        "table",
        "yellow",
        f"Of {len(keys):,} partitions the last one, {keys[-1]!r}, is examined; the YAML has {kind or 'static'} ones",
        fix="Correct `partitions:` in the YAML if they are not",
    )
    return template.path(keys[-1]), partitions


def _kind_of_format(formats: Sequence[str]) -> str | None:
    """By the smallest time that the path names; None: it names keys as they are."""
    letters = "".join(formats)
    if not formats:
        return None
    if "%H" in letters:
        return "hourly"
    return "daily" if "%d" in letters or "%j" in letters else "monthly"


def _kind_of_keys(keys: Sequence[str]) -> str | None:
    if all(_HOUR.fullmatch(key) for key in keys):
        return "hourly"
    if not all(_DAY.fullmatch(key) for key in keys):
        return None
    return "monthly" if len(keys) > 1 and all(key.endswith("-01") for key in keys) else "daily"
