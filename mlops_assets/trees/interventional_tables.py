"""Kernels of interventional attributions: count the background, fill the tables, look rows up in them.

One leaf
    of value v with d distinct players on its path. Of the explained row let o be the set of players whose splits it
    satisfies; of a background row, u the set whose splits that one does not. In the game of the two, the leaf counts
    where u is a subset of o, and only there. With a = |u| and b = d - |o|, Shapley's formula gives each player in u

        v (a - 1)! b! / (a + b)!    and each outside of o    -v a! (b - 1)! / (a + b)!

    (Lundberg et al. 2020, algorithm 3). The mean over the background needs, for each o, how often each u occurs: let
    C(o, a) be the share of rows with u within o and |u| = a. With

        w(a, b) = (a - 1)! b! / (a + b)!,  w(0, 0) = 0,  w(0, b) = w(0, b - 1) - 1 / b,

    which satisfies w(a, b) = w(a, b - 1) - a! (b - 1)! / (a + b)! for all a and b > 0, the two cases are one:

        phi_j = A(o) - B(o without j),   A(o) = v sum over a of C(o, a) w(a, b),   B(o) = v sum of C(o, a) w(a, b - 1).

    (What a row with j not in u adds to A, it takes away in B.) All C are sums over subsets, which d steps of additions
    over 2^d whole numbers give: exact, and independent of the order of the background's rows.

A block
    adds up its leaves: its table has the attributions of each pattern of its bits (see `interventional_plan`), so that
    a row takes one line from each table, whatever the number of background rows. The table of a leaf with many players
    has A and B of each o.
"""

from functools import partial

import numpy as np

from mlops_assets.trees.arrays import Flags, Floats, Ints, Words
from mlops_assets.trees.category_sets import in_set
from mlops_assets.trees.ensemble import CATEGORICAL, MISSING_LEFT, ZERO_IS_MISSING
from mlops_assets.trees.numba_kernels import LANES, compile_inline, compile_kernel

_compile = partial(compile_kernel, fastmath=False)


@compile_inline
def _set_signals(
    X: Floats, block: int, signals: Flags, first: int, last: int, feature: Ints, threshold: Floats, decision: Flags,
    first_and: int, last_and: int, ands: Ints, sets: Ints, words: Words,
) -> None:  # fmt: skip
    """Whether each row of the block satisfies each decision (goes left), and each conjunction."""
    for c in range(last - first):
        f, t, flags = feature[first + c], threshold[first + c], decision[first + c]
        missing_left = (flags & MISSING_LEFT) != 0
        if flags & (CATEGORICAL | ZERO_IS_MISSING):
            for r in range(LANES):
                x = X[block, f, r]
                if np.isnan(x) or ((flags & ZERO_IS_MISSING) != 0 and abs(x) <= 1e-35):
                    left = missing_left
                elif flags & CATEGORICAL:
                    left = in_set(x, int(t), sets, words)
                else:
                    left = x <= t
                signals[c, r] = np.uint8(left)
        elif missing_left:
            for r in range(LANES):
                signals[c, r] = np.uint8(not (X[block, f, r] > t))
        else:
            for r in range(LANES):
                signals[c, r] = np.uint8(X[block, f, r] <= t)
    at = last - first
    for c in range(first_and, last_and):
        one, two = ands[c, 0], ands[c, 2]
        flip_one, flip_two = np.uint8(1 - ands[c, 1]), np.uint8(1 - ands[c, 3])
        for r in range(LANES):
            signals[at, r] = (signals[one, r] ^ flip_one) & (signals[two, r] ^ flip_two)
        at += 1


@_compile
def count_background(
    X: Floats, weights: Floats, tree_low: int, tree_high: int, counts: Floats, decision_start: Ints, feature: Ints,
    threshold: Floats, decision: Flags, and_start: Ints, ands: Ints, block_start: Ints, leaf_start: Ints,
    count_start: Ints, factor_start: Ints, factors: Ints, sets: Ints, words: Words,
) -> None:  # fmt: skip
    """Add to each leaf's histogram the weight of the background rows, by the set of players that they do not satisfy.

    X is (blocks, features, LANES), weights (blocks, LANES).
    """
    most = 1
    for tree in range(tree_low, tree_high):
        size = decision_start[tree + 1] - decision_start[tree] + and_start[tree + 1] - and_start[tree]
        most = max(most, size)
    signals, index = np.empty((most, LANES), np.uint8), np.empty(LANES, np.int32)
    for tree in range(tree_low, tree_high):
        first, last = decision_start[tree], decision_start[tree + 1]
        leaves = leaf_start[block_start[tree]], leaf_start[block_start[tree + 1]]
        for block in range(X.shape[0]):
            _set_signals(
                X, block, signals, first, last, feature, threshold, decision, and_start[tree], and_start[tree + 1],
                ands, sets, words,
            )  # fmt: skip
            for leaf in range(leaves[0], leaves[1]):
                for r in range(LANES):
                    index[r] = 0
                shift = np.int32(0)
                for k in range(factor_start[leaf], factor_start[leaf + 1]):
                    signal, wanted = factors[k, 3], np.uint8(factors[k, 4])
                    for r in range(LANES):
                        index[r] |= np.int32(signals[signal, r] ^ wanted) << shift
                    shift += np.int32(1)
                start = count_start[leaf]
                for r in range(LANES):
                    counts[start + index[r]] += weights[block, r]


@_compile
def fill_tables(
    tree_low: int, tree_high: int, counts: Floats, total: float, value: Floats, plus: Floats, minus: Floats,
    tables: Floats, block_start: Ints, bit_start: Ints, column_start: Ints, table_start: Ints, has_lines: Ints,
    leaf_start: Ints, count_start: Ints, factor_start: Ints, factors: Ints,
) -> None:  # fmt: skip
    """Fill the tables of some trees.

    value is (leaves, width), plus and minus hold w(a, b) and w(a, b - 1); a table is (2^bits, columns, width), or
    (2, 2^players) without lines.
    """
    width = value.shape[1]
    for block in range(block_start[tree_low], block_start[tree_high]):
        columns = column_start[block + 1] - column_start[block]
        patterns = 1 << (bit_start[block + 1] - bit_start[block])
        for leaf in range(leaf_start[block], leaf_start[block + 1]):
            first, d = factor_start[leaf], factor_start[leaf + 1] - factor_start[leaf]
            size = 1 << d
            A, B, shares = np.zeros(size), np.zeros(size), np.empty(size)
            for a in range(d + 1):
                for u in range(size):
                    shares[u] = counts[count_start[leaf] + u] if _bits_of(u) == a else 0.0
                for k in range(d):
                    for u in range(size):
                        if u >> k & 1:
                            shares[u] += shares[u ^ (1 << k)]
                for u in range(size):
                    b = d - _bits_of(u)
                    A[u] += shares[u] * plus[a, b]
                    B[u] += shares[u] * minus[a, b]
            for u in range(size):
                A[u] /= total
                B[u] /= total
            if has_lines[block] == 0:
                for u in range(size):
                    tables[table_start[block] + u] = A[u]
                    tables[table_start[block] + size + u] = B[u]
                continue
            for pattern in range(patterns):
                o = 0
                for k in range(d):
                    o |= int((pattern & factors[first + k, 1]) == factors[first + k, 2]) << k
                start = table_start[block] + pattern * columns * width
                for k in range(d):
                    share = A[o] - B[o & ~(1 << k)]
                    if share != 0.0:
                        at = start + factors[first + k, 0] * width
                        for w in range(width):
                            tables[at + w] += share * value[leaf, w]


@compile_inline
def _bits_of(u: int) -> int:
    count = 0
    while u:
        u &= u - 1
        count += 1
    return count


@_compile
def look_up(
    rows: Floats, values: Floats, low: int, high: int, width: int, tables: Floats, tree_output: Ints,
    decision_start: Ints, feature: Ints, threshold: Floats, decision: Flags, and_start: Ints, and_of_rows: Ints,
    ands: Ints, block_start: Ints, bit_start: Ints, bits: Ints, column_start: Ints, columns: Ints, table_start: Ints,
    has_lines: Ints, leaf_start: Ints, value: Floats, factor_start: Ints, factors: Ints, sets: Ints, words: Words,
) -> None:  # fmt: skip
    """Add to values (n, players, outputs) the lines of the tables that rows[low:high] lead to."""
    blocks, features, players = (high - low + LANES - 1) // LANES, rows.shape[1], values.shape[1]
    X = np.empty((blocks, features, LANES))
    phi = np.zeros((blocks, values.shape[2], players, LANES))
    for block in range(blocks):
        for r in range(LANES):
            row = min(low + block * LANES + r, high - 1)
            for f in range(features):
                X[block, f, r] = rows[row, f]
    most = 1
    for tree in range(tree_output.shape[0]):
        most = max(most, decision_start[tree + 1] - decision_start[tree] + and_of_rows[tree])
    signals, index = np.empty((most, LANES), np.uint8), np.empty(LANES, np.int32)
    own = np.empty(LANES)
    for tree in range(tree_output.shape[0]):
        first, last, output = decision_start[tree], decision_start[tree + 1], tree_output[tree]
        for block in range(blocks):
            _set_signals(
                X, block, signals, first, last, feature, threshold, decision, and_start[tree],
                and_start[tree] + and_of_rows[tree], ands, sets, words,
            )  # fmt: skip
            for table in range(block_start[tree], block_start[tree + 1]):
                for r in range(LANES):
                    index[r] = 0
                shift = np.int32(0)
                for k in range(bit_start[table], bit_start[table + 1]):
                    signal = bits[k]
                    for r in range(LANES):
                        index[r] |= np.int32(signals[signal, r]) << shift
                    shift += np.int32(1)
                start, count = table_start[table], column_start[table + 1] - column_start[table]
                if has_lines[table] == 0:
                    leaf = leaf_start[table]
                    flip, other = np.int32(0), start + (1 << count)
                    for k in range(count):
                        if factors[factor_start[leaf] + k, 2] == 0:
                            flip |= np.int32(1) << np.int32(k)
                    for r in range(LANES):
                        index[r] ^= flip
                        own[r] = tables[start + index[r]]
                    for k in range(count):
                        player, rest = columns[column_start[table] + k], ~(np.int32(1) << np.int32(k))
                        for w in range(width):
                            v = value[leaf, w]
                            for r in range(LANES):
                                share = own[r] - tables[other + (index[r] & rest)]
                                phi[block, output + w, player, r] += v * share
                    continue
                for k in range(count):
                    player = columns[column_start[table] + k]
                    for w in range(width):
                        at, step = start + k * width + w, np.int32(count * width)
                        for r in range(LANES):
                            phi[block, output + w, player, r] += tables[at + index[r] * step]
    for block in range(blocks):
        for r in range(min(LANES, high - low - block * LANES)):
            for player in range(players):
                for o in range(values.shape[2]):
                    values[low + block * LANES + r, player, o] += phi[block, o, player, r]
