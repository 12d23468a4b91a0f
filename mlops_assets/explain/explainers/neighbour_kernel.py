"""Nearest neighbours of mixtures of two rows: the compiled kernel. A changed column costs a pass over the rows."""

import numpy as np
from numpy.typing import NDArray

from mlops_assets.trees.arrays import Floats, Ints
from mlops_assets.trees.numba_kernels import compile_kernel


@compile_kernel
def answer_neighbours(
    own: Floats, background: Floats, distances: Floats, from_row: NDArray[np.bool_], order: Ints, bounds: Ints,
    players: Ints, training: Floats, targets: Floats, neighbours: int, is_weighted: bool, power: int, scale: float,
    answers: Floats, is_unsure: NDArray[np.bool_],
) -> None:  # fmt: skip
    """The mean target of each mixture's nearest training rows, where it is beyond doubt which these are.

    Parameters
    ----------
    own
        (columns,): the explained row.
    background, distances
        (background rows, columns), and (background rows, training rows): the sums over the columns of the distances to
        the power of `power`.
    from_row
        (mixtures, players): which are the explained row's.
    order, bounds
        ``order[bounds[b] : bounds[b + 1]]`` are the mixtures with background row b.
    players
        (columns,): the player that a column belongs to.
    training, targets
        (columns, training rows) and (training rows, outputs).
    neighbours, is_weighted, power
        How many count; by the inverse of their distance, or alike; 2: Euclidean distances, 1: Manhattan.
    scale
        Distances whose sums differ by less are taken for equal.
    answers, is_unsure
        (mixtures, outputs) and (mixtures,): written.
    """
    rows, columns, outputs = training.shape[1], training.shape[0], targets.shape[1]
    current, known = np.empty(rows), np.empty(columns, np.bool_)
    nearest, place = np.empty(neighbours + 1), np.empty(neighbours + 1, np.int64)
    for b in range(background.shape[0]):
        for t in range(rows):
            current[t] = distances[b, t]
        for c in range(columns):
            known[c] = False
        for position in range(bounds[b], bounds[b + 1]):
            mixture = order[position]
            for c in range(columns):
                wanted = from_row[mixture, players[c]]
                if wanted == known[c]:
                    continue
                known[c] = wanted
                one, other = own[c], background[b, c]
                if not wanted:
                    one, other = other, one
                if one == other:
                    continue
                if power == 2:
                    step, middle = one - other, one + other
                    for t in range(rows):
                        current[t] += step * (middle - 2.0 * training[c, t])
                else:
                    for t in range(rows):
                        current[t] += abs(one - training[c, t]) - abs(other - training[c, t])
            for k in range(neighbours + 1):
                nearest[k] = np.inf
                place[k] = 0
            for t in range(rows):
                if current[t] < nearest[neighbours]:
                    k = neighbours
                    while k > 0 and nearest[k - 1] > current[t]:
                        nearest[k] = nearest[k - 1]
                        place[k] = place[k - 1]
                        k -= 1
                    nearest[k] = current[t]
                    place[k] = t
            unsure = nearest[neighbours] - nearest[neighbours - 1] <= scale
            if is_weighted and nearest[0] <= scale:
                unsure = True
            is_unsure[mixture] = unsure
            if unsure:
                continue
            total = 0.0
            for o in range(outputs):
                answers[mixture, o] = 0.0
            for k in range(neighbours):
                weight = 1.0
                if is_weighted:
                    weight = 1.0 / (np.sqrt(nearest[k]) if power == 2 else nearest[k])
                total += weight
                for o in range(outputs):
                    answers[mixture, o] += weight * targets[place[k], o]
            for o in range(outputs):
                answers[mixture, o] /= total
