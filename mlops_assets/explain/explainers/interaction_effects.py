"""Interaction values beside the kernels: which columns are chosen, and models in which no two columns interact."""

from collections.abc import Sequence

import numpy as np

from mlops_assets.trees.arrays import Floats, Ints
from mlops_assets.trees.interaction_slots import InteractionSlots


def chosen_groups(features: Sequence[str], columns: Sequence[str]) -> Ints:
    """(features,): the place of each feature among the chosen columns, or their number where it is not chosen."""
    places = {name: place for place, name in enumerate(columns)}
    return np.array([places.get(name, len(columns)) for name in features], np.int64)


def without_pairs(attributions: Floats, features: Sequence[str], columns: Sequence[str]) -> Floats:
    """The interaction values of a sum of functions of single columns: each attribution is a main effect.

    Parameters
    ----------
    attributions
        (n, features, outputs).

    Returns
    -------
    (n, slots, outputs), in the order of `InteractionSlots`; all but the main effects are zero, exactly.
    """
    values = np.zeros((len(attributions), InteractionSlots(len(columns)).size, attributions.shape[2]))
    values[:, : len(columns)] = attributions[:, [features.index(name) for name in columns]]
    return values
