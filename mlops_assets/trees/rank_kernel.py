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
_compile = partial(compile_kernel, fastmath=False)
_BYTE_TABLES = has_byte_tables()
_MOST_PIECES = 32
"""Registers in which a set of categories is looked up no slower than in memory."""
_FEATURES_AT_ONCE = 8
"""Columns of a block of rows that fit into the cache of the first level together; a line of memory holds as many."""


@_compile
def rank_rows(
    X: npt.NDArray[Any], row_apart: int, column_apart: int, begin: int, count: int, codes: npt.NDArray[Any],
    feature: Ints, cut_start: Ints, steps: Ints, cuts: Numbers, cell_start: Ints, cells: Indices,
    cell_low: Numbers, cell_scale: Numbers, strict: bool, column_start: Ints, column_kind: Ints, column_cuts: Ints,
    column_member: Ints, categories: Ints, member: npt.NDArray[np.uint8],
) -> None:  # fmt: skip
    """Codes (columns, LANES) of the rows from `begin` on; the arguments are those of `ranked_kernel.add_leaves`."""
    lanes = codes.shape[1]  # not the constant: LLVM would unroll every loop, and compile for a minute
    several = np.zeros((_FEATURES_AT_ONCE, lanes), cuts.dtype)
    rank, category, byte = np.zeros(lanes, np.int32), np.zeros(lanes, np.int64), np.zeros((2, lanes), np.uint8)
    for first_feature in range(0, len(feature), _FEATURES_AT_ONCE):
        together = min(_FEATURES_AT_ONCE, len(feature) - first_feature)
        _take_columns(X, row_apart, column_apart, begin, count, several, feature, first_feature, together)
        for each in range(together):
            at, x = first_feature + each, several[each]
            first, step, cell = cut_start[at] - 1, steps[at], cell_start[at]
            low, scale, last = cell_low[at], cell_scale[at], float(cell_start[at + 1] - cell - 1)
            for place in range(0, lanes, ROWS_PER_WORD):
                if strict:
                    count_less_or_equal(rank, place, x, cuts, first, step, cells, cell, low, scale, last)
                else:
                    count_less(rank, place, x, cuts, first, step, cells, cell, low, scale, last)
            if categories[at] >= 0:
                none = categories[at]
                for r in range(lanes):
                    # NaN is the last of all; what is no category is the one before.
                    known = x[r] > -1.0 and x[r] < none
                    category[r] = np.int64(x[r]) if known else (none + 1 if np.isnan(x[r]) else none)
                    byte[0, r], byte[1, r] = category[r] & (MOST_LEAVES - 1), category[r] // MOST_LEAVES
            for column in range(column_start[at], column_start[at + 1]):
                kind = column_kind[column]
                pieces = (categories[at] + 1) // MOST_LEAVES + 1
                if kind & CATEGORIES and _BYTE_TABLES and pieces <= _MOST_PIECES:
                    for place in range(0, lanes, ROWS_PER_WORD):
                        put_members(codes[column], place, byte[0], byte[1], member, column_member[column], pieces)
                    continue
                _put_codes(
                    codes[column], kind, column_cuts[column], column_member[column], x, rank, category, member
                )  # fmt: skip


@_compile
def _take_columns(
    X: npt.NDArray[Any], row_apart: int, column_apart: int, begin: int, count: int, several: Numbers, feature: Ints,
    first_feature: int, together: int,
) -> None:  # fmt: skip
    """Some columns of `count` rows, in the thresholds' precision.

    64 rows at a time, so that each line of memory is fetched once.
    """
    # Unsigned: numba counts signed places from the end where they are negative, which keeps LLVM from vectors.
    apart = np.uint64(row_apart)
    for place in range(0, count, ROWS_PER_WORD):
        rows = min(ROWS_PER_WORD, count - place)
        for each in range(together):
            start = np.uint64((begin + place) * row_apart + feature[first_feature + each] * column_apart)
            x = several[each, place : place + rows]
            for r in range(rows):
                x[r] = X[start + np.uint64(r) * apart]


@_compile
def _put_codes(
    codes: npt.NDArray[Any], kind: int, cuts: int, members: int, x: Numbers,
    rank: npt.NDArray[np.int32], category: npt.NDArray[np.int64], member: npt.NDArray[np.uint8],
) -> None:  # fmt: skip
    """The codes of one column, from the ranks or the categories of its values."""
    lanes = len(codes)
    if kind & CATEGORIES:
        for r in range(lanes):
            codes[r] = member[members + category[r]]
        return
    for r in range(lanes):
        codes[r] = rank[r]
    missing = cuts if kind & MISSING_GREATEST else 0
    if kind & MISSING_GREATEST:
        for r in range(lanes):
            if np.isnan(x[r]):
                codes[r] = missing
    if kind & ZERO_MISSING:
        for r in range(lanes):
            if abs(x[r]) <= ZERO_THRESHOLD:
                codes[r] = missing
