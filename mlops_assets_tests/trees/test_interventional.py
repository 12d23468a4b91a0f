"""Interventional attributions against the definition: the background's mean, for all subsets of input columns."""

import itertools
import math
from dataclasses import replace
from decimal import Decimal, localcontext

import lightgbm
import numpy as np
import pytest
import shap
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor

from mlops_assets.trees import interventional_plan
from mlops_assets.trees.interventional import InterventionalTrees
from mlops_assets.trees.margin import raw_margin
from mlops_assets.trees.read import read_ensemble
from mlops_assets.trees.separable_slope import SeparableSlope, slopes

from .test_shap_kernel import chain, random_ensemble, random_rows

WAYS = {
    "one block a tree": {"BLOCK_BITS": 12},
    "blocks": {"BLOCK_BITS": 4},
    "a block a leaf": {"BLOCK_BITS": 0},
    "two numbers a pattern": {"BLOCK_BITS": 0, "LINE_BITS": 0},
    "no tables": {"MOST_NUMBERS": 0},
    "some tables": {"MOST_NUMBERS": 300, "BLOCK_BITS": 4},
}


@pytest.fixture(params=WAYS)
def way(request, monkeypatch):
    """Each way to the same values."""
    for name, value in WAYS[request.param].items():
        monkeypatch.setattr(interventional_plan, name, value)
    return request.param


def by_subsets(ensemble, X, background, sources):
    """Shapley's formula, term by term: for each set of input columns, the mean over the background."""
    players = int(max(sources)) + 1
    values = np.zeros((len(X), players, len(ensemble.outputs)))
    subsets = [set(known) for size in range(players + 1) for known in itertools.combinations(range(players), size)]
    for i, row in enumerate(X):
        worth = {
            frozenset(known): raw_margin(ensemble, np.where(np.isin(sources, list(known)), row, background)).mean(
                axis=0
            )
            for known in subsets
        }
        for known, value in worth.items():
            for player in known:
                weight = math.factorial(len(known) - 1) * math.factorial(players - len(known)) / math.factorial(players)
                values[i, player] += weight * (value - worth[known - {player}])
    return values


@pytest.mark.parametrize(
    ("seed", "width", "outputs", "sources"),
    [(0, 1, 1, [0, 1, 2, 3]), (1, 1, 3, [0, 1, 2, 3]), (2, 2, 2, [2, 0, 0, 1]), (3, 1, 1, [0, 0, 1, 1])],
)
def test_all_subsets_agree(way, seed, width, outputs, sources):
    """Categories, zeros and NaN that are missing, features that repeat on a path, branches that no row can take."""
    ensemble = random_ensemble(seed, trees=4, width=width, outputs=outputs)
    X, background = random_rows(seed, 7, 4), random_rows(seed + 50, 70, 4)
    explain = InterventionalTrees(ensemble, background, np.array(sources))
    values, base = explain(X)
    np.testing.assert_allclose(values, by_subsets(ensemble, X, background, np.array(sources)), rtol=0, atol=1e-13)
    np.testing.assert_allclose(base, raw_margin(ensemble, background).mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(base + values.sum(axis=1), raw_margin(ensemble, X), rtol=0, atol=1e-13)
    assert (explain.paired > 0) == way.endswith("tables")


@pytest.mark.parametrize("features", [1, 7, 16, 17, 40])
def test_a_long_path_adds_up(features):
    """Up to 16 columns on a path have tables, more have none."""
    random = np.random.default_rng(features)
    ensemble, background = chain(features), random.normal(size=(200, features))
    explain = InterventionalTrees(ensemble, background)
    X = random.normal(size=(30, features))
    values, base = explain(X)
    assert explain.paired == (features > 16)
    np.testing.assert_allclose(base + values.sum(axis=1), raw_margin(ensemble, X), rtol=0, atol=1e-12)


def test_a_rows_bits_depend_on_that_row_alone(way):
    ensemble, X, background = random_ensemble(5, trees=9), random_rows(5, 300, 4), random_rows(6, 130, 4)
    explain = InterventionalTrees(ensemble, background)
    values, _ = explain(X)
    for low, high in ((0, 1), (1, 130), (130, 300)):
        np.testing.assert_array_equal(explain(X[low:high])[0], values[low:high])
    assert explain(X[:0])[0].shape == (0, 4, 1)


def test_neither_order_nor_repetition_of_the_background_matter_to_tables():
    ensemble, X, background = random_ensemble(8, trees=9), random_rows(8, 50, 4), random_rows(9, 130, 4)
    values, base = InterventionalTrees(ensemble, background)(X)
    shuffled = InterventionalTrees(ensemble, background[::-1])
    np.testing.assert_array_equal(shuffled(X)[0], values)
    np.testing.assert_array_equal(shuffled.base, base)
    np.testing.assert_allclose(InterventionalTrees(ensemble, np.tile(background, (3, 1)))(X)[0], values, atol=1e-15)


def test_no_background_is_an_error():
    with pytest.raises(ValueError, match="no rows"):
        InterventionalTrees(random_ensemble(0), random_rows(0, 0, 4))


@pytest.mark.parametrize("library", ["lightgbm", "scikit-learn"])
def test_shap_agrees(library):
    """To its own precision: shap 0.51 holds Shapley's weights in 32 bits (`memoized_weights` in its tree_shap.h)."""
    random = np.random.default_rng(0)
    X = random.normal(size=(500, 8))
    y = X[:, 0] * X[:, 1] + np.sin(2 * X[:, 2]) + X[:, 3]
    if library == "lightgbm":
        model = lightgbm.LGBMRegressor(n_estimators=20, verbose=-1).fit(X, y)
    else:
        model = GradientBoostingRegressor(n_estimators=20, max_depth=4, random_state=0).fit(X, y)
    theirs = shap.TreeExplainer(model, X[:100], feature_perturbation="interventional").shap_values(X[100:150])
    ours, base = InterventionalTrees(read_ensemble(model), X[:100])(X[100:150])
    np.testing.assert_allclose(ours[:, :, 0], theirs, rtol=0, atol=1e-6)
    np.testing.assert_allclose(base + ours.sum(axis=1), model.predict(X[100:150])[:, None], rtol=0, atol=1e-12)


def of_probabilities(ensemble, X, background, sources=None):
    """For each background row the difference of probabilities, divided in proportion to its own attributions."""

    def probability(margin):
        return 1 / (1 + np.exp(-margin[:, 0]))

    values = 0
    for row in background:
        of_margin, base = InterventionalTrees(ensemble, row[None], sources)(X)
        margin, other = raw_margin(ensemble, X), base[None]
        with np.errstate(invalid="ignore"):
            slope = (probability(margin) - probability(other)) / (margin - other)[:, 0]
        slope = np.where(margin[:, 0] == other[0, 0], probability(other) * (1 - probability(other)), slope)
        values = values + slope[:, None, None] * of_margin / len(background)
    return values, probability(raw_margin(ensemble, background)).mean()


@pytest.mark.parametrize("sources", [None, np.array([2, 0, 0, 1])])
@pytest.mark.parametrize("scale", [1.0, 40.0, 1e-7])
def test_each_difference_of_probabilities_is_divided_in_proportion_to_the_log_odds(way, sources, scale):
    ensemble = random_ensemble(4, trees=5, width=1, outputs=1)
    ensemble = replace(ensemble, value=scale * ensemble.value, space="log-odds")
    X, background = random_rows(4, 9, 4), random_rows(54, 70, 4)
    background[3] = X[0]
    explain = InterventionalTrees(ensemble, background, sources, probability=True)
    # Of margins between -100 and 100 the products would be too many.
    assert (explain.paired > 0) == (way.endswith("tables") or scale > 1)
    values, base = explain(X)
    expected, expected_base = of_probabilities(ensemble, X, background, sources)
    # Of margins that differ by 1e-7 the difference of the probabilities has few digits left.
    np.testing.assert_allclose(values, expected, rtol=1e-7 if scale < 1 else 1e-10, atol=1e-13)
    np.testing.assert_allclose(base, expected_base, rtol=1e-13)
    margin = raw_margin(ensemble, X)[:, 0]
    np.testing.assert_allclose(base + values.sum(axis=1)[:, 0], 1 / (1 + np.exp(-margin)), rtol=0, atol=1e-13)


@pytest.mark.parametrize(("outputs", "space"), [(1, "identity"), (2, "log-odds")])
def test_what_is_no_log_odds_of_one_output_has_no_probability(outputs, space):
    ensemble = replace(random_ensemble(4, trees=2, width=1, outputs=outputs), space=space)
    with pytest.raises(ValueError, match="No probability"):
        InterventionalTrees(ensemble, random_rows(0, 5, 4), probability=True)


def test_probabilities_are_those_of_shap():
    random = np.random.default_rng(0)
    X = random.normal(size=(400, 5))
    model = GradientBoostingClassifier(n_estimators=30, random_state=0).fit(X, X[:, 0] + X[:, 1] * X[:, 2] > 0)
    of_shap = shap.TreeExplainer(model, X[:60], "probability", feature_perturbation="interventional")
    explain = InterventionalTrees(read_ensemble(model).to_log_odds(), X[:60], probability=True)
    values, base = explain(X[60:90])
    assert explain.paired == 0
    np.testing.assert_array_equal(values[7:8], explain(X[67:68])[0])
    np.testing.assert_allclose(values[:, :, 0], of_shap.shap_values(X[60:90]), rtol=0, atol=1e-7)
    np.testing.assert_allclose(base[0], of_shap.expected_value, rtol=1e-6)


@pytest.mark.parametrize(("low", "high"), [(-0.2, 0.1), (-3.0, 5.0), (2.0, 40.0), (-40.0, 40.0), (1.0, 1.0)])
def test_a_slope_is_a_short_sum_of_products(low, high):
    slope, points = SeparableSlope.over(low, high), np.linspace(low, high, 201)
    products = (slope.of_one(points)[:, :, None] * slope.of_other(points)[:, None, :]).sum(axis=0)
    exact = [[float(slope_of(one, other)) for other in points[::10].tolist()] for one in points[::10].tolist()]
    np.testing.assert_allclose(products[::10, ::10], exact, rtol=0, atol=1e-13)
    np.testing.assert_allclose(slopes(points[::10, None], points[None, ::10]), exact, rtol=1e-12, atol=1e-16)
    assert slope.terms <= 20


def slope_of(one, other):
    """With sixty digits."""
    with localcontext(prec=60):
        u, v = Decimal(one), Decimal(other)
        of_u, of_v = (1 / (1 + (-x).exp()) for x in (u, v))
        return (of_u - of_v) / (u - v) if u != v else of_u * (1 - of_u)
