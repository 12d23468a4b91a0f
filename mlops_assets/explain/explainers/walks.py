"""Walks from background rows to an explained row: how many, in which orders, and what they say of their error."""

import numpy as np
from numpy.typing import NDArray

from mlops_assets.errors import ExplanationError
from mlops_assets.explain.explainers.explainer import ExplainConfig
from mlops_assets.trees.arrays import Floats


def walk_orders(key: int, walks: int, width: int) -> NDArray[np.int64]:
    """(walks, players): uniform random orders that follow from the key."""
    random = np.random.Generator(np.random.Philox(key=key))
    return random.permuted(np.tile(np.arange(width), (walks, 1)), axis=1)


def rounds_within(config: ExplainConfig, width: int, background_rows: int, rounds: int) -> int:
    """How many pairs of walks from each background row: `rounds`, or as many as the budget has room for.

    Raises
    ------
    ExplanationError
        It has no room for one.
    """
    if config.calls_per_row is None:
        return rounds
    one = 2 * max(1, width - 1) * background_rows
    if config.calls_per_row < one:
        least = 2 * max(1, width - 1)
        raise ExplanationError(
            f"A row may cost {config.calls_per_row:,} predictions, and one pair of walks from each of"
            f" {background_rows:,} background rows costs {one:,}",
            where="explain.budget.calls_per_row",
            fix=f"Raise it to {one:,}, or lower explain.background_rows to {max(1, config.calls_per_row // least):,}",
        )
    return config.calls_per_row // one


def walk_errors(pairs: Floats) -> Floats:
    """(players, outputs): standard errors; background rows are strata, not a sample.

    Parameters
    ----------
    pairs
        (rounds, background rows, players, outputs): what each pair of walks gives each player. One pair per background
        row shows no spread between its walks; the spread between background rows bounds it from above.
    """
    rounds, background_rows = pairs.shape[:2]
    if rounds > 1:
        spread = pairs.var(axis=0, ddof=1).sum(axis=0) / (rounds * background_rows**2)
    elif background_rows > 1:
        spread = pairs[0].var(axis=0, ddof=1) / background_rows
    else:
        spread = np.full(pairs.shape[2:], np.nan)
    return np.asarray(np.sqrt(spread))
