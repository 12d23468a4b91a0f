"""PostgreSQL, through ADBC: COPY in its binary form in both directions."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from mlops_assets.arrow.type_kinds import is_bytes, is_text
from mlops_assets.errors import MissingExtraError, TableError
from mlops_assets.signatures.contract.column_matching import SQL_VALUES
from mlops_assets.signatures.contract.sql_values import numeric_literal
from mlops_assets.tables.sql.address import SqlAddress
from mlops_assets.tables.sql.names import TableName, quoted
from mlops_assets.tables.sql.session import LOCK_SECONDS, Session, Values, refusal_error
from mlops_assets.tables.sql.storage import Cast, PlainText, Storage, Ticks, UnstorableError
from mlops_assets.tables.sql.type_alignment import align_types

_BATCH_BYTES = 4 << 20
# Errors about names, types and rights: their messages hold no values.
_STATES_WITHOUT_DATA = ("42", "3F", "2B", "28", "08", "53", "55", "57")
# The least and the greatest that its types hold and its bulk path carries over.
_DAYS = (-2440588, 2145031948)
_MICROSECONDS = (-210866803200000000, 9223371244800000000)
_LOCK = 6_035_178_344_216
_MOST_DIGITS = 76
# Declared types that Arrow has a type for; the others of a table are read as text.
_READ = re.compile(
    r"(smallint|integer|bigint|real|double precision|boolean|text|character.*|bytea|date|json|jsonb"
    r"|timestamp.*|time(\(\d\))? without time zone)(\[\])?|numeric(\(.*\))?"
)

# Types that the driver has another one for: cents, signed numbers, lists without their dimensions or of its own type.
_MISNAMED = re.compile(r"(money|oid|xid8?|cid|reg\w+)(\[\])?|numeric\[\]|.*of several dimensions")


class PostgresqlSession(Session):
    kind = "postgresql"
    text = "TEXT"
    longest_name = 63
    folds_case = False
    temporary_schema = "pg_temp"

    def __init__(self, address: SqlAddress) -> None:
        super().__init__(address)
        try:
            from adbc_driver_manager import Error
            from adbc_driver_postgresql import dbapi
        except ImportError as error:
            raise MissingExtraError(
                "PostgreSQL needs packages that are not installed",
                where=address.uri,
                fix='Run: pip install "mlops-assets[sql]"',
            ) from error
        self._error = Error
        try:
            self._connection: Any = dbapi.connect(address.place, autocommit=True)
        except Error as error:
            raise TableError(
                "PostgreSQL does not answer, or refuses the connection",
                where=address.uri,
                fix=f"Check the URL and the server ({_sentence(str(error))})",
            ) from None
        self.execute(f"SET lock_timeout = '{LOCK_SECONDS:.0f}s'")

    def close(self) -> None:
        self._connection.close()

    def forbid_other_files(self) -> None:
        """A server reads files with its own rights, not with this machine's."""

    def execute(self, sql: str, values: Values = ()) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute(sql, tuple(values) or None)

    def rows(self, sql: str, values: Values = ()) -> list[tuple[object, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(sql, tuple(values) or None)
            rows: list[tuple[object, ...]] = cursor.fetchall()
            return rows

    def begin(self, *, writing: bool) -> None:
        self.execute("BEGIN ISOLATION LEVEL " + ("READ COMMITTED" if writing else "REPEATABLE READ READ ONLY"))
        if writing:
            self.rows(f"SELECT pg_advisory_xact_lock({_LOCK})::text")

    def stream(self, sql: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        with self._connection.cursor() as cursor:
            cursor.adbc_statement.set_options(**{"adbc.postgresql.batch_size_hint_bytes": str(_BATCH_BYTES)})
            # Without bound values: with them the driver holds the whole result.
            cursor.execute(sql)
            reader = cursor.fetch_record_batch()
            while True:
                try:
                    batch = reader.read_next_batch()
                except StopIteration:
                    return
                except (OSError, pa.ArrowException):
                    # A query that fails while its rows come; the message may quote one.
                    raise refusal_error("PostgreSQL stopped the query", self.where(), None) from None
                yield align_types(_with_literals(batch, schema), schema, self.where())

    def describe(self, sql: str, declared: TableName | None, types: Mapping[str, pa.DataType]) -> pa.Schema:
        with self._connection.cursor() as cursor:
            described = cursor.adbc_execute_schema(sql)
        kinds = {field.name: types.get(field.name) or _arrow_type_of(field) for field in described}
        odd = self._misnamed(sql, described)
        kinds |= dict.fromkeys(odd)
        numerics = [field.name for field in described if _is_numeric(field.type) and field.name not in types]
        fields = {field.name: field for field in self._numeric_fields(sql, numerics, kinds)} if numerics else {}
        kinds |= {name: field.type for name, field in fields.items()}
        if unknown := [name for name, kind in kinds.items() if kind is None]:
            listed = ", ".join(
                f"{name!r} ({odd.get(name) or _name_of(described.field(name).type)})" for name in unknown
            )
            raise TableError(
                f"Columns of a type that cannot be read: {listed}",
                where=self.where(declared),
                fix=f"Leave them out, or cast them in a query: {quoted(unknown[0])}::text",
            )
        return pa.schema([fields.get(field.name, pa.field(field.name, kinds[field.name])) for field in described])

    def _misnamed(self, sql: str, described: pa.Schema) -> dict[str, str]:
        """Column -> the type of PostgreSQL that the driver hands over as another: money as cents, oid with a sign."""
        suspects = [field for field in described if _is_suspect(field.type)]
        if not suspects or len(set(described.names)) < len(described):
            return {}
        asked = ", ".join(
            f"pg_typeof(query.{quoted(field.name)})::text"
            + (
                f" || CASE WHEN (SELECT max(array_ndims({quoted(field.name)})) FROM ({sql}\n) AS rows) > 1 "
                "THEN ' of several dimensions' ELSE '' END"
                if pa.types.is_list(field.type)
                else ""
            )
            for field in suspects
        )
        found: dict[str, str] = {}
        (names,) = self.rows(f"SELECT {asked} FROM (VALUES (1)) AS one LEFT JOIN ({sql}\n) AS query ON false")
        for field, name in zip(suspects, map(str, names), strict=True):
            if _MISNAMED.fullmatch(name):
                found[field.name] = name
        return found

    def _numeric_fields(self, sql: str, names: list[str], kinds: Mapping[str, pa.DataType | None]) -> list[pa.Field]:
        """Numerics as decimals: as many digits as are declared, or as they have in all rows.

        Where no decimal holds all rows (NaN, infinity, too many digits), each value is a literal, for the contract.
        """
        asked = ", ".join(
            f"coalesce(max(scale({quoted(name)})), 0), "
            f"coalesce(max(length(trunc(abs({_finite(name)}))::text)), 1), "
            f"coalesce(bool_or({quoted(name)}::text IN ('NaN', 'Infinity', '-Infinity')), false)::int"
            for name in names
        )
        found = iter(self.rows(f"SELECT {asked} FROM ({sql}\n) AS numbers")[0])
        fields = []
        for name in names:
            scale, whole, special = (int(str(next(found))) for _ in range(3))
            kind = kinds[name]
            if special or (kind is None and scale + whole > _MOST_DIGITS):
                fields.append(pa.field(name, pa.string(), metadata=SQL_VALUES))
                continue
            decimal = pa.decimal128 if scale + whole <= 38 else pa.decimal256
            fields.append(pa.field(name, kind or decimal(scale + whole, scale)))
        return fields

    def load(self, table: TableName, schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> None:
        with self._connection.cursor() as cursor:
            reader = pa.RecordBatchReader.from_batches(schema, batches)
            cursor.adbc_ingest(table.table, reader, mode="append", temporary=True)

    def columns(self, table: TableName) -> Mapping[str, str] | None:
        rows = self.rows(
            "SELECT a.attname::text, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a "
            "JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE c.relname = $1 AND n.nspname = coalesce(nullif($2, ''), current_schema()::text) "
            "AND c.relkind IN ('r', 'v', 'm', 'p', 'f') AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
            (table.table, table.schema or ""),
        )
        return {str(name): str(kind) for name, kind in rows} or None

    def selectable(self, column: str, declared: str) -> str:
        return super().selectable(column, declared) if _READ.fullmatch(declared) else f"{quoted(column)}::text"

    def tables(self, schema: str | None) -> list[str]:
        rows = self.rows(
            "SELECT table_name::text FROM information_schema.tables "
            "WHERE table_schema = coalesce(nullif($1, ''), current_schema()::text)",
            (schema or "",),
        )
        return [str(row[0]) for row in rows]

    @contextmanager
    def translate_errors(self, where: str) -> Iterator[None]:
        try:
            yield
        except self._error as error:
            text, state = str(error), error.sqlstate or ""
            message = _sentence(text) if state.startswith(_STATES_WITHOUT_DATA) else None
            what = f"PostgreSQL refuses ({type(error).__name__} {state})"
            if column := re.search(r"\bcolumn (\S+)\s*$", text.split("CONTEXT:")[-1].splitlines()[0]):
                what = f"{what} a value of column {column[1]!r}"
            raise refusal_error(what, where, message) from None

    def native(self, kind: pa.DataType) -> Storage | None:
        if pa.types.is_boolean(kind):
            return Cast("BOOLEAN", kind, kind)
        if pa.types.is_integer(kind):
            if kind == pa.uint64():
                return Cast("NUMERIC(20, 0)", kind, pa.decimal128(20, 0))
            bits = kind.bit_width * 2 if pa.types.is_unsigned_integer(kind) else kind.bit_width
            name, stored = {16: ("SMALLINT", pa.int16()), 32: ("INTEGER", pa.int32())}.get(
                max(bits, 16), ("BIGINT", pa.int64())
            )
            return Cast(name, kind, stored)
        if pa.types.is_floating(kind):
            double = kind == pa.float64()
            return Cast("DOUBLE PRECISION" if double else "REAL", kind, pa.float64() if double else pa.float32())
        if is_text(kind):
            return _Text("TEXT", kind, pa.string())
        if is_bytes(kind):
            return Cast("BYTEA", kind, pa.binary())
        if pa.types.is_decimal(kind):
            if kind.precision <= 38 and 0 <= kind.scale <= kind.precision:
                stored = pa.decimal128(kind.precision, kind.scale)
                return Cast(f"NUMERIC({kind.precision}, {kind.scale})", kind, stored)
            return PlainText("TEXT", kind, pa.string())
        if pa.types.is_date(kind):
            return Cast("DATE", kind, pa.date32(), *_DAYS)
        if pa.types.is_timestamp(kind):
            if kind.tz is None:
                return Cast("TIMESTAMP", kind, pa.timestamp("us"), *_MICROSECONDS)
            return Cast("TIMESTAMPTZ", kind, pa.timestamp("us", "UTC"), *_MICROSECONDS)
        if pa.types.is_time(kind):
            return Cast("TIME", kind, pa.time64("us"))
        return Ticks("BIGINT", kind, pa.int64()) if pa.types.is_duration(kind) else None


class _Text(Cast):
    """PostgreSQL's text has every character but one."""

    def encode(self, array: pa.Array) -> pa.Array:
        if pc.any(pc.match_substring(array, "\0")).as_py():
            raise UnstorableError("a NUL character")
        return super().encode(array)


def _finite(name: str) -> str:
    return f"CASE WHEN {quoted(name)}::text NOT IN ('NaN', 'Infinity', '-Infinity') THEN {quoted(name)} END"


def _with_literals(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """`batch` with SQL literals where `schema` has them: of numerics, which the driver hands over as text."""
    for at, field in enumerate(schema):
        if field.metadata == SQL_VALUES:
            texts = [value and numeric_literal(value) for value in batch.column(at).storage.to_pylist()]
            batch = batch.set_column(at, field, pa.array(texts, pa.string()))
    return batch


def _name_of(kind: pa.DataType) -> str:
    return str(kind.type_name) if isinstance(kind, pa.OpaqueType) else str(kind)


def _is_suspect(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_list(kind))


def _is_numeric(kind: pa.DataType) -> bool:
    return _name_of(kind) == "numeric"


def _arrow_type_of(field: pa.Field) -> pa.DataType | None:
    """The Arrow type that a described column is read as; None: not known from the description."""
    kind = field.type
    if isinstance(kind, pa.OpaqueType):
        modifier = int((field.metadata or {}).get(b"POSTGRESQL:typmod", -1)) - 4
        if kind.type_name != "numeric" or modifier < 0:
            return None
        precision, scale = (modifier >> 16) & 0xFFFF, modifier & 0x7FF
        if precision > _MOST_DIGITS or scale > precision:
            return None
        return pa.decimal128(precision, scale) if precision <= 38 else pa.decimal256(precision, scale)
    if isinstance(kind, pa.UuidType):
        return None
    return kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind


def _sentence(text: str) -> str:
    """What libpq says, without the position and the context, which quotes."""
    sentence = re.sub(r"^.*?(ERROR|FATAL|failed):\s*", "", " ".join(text.split()))
    return re.split(r"\s+(?:LINE \d+:|DETAIL:|CONTEXT:|SQLSTATE)", sentence)[0].strip()[:300]
