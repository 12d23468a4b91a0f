"""Metrics of rows with known outcomes: values by scikit-learn, and what each row adds, from which intervals follow.

The influence of a row is the derivative of the metric with respect to the row's weight, times the number of rows. The
variance of the metric is the sum of squared influences over ``n (n - 1)``: the infinitesimal jackknife (Efron, The
Jackknife, the Bootstrap and Other Resampling Plans, 1982), which for means is the usual standard error and for the area
under the ROC curve that of DeLong et al. (Biometrics 44, 1988). Influences of two models on the same rows give the
interval of their difference.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlops_assets.performance.metrics import METRICS

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Measure:
    """A metric of some rows.

    Attributes
    ----------
    value
        None: it is not defined for these rows.
    influence
        (n,): what each row adds, with mean zero; None where there is no value.
    trials
        Of a proportion: the number of rows that it is a share of. Of a ranking: the rows of the rarer side.
    """

    name: str
    value: float | None
    influence: Floats | None = None
    trials: int = 0


def measure_regression(outcomes: Floats, predictions: Floats) -> list[Measure]:
    """`mae`, `rmse`, `r2` and `mean_error` of (n,) numbers."""
    from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

    if not len(outcomes):
        return [Measure(name, None) for name in ("mae", "rmse", "r2", "mean_error")]
    errors = predictions - outcomes
    absolute, squares = np.abs(errors), np.square(errors)
    rmse = float(root_mean_squared_error(outcomes, predictions))
    by_rmse = (squares - squares.mean()) / (2 * rmse) if rmse > 0 else np.zeros_like(squares)
    measures = [
        Measure("mae", float(mean_absolute_error(outcomes, predictions)), absolute - absolute.mean()),
        Measure("rmse", rmse, by_rmse),
    ]
    deviations = np.square(outcomes - outcomes.mean())
    if len(outcomes) > 1 and deviations.sum() > 0:
        r2 = float(r2_score(outcomes, predictions))
        measures.append(Measure("r2", r2, ((1 - r2) * deviations - squares) / deviations.mean()))
    else:
        measures.append(Measure("r2", None))
    return [*measures, Measure("mean_error", float(errors.mean()), errors - errors.mean())]


def measure_scores(positive: NDArray[np.bool_], scores: Floats) -> list[Measure]:
    """`roc_auc`, `average_precision`, and of probabilities `log_loss` and `brier`, of (n,) scores of the positive.

    Without rows of both classes there is neither an area nor an average precision.
    """
    from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

    positives = int(positive.sum())
    rarer = min(positives, len(positive) - positives)
    if rarer:
        ranking, area = _Ranking.of(positive, scores), float(roc_auc_score(positive, scores))
        average = float(average_precision_score(positive, scores))
        measures = [
            Measure("roc_auc", area, ranking.auc_influence(positive), rarer),
            Measure("average_precision", average, ranking.average_precision_influence(positive, average), rarer),
        ]
    else:
        measures = [Measure("roc_auc", None), Measure("average_precision", None)]
    if not len(scores) or not is_probability(scores):
        return [*measures, Measure("log_loss", None), Measure("brier", None)]
    losses = -np.log(np.clip(np.where(positive, scores, 1 - scores), np.finfo(np.float64).eps, 1))
    squares = np.square(scores - positive)
    return [
        *measures,
        Measure("log_loss", float(log_loss(positive, scores, labels=[False, True])), losses - losses.mean()),
        Measure("brier", float(brier_score_loss(positive, scores)), squares - squares.mean()),
    ]


def measure_decisions(positive: NDArray[np.bool_], predicted: NDArray[np.bool_]) -> list[Measure]:
    """`accuracy`, `precision`, `recall` and `f1` of (n,) decisions; a share of no rows has no value."""
    from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score

    rows, hits = len(positive), positive & predicted
    named, real = int(predicted.sum()), int(positive.sum())
    right = (positive == predicted).astype(np.float64)
    return [
        _share("accuracy", rows, lambda: float(accuracy_score(positive, predicted)), right, np.ones(rows, bool)),
        _share("precision", named, lambda: float(precision_score(positive, predicted)), hits, predicted),
        _share("recall", real, lambda: float(recall_score(positive, predicted)), hits, positive),
        Measure("f1", float(f1_score(positive, predicted)), _f1_influence(positive, predicted), real)
        if named + real
        else Measure("f1", None),
    ]


def measure_classes(outcomes: Codes, predicted: Codes) -> list[Measure]:
    """`accuracy` and `macro_f1` of (n,) class codes; the classes are those that occur on either side."""
    from sklearn.metrics import accuracy_score, f1_score

    if not len(outcomes):
        return [Measure("accuracy", None), Measure("macro_f1", None)]
    right = outcomes == predicted
    classes = np.union1d(outcomes, predicted)
    influences = [_f1_influence(outcomes == each, predicted == each) for each in classes]
    return [
        _share(
            "accuracy", len(right), lambda: float(accuracy_score(outcomes, predicted)), right, np.ones(len(right), bool)
        ),
        Measure(
            "macro_f1", float(f1_score(outcomes, predicted, average="macro")), np.mean(influences, axis=0), len(right)
        ),
    ]


def measure_class_scores(outcomes: Codes, probabilities: Floats) -> list[Measure]:
    """`log_loss` and `macro_roc_auc` of (n, classes) probabilities, the code being the column.

    Classes without rows, or without rows of others, are left out of the mean of areas. Probabilities that do not sum to
    one have no log loss.
    """
    from sklearn.metrics import roc_auc_score

    rows, classes = probabilities.shape
    measures = []
    sums_to_one = np.allclose(probabilities.sum(axis=1), 1, rtol=0, atol=1e-6)
    if rows and sums_to_one and is_probability(probabilities):
        # As scikit-learn's log_loss, which warns of what was a float32: its sum is one to fewer digits.
        least = np.finfo(np.float64).eps
        losses = -np.log(np.clip(probabilities[np.arange(rows), outcomes], least, 1 - least))
        measures.append(Measure("log_loss", float(losses.mean()), losses - losses.mean()))
    else:
        measures.append(Measure("log_loss", None))
    counts = np.bincount(outcomes, minlength=classes)
    present = [each for each in range(classes) if 0 < counts[each] < rows]
    if not present:
        return [*measures, Measure("macro_roc_auc", None)]
    areas = [float(roc_auc_score(outcomes == each, probabilities[:, each])) for each in present]
    influences = [
        _Ranking.of(outcomes == each, probabilities[:, each]).auc_influence(outcomes == each) for each in present
    ]
    rarest = min(min(counts[each], rows - counts[each]) for each in present)
    return [*measures, Measure("macro_roc_auc", float(np.mean(areas)), np.mean(influences, axis=0), int(rarest))]


def is_probability(scores: Floats) -> bool:
    """Whether all scores are from 0 to 1."""
    return bool(scores.size == 0 or (scores.min() >= 0 and scores.max() <= 1))


def in_order(measures: list[Measure]) -> list[Measure]:
    """As they are shown."""
    places = {name: place for place, name in enumerate(METRICS)}
    return sorted(measures, key=lambda measure: places[measure.name])


def _share(
    name: str, trials: int, value: Callable[[], float], hits: NDArray[np.generic], of: NDArray[np.bool_]
) -> Measure:
    """A share of the rows `of` which are `hits`."""
    if not trials:
        return Measure(name, None)
    share = value()
    return Measure(name, share, np.where(of, hits.astype(np.float64) - share, 0.0) * (len(of) / trials), trials)


@dataclass(frozen=True)
class _Ranking:
    """Scores as places among the different ones, rising, and how many rows of either class are at each place."""

    places: NDArray[np.intp]
    ups: Floats
    downs: Floats

    @classmethod
    def of(cls, positive: NDArray[np.bool_], scores: Floats) -> "_Ranking":
        _, places = np.unique(scores, return_inverse=True)
        count = int(places.max()) + 1
        ups = np.bincount(places[positive], minlength=count).astype(np.float64)
        return cls(places, ups, np.bincount(places, minlength=count) - ups)

    def auc_influence(self, positive: NDArray[np.bool_]) -> Floats:
        """DeLong's placements: of how large a part of the other class each row is on the right side, ties by half."""
        rows, ups, downs = len(positive), float(self.ups.sum()), float(self.downs.sum())
        below = (np.cumsum(self.downs) - self.downs / 2) / downs
        above = 1 - (np.cumsum(self.ups) - self.ups / 2) / ups
        area = float((self.ups * below).sum() / ups)
        by_up, by_down = (below - area) * (rows / ups), (above - area) * (rows / downs)
        return np.asarray(np.where(positive, by_up[self.places], by_down[self.places]), np.float64)

    def average_precision_influence(self, positive: NDArray[np.bool_], average: float) -> Floats:
        """The derivative of the mean of ``TP / (TP + FP)`` over positives; a row adds to the counts of lower scores."""
        ups = float(self.ups.sum())
        hits, named = (np.cumsum(each[::-1])[::-1] for each in (self.ups, self.ups + self.downs))
        precision, share = hits / named, self.ups / ups
        by_hit = np.cumsum(share * (named - hits) / named**2)
        by_miss = -np.cumsum(share * hits / named**2)
        rows = len(positive)
        by_up = (precision - average) / ups + by_hit
        return np.asarray(np.where(positive, by_up[self.places], by_miss[self.places]) * rows, np.float64)


def _f1_influence(positive: NDArray[np.bool_], predicted: NDArray[np.bool_]) -> Floats:
    hits, misses = positive & predicted, positive ^ predicted
    whole = 2 * hits.sum() + misses.sum()
    if not whole:
        return np.zeros(len(positive))
    f1 = 2 * hits.sum() / whole
    return np.asarray((2 * (1 - f1) * hits - f1 * misses) * (len(positive) / whole), np.float64)
