"""Columns of a database whose values are of several kinds: each is an SQL literal, judged as if it were alone."""

import re
from collections.abc import Callable
from decimal import Decimal

import pyarrow as pa

from mlops_assets.signatures.contract.json_values import UnfitJsonError, kinds_converter
from mlops_assets.signatures.contract.rejection_reasons import Reason, any_failure
from mlops_assets.signatures.contract.scalar_converters import Converter
from mlops_assets.signatures.contract.text_parsing import parse_iso

_LITERAL = re.compile(r"(?s)(x|DATE |TIMESTAMP |DECIMAL )?'(.*)'")
_INTEGER = re.compile(r"-?[0-9]+")
_MOST_DIGITS = 76
_WORDS = {"TRUE": True, "FALSE": False}


def sql_values_converter(result: pa.DataType, converter_of: Callable[[pa.DataType], Converter]) -> Converter:
    """The converter of SQL literals to `result`; see `json_values.kinds_converter`."""
    return kinds_converter(result, converter_of, _typed)


def literal(value: object) -> str | None:
    """A value as an SQL literal.

    Examples
    --------
    >>> [literal(value) for value in (3, 0.5, "it's", b"\\x00", True)]
    ['3', '0.5', "'it''s'", "x'00'", 'TRUE']
    """
    if value is None:
        return None
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, str):
        return quoted_text(value)
    return f"x'{value.hex()}'" if isinstance(value, bytes) else repr(value)


def quoted_text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def numeric_literal(text: str) -> str:
    """A number of any size as an SQL literal; NaN and infinities, which some databases have, as they are."""
    number = Decimal(text)
    return f"DECIMAL '{text}'" if number.is_finite() else repr(float(number))


def time_of(text: str, *, date: bool) -> pa.Scalar | None:
    """ISO 8601 text as a date, else as a timestamp in microseconds or, where it is finer or has a zone, nanoseconds."""
    for kind in (pa.date32(), pa.timestamp("us"))[0 if date else 1 :]:
        try:
            return pa.scalar(text, pa.string()).cast(kind)
        except pa.ArrowInvalid:
            continue
    times, failures = parse_iso(pa.array([text], pa.string()))
    return None if failures and any_failure(failures, 1).any() else times[0]


def _typed(text: object) -> tuple[object, pa.DataType]:
    if text is None:
        return None, pa.null()
    text = str(text)
    if text in _WORDS:
        return _WORDS[text], pa.bool_()
    quoted = _LITERAL.fullmatch(text)
    if quoted is None:
        return (int(text), pa.int64()) if _INTEGER.fullmatch(text) else (float(text), pa.float64())
    kind, inner = quoted[1], quoted[2].replace("''", "'")
    if kind is None:
        return inner, pa.string()
    if kind == "x":
        return bytes.fromhex(inner), pa.binary()
    if kind == "DECIMAL ":
        return _typed_decimal(Decimal(inner))
    time = time_of(inner, date=kind == "DATE ")
    assert time is not None  # `literal_of` of the reader writes only what this reads
    return time.cast(pa.int32() if pa.types.is_date32(time.type) else pa.int64()).as_py(), time.type


def _typed_decimal(number: Decimal) -> tuple[Decimal, pa.DataType]:
    _, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)  # finite
    scale = max(0, -exponent)
    precision = max(len(digits) + max(exponent, 0), scale, 1)
    if precision > _MOST_DIGITS:
        raise UnfitJsonError(Reason.OUT_OF_RANGE)
    return number, (pa.decimal128 if precision <= 38 else pa.decimal256)(precision, scale)
