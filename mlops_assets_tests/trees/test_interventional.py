"""Interventional attributions against the definition: the background's mean, for all subsets of input columns."""

import itertools
import math

import lightgbm
import numpy as np
import pytest
import shap
from sklearn.ensemble import GradientBoostingRegressor

from mlops_assets.trees import interventional_plan
from mlops_assets.trees.interventional import InterventionalTrees
from mlops_assets.trees.margin import raw_margin
from mlops_assets.trees.read import read_ensemble

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
