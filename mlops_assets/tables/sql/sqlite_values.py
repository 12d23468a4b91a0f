"""SQLite's values as Arrow's: by a column's declared type where all its values are of it, else each by itself.

SQLite has five kinds of values, and any of them may occur in any column. What one row holds must not decide how
another is read, so a column of several kinds is text: each value as an SQL literal, for the contract to judge.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from mlops_assets.arrow.type_kinds import is_bytes, is_text
from mlops_assets.signatures.contract.column_matching import DECLARED, SQL_VALUES, UNTYPED
from mlops_assets.signatures.contract.sql_values import literal, quoted_text, time_of
from mlops_assets.tables.sql.names import quoted

_DECLARED = {
    "BOOLEAN": pa.bool_(),
    "BOOL": pa.bool_(),
    "DATE": pa.date32(),
    "DATETIME": pa.timestamp("us"),
    "TIMESTAMP": pa.timestamp("us"),
}
_ANY_KIND = {b"kind": b"any"}
_EXACT = 2**53

# Bits of what a column holds.
INTEGER, REAL, TEXT, BLOB, LARGE, NO_FLAG, NO_NAN = (1 << at for at in range(7))


def contents_of(name: str) -> str:
    """The SQL expression of the bits of a column over all rows."""
    x = quoted(name)
    integer, text = f"typeof({x}) = 'integer'", f"typeof({x}) = 'text'"
    tests = [
        *(f"typeof({x}) = '{kind}'" for kind in ("integer", "real", "text", "blob")),
        f"{integer} AND ({x} > {_EXACT} OR {x} < -{_EXACT})",
        f"{integer} AND {x} NOT IN (0, 1)",
        f"{text} AND {x} <> 'NaN'",
    ]
    return " + ".join(f"{1 << at} * coalesce(max({test}), 0)" for at, test in enumerate(tests))


def untyped_field(name: str) -> pa.Field:
    """A column that is read as text, whatever its values are: a type is declared for it under `inputs.types`."""
    return pa.field(name, pa.string(), metadata=_ANY_KIND)


def field_of(name: str, declared: pa.DataType | None, holds: int) -> pa.Field:
    """The column of a declared type, or of none, with what `contents_of` found."""
    if declared is None:
        return _field_by_contents(name, holds)
    fits = not holds & _misfits(declared)
    return pa.field(name, declared) if fits else literals_field(name, declared)


def literals_field(name: str, declared: pa.DataType | None = None) -> pa.Field:
    """A column of SQL literals; those of a declared type's values have this type."""
    return pa.field(name, pa.string(), metadata={**SQL_VALUES, DECLARED: str(declared or "").encode()})


def _misfits(declared: pa.DataType) -> int:
    if pa.types.is_boolean(declared):
        return REAL | TEXT | BLOB | NO_FLAG
    if pa.types.is_integer(declared):
        return REAL | TEXT | BLOB
    if pa.types.is_floating(declared):
        return NO_NAN | BLOB | LARGE
    return INTEGER | REAL | (TEXT if is_bytes(declared) else BLOB)


def _field_by_contents(name: str, holds: int) -> pa.Field:
    kinds = [bool(holds & (INTEGER | REAL)), bool(holds & TEXT), bool(holds & BLOB)]
    if sum(kinds) > 1 or (holds & REAL and holds & LARGE):
        return literals_field(name)
    if holds & (INTEGER | REAL):
        return pa.field(name, pa.float64() if holds & REAL else pa.int64(), metadata=UNTYPED)
    kind = pa.string() if holds & TEXT else pa.binary() if holds & BLOB else pa.null()
    return pa.field(name, kind, metadata=UNTYPED)


def to_arrow(values: tuple[Any, ...], field: pa.Field) -> pa.Array:
    """The values of a column as `field` says.

    Raises
    ------
    TypeError, ValueError, OverflowError, pa.ArrowException
        One is not of its type.
    """
    metadata: Mapping[bytes, bytes] = field.metadata or {}
    if metadata.get(b"kind") == _ANY_KIND[b"kind"]:
        return pa.array(map(_text_of, values), pa.string())
    if metadata.get(b"text") == SQL_VALUES[b"text"]:
        declared = metadata[DECLARED].decode()
        return pa.array([_literal_of(value, declared) for value in values], pa.string())
    return _array(values, field.type)


def _literal_of(value: object, declared: str) -> str | None:
    if declared == "bool" and isinstance(value, int) and value in (0, 1):
        return literal(bool(value))
    if declared == "double" and value == "NaN":
        return "NaN"
    if declared.startswith(("date", "timestamp")) and isinstance(value, str):
        time = time_of(value, date=declared.startswith("date"))
        if time is not None:
            return f"{'DATE' if pa.types.is_date32(time.type) else 'TIMESTAMP'} {quoted_text(value)}"
    return literal(value)


def _text_of(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return str(int(value))
    return str(value)


def _array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_null(kind):
        if any(value is not None for value in values):
            raise ValueError("not null")
        return pa.nulls(len(values))
    if pa.types.is_floating(kind):
        return pa.array([float(value) if value == "NaN" else value for value in values], pa.float64()).cast(kind)
    if pa.types.is_boolean(kind):
        if not set(values) <= {0, 1, None}:
            raise ValueError("neither 0 nor 1")
        return pa.array([None if value is None else bool(value) for value in values], kind)
    if is_text(kind) or is_bytes(kind) or pa.types.is_integer(kind):
        allowed = str if is_text(kind) else bytes if is_bytes(kind) else (int, str)
        if not all(value is None or isinstance(value, allowed) for value in values):
            raise TypeError("of another kind")
        if pa.types.is_integer(kind):
            values = [None if value is None else int(value) for value in values]
        return pa.array(values, kind)
    return pa.array([None if value is None else str(value) for value in values], pa.string()).cast(kind)


def arrow_type_of(declared: str) -> pa.DataType | None:
    """The Arrow type of a declared type, by SQLite's own rules of affinity; None: its values decide."""
    name = declared.upper().partition("(")[0].strip()
    if name in _DECLARED:
        return _DECLARED[name]
    if "INT" in name:
        return pa.int64()
    if any(part in name for part in ("CHAR", "CLOB", "TEXT")):
        return pa.string()
    if "BLOB" in name:
        return pa.binary()
    return pa.float64() if any(part in name for part in ("REAL", "FLOA", "DOUB")) else None
