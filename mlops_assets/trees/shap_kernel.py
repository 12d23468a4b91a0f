"""Exact Shapley values of tree ensembles by Gauss-Legendre quadrature, compiled with numba.

The attributions are those of TreeSHAP's path-dependent mode (Lundberg et al. 2020): a feature that is not in the
coalition is averaged out with the shares of the training rows (the cover) below each split. The quadrature is that of
Wettenstein et al. 2026, "Quadrature-TreeSHAP" (arXiv 2605.04497); the arrangement by siblings is this module's.

One leaf
    Let a leaf of value v have d distinct features on its path. For feature j, let o_j in {0, 1} say that the row
    follows all of j's splits on the path, and z_j be the product of their cover ratios. With p = 1 - q,

        phi_j = v (o_j - z_j) * integral over q in [0, 1] of prod_{k != j} (q o_k + p z_k) dq.

    The integrand is a polynomial of degree d - 1, so ceil(d / 2) Gauss-Legendre points integrate it exactly. The points
    are independent of each other: everything below is one point's, and the results are added up with the weights w.

A whole tree
    Walk depth first. G(node) is w times the product of (q o + p z) over the features on the path to the node. S(node)
    is the value of a leaf; above, the sum over the leaves below of v times the product of the factors between node and
    leaf. Consider a split on f with children c and s (its sibling), z the share of c in the cover, and (o', z') for f
    on the way to it (both 1 if f is new). Going to c changes f's factor from q o' + p z' to q o + p z z', where
    o = o' [the row goes to c]. Written without a case distinction, with b = 1 / (q + p z'), the ratio of the two is

        r = z + o' (p z z' b - z) + o q b,   and that of the sibling is 1 - r.

    Hence G(c) = r G, G(s) = (1 - r) G, S = S(s) + r (S(c) - S(s)), and what this split changes in f's attribution,

        phi_f += (o - z o') z' b^2 G (S(c) - S(s)).

    Summed over the splits on a path these differences telescope to the formula for the leaf. A repeated feature needs
    no division by its old factor (o' = 0 leaves nothing to undo), so z' = 0, a branch that no training row took, is
    harmless: q > 0 at every point. A pair of leaves costs two multiplications per row and point, and never leaves the
    registers.

The arrangement
    `LANES` rows go through a tree together, innermost, so that the compiler turns each line into vector instructions
    and a split's constants are paid once. Points go in groups of at most `POINTS_AT_ONCE`, a compile-time constant for
    which the loops are unrolled: G and S stay in the first-level cache. Each tree uses the points that its own paths
    need. Several outputs share the walk down. Inner nodes are stored in walk order, and chunks of rows are shared out
    to threads; the result does not depend on their number.

    All arithmetic is in 64 bits: rounding stays near 1e-14 of the prediction's scale.
"""

import numpy as np

from mlops_assets.trees.arrays import Flags, Floats, Indices, Ints, Words
from mlops_assets.trees.category_sets import in_set
from mlops_assets.trees.ensemble import (
    CATEGORICAL,
    FLIPPED,
    MISSING_LEFT,
    NO_LEAF,
    ONE_LEAF,
    TWO_LEAVES,
    ZERO_IS_MISSING,
    TreeEnsemble,
)
from mlops_assets.trees.numba_kernels import (
    LANES,
    as_kernel_array,
    compile_inline,
    compile_kernel,
    run_on_all_cores,
)
from mlops_assets.trees.quadrature import Rule
from mlops_assets.trees.ranking import ZERO_THRESHOLD

_Split = tuple[int, int, float, float]
"""old, d, z, z': the split at level d, seen from one child; at `old` is the path's last split on the same feature."""
_Place = tuple[int, int, int, int]
"""block, o, f, w: which block of rows, the tree's first output, the feature, the output within the tree."""
_Points = tuple[float, ...]
# The phase of a node on the path, beside the kinds of a Walk: its second child is being walked.
_SECOND = 3


def add_by_walks(ensemble: TreeEnsemble, rows: Floats, values: Floats, walks: list[Rule]) -> None:
    """Add the attributions of the rows to values (n, features, outputs), on all cores."""
    walk = ensemble.walk
    splits = walk.feature, walk.threshold, walk.decision, walk.kind, walk.fraction, walk.leaf_value
    sets = ensemble.set_start, ensemble.set_words
    arrays = [as_kernel_array(array) for array in (ensemble.tree_output, walk.start, *splits, *sets)]

    def task(low: int, high: int) -> None:
        for trees, points, weights in walks:
            _walk(rows, values, low, high, walk.depth, trees, points, weights, *arrays)

    run_on_all_cores(task, len(rows))


@compile_inline
def decide(
    X: Floats, alive: Floats, split: _Split, place: _Place, threshold: float, decision: int, sets: Ints, words: Words
) -> None:
    """alive[d + 1] = alive[old] where the row goes to the first child, else 0."""
    old, d, _, _ = split
    block, _, f, _ = place
    missing_left, flipped = (decision & MISSING_LEFT) != 0, (decision & FLIPPED) != 0
    if decision & (CATEGORICAL | ZERO_IS_MISSING):
        for r in range(LANES):
            x = X[block, f, r]
            if np.isnan(x) or ((decision & ZERO_IS_MISSING) != 0 and abs(x) <= ZERO_THRESHOLD):
                left = missing_left
            elif decision & CATEGORICAL:
                left = in_set(x, int(threshold), sets, words)
            else:
                left = x <= threshold
            alive[d + 1, r] = alive[old, r] if left != flipped else 0.0
    elif flipped:
        for r in range(LANES):
            x = X[block, f, r]
            alive[d + 1, r] = 0.0 if (x <= threshold) | (missing_left & (x != x)) else alive[old, r]
    else:
        for r in range(LANES):
            x = X[block, f, r]
            alive[d + 1, r] = alive[old, r] if (x <= threshold) | (missing_left & (x != x)) else 0.0


@compile_inline
def descend(G: Floats, alive: Floats, split: _Split, points: _Points) -> None:
    """G[d + 1] = G[d] times the ratio of the child whose `alive` is at d + 1."""
    old, d, z, z_old = split
    for r in range(LANES):
        before, after = alive[old, r], alive[d + 1, r]
        for k in range(len(points)):
            q = points[k]
            b = 1 / (q + (1 - q) * z_old)
            G[d + 1, k, r] = G[d, k, r] * (z + before * ((1 - q) * z * z_old * b - z) + after * (q * b))


@compile_inline
def move_to_sibling(S: Floats, below: Floats, alive: Floats, split: _Split) -> None:
    """From the first child to the second: store the first one's S, and swap which rows are alive."""
    old, d, _, _ = split
    for r in range(LANES):
        alive[d + 1, r] = alive[old, r] - alive[d + 1, r]
    for w in range(below.shape[0]):
        for k in range(below.shape[1]):
            for r in range(LANES):
                S[d, w, k, r] = below[w, k, r]


@compile_inline
def _two_leaves(
    G: Floats, below: Floats, share: Floats, alive: Floats, phi: Floats, split: _Split, place: _Place, points: _Points,
    leaf_value: Floats, node: int,
) -> None:  # fmt: skip
    """A split between two leaves, for all outputs of the tree."""
    old, d, z, z_old = split
    block, o, f, _ = place
    for r in range(LANES):
        total = 0.0
        for k in range(len(points)):
            b = 1 / (points[k] + (1 - points[k]) * z_old)
            total += (z_old * b * b) * G[d, k, r]
        share[r] = total * (alive[d + 1, r] - z * alive[old, r])
    for w in range(leaf_value.shape[2]):
        sibling = leaf_value[node, 1, w]
        difference = leaf_value[node, 0, w] - sibling
        for r in range(LANES):
            before, after = alive[old, r], alive[d + 1, r]
            phi[block, o + w, f, r] += difference * share[r]
            for k in range(len(points)):
                q = points[k]
                b = 1 / (q + (1 - q) * z_old)
                ratio = z + before * ((1 - q) * z * z_old * b - z) + after * (q * b)
                below[w, k, r] = sibling + difference * ratio


@compile_inline
def _one_leaf(
    G: Floats, below: Floats, alive: Floats, phi: Floats, split: _Split, place: _Place, points: _Points, sibling: float
) -> None:
    """A split between the subtree just walked and a leaf, for one output."""
    old, d, z, z_old = split
    block, o, f, w = place
    for r in range(LANES):
        before, after = alive[old, r], alive[d + 1, r]
        total = 0.0
        for k in range(len(points)):
            q = points[k]
            b = 1 / (q + (1 - q) * z_old)
            difference = below[w, k, r] - sibling
            total += (z_old * b * b) * (G[d, k, r] * difference)
            ratio = z + before * ((1 - q) * z * z_old * b - z) + after * (q * b)
            below[w, k, r] = sibling + ratio * difference
        phi[block, o + w, f, r] += total * (after - z * before)


@compile_inline
def _no_leaf(
    G: Floats, S: Floats, below: Floats, alive: Floats, phi: Floats, split: _Split, place: _Place, points: _Points
) -> None:
    """A split between the subtree just walked and the first one, kept in S, for one output."""
    old, d, z, z_old = split
    block, o, f, w = place
    for r in range(LANES):
        before, after = alive[old, r], alive[d + 1, r]
        total = 0.0
        for k in range(len(points)):
            q = points[k]
            b = 1 / (q + (1 - q) * z_old)
            sibling = S[d, w, k, r]
            difference = below[w, k, r] - sibling
            total += (z_old * b * b) * (G[d, k, r] * difference)
            ratio = z + before * ((1 - q) * z * z_old * b - z) + after * (q * b)
            below[w, k, r] = sibling + ratio * difference
        phi[block, o + w, f, r] += total * (after - z * before)


@compile_kernel
def _walk(
    rows: Floats, values: Floats, low: int, high: int, depth: int, trees: Ints, points: _Points, weights: _Points,
    tree_output: Ints, start: Ints, feature: Indices, threshold: Floats, decision: Flags, kind: Flags, fraction: Floats,
    leaf_value: Floats, sets: Ints, words: Words,
) -> None:  # fmt: skip
    """Add these points' part of the attributions of rows[low:high] from these trees to values (n, features, outputs).

    Points and weights are tuples, so that the compiler knows how many they are.
    """
    features, width, count = rows.shape[1], leaf_value.shape[2], len(points)
    blocks = (high - low + LANES - 1) // LANES
    X = np.empty((blocks, features, LANES))
    phi = np.zeros((blocks, values.shape[2], features, LANES))
    for block in range(blocks):
        for r in range(LANES):
            row = min(low + block * LANES + r, high - 1)
            for f in range(features):
                X[block, f, r] = rows[row, f]
    # One entry per level of the current path. Those at d + 1 belong to the child of the split at level d; those at 0,
    # all ones, stand for "no earlier split on this feature", as does 0 in `last` and `old_at`.
    alive, z_path = np.ones((depth + 2, LANES)), np.ones(depth + 2)
    G, S = np.empty((depth + 1, count, LANES)), np.empty((depth + 1, width, count, LANES))
    node_at, old_at = np.empty(depth + 1, np.int64), np.empty(depth + 1, np.int64)
    z_at, phase = np.empty(depth + 1), np.empty(depth + 1, np.uint8)
    below, share, last = np.empty((width, count, LANES)), np.empty(LANES), np.zeros(features, np.int64)
    for k in range(count):
        for r in range(LANES):
            G[0, k, r] = weights[k]

    for tree in trees:
        output = tree_output[tree]
        for block in range(blocks):
            d = 0
            for node in range(start[tree], start[tree + 1]):
                f = int(feature[node])
                split = (last[f], d, fraction[node], z_path[last[f]])
                place = (block, output, f, 0)
                decide(X, alive, split, place, threshold[node], decision[node], sets, words)
                if kind[node] != TWO_LEAVES:
                    node_at[d], old_at[d], z_at[d], phase[d] = node, last[f], fraction[node], kind[node]
                    z_path[d + 1] = fraction[node] * z_path[last[f]]
                    last[f] = d + 1
                    descend(G, alive, split, points)
                    d += 1
                    continue
                _two_leaves(G, below, share, alive, phi, split, place, points, leaf_value, node)
                while d > 0:
                    d -= 1
                    f, old = int(feature[node_at[d]]), old_at[d]
                    if phase[d] == NO_LEAF:
                        phase[d], z_at[d] = _SECOND, 1 - z_at[d]
                        z_path[d + 1] = z_at[d] * z_path[old]
                        split = (old, d, z_at[d], z_path[old])
                        move_to_sibling(S, below, alive, split)
                        descend(G, alive, split, points)
                        d += 1
                        break
                    split = (old, d, z_at[d], z_path[old])
                    for w in range(width):
                        place = (block, output, f, w)
                        if phase[d] == ONE_LEAF:
                            _one_leaf(G, below, alive, phi, split, place, points, leaf_value[node_at[d], 1, w])
                        else:
                            _no_leaf(G, S, below, alive, phi, split, place, points)
                    last[f] = old

    for block in range(blocks):
        for r in range(min(LANES, high - low - block * LANES)):
            for f in range(features):
                for o in range(values.shape[2]):
                    values[low + block * LANES + r, f, o] += phi[block, o, f, r]
