"""The order of the interaction values of some chosen columns."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from mlops_assets.trees.arrays import Ints


@dataclass(frozen=True)
class InteractionSlots:
    """Where the values of a row and output are, of k chosen columns.

    First the main effect of each, then of each the interactions with all columns that are not chosen, together, then
    the interactions of the pairs, in the order of `pairs`. A column's main effect, its interactions with the others
    that are chosen, and that with the rest add up to its attribution.

    Attributes
    ----------
    count
        k.
    """

    count: int

    @property
    def size(self) -> int:
        """2 k + k (k - 1) / 2."""
        return 2 * self.count + self.count * (self.count - 1) // 2

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Of places among the chosen columns: (0, 1), (0, 2), ..., (1, 2), ..."""
        return list(combinations(range(self.count), 2))

    @property
    def places(self) -> Ints:
        """(k + 1, k + 1): the slot of two columns; k stands for those that are not chosen, the diagonal for main
        effects, and -1 for what has no slot.
        """
        k = self.count
        places = np.full((k + 1, k + 1), -1, np.int64)
        for one in range(k):
            places[one, one] = one
            places[one, k] = places[k, one] = k + one
        for number, (one, other) in enumerate(self.pairs):
            places[one, other] = places[other, one] = 2 * k + number
        return places
