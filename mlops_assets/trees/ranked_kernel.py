"""The sums of many rows' leaves, compiled with numba; `RankedTrees` says what the arrays hold.

A block of rows is ranked once: each value becomes the number of thresholds below it, so that all trees compare small
whole numbers. A row then finds its leaf in one of four ways, which end in the same leaf:

- `BY_LEVELS`, for symmetric trees: a comparison for each level is a bit of the leaf's number.
- `BY_PATHS`, for trees of few levels: every split is compared for 512 rows at once, and three instructions hand the
  rows that reached it to its children; which of them went right at a level is a bit of the leaf's number.
- `BY_BITS`, for other trees of few leaves: every split is compared for 64 rows at once, and two `and`s of words hand
  the rows that reached it to its children. No step waits for a row's path, and none is predicted wrong.
- `BY_STEPS`, for large trees: from node to node, many rows in turn, so that one row's memory is fetched while others
  are compared. A leaf is its own child: all rows take as many steps.

A row's leaves are added in the order of the trees, in the precision of `sums`: the library's own order, whatever rows
are beside it.
"""

from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from mlops_assets.trees.arrays import Indices, Ints
from mlops_assets.trees.bit_lanes import NUMBERS_AT_ONCE, ROWS_PER_WORD, compare_greater, put_numbers
from mlops_assets.trees.byte_tables import MOST_LEAVES, add_by_signs, add_from_table, add_levels
from mlops_assets.trees.numba_kernels import compile_kernel
from mlops_assets.trees.path_lanes import ROWS_OF_LEVELS, put_levels, put_paths, split_rows
from mlops_assets.trees.rank_kernel import Numbers, make_rank_buffers, rank_rows
from mlops_assets.trees.ranking import BY_LEVELS, BY_PATHS, BY_STEPS, LANES

_compile = partial(compile_kernel, fastmath=False, allocates=False)
_WORDS = LANES // ROWS_PER_WORD
_MOST_LEVELS = 16
_ALL = np.uint64(2**64 - 1)
_ONE = np.uint64(1)
_COLUMN_SHIFT, _NODE_SHIFT = np.uint64(24), np.uint64(36)
_RANK_MASK, _COLUMN_MASK = np.uint64(2**24 - 1), np.uint64(2**12 - 1)


@_compile
def _add(total: npt.NDArray[Any], leaf: npt.NDArray[Any], first: int, output: int, value: npt.NDArray[Any]) -> None:
    width = np.uint64(value.shape[1])
    for w in range(value.shape[1]):
        start, o = np.uint64(first) * width + np.uint64(w), np.uint64(output + w)
        flat = value.reshape(-1)
        for r in range(LANES):
            total[o, r] += flat[start + np.uint64(leaf[r]) * width]


@_compile
def _find_by_paths(
    codes: npt.NDArray[Any], leaf: npt.NDArray[np.uint8], start: int, stop: int, depth: int, begin: Ints,
    rank: npt.NDArray[Any], left: Indices, right: Indices, level: npt.NDArray[np.uint8],
    reach: npt.NDArray[np.uint64], greater: npt.NDArray[np.uint64], right_at: npt.NDArray[np.uint64],
) -> None:  # fmt: skip
    for w in range(_WORDS):
        reach[w] = _ALL
    for w in range(depth * _WORDS):
        right_at[w] = np.uint64(0)
    for split in range(start, stop):
        code, number, here = begin[split], rank[split], (split - start) * _WORDS
        for w in range(_WORDS):
            greater[here + w] = compare_greater(codes, code + w * ROWS_PER_WORD, number)
    for split in range(start, stop):
        here, at = (split - start) * _WORDS, level[split] * _WORDS
        split_rows(reach, here, left[split] * _WORDS, right[split] * _WORDS, greater, here, right_at, at)
    for w in range(_WORDS):
        put_paths(leaf, w * ROWS_PER_WORD, right_at, w, depth)


@_compile
def _find_by_levels(
    codes: npt.NDArray[Any], leaf: npt.NDArray[Any], first: int, levels: int, begin: Ints, rank: npt.NDArray[Any],
    one: np.uint8,
) -> None:  # fmt: skip
    for place in range(0, LANES, ROWS_OF_LEVELS):
        put_levels(leaf, place, codes, begin, rank, first, levels, one)


@_compile
def _find_by_bits(
    codes: npt.NDArray[Any], leaf: npt.NDArray[Any], start: int, stop: int, begin: Ints, rank: npt.NDArray[Any],
    left: Indices, right: Indices, reach: npt.NDArray[np.uint64],
) -> None:  # fmt: skip
    splits = stop - start
    for w in range(_WORDS):
        reach[w] = _ALL
    for position in range(splits):
        split = np.uint64(start + position)
        code, number = begin[split], rank[split]
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
def _is_in_tables(way: int, first_table: int) -> bool:
    return first_table >= 0 and way != BY_STEPS


@_compile
def _add_several(
    codes: npt.NDArray[Any], total: npt.NDArray[Any], leaf: npt.NDArray[np.uint8], first: int, after: int, way: int,
    start: Ints, depth: Ints, begin: Ints, rank: npt.NDArray[Any], left: Indices, right: Indices,
    level: npt.NDArray[np.uint8], output: Ints, width: int, tables: npt.NDArray[np.uint8], first_table: Ints,
    words: npt.NDArray[np.uint32], by_signs: bool, reach: npt.NDArray[np.uint64], greater: npt.NDArray[np.uint64],
    right_at: npt.NDArray[np.uint64], one: np.uint8,
) -> None:  # fmt: skip
    size = MOST_LEAVES * total.itemsize
    for tree in range(first, after):
        low, high, levels, at, table = (
            start[tree],
            start[tree + 1],
            depth[tree],
            output[tree] * LANES,
            first_table[tree],
        )
        if way == BY_LEVELS:
            for place in range(0, LANES, ROWS_OF_LEVELS):
                if by_signs:
                    add_by_signs(
                        total, at + place, LANES, width, place, tables, table, codes, begin, words, low, levels
                    )
                else:
                    add_levels(
                        total, at + place, LANES, width, leaf, place, tables, table, codes, begin, rank, low, levels,
                        one,
                    )  # fmt: skip
            continue
        if way == BY_PATHS:
            _find_by_paths(codes, leaf, low, high, levels, begin, rank, left, right, level, reach, greater, right_at)
        else:
            _find_by_bits(codes, leaf, low, high, begin, rank, left, right, reach)
        for w in range(width):
            for place in range(0, LANES, ROWS_PER_WORD):
                add_from_table(total, at + w * LANES + place, leaf, place, tables, table + w * size)


@_compile
def add_leaves(
    X: npt.NDArray[Any], row_apart: int, column_apart: int, sums: npt.NDArray[Any], one: np.uint8,
    feature: Ints, cut_start: Ints, steps: Ints, cuts: Numbers, cell_start: Ints, cells: Indices,
    cell_low: Numbers, cell_scale: Numbers, strict: bool, column_start: Ints, column_kind: Ints, column_cuts: Ints,
    column_member: Ints, categories: Ints, member: npt.NDArray[np.uint8], output: Ints, way: Ints, start: Ints,
    column: Ints, rank: npt.NDArray[Any], left: Indices, right: Indices, level: npt.NDArray[np.uint8],
    first_link: Ints, links: npt.NDArray[np.uint64], depth: Ints, first_leaf: Ints, value: npt.NDArray[Any],
    tables: npt.NDArray[np.uint8], first_table: Ints, words: npt.NDArray[np.uint32], by_signs: bool,
    codes: npt.NDArray[Any], total: npt.NDArray[Any], byte: npt.NDArray[np.uint8], half: npt.NDArray[np.uint16],
    whole: npt.NDArray[np.uint32], reach: npt.NDArray[np.uint64], greater: npt.NDArray[np.uint64],
    right_at: npt.NDArray[np.uint64], x: Numbers, ranks: npt.NDArray[np.int32], category: Ints,
    bytes_of_category: npt.NDArray[np.uint8],
) -> None:  # fmt: skip
    """Add each row's leaf of each tree to `sums` (n, outputs).

    Parameters
    ----------
    X, row_apart, column_apart
        The rows, flat: row r has feature f at `X[r * row_apart + f * column_apart]`.
    one
        1, for `put_levels`.
    column, words
        (splits,): where the codes of what is compared begin; each rank four times.
    by_signs
        Whether symmetric trees are taken by `add_by_signs`.
    codes, total, ...
        Of `make_buffers`; `codes` has as many blocks of `LANES` rows as a tree takes before the next one.
    """
    rows, outputs, blocks = sums.shape[0], sums.shape[1], codes.shape[0]
    for begin in range(0, rows, blocks * LANES):
        filled = min(blocks, (rows - begin + LANES - 1) // LANES)
        for b in range(filled):
            low = begin + b * LANES
            count = min(LANES, rows - low)
            rank_rows(X, row_apart, column_apart, low, count, codes[b], feature, cut_start, steps, cuts,
                      cell_start, cells, cell_low, cell_scale, strict, column_start, column_kind, column_cuts,
                      column_member, categories, member, x, ranks, category, bytes_of_category)  # fmt: skip
            for r in range(count):
                for o in range(outputs):
                    total[b, o, r] = sums[low + r, o]
        tree = 0
        while tree < len(way):
            low_split, high_split, o = start[tree], start[tree + 1], output[tree]
            after = tree + 1
            while (
                _is_in_tables(way[tree], first_table[tree])
                and after < len(way)
                and way[after] == way[tree]
                and (first_table[after] >= 0)
            ):
                after += 1
            for b in range(filled):
                flat, kind = codes[b].reshape(-1), way[tree]
                if _is_in_tables(kind, first_table[tree]):
                    _add_several(
                        flat, total[b].reshape(-1), byte, tree, after, kind, start, depth, column, rank, left, right,
                        level, output, value.shape[1], tables, first_table, words, by_signs, reach, greater,
                        right_at, one,
                    )  # fmt: skip
                elif kind == BY_PATHS:
                    _find_by_paths(flat, byte, low_split, high_split, depth[tree], column, rank, left, right, level,
                                   reach, greater, right_at)  # fmt: skip
                    _add(total[b], byte, first_leaf[tree], o, value)
                elif kind == BY_LEVELS:
                    if depth[tree] <= 8:
                        _find_by_levels(flat, byte, low_split, depth[tree], column, rank, one)
                        _add(total[b], byte, first_leaf[tree], o, value)
                    else:
                        _find_by_levels(flat, half, low_split, depth[tree], column, rank, one)
                        _add(total[b], half, first_leaf[tree], o, value)
                elif kind == BY_STEPS:
                    _find_by_steps(codes[b], whole, depth[tree], links, first_link[tree])
                    _add(total[b], whole, first_leaf[tree], o, value)
                elif high_split - low_split < 256:
                    _find_by_bits(flat, byte, low_split, high_split, column, rank, left, right, reach)
                    _add(total[b], byte, first_leaf[tree], o, value)
                else:
                    _find_by_bits(flat, half, low_split, high_split, column, rank, left, right, reach)
                    _add(total[b], half, first_leaf[tree], o, value)
            tree = after
        for b in range(filled):
            low = begin + b * LANES
            for r in range(min(LANES, rows - low)):
                for o in range(outputs):
                    sums[low + r, o] = total[b, o, r]


def make_buffers(
    blocks: int, columns: int, outputs: int, most_splits: int, code: Any, cut: Any, value: Any
) -> list[Any]:
    """What `add_leaves` works in.

    Parameters
    ----------
    blocks, columns, outputs, most_splits
        Of rows; of codes; of the sums; of a tree.
    code, cut, value
        The types of codes, thresholds and sums.
    """
    return [
        np.zeros((blocks, columns, LANES), code),
        np.zeros((blocks, outputs, LANES), value),
        np.zeros(LANES, np.uint8),
        np.zeros(LANES, np.uint16),
        np.zeros(LANES, np.uint32),
        np.zeros((2 * most_splits + 1 + NUMBERS_AT_ONCE) * _WORDS, np.uint64),
        np.zeros((most_splits + 1) * _WORDS, np.uint64),
        np.zeros(_MOST_LEVELS * _WORDS, np.uint64),
        *make_rank_buffers(cut),
    ]
