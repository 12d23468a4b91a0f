"""SQLite, through Python's own driver.

Not through ADBC's, which writes NaN as null, refuses decimals and what is beyond 63 bits, and takes a column's type
from the first rows it meets. A column is read by its recorded Arrow type, by its declared type, or by what is in it;
see `sqlite_values`.
"""

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from mlops_assets.arrow.batching import split_batches
from mlops_assets.arrow.type_kinds import is_bytes, is_text
from mlops_assets.errors import TableError
from mlops_assets.tables.sql.address import SqlAddress
from mlops_assets.tables.sql.names import TableName, quoted
from mlops_assets.tables.sql.session import LOCK_SECONDS, MissingDatabaseError, Session, Values, refusal_error
from mlops_assets.tables.sql.sqlite_values import (
    arrow_type_of,
    contents_of,
    field_of,
    literals_field,
    to_arrow,
    untyped_field,
)
from mlops_assets.tables.sql.storage import Cast, IsoText, PlainText, Storage, Ticks, TimeText

_ROWS = 16_384
_COLUMNS = 100


_LONGEST_VALUE = 256 << 20


class SqliteSession(Session):
    kind = "sqlite"
    text = "TEXT"
    longest_name = None
    folds_case = True

    def __init__(self, address: SqlAddress, *, writing: bool) -> None:
        super().__init__(address)
        path = Path(address.place)
        if not writing and not os.path.exists(path):  # noqa: PTH110 - a name that is too long is none
            raise MissingDatabaseError(address.uri)
        try:
            if writing:
                path.parent.mkdir(parents=True, exist_ok=True)
            mode = "rwc" if writing else "ro"
            self._connection = sqlite3.connect(
                f"{path.as_uri()}?mode={mode}",
                uri=True,
                isolation_level=None,
                timeout=LOCK_SECONDS,
                check_same_thread=False,
            )
            self._connection.execute("SELECT 1 FROM sqlite_master LIMIT 1")
            self._connection.execute("PRAGMA temp_store = FILE")
        except (sqlite3.Error, OSError) as error:
            raise TableError(
                f"The SQLite database cannot be opened: {error}", where=address.uri, fix="Check the path and the rights"
            ) from None

    def close(self) -> None:
        self._connection.close()

    def forbid_other_files(self) -> None:
        # Views are SQL of whoever made the database: they get no functions beside plain ones, and no huge values.
        self._connection.execute("PRAGMA trusted_schema = OFF")
        self._connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_VALUE)

    def execute(self, sql: str, values: Values = ()) -> None:
        self._connection.execute(sql, _bind(values))

    def rows(self, sql: str, values: Values = ()) -> list[tuple[object, ...]]:
        return self._connection.execute(sql, _bind(values)).fetchall()

    def end(self, how: str) -> None:
        # On a full disk SQLite has rolled back already, and would say that it cannot.
        if how != "ROLLBACK" or self._connection.in_transaction:
            self.execute(how)

    def begin(self, *, writing: bool) -> None:
        self._connection.execute("BEGIN IMMEDIATE" if writing else "BEGIN")

    def stream(self, sql: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        cursor = self._connection.execute(sql)
        rows_done = 0
        while rows := cursor.fetchmany(_ROWS):
            arrays = []
            for field, column in zip(schema, zip(*rows, strict=True), strict=True):
                try:
                    arrays.append(to_arrow(column, field))
                except (pa.ArrowException, ValueError, TypeError, OverflowError):
                    raise TableError(
                        f"Column {field.name!r} holds a value that is not {field.type}, after row {rows_done}",
                        where=self.where(),
                        fix=f"Mend the value, or set types: {{{field.name}: string}} or another type",
                    ) from None
            rows_done += len(rows)
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)

    def describe(self, sql: str, declared: TableName | None, types: Mapping[str, pa.DataType]) -> pa.Schema:
        names = [column[0] for column in self._connection.execute(f"SELECT * FROM ({sql}\n) LIMIT 0").description]
        declarations = (self.columns(declared) or {}) if declared is not None else {}
        if len(set(names)) < len(names):
            return pa.schema([(name, pa.string()) for name in names])  # refused by whoever asked for it
        kinds = {name: arrow_type_of(declarations.get(name, "")) for name in names if name not in types}
        holds = self._contents(sql, list(kinds))
        fields = {name: field_of(name, kind, holds[name]) for name, kind in kinds.items()}
        fields |= {
            name: untyped_field(name) if pa.types.is_null(types[name]) else pa.field(name, types[name])
            for name in names
            if name in types
        }
        times = [name for name in kinds if pa.types.is_temporal(fields[name].type)]
        fields |= {name: literals_field(name, kinds[name]) for name in self._misread(sql, [fields[at] for at in times])}
        return pa.schema([fields[name] for name in names])

    def _contents(self, sql: str, names: list[str]) -> dict[str, int]:
        """What kinds of values each column holds in all rows: a first block would decide for rows unseen."""
        holds: dict[str, int] = {}
        # SQLite has limits on the columns of a result and on the length of a statement.
        for start in range(0, len(names), _COLUMNS):
            some = names[start : start + _COLUMNS]
            (found,) = self.rows(f"SELECT {', '.join(map(contents_of, some))} FROM ({sql}\n)")
            holds |= {name: int(str(bits)) for name, bits in zip(some, found, strict=True)}
        return holds

    def _misread(self, sql: str, fields: list[pa.Field]) -> set[str]:
        """Those of the columns of dates and times that hold a text which is none."""
        misread: set[str] = set()
        for start in range(0, len(fields), _COLUMNS):
            some = fields[start : start + _COLUMNS]
            cursor = self._connection.execute(
                f"SELECT {', '.join(quoted(field.name) for field in some)} FROM ({sql}\n)"
            )
            while rows := cursor.fetchmany(_ROWS):
                for field, column in zip(some, zip(*rows, strict=True), strict=True):
                    try:
                        to_arrow(column, field)
                    except pa.ArrowInvalid:
                        misread.add(field.name)
        return misread

    def load(self, table: TableName, schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> None:
        insert = f"INSERT INTO {table.sql} VALUES ({', '.join('?' * len(schema))})"
        self.execute("BEGIN")
        for batch in split_batches(batches, _ROWS):
            values = [_values(column) for column in batch.columns]
            self._connection.executemany(insert, zip(*values, strict=True))
        self.execute("COMMIT")

    def columns(self, table: TableName) -> Mapping[str, str] | None:
        schema = "" if table.schema is None else f"{quoted(table.schema)}."
        rows = self.rows(f"PRAGMA {schema}table_xinfo({quoted(table.table)})")
        return {str(row[1]): str(row[2]) for row in rows if row[6] in (0, 2, 3)} or None

    def tables(self, schema: str | None) -> list[str]:
        master = "sqlite_master" if schema is None else f"{quoted(schema)}.sqlite_master"
        return [str(row[0]) for row in self.rows(f"SELECT name FROM {master} WHERE type IN ('table', 'view')")]

    def create_index(self, name: str, table: TableName, columns: Sequence[str]) -> None:
        # The schema precedes the index's name; the table is looked for in it.
        index, bare = TableName(name, table.schema), TableName(table.table)
        self.execute(f"CREATE INDEX {index.sql} ON {bare.sql} ({', '.join(map(quoted, columns))})")

    @contextmanager
    def translate_errors(self, where: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            if (space := _space_error(error, where)) is not None:
                raise space from None
            raise refusal_error("SQLite refuses", where, _message_of(error)) from None

    def native(self, kind: pa.DataType) -> Storage | None:
        if pa.types.is_boolean(kind):
            return Cast("BOOLEAN", kind, kind)
        if pa.types.is_integer(kind):
            # SQLite's integers have no room for an unsigned number beyond 63 bits.
            return PlainText("TEXT", kind, pa.string()) if kind == pa.uint64() else Cast("INTEGER", kind, pa.int64())
        if pa.types.is_floating(kind):
            # No declared type: a column of REAL keeps -0.0 as 0.
            return Cast("", kind, pa.float64())
        if is_text(kind):
            return Cast("TEXT", kind, pa.string())
        if is_bytes(kind):
            return Cast("BLOB", kind, pa.binary())
        if pa.types.is_decimal(kind):
            return PlainText("TEXT", kind, pa.string())
        if pa.types.is_date(kind):
            return PlainText("TEXT", kind, pa.string())
        if pa.types.is_timestamp(kind):
            return IsoText("TEXT", kind, pa.string())
        if pa.types.is_time(kind):
            return TimeText("TEXT", kind, pa.string())
        if pa.types.is_duration(kind):
            return Ticks("INTEGER", kind, pa.int64())
        return None


def _space_error(error: sqlite3.Error, where: str) -> TableError | None:
    """The error for a disk that is full or fails; None for any other."""
    # The lower byte is the primary result code: https://www.sqlite.org/rescode.html
    code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return TableError(
            "There is no space left on the disk for the SQLite database, or the database has reached its size limit",
            where=where,
            fix="Free space there and in the folder for temporary files (SQLITE_TMPDIR, else TMPDIR), then run again; "
            "the published tables are as they were",
        )
    if code == sqlite3.SQLITE_IOERR:
        return TableError(
            f"The disk of the SQLite database fails: {getattr(error, 'sqlite_errorname', 'SQLITE_IOERR')}",
            where=where,
            fix="Check the disk's space, its quota and its health; the published tables are as they were",
        )
    return None


def _message_of(error: sqlite3.Error) -> str | None:
    """What may be shown of an error; None: its message may hold data."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None and isinstance(error, sqlite3.OperationalError):
        # The one that Python's module raises itself while it fetches rows; its message quotes the text.
        return "a column holds text that is not UTF-8"
    # The lower byte is the primary result code: https://www.sqlite.org/rescode.html
    return None if code is not None and code & 0xFF == sqlite3.SQLITE_CONSTRAINT else str(error)


def _bind(values: Values) -> dict[str, Any] | tuple[()]:
    return {str(at): value for at, value in enumerate(values, 1)} if values else ()


def _values(column: pa.Array) -> list[Any]:
    values: list[Any] = column.to_pylist()
    if pa.types.is_floating(column.type):
        # SQLite would store NaN as null.
        return ["NaN" if value is not None and value != value else value for value in values]
    return values
