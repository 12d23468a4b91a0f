"""Strict parsing of text columns: no blanks, no hexadecimal, no thousands separators, no words but true and false.

The fast way casts a whole array at once, and is taken only where it gives what the slow way, which judges row by row,
would give; so the verdict on a row does not depend on the others.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pat

from mlops_assets.signatures.contract.lossless_casts import (
    CastResult,
    cast_checked,
    integer_limits,
    null_out,
    to_mask,
    to_numpy,
)
from mlops_assets.signatures.contract.rejection_reasons import Mask, Reason, merge_failures

_INTEGER = r"^-?[0-9]+$"
_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_INFINITY = r"(?i)^[+-]?inf(inity)?$"
_NAN = r"(?i)^nan$"
_LOCAL = r"^\d{4}-\d\d-\d\d([ T]\d\d(:\d\d(:\d\d(\.\d{1,9})?)?)?)?$"
_ZONED = r"^\d{4}-\d\d-\d\d[ T]\d\d(:\d\d(:\d\d(\.\d{1,9})?)?)?(Z|[+-]\d\d(:?\d\d)?)$"
_DAYS = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
_FIRST_DAY, _LAST_DAY = np.datetime64("1677-09-22"), np.datetime64("2262-04-10")
"""The whole days that timestamp[ns] holds."""


def empty_as_missing(values: pa.Array) -> pa.Array:
    """Text with null for ``""``: a CSV file has no other word for a missing value."""
    values = values if pat.is_string(values.type) else pc.cast(values, pa.string())
    empty = pc.equal(values, "")
    return pc.if_else(empty, pa.scalar(None, pa.string()), values) if pc.any(empty).as_py() else values


def parse_text(values: pa.Array, target: pa.DataType) -> CastResult:
    """Text as `target`: the forms below, nothing else; null stays null.

    integers: ``-?[0-9]+``. floats: decimal or exponent notation, ``inf``, ``nan`` (any case; nan is a missing value),
    the nearest float is taken, an integer that it does not hold is `not_exact`. boolean: ``true``, ``false`` (any
    case). datetime: see `parse_iso`. string: as it is.
    """
    values = values if pat.is_string(values.type) else pc.cast(values, pa.string())
    if pat.is_string(target):
        return values, {}
    if pat.is_boolean(target):
        return _parse_boolean(values)
    if pat.is_timestamp(target):
        return parse_iso(values)
    if pat.is_integer(target):
        integers, failures = _parse_long(values)
        narrow, beyond = cast_checked(integers, target)
        return narrow, merge_failures(failures, beyond)
    return _parse_float(values, target)


def parse_csv_text(values: pa.Array, target: pa.DataType) -> CastResult:
    """`parse_text` of cells in which ``""`` is a missing value as well."""
    numbers = _cast_small_numbers(values, target) if pat.is_string(values.type) else None
    return (numbers, {}) if numbers is not None else parse_text(empty_as_missing(values), target)


def _parse_boolean(values: pa.Array) -> CastResult:
    words = pc.utf8_lower(values)
    unknown = to_mask(pc.invert(pc.is_in(words, pa.array(["true", "false"])))) & to_mask(values.is_valid())
    return pc.cast(null_out(words, unknown), pa.bool_()), {Reason.NOT_PARSEABLE: unknown} if unknown.any() else {}


def _parse_long(values: pa.Array) -> CastResult:
    """Text as int64 (unsigned 64-bit numbers beyond it are out of range for every target this package parses)."""
    try:
        integers = pc.cast(values, pa.int64())
    except pa.ArrowInvalid:
        integers = None
    # Arrow also reads 0x1F.
    if integers is not None and not pc.any(pc.match_substring(values, "x", ignore_case=True)).as_py():
        return integers, {}
    present = to_mask(values.is_valid())
    unknown = present & ~to_mask(pc.match_substring_regex(values, _INTEGER))
    magnitude = to_numpy(pc.cast(null_out(values, unknown), pa.float64()), 0.0)
    low, high = integer_limits(pa.int64())
    beyond: Mask = np.abs(magnitude) >= 2.0**63
    # The doubles at the edge each represent several integers: these few rows are read one by one.
    for row in np.flatnonzero(np.abs(magnitude) == 2.0**63):
        beyond[row] = not low <= int(values[row].as_py()) <= high
    parsed = pc.cast(null_out(values, unknown | beyond), pa.int64())
    return parsed, {Reason.NOT_PARSEABLE: unknown, Reason.OUT_OF_RANGE: beyond}


def _cast_small_numbers(values: pa.Array, target: pa.DataType) -> pa.Array | None:
    """Text as float32 or float64, where each value is a number that needs no second look; else None.

    NaN, infinities (1e999 among them), large integers and empty text need one.
    """
    if not (pat.is_float64(target) or pat.is_float32(target)):
        return None
    try:
        numbers = pc.cast(values, target)
    except pa.ArrowInvalid:
        return None
    _, high = integer_limits(target)
    magnitude = np.abs(to_numpy(numbers, 0))
    return numbers if bool((magnitude < high).all()) else None


def _parse_float(values: pa.Array, target: pa.DataType) -> CastResult:
    numbers = _cast_small_numbers(values, target)
    if numbers is not None:
        return numbers, {}
    reader = pa.float32() if pat.is_float32(target) else pa.float64()
    _, high = integer_limits(target)
    present = to_mask(values.is_valid())
    infinite = to_mask(pc.match_substring_regex(values, _INFINITY))
    absent = to_mask(pc.match_substring_regex(values, _NAN))
    number = to_mask(pc.match_substring_regex(values, _NUMBER))
    unknown = present & ~(number | infinite | absent)
    numbers = pc.cast(null_out(values, unknown), reader)
    if pat.is_float16(target):
        numbers = pc.cast(numbers, target, safe=False)
    magnitude = np.abs(to_numpy(numbers, 0))
    beyond = np.isinf(magnitude) & ~infinite
    whole = to_mask(pc.match_substring_regex(values, r"^[+-]?[0-9]+$"))
    broken = whole & ~beyond & (magnitude >= high)
    for row in np.flatnonzero(broken):
        broken[row] = int(values[row].as_py()) != int(float(numbers[row].as_py()))
    failures = {Reason.NOT_PARSEABLE: unknown, Reason.OUT_OF_RANGE: beyond, Reason.NOT_EXACT: broken}
    return null_out(numbers, beyond | broken), {reason: mask for reason, mask in failures.items() if mask.any()}


def parse_iso(values: pa.Array) -> CastResult:
    """ISO 8601 text as timestamp[ns] in UTC, without zone; null stays null.

    ``YYYY-MM-DD``, optionally followed by ``T`` or a null_out and ``hh[:mm[:ss[.f]]]`` with up to nine decimals, and,
    after a time, ``Z`` or ``±hh[[:]mm]``. Days from 1677-09-22 to 2262-04-10.
    """
    values = pc.cast(values, pa.string())
    for reader in (pa.timestamp("ns"), pa.timestamp("ns", "UTC")):
        try:
            times = pc.cast(pc.cast(values, reader), pa.timestamp("ns"))
        except pa.ArrowInvalid:
            continue
        limits = pc.min_max(times.cast(pa.int64())).as_py()
        margin = np.timedelta64(2, "D")
        low, high = (
            int(day.astype("datetime64[ns]").astype(np.int64)) for day in (_FIRST_DAY + margin, _LAST_DAY - margin)
        )
        if limits["min"] is None or (low <= limits["min"] and limits["max"] <= high):
            return times, {}
    return _parse_iso_by_row(values)


def _parse_iso_by_row(values: pa.Array) -> CastResult:
    present = to_mask(values.is_valid())
    local = to_mask(pc.match_substring_regex(values, _LOCAL))
    zoned = to_mask(pc.match_substring_regex(values, _ZONED))
    known = (local | zoned) & _on_the_clock(values, local | zoned)
    days = pc.cast(pc.utf8_slice_codeunits(null_out(values, ~known), 0, 10), pa.timestamp("s"))
    day = to_numpy(days.cast(pa.int64()), 0) // 86_400
    beyond = known & ((day < _FIRST_DAY.astype(np.int64)) | (day > _LAST_DAY.astype(np.int64)))
    unknown = present & ~known
    usable = known & ~beyond
    without_zone = pc.cast(null_out(values, ~(local & usable)), pa.timestamp("ns"))
    with_zone = pc.cast(null_out(values, ~(zoned & usable)), pa.timestamp("ns", "UTC"))
    times = pc.coalesce(without_zone, pc.cast(with_zone, pa.timestamp("ns")))
    return times, {Reason.NOT_PARSEABLE: unknown, Reason.OUT_OF_RANGE: beyond}


def _on_the_clock(values: pa.Array, shaped: Mask) -> Mask:
    """Whether month, day, hour, minute, second and zone offset exist, for the rows of the right form."""
    text = null_out(values, ~shaped)

    def number(start: int, stop: int, of: pa.Array = text) -> np.ndarray:
        digits = pc.utf8_slice_codeunits(of, start, stop)
        digits = pc.if_else(pc.match_substring_regex(digits, r"^[0-9]+$"), digits, "0")
        return to_numpy(pc.cast(digits, pa.int64()), 0)

    year, month, day = number(0, 4), number(5, 7), number(8, 10)
    hour, minute, second = number(11, 13), number(14, 16), number(17, 19)
    offset = pc.replace_substring_regex(text, r"^.{10}[^+-]*|:|[+-]", "")
    leap = ((year % 4 == 0) & (year % 100 != 0)) | (year % 400 == 0)
    length = _DAYS[np.clip(month, 1, 12) - 1] + (leap & (month == 2))
    exists = (
        (month >= 1) & (month <= 12) & (day >= 1) & (day <= length) & (hour <= 23) & (minute <= 59) & (second <= 59)
    )
    mask: Mask = exists & (number(0, 2, offset) <= 23) & (number(2, 4, offset) <= 59)
    return mask
