"""Rows as codes: what a block of rows is turned into before any tree sees it."""

from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from mlops_assets.trees.arrays import Floats, Indices, Ints
from mlops_assets.trees.bit_lanes import ROWS_PER_WORD
from mlops_assets.trees.numba_kernels import compile_kernel
from mlops_assets.trees.rank_lanes import count_less, count_less_or_equal
from mlops_assets.trees.ranking import CATEGORIES, MISSING_GREATEST, ZERO_MISSING, ZERO_THRESHOLD

_compile = partial(compile_kernel, fastmath=False)


@_compile
def rank_rows(
    X: npt.NDArray[Any], row_apart: int, column_apart: int, begin: int, count: int, codes: npt.NDArray[Any],
    single: bool, feature: Ints, cut_start: Ints, steps: Ints, cuts: Floats, cell_start: Ints, cells: Indices,
    cell_low: Floats, cell_scale: Floats, strict: bool, column_start: Ints, column_kind: Ints, column_cuts: Ints,
    column_member: Ints, categories: Ints, member: npt.NDArray[np.uint8],
) -> None:  # fmt: skip
    """Codes (columns, LANES) of the rows from `begin` on; the arguments are those of `ranked_kernel.add_leaves`."""
    lanes = codes.shape[1]  # not the constant: LLVM would unroll every loop, and compile for a minute
    x, rank, category = np.zeros(lanes), np.zeros(lanes, np.int32), np.zeros(lanes, np.int64)
    for at in range(len(feature)):
        place_in_x = begin * row_apart + feature[at] * column_apart
        if single:
            for r in range(count):
                x[r] = np.float64(np.float32(X[place_in_x + r * row_apart]))
        else:
            for r in range(count):
                x[r] = X[place_in_x + r * row_apart]
        first, step, cell = cut_start[at] - 1, steps[at], cell_start[at]
        low, scale, last = cell_low[at], cell_scale[at], np.float64(cell_start[at + 1] - cell - 1)
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
        for column in range(column_start[at], column_start[at + 1]):
            kind = column_kind[column]
            if kind & CATEGORIES:
                place = column_member[column]
                for r in range(lanes):
                    codes[column, r] = member[place + category[r]]
                continue
            for r in range(lanes):
                codes[column, r] = rank[r]
            missing = column_cuts[column] if kind & MISSING_GREATEST else 0
            if kind & MISSING_GREATEST:
                for r in range(lanes):
                    if np.isnan(x[r]):
                        codes[column, r] = missing
            if kind & ZERO_MISSING:
                for r in range(lanes):
                    if abs(x[r]) <= ZERO_THRESHOLD:
                        codes[column, r] = missing
