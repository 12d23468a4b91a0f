"""Conversions that a user declares (`inputs.types`): more than the table allows by itself, and as lossless.

What a value becomes depends on that value and the two types. A value that would change, or that is not of the form that
the declared type has, is null in the result, and its row fails.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pat

from mlops_assets.signatures.contract.arrow_types import ConversionKind, conversion, family_of, is_scalar_target
from mlops_assets.signatures.contract.lossless_casts import CastResult, cast_checked, null_out, to_mask, unwrap
from mlops_assets.signatures.contract.rejection_reasons import Failures, Mask, Reason, any_failure, merge_failures
from mlops_assets.signatures.contract.scalar_converters import Converter, RefusedError
from mlops_assets.signatures.contract.text_parsing import empty_as_missing, parse_iso, parse_text

_TICKS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
_AS_TEXT = (pat.is_integer, pat.is_boolean, pat.is_decimal, pat.is_date)


def declared_converter(source: pa.DataType, target: pa.DataType) -> Converter:
    """The converter of a column of type `source` to the type that the user declares for it.

    Raises
    ------
    RefusedError
        No value of `source` can become `target`.
    """
    if not can_be_declared(source, target):
        raise RefusedError(f"{source} cannot become {target}")

    def convert(values: pa.Array) -> CastResult:
        values = unwrap(values)
        return (values, {}) if values.type == target else _convert(values, target)

    return Converter(target, convert, changes=source != target)


def chain(first: Converter, second: Converter) -> Converter:
    """`second` after `first`; a row that fails in the first is not judged by the second."""

    def convert(values: pa.Array) -> CastResult:
        declared, failures = first.convert(values)
        cast, later = second.convert(declared)
        if not failures:
            return cast, later
        failed = any_failure(failures, len(values))
        return cast, merge_failures(failures, {reason: mask & ~failed for reason, mask in later.items()})

    return Converter(second.type, convert, first.changes or second.changes)


def can_be_declared(source: pa.DataType, target: pa.DataType) -> bool:
    """Whether `inputs.types` can make `target` of a column of type `source`."""
    family = family_of(source)
    if source == target or family == "null":
        return True
    if family in ("list", "struct", "map", "union", "interval", "unknown"):
        return False
    try:
        _convert(unwrap(pa.nulls(0, source)), target)
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid, RefusedError):
        return False
    return True


def _convert(values: pa.Array, target: pa.DataType) -> CastResult:
    source = values.type
    text = family_of(source) == "string"
    if pat.is_null(source):
        return pa.nulls(len(values), target), {}
    if family_of(target) == "string":
        return _to_text(values, target)
    if text:
        values = empty_as_missing(values)
    if pat.is_boolean(target):
        return _to_boolean(values)
    if pat.is_date(target) or pat.is_timestamp(target):
        if text or pat.is_date(source) or pat.is_timestamp(source):
            return _to_time(values, target)
        if pat.is_integer(source) and pat.is_timestamp(target):
            ticks, failures = cast_checked(values, pa.int64())
            return pc.cast(ticks, target), failures
        raise RefusedError(f"{source} cannot become {target}")
    if is_scalar_target(target):
        if text and not pat.is_binary(target):
            return parse_text(values, target)
        if pat.is_boolean(source) and (pat.is_integer(target) or pat.is_floating(target)):
            return cast_checked(pc.cast(values, pa.uint8()), target)
        if conversion(source, target) in (ConversionKind.SAME, ConversionKind.WIDEN, ConversionKind.CHECK):
            return cast_checked(values, target)
        raise RefusedError(f"{source} cannot become {target}")
    if pat.is_decimal(target) and pat.is_integer(source):
        # As text: of an int64 Arrow demands 19 digits before the point, whatever its values are.
        return _cast_each(pc.cast(values, pa.string()), target, Reason.OUT_OF_RANGE)
    return _cast_each(values, target, Reason.NOT_PARSEABLE if text else Reason.NOT_EXACT)


def _to_text(values: pa.Array, target: pa.DataType) -> CastResult:
    """Integers, booleans, decimals and dates as they are written; a float has more than one way."""
    if family_of(values.type) != "string" and not any(is_kind(values.type) for is_kind in _AS_TEXT):
        raise RefusedError(f"{values.type} cannot become {target}")
    return pc.cast(values, target), {}


def _to_boolean(values: pa.Array) -> CastResult:
    """0 and 1 (of any numeric type), and the texts true, false, 1 and 0."""
    if family_of(values.type) == "string":
        digits = pc.if_else(pc.equal(values, "1"), "true", pc.if_else(pc.equal(values, "0"), "false", values))
        return parse_text(digits, pa.bool_())
    if not (pat.is_integer(values.type) or pat.is_floating(values.type) or pat.is_decimal(values.type)):
        raise RefusedError(f"{values.type} cannot become bool")
    whole, failures = cast_checked(values, pa.int64())
    beyond = to_mask(pc.or_(pc.less(whole, 0), pc.greater(whole, 1)))
    failures = merge_failures(failures, {Reason.OUT_OF_RANGE: beyond} if beyond.any() else {})
    return pc.cast(null_out(whole, beyond), pa.bool_()), failures


def _to_time(values: pa.Array, target: pa.DataType) -> CastResult:
    """ISO 8601 text, dates and timestamps; what is finer than the declared unit is `not_exact`."""
    if family_of(values.type) == "string":
        times, failures = parse_iso(values)
    else:
        times, failures = cast_checked(values, pa.timestamp("ns"))
    step = 86_400 * 10**9 if pat.is_date(target) else _TICKS[target.unit]
    if step > 1:
        ticks = times.cast(pa.int64())
        floor = pc.multiply(pc.divide(ticks, step), step)
        finer = to_mask(pc.not_equal(ticks, floor))
        if finer.any():
            times, failures = null_out(times, finer), merge_failures(failures, {Reason.NOT_EXACT: finer})
    if pat.is_timestamp(target):
        # Times are UTC here; a zone is a way to show them.
        return times.cast(pa.timestamp(target.unit)).cast(pa.int64()).cast(target), failures
    return times.cast(target), failures


def _cast_each(values: pa.Array, target: pa.DataType, reason: Reason) -> CastResult:
    """Arrow's own checked cast, value by value: halves are cast until the values that fail are alone."""
    parts: list[pa.Array] = []
    failed: list[Mask] = []

    def cast(part: pa.Array) -> None:
        try:
            result = pc.cast(part, target)
            broken = _is_changed(part, result)
        except pa.ArrowInvalid:
            if len(part) == 1:
                parts.append(pa.nulls(1, target))
                failed.append(np.array([True]))
            else:
                middle = len(part) // 2
                cast(part.slice(0, middle))
                cast(part.slice(middle))
            return
        parts.append(null_out(result, broken))
        failed.append(broken)

    cast(values)
    mask = np.concatenate(failed)
    failures: Failures = {reason: mask} if mask.any() else {}
    return pa.concat_arrays(parts), failures


def _is_changed(before: pa.Array, after: pa.Array) -> Mask:
    """Whether the way back does not give the value again; text has many forms of one value."""
    if family_of(before.type) == "string":
        return np.zeros(len(before), dtype=bool)
    return to_mask(pc.not_equal(pc.cast(after, before.type), before))
