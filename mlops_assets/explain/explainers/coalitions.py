"""All coalitions of a few players: which columns belong to which, and the Shapley values of what they are worth."""

from math import comb

import numpy as np
from numpy.typing import NDArray

from mlops_assets.trees.arrays import Floats


def coalition_members(width: int, start: int, stop: int) -> NDArray[np.bool_]:
    """(coalitions, players): who belongs to those numbered from `start`; player p does where bit p is set."""
    numbers = np.arange(start, stop)
    return np.asarray((numbers[:, None] >> np.arange(width)) & 1, dtype=bool)


def shapley_of_worth(worth: Floats) -> Floats:
    """(players, outputs) Shapley values of a game that is known whole.

    Parameters
    ----------
    worth
        (2^players, outputs): of each coalition, numbered as in `coalition_members`.
    """
    width = len(worth).bit_length() - 1
    numbers = np.arange(len(worth))
    sizes = coalition_members(width, 0, len(worth)).sum(axis=1)
    shares = np.array([1.0 / (width * comb(width - 1, size)) for size in range(width)])
    values = np.zeros((width, worth.shape[1]))
    for player in range(width):
        without = numbers[(numbers >> player) & 1 == 0]
        gains = worth[without | (1 << player)] - worth[without]
        values[player] = (shares[sizes[without], None] * gains).sum(axis=0)
    return values
