"""Walks and enumerations through a neural network: the compiled kernels. A step costs one column of the first layer."""

import math

import numpy as np

from mlops_assets.trees.arrays import Floats, Ints
from mlops_assets.trees.numba_kernels import compile_inline, compile_kernel


@compile_inline
def _activate(code: int, values: Floats) -> None:
    count = values.shape[0]
    if code == 1:
        for k in range(count):
            values[k] = 1.0 / (1.0 + math.exp(-values[k]))
    elif code == 2:
        for k in range(count):
            values[k] = math.tanh(values[k])
    elif code == 3:
        for k in range(count):
            values[k] = values[k] if values[k] > 0.0 else 0.0
    elif code == 4:
        for k in range(count):
            values[k] = math.exp(values[k])
    elif code == 5:
        most = values[0]
        for k in range(count):
            most = max(most, values[k])
        total = 0.0
        for k in range(count):
            values[k] = math.exp(values[k] - most)
            total += values[k]
        for k in range(count):
            values[k] /= total


@compile_inline
def _finish(values: Floats, widths: Ints, weights: Floats, biases: Floats, codes: Ints) -> int:
    """The other layers, of the first one's sums in `values`; where the outputs begin.

    Each loop runs over slices from their beginning: with an offset in an index no loop is vectorized (numba 0.62).
    """
    start, weight, bias = 0, 0, 0
    for layer in range(widths.shape[0]):
        wide = widths[layer]
        below = values[start : start + wide]
        _activate(codes[layer], below)
        if layer + 1 == widths.shape[0]:
            break
        after = start + wide
        for k in range(widths[layer + 1]):
            line, total = weights[weight : weight + wide], 0.0
            for j in range(wide):
                total += line[j] * below[j]
            values[after + k] = total + biases[bias + k]
            weight += wide
        bias += widths[layer + 1]
        start = after
    return start


@compile_kernel
def evaluate_network(
    X: Floats, first: Floats, offset: Floats, widths: Ints, weights: Floats, biases: Floats, codes: Ints, out: Floats
) -> None:
    """(n, columns) -> out (n, outputs), row by row."""
    values = np.empty(widths.sum())
    for row in range(X.shape[0]):
        for k in range(first.shape[1]):
            values[k] = offset[k]
        for column in range(X.shape[1]):
            for k in range(first.shape[1]):
                values[k] += X[row, column] * first[column, k]
        start = _finish(values, widths, weights, biases, codes)
        for o in range(out.shape[1]):
            out[row, o] = values[start + o]


@compile_kernel
def walk_network(
    row: Floats, own: Floats, background: Floats, sums: Floats, starts: Floats, orders: Ints, bounds: Ints,
    columns: Ints, first: Floats, widths: Ints, weights: Floats, biases: Floats, codes: Ints, credited: Floats,
) -> None:  # fmt: skip
    """Add to credited (walks, players, outputs) the mean of each walk and its reverse.

    Parameters
    ----------
    row, own
        (columns,) and (outputs,): the explained row, and what the network answers.
    background, sums, starts
        Per background row its columns, the first layer's sums and the network's answer.
    orders
        (walks, players): the order of replacement. Walk w starts at the background row w modulo their number.
    bounds, columns
        ``columns[bounds[p] : bounds[p + 1]]`` are those of player p.
    first, widths, weights, biases, codes
        The network: see `Network`.
    """
    players, outputs = orders.shape[1], own.shape[0]
    current, values = np.empty(sums.shape[1]), np.empty(widths.sum())
    last = np.empty(outputs)
    for walk in range(orders.shape[0]):
        b = walk % background.shape[0]
        for reverse in range(2):
            for k in range(sums.shape[1]):
                current[k] = sums[b, k]
            for o in range(outputs):
                last[o] = starts[b, o]
            for step in range(players):
                player = orders[walk, players - 1 - step if reverse else step]
                changed = False
                # Written here, and not called, or it is not vectorized (numba 0.62).
                for place in range(bounds[player], bounds[player + 1]):
                    column = columns[place]
                    change = row[column] - background[b, column]
                    if change != 0.0:
                        changed = True
                        for k in range(sums.shape[1]):
                            current[k] += change * first[column, k]
                if step == players - 1:
                    for o in range(outputs):
                        credited[walk, player, o] += 0.5 * (own[o] - last[o])
                elif changed:
                    for k in range(sums.shape[1]):
                        values[k] = current[k]
                    start = _finish(values, widths, weights, biases, codes)
                    for o in range(outputs):
                        credited[walk, player, o] += 0.5 * (values[start + o] - last[o])
                        last[o] = values[start + o]


@compile_kernel
def enumerate_network(
    row: Floats, own: Floats, background: Floats, sums: Floats, starts: Floats, bounds: Ints, columns: Ints,
    first: Floats, widths: Ints, weights: Floats, biases: Floats, codes: Ints, worth: Floats,
) -> None:  # fmt: skip
    """Add to worth (2^players, outputs) the answers to each coalition, summed over the background.

    Parameters as of `walk_network`. Coalitions follow each other by one player (Gray 1953).
    """
    outputs, full = own.shape[0], worth.shape[0] - 1
    current, values = np.empty(sums.shape[1]), np.empty(widths.sum())
    last = np.empty(outputs)
    for b in range(background.shape[0]):
        for k in range(sums.shape[1]):
            current[k] = sums[b, k]
        for o in range(outputs):
            last[o] = starts[b, o]
            worth[0, o] += last[o]
        coalition = 0
        for number in range(1, full + 1):
            player = 0
            while (number >> player) & 1 == 0:
                player += 1
            coalition ^= 1 << player
            sign = 1.0 if (coalition >> player) & 1 else -1.0
            changed = False
            # Written here, and not called, or it is not vectorized (numba 0.62).
            for place in range(bounds[player], bounds[player + 1]):
                column = columns[place]
                change = sign * (row[column] - background[b, column])
                if change != 0.0:
                    changed = True
                    for k in range(sums.shape[1]):
                        current[k] += change * first[column, k]
            if changed:
                for k in range(sums.shape[1]):
                    values[k] = current[k]
                start = _finish(values, widths, weights, biases, codes)
                for o in range(outputs):
                    last[o] = values[start + o]
            for o in range(outputs):
                worth[coalition, o] += own[o] if coalition == full else last[o]
