"""Values of up to 64 leaves, looked up for 64 rows at once: byte by byte, in registers.

Each byte of the values is a table of 64 bytes, in which one instruction (AVX-512 VBMI) looks up 64 rows; the bytes that
it finds are put together again. Where the processor has no such instruction, the kernel looks each value up in memory.
"""

from functools import cache
from typing import Any

import numba as nb  # noqa: TID253
import numpy as np
import numpy.typing as npt
from numba.core import cgutils, config  # noqa: TID253

from mlops_assets.trees.arrays import Ints
from mlops_assets.trees.bit_lanes import ROWS_PER_WORD, as_any, data_of, point_to_lanes, repeat
from mlops_assets.trees.path_lanes import ROWS_OF_LEVELS, ir_number, number_by_signs, number_leaves

MOST_LEAVES = 64
_LOOK_UP = "llvm.x86.avx512.permvar.qi.512"
_LANE, _LANES = 16, 4
"""Bytes of a part of a register within which pairs are made, and the number of parts."""


def has_byte_tables() -> bool:
    """Whether kernels are compiled for a processor that looks up bytes in registers."""
    return "avx512vbmi" in _features()


def has_bit_products() -> bool:
    """Whether it multiplies matrices of bits as well."""
    return has_byte_tables() and "gfni" in _features()


@cache
def _features() -> frozenset[str]:
    from llvmlite import binding

    if config.CPU_FEATURES is not None:  # type: ignore[attr-defined]  # numba has no types
        named = config.CPU_FEATURES.split(",")  # type: ignore[attr-defined]  # as above
        return frozenset(name[1:] for name in named if name.startswith("+"))
    return frozenset(name for name, is_there in binding.get_host_cpu_features().items() if is_there)


def make_tables(value: npt.NDArray[Any], first_leaf: Ints) -> tuple[npt.NDArray[np.uint8], Ints]:
    """The tables of all trees of up to 64 leaves, output by output, and where each tree's begin; -1: it has none.

    Parameters
    ----------
    value
        (leaves, width): the leaves of all trees.
    first_leaf
        (trees,): where each tree's begin.
    """
    first = np.full(len(first_leaf), -1, np.int64)
    width, size = value.shape[1], value.dtype.itemsize
    leaves = np.diff(first_leaf, append=len(value))
    chosen = np.flatnonzero(leaves <= MOST_LEAVES) if has_byte_tables() else np.zeros(0, np.int64)
    number = np.arange(MOST_LEAVES)
    is_there = number < leaves[chosen, None]
    place = np.where(is_there, first_leaf[chosen, None] + number, 0)
    padded = np.ascontiguousarray(np.where(is_there[:, :, None], value[place], 0).transpose(0, 2, 1), value.dtype)
    pieces = padded.view(np.uint8).reshape(len(chosen), width, MOST_LEAVES, size)
    first[chosen] = np.arange(len(chosen)) * (width * size * MOST_LEAVES)
    return np.concatenate([pieces.transpose(0, 1, 3, 2).ravel(), np.zeros(1, np.uint8)]), first


@as_any
def add_from_table(
    _context: Any, sums: Any = None, _at: Any = None, leaf: Any = None, _place: Any = None, tables: Any = None,
    _first: Any = None,
) -> Any:  # fmt: skip
    """Add to `sums[at + r]` the value of leaf `leaf[place + r]` in the tables from `tables[first]` on, for 64 rows."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if not has_byte_tables():
            return context.get_dummy_value()  # never called: there is no table
        total, at, leaves, place, pieces, first = arguments
        number = builder.load(point_to_lanes(context, builder, signature.args[2], leaves, place), align=1)
        _add_values(context, builder, (signature.args[0], signature.args[4]), (total, at, pieces, first), number)
        return context.get_dummy_value()

    return nb.void(sums, nb.int64, leaf, nb.int64, tables, nb.int64), generate


@as_any
def add_levels(
    _context: Any, sums: Any = None, _at: Any = None, _apart: Any = None, _width: Any = None, leaf: Any = None,
    _place: Any = None, tables: Any = None, _first_table: Any = None, codes: Any = None, start: Any = None,
    rank: Any = None, _first: Any = None, _levels: Any = None, _one: Any = None,
) -> Any:  # fmt: skip
    """As `add_from_table`, of the leaves that `path_lanes.put_levels` finds, for 256 rows and each output.

    The sums of the outputs are `apart` from each other, `leaf` only has the type of the numbers: they stay in
    registers, and the processor finds the next leaves while it adds these.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if not has_byte_tables():
            return context.get_dummy_value()  # never called: there is no table
        total, at, apart, width, _, place, pieces, first, *of_levels = arguments
        kinds = (signature.args[4], *signature.args[8:])
        numbers = number_leaves(context, builder, kinds, place, of_levels, ROWS_OF_LEVELS // ROWS_PER_WORD)
        of_tables = (total, at, apart, width, pieces, first)
        _add_outputs(context, builder, (signature.args[0], signature.args[6]), of_tables, numbers)
        return context.get_dummy_value()

    i64 = nb.int64
    given = (sums, i64, i64, i64, leaf, i64, tables, i64, codes, start, rank, i64, i64, nb.uint8)
    return nb.void(*given), generate


@as_any
def add_by_signs(
    _context: Any, sums: Any = None, _at: Any = None, _apart: Any = None, _width: Any = None, _place: Any = None,
    tables: Any = None, _first_table: Any = None, codes: Any = None, start: Any = None, words: Any = None,
    _first: Any = None, _levels: Any = None,
) -> Any:  # fmt: skip
    """As `add_levels`, where no code is greater than `MOST_SIGNED`, and `words` has each rank four times."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if not has_bit_products() or codes.dtype.bitwidth != 8:
            return context.get_dummy_value()  # never called
        total, at, apart, width, place, pieces, first, *of_levels = arguments
        groups = ROWS_OF_LEVELS // ROWS_PER_WORD
        numbers = number_by_signs(context, builder, signature.args[7:10], place, of_levels, groups)
        of_tables = (total, at, apart, width, pieces, first)
        _add_outputs(context, builder, (signature.args[0], signature.args[5]), of_tables, numbers)
        return context.get_dummy_value()

    i64 = nb.int64
    return nb.void(sums, i64, i64, i64, i64, tables, i64, codes, start, words, i64, i64), generate


def _add_outputs(
    context: Any, builder: Any, kinds: tuple[Any, Any], arguments: tuple[Any, ...], numbers: list[Any]
) -> None:
    total, at, apart, width, pieces, first = arguments
    size = kinds[0].dtype.bitwidth // 8 * MOST_LEAVES
    with cgutils.for_range(builder, width) as loop:
        table = builder.add(first, builder.mul(loop.index, ir_number(first, size)))
        sums = builder.add(at, builder.mul(loop.index, apart))
        for group, number in enumerate(numbers):
            here = builder.add(sums, ir_number(sums, group * ROWS_PER_WORD))
            _add_values(context, builder, kinds, (total, here, pieces, table), number)


def _add_values(context: Any, builder: Any, kinds: tuple[Any, Any], arguments: tuple[Any, ...], number: Any) -> None:
    """Add the values of the leaves of these numbers: sums and tables are of these kinds."""
    from llvmlite import ir

    sums, tables = kinds
    total, at, pieces, first = arguments
    size = sums.dtype.bitwidth // 8
    lanes = ir.VectorType(ir.IntType(8), ROWS_PER_WORD)
    look_up = _declare(builder.module, ir.FunctionType(lanes, [lanes, lanes]))
    number = builder.call(look_up, [number, ir.Constant(lanes, _rows_as_they_come_out(size))])
    found = []
    for piece in range(size):
        where = builder.add(first, ir_number(first, MOST_LEAVES * piece))
        table = builder.load(point_to_lanes(context, builder, tables, pieces, where), align=1)
        found.append(builder.call(look_up, [table, number]))
    vector = ir.VectorType(context.get_data_type(sums.dtype), ROWS_PER_WORD // size)
    data = data_of(context, builder, sums, total)
    for part, numbers in enumerate(_join(builder, found)):
        here = builder.gep(data, [builder.add(at, ir_number(at, part * (ROWS_PER_WORD // size)))])
        pointer = builder.bitcast(here, vector.as_pointer())
        added = builder.fadd(builder.load(pointer, align=size), builder.bitcast(numbers, vector))
        builder.store(added, pointer, align=size)


@as_any
def put_members(
    _context: Any, codes: Any = None, _place: Any = None, low: Any = None, high: Any = None, member: Any = None,
    _first: Any = None, _pieces: Any = None,
) -> Any:  # fmt: skip
    """Write to `codes[place + r]`, for 64 rows, the byte `member[first + 64 * high[r] + low[r]]`.

    `low` and `high` are bytes, `low` less than 64 and `high` less than `pieces`: a piece is a table in a register.
    """
    from llvmlite import ir

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if not has_byte_tables():
            return context.get_dummy_value()  # never called
        target, place, lows, highs, members, first, pieces = arguments
        lanes = ir.VectorType(ir.IntType(8), ROWS_PER_WORD)
        look_up = _declare(builder.module, ir.FunctionType(lanes, [lanes, lanes]))
        number, which = (
            builder.load(point_to_lanes(context, builder, signature.args[at], each, ir_number(place, 0)), align=1)
            for at, each in ((2, lows), (3, highs))
        )
        found = cgutils.alloca_once_value(builder, ir.Constant(lanes, [0] * ROWS_PER_WORD))  # type: ignore[no-untyped-call]  # numba has no types
        with cgutils.for_range(builder, pieces) as loop:
            where = builder.add(first, builder.mul(loop.index, ir.Constant(first.type, MOST_LEAVES)))
            table = builder.load(point_to_lanes(context, builder, signature.args[4], members, where), align=1)
            piece = builder.trunc(loop.index, ir.IntType(8))
            is_here = builder.icmp_unsigned("==", which, repeat(builder, piece))
            so_far = builder.load(found)
            builder.store(builder.select(is_here, builder.call(look_up, [table, number]), so_far), found)
        element = context.get_data_type(signature.args[0].dtype)
        codes_of_rows = builder.load(found)
        if element.width > 8:
            codes_of_rows = builder.zext(codes_of_rows, ir.VectorType(element, ROWS_PER_WORD))
        pointer = point_to_lanes(context, builder, signature.args[0], target, place)
        builder.store(codes_of_rows, pointer, align=element.width // 8)
        return context.get_dummy_value()

    return nb.void(codes, nb.int64, low, high, member, nb.int64, nb.int64), generate


def _declare(module: Any, kind: Any) -> Any:
    from llvmlite import ir

    return module.globals.get(_LOOK_UP) or ir.Function(module, kind, _LOOK_UP)


def _join(builder: Any, pieces: list[Any]) -> list[Any]:
    """From the bytes of 64 numbers, piece by piece, to the numbers."""
    from llvmlite import ir

    def pair(one: Any, other: Any, size: int, half: int) -> Any:
        mask = ir.Constant(ir.VectorType(ir.IntType(32), ROWS_PER_WORD), _pairs(size, half))
        return builder.shuffle_vector(one, other, mask)

    joined, size = [[piece] for piece in pieces], 1
    while len(joined) > 1:
        joined = [
            [pair(one, other, size, half) for one, other in zip(low, high, strict=True) for half in (0, 1)]
            for low, high in zip(joined[::2], joined[1::2], strict=True)
        ]
        size *= 2
    return joined[0]


def _pairs(size: int, half: int) -> list[int]:
    """Which bytes of two registers make pairs of `size` bytes of each: of the lower or upper half of each part."""
    per_half = _LANE // size // 2
    places = []
    for part in range(_LANES):
        for element in range(per_half):
            first = part * _LANE + (half * per_half + element) * size
            places += [*range(first, first + size), *range(ROWS_PER_WORD + first, ROWS_PER_WORD + first + size)]
    return places


def _rows_as_they_come_out(size: int) -> list[int]:
    """Which row has to be where, so that numbers of `size` bytes come out of `_join` in order."""
    joined, width = [[np.arange(ROWS_PER_WORD).repeat(1)] for _ in range(size)], 1
    while len(joined) > 1:
        joined = [
            [
                np.concatenate([one, other])[_pairs(width, half)]
                for one, other in zip(low, high, strict=True)
                for half in (0, 1)
            ]
            for low, high in zip(joined[::2], joined[1::2], strict=True)
        ]
        width *= 2
    comes_out = np.concatenate([each[::size] for each in joined[0]])
    order = np.empty(ROWS_PER_WORD, np.int64)
    order[comes_out] = np.arange(ROWS_PER_WORD)
    return [int(row) for row in order]
