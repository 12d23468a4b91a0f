"""Lossless casts of scalar columns, judged value by value.

Each function takes an Arrow array without wrappers and gives the cast array and the rows that fail. A row that fails,
and a NaN on its way to a type that has none, is null in the result. No result depends on another row.
"""

from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pat
from numpy.typing import NDArray

from mlops_assets.signatures.contract.rejection_reasons import Failures, Mask, Reason

CastResult = tuple[pa.Array, Failures]

_DIGITS_OF_DECIMAL = {pa.float64(): 15, pa.float32(): 6, pa.float16(): 3}
"""Significant decimal digits that survive a float and back (C's DBL_DIG and FLT_DIG)."""
_WHOLE = pa.decimal256(76, 0)
_UNITS_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def unwrap(values: pa.Array) -> pa.Array:
    """Dictionaries decoded, run-end encoding and extension types replaced by the values they hold."""
    while True:
        if isinstance(values, pa.ExtensionArray):
            values = values.storage
        elif pat.is_dictionary(values.type):
            values = values.dictionary_decode()
        elif pat.is_run_end_encoded(values.type):
            values = pc.run_end_decode(values)
        else:
            return values


def cast_checked(values: pa.Array, target: pa.DataType) -> CastResult:
    """`values` as `target`, where the table says same, widen or check."""
    source = values.type
    if source == target:
        return values, {}
    if pat.is_null(source):
        return pa.nulls(len(values), target), {}
    return _cast_for(source, target)(values, target)


def _cast_for(source: pa.DataType, target: pa.DataType) -> Callable[[pa.Array, pa.DataType], CastResult]:
    if pat.is_integer(source):
        return _from_integer
    if pat.is_floating(source):
        return _float_to_integer if pat.is_integer(target) else _float_to_float
    if pat.is_decimal(source):
        return _decimal_to_integer if pat.is_integer(target) else _decimal_to_float
    if pat.is_temporal(source):
        return _to_datetime
    return _same_family


def missing_mask(values: pa.Array) -> Mask | None:
    """Rows that are null or NaN, None when there are none."""
    mask: Mask | None = None
    if values.null_count:
        mask = to_mask(values.is_null())
    if pat.is_floating(values.type):
        numbers = to_numpy(values, 0)
        # The least of numbers is NaN if one of them is: one pass, nothing allocated.
        if len(numbers) and np.isnan(np.minimum.reduce(numbers)):
            not_a_number = np.isnan(numbers)
            mask = not_a_number if mask is None else mask | not_a_number
    return mask


def to_mask(flags: pa.Array) -> Mask:
    """A boolean Arrow array as a writable numpy mask; null is False."""
    mask: Mask = np.array(flags.fill_null(False).to_numpy(zero_copy_only=False), dtype=bool)
    return mask


def to_numpy(values: pa.Array, filler: Any) -> NDArray[Any]:
    """The numbers of `values`, with `filler` for null; a view where nothing is null."""
    if values.null_count:
        values = values.fill_null(pa.scalar(filler, values.type))
    array: NDArray[Any] = values.to_numpy(zero_copy_only=False)
    return array


def null_out(values: pa.Array, rows: Mask) -> pa.Array:
    """`values` with null in `rows`."""
    return pc.if_else(pa.array(rows), pa.scalar(None, values.type), values) if rows.any() else values


def _name_failures(failures: dict[Reason, Mask]) -> Failures:
    return {reason: mask for reason, mask in failures.items() if mask.any()}


def _same_family(values: pa.Array, target: pa.DataType) -> CastResult:
    return pc.cast(values, target), {}


@lru_cache(maxsize=64)
def integer_limits(target: pa.DataType) -> tuple[int, int]:
    """The integers that `target` holds exactly and all of them: its range, or ±2^53, 2^24, 2^11 for floats."""
    if pat.is_integer(target):
        limits = np.iinfo(target.to_pandas_dtype())
        return int(limits.min), int(limits.max)
    largest = 2 ** (np.finfo(target.to_pandas_dtype()).nmant + 1)
    return -largest, largest


def _from_integer(values: pa.Array, target: pa.DataType) -> CastResult:
    low, high = integer_limits(target)
    limits = pc.min_max(values).as_py()
    if limits["min"] is None or (low <= limits["min"] and limits["max"] <= high):
        return pc.cast(values, target, safe=False), {}
    bounds = integer_limits(values.type)
    beyond = np.zeros(len(values), dtype=bool)
    if bounds[0] < low:
        beyond |= to_mask(pc.less(values, pa.scalar(low, values.type)))
    if bounds[1] > high:
        beyond |= to_mask(pc.greater(values, pa.scalar(high, values.type)))
    reason = Reason.OUT_OF_RANGE if pat.is_integer(target) else Reason.NOT_EXACT
    return pc.cast(null_out(values, beyond), target, safe=False), {reason: beyond}


def _float_to_integer(values: pa.Array, target: pa.DataType) -> CastResult:
    low, high = integer_limits(target)
    numbers = to_numpy(values, np.nan).astype(np.float64, copy=False)
    absent = np.isnan(numbers)
    # high + 1 is a power of two, hence exact as a double; high itself need not be.
    inside = (numbers >= float(low)) & (numbers < float(high + 1))
    beyond = ~inside & ~absent
    with np.errstate(invalid="ignore"):
        broken = inside & (np.floor(numbers) != numbers)
    usable = inside & ~broken
    whole = np.where(usable, numbers, 0.0).astype(target.to_pandas_dtype())
    result = pa.array(whole, target, mask=None if usable.all() else ~usable)
    return result, _name_failures({Reason.OUT_OF_RANGE: beyond, Reason.NOT_EXACT: broken})


def _float_to_float(values: pa.Array, target: pa.DataType) -> CastResult:
    if target.bit_width > values.type.bit_width:
        return pc.cast(values, target, safe=False), {}
    numbers = to_numpy(values, 0)
    with np.errstate(over="ignore", under="ignore"):
        narrow = numbers.astype(target.to_pandas_dtype())
    beyond = np.isinf(narrow) & ~np.isinf(numbers)
    broken = (narrow.astype(numbers.dtype) != numbers) & ~np.isnan(numbers) & ~beyond
    absent = beyond | broken
    if values.null_count:
        absent = absent | to_mask(values.is_null())
    result = pa.array(narrow, target, mask=absent if absent.any() else None)
    return result, _name_failures({Reason.OUT_OF_RANGE: beyond, Reason.NOT_EXACT: broken})


def _decimal_to_float(values: pa.Array, target: pa.DataType) -> CastResult:
    # Through text: Arrow multiplies by a power of ten, which misses the nearest double for one value in seven.
    text = pc.cast(values, pa.string())
    result = pc.cast(text, pa.float64())
    if pat.is_float16(target):
        result = pc.cast(result, target, safe=False)
    elif pat.is_float32(target):
        result = pc.cast(text, target)
    broken = np.zeros(len(values), dtype=bool)
    digits = _DIGITS_OF_DECIMAL[target]
    if values.type.precision > digits:
        significant = pc.replace_substring_regex(text, r"^-?[0.]*|\.|[Ee].*$", "")
        broken = to_mask(pc.greater(pc.utf8_length(pc.utf8_rtrim(significant, "0")), digits))
    infinite = to_mask(pc.is_inf(result))
    broken &= ~infinite
    return null_out(result, broken | infinite), _name_failures(
        {Reason.NOT_EXACT: broken, Reason.OUT_OF_RANGE: infinite}
    )


def _decimal_to_integer(values: pa.Array, target: pa.DataType) -> CastResult:
    text = pc.cast(values, pa.string())
    # Not floor(): it lacks decimals of 32 and 64 bits, and those without digits before the point.
    if values.type.scale > 0:
        whole = pc.cast(values, _WHOLE, safe=False)
        fractions = to_mask(pc.match_substring_regex(text, r"\.[0-9]*[1-9]|[1-9].*E-"))
    else:
        whole = pc.cast(text, _WHOLE)
        fractions = np.zeros(len(values), dtype=bool)
    low, high = (pa.scalar(Decimal(limit), _WHOLE) for limit in integer_limits(target))
    beyond = to_mask(pc.or_(pc.less(whole, low), pc.greater(whole, high)))
    broken = fractions & ~beyond
    result = pc.cast(null_out(whole, beyond | broken), target)
    return result, _name_failures({Reason.OUT_OF_RANGE: beyond, Reason.NOT_EXACT: broken})


def _to_datetime(values: pa.Array, target: pa.DataType) -> CastResult:
    """Dates and timestamps as nanoseconds since 1970 in UTC, without zone."""
    if pat.is_date(values.type):
        values = pc.cast(values, pa.timestamp("s" if pat.is_date32(values.type) else "ms"))
    unit = values.type.unit
    values = pc.cast(values, pa.timestamp(unit))
    factor = 10**9 // _UNITS_PER_SECOND[unit]
    ticks = values.cast(pa.int64())
    low, high = -((2**63 - 1) // factor), (2**63 - 1) // factor
    limits = pc.min_max(ticks).as_py()
    if limits["min"] is None or (low <= limits["min"] and limits["max"] <= high):
        return pc.cast(values, target), {}
    beyond = to_mask(pc.or_(pc.less(ticks, low), pc.greater(ticks, high)))
    return pc.cast(null_out(values, beyond), target), {Reason.OUT_OF_RANGE: beyond}
