"""Rows as codes: what a block of rows is turned into before any tree sees it."""

from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from mlops_assets.trees.arrays import Indices, Ints
from mlops_assets.trees.bit_lanes import ROWS_PER_WORD
from mlops_assets.trees.byte_tables import MOST_LEAVES, has_byte_tables, put_members
from mlops_assets.trees.numba_kernels import compile_kernel
from mlops_assets.trees.rank_lanes import count_less, count_less_or_equal
from mlops_assets.trees.ranking import CATEGORIES, MISSING_GREATEST, ZERO_MISSING, ZERO_THRESHOLD

Numbers = npt.NDArray[Any]
_compile = partial(compile_kernel, fastmath=False, allocates=False)
_BYTE_TABLES = has_byte_tables()
_TOGETHER = 32
"""Columns of 64 rows that are taken and then ranked."""
_MOST_PIECES = 32
"""Registers in which a set of categories is looked up no slower than in memory."""


@_compile
def rank_rows(
    X: npt.NDArray[Any], row_apart: int, column_apart: int, begin: int, count: int, codes: npt.NDArray[Any],
    feature: Ints, cut_start: Ints, steps: Ints, cuts: Numbers, cell_start: Ints, cells: Indices,
    cell_low: Numbers, cell_scale: Numbers, strict: bool, column_start: Ints, column_kind: Ints, column_cuts: Ints,
    column_member: Ints, categories: Ints, member: npt.NDArray[np.uint8],
    x: Numbers, rank: npt.NDArray[np.int32], category: Ints, bytes_of_category: npt.NDArray[np.uint8],
) -> None:  # fmt: skip
    """Codes (columns, LANES) of the rows from `begin` on; the arguments are those of `ranked_kernel.add_leaves`.

    64 rows at a time, all of their columns, so that what a row holds is fetched from memory once. Many columns are
    taken before the first is ranked: what was stored by numbers a moment ago is loaded as a vector only after a wait.

    Parameters
    ----------
    x, rank, category, bytes_of_category
        Of `make_rank_buffers`.
    """
    lanes, flat = codes.shape[1], codes.reshape(-1)
    low_byte, high_byte = bytes_of_category[:ROWS_PER_WORD], bytes_of_category[ROWS_PER_WORD:]
    for place in range(0, lanes, ROWS_PER_WORD):
        rows = max(0, min(ROWS_PER_WORD, count - place))
        for first_feature in range(0, len(feature), _TOGETHER):
            together = min(_TOGETHER, len(feature) - first_feature)
            for each in range(together):
                begin_at = (begin + place) * row_apart + feature[first_feature + each] * column_apart
                _take_column(X, row_apart, begin_at, rows, x, each * ROWS_PER_WORD)
            for each in range(together):
                at, here = first_feature + each, each * ROWS_PER_WORD
                first, step, cell = cut_start[at] - 1, steps[at], cell_start[at]
                low, scale, last = cell_low[at], cell_scale[at], float(cell_start[at + 1] - cell - 1)
                if strict:
                    count_less_or_equal(rank, here, x, cuts, first, step, cells, cell, low, scale, last)
                else:
                    count_less(rank, here, x, cuts, first, step, cells, cell, low, scale, last)
                if categories[at] >= 0:
                    _put_categories(x, here, categories[at], category, low_byte, high_byte)
                for column in range(column_start[at], column_start[at + 1]):
                    kind, target = column_kind[column], column * lanes + place
                    pieces = (categories[at] + 1) // MOST_LEAVES + 1
                    if kind & CATEGORIES and _BYTE_TABLES and pieces <= _MOST_PIECES:
                        put_members(flat, target, low_byte, high_byte, member, column_member[column], pieces)
                    else:
                        _put_codes(flat, target, kind, column_cuts[column], column_member[column], x, rank, here,
                                   category, member)  # fmt: skip


def make_rank_buffers(dtype: npt.DTypeLike) -> tuple[Numbers, npt.NDArray[np.int32], Ints, npt.NDArray[np.uint8]]:
    """What `rank_rows` works in; the columns' precision is `dtype`."""
    rows = _TOGETHER * ROWS_PER_WORD
    return (
        np.zeros(rows, dtype),
        np.zeros(rows, np.int32),
        np.zeros(ROWS_PER_WORD, np.int64),
        np.zeros(2 * ROWS_PER_WORD, np.uint8),
    )


@_compile
def _take_column(X: npt.NDArray[Any], row_apart: int, begin: int, rows: int, x: Numbers, here: int) -> None:
    """A column of `rows` rows, in the thresholds' precision, to `x` from `here` on."""
    # Unsigned: numba counts signed places from the end where they are negative, which keeps LLVM from vectors.
    start, apart, place = np.uint64(begin), np.uint64(row_apart), np.uint64(here)
    if row_apart == 1:
        for r in range(rows):
            x[place + np.uint64(r)] = X[start + np.uint64(r)]
    else:
        for r in range(rows):
            x[place + np.uint64(r)] = X[start + np.uint64(r) * apart]


@_compile
def _put_categories(
    x: Numbers, here: int, none: int, category: Ints, low_byte: npt.NDArray[np.uint8], high_byte: npt.NDArray[np.uint8]
) -> None:
    for r in range(len(category)):
        # NaN is the last of all; what is no category is the one before.
        value = x[np.uint64(here) + np.uint64(r)]
        known = value > -1.0 and value < none
        category[r] = np.int64(value) if known else (none + 1 if np.isnan(value) else none)
        low_byte[r], high_byte[r] = category[r] & (MOST_LEAVES - 1), category[r] // MOST_LEAVES


@_compile
def _put_codes(
    codes: npt.NDArray[Any], target: int, kind: int, cuts: int, members: int, x: Numbers,
    rank: npt.NDArray[np.int32], here: int, category: Ints, member: npt.NDArray[np.uint8],
) -> None:  # fmt: skip
    """The codes of one column from `target` on, from the ranks or the categories of its values."""
    to, place = np.uint64(target), np.uint64(here)
    if kind & CATEGORIES:
        for r in range(len(category)):
            codes[to + np.uint64(r)] = member[members + category[r]]
        return
    for r in range(len(category)):
        codes[to + np.uint64(r)] = rank[place + np.uint64(r)]
    missing = cuts if kind & MISSING_GREATEST else 0
    if kind & MISSING_GREATEST:
        for r in range(len(category)):
            if np.isnan(x[place + np.uint64(r)]):
                codes[to + np.uint64(r)] = missing
    if kind & ZERO_MISSING:
        for r in range(len(category)):
            if abs(x[place + np.uint64(r)]) <= ZERO_THRESHOLD:
                codes[to + np.uint64(r)] = missing
