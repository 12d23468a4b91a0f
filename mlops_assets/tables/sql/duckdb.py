"""DuckDB, through its own Arrow path: batches go in and come out without a copy per value."""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from mlops_assets.arrow.batching import BATCH_ROWS
from mlops_assets.arrow.plain_types import plain_batch, plain_schema
from mlops_assets.arrow.type_kinds import is_bytes, is_text
from mlops_assets.errors import MissingExtraError, TableError
from mlops_assets.tables.sql.address import SqlAddress
from mlops_assets.tables.sql.names import TableName, quoted
from mlops_assets.tables.sql.session import LOCK_SECONDS, MissingDatabaseError, Session, Values, refusal_error
from mlops_assets.tables.sql.storage import Cast, PlainText, Storage, Ticks
from mlops_assets.tables.sql.type_alignment import align_types

_PAUSE = 0.2
_MEMORY = "512MB"
_INTEGERS = {
    **{pa.int8(): "TINYINT", pa.int16(): "SMALLINT", pa.int32(): "INTEGER", pa.int64(): "BIGINT"},
    **{pa.uint8(): "UTINYINT", pa.uint16(): "USMALLINT", pa.uint32(): "UINTEGER", pa.uint64(): "UBIGINT"},
}
_TIMESTAMPS = {"s": "TIMESTAMP_S", "ms": "TIMESTAMP_MS", "us": "TIMESTAMP", "ns": "TIMESTAMP_NS"}
# 39 digits, which DuckDB hands over as 38 and wraps.
_HUGE, _WHOLE = ("HUGEINT", "UHUGEINT"), pa.decimal256(39, 0)
_AS_TEXT_ONLY = ("TIME WITH TIME ZONE", "BIT", "BIGNUM", "VARINT", "VARIANT")
_INCOMING = "mlops_assets_incoming"


class DuckdbSession(Session):
    """One connection of this process; the file belongs to one writing process, or to several reading ones."""

    kind = "duckdb"
    text = "VARCHAR"
    longest_name = None
    folds_case = True

    def __init__(self, address: SqlAddress, *, writing: bool) -> None:
        super().__init__(address)
        try:
            import duckdb
        except ImportError as error:
            raise MissingExtraError(
                "DuckDB needs a package that is not installed",
                where=address.uri,
                fix='Run: pip install "mlops-assets[sql]"',
            ) from error
        self._error = duckdb.Error
        # Errors about names, types and files: their messages hold no values.
        self._errors_without_data = (
            *(duckdb.CatalogException, duckdb.BinderException, duckdb.ParserException, duckdb.SyntaxException),
            *(duckdb.IOException, duckdb.PermissionException, duckdb.DependencyException),
        )
        path = Path(address.place)
        if not writing and not os.path.exists(path):  # noqa: PTH110 - a name that is too long is none
            raise MissingDatabaseError(address.uri)
        if writing:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._connection: Any = _connect(duckdb, address, read_only=not writing)
        # Moments come in the session's zone, which would be the machine's.
        self._connection.execute("SET TimeZone = 'UTC'")
        # It would fill most of the machine's memory before it puts anything on disk.
        self._connection.execute(f"SET memory_limit = '{_MEMORY}'")

    def close(self) -> None:
        self._connection.close()

    def forbid_other_files(self) -> None:
        # A view is SQL of whoever made the database: read_csv('/etc/passwd').
        self._connection.execute("SET enable_external_access = false")

    def execute(self, sql: str, values: Values = ()) -> None:
        self._connection.execute(sql, list(values))

    def rows(self, sql: str, values: Values = ()) -> list[tuple[object, ...]]:
        rows: list[tuple[object, ...]] = self._connection.execute(sql, list(values)).fetchall()
        return rows

    def begin(self, *, writing: bool) -> None:
        self._connection.execute("BEGIN")

    def stream(self, sql: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        # Not execute(), which holds the whole result before it hands it on.
        reader = self._readable(sql).to_arrow_reader(BATCH_ROWS)
        plain = plain_schema(reader.schema)
        for batch in reader:
            yield align_types(plain_batch(batch, plain), schema, self.where())

    def describe(self, sql: str, declared: TableName | None, types: Mapping[str, pa.DataType]) -> pa.Schema:
        relation = self._connection.sql(f"SELECT * FROM ({sql}\n) LIMIT 0")
        schema = plain_schema(self._readable(f"SELECT * FROM ({sql}\n) LIMIT 0").to_arrow_reader(1).schema)
        kinds = {
            field.name: _WHOLE if str(stored) in _HUGE else field.type
            for field, stored in zip(schema, relation.types, strict=True)
        }
        return pa.schema([(field.name, types.get(field.name, kinds[field.name])) for field in schema])

    def _readable(self, sql: str) -> Any:
        """The relation of a query, as text what Arrow would narrow or encode in its own way."""
        relation = self._connection.sql(sql)
        as_text = [str(kind) in _HUGE or str(kind) in _AS_TEXT_ONLY for kind in relation.types]
        if not any(as_text) or len(set(relation.columns)) < len(relation.columns):
            return relation
        chosen = [
            f"CAST({quoted(name)} AS VARCHAR) AS {quoted(name)}" if is_text else quoted(name)
            for name, is_text in zip(relation.columns, as_text, strict=True)
        ]
        return relation.project(", ".join(chosen))

    def load(self, table: TableName, schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> None:
        self._connection.register(_INCOMING, pa.RecordBatchReader.from_batches(schema, batches))
        try:
            self.execute(f"INSERT INTO {table.sql} SELECT * FROM {_INCOMING}")
        finally:
            self._connection.unregister(_INCOMING)

    def columns(self, table: TableName) -> Mapping[str, str] | None:
        rows = self.rows(
            "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = $1 AND schema_name = "
            "coalesce(CASE WHEN $2 = '' THEN NULL ELSE $2 END, current_schema()) "
            "AND database_name = current_database() ORDER BY column_index",
            (table.table, table.schema or ""),
        )
        return {str(name): str(kind) for name, kind in rows} or None

    def tables(self, schema: str | None) -> list[str]:
        rows = self.rows(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = "
            "coalesce(CASE WHEN $1 = '' THEN NULL ELSE $1 END, current_schema())",
            (schema or "",),
        )
        return [str(row[0]) for row in rows]

    def create_index(self, name: str, table: TableName, columns: Sequence[str]) -> None:
        """None: scans skip by row group, and an index is kept in memory."""

    @contextmanager
    def translate_errors(self, where: str) -> Iterator[None]:
        try:
            yield
        except self._error as error:
            if "disabled by configuration" in str(error):
                raise TableError(
                    "A view of the database reads files or addresses outside of it, which no view may",
                    where=where,
                    fix="Write its rows into a table, or set `query` to SQL of your own that reads them",
                ) from None
            message = str(error).splitlines()[0] if isinstance(error, self._errors_without_data) else None
            raise refusal_error("DuckDB refuses", where, message) from None

    def native(self, kind: pa.DataType) -> Storage | None:
        if pa.types.is_boolean(kind):
            return Cast("BOOLEAN", kind, kind)
        if kind in _INTEGERS:
            return Cast(_INTEGERS[kind], kind, kind)
        if pa.types.is_floating(kind):
            stored = pa.float64() if kind == pa.float64() else pa.float32()
            return Cast("DOUBLE" if kind == pa.float64() else "FLOAT", kind, stored)
        if is_text(kind):
            return Cast("VARCHAR", kind, pa.string())
        if is_bytes(kind):
            return Cast("BLOB", kind, pa.binary())
        if pa.types.is_decimal(kind):
            if kind.precision <= 38 and 0 <= kind.scale <= kind.precision:
                stored = pa.decimal128(kind.precision, kind.scale)
                return Cast(f"DECIMAL({kind.precision}, {kind.scale})", kind, stored)
            return PlainText("VARCHAR", kind, pa.string())
        if pa.types.is_date(kind):
            return Cast("DATE", kind, pa.date32(), -(2**31) + 2, 2**31 - 2)
        if pa.types.is_timestamp(kind):
            if kind.tz is None:
                return Cast(_TIMESTAMPS[kind.unit], kind, kind, -(2**63) + 2, 2**63 - 2)
            stored = pa.timestamp("ns" if kind.unit == "ns" else "us", "UTC")
            name = "TIMESTAMPTZ_NS" if kind.unit == "ns" else "TIMESTAMPTZ"
            return Cast(name, kind, stored, -(2**63) + 2, 2**63 - 2)
        if pa.types.is_time(kind):
            stored = pa.time64("ns" if kind.bit_width == 64 and kind.unit == "ns" else "us")
            return Cast("TIME_NS" if stored.unit == "ns" else "TIME", kind, stored)
        if pa.types.is_duration(kind):
            return Ticks("BIGINT", kind, pa.int64())
        return None

    def native_nested(self, kind: pa.DataType) -> Storage | None:
        declared = self._declared(kind)
        return None if declared is None else Cast(declared, kind, kind)

    def _declared(self, kind: pa.DataType) -> str | None:
        """DuckDB's own type, of lists of what it holds as it is; everything else is left to JSON."""
        if pa.types.is_list(kind):
            inner = self._declared(kind.value_type)
            return None if inner is None else f"{inner}[]"
        simple = pa.types.is_boolean(kind) or kind in _INTEGERS or kind in (pa.float32(), pa.float64(), pa.string())
        storage = self.native(kind) if simple else None
        return None if storage is None else storage.sql


def _connect(duckdb: Any, address: SqlAddress, *, read_only: bool) -> Any:
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            return duckdb.connect(address.place, read_only=read_only)
        except duckdb.ConnectionException:
            # This process has it open the other way, and all its connections are of one kind.
            read_only, wait = (False, False) if read_only else (False, True)
        except duckdb.IOException as error:
            if not _is_lock_conflict(error):
                raise _connection_error(address, error) from None
            wait = True
        except duckdb.Error as error:
            raise _connection_error(address, error) from None
        if time.monotonic() > deadline:
            raise TableError(
                f"Another process has had the database open for {LOCK_SECONDS:.0f} seconds",
                where=address.uri,
                fix="DuckDB lets one process write, and none read meanwhile: close the other one, or use PostgreSQL",
            )
        if wait:
            time.sleep(_PAUSE)


def _is_lock_conflict(error: Exception) -> bool:
    """Whether another process has the file open.

    By the words of the message, as nothing else says so: its Python errors have no code (DuckDB 2.0; `errors_as_json`
    has no effect on `connect`), and to open the file and look at its lock or its first bytes would drop this process's
    own locks on it at the close (fcntl).
    """
    return "Could not set lock" in str(error)


def _connection_error(address: SqlAddress, error: Exception) -> TableError:
    return TableError(
        f"The DuckDB database cannot be opened: {str(error).splitlines()[0]}",
        where=address.uri,
        fix="Check the path and the rights",
    )
