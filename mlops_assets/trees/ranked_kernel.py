"""The sums of many rows' leaves, compiled with numba; `RankedTrees` says what the arrays hold.

A block of rows is ranked once: each value becomes the number of thresholds below it, so that all trees compare small
whole numbers. A row then finds its leaf in one of two ways, which end in the same leaf:

- `BY_BITS`, for trees of few leaves: every split is compared for 64 rows at once, and two `and`s of words hand the rows
  that reached it to its children. No step waits for a row's path, and none is predicted wrong.
- `BY_STEPS`, for large trees: from node to node, many rows in turn, so that one row's memory is fetched while others
  are compared. A leaf is its own child: all rows take as many steps.

A row's leaves are added in the order of the trees, in the precision of `sums`: the library's own order, whatever rows
are beside it.
"""

from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from mlops_assets.trees.arrays import Floats, Indices, Ints
from mlops_assets.trees.bit_lanes import NUMBERS_AT_ONCE, ROWS_PER_WORD, compare_greater, put_numbers
from mlops_assets.trees.numba_kernels import compile_kernel
from mlops_assets.trees.ranking import (
    BY_BITS,
    CATEGORIES,
    LANES,
    MISSING_GREATEST,
    ZERO_MISSING,
    ZERO_THRESHOLD,
)

_compile = partial(compile_kernel, fastmath=False)
_WORDS = LANES // ROWS_PER_WORD
_ALL = np.uint64(2**64 - 1)
_ONE = np.uint64(1)
_COLUMN_SHIFT, _NODE_SHIFT = np.uint64(24), np.uint64(36)
_RANK_MASK, _COLUMN_MASK = np.uint64(2**24 - 1), np.uint64(2**12 - 1)


@_compile
def _rank(
    X: Floats, low: int, count: int, codes: npt.NDArray[Any], feature: Ints, cut_start: Ints, steps: Ints, cuts: Floats,
    strict: bool, column_start: Ints, column_kind: Ints, column_cuts: Ints, column_member: Ints, categories: Ints,
    member: npt.NDArray[np.uint8],
) -> None:  # fmt: skip
    lanes = codes.shape[1]  # not the constant: LLVM would unroll every loop, and compile for a minute
    x, rank, category = np.zeros(lanes), np.zeros(lanes, np.int64), np.zeros(lanes, np.int64)
    for at in range(len(feature)):
        for r in range(count):
            x[r] = X[feature[at], low + r]
        for r in range(lanes):
            rank[r] = 0
        # Behind a feature's thresholds are infinities, or NaN where equality counts, up to a power of two less one.
        first, step = cut_start[at] - 1, steps[at]
        while step:
            if strict:
                for r in range(lanes):
                    rank[r] += step if cuts[first + rank[r] + step] <= x[r] else 0
            else:
                for r in range(lanes):
                    rank[r] += step if cuts[first + rank[r] + step] < x[r] else 0
            step >>= 1
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


@_compile
def _add(total: npt.NDArray[Any], leaf: npt.NDArray[Any], first: int, output: int, value: npt.NDArray[Any]) -> None:
    width = np.uint64(value.shape[1])
    for w in range(value.shape[1]):
        start, o = np.uint64(first) * width + np.uint64(w), np.uint64(output + w)
        flat = value.reshape(-1)
        for r in range(LANES):
            total[o, r] += flat[start + np.uint64(leaf[r]) * width]


@_compile
def _find_by_bits(
    codes: npt.NDArray[Any], leaf: npt.NDArray[Any], start: int, stop: int, column: Ints, rank: npt.NDArray[Any],
    left: Indices, right: Indices, reach: npt.NDArray[np.uint64],
) -> None:  # fmt: skip
    splits = stop - start
    for w in range(_WORDS):
        reach[w] = _ALL
    for position in range(splits):
        split = np.uint64(start + position)
        code, number = np.int64(column[split]) * LANES, rank[split]
        here = np.uint64(position) * np.uint64(_WORDS)
        one, other = np.uint64(left[split]) * np.uint64(_WORDS), np.uint64(right[split]) * np.uint64(_WORDS)
        for w in range(_WORDS):
            greater: np.uint64 = compare_greater(codes, code + w * ROWS_PER_WORD, number)
            rows = reach[here + np.uint64(w)]
            reach[one + np.uint64(w)] = rows & ~greater
            reach[other + np.uint64(w)] = rows & greater
    end = 2 * splits + 1
    for w in range(NUMBERS_AT_ONCE * _WORDS):
        reach[np.uint64(end * _WORDS + w)] = np.uint64(0)
    for first in range(0, splits + 1, NUMBERS_AT_ONCE):
        place = (splits + first) * _WORDS
        for w in range(_WORDS):
            put_numbers(leaf, w * ROWS_PER_WORD, reach, place + w, _WORDS, leaf.dtype.type(first))


@_compile
def _find_by_steps(
    codes: npt.NDArray[Any], node: npt.NDArray[np.uint32], steps: int, links: npt.NDArray[np.uint64], first: int
) -> None:
    base, lanes = np.uint64(first), codes.shape[1]
    for r in range(lanes):
        node[r] = 0
    for _ in range(steps):
        for r in range(lanes):
            link = links[base + np.uint64(node[r])]
            greater = np.uint64(codes[(link >> _COLUMN_SHIFT) & _COLUMN_MASK, r]) > (link & _RANK_MASK)
            node[r] = np.uint32(link >> _NODE_SHIFT) + np.uint32(greater)


@_compile
def add_leaves(
    X: Floats, sums: npt.NDArray[Any], blocks: int, feature: Ints, cut_start: Ints, steps: Ints, cuts: Floats,
    strict: bool, column_start: Ints, column_kind: Ints, column_cuts: Ints, column_member: Ints, categories: Ints,
    member: npt.NDArray[np.uint8], output: Ints, way: Ints, start: Ints, column: Ints, rank: npt.NDArray[Any],
    left: Indices, right: Indices, first_link: Ints, links: npt.NDArray[np.uint64], depth: Ints, first_leaf: Ints,
    value: npt.NDArray[Any],
) -> None:  # fmt: skip
    """Add each row's leaf of each tree to `sums` (n, outputs).

    Parameters
    ----------
    X
        (features, n).
    blocks
        How many blocks of `LANES` rows a tree takes before the next one: many where a tree is larger than a cache.
    """
    rows, outputs, columns = sums.shape[0], sums.shape[1], len(column_kind)
    codes = np.zeros((blocks, columns, LANES), rank.dtype)
    total = np.zeros((blocks, outputs, LANES), sums.dtype)
    byte, half, whole = np.zeros(LANES, np.uint8), np.zeros(LANES, np.uint16), np.zeros(LANES, np.uint32)
    most = 0
    for tree in range(len(way)):
        most = max(most, start[tree + 1] - start[tree])
    reach = np.zeros((2 * most + 1 + NUMBERS_AT_ONCE) * _WORDS, np.uint64)
    for begin in range(0, rows, blocks * LANES):
        filled = min(blocks, (rows - begin + LANES - 1) // LANES)
        for b in range(filled):
            low = begin + b * LANES
            count = min(LANES, rows - low)
            _rank(X, low, count, codes[b], feature, cut_start, steps, cuts, strict, column_start, column_kind,
                  column_cuts, column_member, categories, member)  # fmt: skip
            for r in range(count):
                for o in range(outputs):
                    total[b, o, r] = sums[low + r, o]
        for tree in range(len(way)):
            low_split, high_split, o = start[tree], start[tree + 1], output[tree]
            for b in range(filled):
                if way[tree] == BY_BITS:
                    flat = codes[b].reshape(-1)
                    if high_split - low_split < 256:
                        _find_by_bits(flat, byte, low_split, high_split, column, rank, left, right, reach)
                        _add(total[b], byte, first_leaf[tree], o, value)
                    else:
                        _find_by_bits(flat, half, low_split, high_split, column, rank, left, right, reach)
                        _add(total[b], half, first_leaf[tree], o, value)
                else:
                    _find_by_steps(codes[b], whole, depth[tree], links, first_link[tree])
                    _add(total[b], whole, first_leaf[tree], o, value)
        for b in range(filled):
            low = begin + b * LANES
            for r in range(min(LANES, rows - low)):
                for o in range(outputs):
                    sums[low + r, o] = total[b, o, r]
