"""The order of features by the size of their attributions, and how well two orders agree."""

import numpy as np

from mlops_assets.trees.arrays import Floats, Ints


def rank_by_size(sizes: Floats) -> Ints:
    """(features,): 1 for the largest; ties keep the given order."""
    ranks = np.empty(len(sizes), dtype=np.int64)
    ranks[np.argsort(-sizes, kind="stable")] = np.arange(1, len(sizes) + 1)
    return ranks


def ndcg(gains: Floats, ranks: Ints | Floats) -> float:
    """Normalised discounted cumulative gain of an order.

    Parameters
    ----------
    gains
        (features,): the gain of each; not negative.
    ranks
        (features,): its place, from 1.

    Returns
    -------
    In [0, 1]: 1 for the best order, and where all gains are zero.
    """
    best = float((np.sort(gains)[::-1] / np.log2(np.arange(len(gains)) + 2)).sum())
    if best <= 0:
        return 1.0
    # Two sums of the same terms in another order: the quotient of equal ones may be the number after 1.
    return min(float((gains / np.log2(ranks + 1)).sum()) / best, 1.0)
