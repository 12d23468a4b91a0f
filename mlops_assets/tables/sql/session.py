"""A connection to a database, as readers and writers use it, and what its kind of database is like."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import ClassVar

import pyarrow as pa

from mlops_assets.arrow.type_kinds import is_nested
from mlops_assets.errors import MlopsAssetsError, TableError
from mlops_assets.tables.sql.address import SqlAddress
from mlops_assets.tables.sql.names import TableName, quoted, refuse_names
from mlops_assets.tables.sql.nested import json_type
from mlops_assets.tables.sql.storage import Extension, JsonText, Nothing, Storage

Values = Sequence[object]

LOCK_SECONDS = 60.0
"""How long to wait for another transaction."""


class MissingDatabaseError(TableError):
    """A database that is a file is to be read, and the file does not exist."""

    def __init__(self, where: str) -> None:
        super().__init__("No such database", where=where, fix="Check the URL")


class Session(ABC):
    """One connection, closed by the code that opened it. No transaction is open at first; see `transaction`."""

    kind: ClassVar[str]
    text: ClassVar[str]
    """The type of columns of text."""
    longest_name: ClassVar[int | None]
    """Bytes; None: any number."""
    folds_case: ClassVar[bool]
    temporary_schema: ClassVar[str] = "temp"

    def __init__(self, address: SqlAddress) -> None:
        self.address = address

    @abstractmethod
    def close(self) -> None: ...

    @abstractmethod
    def forbid_other_files(self) -> None:
        """Let views of the database, which may be a stranger's, read nothing outside of it."""

    @abstractmethod
    def execute(self, sql: str, values: Values = ()) -> None:
        """Run a statement; `values` are bound to its ``$1``, ``$2``, ..."""

    @abstractmethod
    def rows(self, sql: str, values: Values = ()) -> list[tuple[object, ...]]:
        """The rows of a small result."""

    @abstractmethod
    def stream(self, sql: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """The rows of a query of any size as batches of `schema`; raises `TableError` where they are not of it."""

    @abstractmethod
    def describe(self, sql: str, declared: TableName | None, types: Mapping[str, pa.DataType]) -> pa.Schema:
        """The Arrow types of a query's columns, for `stream`; `types` take precedence over what the database says.

        Parameters
        ----------
        declared
            The table that `sql` selects columns of, where it is one.
        """

    @abstractmethod
    def load(self, table: TableName, schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> None:
        """Append rows to a temporary table, the database's fast way."""

    @abstractmethod
    def columns(self, table: TableName) -> Mapping[str, str] | None:
        """Column -> declared type of a table or view; None: there is none."""

    @abstractmethod
    def tables(self, schema: str | None) -> list[str]:
        """Names of the tables and views there."""

    @abstractmethod
    def translate_errors(self, where: str) -> AbstractContextManager[None]:
        """Turn the driver's errors into a `TableError` that names `where` and holds no value of the data."""

    @abstractmethod
    def native(self, kind: pa.DataType) -> Storage | None:
        """How a column that is neither nested nor an extension is stored; None: the database cannot hold it."""

    def native_nested(self, kind: pa.DataType) -> Storage | None:
        """The same of a list, struct or map; None: JSON text."""
        return None

    def storage(self, kind: pa.DataType) -> Storage | None:
        """How a column of this type is stored; None: not at all."""
        if pa.types.is_null(kind):
            return Nothing(self.text, kind, pa.string())
        if isinstance(kind, pa.BaseExtensionType):
            carrier = self.storage(kind.storage_type)
            return None if carrier is None else Extension(carrier.sql, kind, carrier.stored, carrier)
        if is_nested(kind):
            native = self.native_nested(kind)
            if native is not None or json_type(kind) is None:
                return native
            return JsonText(self.text, kind, pa.string())
        return self.native(kind)

    def storages(self, schema: pa.Schema, where: str) -> list[Storage]:
        """How each column is stored.

        Raises
        ------
        TableError
            Names the columns that the database cannot hold.
        """
        storages = [self.storage(field.type) for field in schema]
        if None in storages:
            listed = ", ".join(
                f"{field.name!r} ({field.type})"
                for field, storage in zip(schema, storages, strict=True)
                if storage is None
            )
            raise TableError(
                f"{self.kind} cannot hold the columns {listed}",
                where=where,
                fix="Leave them out, change their types, or publish as Parquet",
            )
        refuse_names(schema.names, self.longest_name, self.folds_case, where)
        return [storage for storage in storages if storage is not None]

    @abstractmethod
    def begin(self, *, writing: bool) -> None:
        """Start a transaction; a writing one is the only one of its kind until it ends."""

    @contextmanager
    def transaction(self, *, writing: bool = False) -> Iterator[None]:
        """All or nothing; what is read in it is of one moment."""
        self.begin(writing=writing)
        try:
            yield
            self.end("COMMIT")
        except BaseException as error:
            self._roll_back(error)
            raise

    def _roll_back(self, why: BaseException) -> None:
        """End a transaction that has failed; `why` is what is reported, whatever becomes of this."""
        try:
            self.end("ROLLBACK")
        except Exception as error:  # noqa: BLE001 - the database may have ended it itself, as SQLite does on a full disk
            why.add_note(f"The transaction could not be rolled back either ({type(error).__name__}).")

    def end(self, how: str) -> None:
        self.execute(how)

    def create_temporary(self, name: str, columns: Mapping[str, str]) -> TableName:
        """A table that only this connection sees, and that ends with it."""
        self.execute(f"CREATE TEMPORARY TABLE {quoted(name)} ({column_list(columns)})")
        return TableName(name, self.temporary_schema)

    def create_index(self, name: str, table: TableName, columns: Sequence[str]) -> None:
        """An index, where the database gains by one."""
        self.execute(f"CREATE INDEX {quoted(name)} ON {table.sql} ({', '.join(map(quoted, columns))})")

    def selectable(self, column: str, declared: str) -> str:
        """What to select for a column of a table, so that Arrow has a type for it."""
        return quoted(column)

    def where(self, table: TableName | None = None) -> str:
        """The database and the table, for errors."""
        return self.address.uri if table is None else f"{self.address.uri}, table {table}"


def column_list(columns: Mapping[str, str]) -> str:
    return ", ".join(f"{quoted(name)} {kind}" for name, kind in columns.items())


def refusal_error(what: str, where: str, message: str | None) -> MlopsAssetsError:
    """The error for one of a driver; `message` is the driver's, None where that may hold data."""
    return TableError(
        what if message is None else f"{what}: {' '.join(message.split())[:300]}",
        where=where,
        fix="Correct what it names; the published tables are as they were"
        if message
        else "The database's own log says more; its message is not repeated here, as it may hold data",
    )
