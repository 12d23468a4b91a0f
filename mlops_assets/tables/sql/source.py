"""Input tables in a database: a table, a view, or what a query returns."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import pyarrow as pa

from mlops_assets.arrow.batching import first_rows
from mlops_assets.arrow.declared_types import declare_types
from mlops_assets.arrow.input_table import InputTable, key_rows
from mlops_assets.errors import TableError, did_you_mean
from mlops_assets.tables.sql.address import SqlAddress
from mlops_assets.tables.sql.connect import open_session
from mlops_assets.tables.sql.names import RESERVED, TableName, quoted
from mlops_assets.tables.sql.publications import Publications
from mlops_assets.tables.sql.session import Session
from mlops_assets.tables.sql.storage import Storage

# What a query of the deployment's own opens files with, in DuckDB; no view of the database gets to do so otherwise.
_OPENS_FILES = re.compile(
    r"\b(?:read_\w+|\w+_scan|glob|attach|copy|load|install|httpfs)\b|\b(?:from|join)\s+'|['\"][^'\"]*(?:\.\w+|[/:])[^'\"]*['\"]",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class SqlSource:
    """A table in a database, and how to read it.

    Attributes
    ----------
    table, query
        One of them. Rows of a table come in the order of the row key, where it is given; a query is run as it is, and
        its order is its own.
    row_key, columns, limit
        As for `TableSource`. Without a row key, `row_number` counts the rows in the order in which they come.
    types
        Arrow type names by column; see `declare_types`.
    setting
        The settings group that names the table, for errors.
    """

    address: SqlAddress
    table: TableName | None = None
    query: str | None = None
    row_key: tuple[str, ...] | None = None
    columns: tuple[str, ...] | None = None
    limit: int | None = None
    types: Mapping[str, str] = field(default_factory=dict, hash=False)
    setting: str = "inputs"

    @property
    def uri(self) -> str:
        """The database and the table, without credentials."""
        return f"{self.address.uri}, {'query' if self.table is None else f'table {self.table}'}"

    def open(self) -> InputTable:
        """The table: its columns are looked up now, its rows are read when its batches are, anew each time.

        Raises
        ------
        TableError
            The database, the table or a column is not there; the query is refused; a type cannot be read.
        """
        with self._session() as session:
            # SQLite's columns hold values of any kind: a declared one is read as text, each value as it is.
            as_text = self.types if session.kind == "sqlite" else {}
            lookup = self._look_up(session, dict.fromkeys(as_text, pa.null()))

        def batches(names: Sequence[str]) -> Iterator[pa.RecordBatch]:
            with self._session() as session:
                yield from first_rows(lookup.batches(session, names), self.limit)

        table = key_rows(
            lookup.schema, batches, uri=self.uri, row_key=self.row_key, columns=self.columns, limit=self.limit
        )
        return declare_types(table, self.types)

    @contextmanager
    def _session(self) -> Iterator[Session]:
        with (
            open_session(self.address, writing=False) as session,
            session.translate_errors(self.uri),
        ):
            if self.query is None or not _OPENS_FILES.search(self.query):
                session.forbid_other_files()
            with session.transaction():
                yield session

    def _look_up(self, session: Session, types: Mapping[str, pa.DataType]) -> "_TableLookup":
        if self.table is None:
            query = (self.query or "").strip().rstrip(";")
            schema = session.describe(query, None, types)
            return _TableLookup(schema, schema, {}, lambda _: query)
        declared = session.columns(self.table)
        if declared is None:
            known = session.tables(self.table.schema)
            raise TableError(
                f"There is no table {self.table.table!r}{did_you_mean(self.table.table, known)}",
                where=self.uri,
                fix=f"Correct {self.setting}.table; one in a schema is written as {{schema: ..., table: ...}}",
            )
        recorded = {
            column.name: storage
            for publication in Publications(session, self.table.schema).of(self.table.table)
            for column in publication.schema
            if (storage := session.storage(column.type)) is not None
        }
        names = [name for name in declared if not recorded or name not in RESERVED]
        select = self._select(session, declared)
        stored_types = {name: recorded[name].stored for name in names if name in recorded}
        stored = session.describe(select(self._needed_columns(names)), self.table, {**stored_types, **types})
        decoded = {name: storage for name, storage in recorded.items() if name not in types}
        schema = pa.schema(
            field.with_type(decoded[field.name].kind) if field.name in decoded else field for field in stored
        )
        return _TableLookup(schema, stored, decoded, select)

    def _needed_columns(self, names: Sequence[str]) -> list[str]:
        """Those of the table's columns that are asked for; what is asked for and missing is reported by `key_rows`."""
        asked = {*(self.columns or names), *(self.row_key or ())}
        return [name for name in names if name in asked] if asked <= set(names) else list(names)

    def _select(self, session: Session, declared: Mapping[str, str]) -> Callable[[Sequence[str]], str]:
        table, limit = self.table, self.limit
        assert table is not None
        order = [name for name in self.row_key or () if name in declared]

        def select(columns: Sequence[str]) -> str:
            chosen = [f"{session.selectable(name, declared[name])} AS {quoted(name)}" for name in columns]
            ordered = f" ORDER BY {', '.join(map(quoted, order))}" if order else ""
            limited = f" LIMIT {int(limit)}" if limit is not None else ""
            return f"SELECT {', '.join(chosen)} FROM {table.sql}{ordered}{limited}"

        return select


@dataclass(frozen=True)
class _TableLookup:
    """A table that was looked up: its columns as read and as stored, and the SQL that selects some of them."""

    schema: pa.Schema
    stored: pa.Schema
    storages: Mapping[str, Storage]
    select: Callable[[Sequence[str]], str]

    def batches(self, session: Session, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        sql = self.select(columns)
        # A query returns all its columns, whichever are asked for.
        names = self.stored.names if sql == self.select(()) else list(columns)
        stored = pa.schema([self.stored.field(name) for name in names])
        schema = pa.schema([self.schema.field(name) for name in names])
        for batch in session.stream(sql, stored):
            arrays = [
                self.storages[name].decode(column) if name in self.storages else column
                for name, column in zip(names, batch.columns, strict=True)
            ]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)
