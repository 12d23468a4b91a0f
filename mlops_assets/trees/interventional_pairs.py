"""Interventional attributions of trees that are too large for tables: the row beside 64 background rows at a time.

See `interventional_tables` for the formula. A walk goes down to each leaf that the row's and some background row's
values lead to together. On the way it keeps, as words of 64 bits, which background rows may still arrive, which of them
satisfy each feature's splits so far, and, as the digits of a sum, how many features each of them does not satisfy that
the row does. What takes time is one walk for 64 rows; a background of another size takes it in proportion.
"""

from functools import partial

import numpy as np
import numpy.typing as npt

from mlops_assets.trees.arrays import Flags, Floats, Indices, Ints, Words
from mlops_assets.trees.category_sets import in_set
from mlops_assets.trees.ensemble import CATEGORICAL, MISSING_LEFT, ZERO_IS_MISSING
from mlops_assets.trees.numba_kernels import compile_inline, compile_kernel
from mlops_assets.trees.rescaling import LOG_LOSS, PROBABILITY

_compile = partial(compile_kernel, fastmath=False)

Masks = npt.NDArray[np.uint64]

_ONE, _ALL = np.uint64(1), np.uint64(0xFFFFFFFFFFFFFFFF)


@compile_inline
def _goes_left(x: float, threshold: float, flags: int, sets: Ints, words: Words) -> bool:
    if np.isnan(x) or ((flags & ZERO_IS_MISSING) != 0 and abs(x) <= 1e-35):
        return bool((flags & MISSING_LEFT) != 0)
    if flags & CATEGORICAL:
        return in_set(x, int(threshold), sets, words)
    return bool(x <= threshold)


@compile_inline
def slope(target: int, one: float, other: float, label: float) -> float:
    """The slope of a target (see `rescaling`) between two margins; its derivative where they are equal."""
    if target == PROBABILITY:
        d = one - other
        if abs(d) > 1.0:
            return float((1 / (1 + np.exp(-one)) - 1 / (1 + np.exp(-other))) / d)
        half = 0.5 * d
        ratio = np.sinh(half) / half if abs(half) > 1e-5 else 1 + half * half / 6
        return float(ratio / (4 * np.cosh(0.5 * one) * np.cosh(0.5 * other)))
    if target == LOG_LOSS:
        low, high = min(one, other), max(one, other)
        d = high - low
        if d > 1.0:
            rise = max(high, 0.0) + np.log1p(np.exp(-abs(high))) - max(low, 0.0) - np.log1p(np.exp(-abs(low)))
            return float(rise / d - label)
        share = 1 / (1 + np.exp(-low))
        return float((np.log1p(np.expm1(d) * share) / d if d > 0.0 else share) - label)
    return float((one - label) + (other - label))


@_compile
def add_pairs(
    rows: Floats, values: Floats, low: int, high: int, target: int, labels: Floats, trees: Ints, background: Floats,
    margins: Floats, others: Floats, depth: int, plus: Floats,
    roots: Ints, stops: Ints, tree_output: Ints, left: Indices, right: Indices, feature: Indices, player: Ints,
    threshold: Floats, decision: Flags, value: Floats, sets: Ints, words: Words,
) -> None:  # fmt: skip
    """Add to values (n, players, outputs) the attributions of rows[low:high] from these trees.

    background is (rows, features); plus holds w(a, b). Stacks have one entry per level of the path. With margins (n,)
    and others (background rows,), those of the whole ensemble, each pair of rows counts as `slope` of the target says,
    with the row's label (n,); without any, all count alike.
    """
    count, players, width = background.shape[0], values.shape[1], value.shape[1]
    scale = 1.0 / count
    most, binary = min(depth, players), 1  # digits of the number of players on a path
    while most >> binary:
        binary += 1
    largest = 1
    for tree in trees:
        largest = max(largest, stops[tree] - roots[tree])
    goes = np.empty(largest, np.uint64)
    node_at, phase = np.empty(depth + 2, np.int64), np.empty(depth + 2, np.int64)
    side = np.empty(depth + 2, np.bool_)
    alive = np.empty(depth + 2, np.uint64)
    digits = np.empty((depth + 2, binary), np.uint64)
    old_fit, old_own = np.empty(depth + 2, np.uint64), np.empty(depth + 2, np.int64)
    fit, own = np.empty(players, np.uint64), np.empty(players, np.int64)
    path, seen = np.empty(players, np.int64), np.zeros(players, np.int64)
    who, weight, scales = np.empty(64, np.uint64), np.empty(64), np.full(64, scale)
    for f in range(players):
        own[f] = 1
    for tree in trees:
        root, output = roots[tree], tree_output[tree]
        for chunk in range(0, count, 64):
            size = min(64, count - chunk)
            valid = _ALL if size == 64 else (_ONE << np.uint64(size)) - _ONE
            for node in range(root, stops[tree]):
                if left[node] >= 0:
                    mask = np.uint64(0)
                    f, t, flags = feature[node], threshold[node], decision[node]
                    for z in range(size):
                        if _goes_left(background[chunk + z, f], t, flags, sets, words):
                            mask |= _ONE << np.uint64(z)
                    goes[node - root] = mask
            for f in range(players):
                fit[f] = valid
            for row in range(low, high):
                d, on_path, failed = 0, 0, 0
                if len(margins) > 0:
                    for z in range(size):
                        scales[z] = scale * slope(target, margins[row], others[chunk + z], labels[row])
                node_at[0], phase[0], alive[0] = root, 0, valid
                for k in range(binary):
                    digits[0, k] = np.uint64(0)
                while d >= 0:
                    node = node_at[d]
                    if left[node] < 0:
                        _add_leaf(
                            values, row, output, value, node, alive[d], digits, d, path, on_path, failed, fit, own,
                            who, weight, plus, scales, width,
                        )  # fmt: skip
                        d -= 1
                        continue
                    f = player[node]
                    if phase[d] > 0:  # a child has been walked: undo what it changed
                        if own[f] != old_own[d]:
                            failed -= 1
                        fit[f], own[f] = old_fit[d], old_own[d]
                        seen[f] -= 1
                        if seen[f] == 0:
                            on_path -= 1
                    else:
                        side[d] = _goes_left(rows[row, feature[node]], threshold[node], decision[node], sets, words)
                    if phase[d] == 2:
                        d -= 1
                        continue
                    to_left = phase[d] == 0
                    phase[d] += 1
                    mask = goes[node - root] if to_left else ~goes[node - root]
                    old_fit[d], old_own[d] = fit[f], own[f]
                    if seen[f] == 0:
                        path[on_path] = f
                        on_path += 1
                    seen[f] += 1
                    lost = fit[f] & ~mask
                    fit[f] &= mask
                    if own[f] == 1 and side[d] != to_left:
                        own[f] = 0
                        failed += 1
                    node_at[d + 1] = left[node] if to_left else right[node]
                    phase[d + 1] = 0
                    alive[d + 1] = alive[d] if own[f] == 1 else alive[d] & fit[f]
                    for k in range(binary):
                        digit = digits[d, k]
                        digits[d + 1, k] = digit ^ lost
                        lost &= digit
                    # An empty subtree is left at once: its undoing is the next step at this level.
                    if alive[d + 1] != 0:
                        d += 1


@compile_inline
def _add_leaf(
    values: Floats, row: int, output: int, value: Floats, leaf: int, alive: np.uint64, digits: Masks, d: int,
    path: Ints, on_path: int, failed: int, fit: Masks, own: Ints, who: Masks, weight: Floats, plus: Floats,
    scales: Floats, width: int,
) -> None:  # fmt: skip
    """The attributions of one leaf from the background rows that arrive there."""
    many, outside = 0, 0.0
    rest, z = alive, 0
    while rest:
        if rest & _ONE:
            a = 0
            for k in range(digits.shape[1]):
                a += int(digits[d, k] >> np.uint64(z) & _ONE) << k
            who[many] = np.uint64(z)
            weight[many] = plus[a, failed] * scales[z]
            if failed > 0:
                outside += (plus[a, failed] - plus[a, failed - 1]) * scales[z]
            many += 1
        rest >>= _ONE
        z += 1
    for k in range(on_path):
        f = path[k]
        share = outside
        if own[f] == 1:
            share = 0.0
            not_fit = ~fit[f]
            for i in range(many):
                share += weight[i] * np.float64(not_fit >> who[i] & _ONE)
        for w in range(width):
            values[row, f, output + w] += share * value[leaf, w]
