"""64 rows at a time as the bits of a word: comparisons that make such words, and choices made by them.

A comparison of 64 codes with one number is a vector instruction or two that leave a bit per row; numba has no name for
it, and LLVM finds it in no loop. The code generated is LLVM's own, so that it runs on any processor.
"""

from typing import Any

import numba as nb  # noqa: TID253
from numba.core import cgutils  # noqa: TID253
from numba.extending import intrinsic  # noqa: TID253

ROWS_PER_WORD = 64
NUMBERS_AT_ONCE = 8


def as_any(function: Any) -> Any:
    """What numba makes of the function below it is called with values and returns them, not the types it works with."""
    return intrinsic(function)


@as_any
def compare_greater(_context: Any, codes: Any = None, _place: Any = None, _number: Any = None) -> Any:
    """Bit r of the word: whether `codes[place + r] > number`. The codes are flat, and of the number's unsigned type."""
    from llvmlite import ir

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, place, number = arguments
        pointer = point_to_lanes(context, builder, signature.args[0], array, place)
        lanes = builder.load(pointer, align=number.type.width // 8)
        greater = builder.icmp_unsigned(">", lanes, repeat(builder, number))
        return builder.bitcast(greater, ir.IntType(ROWS_PER_WORD))

    return nb.uint64(codes, nb.int64, codes.dtype), generate


@as_any
def put_numbers(
    _context: Any, target: Any = None, _place: Any = None, words: Any = None, _first: Any = None, _apart: Any = None,
    _number: Any = None,
) -> Any:  # fmt: skip
    """Write `number + k` to `target[place + r]` where bit r of `words[first + k * apart]` is set, k from 0 to 7.

    Eight at a time: each by itself would wait until the one before it is stored.
    """
    from llvmlite import ir

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, place, masks, first, apart, number = arguments
        pointer = point_to_lanes(context, builder, signature.args[0], array, place)
        align = number.type.width // 8
        lanes = builder.load(pointer, align=align)
        data = data_of(context, builder, signature.args[2], masks)
        for k in range(NUMBERS_AT_ONCE):
            where = builder.add(first, builder.mul(apart, ir.Constant(apart.type, k)))
            rows = builder.load(builder.gep(data, [where]), align=8)
            chosen = builder.bitcast(rows, ir.VectorType(ir.IntType(1), ROWS_PER_WORD))
            each = builder.add(number, ir.Constant(number.type, k))
            lanes = builder.select(chosen, repeat(builder, each), lanes)
        builder.store(lanes, pointer, align=align)
        return context.get_dummy_value()

    return nb.void(target, nb.int64, words, nb.int64, nb.int64, target.dtype), generate


def data_of(context: Any, builder: Any, kind: Any, array: Any) -> Any:
    """A pointer to the first element of an array."""
    return cgutils.create_struct_proxy(kind)(context, builder, array).data  # type: ignore[no-untyped-call]  # numba


def point_to_lanes(context: Any, builder: Any, kind: Any, array: Any, place: Any) -> Any:
    """A pointer to 64 elements of a flat array."""
    from llvmlite import ir

    data = data_of(context, builder, kind, array)
    vector = ir.VectorType(ir.IntType(kind.dtype.bitwidth), ROWS_PER_WORD)
    return builder.bitcast(builder.gep(data, [place]), vector.as_pointer())


def repeat(builder: Any, number: Any) -> Any:
    """The number in each of 64 lanes."""
    from llvmlite import ir

    undefined = ir.Constant(ir.VectorType(number.type, ROWS_PER_WORD), ir.Undefined)
    one = builder.insert_element(undefined, number, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), ROWS_PER_WORD), [0] * ROWS_PER_WORD)
    return builder.shuffle_vector(one, undefined, zeros)
