"""Doubles as text, as Arrow casts them, several times faster: the shortest digits that read back as the same number.

The digits are found as by Schubfach (R. Giulietti, The Schubfach way to render doubles, 2020): three products with a
power of ten, no division of long numbers and no table of cases.
"""

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pyarrow as pa
from numba import types  # noqa: TID253
from numba.extending import intrinsic  # noqa: TID253
from numpy.typing import NDArray

from mlops_assets.trees.arrays import Floats
from mlops_assets.trees.numba_kernels import compile_inline, compile_kernel

_LEAST_POWER, _GREATEST_POWER = -292, 324
_LONGEST = 25
"""Characters of the longest text: -0.0000012345678901234567."""


def number_texts(values: Floats, is_missing: NDArray[np.bool_]) -> pa.Array:
    """(n,) string: what `pa.array(values).cast(pa.string())` gives, but null where it `is_missing`, as NaN must be."""
    offsets = np.empty(len(values) + 1, np.int32)
    text = np.empty(len(values) * _LONGEST, np.uint8)
    size = _write_texts(np.ascontiguousarray(values).view(np.uint64), is_missing, _POWERS, offsets, text)
    validity = pa.array(~is_missing).buffers()[1] if is_missing.any() else None
    # Of the rest nothing was written, so that it takes no memory.
    buffers = [validity, pa.py_buffer(offsets), pa.py_buffer(text[:size])]
    return pa.Array.from_buffers(pa.string(), len(values), buffers)


def _powers_of_ten() -> NDArray[np.uint64]:
    """(powers, 2): the first 128 bits of each power of ten, rounded up; the upper half first."""
    rows = []
    for power in range(_LEAST_POWER, _GREATEST_POWER + 1):
        if power >= 0:
            shift = 128 - (10**power).bit_length()
            digits = 10**power << shift if shift >= 0 else -(-(10**power) >> -shift)
        else:
            # 10^-p is between 2^(-bits) and 2^(1 - bits).
            bits = (10**-power).bit_length()
            digits = -(-(1 << (127 + bits)) // 10**-power)
        rows.append((digits >> 64, digits & (2**64 - 1)))
    return np.array(rows, np.uint64)


_POWERS = _powers_of_ten()
_0, _1, _2, _4, _10, _40, _100 = (np.uint64(number) for number in (0, 1, 2, 4, 10, 40, 100))
_EIGHT_DIGITS = np.uint64(10**8)
_FRACTION, _IMPLICIT = np.uint64(2**52 - 1), np.uint64(2**52)
_FRACTION_BITS, _EXPONENTS, _SIGN_BIT = np.uint64(52), np.uint64(2047), np.uint64(63)

_TENS = np.array([10**power for power in range(18)], np.uint64)
_PAIRS = np.frombuffer("".join(f"{pair:02d}" for pair in range(100)).encode(), np.uint8)
_MINUS, _PLUS, _POINT, _ZERO, _E, _I, _N, _F = np.frombuffer(b"-+.0einf", np.uint8)


def _type_upper_product(_context: Any, _one: Any, _other: Any) -> Any:

    def generate(_context: Any, builder: Any, _signature: Any, factors: Any) -> Any:
        wide = type(factors[0].type)(128)
        product = builder.mul(*(builder.zext(factor, wide) for factor in factors))
        return builder.trunc(builder.lshr(product, wide(64)), factors[0].type)

    return types.uint64(types.uint64, types.uint64), generate


_upper_product = cast("Callable[[np.uint64, np.uint64], np.uint64]", intrinsic(_type_upper_product))
"""The upper 64 bits of a product: one instruction of the processor, for which NumPy and numba have no word."""


@compile_inline
def _scaled(high: np.uint64, low: np.uint64, factor: np.uint64) -> np.uint64:
    """The product with a power of ten, whose last bit says that there is more."""
    product = high * factor
    lower = product + _upper_product(low, factor)
    upper = _upper_product(high, factor) + (_1 if lower < product else _0)
    return upper | (_1 if lower > _1 else _0)


@compile_inline
def _shortest(fraction: np.uint64, exponent: int, powers: NDArray[np.uint64]) -> tuple[np.uint64, int]:
    """(digits, power of ten) of a finite number that is not zero."""
    if exponent:
        number, scale = fraction | _IMPLICIT, exponent - 1075
        if -53 < scale <= 0 and (number >> np.uint64(-scale)) << np.uint64(-scale) == number:
            return number >> np.uint64(-scale), 0
    else:
        number, scale = fraction, -1074
    is_odd = number & _1
    # Below a power of two the next number is half as far away.
    is_closer = fraction == _0 and exponent > 1
    power = (scale * 1262611 - (524031 if is_closer else 0)) >> 22
    shift = np.uint64(scale + ((-power * 1741647) >> 19) + 1)
    high, low = powers[-power - _LEAST_POWER, 0], powers[-power - _LEAST_POWER, 1]
    lower = _scaled(high, low, (_4 * number - _2 + (_1 if is_closer else _0)) << shift) + is_odd
    middle = _scaled(high, low, (_4 * number) << shift)
    upper = _scaled(high, low, (_4 * number + _2) << shift) - is_odd
    digits = middle // _4
    if digits >= _10:
        fewer = digits // _10
        below, above = lower <= _40 * fewer, _40 * fewer + _40 <= upper
        if below != above:
            return fewer + (_1 if above else _0), power + 1
    below, above = lower <= _4 * digits, _4 * digits + _4 <= upper
    if below != above:
        return digits + (_1 if above else _0), power
    half = _4 * digits + _2
    up = middle > half or (middle == half and (digits & _1) != _0)
    return digits + (_1 if up else _0), power


@compile_inline
def _write_eight_digits(digits: np.uint64, text: NDArray[np.uint8], end: int) -> None:
    """Write a number below 10^8, with zeros before it, so that it ends at this place."""
    for _ in range(4):
        fewer = digits // _100
        pair = 2 * (digits - fewer * _100)
        text[end - 2], text[end - 1] = _PAIRS[pair], _PAIRS[pair + _1]
        digits, end = fewer, end - 2


@compile_inline
def _write_digits(digits: np.uint64, text: NDArray[np.uint8], end: int) -> None:
    """Write a number so that it ends at this place."""
    while digits >= _EIGHT_DIGITS:
        # Divisions of short numbers do not wait for those of the rest.
        fewer = digits // _EIGHT_DIGITS
        _write_eight_digits(digits - fewer * _EIGHT_DIGITS, text, end)
        digits, end = fewer, end - 8
    while digits >= _100:
        fewer = digits // _100
        pair = 2 * (digits - fewer * _100)
        end -= 2
        text[end], text[end + 1] = _PAIRS[pair], _PAIRS[pair + _1]
        digits = fewer
    if digits >= _10:
        text[end - 2], text[end - 1] = _PAIRS[2 * digits], _PAIRS[2 * digits + _1]
    else:
        text[end - 1] = _PAIRS[2 * digits + _1]


@compile_inline
def _write_exponent(exponent: int, text: NDArray[np.uint8], at: int) -> int:
    """Write e+15, e-7; returns the place behind it."""
    text[at], text[at + 1] = _E, _MINUS if exponent < 0 else _PLUS
    size = np.uint64(abs(exponent))
    end = at + 3 + (1 if size >= _10 else 0) + (1 if size >= _100 else 0)
    _write_digits(size, text, end)
    return end


@compile_kernel
def _write_texts(
    numbers: NDArray[np.uint64], is_missing: NDArray[np.bool_], powers: NDArray[np.uint64],
    offsets: NDArray[np.int32], text: NDArray[np.uint8],
) -> int:  # fmt: skip
    """Write the texts one after the other, and where each begins; returns how many characters there are."""
    at = 0
    for row in range(len(numbers)):
        offsets[row] = at
        if is_missing[row]:
            continue
        bits = numbers[row]
        fraction, exponent = bits & _FRACTION, int((bits >> _FRACTION_BITS) & _EXPONENTS)
        if bits >> _SIGN_BIT:
            text[at] = _MINUS
            at += 1
        if exponent == 2047:
            text[at], text[at + 1], text[at + 2] = _I, _N, _F
            at += 3
            continue
        if exponent == 0 and fraction == _0:
            text[at] = _ZERO
            at += 1
            continue
        digits, power = _shortest(fraction, exponent, powers)
        while digits % _10 == _0:
            digits //= _10
            power += 1
        # Most doubles have so many digits.
        count = 16 if digits >= _TENS[15] else 1
        while count < 17 and digits >= _TENS[count]:
            count += 1
        point = count + power
        if -6 < point <= 0:
            text[at], text[at + 1] = _ZERO, _POINT
            at += 2
            for _ in range(-point):
                text[at] = _ZERO
                at += 1
            at += count
            _write_digits(digits, text, at)
        elif count <= point <= 10:
            at += count
            _write_digits(digits, text, at)
            for _ in range(point - count):
                text[at] = _ZERO
                at += 1
        else:
            # The digits one place too far to the right, then those before the point back again.
            before = point if 0 < point <= 10 else 1
            _write_digits(digits, text, at + 1 + count)
            for place in range(at, at + before):
                text[place] = text[place + 1]
            text[at + before] = _POINT
            at += count + (1 if count > before else 0)
            if before != point:
                at = _write_exponent(point - 1, text, at)
    offsets[len(numbers)] = at
    return at
