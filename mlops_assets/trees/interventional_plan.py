"""How rows are looked up in tables of interventional attributions: which decisions make up the index of which table.

A *player* is what is known or not as a whole: an input column, with all columns of the model's matrix that come from
it. A tree is cut into *blocks*: subtrees of which a row's attributions follow from few bits. These are, for each player
that the path to the subtree splits on, whether the row satisfies all of the path's splits on it; and the subtree's own
decisions, equal ones counted once (the levels of an oblivious tree are one decision each). A block has a table of
2^bits lines, one column per player; small trees are one block, deep ones end in blocks of a single leaf. Where a leaf
has many players, its table has the two numbers per pattern from which the line follows (`interventional_tables`).

A *signal* is a bit per row: first the tree's distinct decisions, then conjunctions of two earlier signals, one of which
or both may be negated. A *literal* is a signal and the value wanted of it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from mlops_assets.trees.arrays import Floats, Ints
from mlops_assets.trees.ensemble import CATEGORICAL, TreeEnsemble
from mlops_assets.trees.input_columns import Sources

BLOCK_BITS = 8
"""A subtree of at most so many bits is one block."""
LINE_BITS = 6
"""A block that is a leaf with more players on its path has two numbers per pattern in place of a line of them."""
LEAF_BITS = 16
"""The most distinct players on a path of a tree that has tables."""
MOST_COLUMNS = 64
"""The most distinct columns on a path of a tree that has tables."""
MOST_LEAVES = 4096
"""Of a tree that has tables: larger ones have too many paths of too many features."""
MOST_NUMBERS = 1 << 26
"""Numbers (of eight bytes) in all tables of a model."""

_MOST_DEPTH = 400

Literal = tuple[int, int]
Path = dict[int, Literal]


@dataclass
class Plan:
    """The tables of some trees of an ensemble; lists of numbers, from which `arrays` makes the kernel's arrays.

    Attributes
    ----------
    trees
        Those that have tables.
    skipped
        Those that have none: too many leaves, or too many players on a path.
    numbers
        In all tables together.
    counts
        In all histograms of the background together: 2^players for each leaf.
    """

    trees: list[int] = field(default_factory=list)
    skipped: list[int] = field(default_factory=list)
    numbers: int = 0
    counts: int = 0
    decision_start: list[int] = field(default_factory=lambda: [0])
    decision_node: list[int] = field(default_factory=list)
    and_start: list[int] = field(default_factory=lambda: [0])
    and_of_rows: list[int] = field(default_factory=list)
    ands: list[tuple[int, int, int, int]] = field(default_factory=list)
    block_start: list[int] = field(default_factory=lambda: [0])
    bit_start: list[int] = field(default_factory=lambda: [0])
    bits: list[int] = field(default_factory=list)
    column_start: list[int] = field(default_factory=lambda: [0])
    columns: list[int] = field(default_factory=list)
    table_start: list[int] = field(default_factory=lambda: [0])
    has_lines: list[int] = field(default_factory=list)
    leaf_start: list[int] = field(default_factory=lambda: [0])
    leaf_node: list[int] = field(default_factory=list)
    count_start: list[int] = field(default_factory=lambda: [0])
    factor_start: list[int] = field(default_factory=lambda: [0])
    factors: list[tuple[int, int, int, int, int]] = field(default_factory=list)

    def arrays(self, ensemble: TreeEnsemble) -> "PlanArrays":
        node = np.array(self.decision_node, np.int64)
        ands = np.array(self.ands, np.int64).reshape(-1, 4)
        factors = np.array(self.factors, np.int64).reshape(-1, 5)
        return PlanArrays(
            tree_output=np.ascontiguousarray(ensemble.tree_output[self.trees].astype(np.int64)),
            decision_start=_ints(self.decision_start),
            feature=np.ascontiguousarray(ensemble.feature[node].astype(np.int64)),
            threshold=np.ascontiguousarray(ensemble.threshold[node]),
            decision=np.ascontiguousarray(ensemble.decision[node]),
            and_start=_ints(self.and_start),
            and_of_rows=_ints(self.and_of_rows),
            ands=np.ascontiguousarray(ands),
            block_start=_ints(self.block_start),
            bit_start=_ints(self.bit_start),
            bits=_ints(self.bits),
            column_start=_ints(self.column_start),
            columns=_ints(self.columns),
            table_start=_ints(self.table_start),
            has_lines=_ints(self.has_lines),
            leaf_start=_ints(self.leaf_start),
            leaf_node=_ints(self.leaf_node),
            count_start=_ints(self.count_start),
            factor_start=_ints(self.factor_start),
            factors=np.ascontiguousarray(factors),
        )


@dataclass(frozen=True)
class PlanArrays:
    """A `Plan` as the kernels read it. ``x_start[i] : x_start[i + 1]`` are i's entries in x.

    Attributes
    ----------
    tree_output
        (trees,): see `TreeEnsemble`.
    decision_start, feature, threshold, decision
        Per tree, its distinct decisions.
    and_start, and_of_rows, ands
        Per tree, its conjunctions (signal, wanted, signal, wanted); the first `and_of_rows` are those of blocks.
    block_start, bit_start, bits, column_start, columns, table_start, has_lines
        Per tree, its blocks; per block, the signals of its bits, the players of its columns, where in the tables it
        begins, and whether it has lines (1) or two numbers per pattern (0).
    leaf_start, leaf_node, count_start
        Per block, its leaves; where each one's histogram begins.
    factor_start, factors
        Per leaf, its path's players: (column in the block, mask, bits wanted under the mask, signal, wanted).
    """

    tree_output: Ints
    decision_start: Ints
    feature: Ints
    threshold: Floats
    decision: npt.NDArray[np.uint8]
    and_start: Ints
    and_of_rows: Ints
    ands: Ints
    block_start: Ints
    bit_start: Ints
    bits: Ints
    column_start: Ints
    columns: Ints
    table_start: Ints
    has_lines: Ints
    leaf_start: Ints
    leaf_node: Ints
    count_start: Ints
    factor_start: Ints
    factors: Ints


def make_plan(ensemble: TreeEnsemble, sources: Sources) -> Plan:
    """Tables for the trees that they are possible and affordable for, the smallest first.

    It depends on the model alone: not on the background, nor on the rows.
    """
    plan, trees = Plan(), list(_trees(ensemble, sources[ensemble.feature]))
    sizes = np.array([MOST_NUMBERS + 1 if tree is None else tree.numbers for tree in trees])
    order = np.argsort(sizes, kind="stable")
    affordable = set(order[: np.searchsorted(np.cumsum(sizes[order]), MOST_NUMBERS, side="right")].tolist())
    for number, tree in enumerate(trees):
        if tree is not None and number in affordable:
            tree.add_to(plan, number)
        else:
            plan.skipped.append(number)
    return plan


def _trees(ensemble: TreeEnsemble, players: Ints) -> Iterator["_Tree | None"]:
    stops = [*ensemble.roots[1:].tolist(), len(ensemble.left)]
    width = ensemble.walk.leaf_value.shape[2]
    for root, stop, points in zip(ensemble.roots.tolist(), stops, ensemble.walk.points.tolist(), strict=True):
        # Twice the points are the most distinct columns on a path, or one more.
        if (stop - root + 1) // 2 > MOST_LEAVES or 2 * points > MOST_COLUMNS:
            yield None
            continue
        tree = _Tree(ensemble, players, root, stop, width)
        yield tree if tree.is_possible else None


class _Tree:
    """One tree, cut into blocks."""

    def __init__(self, ensemble: TreeEnsemble, players: Ints, root: int, stop: int, width: int) -> None:
        nodes = slice(root, stop)
        self._root, self._width = root, width
        self._left, self._right = ensemble.left[nodes].tolist(), ensemble.right[nodes].tolist()
        self._player = players[nodes].tolist()
        self._decision, self.decision_node = _distinct_decisions(ensemble, root, stop)
        self.ands: dict[tuple[int, int, int, int], int] = {}
        self.blocks: list[tuple[int, Path]] = []
        self.numbers = 0
        self._inner = self._inner_decisions()
        self.is_possible = self._inner is not None
        if self.is_possible:
            self._cut(root, {})
        self.and_of_rows = len(self.ands)

    def _inner_decisions(self) -> list[frozenset[int]] | None:
        """Per node, the distinct decisions below it; None where the tree is too deep for this."""
        order, depth, open_ = [], 0, [(self._root, 0)]
        while open_:
            node, level = open_.pop()
            order.append(node)
            depth = max(depth, level)
            if self._left[node - self._root] >= 0:
                open_ += [(self._left[node - self._root], level + 1), (self._right[node - self._root], level + 1)]
        if depth > _MOST_DEPTH:
            return None
        below: list[frozenset[int]] = [frozenset()] * len(self._left)
        for node in reversed(order):
            at = node - self._root
            if self._left[at] >= 0:
                one, two = below[self._left[at] - self._root], below[self._right[at] - self._root]
                below[at] = one | two | {self._decision[at]}
        return below

    def _conjunction(self, path: Path, player: int, new: Literal) -> Literal:
        old = path.get(player)
        if old is None or old == new:
            return new
        key = (*old, *new)
        return self.ands.setdefault(key, len(self.decision_node) + len(self.ands)), 1

    def _children(self, node: int) -> tuple[tuple[int, int], tuple[int, int]]:
        at = node - self._root
        return (self._left[at], 1), (self._right[at], 0)

    def _cut(self, node: int, path: Path) -> None:
        assert self._inner is not None
        at = node - self._root
        if self._left[at] < 0 or len(path) + len(self._inner[at]) <= BLOCK_BITS:
            bits = len(path) + len(self._inner[at])
            columns = path.keys() | {self._player[self.decision_node[each] - self._root] for each in self._inner[at]}
            self.is_possible = self.is_possible and len(path) <= LEAF_BITS
            self.numbers += self._size(node, len(columns), bits)
            self.blocks.append((node, path))
            return
        player, decision = self._player[at], self._decision[at]
        for child, wanted in self._children(node):
            self._cut(child, {**path, player: self._conjunction(path, player, (decision, wanted))})

    def _is_long(self, node: int, bits: int) -> bool:
        return self._left[node - self._root] < 0 and bits > LINE_BITS

    def _size(self, node: int, columns: int, bits: int) -> int:
        return (2 if self._is_long(node, bits) else columns * self._width) << bits

    def add_to(self, plan: Plan, tree: int) -> None:
        """Append the tree to a plan."""
        assert self._inner is not None
        for node, path in self.blocks:
            above, inner = list(path), sorted(self._inner[node - self._root])
            columns = {name: place for place, name in enumerate(above)}
            place_of_bit = {decision: len(above) + place for place, decision in enumerate(inner)}
            bits = [path[name][0] for name in above] + inner
            start = {name: (1 << place, path[name][1] << place) for place, name in enumerate(above)}
            self._add_leaves(plan, node, path, start, columns, place_of_bit)
            plan.bits += bits
            plan.bit_start.append(len(plan.bits))
            plan.columns += columns
            plan.column_start.append(len(plan.columns))
            plan.leaf_start.append(len(plan.leaf_node))
            plan.has_lines.append(int(not self._is_long(node, len(bits))))
            plan.table_start.append(plan.table_start[-1] + self._size(node, len(columns), len(bits)))
        plan.numbers = plan.table_start[-1]
        plan.trees.append(tree)
        plan.decision_node += self.decision_node
        plan.decision_start.append(len(plan.decision_node))
        plan.ands += self.ands
        plan.and_start.append(len(plan.ands))
        plan.and_of_rows.append(self.and_of_rows)
        plan.block_start.append(len(plan.bit_start) - 1)

    def _add_leaves(
        self, plan: Plan, node: int, path: Path, masks: dict[int, tuple[int, int]], columns: dict[int, int],
        place_of_bit: dict[int, int],
    ) -> None:  # fmt: skip
        at = node - self._root
        if self._left[at] < 0:
            plan.factors += [(columns[name], *masks[name], *path[name]) for name in path]
            plan.factor_start.append(len(plan.factors))
            plan.leaf_node.append(node)
            plan.counts += 1 << len(path)
            plan.count_start.append(plan.counts)
            return
        player, decision = self._player[at], self._decision[at]
        columns.setdefault(player, len(columns))
        bit = place_of_bit[decision]
        mask, wanted_before = masks.get(player, (0, 0))
        for child, wanted in self._children(node):
            if mask >> bit & 1 and wanted_before >> bit & 1 != wanted:
                continue  # no row goes there
            below = {**path, player: self._conjunction(path, player, (decision, wanted))}
            new = (mask | 1 << bit, wanted_before | wanted << bit)
            self._add_leaves(plan, child, below, {**masks, player: new}, columns, place_of_bit)


def _distinct_decisions(ensemble: TreeEnsemble, root: int, stop: int) -> tuple[list[int], list[int]]:
    """Per node, the number of its decision (-1 in a leaf); per decision, a node that takes it."""
    numbers: dict[tuple[Any, ...], int] = {}
    result = [-1] * (stop - root)
    node_of: list[int] = []
    for node in range(root, stop):
        if ensemble.left[node] < 0:
            continue
        flags, threshold = int(ensemble.decision[node]), float(ensemble.threshold[node])
        split: float | bytes = threshold
        if flags & CATEGORICAL:
            first, last = ensemble.set_start[int(threshold)], ensemble.set_start[int(threshold) + 1]
            split = ensemble.set_words[first:last].tobytes()
        key = (int(ensemble.feature[node]), split, flags)
        if key not in numbers:
            numbers[key] = len(node_of)
            node_of.append(node)
        result[node - root] = numbers[key]
    return result, node_of


def _ints(values: list[int]) -> Ints:
    return np.array(values, np.int64)
