"""From an ensemble to trees that compare ranks: columns of codes, and the way in which each tree is taken."""

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mlops_assets.trees.arrays import Floats, Ints
from mlops_assets.trees.ensemble import CATEGORICAL, MISSING_LEFT, ZERO_IS_MISSING, TreeEnsemble
from mlops_assets.trees.ranked_trees import RankedTrees
from mlops_assets.trees.ranking import BY_BITS, BY_STEPS, CATEGORIES, MISSING_GREATEST, ZERO_MISSING

_BITS_PER_STEP = 20
"""Splits that are compared for 64 rows at once in the time of one step of 64 rows from a node to its child."""
_MOST_BY_BITS = 2**16
_MOST_RANKS, _MOST_COLUMNS, _MOST_NODES = 2**24 - 1, 2**12, 2**28
_MOST_MEMBERS = 2**26


@dataclass
class _Columns:
    """Ranks the splits of an ensemble: which column a node compares, and with which number."""

    ensemble: TreeEnsemble
    strict: bool

    def __post_init__(self) -> None:
        ensemble = self.ensemble
        inner = np.flatnonzero(ensemble.left >= 0)
        self.column = np.zeros(len(ensemble.left), np.int64)
        self.rank = np.zeros(len(ensemble.left), np.int64)
        kinds: list[int] = []
        counts: list[int] = []
        members: list[int] = []
        cuts: list[Floats] = []
        tables: list[npt.NDArray[np.uint8]] = []
        cut_start, steps, column_start, categories = [], [], [0], []
        self.feature = np.unique(ensemble.feature[inner]).astype(np.int64)
        order = inner[np.argsort(ensemble.feature[inner], kind="stable")]
        bounds = np.searchsorted(ensemble.feature[order], [*self.feature, ensemble.n_features])
        place = total = 0
        self.fits = True
        for low, high in itertools.pairwise(bounds.tolist()):
            nodes = order[low:high]
            in_sets = (ensemble.decision[nodes] & CATEGORICAL) != 0
            numeric, categorical = nodes[~in_sets], nodes[in_sets]
            known, rank = np.unique(ensemble.threshold[numeric] + 0.0, return_inverse=True)
            self.rank[numeric] = rank
            size = (1 << len(known).bit_length()) - 1
            padding = np.full(size - len(known), np.nan)
            cut_start.append(total)
            steps.append((size + 1) // 2)
            cuts.append(np.concatenate([known, padding]))
            total += size
            flags = ensemble.decision[numeric] & (MISSING_LEFT | ZERO_IS_MISSING)
            for treatment in np.unique(flags).tolist():
                self.column[numeric[flags == treatment]] = len(kinds)
                kind = 0 if treatment & MISSING_LEFT else MISSING_GREATEST
                kinds.append(kind | (ZERO_MISSING if treatment & ZERO_IS_MISSING else 0))
                counts.append(len(known))
                members.append(0)
            categories.append(self._add_sets(categorical, kinds, counts, members, tables, place))
            place = sum(map(len, tables)) if len(categorical) else place
            column_start.append(len(kinds))
            if place > _MOST_MEMBERS:
                self.fits = False
                return
        self.cut_start, self.steps = np.array(cut_start, np.int64), np.array(steps, np.int64)
        self.cuts = np.concatenate([*cuts, np.zeros(1)])
        self.column_start, self.kinds = np.array(column_start, np.int64), np.array(kinds, np.int64)
        self.counts, self.members = np.array(counts, np.int64), np.array(members, np.int64)
        self.categories = np.array(categories, np.int64)
        self.table = np.concatenate([*tables, np.zeros(1, np.uint8)])
        self.fits = int(self.counts.max(initial=0)) < _MOST_RANKS

    def _add_sets(
        self,
        nodes: Ints,
        kinds: list[int],
        counts: list[int],
        members: list[int],
        tables: list[npt.NDArray[np.uint8]],
        place: int,
    ) -> int:
        """A column for each set of categories that occurs at these nodes; how many categories are known."""
        if not len(nodes):
            return -1
        ensemble = self.ensemble
        starts, words = ensemble.set_start, ensemble.set_words
        sets = ensemble.threshold[nodes].astype(np.int64)
        width = 32 * int((starts[sets + 1] - starts[sets]).max())
        seen: dict[bytes, int] = {}
        for node, number in zip(nodes.tolist(), sets.tolist(), strict=True):
            goes_left = np.zeros(width + 2, np.uint8)
            bits = np.unpackbits(words[starts[number] : starts[number + 1]].view(np.uint8), bitorder="little")
            goes_left[: len(bits)] = bits
            goes_left[width + 1] = 1 if ensemble.decision[node] & MISSING_LEFT else 0
            key = goes_left.tobytes()
            if key not in seen:
                seen[key] = len(kinds)
                kinds.append(CATEGORIES)
                counts.append(1)
                members.append(place)
                tables.append(1 - goes_left)
                place += width + 2
                if place > _MOST_MEMBERS:
                    break
            self.column[node] = seen[key]
        return width


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
    columns = _Columns(ensemble, strict)
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
        first_link=np.array(trees.first_link, np.int64),
        links=np.concatenate([*trees.links, np.zeros(1, np.uint64)]),
        depth=np.array(trees.depth, np.int64),
        first_leaf=np.array(trees.first_leaf, np.int64),
        value=np.ascontiguousarray(value[np.concatenate(trees.leaves)], dtype),
    )


class _Trees:
    """Each tree in the way that is the fastest for it."""

    def __init__(self, ensemble: TreeEnsemble, columns: _Columns) -> None:
        self.fits = True
        self.way: list[int] = []
        self.start, self.splits = [0], np.zeros(0, np.int64)
        self.left: list[int] = []
        self.right: list[int] = []
        self.first_link: list[int] = []
        self.links: list[npt.NDArray[np.uint64]] = []
        self.depth: list[int] = []
        self.first_leaf: list[int] = []
        self.leaves: list[Ints] = []
        self._ensemble, self._columns = ensemble, columns
        splits: list[Ints] = []
        links = leaves = 0
        for root in ensemble.roots.tolist():
            order, depth = self._breadth_first(root)
            inner = ensemble.left[order] >= 0
            count = int(inner.sum())
            self.first_link.append(links)
            self.first_leaf.append(leaves)
            self.depth.append(depth)
            if count < min(_MOST_BY_BITS, _BITS_PER_STEP * depth) or not count:
                self.way.append(BY_BITS)
                self._add_bits(order, inner)
                splits.append(order[inner])
                self.leaves.append(order[~inner])
                leaves += len(order) - count
            else:
                self.way.append(BY_STEPS)
                self._add_links(order, inner)
                self.leaves.append(order)
                links += len(order)
                leaves += len(order)
            self.start.append(self.start[-1] + (count if self.way[-1] == BY_BITS else 0))
        self.splits = np.concatenate([*splits, np.zeros(0, np.int64)])

    def _breadth_first(self, root: int) -> tuple[Ints, int]:
        left, right = self._ensemble.left, self._ensemble.right
        levels = []
        level = np.array([root], np.int64)
        while len(level):
            levels.append(level)
            inner = level[left[level] >= 0]
            level = np.stack([left[inner], right[inner]], axis=1).ravel().astype(np.int64)
        return np.concatenate(levels), len(levels) - 1

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
        rank = np.where(inner, columns.rank[order], _MOST_RANKS).astype(np.uint64)
        self.links.append((child << np.uint64(36)) | (column << np.uint64(24)) | rank)
