"""Predictions beside what came of them: bins of predicted values with the observed mean, its interval and counts."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlops_assets.performance.intervals import Interval, interval_of, wilson
from mlops_assets.performance.measures import Measure, is_probability
from mlops_assets.performance.problem import Problem
from mlops_assets.performance.version_rows import VersionRows

BINS = 10


@dataclass(frozen=True)
class Bin:
    """Rows with predictions from `low` to `high`, the last bin with its upper edge.

    Attributes
    ----------
    output
        The class that the probability is of, or ``prediction``.
    predicted, observed
        Means: of the predictions, and of the outcomes (for a class the share of rows that are of it).
    interval
        Of `observed`: Wilson's for a share, else Student's.
    """

    version: int
    output: str
    number: int
    low: float
    high: float
    rows: int
    predicted: float
    observed: float
    interval: Interval


def calibrate(rows: VersionRows, problem: Problem) -> list[Bin]:
    """Ten bins for each output: of equal width for probabilities, of as many rows for other numbers; none for labels.

    Bins without rows are left out.
    """
    if problem.answer == "label" or not len(rows.identity):
        return []
    if problem.task == "regression":
        return list(_number_bins(rows))
    if not is_probability(rows.predictions):
        return []
    if problem.task == "binary":
        return list(_share_bins(rows.version, str(problem.classes[1]), rows.outcomes == 1, rows.predictions[:, 0]))
    return [
        each
        for place, name in enumerate(problem.classes)
        for each in _share_bins(rows.version, str(name), rows.outcomes == place, rows.predictions[:, place])
    ]


def calibration_error(bins: list[Bin]) -> float | None:
    """The mean distance of predicted and observed shares, by rows: the expected calibration error."""
    rows = sum(each.rows for each in bins)
    return sum(each.rows * abs(each.predicted - each.observed) for each in bins) / rows if rows else None


def _share_bins(version: int, output: str, positive: NDArray[np.bool_], scores: NDArray[np.float64]) -> Iterator[Bin]:
    places = np.minimum((scores * BINS).astype(np.int64), BINS - 1)
    for place in range(BINS):
        inside = places == place
        count = int(inside.sum())
        if count:
            share = float(positive[inside].mean())
            predicted = float(scores[inside].mean())
            edges = (place / BINS, (place + 1) / BINS)
            yield Bin(version, output, place + 1, *edges, count, predicted, share, wilson(share, count))


def _number_bins(rows: VersionRows) -> Iterator[Bin]:
    predictions, outcomes = rows.predictions[:, 0], rows.outcomes.astype(np.float64)
    edges = np.unique(np.quantile(predictions, np.linspace(0, 1, BINS + 1)))
    if len(edges) == 1:
        edges = np.repeat(edges, 2)
    places = np.clip(np.searchsorted(edges, predictions, "right") - 1, 0, len(edges) - 2)
    for place in range(len(edges) - 1):
        inside = places == place
        count = int(inside.sum())
        if count:
            observed = outcomes[inside]
            mean = Measure("mean_error", float(observed.mean()), observed - observed.mean())
            predicted = float(predictions[inside].mean())
            yield Bin(
                rows.version,
                "prediction",
                place + 1,
                float(edges[place]),
                float(edges[place + 1]),
                count,
                predicted,
                float(observed.mean()),
                interval_of(mean),
            )
