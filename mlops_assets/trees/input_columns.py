"""Matrix columns that come from the same input column, summed."""

import numpy as np
from numpy.typing import NDArray

from mlops_assets.trees.arrays import Floats

Sources = NDArray[np.intp]
"""(transformed columns,): the position of the input column that each one comes from."""


def is_direct(sources: Sources, features: int) -> bool:
    """Whether the columns are the input columns, in their order."""
    return len(sources) == features and bool((sources == np.arange(features)).all())


def roll_up(values: Floats, sources: Sources, features: int) -> Floats:
    """Sum attributions (n, columns, outputs) over the columns of each input column: (n, features, outputs)."""
    if is_direct(sources, features):
        return values
    rolled = np.zeros((values.shape[0], features, values.shape[2]))
    order = np.argsort(sources, kind="stable")
    bounds = np.searchsorted(sources[order], np.arange(features + 1))
    for feature in range(features):
        columns = order[bounds[feature] : bounds[feature + 1]]
        if len(columns):
            rolled[:, feature] = values[:, columns].sum(axis=1)
    return rolled
