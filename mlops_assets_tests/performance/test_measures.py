"""Metrics are scikit-learn's, influences are derivatives by weights, and intervals cover the truth."""

import numpy as np
import pytest
from sklearn import metrics

from mlops_assets.performance.intervals import difference_of, freedom, interval_of, wilson
from mlops_assets.performance.measures import (
    Measure,
    measure_class_scores,
    measure_classes,
    measure_decisions,
    measure_regression,
    measure_scores,
)

ROWS = 40
rng = np.random.default_rng(5)
NUMBERS = rng.normal(size=(2, ROWS))
POSITIVE = rng.random(ROWS) < 0.4
# With ties, as of a small tree.
SCORES = np.asarray(np.round(np.clip(rng.normal(0.4 + 0.2 * POSITIVE, 0.2), 0.01, 0.99), 1), np.float64)
CODES = rng.integers(0, 3, ROWS)
TABLE = rng.dirichlet([1, 1, 1], ROWS)


def macro_auc(w):
    return np.mean([metrics.roc_auc_score(c == CODES, TABLE[:, c], sample_weight=w) for c in range(3)])


OF_WEIGHTS = {
    "mae": lambda w: metrics.mean_absolute_error(*NUMBERS, sample_weight=w),
    "rmse": lambda w: metrics.root_mean_squared_error(*NUMBERS, sample_weight=w),
    "r2": lambda w: metrics.r2_score(*NUMBERS, sample_weight=w),
    "mean_error": lambda w: np.average(NUMBERS[1] - NUMBERS[0], weights=w),
    "roc_auc": lambda w: metrics.roc_auc_score(POSITIVE, SCORES, sample_weight=w),
    "average_precision": lambda w: metrics.average_precision_score(POSITIVE, SCORES, sample_weight=w),
    "log_loss": lambda w: metrics.log_loss(POSITIVE, SCORES, sample_weight=w),
    "brier": lambda w: metrics.brier_score_loss(POSITIVE, SCORES, sample_weight=w),
    "accuracy": lambda w: metrics.accuracy_score(POSITIVE, SCORES >= 0.5, sample_weight=w),
    "precision": lambda w: metrics.precision_score(POSITIVE, SCORES >= 0.5, sample_weight=w),
    "recall": lambda w: metrics.recall_score(POSITIVE, SCORES >= 0.5, sample_weight=w),
    "f1": lambda w: metrics.f1_score(POSITIVE, SCORES >= 0.5, sample_weight=w),
    "macro_f1": lambda w: metrics.f1_score(CODES, TABLE.argmax(1), average="macro", sample_weight=w),
    "macro_roc_auc": macro_auc,
    "multiclass log_loss": lambda w: metrics.log_loss(CODES, TABLE, sample_weight=w),
}


def measured() -> dict[str, Measure]:
    binary = [*measure_scores(POSITIVE, SCORES), *measure_decisions(POSITIVE, SCORES >= 0.5)]
    classes = {each.name: each for each in measure_class_scores(CODES, TABLE)}
    every = [*measure_regression(*NUMBERS), *binary, measure_classes(CODES, TABLE.argmax(1))[1]]
    return {each.name: each for each in every} | {
        "macro_roc_auc": classes["macro_roc_auc"],
        "multiclass log_loss": classes["log_loss"],
    }


@pytest.mark.parametrize("name", OF_WEIGHTS)
def test_values_and_influences_are_those_of_scikit_learn(name):
    measure, of_weights = measured()[name], OF_WEIGHTS[name]
    assert measure.value == pytest.approx(of_weights(np.ones(ROWS)), abs=1e-12)
    step = 1e-5
    by_weight = [
        (of_weights(np.ones(ROWS) + step * unit) - of_weights(np.ones(ROWS) - step * unit)) / (2 * step)
        for unit in np.eye(ROWS)[::5]
    ]
    np.testing.assert_allclose(measure.influence[::5], np.array(by_weight) * ROWS, atol=1e-5)
    assert abs(measure.influence.sum()) < 1e-9


def simulate(seed: int, rows: int) -> list[Measure]:
    draw = np.random.default_rng(seed)
    truth = draw.normal(size=rows)
    positive = draw.random(rows) < 1 / (1 + np.exp(1 - truth))
    score = 1 / (1 + np.exp(0.5 - truth - draw.normal(0, 0.3, rows)))
    return [
        *measure_regression(truth, 0.8 * truth + draw.normal(0.1, 0.7, rows)),
        *measure_scores(positive, score),
        *measure_decisions(positive, score >= 0.5),
    ]


@pytest.mark.slow
def test_intervals_cover_the_truth_as_often_as_they_say():
    truth = {each.name: each.value for each in simulate(0, 100_000)}
    histories = 80
    covered = dict.fromkeys(truth, 0)
    for seed in range(1, histories + 1):
        for each in simulate(seed, 150):
            interval = interval_of(each)
            covered[each.name] += interval.low <= truth[each.name] <= interval.high
    # 95 % of 80 is 76, with a standard deviation of 1.9.
    assert min(covered.values()) >= 70, covered


def test_a_difference_on_the_same_rows_is_known_better_than_on_others():
    draw = np.random.default_rng(3)
    truth = draw.normal(size=500)
    shared = draw.normal(size=500)
    one, other = (measure_regression(truth, truth + size * shared)[0] for size in (1.1, 1.0))
    paired, apart = (difference_of(one, other, paired=each) for each in (True, False))
    assert paired.value == apart.value > 0
    assert paired.is_fall
    assert not apart.is_fall
    same = difference_of(one, one, paired=True)
    assert (same.value, same.interval.low, same.interval.high) == (0, 0, 0)
    assert not same.is_fall


def test_what_rows_do_not_say_has_no_value_and_perfect_rankings_have_an_interval():
    up = np.ones(5, bool)
    by_name = {each.name: each for each in [*measure_scores(up, np.linspace(0, 1, 5)), *measure_decisions(up, ~up)]}
    assert {name for name, each in by_name.items() if each.value is None} == {
        "roc_auc",
        "average_precision",
        "precision",
    }
    assert by_name["brier"].value is not None
    assert {each.value for each in measure_scores(up, np.arange(5.0))} == {None}  # margins of one class
    perfect = measure_scores(np.arange(10) > 4, np.arange(10) / 10)[0]
    assert perfect.value == 1
    assert 0.5 < interval_of(perfect).low < interval_of(perfect).high == 1
    empty = [*measure_regression(np.zeros(0), np.zeros(0)), *measure_scores(up[:0], np.zeros(0))]
    assert {each.value for each in empty} == {None}
    assert interval_of(measure_regression(np.ones(1), np.ones(1))[0]).low is None


def test_probabilities_of_32_bits_are_no_reason_to_warn(recwarn):
    narrow = TABLE.astype(np.float32)
    found = {each.name: each.value for each in measure_class_scores(CODES, narrow.astype(np.float64))}
    assert found["log_loss"] == pytest.approx(metrics.log_loss(CODES, narrow, labels=[0, 1, 2]), rel=1e-6)
    assert not recwarn.list
    # Certain, right and wrong.
    sure = np.eye(3)[[0, 1, 1]]
    found = {each.name: each.value for each in measure_class_scores(np.array([0, 1, 2]), sure)}
    assert found["log_loss"] == pytest.approx(metrics.log_loss([0, 1, 2], sure), rel=1e-12)


def test_a_variance_is_known_as_well_as_the_rows_that_make_it():
    assert freedom(np.array([-1.0, 1.0] * 50)) == 99
    assert freedom(rng.normal(size=4_000)) == pytest.approx(3_999, rel=0.1)
    few = np.zeros(1_000)
    few[:4] = [1, -1, 1, -1]
    assert freedom(few) == pytest.approx(8, rel=0.01)
    assert freedom(few * 1e-200) == pytest.approx(8, rel=0.01)
    # One row of a class says of an area what one trial says of a share.
    area = measure_scores(np.arange(50) == 40, np.arange(50.0))[0]
    assert interval_of(area) == wilson(area.value, 1)


def decisions(hits: int, named: int) -> Measure:
    """The precision of that many positive decisions among a hundred rows."""
    place = np.arange(100)
    return measure_decisions((place < hits) | (place >= 80), place < named)[1]


@pytest.mark.parametrize("paired", [True, False])
def test_a_share_without_variance_is_no_certain_difference(paired):
    assert not difference_of(decisions(0, 1), decisions(4, 5), paired=paired).is_fall
    assert not difference_of(decisions(5, 5), decisions(5, 5), paired=paired).is_fall
    assert difference_of(decisions(0, 30), decisions(30, 30), paired=paired).is_fall


def test_areas_of_a_rare_class_are_covered():
    draw = np.random.default_rng(1)
    covered = []
    for _ in range(300):
        positive = np.arange(100) < draw.binomial(100, 0.05)
        area = measure_scores(positive, draw.normal(size=100) + positive)[0]
        if area.value is not None:
            interval = interval_of(area)
            # Of two normal distributions one deviation apart.
            covered.append(interval.low <= 0.76025 <= interval.high)
    assert np.mean(covered) >= 0.88
