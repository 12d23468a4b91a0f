"""Exact Shapley values of tree ensembles by tables: what a row adds is looked up by the answers that its values give.

A tree is cut into blocks, each a subtree with the path to it, such that few answers decide what a block's leaves do:
for each feature on the path whether the row follows all its splits, and for each condition inside whether it holds.
The attributions of a block's leaves for all 2 ** bits patterns of answers are computed beforehand, by the formula for
one leaf of `shap_kernel` (exact quadrature). A row costs one comparison per condition, and per block one lookup for
each of its features; another one gives the value of the leaf, so that the margin comes with the attributions.

Equal conditions of a tree are one bit: CatBoost's symmetric trees have as many as they have levels.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import Lock
from weakref import WeakKeyDictionary

import numpy as np

from mlops_assets.trees.ensemble import TreeEnsemble

MOST_BITS = 11
"""Of a block: tables of 16 KiB per feature stay in the first cache. More bits save lookups and cost memory."""
_MOST_CONDITIONS = 64
_MOST_NODES = 50_000
_MOST_SUMS = 8_192
"""Features times outputs: those of some rows must stay in the second cache."""
MOST_CELLS = 16 << 20
"""Numbers in all tables together: 128 MiB."""

# Nanoseconds of one core, measured.
_PER_CONDITION, _PER_RUN, PER_LOOKUP = 0.4, 0.4, 0.8
_PER_NODE_AND_POINT = 1.2
_PER_CELL_OF_LEAF = 2e-9


@dataclass(frozen=True)
class Leaf:
    """A leaf of a block: its value, and for each distinct feature on its path the product of shares and what to ask."""

    value: float
    feature: list[int]
    z: list[float]
    mask: list[int]
    want: list[int]


@dataclass(frozen=True)
class Block:
    """A subtree, and the features on the path to it.

    Attributes
    ----------
    features
        The columns that its leaves attribute to, those of the path first.
    path
        For each of these: mask and value of the tree's bits that say whether the row follows its splits.
    inside
        The tree's bits that are asked inside, in order.
    leaves
        `Leaf.feature` counts in `features`; `Leaf.mask` and `want` are of the bits inside.
    """

    features: list[int]
    path: list[tuple[int, int]]
    inside: list[int]
    leaves: list[Leaf]

    @property
    def bits(self) -> int:
        return len(self.path) + len(self.inside)


@dataclass(frozen=True)
class TreePlan:
    """The distinct conditions of a tree, as the nodes that have them first, and its blocks."""

    conditions: list[int]
    blocks: list[Block]


@dataclass(frozen=True)
class Plan:
    """How the trees of an ensemble are cut."""

    trees: list[TreePlan]

    @property
    def blocks(self) -> list[Block]:
        return [block for tree in self.trees for block in tree.blocks]

    @property
    def cells(self) -> int:
        """Numbers in all tables."""
        return sum((len(block.features) + 1) << block.bits for block in self.blocks)

    @property
    def seconds_to_fill(self) -> float:
        """About how long the tables take."""
        return _PER_CELL_OF_LEAF * sum(
            sum(2 * len(leaf.feature) + 2 for leaf in block.leaves) << block.bits for block in self.blocks
        )

    @property
    def nanoseconds_per_row(self) -> float:
        """About what a row costs."""
        return self.nanoseconds_to_ask + PER_LOOKUP * sum(len(block.features) + 1 for block in self.blocks)

    @property
    def nanoseconds_to_ask(self) -> float:
        """About what it costs to find a row's place in the tables of each block."""
        return _PER_CONDITION * sum(len(tree.conditions) for tree in self.trees) + _PER_RUN * sum(
            len(block.path) + len(runs_of(block.inside)) for block in self.blocks
        )


def runs_of(bits: list[int]) -> list[tuple[int, int]]:
    """Consecutive bits, as the first one and how many they are."""
    runs: list[tuple[int, int]] = []
    for bit in bits:
        if runs and bit == sum(runs[-1]):
            runs[-1] = runs[-1][0], runs[-1][1] + 1
        else:
            runs.append((bit, 1))
    return runs


def nanoseconds_of_walk(ensemble: TreeEnsemble) -> float:
    """About what a row costs the kernel that walks the trees."""
    walk = ensemble.walk
    visits = int(np.diff(walk.start) @ walk.points) * int(walk.leaf_value.shape[2])
    return _PER_NODE_AND_POINT * visits


def plan_tables(ensemble: TreeEnsemble, most_bits: int = MOST_BITS) -> Plan | None:
    """How trees are cut into blocks of `most_bits`; None where they are too large, or have several outputs each."""
    nodes = np.diff(ensemble.walk.start)
    sums = len(ensemble.outputs) * (ensemble.n_features + 1)
    if ensemble.value.shape[1] > 1 or nodes.sum() > _MOST_NODES or sums > _MOST_SUMS or not nodes.any():
        return None
    trees, cells = [], 0
    for root in ensemble.roots.tolist():
        tree = _Planner(ensemble, root, most_bits).plan()
        if tree is None:
            return None
        trees.append(tree)
        cells += Plan([tree]).cells
        if cells > MOST_CELLS:
            return None
    return Plan(trees)


_Path = dict[int, tuple[float, int, int]]
"""feature -> product of shares, mask, want."""


@dataclass
class _Planner:
    """Cuts one tree."""

    ensemble: TreeEnsemble
    root: int
    most_bits: int
    bit_of: dict[tuple[int, float, int], int] = field(default_factory=dict)
    conditions: list[int] = field(default_factory=list)
    inside: dict[int, int] = field(default_factory=dict)
    """node -> the bits of the conditions in its subtree."""

    def plan(self) -> TreePlan | None:
        left, right = self.ensemble.left, self.ensemble.right
        order, stack = [], [self.root]
        while stack:
            node = stack.pop()
            order.append(node)
            if left[node] >= 0:
                self._bit(node)
                stack += [int(right[node]), int(left[node])]
        if len(self.conditions) > _MOST_CONDITIONS:
            return None
        for node in reversed(order):
            self.inside[node] = 0
            if left[node] >= 0:
                below = self.inside[int(left[node])] | self.inside[int(right[node])]
                self.inside[node] = below | 1 << self._bit(node)
        return TreePlan(self.conditions, [self._block(node, path) for node, path in self._roots()])

    def _bit(self, node: int) -> int:
        one = self.ensemble
        condition = int(one.feature[node]), float(one.threshold[node]), int(one.decision[node])
        if condition not in self.bit_of:
            self.bit_of[condition] = len(self.conditions)
            self.conditions.append(node)
        return self.bit_of[condition]

    def _roots(self) -> Iterator[tuple[int, _Path]]:
        """The largest subtrees that are decided by few bits, and the paths to them, from left to right."""
        stack: list[tuple[int, _Path]] = [(self.root, {})]
        while stack:
            node, path = stack.pop()
            if self.ensemble.left[node] < 0 or len(path) + self.inside[node].bit_count() <= self.most_bits:
                yield node, path
            else:
                stack += reversed(list(self._children(node, path, self._bit(node))))

    def _children(self, node: int, path: _Path, bit: int) -> Iterator[tuple[int, _Path]]:
        one = self.ensemble
        left, right, feature = int(one.left[node]), int(one.right[node]), int(one.feature[node])
        total = float(one.cover[left] + one.cover[right])
        share = float(one.cover[left]) / total if total > 0 else 0.5
        z, mask, want = path.get(feature, (1.0, 0, 0))
        for child, part, value in ((left, share, 1), (right, 1 - share, 0)):
            asked, wanted = mask >> bit & 1, want >> bit & 1
            # A bit that is wanted both ways is wanted outside the mask, and stays so: no row has it.
            never = wanted != value if asked else wanted
            known = mask & ~(1 << bit) if never else mask | 1 << bit
            yield child, {**path, feature: (z * part, known, want | (1 if never else value) << bit)}

    def _block(self, root: int, path: _Path) -> Block:
        inside = [bit for bit in range(len(self.conditions)) if self.inside[root] >> bit & 1]
        place_of_bit = {bit: place for place, bit in enumerate(inside)}
        features = list(path)
        leaves: list[Leaf] = []
        stack: list[tuple[int, _Path]] = [(root, {})]
        while stack:
            node, below = stack.pop()
            if self.ensemble.left[node] >= 0:
                stack += reversed(list(self._children(node, below, place_of_bit[self._bit(node)])))
                continue
            parts = {feature: (z, 0, 0) for feature, (z, _, _) in path.items()}
            for feature, (z, mask, want) in below.items():
                parts[feature] = parts.get(feature, (1.0, 0, 0))[0] * z, mask, want
                if feature not in features:
                    features.append(feature)
            leaves.append(
                Leaf(
                    float(self.ensemble.value[node, 0]),
                    [features.index(feature) for feature in parts],
                    *(list(column) for column in zip(*parts.values(), strict=True)),
                )
                if parts
                else Leaf(float(self.ensemble.value[node, 0]), [], [], [], [])
            )
        return Block(features, [(mask, want) for _, mask, want in path.values()], inside, leaves)


MOST_SECONDS_TO_FILL = 4.0
"""Of all tables of an ensemble; beyond it they do not pay."""
_made: "WeakKeyDictionary[TreeEnsemble, Plan | None]" = WeakKeyDictionary()
_making = Lock()


def choose_plan(ensemble: TreeEnsemble) -> Plan | None:
    """The plan, where tables are the faster way for many rows: it follows from the trees alone."""
    with _making:
        if ensemble not in _made:
            plan = plan_tables(ensemble)
            if plan is not None and (
                plan.seconds_to_fill > MOST_SECONDS_TO_FILL or plan.nanoseconds_per_row > nanoseconds_of_walk(ensemble)
            ):
                plan = None
            _made[ensemble] = plan
        return _made[ensemble]
