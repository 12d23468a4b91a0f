"""Main effects and interactions against referees that share nothing with the kernels: all subsets, shap."""

import itertools
import math

import numpy as np
import pytest
import shap
from lightgbm import LGBMClassifier
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
from xgboost import XGBRegressor

from mlops_assets.trees import interaction_tables, interaction_values
from mlops_assets.trees.interaction_slots import InteractionSlots
from mlops_assets.trees.read import read_ensemble
from mlops_assets.trees.shap_values import tree_shap

from .test_shap_kernel import chain, expectation, random_ensemble, random_rows

# "deep blocks": a tree is cut, so that blocks have paths to them.
WAYS = {"walk": (), "tables": (11,), "deep blocks": (3,)}


@pytest.fixture(params=WAYS)
def way(request, monkeypatch):
    """All ways to the same values."""
    sizes = WAYS[request.param]
    monkeypatch.setattr(interaction_tables, "SIZES", sizes or (11,))
    monkeypatch.setattr(interaction_values, "_WALK_FACTOR", math.inf if sizes else -1.0)
    return request.param


def matrix_by_subsets(ensemble, row, columns):
    """(columns, columns, outputs): half of each Shapley interaction index, main effects on the diagonal."""
    values = np.zeros((columns, columns, len(ensemble.outputs)))
    players = range(columns)
    subsets = [frozenset(known) for size in range(columns + 1) for known in itertools.combinations(players, size)]
    for tree, root in enumerate(ensemble.roots):
        first = ensemble.tree_output[tree]
        outputs = slice(first, first + ensemble.value.shape[1])
        worth = {known: expectation(ensemble, root, row, known) for known in subsets}
        for known in subsets:
            for i in set(players) - known:
                weight = math.factorial(len(known)) * math.factorial(columns - len(known) - 1)
                gain = worth[known | {i}] - worth[known]
                values[i, i, outputs] += weight / math.factorial(columns) * gain
                for j in set(players) - known - {i}:
                    weight = math.factorial(len(known)) * math.factorial(columns - len(known) - 2)
                    gain = worth[known | {i, j}] - worth[known | {i}] - worth[known | {j}] + worth[known]
                    values[i, j, outputs] += weight / (2 * math.factorial(columns - 1)) * gain
    for i in players:
        values[i, i] -= sum(values[i, j] for j in players if j != i)
    return values


def slots_of(matrix, groups, count):
    """(rows, slots, outputs) of (rows, columns, columns, outputs): sums over the columns of each group."""
    ends = [np.flatnonzero(groups == group) for group in range(count + 1)]

    def block(one, other):
        return matrix[:, ends[one]][:, :, ends[other]].sum(axis=(1, 2))

    pairs = InteractionSlots(count).pairs
    own = [block(group, group) for group in range(count)]
    rest = [block(group, count) for group in range(count)]
    return np.stack([*own, *rest, *(block(one, other) for one, other in pairs)], axis=1)


@pytest.mark.parametrize(
    ("seed", "width", "outputs", "groups"),
    [
        (0, 1, 1, [0, 1, 2, 3]),  # all columns
        (1, 1, 3, [1, 2, 0, 2]),  # one is left out
        (2, 2, 2, [0, 2, 1, 2]),
        (3, 1, 1, [0, 0, 1, 1]),  # two columns of one input each
        (4, 3, 3, [2, 0, 0, 1]),
    ],
)
def test_all_subsets_agree(way, seed, width, outputs, groups):
    """Missing values, categories, zeros that are missing, branches without training rows, repeated features."""
    ensemble = random_ensemble(seed, width=width, outputs=outputs, trees=5)
    if width == 3:
        ensemble.value[:, 2] = 1 - ensemble.value[:, 0] - ensemble.value[:, 1]
        assert ensemble.walk.complement
    X, groups = random_rows(seed, 12, 4), np.array(groups)
    count = {0: 4, 1: 2, 2: 2, 3: 2, 4: 2}[seed]
    expected = slots_of(np.stack([matrix_by_subsets(ensemble, row, 4) for row in X]), groups, count)
    assert np.abs(expected[:, 2 * count :]).max() > 1e-2
    found = interaction_values.interaction_values(ensemble, X, groups, count)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
    if count == 4:  # nothing is left: exactly
        assert (found[:, 4:8] == 0).all()


def fitted():
    """Name -> (model, rows); the boosters with missing values, the classifiers with three classes."""
    random = np.random.default_rng(0)
    X = random.normal(size=(400, 6))
    y = X[:, 0] * X[:, 1] + np.sin(2 * X[:, 2]) + X[:, 3] * (X[:, 4] > 0)
    holes = np.where(random.random(X.shape) < 0.1, np.nan, X)
    classes = np.digitize(y, [-0.5, 0.5])
    return {
        "sklearn": (GradientBoostingRegressor(n_estimators=20, random_state=0).fit(X, y), X),
        "forest": (RandomForestClassifier(5, max_depth=7, random_state=0).fit(X, classes), X),
        "lightgbm": (LGBMClassifier(n_estimators=8, num_leaves=15, n_jobs=1, verbose=-1).fit(holes, classes), holes),
        "xgboost": (XGBRegressor(n_estimators=20, max_depth=4, n_jobs=1, base_score=0.0).fit(holes, y), holes),
    }


@pytest.fixture(scope="module")
def models():
    return fitted()


@pytest.mark.parametrize("name", ["sklearn", "forest", "lightgbm", "xgboost"])
def test_shap_agrees(way, models, name):
    model, X = models[name]
    ensemble, rows = read_ensemble(model), X[:30]
    theirs = np.asarray(shap.TreeExplainer(model).shap_interaction_values(rows)).reshape(30, 6, 6, -1)
    groups = np.array([0, 1, 2, 4, 3, 4])
    expected = slots_of(theirs, groups, 4)
    found = interaction_values.interaction_values(ensemble, rows, groups, 4)
    assert found.shape == expected.shape
    # XGBoost's own are in single precision.
    scale = np.abs(theirs).sum(axis=(1, 2)).max()
    np.testing.assert_allclose(found, expected, rtol=0, atol=(1e-5 if name == "xgboost" else 1e-6) * max(1.0, scale))


@pytest.mark.parametrize("name", ["sklearn", "forest", "lightgbm", "xgboost"])
def test_a_columns_values_add_up_to_its_attribution(way, models, name):
    model, X = models[name]
    ensemble, count = read_ensemble(model), 3
    groups = np.array([3, 0, 1, 3, 2, 3])
    found = interaction_values.interaction_values(ensemble, X, groups, count)
    total = found[:, :count] + found[:, count : 2 * count]
    for number, pair in enumerate(InteractionSlots(count).pairs):
        for one in pair:
            total[:, one] += found[:, 2 * count + number]
    np.testing.assert_allclose(total, tree_shap(ensemble, X)[0][:, [1, 2, 4]], rtol=0, atol=1e-11)


def test_a_rows_values_have_the_same_bits_in_any_company(way):
    ensemble, X = random_ensemble(5, trees=20, depth=6, features=6), random_rows(5, 700, 6)
    groups = np.array([0, 3, 1, 3, 2, 3])
    whole = interaction_values.interaction_values(ensemble, X, groups, 3)
    for low, high in [(0, 1), (3, 10), (127, 131), (500, 700)]:
        part = interaction_values.interaction_values(ensemble, X[low:high], groups, 3)
        np.testing.assert_array_equal(part, whole[low:high])


def test_seventy_splits_on_three_features_and_paths_of_many_features():
    """What no table holds is walked; with more points than one walk takes."""
    for ensemble, columns in ((chain(3, length=70), 3), (chain(30), 30)):
        X = np.random.default_rng(2).normal(size=(5, columns))
        found = interaction_values.interaction_values(ensemble, X, np.arange(columns) % 3, 2)
        total = found[:, :2] + found[:, 2:4] + found[:, 4:]
        effects = tree_shap(ensemble, X)[0]
        expected = np.stack([effects[:, group::3].sum(axis=1) for group in range(2)], axis=1)
        np.testing.assert_allclose(total, expected, rtol=0, atol=1e-12)


def test_trees_of_one_leaf_and_no_rows(way):
    ensemble = random_ensemble(1, depth=0)
    groups = np.array([0, 1, 2, 2])
    assert not interaction_values.interaction_values(ensemble, np.zeros((3, 4)), groups, 2).any()
    assert interaction_values.interaction_values(ensemble, np.zeros((0, 4)), groups, 2).shape == (0, 5, 1)
