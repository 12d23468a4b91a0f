"""How far two distributions are apart, from counts in the same cells."""

import numpy as np

_BINS = 10


def population_stability_index(one: np.ndarray, reference: np.ndarray) -> float:
    """PSI: the sum of (share - share) * ln(share / share) over cells, in nats.

    Half a row is added to every cell that either has rows in, so that an empty one does not make it infinite.
    """
    used = (one + reference) > 0
    shares = [(counts[used] + 0.5) / (counts.sum() + 0.5 * used.sum()) for counts in (one, reference)]
    return float(((shares[0] - shares[1]) * np.log(shares[0] / shares[1])).sum())


def jensen_shannon_distance(one: np.ndarray, reference: np.ndarray) -> float:
    """The square root of the Jensen-Shannon divergence in bits: 0 for equal ones, 1 for disjoint ones."""
    shares = np.stack([one / max(one.sum(), 1), reference / max(reference.sum(), 1)])
    middle = shares.mean(axis=0)
    positive = shares > 0
    ratios = np.divide(shares, middle, out=np.ones_like(shares), where=positive)
    return float(np.sqrt(max((shares * np.log2(ratios)).sum() / 2, 0.0)))


def share_gaps(one: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """(values,): how much larger a share of the one than of the reference is at most each value.

    Parameters
    ----------
    one, reference
        (values,): rows with each value, in the values' order; either has one at least.
    """
    return np.asarray(np.cumsum(one) / one.sum() - np.cumsum(reference) / reference.sum())


def wasserstein_distance(gaps: np.ndarray, values: np.ndarray) -> float:
    """The first Wasserstein (earth mover's) distance, in the unit of `values`, of `share_gaps` at these."""
    return float(np.abs(gaps[:-1]) @ np.diff(values))


def decile_cells(one: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Counts by the tenths of the reference: (10,) each. A value that many rows share is in one cell whole."""
    before = np.cumsum(reference) - reference / 2
    cells = np.minimum((before * (_BINS / reference.sum())).astype(np.int64), _BINS - 1)
    return np.bincount(cells, one, _BINS), np.bincount(cells, reference, _BINS)
