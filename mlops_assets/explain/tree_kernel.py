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
    Walk depth first. G(node) is w times the product of (q o + p z) over the features on the path to the node; S(node) is
    the node's value in a leaf, and above it the sum over the leaves below of v times the product of the factors between
    node and leaf. Consider a split on f with children c and s (its sibling), z the share of c in the cover, and on the
    way to it (o', z') for f (both 1 if f is new). Going to c changes f's factor from q o' + p z' to q o + p z z', with
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

import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numba as nb  # noqa: TID253
import numpy as np
import numpy.typing as npt

from mlops_assets.explain.tree_ensembles import (
    CATEGORICAL,
    FLIPPED,
    MISSING_LEFT,
    NO_LEAF,
    ONE_LEAF,
    TWO_LEAVES,
    ZERO_IS_MISSING,
    Floats,
    Ints,
    TreeEnsemble,
    Walk,
)
from mlops_assets.explain.tree_plain import gauss_legendre, plain_seconds, plain_walk

LANES = 128
"""Rows that go through a tree together."""
POINTS_AT_ONCE = 4
"""Quadrature points per walk; at most this many versions of the kernel are ever compiled."""
ROWS_PER_TASK = 1024
PATIENCE = 3.0
"""Seconds that the uncompiled walk may take, by estimate, before compiling (some seconds per version) is worth it."""

# A phase of a node on the stack, beside the kinds of a Walk: its second child is being walked.
_SECOND = 3
# NaN decides where a row goes: its rules must stay, so not all of fastmath.
_FAST: Any = {"contract", "reassoc", "nsz", "arcp"}

_F = TypeVar("_F", bound=Callable[..., object])


def _inlined(function: _F) -> _F:
    return nb.njit(fastmath=_FAST, error_model="numpy", forceinline=True)(function)  # type: ignore[no-any-return]


def _compiled(function: _F) -> _F:
    """Compiled on first use and kept on disk, beside this file or else in the user's cache folder, where one can be."""
    options = {"fastmath": _FAST, "error_model": "numpy", "nogil": True}
    try:
        return nb.njit(cache=True, **options)(function)  # type: ignore[no-any-return]
    except RuntimeError:  # numba: no folder to write to
        return nb.njit(**options)(function)  # type: ignore[no-any-return]


@_inlined
def _in_set(x, words, start, stop):  # type: ignore[no-untyped-def]
    if not (x > -1 and x < 32.0 * (stop - start)):
        return False
    code = np.int64(x)
    return (words[start + code // 32] >> np.uint32(code % 32)) & 1 == 1


@_inlined
def _decide(X, block, f, threshold, decision, sets, words, alive, old, d):  # type: ignore[no-untyped-def]
    """alive[d + 1] = alive[old] where the row goes to the first child, else 0."""
    missing_left = (decision & MISSING_LEFT) != 0
    if decision & (CATEGORICAL | ZERO_IS_MISSING):
        for r in range(LANES):
            x = X[block, f, r]
            if np.isnan(x) or (decision & ZERO_IS_MISSING and abs(x) <= 1e-35):
                left = missing_left
            elif decision & CATEGORICAL:
                s = np.int64(threshold)
                left = _in_set(x, words, sets[s], sets[s + 1])
            else:
                left = x <= threshold
            alive[d + 1, r] = alive[old, r] if left != (decision & FLIPPED != 0) else 0.0
    elif decision & FLIPPED:
        for r in range(LANES):
            x = X[block, f, r]
            alive[d + 1, r] = 0.0 if (x <= threshold) | (missing_left & (x != x)) else alive[old, r]
    else:
        for r in range(LANES):
            x = X[block, f, r]
            alive[d + 1, r] = alive[old, r] if (x <= threshold) | (missing_left & (x != x)) else 0.0


@_inlined
def _down(G, alive, old, d, z, z_old, points):  # type: ignore[no-untyped-def]
    """G[d + 1] = G[d] times the ratio of the child whose `alive` is at d + 1."""
    for r in range(LANES):
        before, after = alive[old, r], alive[d + 1, r]
        for k in range(len(points)):
            q = points[k]
            b = 1 / (q + (1 - q) * z_old)
            G[d + 1, k, r] = G[d, k, r] * (z + before * ((1 - q) * z * z_old * b - z) + after * (q * b))


@_inlined
def _second(S, below, alive, old, d):  # type: ignore[no-untyped-def]
    """Turn from the first child to the second: keep what came up, and swap who is alive."""
    for r in range(LANES):
        alive[d + 1, r] = alive[old, r] - alive[d + 1, r]
    for w in range(below.shape[0]):
        for k in range(below.shape[1]):
            for r in range(LANES):
                S[d, w, k, r] = below[w, k, r]


@_inlined
def _leaves(G, below, share, alive, old, d, z, z_old, phi, block, o, f, leaf_value, node, points):  # type: ignore[no-untyped-def]
    """A split between two leaves."""
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


@_inlined
def _up_leaf(G, below, alive, old, d, z, z_old, phi, block, o, f, w, sibling, points):  # type: ignore[no-untyped-def]
    """A split between the subtree just walked and a leaf."""
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
        phi[block, o, f, r] += total * (after - z * before)


@_inlined
def _up(G, S, below, alive, old, d, z, z_old, phi, block, o, f, w, points):  # type: ignore[no-untyped-def]
    """A split between the subtree just walked and the first one, kept in S."""
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
        phi[block, o, f, r] += total * (after - z * before)


@_compiled
def _walk(  # type: ignore[no-untyped-def]
    rows, values, low, high, trees, tree_output, start, feature, threshold, decision, kind, fraction, leaf_value, depth,
    sets, words, points, weights,
):  # fmt: skip
    """Add what these quadrature points contribute to the attributions of rows[low:high] from these trees.

    values is (n, features, outputs); points and weights are tuples, so that their number is known to the compiler.
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
    # One entry per level of the current path. alive[d + 1] belongs to the split at level d; alive[0] is all ones and
    # stands for "no earlier split on this feature", as does level 0 in `last` and `old_at`.
    G = np.empty((depth + 1, count, LANES))
    S = np.empty((depth + 1, width, count, LANES))
    below = np.empty((width, count, LANES))
    share = np.empty(LANES)
    alive = np.ones((depth + 2, LANES))
    z_path = np.ones(depth + 2)
    z_at = np.empty(depth + 1)
    node_at = np.empty(depth + 1, np.int64)
    feature_at = np.empty(depth + 1, np.int64)
    old_at = np.empty(depth + 1, np.int64)
    phase = np.empty(depth + 1, np.uint8)
    last = np.zeros(features, np.int64)
    for k in range(count):
        for r in range(LANES):
            G[0, k, r] = weights[k]

    for tree in trees:
        output = tree_output[tree]
        for block in range(blocks):
            d = 0
            for node in range(start[tree], start[tree + 1]):
                f = feature[node]
                old = last[f]
                z, z_old = fraction[node], z_path[old]
                _decide(X, block, f, threshold[node], decision[node], sets, words, alive, old, d)
                if kind[node] != TWO_LEAVES:
                    node_at[d], feature_at[d], old_at[d], z_at[d], phase[d] = node, f, old, z, kind[node]
                    z_path[d + 1] = z * z_old
                    last[f] = d + 1
                    _down(G, alive, old, d, z, z_old, points)
                    d += 1
                    continue
                _leaves(G, below, share, alive, old, d, z, z_old, phi, block, output, f, leaf_value, node, points)
                while d > 0:
                    d -= 1
                    f, old, z = feature_at[d], old_at[d], z_at[d]
                    z_old = z_path[old]
                    if phase[d] == NO_LEAF:
                        z = 1 - z
                        z_at[d], z_path[d + 1], phase[d] = z, z * z_old, _SECOND
                        _second(S, below, alive, old, d)
                        _down(G, alive, old, d, z, z_old, points)
                        d += 1
                        break
                    for w in range(width):
                        if phase[d] == ONE_LEAF:
                            _up_leaf(
                                G, below, alive, old, d, z, z_old, phi, block, output + w, f, w,
                                leaf_value[node_at[d], 1, w], points,
                            )  # fmt: skip
                        else:
                            _up(G, S, below, alive, old, d, z, z_old, phi, block, output + w, f, w, points)
                    last[f] = old

    for block in range(blocks):
        for r in range(min(LANES, high - low - block * LANES)):
            for f in range(features):
                for o in range(values.shape[2]):
                    values[low + block * LANES + r, f, o] += phi[block, o, f, r]


@_compiled
def _margin(rows, result, low, high, roots, tree_output, left, right, feature, threshold, decision, value, sets, words):  # type: ignore[no-untyped-def]
    """Add the leaves that rows[low:high] reach to result (n, outputs)."""
    for tree in range(roots.shape[0]):
        for row in range(low, high):
            node = roots[tree]
            while left[node] >= 0:
                x, flags = rows[row, feature[node]], decision[node]
                if np.isnan(x) or (flags & ZERO_IS_MISSING and abs(x) <= 1e-35):
                    goes_left = flags & MISSING_LEFT != 0
                elif flags & CATEGORICAL:
                    s = np.int64(threshold[node])
                    goes_left = _in_set(x, words, sets[s], sets[s + 1])
                else:
                    goes_left = x <= threshold[node]
                node = left[node] if goes_left else right[node]
            for w in range(value.shape[1]):
                result[row, tree_output[tree] + w] += value[node, w]


def tree_shap(ensemble: TreeEnsemble, X: npt.NDArray[np.generic]) -> tuple[Floats, Floats]:
    """Exact path-dependent Shapley values of every row.

    A job that is small by estimate, or by this process already compiled for, starts at once; a large one waits, the
    first time on a machine, for the compiler (some seconds). Both ways agree to 1e-9 of the prediction's scale.

    Parameters
    ----------
    X
        (n, features), numbers; NaN is a missing value. Rounding to the model's own precision is done here.

    Returns
    -------
    values
        (n, features, outputs), float64.
    base
        (outputs,): `base + values.sum(axis=1)` is `ensemble.raw_margin(X)`.
    """
    walk, rows = ensemble.walk, _own(ensemble.prepare(X), np.float64)
    values = np.zeros((len(rows), ensemble.n_features, len(ensemble.outputs)))
    passes = _passes(walk)
    versions = {len(points) for _, points, _ in passes}
    if versions <= _versions_loaded or plain_seconds(walk, len(rows)) > PATIENCE:
        _compiled_walk(ensemble, rows, values, passes)
        _versions_loaded.update(versions)
    else:
        for low in range(0, len(rows), ROWS_PER_TASK):
            plain_walk(ensemble, rows[low : low + ROWS_PER_TASK], values[low : low + ROWS_PER_TASK])
    if walk.complement:
        values[:, :, -1] = -values[:, :, :-1].sum(axis=2)
    return values, ensemble.offset + walk.expected


def tree_margin(ensemble: TreeEnsemble, rows: Floats) -> Floats:
    """`TreeEnsemble.raw_margin` for many rows that `prepare` has been through; compiled."""
    result = np.tile(ensemble.offset, (len(rows), 1))
    rows = _own(rows, np.float64)
    arrays = (
        ensemble.roots, ensemble.tree_output, ensemble.left, ensemble.right, ensemble.feature, ensemble.threshold,
        ensemble.decision, ensemble.value, ensemble.set_start, ensemble.set_words,
    )  # fmt: skip
    arrays = tuple(_own(array, array.dtype) for array in arrays)
    _on_threads(lambda low, high: _margin(rows, result, low, high, *arrays), len(rows))
    return result


_versions_loaded: set[int] = set()


def _own(array: npt.NDArray[Any], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """The array in the one layout that the kernels are compiled for; copied only where it is another."""
    return np.require(array, dtype, ["C_CONTIGUOUS", "WRITEABLE"])


def _passes(walk: Walk) -> list[tuple[Ints, tuple[float, ...], tuple[float, ...]]]:
    """Trees, quadrature points and weights of each walk through the trees."""
    passes = []
    grown = np.diff(walk.start) > 0
    for count in np.unique(walk.points[grown]):
        trees = np.flatnonzero(grown & (walk.points == count))
        points, weights = gauss_legendre(int(count))
        for group in np.array_split(np.arange(count), -(-count // POINTS_AT_ONCE)):
            passes.append((trees, tuple(points[group].tolist()), tuple(weights[group].tolist())))
    return passes


def _compiled_walk(
    ensemble: TreeEnsemble, rows: Floats, values: Floats, passes: list[tuple[Ints, tuple[float, ...], tuple[float, ...]]]
) -> None:
    walk = ensemble.walk
    trees_first = _own(ensemble.tree_output, np.int64), _own(walk.start, np.int64)
    splits = tuple(
        _own(array, array.dtype)
        for array in (walk.feature, walk.threshold, walk.decision, walk.kind, walk.fraction, walk.leaf_value)
    )
    sets = _own(ensemble.set_start, np.int64), _own(ensemble.set_words, np.uint32)

    def task(low: int, high: int) -> None:
        for trees, points, weights in passes:
            _walk(rows, values, low, high, trees, *trees_first, *splits, walk.depth, *sets, points, weights)

    _on_threads(task, len(rows))


def _on_threads(task: Callable[[int, int], None], rows: int) -> None:
    """Run task(low, high) over all rows, in whole blocks of `LANES`, on the cores that this process may use."""
    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    blocks = min(-(-rows // (LANES * threads)), ROWS_PER_TASK // LANES)
    bounds = [*range(0, rows, max(1, blocks) * LANES), rows]
    if len(bounds) <= 2 or threads == 1:
        for low, high in itertools.pairwise(bounds):
            task(low, high)
        return
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(task, bounds[:-1], bounds[1:]):
            pass
