"""From an ensemble to trees that compare ranks: columns of codes, and the way in which each tree is taken."""

from typing import Any

import numpy as np
import numpy.typing as npt

from mlops_assets.trees.arrays import Ints
from mlops_assets.trees.ensemble import TreeEnsemble
from mlops_assets.trees.rank_columns import RankedColumns
from mlops_assets.trees.ranked_trees import RankedTrees
from mlops_assets.trees.ranking import BY_BITS, BY_LEVELS, BY_PATHS, BY_STEPS, MOST_RANKS

_BITS_PER_STEP = 20
"""Splits that are compared for 64 rows at once in the time of one step of 64 rows from a node to its child."""
_MOST_BY_BITS = 2**16
_MOST_LEVELS = 16
_MOST_PATH = 8
"""Levels of a tree whose leaves are numbered by their paths."""
_LEAST_SHARE = 16
"""A tree of so few splits, compared with a complete one, is no longer numbered so."""
_MOST_COLUMNS, _MOST_NODES = 2**12, 2**28


def rank_trees(
    ensemble: TreeEnsemble,
    *,
    strict: bool = False,
    value: npt.NDArray[Any] | None = None,
    dtype: npt.DTypeLike = np.float64,
) -> RankedTrees | None:
    """The ensemble's trees for the kernel; None where there are more columns, ranks or categories than it takes.

    Parameters
    ----------
    strict
        The ensemble's thresholds are the smallest values that go right, not the largest that go left.
    value
        (nodes, width): what leaves add, in place of `ensemble.value`.
    dtype
        The precision in which leaves are added.
    """
    single = ensemble.float32_inputs or np.dtype(dtype) == np.float32
    columns = RankedColumns(ensemble, np.dtype(np.float32 if single else np.float64), strict)
    if not columns.fits:
        return None
    value = ensemble.value if value is None else value
    trees = _Trees(ensemble, columns)
    if not trees.fits:
        return None
    least = 2 if BY_STEPS in trees.way else 1
    largest = int(columns.counts.max(initial=0))
    code = np.dtype(np.uint8 if largest < 256 and least == 1 else np.uint16 if largest < 2**16 else np.uint32)
    return RankedTrees(
        feature=columns.feature,
        cut_start=columns.cut_start,
        steps=columns.steps,
        cuts=columns.cuts,
        cell_start=columns.cell_start,
        cells=columns.cells,
        cell_low=columns.cell_low,
        cell_scale=columns.cell_scale,
        strict=strict,
        column_start=columns.column_start,
        column_kind=columns.kinds,
        column_cuts=columns.counts,
        column_member=columns.members,
        categories=columns.categories,
        member=columns.table,
        output=np.ascontiguousarray(ensemble.tree_output, np.int64),
        way=np.array(trees.way, np.int64),
        start=np.array(trees.start, np.int64),
        column=columns.column[trees.splits],
        rank=columns.rank[trees.splits].astype(code),
        left=np.array(trees.left, np.int32),
        right=np.array(trees.right, np.int32),
        level=np.array(trees.level, np.uint8),
        first_link=np.array(trees.first_link, np.int64),
        links=np.concatenate([*trees.links, np.zeros(1, np.uint64)]),
        depth=np.array(trees.depth, np.int64),
        first_leaf=np.array(trees.first_leaf, np.int64),
        value=np.ascontiguousarray(value[np.concatenate(trees.leaves)], dtype),
    )


class _Trees:
    """Each tree in the way that is the fastest for it."""

    def __init__(self, ensemble: TreeEnsemble, columns: RankedColumns) -> None:
        self.fits = True
        self.way: list[int] = []
        self.start, self.splits = [0], np.zeros(0, np.int64)
        self.left: list[int] = []
        self.right: list[int] = []
        self.level: list[int] = []
        self.first_link: list[int] = []
        self.links: list[npt.NDArray[np.uint64]] = []
        self.depth: list[int] = []
        self.first_leaf: list[int] = []
        self.leaves: list[Ints] = []
        self._ensemble, self._columns = ensemble, columns
        splits: list[Ints] = []
        links = leaves = 0
        for root in ensemble.roots.tolist():
            order, sizes = self._breadth_first(root)
            depth = len(sizes) - 1
            inner = ensemble.left[order] >= 0
            count = int(inner.sum())
            self.first_link.append(links)
            self.first_leaf.append(leaves)
            self.depth.append(depth)
            compared = order[inner]
            if 0 < depth <= _MOST_LEVELS and (one_each := self._one_per_level(compared, depth)) is not None:
                self.way.append(BY_LEVELS)
                self.left += [0] * depth
                self.right += [0] * depth
                self.level += range(depth)
                self.leaves.append(self._by_path(order, sizes))
                compared = one_each
            elif 0 < depth <= _MOST_PATH and count * _LEAST_SHARE >= 2**depth:
                self.way.append(BY_PATHS)
                self._add_paths(order, inner, sizes)
                self.leaves.append(self._by_path(order, sizes))
            elif count < min(_MOST_BY_BITS, _BITS_PER_STEP * depth) or not count:
                self.way.append(BY_BITS)
                self._add_bits(order, inner)
                self.level += [0] * count
                self.leaves.append(order[~inner])
            else:
                self.way.append(BY_STEPS)
                self._add_links(order, inner)
                self.leaves.append(order)
                links += len(order)
                compared = compared[:0]
            splits.append(compared)
            leaves += len(self.leaves[-1])
            self.start.append(self.start[-1] + len(compared))
        self.splits = np.concatenate([*splits, np.zeros(0, np.int64)])

    def _breadth_first(self, root: int) -> tuple[Ints, list[int]]:
        """The nodes level by level, and how many there are on each."""
        left, right = self._ensemble.left, self._ensemble.right
        levels = []
        level = np.array([root], np.int64)
        while len(level):
            levels.append(level)
            inner = level[left[level] >= 0]
            level = np.stack([left[inner], right[inner]], axis=1).ravel().astype(np.int64)
        return np.concatenate(levels), [len(level) for level in levels]

    def _one_per_level(self, compared: Ints, depth: int) -> Ints | None:
        """(depth,): a split of each level where the tree is symmetric: complete, and each level compares one thing."""
        if len(compared) != 2**depth - 1:
            return None
        first = compared[2 ** np.arange(depth) - 1]
        level = np.repeat(np.arange(depth), 2 ** np.arange(depth))
        column, rank = self._columns.column, self._columns.rank
        same = (column[compared] == column[first][level]) & (rank[compared] == rank[first][level])
        return first if same.all() else None

    def _by_path(self, order: Ints, sizes: list[int]) -> Ints:
        """(2 ** depth,): the leaf whose path has these bits, the first step the lowest; any node for other numbers."""
        left, right = self._ensemble.left, self._ensemble.right
        found = np.full(2 ** (len(sizes) - 1), order[0], np.int64)
        level, path = order[:1], np.zeros(1, np.int64)
        for depth in range(len(sizes)):
            inner = left[level] >= 0
            found[path[~inner]] = level[~inner]
            children = np.stack([left[level[inner]], right[level[inner]]], axis=1).ravel().astype(np.int64)
            path = np.stack([path[inner], path[inner] | (1 << depth)], axis=1).ravel()
            level = children
        return found

    def _add_paths(self, order: Ints, inner: npt.NDArray[np.bool_], sizes: list[int]) -> None:
        """Splits breadth first; all leaves are one place behind them, where nothing is looked for."""
        count = int(inner.sum())
        place = np.where(inner, np.cumsum(inner) - 1, count)
        self.left += place[1::2].tolist()
        self.right += place[2::2].tolist()
        self.level += np.repeat(np.arange(len(sizes)), sizes)[inner].tolist()

    def _add_bits(self, order: Ints, inner: npt.NDArray[np.bool_]) -> None:
        """Splits first, then leaves, each of them breadth first: a parent comes before its children."""
        count = int(inner.sum())
        place = np.where(inner, np.cumsum(inner) - 1, count + np.cumsum(~inner) - 1)
        # In breadth-first order the children of the k-th split are nodes 2k + 1 and 2k + 2.
        self.left += place[1::2].tolist()
        self.right += place[2::2].tolist()

    def _add_links(self, order: Ints, inner: npt.NDArray[np.bool_]) -> None:
        columns = self._columns
        if len(columns.kinds) > _MOST_COLUMNS or len(order) >= _MOST_NODES:
            self.fits = False
            return
        child = np.where(inner, 2 * np.cumsum(inner) - 1, np.arange(len(order))).astype(np.uint64)
        column = np.where(inner, columns.column[order], 0).astype(np.uint64)
        rank = np.where(inner, columns.rank[order], MOST_RANKS).astype(np.uint64)
        self.links.append((child << np.uint64(36)) | (column << np.uint64(24)) | rank)
