"""How many sorted numbers each of 64 values exceeds, for all of them at once.

The numbers' range is divided into equal cells, and a table says how many numbers lie before each. A value's cell comes
from the same arithmetic, which never decreases, so that only the numbers of its own cell are left to be searched.
"""

from typing import Any

import numba as nb  # noqa: TID253
from numba.core import cgutils  # noqa: TID253

from mlops_assets.trees.bit_lanes import ROWS_PER_WORD, as_any, data_of

_GROUP = 16
"""Values of one vector; four of them are searched in turn, so that memory is waited for once."""


def _make_search(predicate: str) -> Any:
    def search(
        _context: Any, rank: Any = None, _place: Any = None, values: Any = None, cuts: Any = None, _first: Any = None,
        _step: Any = None, before: Any = None, _cell: Any = None, _low: Any = None, _scale: Any = None,
        _last: Any = None,
    ) -> Any:  # fmt: skip
        from llvmlite import ir

        whole = ir.IntType(32)
        ranks = ir.VectorType(whole, _GROUP)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            numbers = ir.VectorType(context.get_data_type(values.dtype), _GROUP)
            target, place, given, limits, first, step, counts, cell, low, scale, last = arguments
            base = builder.gep(data_of(context, builder, signature.args[3], limits), [first])
            x_data, rank_data = (
                data_of(context, builder, kind, array)
                for kind, array in ((signature.args[2], given), (signature.args[0], target))
            )
            places = [builder.add(place, ir.Constant(place.type, each)) for each in range(0, ROWS_PER_WORD, _GROUP)]
            align = values.dtype.bitwidth // 8
            searched = [
                builder.load(builder.bitcast(builder.gep(x_data, [each]), numbers.as_pointer()), align=align)
                for each in places
            ]
            table = builder.gep(data_of(context, builder, signature.args[6], counts), [cell])
            start = [_gather(builder, table, _cells(builder, x, low, scale, last, ranks), ranks) for x in searched]
            found = [cgutils.alloca_once_value(builder, each) for each in start]  # type: ignore[no-untyped-call]  # numba
            width = cgutils.alloca_once_value(builder, builder.trunc(step, whole))  # type: ignore[no-untyped-call]  # numba
            loop = builder.append_basic_block("search")
            body, end = builder.append_basic_block("step"), builder.append_basic_block("found")
            builder.branch(loop)
            builder.position_at_end(loop)
            size = builder.load(width)
            builder.cbranch(builder.icmp_unsigned("!=", size, ir.Constant(whole, 0)), body, end)
            builder.position_at_end(body)
            steps = _repeat(builder, size)
            for x, so_far in zip(searched, found, strict=True):
                before = builder.load(so_far)
                farther = builder.add(before, steps)
                limit = _gather(builder, base, farther, numbers)
                exceeded = builder.fcmp_ordered(predicate, limit, x)
                builder.store(builder.select(exceeded, farther, before), so_far)
            builder.store(builder.lshr(size, ir.Constant(whole, 1)), width)
            builder.branch(loop)
            builder.position_at_end(end)
            for each, so_far in zip(places, found, strict=True):
                pointer = builder.bitcast(builder.gep(rank_data, [each]), ranks.as_pointer())
                builder.store(builder.load(so_far), pointer, align=4)
            return context.get_dummy_value()

        i64, number = nb.int64, values.dtype
        return nb.void(rank, i64, values, cuts, i64, i64, before, i64, number, number, number), generate

    return search


count_less = as_any(_make_search("<"))
"""`rank[place + r]`: how many of the numbers behind `cuts[first]` are less than `values[place + r]`, for 64 values.

They are of the values' type and ascend, and NaN are behind them; `first` is the place before the first of them.
`before[cell + c]` is how many lie before cell c, `(x - low) * scale` without its fraction, at most `last`; less than
2 `step` lie in a cell.
"""
count_less_or_equal = as_any(_make_search("<="))
"""As `count_less`, of those that are not greater."""


def _repeat(builder: Any, number: Any) -> Any:
    from llvmlite import ir

    undefined = ir.Constant(ir.VectorType(number.type, _GROUP), ir.Undefined)
    one = builder.insert_element(undefined, number, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), _GROUP), [0] * _GROUP)
    return builder.shuffle_vector(one, undefined, zeros)


def _cells(builder: Any, x: Any, low: Any, scale: Any, last: Any, kind: Any) -> Any:
    """The cells of values: NaN and what is below all cells is in the first."""
    from llvmlite import ir

    place = builder.fmul(builder.fsub(x, _repeat(builder, low)), _repeat(builder, scale))
    zeros, most = ir.Constant(x.type, [0.0] * _GROUP), _repeat(builder, last)
    place = builder.select(builder.fcmp_ordered(">", place, zeros), place, zeros)
    place = builder.select(builder.fcmp_ordered("<", place, most), place, most)
    return builder.fptosi(place, kind)


def _gather(builder: Any, base: Any, places: Any, kind: Any) -> Any:
    """`base[places]`: a vector instruction where the processor has one for it."""
    from llvmlite import ir

    long, element = ir.VectorType(ir.IntType(64), _GROUP), kind.element
    names = {ir.DoubleType: (8, "f64"), ir.FloatType: (4, "f32"), ir.IntType: (4, "i32")}
    size, name = names[type(element)]
    bytes_from = builder.mul(builder.zext(places, long), ir.Constant(long, [size] * _GROUP))
    address = builder.add(_repeat(builder, builder.ptrtoint(base, ir.IntType(64))), bytes_from)
    pointers = builder.inttoptr(address, ir.VectorType(element.as_pointer(), _GROUP))
    mask = ir.VectorType(ir.IntType(1), _GROUP)
    form = ir.FunctionType(kind, [pointers.type, ir.IntType(32), mask, kind])
    name = f"llvm.masked.gather.v{_GROUP}{name}.v{_GROUP}p0{name}"
    gather = builder.module.globals.get(name) or ir.Function(builder.module, form, name)
    none = ir.Constant(kind, ir.Undefined)
    return builder.call(gather, [pointers, ir.Constant(ir.IntType(32), size), ir.Constant(mask, [1] * _GROUP), none])
