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
from mlops_assets.trees.rescaling import target_values
from mlops_assets.trees.separable_slope import SeparableSlope, slopes, softplus_slopes

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


def of_target(target, ensemble, X, background, labels, sources=None):
    """For each background row the difference of the target, divided in proportion to its own attributions."""

    def value(margin):
        return target_values(target, margin, labels)

    values, base = 0, 0
    for row in background:
        of_margin, other = InterventionalTrees(ensemble, row[None], sources)(X)
        margin = raw_margin(ensemble, X)[:, 0]
        is_same = margin == other[0]
        above, below = margin + np.where(is_same, 1e-5, 0), other[0] - np.where(is_same, 1e-5, 0)
        slope = (value(above) - value(below)) / (above - below)
        values = values + slope[:, None, None] * of_margin / len(background)
        base = base + value(np.full(len(X), other[0])) / len(background)
    return values, base


@pytest.mark.parametrize("target", ["probability", "log loss", "squared error"])
@pytest.mark.parametrize("sources", [None, np.array([2, 0, 0, 1])])
@pytest.mark.parametrize("scale", [1.0, 40.0, 1e-7])
def test_each_difference_of_a_target_is_divided_in_proportion_to_the_margin(way, target, sources, scale):
    ensemble = random_ensemble(4, trees=5, width=1, outputs=1)
    space = "identity" if target == "squared error" else "log-odds"
    ensemble = replace(ensemble, value=scale * ensemble.value, space=space)
    X, background = random_rows(4, 9, 4), random_rows(54, 70, 4)
    background[3] = X[0]
    labels = np.arange(9) % 2 if space == "log-odds" else np.random.default_rng(1).normal(size=9)
    explain = InterventionalTrees(ensemble, background, sources, target=target)
    # Of log-odds between -100 and 100 the products would be too many.
    assert (explain.paired > 0) == (way.endswith("tables") or (scale > 1 and space == "log-odds"))
    values, base = explain(X) if target == "probability" else explain(X, labels)
    expected, expected_base = of_target(target, ensemble, X, background, labels, sources)
    # Of margins that differ by 1e-7 the difference of the target has few digits left.
    largest = np.abs(expected).max()
    np.testing.assert_allclose(values, expected, rtol=1e-7 if scale < 1 else 1e-10, atol=1e-9 * largest)
    np.testing.assert_allclose(np.broadcast_to(base.ravel(), 9), expected_base, rtol=1e-12)
    value = target_values(target, raw_margin(ensemble, X)[:, 0], labels)
    np.testing.assert_allclose(base.ravel() + values.sum(axis=1)[:, 0], value, rtol=1e-13, atol=1e-13)


def test_the_loss_of_large_numbers_keeps_its_digits():
    """A price in millions, whose squared error is that of its last thousands."""
    ensemble = replace(random_ensemble(4, trees=5, width=1, outputs=1), space="identity")
    far = replace(ensemble, offset=ensemble.offset + 2.0**30)
    X, background, labels = random_rows(4, 9, 4), random_rows(54, 70, 4), np.linspace(-1, 1, 9)
    near_values, near_base = InterventionalTrees(ensemble, background, target="squared error")(X, labels)
    values, base = InterventionalTrees(far, background, target="squared error")(X, labels + 2.0**30)
    np.testing.assert_allclose(values, near_values, rtol=0, atol=1e-5)
    np.testing.assert_allclose(base, near_base, rtol=0, atol=1e-5)


@pytest.mark.parametrize("target", [None, "probability", "squared error"])
def test_labels_are_for_losses_only(target):
    ensemble = random_ensemble(4, trees=2, width=1, outputs=1)
    ensemble = replace(ensemble, space="log-odds" if target == "probability" else "identity")
    explain, X = InterventionalTrees(ensemble, random_rows(0, 5, 4), target=target), random_rows(1, 2, 4)
    with pytest.raises(ValueError, match="Labels are"):
        explain(X) if target == "squared error" else explain(X, np.zeros(2))


@pytest.mark.parametrize(("outputs", "space"), [(1, "identity"), (2, "log-odds")])
@pytest.mark.parametrize("target", ["probability", "log loss"])
def test_what_is_no_log_odds_of_one_output_has_no_probability(outputs, space, target):
    ensemble = replace(random_ensemble(4, trees=2, width=1, outputs=outputs), space=space)
    with pytest.raises(ValueError, match=f"No {target} follows"):
        InterventionalTrees(ensemble, random_rows(0, 5, 4), target=target)


def test_probabilities_are_those_of_shap():
    random = np.random.default_rng(0)
    X = random.normal(size=(400, 5))
    model = GradientBoostingClassifier(n_estimators=30, random_state=0).fit(X, X[:, 0] + X[:, 1] * X[:, 2] > 0)
    of_shap = shap.TreeExplainer(model, X[:60], "probability", feature_perturbation="interventional")
    explain = InterventionalTrees(read_ensemble(model).to_log_odds(), X[:60], target="probability")
    values, base = explain(X[60:90])
    assert explain.paired == 0
    np.testing.assert_array_equal(values[7:8], explain(X[67:68])[0])
    np.testing.assert_allclose(values[:, :, 0], of_shap.shap_values(X[60:90]), rtol=0, atol=1e-7)
    np.testing.assert_allclose(base[0], of_shap.expected_value, rtol=1e-6)


@pytest.mark.parametrize("kind", [lightgbm.LGBMClassifier, lightgbm.LGBMRegressor])
def test_losses_are_those_of_shap(kind):
    random = np.random.default_rng(0)
    X = random.normal(size=(400, 5))
    y = X[:, 0] + X[:, 1] * X[:, 2]
    is_class = kind is lightgbm.LGBMClassifier
    y = (y > 0).astype(float) if is_class else y
    model = kind(n_estimators=30, verbose=-1).fit(X, y)
    of_shap = shap.TreeExplainer(model, X[:60], model_output="log_loss", feature_perturbation="interventional")
    ensemble = read_ensemble(model).to_log_odds() if is_class else read_ensemble(model)
    explain = InterventionalTrees(ensemble, X[:60], target="log loss" if is_class else "squared error")
    values, base = explain(X[60:90], y[60:90])
    assert explain.paired == 0
    np.testing.assert_array_equal(values[7:8], explain(X[67:68], y[67:68])[0])
    np.testing.assert_allclose(values[:, :, 0], of_shap.shap_values(X[60:90], y[60:90]), rtol=0, atol=1e-5)
    np.testing.assert_allclose(base[:, 0], [of_shap.expected_value(label) for label in y[60:90]], rtol=1e-6)


@pytest.mark.parametrize(("low", "high"), [(-0.2, 0.1), (-3.0, 5.0), (2.0, 40.0), (-40.0, 40.0), (1.0, 1.0)])
@pytest.mark.parametrize("of", [slopes, softplus_slopes])
def test_a_slope_is_a_short_sum_of_products(low, high, of):
    slope, points = SeparableSlope.over(low, high, of), np.linspace(low, high, 201)
    products = (slope.of_one(points)[:, :, None] * slope.of_other(points)[:, None, :]).sum(axis=0)
    exact = [[float(slope_of(of, one, other)) for other in points[::10].tolist()] for one in points[::10].tolist()]
    np.testing.assert_allclose(products[::10, ::10], exact, rtol=0, atol=1e-13)
    np.testing.assert_allclose(of(points[::10, None], points[None, ::10]), exact, rtol=1e-12, atol=1e-16)
    assert slope.terms <= (20 if of is slopes else 28)


def slope_of(of, one, other):
    """With sixty digits."""
    with localcontext(prec=60):
        u, v = Decimal(one), Decimal(other)
        if of is slopes:
            of_u, of_v = (1 / (1 + (-x).exp()) for x in (u, v))
            return (of_u - of_v) / (u - v) if u != v else of_u * (1 - of_u)
        of_u, of_v = ((1 + x.exp()).ln() for x in (u, v))
        return (of_u - of_v) / (u - v) if u != v else 1 / (1 + (-u).exp())
