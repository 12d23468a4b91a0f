"""Tree models as arrays: what the kernels read, whichever library grew the trees.

`read.read_ensemble` turns a fitted model into a `TreeEnsemble`, `margin.raw_margin` sums its trees, and
`shap_values.tree_shap` attributes the sum to the columns, reading
the trees in the order of its walk (`TreeEnsemble.walk`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from mlops_assets.trees.arrays import Flags, Floats, Indices, Ints, Space, Words
from mlops_assets.trees.ranking import ZERO_THRESHOLD

MISSING_LEFT = 1
"""Decision flag: a missing value goes left (else right)."""
ZERO_IS_MISSING = 2
"""Decision flag: a zero (up to `ZERO_THRESHOLD`) is a missing value (LightGBM's `zero_as_missing`)."""
CATEGORICAL = 4
"""Decision flag: a value whose integer part is in the node's category set goes left; missing ones as above."""
FLIPPED = 8
"""Decision flag, in a `Walk` only: the first child is the right one."""

TWO_LEAVES, ONE_LEAF, NO_LEAF = 0, 1, 2
"""How many leaves a node of a `Walk` has as children."""


@dataclass(frozen=True)
class Walk:
    """The inner nodes of all trees, depth first: the kernel reads each of these arrays once, from front to back.

    The first child of a node is its left one, except that a lone inner child always comes first (flag `FLIPPED`).

    Attributes
    ----------
    start
        (trees + 1,): where each tree begins; equal neighbours are trees of one leaf.
    feature, threshold, decision
        (inner nodes,): the split, as in `TreeEnsemble`.
    kind
        (inner nodes,): `TWO_LEAVES`, `ONE_LEAF` (the second child) or `NO_LEAF`.
    fraction
        (inner nodes,): the first child's share of the node's cover, in [0, 1].
    leaf_value
        (inner nodes, 2, width): values of the children that are leaves, first and second; zero elsewhere.
    points
        (trees,): half the largest number of distinct features on a path, rounded up.
    depth
        The largest number of splits on a path.
    expected
        (outputs,): the trees' output where no feature is known, without the ensemble's offset.
    complement
        The last output is a constant less the others (classes whose probabilities sum to one) and is left out of
        `leaf_value`.
    """

    start: Ints
    feature: Indices
    threshold: Floats
    decision: Flags
    kind: Flags
    fraction: Floats
    leaf_value: Floats
    points: Ints
    depth: int
    expected: Floats
    complement: bool


@dataclass(frozen=True, eq=False)
class TreeEnsemble:
    """A sum of trees plus a constant, as arrays over all nodes; each tree's nodes are contiguous, its root first.

    A row goes left where `x <= threshold`; the flags of `decision` say what else sends it left.

    Attributes
    ----------
    roots
        (trees,): the index of each tree's root.
    left, right
        (nodes,): child nodes, -1 in a leaf.
    feature, threshold
        (nodes,): the column that is compared, and the largest value that goes left. The threshold of a categorical
        split is the index of its category set.
    decision
        (nodes,): `MISSING_LEFT`, `ZERO_IS_MISSING`, `CATEGORICAL`.
    cover
        (nodes,): the weight of the training rows that reached the node. Only the ratio between siblings counts; two
        siblings without any weight share their parent's equally.
    value
        (nodes, width): what a leaf adds to its tree's outputs, including all scaling (averages, learning rates).
    tree_output
        (trees,): the first output that a tree adds to; it adds to `width` consecutive ones.
    offset
        (outputs,): the constant term.
    outputs
        Names: class labels, or "0", "1", ... where the model has several unnamed outputs; one regression output is "0".
    space
        What the additive output is: the prediction itself, a probability, log-odds, a softmax margin, the log of the
        prediction, or a margin without such a name.
    n_features
        The number of columns the model takes.
    set_start, set_words
        Category sets as bits: set s is `set_words[set_start[s] : set_start[s + 1]]`, 32 categories a word.
    float32_inputs
        The model rounds its inputs to 32 bits before it compares them.
    missing
        A number that means a missing value, as NaN does.
    sigmoid_scale
        Where a probability is the sigmoid of a multiple of the additive output: the factor. None: it is not.
    encodings
        For columns that the model encodes itself: the known values, in order. Each is replaced by its position; any
        other value is missing.
    """

    roots: Ints
    left: Indices
    right: Indices
    feature: Indices
    threshold: Floats
    decision: Flags
    cover: Floats
    value: Floats
    tree_output: Ints
    offset: Floats
    outputs: tuple[str, ...]
    space: Space
    n_features: int
    set_start: Ints = field(default_factory=lambda: np.zeros(1, np.int64))
    set_words: Words = field(default_factory=lambda: np.zeros(0, np.uint32))
    float32_inputs: bool = False
    missing: float | None = None
    encodings: Mapping[int, Floats] = field(default_factory=dict)
    sigmoid_scale: float | None = None

    def to_log_odds(self) -> "TreeEnsemble":
        """The same trees on the scale of the log-odds, where `sigmoid_scale` says how; else this ensemble."""
        scale = self.sigmoid_scale
        if scale is None:
            return self
        return replace(self, value=scale * self.value, offset=scale * self.offset, space="log-odds", sigmoid_scale=None)

    def prepare(self, X: npt.NDArray[np.generic]) -> Floats:
        """`X` (n, n_features) as the trees compare it: float64, rounded, encoded, NaN where missing."""
        rows: Floats = np.asarray(X, dtype=np.float64)
        if rows.ndim != 2 or rows.shape[1] != self.n_features:
            raise ValueError(f"X has shape {rows.shape}, the model takes (n, {self.n_features})")
        if self.missing is not None and not np.isnan(self.missing):
            rows = np.where(rows == self.missing, np.nan, rows)
        if self.encodings:
            rows = rows.copy()
            for column, known in self.encodings.items():
                code = np.minimum(np.searchsorted(known, rows[:, column]), len(known) - 1)
                rows[:, column] = np.where(known[code] == rows[:, column], code, np.nan)
        if self.float32_inputs:
            with np.errstate(over="ignore"):
                rows = rows.astype(np.float32).astype(np.float64)
        return np.ascontiguousarray(rows)

    def goes_left(self, x: Floats, threshold: Floats | float, decision: Flags | int) -> npt.NDArray[np.bool_]:
        """Whether values go left at nodes with these thresholds and decisions; the three broadcast."""
        missing = np.isnan(x) | ((np.bitwise_and(decision, ZERO_IS_MISSING) != 0) & (np.abs(x) <= ZERO_THRESHOLD))
        left = x <= threshold
        categorical = np.bitwise_and(decision, CATEGORICAL) != 0
        if np.any(categorical):
            left = np.where(categorical, self._in_set(x, np.where(categorical, threshold, 0).astype(np.int64)), left)
        return np.asarray(np.where(missing, np.bitwise_and(decision, MISSING_LEFT) != 0, left))

    def _in_set(self, x: Floats, category_set: Ints) -> npt.NDArray[np.bool_]:
        start, stop = self.set_start[category_set], self.set_start[category_set + 1]
        within = (x > -1) & (x < 32.0 * (stop - start))
        code = np.where(within, x, 0).astype(np.int64)
        word = self.set_words[np.minimum(start + code // 32, max(len(self.set_words) - 1, 0))]
        return np.asarray(within & ((word >> (code % 32).astype(np.uint32)) & 1 == 1))

    @cached_property
    def walk(self) -> Walk:
        """The trees in walk order; made once, level by level over all trees together."""
        left, right, nodes = self.left, self.right, len(self.left)
        levels: list[Indices] = []
        level = self.roots.astype(np.int32)
        while len(level := level[left[level] >= 0]):
            levels.append(level)
            level = np.concatenate([left[level], right[level]])

        share, size = np.zeros(nodes), np.zeros(nodes, np.int64)
        expected = self.value.copy()
        for level in reversed(levels):
            one, two = left[level], right[level]
            total = self.cover[one] + self.cover[two]
            share[level] = np.where(total > 0, self.cover[one] / np.where(total > 0, total, 1), 0.5)
            size[level] = 1 + size[one] + size[two]
            expected[level] = share[level, None] * expected[one] + (1 - share[level, None]) * expected[two]

        start = np.concatenate([[0], np.cumsum(size[self.roots])])
        position = np.zeros(nodes, np.int64)
        position[self.roots] = start[:-1]
        inner_nodes = int(start[-1])
        order, flipped = np.zeros(inner_nodes, np.int32), np.zeros(inner_nodes, bool)
        for level in levels:
            one, two, at = left[level], right[level], position[level]
            swap = (left[one] < 0) & (left[two] >= 0)
            first, second = np.where(swap, two, one), np.where(swap, one, two)
            order[at], flipped[at] = level, swap
            position[first], position[second] = at + 1, at + 1 + size[first]

        first = np.where(flipped, right[order], left[order])
        second = np.where(flipped, left[order], right[order])
        first_is_leaf, second_is_leaf = left[first] < 0, left[second] < 0
        value, complement = _independent(self.value, left, self.roots)
        leaf_value = np.zeros((inner_nodes, 2, value.shape[1]))
        leaf_value[first_is_leaf, 0] = value[first[first_is_leaf]]
        leaf_value[second_is_leaf, 1] = value[second[second_is_leaf]]
        base = np.zeros(len(self.outputs))
        for offset in range(self.value.shape[1]):
            np.add.at(base, self.tree_output + offset, expected[self.roots, offset])
        return Walk(
            start=start,
            feature=self.feature[order],
            threshold=self.threshold[order],
            decision=self.decision[order] | np.where(flipped, np.uint8(FLIPPED), np.uint8(0)),
            kind=(2 - first_is_leaf.astype(np.uint8) - second_is_leaf.astype(np.uint8)),
            fraction=np.where(flipped, 1 - share[order], share[order]),
            leaf_value=leaf_value,
            points=self._points(levels),
            depth=len(levels),
            expected=base,
            complement=complement,
        )

    def _points(self, levels: list[Indices]) -> Ints:
        """(trees,): Gauss-Legendre points that are exact for each tree."""
        left = self.left
        distinct = np.zeros(len(left), np.int64)
        inner = np.flatnonzero(left >= 0)
        rank = self.feature[inner].astype(np.int64)
        if self.n_features > 64:
            # The rank among the features of the tree: mostly, one 64-bit word holds those seen on a path.
            tree = np.searchsorted(self.roots, inner, side="right") - 1
            pair, rank = np.unique(tree * self.n_features + rank, return_inverse=True)
            rank = rank - np.searchsorted(pair, tree * self.n_features)
        local = np.zeros(len(left), np.int64)
        local[inner] = rank
        for word in range(int(rank.max(initial=0)) // 64 + 1):
            seen, count = np.zeros(len(left), np.uint64), np.zeros(len(left), np.int64)
            for level in levels:
                shift = (local[level] % 64).astype(np.uint64)
                bit = np.where(local[level] // 64 == word, np.uint64(1) << shift, np.uint64(0))
                new = seen[level] & bit != bit
                for child in (left[level], self.right[level]):
                    seen[child], count[child] = seen[level] | bit, count[level] + new
            distinct += count
        return np.asarray((np.maximum.reduceat(distinct, self.roots) + 1) // 2)


def _independent(value: Floats, left: Indices, roots: Ints) -> tuple[Floats, bool]:
    """The values without the last output where, in every tree, that one is a constant less the others."""
    if value.shape[1] == 1:
        return value, False
    leaf = np.flatnonzero(left < 0)
    total, tree = value[leaf].sum(axis=1), np.searchsorted(roots, leaf, side="right") - 1
    redundant = np.allclose(total, total[np.searchsorted(tree, tree)], rtol=1e-13, atol=0)
    return (np.ascontiguousarray(value[:, :-1]), True) if redundant else (value, False)
