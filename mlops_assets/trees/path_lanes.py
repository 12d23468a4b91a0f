"""Leaves as paths: bit d of a leaf's number says whether a row went right at depth d of its tree.

Rows are the bits of words, as in `bit_lanes`; 512 of them are handed from a split to its children by three vector
instructions. No leaf has to be looked for: its number is the bits that its rows have collected on their way.
"""

from typing import Any

import numba as nb  # noqa: TID253
from numba.core import cgutils  # noqa: TID253

from mlops_assets.trees.bit_lanes import ROWS_PER_WORD, as_any, data_of, point_to_lanes, repeat

WORDS_AT_ONCE = 8
MOST_SIGNED = 127
"""Codes up to this one are compared by the sign of their difference."""
_MULTIPLY_BITS = "llvm.x86.vgf2p8affineqb.512"
ROWS_OF_LEVELS = 4 * ROWS_PER_WORD
"""Rows for which `put_levels` finds the leaves."""


@as_any
def split_rows(
    _context: Any, reach: Any = None, _here: Any = None, _left: Any = None, _right: Any = None, greater: Any = None,
    _at: Any = None, right_at: Any = None, _depth: Any = None,
) -> Any:  # fmt: skip
    """Hand the rows of 8 words `reach[here ...]` to the words of two children, by the words `greater[at ...]`.

    Those that go right are noted in `right_at[depth ...]` as well.
    """
    from llvmlite import ir

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vector = ir.VectorType(ir.IntType(64), WORDS_AT_ONCE)
        words, here, left, right, masks, at, noted, depth = arguments
        flat = data_of(context, builder, signature.args[0], words)
        bits = data_of(context, builder, signature.args[4], masks)
        notes = data_of(context, builder, signature.args[6], noted)

        def pointer(data: Any, place: Any) -> Any:
            return builder.bitcast(builder.gep(data, [place]), vector.as_pointer())

        rows = builder.load(pointer(flat, here), align=8)
        larger = builder.load(pointer(bits, at), align=8)
        to_right = builder.and_(rows, larger)
        builder.store(to_right, pointer(flat, right), align=8)
        builder.store(builder.and_(rows, builder.not_(larger)), pointer(flat, left), align=8)
        note = pointer(notes, depth)
        builder.store(builder.or_(builder.load(note, align=8), to_right), note, align=8)
        return context.get_dummy_value()

    i64 = nb.int64
    return nb.void(reach, i64, i64, i64, greater, i64, right_at, i64), generate


@as_any
def put_paths(
    _context: Any, leaf: Any = None, _place: Any = None, right_at: Any = None, _word: Any = None, _depth: Any = None,
) -> Any:  # fmt: skip
    """Write to `leaf[place + r]` the number whose bit d is bit r of `right_at[word + 8 d]`, d below `depth`."""
    from llvmlite import ir

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, place, noted, word, depth = arguments
        notes = data_of(context, builder, signature.args[2], noted)

        def choose(at: Any) -> Any:
            where = builder.add(word, builder.mul(at, ir.Constant(at.type, WORDS_AT_ONCE)))
            rows = builder.load(builder.gep(notes, [where]), align=8)
            return builder.bitcast(rows, ir.VectorType(ir.IntType(1), ROWS_PER_WORD))

        (numbers,) = _collect_bits(context, builder, signature.args[0].dtype, depth, lambda at: [choose(at)])
        builder.store(numbers, point_to_lanes(context, builder, signature.args[0], array, place), align=1)
        return context.get_dummy_value()

    return nb.void(leaf, nb.int64, right_at, nb.int64, nb.int64), generate


@as_any
def put_levels(
    _context: Any, leaf: Any = None, _place: Any = None, codes: Any = None, start: Any = None, rank: Any = None,
    _first: Any = None, _levels: Any = None, _one: Any = None,
) -> Any:  # fmt: skip
    """Write to `leaf[place + r]`, for 256 rows, the number whose bit d is `codes[start[s] + place + r] > rank[s]`.

    `s` is `first + d`, d below `levels`: the splits of a symmetric tree, which has one for each level. `one` is 1,
    which the compiler must not know: a bit is the lesser of 1 and of what a code exceeds the rank by. This takes parts
    of the processor that the addition of the leaves has no use for; the compiler would make a comparison of it.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, place, *of_levels = arguments
        kinds = (signature.args[0], *signature.args[2:])
        groups = ROWS_OF_LEVELS // ROWS_PER_WORD
        for group, numbers in enumerate(number_leaves(context, builder, kinds, place, of_levels, groups)):
            here = builder.add(place, ir_number(place, group * ROWS_PER_WORD))
            builder.store(numbers, point_to_lanes(context, builder, signature.args[0], array, here), align=1)
        return context.get_dummy_value()

    return nb.void(leaf, nb.int64, codes, start, rank, nb.int64, nb.int64, nb.uint8), generate


def number_leaves(context: Any, builder: Any, kinds: Any, place: Any, arguments: Any, groups: int) -> list[Any]:
    """The numbers of `put_levels` for groups of 64 rows from `place` on, in registers.

    Parameters
    ----------
    kinds
        Of the leaves' numbers, and of the arguments.
    arguments
        `codes`, `start`, `rank`, `first`, `levels` and `one`; ranks of four bytes have each of them four times.
    """
    from llvmlite import ir

    leaf, codes, start, rank, *_ = kinds
    ranks, starts, numbers, first, levels, one = arguments
    begin = data_of(context, builder, start, starts)
    compared = data_of(context, builder, rank, numbers)
    places = [builder.add(place, ir_number(place, group * ROWS_PER_WORD)) for group in range(groups)]

    def split_of(at: Any) -> tuple[Any, Any]:
        split = builder.add(first, at)
        number = builder.load(builder.gep(compared, [split]), align=rank.dtype.bitwidth // 8)
        return number, builder.load(builder.gep(begin, [split]))

    def codes_of(column: Any, each: Any) -> Any:
        pointer = point_to_lanes(context, builder, codes, ranks, builder.add(column, each))
        return builder.load(pointer, align=1)

    if not codes.dtype.bitwidth == leaf.dtype.bitwidth == 8:

        def compare(at: Any) -> list[Any]:
            number, column = split_of(at)
            return [builder.icmp_unsigned(">", codes_of(column, each), repeat(builder, number)) for each in places]

        return _collect_bits(context, builder, leaf.dtype, levels, compare, groups)
    kind = ir.VectorType(ir.IntType(8), ROWS_PER_WORD)
    name = f"llvm.usub.sat.v{ROWS_PER_WORD}i8"
    subtract = builder.module.globals.get(name) or ir.Function(
        builder.module, ir.FunctionType(kind, [kind, kind]), name
    )
    ones = repeat(builder, one)
    zeros = ir.Constant(kind, [0] * ROWS_PER_WORD)
    found = [cgutils.alloca_once_value(builder, zeros) for _ in places]  # type: ignore[no-untyped-call]  # numba
    with cgutils.for_range(builder, levels) as loop:
        # The highest bit first.
        number, column = split_of(builder.sub(builder.sub(levels, loop.index), ir_number(first, 1)))
        # Four bytes are repeated while they are loaded; a single one takes the port of the tables as well.
        limit = (
            repeat(builder, number) if number.type.width == 8 else builder.bitcast(_repeat_words(builder, number), kind)
        )
        for each, so_far in zip(places, found, strict=True):
            excess = builder.call(subtract, [codes_of(column, each), limit])
            bit = builder.select(builder.icmp_unsigned("<", excess, ones), excess, ones)
            before = builder.load(so_far)
            builder.store(builder.add(builder.add(before, before), bit), so_far)
    return [builder.load(so_far) for so_far in found]


def number_by_signs(context: Any, builder: Any, kinds: Any, place: Any, arguments: Any, groups: int) -> list[Any]:
    """As `number_leaves` of 64 rows, where no code is greater than `MOST_SIGNED`, and ranks are of four bytes.

    What goes right is less than nothing: the sign of a difference is moved to its bit by a multiplication of bits, and
    three instructions of each level have the other half of the processor than the tables.
    """
    from llvmlite import ir

    codes, start, rank = kinds
    ranks, starts, words, first, levels = arguments
    begin, compared = data_of(context, builder, start, starts), data_of(context, builder, rank, words)
    kind = ir.VectorType(ir.IntType(8), ROWS_PER_WORD)
    form = ir.FunctionType(kind, [kind, kind, ir.IntType(8)])
    multiply = builder.module.globals.get(_MULTIPLY_BITS) or ir.Function(builder.module, form, _MULTIPLY_BITS)
    # Row 7 - d of a matrix of bits says from which bits bit d comes; the rows are bytes, the first the lowest.
    matrix = cgutils.alloca_once_value(builder, ir.Constant(ir.IntType(64), 0x80 << 56))  # type: ignore[no-untyped-call]  # numba
    zeros = ir.Constant(kind, [0] * ROWS_PER_WORD)
    found = [cgutils.alloca_once_value(builder, zeros) for _ in range(groups)]  # type: ignore[no-untyped-call]  # numba
    with cgutils.for_range(builder, levels) as loop:
        split = builder.add(first, loop.index)
        limit = _repeat_words(builder, builder.load(builder.gep(compared, [split]), align=4))
        column = builder.load(builder.gep(begin, [split]))
        here = builder.load(matrix)
        bits = builder.bitcast(_repeat_words(builder, here), kind)
        for group, so_far in enumerate(found):
            row = builder.add(builder.add(column, place), ir_number(place, group * ROWS_PER_WORD))
            pointer = point_to_lanes(context, builder, codes, ranks, row)
            difference = builder.sub(builder.bitcast(limit, kind), builder.load(pointer, align=1))
            bit = builder.call(multiply, [difference, bits, ir.Constant(ir.IntType(8), 0)])
            builder.store(builder.xor(builder.load(so_far), bit), so_far)
        builder.store(builder.lshr(here, ir.Constant(here.type, 8)), matrix)
    return [builder.load(so_far) for so_far in found]


def _repeat_words(builder: Any, number: Any) -> Any:
    from llvmlite import ir

    count = ROWS_PER_WORD * 8 // number.type.width
    undefined = ir.Constant(ir.VectorType(number.type, count), ir.Undefined)
    one = builder.insert_element(undefined, number, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), count), [0] * count)
    return builder.shuffle_vector(one, undefined, zeros)


def ir_number(like: Any, number: int) -> Any:
    """A constant of the type of `like`."""
    from llvmlite import ir

    return ir.Constant(like.type, number)


def _collect_bits(context: Any, builder: Any, dtype: Any, depth: Any, choose: Any, groups: int = 1) -> list[Any]:
    """For each group the numbers whose bit d is set in the lanes that `choose(d)` names."""
    from llvmlite import ir

    kind = context.get_data_type(dtype)
    zeros = ir.Constant(ir.VectorType(kind, ROWS_PER_WORD), [0] * ROWS_PER_WORD)
    found = [cgutils.alloca_once_value(builder, zeros) for _ in range(groups)]  # type: ignore[no-untyped-call]  # numba
    bit = cgutils.alloca_once_value(builder, ir.Constant(kind, 1))  # type: ignore[no-untyped-call]  # numba has no types
    with cgutils.for_range(builder, depth) as loop:
        each = builder.load(bit)
        for numbers, chosen in zip(found, choose(loop.index), strict=True):
            added = builder.select(chosen, repeat(builder, each), zeros)
            builder.store(builder.or_(builder.load(numbers), added), numbers)
        builder.store(builder.shl(each, ir.Constant(kind, 1)), bit)
    return [builder.load(numbers) for numbers in found]
