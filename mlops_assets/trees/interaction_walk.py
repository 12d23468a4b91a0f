"""Interaction values of trees of any size, compiled with numba: the walk of `shap_kernel`, leaf by leaf.

For one quadrature point, with G as there at a leaf of value v, and g_j = (o_j - z_j) / (q o_j + p z_j) of each feature
on the path, the leaf adds v G g_i to the attribution of i and 1/2 v G g_i g_j to its interaction with j (see
`shap_interactions`). For o in {0, 1},

    g = -1 / p + o / (p (q + p z)),

which needs no case distinction. The g of the columns that are not chosen are summed on the way down. Main effects are
those of `interaction_tables`, whose second term is added once for all points.
"""

import numpy as np

from mlops_assets.trees.arrays import Flags, Floats, Indices, Ints, Words
from mlops_assets.trees.ensemble import NO_LEAF, TWO_LEAVES, TreeEnsemble
from mlops_assets.trees.interaction_slots import InteractionSlots
from mlops_assets.trees.numba_kernels import (
    LANES,
    as_kernel_array,
    compile_inline,
    compile_kernel,
    run_on_all_cores,
)
from mlops_assets.trees.quadrature import plan_walks
from mlops_assets.trees.shap_kernel import decide

_Split = tuple[int, int, float, float]
_Points = tuple[float, ...]
_SECOND = 3


def add_by_walks(ensemble: TreeEnsemble, rows: Floats, values: Floats, groups: Ints, slots: InteractionSlots) -> None:
    """Add the interaction values of the rows to values (n, slots, outputs), on all cores."""
    walk = ensemble.walk
    splits = walk.feature, walk.threshold, walk.decision, walk.kind, walk.fraction, walk.leaf_value
    sets = ensemble.set_start, ensemble.set_words
    arrays = [as_kernel_array(array) for array in (ensemble.tree_output, walk.start, *splits, *sets)]
    columns = as_kernel_array(groups, np.int64), slots.places
    begun: set[int] = set()
    walks = []
    for trees, points, weights in plan_walks(walk):
        # The points of a tree may be those of several walks.
        walks.append((trees, points, weights, int(trees[0]) not in begun))
        begun.add(int(trees[0]))

    def task(low: int, high: int) -> None:
        for trees, points, weights, is_first in walks:
            _walk(rows, values, low, high, walk.depth, trees, points, weights, is_first, *columns, *arrays)

    run_on_all_cores(task, len(rows))


@compile_inline
def _enter(
    G: Floats, g: Floats, rest: Floats, missed: Floats, alive: Floats, split: _Split, points: _Points, is_rest: bool
) -> None:
    """The state of the child whose `alive` is at d + 1."""
    old, d, z, z_old = split
    z_new = z * z_old
    for r in range(LANES):
        missed[d + 1, r] = missed[d, r] + (alive[old, r] - alive[d + 1, r])
    for k in range(len(points)):
        q = points[k]
        p = 1 - q
        b = 1 / (q + p * z_old)
        slope = 1 / (p * (q + p * z_new))
        for r in range(LANES):
            before, after = alive[old, r], alive[d + 1, r]
            G[d + 1, k, r] = G[d, k, r] * (z + before * (p * z * z_old * b - z) + after * (q * b))
            g[d + 1, k, r] = after * slope - 1 / p
            rest[d + 1, k, r] = rest[d, k, r] + (g[d + 1, k, r] - g[old, k, r] if is_rest else 0.0)


@compile_inline
def _list_groups(path: Ints, groups_on: Ints, last: Ints, groups: Ints, g: Floats, d: int, chosen: int) -> int:
    """How many groups of chosen columns are on the path to level d.

    `path` (levels,): the feature that the split above each level asks. Written: `groups_on` (3, groups): the group, the
    place of the sum of its columns' g in g, and how many of its columns are on the path.
    """
    present, beyond = 0, g.shape[0] - chosen
    for level in range(1, d + 1):
        group = groups[path[level]]
        if last[path[level]] != level or group == chosen:
            continue
        at = 0
        while at < present and groups_on[0, at] != group:
            at += 1
        if at == present:
            groups_on[0, at], groups_on[1, at], groups_on[2, at] = group, level, 1
            present += 1
            continue
        for k in range(g.shape[1]):
            for r in range(LANES):
                g[beyond + at, k, r] = g[groups_on[1, at], k, r] + g[level, k, r]
        groups_on[1, at] = beyond + at
        groups_on[2, at] += 1
    return present


@compile_inline
def _product_of_others(path: Ints, last: Ints, z_path: Floats, d: int, but: int) -> float:
    """The product of z over the features on the path to level d, but for one."""
    product = 1.0
    for level in range(1, d + 1):
        if level != but and last[path[level]] == level:
            product *= z_path[level]
    return product


@compile_inline
def _main_effect(
    share: Floats, H: Floats, G: Floats, g: Floats, missed: Floats, alive: Floats, path: Ints, groups_on: Ints,
    last: Ints, groups: Ints, z_path: Floats, d: int, one: int, is_first: bool,
) -> None:  # fmt: skip
    """What a leaf adds to the main effect of a group, for a value of 1."""
    group, place, columns = groups_on[0, one], groups_on[1, one], groups_on[2, one]
    for r in range(LANES):
        share[r] = 0.0
    for k in range(G.shape[1]):
        for r in range(LANES):
            share[r] += H[k, r]
    if columns > 1:
        # Both orders of each pair of the group's own columns.
        for k in range(G.shape[1]):
            for r in range(LANES):
                share[r] += 0.5 * H[k, r] * g[place, k, r]
    for level in range(1, d + 1):
        if last[path[level]] != level or groups[path[level]] != group:
            continue
        if columns > 1:
            for k in range(G.shape[1]):
                for r in range(LANES):
                    share[r] -= 0.5 * G[d, k, r] * g[level, k, r] * g[level, k, r]
        if is_first:
            z, others = z_path[level], _product_of_others(path, last, z_path, d, level)
            for r in range(LANES):
                o = alive[level, r]
                followed = 1.0 if missed[d, r] - (1 - o) < 0.5 else 0.0
                share[r] -= 0.5 * (o - z) * (followed - others)


@compile_inline
def _interaction(share: Floats, H: Floats, other: Floats) -> None:
    """What a leaf adds to an interaction, for a value of 1; `other` (points, rows): g."""
    for r in range(LANES):
        share[r] = 0.0
    for k in range(H.shape[0]):
        for r in range(LANES):
            share[r] += 0.5 * H[k, r] * other[k, r]


@compile_inline
def _spread(phi: Floats, place: tuple[int, int], slot: int, share: Floats, leaf_value: Floats) -> None:
    """Add a leaf's share of one slot, for all outputs of the tree; `place`: block and first output."""
    block, output = place
    for w in range(len(leaf_value)):
        for r in range(LANES):
            phi[block, output + w, slot, r] += leaf_value[w] * share[r]


@compile_inline
def _add_leaf(
    phi: Floats, place: tuple[int, int], leaf_value: Floats, share: Floats, H: Floats, G: Floats, g: Floats,
    rest: Floats, missed: Floats, alive: Floats, path: Ints, groups_on: Ints, last: Ints, groups: Ints, z_path: Floats,
    places: Ints, d: int, is_first: bool,
) -> None:  # fmt: skip
    """Add all that a leaf at level d contributes."""
    chosen = len(places) - 1
    present = _list_groups(path, groups_on, last, groups, g, d, chosen)
    for one in range(present):
        group, own = groups_on[0, one], groups_on[1, one]
        for k in range(G.shape[1]):
            for r in range(LANES):
                H[k, r] = G[d, k, r] * g[own, k, r]
        _main_effect(share, H, G, g, missed, alive, path, groups_on, last, groups, z_path, d, one, is_first)
        _spread(phi, place, places[group, group], share, leaf_value)
        if present < d:
            _interaction(share, H, rest[d])
            _spread(phi, place, places[group, chosen], share, leaf_value)
        for other in range(one):
            _interaction(share, H, g[groups_on[1, other]])
            _spread(phi, place, places[group, groups_on[0, other]], share, leaf_value)


@compile_kernel
def _walk(
    rows: Floats, values: Floats, low: int, high: int, depth: int, trees: Ints, points: _Points, weights: _Points,
    is_first: bool, groups: Ints, places: Ints, tree_output: Ints, start: Ints, feature: Indices, threshold: Floats,
    decision: Flags, kind: Flags, fraction: Floats, leaf_value: Floats, sets: Ints, words: Words,
) -> None:  # fmt: skip
    """Add these points' part of the values of rows[low:high] from these trees to values (n, slots, outputs).

    Points and weights are tuples, so that the compiler knows how many they are.
    """
    features, count, chosen = rows.shape[1], len(points), len(places) - 1
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
    alive, z_path, missed = np.ones((depth + 2, LANES)), np.ones(depth + 2), np.zeros((depth + 2, LANES))
    G, rest = np.empty((depth + 2, count, LANES)), np.zeros((depth + 2, count, LANES))
    g = np.zeros((depth + 2 + chosen, count, LANES))
    node_at, old_at, path = np.empty(depth + 2, np.int64), np.empty(depth + 2, np.int64), np.empty(depth + 2, np.int64)
    z_at, phase = np.empty(depth + 2), np.empty(depth + 2, np.uint8)
    share, H, last = np.empty(LANES), np.empty((count, LANES)), np.zeros(features, np.int64)
    groups_on = np.empty((3, chosen + 1), np.int64)
    for k in range(count):
        for r in range(LANES):
            G[0, k, r] = weights[k]

    for tree in trees:
        output = tree_output[tree]
        for block in range(blocks):
            d, node = 0, start[tree]
            while node < start[tree + 1]:
                # To the first child. What is at level d belongs to the child of the split that is noted at d - 1.
                f = int(feature[node])
                node_at[d], old_at[d], z_at[d], phase[d], path[d + 1] = node, last[f], fraction[node], kind[node], f
                split = (last[f], d, fraction[node], z_path[last[f]])
                decide(X, alive, split, (block, output, f, 0), threshold[node], decision[node], sets, words)
                z_path[d + 1] = fraction[node] * z_path[last[f]]
                _enter(G, g, rest, missed, alive, split, points, groups[f] == chosen)
                last[f] = d + 1
                d += 1
                node += 1
                is_leaf = phase[d - 1] == TWO_LEAVES
                is_done = is_leaf
                while is_done and d > 0:
                    if is_leaf:
                        value = leaf_value[node_at[d - 1], 1 if phase[d - 1] == _SECOND else 0]
                        _add_leaf(
                            phi, (block, output), value, share, H, G, g, rest, missed, alive, path, groups_on, last,
                            groups, z_path, places, d, is_first,
                        )  # fmt: skip
                    f, old = path[d], old_at[d - 1]
                    if phase[d - 1] == _SECOND:
                        last[f] = old
                        d -= 1
                        is_leaf = False
                        continue
                    # To the second child; if it is no leaf, it is split next.
                    is_leaf = phase[d - 1] != NO_LEAF
                    is_done = is_leaf
                    phase[d - 1], z_at[d - 1] = _SECOND, 1 - z_at[d - 1]
                    z_path[d] = z_at[d - 1] * z_path[old]
                    for r in range(LANES):
                        alive[d, r] = alive[old, r] - alive[d, r]
                    split = (old, d - 1, z_at[d - 1], z_path[old])
                    _enter(G, g, rest, missed, alive, split, points, groups[f] == chosen)

    for block in range(blocks):
        for r in range(min(LANES, high - low - block * LANES)):
            for slot in range(size):
                for o in range(outputs):
                    values[low + block * LANES + r, slot, o] += phi[block, o, slot, r]
