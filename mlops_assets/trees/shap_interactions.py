"""Exact Shapley interaction values of tree ensembles, for given pairs of columns.

The values are those of shap's `TreeExplainer.shap_interaction_values` off its diagonal (path-dependent; Lundberg et al.
2020), by the quadrature of `shap_kernel`. For a leaf of value v, with o and z per distinct feature on its path as
explained there, and p = 1 - q,

    phi_ij = 1/2 v (o_i - z_i) (o_j - z_j) * integral over q in [0, 1] of prod_{k != i, j} (q o_k + p z_k) dq,

a polynomial of degree d - 2 for d features: ceil((d - 1) / 2) Gauss-Legendre points are exact. With G the weighted
product over all features on the path,

    phi_ij = 1/2 v * sum over the points of G g_i g_j,   g = (o - z) / (q o + p z) = (1 - z) / (q + p z) or -1 / p

for o = 1 or 0. Where both o and z are 0, so is G, as it should be. Of two input columns with several matrix columns
each, the sum over all pairs of these is G times the sum of the g of the one times the sum of the g of the other.

The levels of a tree are taken one after the other, all their nodes together, rows innermost. A row's values do not
depend on the rows beside it, to the last bit: nothing here is left to BLAS, which sums by the shape of its arguments.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mlops_assets.trees.arrays import Floats, Ints
from mlops_assets.trees.ensemble import TreeEnsemble
from mlops_assets.trees.input_columns import Sources, roll_up
from mlops_assets.trees.quadrature import gauss_legendre

SAMPLE_ROWS = 50
SEARCHED_FEATURES = 12

_CELLS = 1_000_000  # leaves x points x rows at once
_MOST_ROWS = 1024
_SEARCH_CELLS = 40_000_000  # leaves x points x rows of a search: some ten seconds
_FEWEST_SEARCH_ROWS = 5

Flags = npt.NDArray[np.bool_]
Pairs = Sequence[tuple[int, int]]


def tree_interactions(
    ensemble: TreeEnsemble, X: npt.NDArray[np.generic], pairs: Pairs, sources: Sources | None = None
) -> Floats:
    """Exact path-dependent Shapley interaction values of every row.

    The whole interaction of i and j is twice the value: SHAP's convention shares it between phi_ij and phi_ji.

    Parameters
    ----------
    X
        (n, columns), numbers; NaN is a missing value. They are rounded here as the model rounds them.
    pairs
        Of positions: of matrix columns, or of input columns where `sources` is given.
    sources
        (columns,): the input column of each matrix column; the values are summed over the matrix columns of both.

    Returns
    -------
    (n, pairs, outputs), float64. Memory beyond it does not grow with n.

    Raises
    ------
    ValueError
        A pair is of a column with itself.
    """
    if any(one == other for one, other in pairs):
        raise ValueError("A column does not interact with itself")
    rows = ensemble.prepare(X)
    sources = np.arange(ensemble.n_features) if sources is None else sources
    result = np.zeros((len(rows), len(pairs), len(ensemble.outputs)))
    width = ensemble.value.shape[1]
    for place, first in enumerate(ensemble.tree_output.tolist()):
        tree = _Tree.of(ensemble, place)
        tree_inputs = set(sources[tree.feature[tree.inner]].tolist())
        tree_pairs = [(number, *pair) for number, pair in enumerate(pairs) if tree_inputs.issuperset(pair)]
        if tree_pairs:
            _add_tree(ensemble, tree, rows, tree_pairs, sources, result[:, :, first : first + width])
    return result


def strongest_pairs(
    ensemble: TreeEnsemble, X: npt.NDArray[np.generic], sources: Sources, count: int
) -> tuple[tuple[int, int], ...]:
    """The pairs of input columns with the largest mean absolute interaction, over rows and outputs.

    Searched among the `SEARCHED_FEATURES` input columns with the largest mean absolute attributions (more where they do
    not make `count` pairs), on at most `SAMPLE_ROWS` rows, fewer for very large ensembles. Ties, up to rounding, go to
    the earlier columns.

    Parameters
    ----------
    X
        (n, columns): rows to search on.
    sources
        (columns,): the input column of each matrix column.
    count
        How many pairs; there may be fewer.

    Returns
    -------
    Pairs (earlier, later) of positions of input columns, the strongest first.
    """
    from mlops_assets.trees.shap_values import tree_shap

    leaves = np.add.reduceat((ensemble.left < 0).astype(np.int64), ensemble.roots)
    affordable = _SEARCH_CELLS // max(1, int(leaves @ ensemble.walk.points))
    rows_searched = min(len(X), SAMPLE_ROWS, max(_FEWEST_SEARCH_ROWS, affordable))
    # Evenly over the sample, which keeps the table's order.
    rows = X[np.linspace(0, len(X) - 1, rows_searched).astype(np.intp)]
    inputs = int(sources.max(initial=-1)) + 1
    effects = roll_up(tree_shap(ensemble, rows)[0], sources, inputs)
    searched = max(SEARCHED_FEATURES, int(np.ceil((1 + np.sqrt(1 + 8 * count)) / 2)))
    top = sorted(_strongest(np.abs(effects).mean(axis=(0, 2)))[:searched])
    pairs = [(one, other) for place, one in enumerate(top) for other in top[place + 1 :]]
    sizes = np.abs(tree_interactions(ensemble, rows, pairs, sources)).mean(axis=(0, 2))
    return tuple(pairs[place] for place in _strongest(sizes)[:count])


def _strongest(sizes: Floats) -> list[int]:
    """Positions by falling size; sizes that differ by rounding only count as equal and keep their order."""
    largest = sizes.max(initial=0.0)
    order: list[int] = np.argsort(-np.round(sizes / (largest or 1.0), 9), kind="stable").tolist()
    return order


@dataclass(frozen=True)
class _Tree:
    """One tree; nodes are counted from its root, 0.

    A node has the state (o, z), on arrival there, of the feature that its parent splits on; the root has that of a
    feature not seen yet: o = z = 1.

    Attributes
    ----------
    first
        The root's position in the ensemble.
    left, right, feature, value
        (nodes, ...): as in `TreeEnsemble`.
    parent, by
        (nodes,): the parent, and the feature that it splits on; -1 for the root.
    share, z
        (nodes,): of the parent's cover, and the product of the shares over the path's splits on `by`.
    before
        (nodes,): the state that this one replaces.
    levels
        The children of the inner nodes of each level.
    inner, leaves
        Positions.
    points, weights
        The quadrature that is exact for every leaf.
    """

    first: int
    left: Ints
    right: Ints
    feature: Ints
    value: Floats
    parent: Ints
    by: Ints
    share: Floats
    z: Floats
    before: Ints
    levels: tuple[Ints, ...]
    inner: Ints
    leaves: Ints
    points: Floats
    weights: Floats

    @classmethod
    def of(cls, ensemble: TreeEnsemble, place: int) -> "_Tree":
        first = int(ensemble.roots[place])
        stop = int(ensemble.roots[place + 1]) if place + 1 < len(ensemble.roots) else len(ensemble.left)
        left, right = (
            np.where(child[first:stop] < 0, -1, child[first:stop].astype(np.int64) - first)
            for child in (ensemble.left, ensemble.right)
        )
        feature = ensemble.feature[first:stop].astype(np.int64)
        inner, leaves = np.flatnonzero(left >= 0), np.flatnonzero(left < 0)
        parent, by, share = np.zeros(len(left), np.int64), np.full(len(left), -1), np.ones(len(left))
        cover = ensemble.cover[first:stop]
        one, two = left[inner], right[inner]
        total = cover[one] + cover[two]
        share[one] = np.where(total > 0, cover[one] / np.where(total > 0, total, 1), 0.5)
        share[two] = 1 - share[one]
        for child in (one, two):
            parent[child], by[child] = inner, feature[inner]
        before = np.zeros(len(left), np.int64)
        before[one] = before[two] = _nearest(parent, by, inner, feature[inner])
        levels: list[Ints] = []
        z, distinct, level = np.ones(len(left)), np.zeros(len(left), np.int64), np.zeros(1, np.int64)
        while len(level := level[left[level] >= 0]):
            level = np.concatenate([left[level], right[level]])
            levels.append(level)
            z[level] = share[level] * z[before[level]]
            distinct[level] = distinct[parent[level]] + (before[level] == 0)
        points, weights = gauss_legendre(max(1, int(distinct.max()) // 2))
        return cls(
            first, left, right, feature, ensemble.value[first:stop], parent, by, share, z, before, tuple(levels),
            inner, leaves, points, weights,
        )  # fmt: skip

    def states(self, column: int) -> Ints:
        """(leaves,): the state of a feature in each leaf; 0 where it is not on the path."""
        return _nearest(self.parent, self.by, self.leaves, np.full(len(self.leaves), column))

    def follows(self, ensemble: TreeEnsemble, columns: Floats) -> Flags:
        """(nodes, rows): o of each node's state, for rows given as (columns, rows)."""
        here = slice(self.first, self.first + len(self.left))
        goes_left = ensemble.goes_left(
            columns[self.feature[self.inner]],
            ensemble.threshold[here][self.inner, None],
            ensemble.decision[here][self.inner, None],
        )
        o = np.ones((len(self.left), columns.shape[1]), bool)
        o[self.left[self.inner]], o[self.right[self.inner]] = goes_left, ~goes_left
        for level in self.levels:
            o[level] &= o[self.before[level]]
        return o

    def products(self, o: Flags) -> Floats:
        """(leaves, points, rows): G."""
        q, z = self.points[None, :], self.z[:, None]
        G = np.empty((len(self.left), len(self.points), o.shape[1]))  # inner nodes' are needed one level long
        G[0] = self.weights[:, None]
        for level in self.levels:
            old = self.before[level]
            scale = 1 / (q + (1 - q) * z[old])
            followed, not_followed = (q + (1 - q) * z[level]) * scale, (1 - q) * z[level] * scale
            # Not followed before either: both factors are p z, and their ratio is the share.
            ratio = np.where(o[old][:, None], not_followed[:, :, None], self.share[level][:, None, None])
            ratio = np.where(o[level][:, None], followed[:, :, None], ratio)
            G[level] = G[self.parent[level]] * ratio
        return G[self.leaves]


def _nearest(parent: Ints, by: Ints, nodes: Ints, feature: Ints) -> Ints:
    """From each of `nodes` on towards the root: the first that a split on its `feature` leads to; 0 if none."""
    nearest = nodes.copy()
    while len(climbing := np.flatnonzero((nearest > 0) & (by[nearest] != feature))):
        nearest[climbing] = parent[nearest[climbing]]
    return nearest


def _add_tree(
    ensemble: TreeEnsemble,
    tree: _Tree,
    rows: Floats,
    tree_pairs: Sequence[tuple[int, int, int]],
    sources: Sources,
    result: Floats,
) -> None:
    """Add one tree's interactions to `result` (n, pairs, width); `tree_pairs` holds a pair's number and its inputs."""
    features = np.unique(tree.feature[tree.inner])
    states = {
        source: [tree.states(int(column)) for column in features[sources[features] == source]]
        for source in {source for _, *pair in tree_pairs for source in pair}
    }
    # Leaves whose path has both.
    seen = {source: np.any([state > 0 for state in of_columns], axis=0) for source, of_columns in states.items()}
    both = [(number, one, other, np.flatnonzero(seen[one] & seen[other])) for number, one, other in tree_pairs]
    both = [pair for pair in both if len(pair[3])]
    if not both:
        return
    cells = len(tree.left) * max(len(tree.points), result.shape[2])
    at_once = min(_MOST_ROWS, max(2, _CELLS // cells))
    for start in range(0, len(rows), at_once):
        block = rows[start : start + at_once]
        # Of a single row NumPy would add up the points in another order.
        columns = np.ascontiguousarray((block if len(block) > 1 else np.repeat(block, 2, axis=0)).T)
        o = tree.follows(ensemble, columns)
        G = tree.products(o)
        for number, one, other, leaves in both:
            part = G[leaves] * _quotient(tree, o, states[one], leaves)
            part *= _quotient(tree, o, states[other], leaves)
            by_leaf = 0.5 * part.sum(axis=1)
            value = tree.value[tree.leaves[leaves]]
            added = (value[:, :, None] * by_leaf[:, None, :]).sum(axis=0)
            result[start : start + at_once, number] += added.T[: len(block)]


def _quotient(tree: _Tree, o: Flags, states: Sequence[Ints], leaves: Ints) -> Floats:
    """(leaves, points, rows): g, summed over the columns of one input."""
    q, total = tree.points[None, :], np.zeros((len(leaves), len(tree.points), o.shape[1]))
    missed = (-1 / (1 - q))[:, :, None]
    for state in states:
        on_path = np.flatnonzero(state[leaves])
        node = state[leaves[on_path]]
        z = tree.z[node][:, None]
        met = ((1 - z) / (q + (1 - q) * z))[:, :, None]
        total[on_path] += np.where(o[node][:, None], met, missed)
    return total
