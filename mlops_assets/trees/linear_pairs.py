"""Shapley values of linear leaves for pairs of an explained and a background row, compiled with numba.

A leaf that is reached with the explained row's columns A and the background row's columns B is a game that counts where
all of A and none of B are known; its linear model, that game times a number, and one more for each term whose column
may come from either. A missing value makes a leaf plain: that a column is there is one more condition. Each such game
has Shapley values in closed form, as in interventional values of trees (Lundberg et al. 2020, algorithm 3).
"""

from functools import partial

import numpy as np

from mlops_assets.trees.arrays import Flags, Floats, Indices, Ints
from mlops_assets.trees.numba_kernels import compile_kernel
from mlops_assets.trees.ranking import ZERO_THRESHOLD

_compile = partial(compile_kernel, fastmath=False)
_ROW, _BACKGROUND = 1, 2


@_compile
def _add_game(
    value: float, path: Ints, count: int, mark: Flags, extra: int, share: Floats, values: Floats, output: int
) -> float:
    """Add what a game of this value gives to the columns of the path; returns what it gives to one more, if `extra`."""
    ours = extra
    for place in range(count):
        ours += mark[path[place]] == _ROW
    theirs = count - ours + extra
    gain, loss = value * share[ours, theirs], value * share[theirs, ours]
    for place in range(count):
        if mark[path[place]] == _ROW:
            values[path[place], output] += gain
        else:
            values[path[place], output] -= loss
    return float(gain)


@_compile
def _add_leaf(
    x: Floats, other: Floats, at: int, path: Ints, count: int, mark: Flags, plain: Floats, constant: Floats,
    start: Ints, feature: Ints, coefficient: Floats, player: Ints, share: Floats, values: Floats, output: int,
) -> None:  # fmt: skip
    _add_game(plain[at], path, count, mark, 0, share, values, output)
    if start[at] == start[at + 1] and constant[at] == plain[at]:
        return
    known, is_possible = count, True
    for term in range(start[at], start[at + 1]):
        column = feature[term]
        who = player[column]
        lacks, other_lacks = np.isnan(x[column]), np.isnan(other[column])
        if (lacks and (other_lacks or mark[who] == _ROW)) or (other_lacks and mark[who] == _BACKGROUND):
            is_possible = False
            break
        if (lacks or other_lacks) and mark[who] == 0:
            mark[who] = _BACKGROUND if lacks else _ROW
            path[known] = who
            known += 1
    if is_possible:
        fixed = constant[at] - plain[at]
        for term in range(start[at], start[at + 1]):
            column = feature[term]
            source = x[column] if mark[player[column]] == _ROW else other[column]
            fixed += coefficient[term] * (0.0 if abs(source) <= ZERO_THRESHOLD else source)
        _add_game(fixed, path, known, mark, 0, share, values, output)
        for term in range(start[at], start[at + 1]):
            column = feature[term]
            if mark[player[column]] == 0:
                one = 0.0 if abs(x[column]) <= ZERO_THRESHOLD else x[column]
                two = 0.0 if abs(other[column]) <= ZERO_THRESHOLD else other[column]
                gain = _add_game(coefficient[term] * (one - two), path, known, mark, 1, share, values, output)
                values[player[column], output] += gain
    for place in range(count, known):
        mark[path[place]] = 0


@_compile
def add_pairs(
    X: Floats, goes_left: Flags, others: Floats, other_goes_left: Flags, roots: Ints, left: Indices, right: Indices,
    feature: Indices, leaf: Ints, output: Ints, first: Ints, plain: Floats, constant: Floats, start: Ints,
    term_feature: Ints, coefficient: Floats, player: Ints, share: Floats, depth: int, values: Floats,
) -> None:  # fmt: skip
    """Add to values (n, players, outputs) the sums over all background rows.

    Parameters
    ----------
    X, goes_left
        (n, columns); (n, nodes): whether a row goes left at a node.
    others, other_goes_left
        The same of the background.
    leaf
        (nodes,): the number of a leaf among those of its tree.
    player
        (columns,): the input column that each comes from.
    share
        (p, q): what one of p columns that have to be known, where q must not be, has of a game: (p - 1)! q! / (p + q)!.
    depth
        The most splits on a path.
    """
    mark, path = np.zeros(values.shape[1], np.uint8), np.zeros(values.shape[1] + 1, np.int64)
    waiting, before = np.zeros(depth + 2, np.int64), np.zeros(depth + 2, np.int64)
    who_waits = np.zeros(depth + 2, np.int64)
    for row in range(X.shape[0]):
        x, added = X[row], values[row]
        for other in range(others.shape[0]):
            compared = others[other]
            for tree in range(len(roots)):
                # The explained row's way first; at each parting, the background row's way waits.
                count = top = 0
                node = np.int64(roots[tree])
                while True:
                    while left[node] >= 0:
                        who = player[feature[node]]
                        ours, theirs = goes_left[row, node], other_goes_left[other, node]
                        if mark[who] == 0 and ours != theirs:
                            waiting[top] = left[node] if theirs else right[node]
                            before[top], who_waits[top] = count, who
                            top += 1
                            mark[who] = _ROW
                            path[count] = who
                            count += 1
                        follows = theirs if mark[who] == _BACKGROUND else ours
                        node = np.int64(left[node] if follows else right[node])
                    _add_leaf(
                        x, compared, first[tree] + leaf[node], path, count, mark, plain, constant, start,
                        term_feature, coefficient, player, share, added, output[tree],
                    )  # fmt: skip
                    if top == 0:
                        break
                    top -= 1
                    for place in range(before[top], count):
                        mark[path[place]] = 0
                    count = before[top]
                    mark[who_waits[top]] = _BACKGROUND
                    path[count] = who_waits[top]
                    count += 1
                    node = waiting[top]
                for place in range(count):
                    mark[path[place]] = 0
