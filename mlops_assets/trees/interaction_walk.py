"""Interaction values of trees of any size, compiled with numba: the walk of `shap_kernel`, with pairs at each split.

For one quadrature point, with G and S as there, a leaf of value v adds v G g_i to the attribution of i and
1/2 v G g_i g_j to its interaction with j, where g = (o - z) / (q o + p z) of each feature on the path (see
`shap_interactions`). For o in {0, 1},

    g = -1 / p + o / (p (q + p z)),

which needs no case distinction.

A split on f changes g_f and no other. With c the children and the sum over the leaves below c of v G(leaf) = G(c) S(c),

    E = sum over c of (g_f(c) - g_f) G(c) S(c) = (o - z o') z' b^2 G (S(c) - S(s))

is what it adds to the attribution of f, as in `shap_kernel`, and 1/2 E g_i is what it adds to the interaction of f with
each other feature i on the way to it: summed over the splits on f and on i along a path these differences telescope to
the g_f g_i of the leaf. So a split costs one product for each chosen column above it, not each leaf one for each pair.

The g of the columns that are not chosen are summed on the way down. A column's main effect is what its attribution
leaves of its interactions.
"""

import numpy as np

from mlops_assets.trees.arrays import Flags, Floats, Indices, Ints, Words
from mlops_assets.trees.ensemble import NO_LEAF, ONE_LEAF, TWO_LEAVES, TreeEnsemble
from mlops_assets.trees.interaction_slots import InteractionSlots
from mlops_assets.trees.numba_kernels import (
    LANES,
    as_kernel_array,
    compile_inline,
    compile_kernel,
    run_on_all_cores,
)
from mlops_assets.trees.quadrature import plan_walks
from mlops_assets.trees.shap_kernel import decide, descend, move_to_sibling

_Split = tuple[int, int, float, float]
_Points = tuple[float, ...]
# The phase of a node on the path, beside the kinds of a Walk: its second child is being walked.
_SECOND = 3


def add_by_walks(ensemble: TreeEnsemble, rows: Floats, values: Floats, groups: Ints, slots: InteractionSlots) -> None:
    """Add the interaction values of the rows to values (n, slots, outputs), on all cores."""
    walk = ensemble.walk
    splits = walk.feature, walk.threshold, walk.decision, walk.kind, walk.fraction, walk.leaf_value
    sets = ensemble.set_start, ensemble.set_words
    arrays = [as_kernel_array(array) for array in (ensemble.tree_output, walk.start, *splits, *sets)]
    columns, walks = (as_kernel_array(groups, np.int64), slots.places), plan_walks(walk)

    def task(low: int, high: int) -> None:
        for trees, points, weights in walks:
            _walk(rows, values, low, high, walk.depth, trees, points, weights, *columns, *arrays)

    run_on_all_cores(task, len(rows))


@compile_inline
def _enter(g: Floats, rest: Floats, alive: Floats, split: _Split, points: _Points, is_rest: bool) -> None:
    """The g of the child whose `alive` is at d + 1, and the sum of those that are not chosen."""
    old, d, z, z_old = split
    for r in range(LANES):
        after = alive[d + 1, r]
        for k in range(len(points)):
            q = points[k]
            p = 1 - q
            new = after * (1 / (p * (q + p * z * z_old))) - 1 / p
            rest[d + 1, k, r] = rest[d, k, r] + (new - g[old, k, r] if is_rest else 0.0)
            g[d + 1, k, r] = new


@compile_inline
def _between_leaves(
    E: Floats, G: Floats, below: Floats, alive: Floats, split: _Split, points: _Points, w: int, sibling: float,
    difference: float,
) -> None:  # fmt: skip
    """E of a split between two leaves, for one output, and S of the node."""
    old, d, z, z_old = split
    for r in range(LANES):
        before, after = alive[old, r], alive[d + 1, r]
        for k in range(len(points)):
            q = points[k]
            b = 1 / (q + (1 - q) * z_old)
            E[k, r] = (z_old * b * b) * (G[d, k, r] * difference) * (after - z * before)
            ratio = z + before * ((1 - q) * z * z_old * b - z) + after * (q * b)
            below[w, k, r] = sibling + difference * ratio


@compile_inline
def _beside_leaf(
    E: Floats, G: Floats, below: Floats, alive: Floats, split: _Split, points: _Points, w: int, sibling: float
) -> None:
    """E of a split between the subtree just walked and a leaf, for one output, and S of the node."""
    old, d, z, z_old = split
    for r in range(LANES):
        before, after = alive[old, r], alive[d + 1, r]
        for k in range(len(points)):
            q = points[k]
            b = 1 / (q + (1 - q) * z_old)
            difference = below[w, k, r] - sibling
            E[k, r] = (z_old * b * b) * (G[d, k, r] * difference) * (after - z * before)
            ratio = z + before * ((1 - q) * z * z_old * b - z) + after * (q * b)
            below[w, k, r] = sibling + ratio * difference


@compile_inline
def _between_subtrees(
    E: Floats, G: Floats, S: Floats, below: Floats, alive: Floats, split: _Split, points: _Points, w: int
) -> None:
    """E of a split between the subtree just walked and the first one, kept in S, for one output, and S of the node."""
    old, d, z, z_old = split
    for r in range(LANES):
        before, after = alive[old, r], alive[d + 1, r]
        for k in range(len(points)):
            q = points[k]
            b = 1 / (q + (1 - q) * z_old)
            sibling = S[d, w, k, r]
            difference = below[w, k, r] - sibling
            E[k, r] = (z_old * b * b) * (G[d, k, r] * difference) * (after - z * before)
            ratio = z + before * ((1 - q) * z * z_old * b - z) + after * (q * b)
            below[w, k, r] = sibling + ratio * difference


@compile_inline
def _list_groups(
    path: Ints, groups_on: Ints, last: Ints, groups: Ints, g: Floats, d: int, but: int, chosen: int
) -> int:
    """How many groups of chosen columns are on the path to level d, but for one.

    `path` (levels,): the feature that the split above each level asks. Written: `groups_on` (2, groups): the group, and
    the place in g of the sum of its columns.
    """
    present, beyond = 0, g.shape[0] - chosen
    for level in range(1, d + 1):
        group = groups[path[level]]
        if last[path[level]] != level or group in (chosen, but):
            continue
        at = 0
        while at < present and groups_on[0, at] != group:
            at += 1
        if at == present:
            groups_on[0, at], groups_on[1, at] = group, level
            present += 1
            continue
        for k in range(g.shape[1]):
            for r in range(LANES):
                g[beyond + at, k, r] = g[groups_on[1, at], k, r] + g[level, k, r]
        groups_on[1, at] = beyond + at
    return present


@compile_inline
def _add_product(
    phi: Floats, block: int, output: int, slot: int, E: Floats, g: Floats, at: int, points: _Points
) -> None:
    """Add 1/2 E g, summed over the points."""
    for r in range(LANES):
        total = 0.0
        for k in range(len(points)):
            total += E[k, r] * g[at, k, r]
        phi[block, output, slot, r] += 0.5 * total


@compile_inline
def _add_split(
    phi: Floats, block: int, output: int, E: Floats, g: Floats, rest: Floats, groups_on: Ints, present: int,
    group: int, places: Ints, d: int, points: _Points,
) -> None:  # fmt: skip
    """Add all that a split on a column of this group contributes to one output."""
    chosen = len(places) - 1
    if group < chosen:
        slot = places[group, group]
        for r in range(LANES):
            total = 0.0
            for k in range(len(points)):
                total += E[k, r]
            phi[block, output, slot, r] += total
        _add_product(phi, block, output, places[group, chosen], E, rest, d, points)
    for other in range(present):
        _add_product(phi, block, output, places[group, groups_on[0, other]], E, g, groups_on[1, other], points)


@compile_kernel
def _walk(
    rows: Floats, values: Floats, low: int, high: int, depth: int, trees: Ints, points: _Points, weights: _Points,
    groups: Ints, places: Ints, tree_output: Ints, start: Ints, feature: Indices, threshold: Floats, decision: Flags,
    kind: Flags, fraction: Floats, leaf_value: Floats, sets: Ints, words: Words,
) -> None:  # fmt: skip
    """Add these points' part of the values of rows[low:high] from these trees to values (n, slots, outputs).

    Points and weights are tuples, so that the compiler knows how many they are.
    """
    features, width, count, chosen = rows.shape[1], leaf_value.shape[2], len(points), len(places) - 1
    size, outputs = values.shape[1], values.shape[2]
    blocks = (high - low + LANES - 1) // LANES
    X = np.empty((blocks, features, LANES))
    phi = np.zeros((blocks, outputs, size, LANES))
    for block in range(blocks):
        for r in range(LANES):
            row = min(low + block * LANES + r, high - 1)
            for f in range(features):
                X[block, f, r] = rows[row, f]
    # One entry per level of the current path, as in `shap_kernel`; those of g beyond are of `_list_groups`.
    alive, z_path = np.ones((depth + 2, LANES)), np.ones(depth + 2)
    G, S = np.empty((depth + 1, count, LANES)), np.empty((depth + 1, width, count, LANES))
    g, rest = np.zeros((depth + 2 + chosen, count, LANES)), np.zeros((depth + 2, count, LANES))
    node_at, old_at, path = np.empty(depth + 1, np.int64), np.empty(depth + 1, np.int64), np.empty(depth + 2, np.int64)
    z_at, phase = np.empty(depth + 1), np.empty(depth + 1, np.uint8)
    below, E, last = np.empty((width, count, LANES)), np.empty((count, LANES)), np.zeros(features, np.int64)
    groups_on = np.empty((2, chosen + 1), np.int64)
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
                decide(X, alive, split, (block, output, f, 0), threshold[node], decision[node], sets, words)
                if kind[node] != TWO_LEAVES:
                    node_at[d], old_at[d], z_at[d], phase[d], path[d + 1] = node, last[f], fraction[node], kind[node], f
                    z_path[d + 1] = fraction[node] * z_path[last[f]]
                    last[f] = d + 1
                    descend(G, alive, split, points)
                    _enter(g, rest, alive, split, points, groups[f] == chosen)
                    d += 1
                    continue
                present = _list_groups(path, groups_on, last, groups, g, d, groups[f], chosen)
                for w in range(width):
                    sibling = leaf_value[node, 1, w]
                    difference = leaf_value[node, 0, w] - sibling
                    _between_leaves(E, G, below, alive, split, points, w, sibling, difference)
                    _add_split(phi, block, output + w, E, g, rest, groups_on, present, groups[f], places, d, points)
                while d > 0:
                    d -= 1
                    f, old = int(feature[node_at[d]]), old_at[d]
                    if phase[d] == NO_LEAF:
                        phase[d], z_at[d] = _SECOND, 1 - z_at[d]
                        z_path[d + 1] = z_at[d] * z_path[old]
                        split = (old, d, z_at[d], z_path[old])
                        move_to_sibling(S, below, alive, split)
                        descend(G, alive, split, points)
                        _enter(g, rest, alive, split, points, groups[f] == chosen)
                        d += 1
                        break
                    last[f] = old
                    split = (old, d, z_at[d], z_path[old])
                    present = _list_groups(path, groups_on, last, groups, g, d, groups[f], chosen)
                    for w in range(width):
                        if phase[d] == ONE_LEAF:
                            _beside_leaf(E, G, below, alive, split, points, w, leaf_value[node_at[d], 1, w])
                        else:
                            _between_subtrees(E, G, S, below, alive, split, points, w)
                        _add_split(
                            phi, block, output + w, E, g, rest, groups_on, present, groups[f], places, d, points
                        )  # fmt: skip

    for block in range(blocks):
        for o in range(outputs):
            for one in range(chosen):
                for other in range(chosen + 1):
                    if other != one:
                        for r in range(LANES):
                            phi[block, o, one, r] -= phi[block, o, places[one, other], r]
        for r in range(min(LANES, high - low - block * LANES)):
            for slot in range(size):
                for o in range(outputs):
                    values[low + block * LANES + r, slot, o] += phi[block, o, slot, r]
