"""Trees whose nodes lead out of their arrays: scikit-learn would crash the process, or read what is not its own."""

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import (
    BaggingClassifier,
    ExtraTreesRegressor,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
    StackingClassifier,
)
from sklearn.multioutput import ClassifierChain
from sklearn.neighbors import KernelDensity, KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from mlops_assets.errors import TrustError
from mlops_assets.models.load import load_custom, load_native
from mlops_assets.models.structure import check_structure
from mlops_assets_tests.models.conftest import REFERENCE, judge, save_sklearn

X, Y = load_iris(return_X_y=True)


def check(model) -> None:
    check_structure(model, where="models:/m/1")


def tree() -> DecisionTreeClassifier:
    return DecisionTreeClassifier(max_depth=3, random_state=0).fit(X, Y)


def tampered(model, change):
    """Change a tree's nodes by the way that a file takes: through `__setstate__`."""
    state = model.tree_.__getstate__()
    state["nodes"] = state["nodes"].copy()
    change(state)
    model.tree_.__setstate__(state)
    return model


def node(field, index, value):
    def change(state):
        state["nodes"][field][index] = value

    return change


@pytest.mark.parametrize(
    "model",
    [
        tree(),
        RandomForestClassifier(5, random_state=0).fit(X, Y),
        ExtraTreesRegressor(5, random_state=0).fit(X, Y),
        GradientBoostingRegressor(n_estimators=5).fit(X, Y),
        HistGradientBoostingClassifier(max_iter=3).fit(X, Y),
        HistGradientBoostingClassifier(max_iter=3, categorical_features=[0], min_samples_leaf=2).fit(
            np.column_stack([np.arange(150) % 5, X]), Y
        ),
        IsolationForest(n_estimators=5, max_features=2, random_state=0).fit(X),
        BaggingClassifier(DecisionTreeClassifier(), n_estimators=3, max_features=2, random_state=0).fit(X, Y),
        KNeighborsClassifier(algorithm="kd_tree", leaf_size=5).fit(X, Y),
        KNeighborsClassifier(algorithm="ball_tree").fit(X[:3], Y[:3]),
        KernelDensity().fit(X),
        ClassifierChain(DecisionTreeClassifier(max_depth=2)).fit(X, np.column_stack([Y > 0, Y > 1])),
        StackingClassifier([("t", DecisionTreeClassifier(max_depth=2))], cv=2).fit(X, Y),
        make_pipeline(StandardScaler(), RandomForestClassifier(2)).fit(X, Y),
        DecisionTreeClassifier().fit(X, np.zeros(150)),
    ],
    ids=lambda model: type(model).__name__,
)
def test_fitted_models_pass(model):
    check(model)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (node("left_child", 0, 10**9), "child is none of its nodes"),
        (node("right_child", 0, 10**9), "child is none of its nodes"),
        (node("left_child", 0, -5), "child is none of its nodes"),
        (node("left_child", 1, 0), "child is none of its nodes"),  # a circle: the walk would never end
        (node("right_child", 0, 0), "child is none of its nodes"),
        (node("feature", 0, 10**9), "splits by a feature that it does not have"),
        (node("feature", 0, -3), "splits by a feature that it does not have"),
        (lambda state: state.update(max_depth=1), "is deeper than it claims"),
        (lambda state: state.update(node_count=10**6), "claims more nodes than it has"),
        (lambda state: state.update(node_count=0), "claims more nodes than it has"),
    ],
)
def test_a_tree_that_leads_elsewhere_is_refused(change, reason):
    with pytest.raises(TrustError, match=rf"its Tree .*{reason}.*Do not use this model"):
        check(tampered(tree(), change))


@pytest.mark.parametrize(
    "wrap",
    [
        lambda bad: make_pipeline(StandardScaler(), bad),
        lambda bad: {"deep": [("inside", np.array([None, bad], dtype=object))]},
    ],
)
def test_a_tree_is_found_wherever_it_hides(wrap):
    with pytest.raises(TrustError):
        check(wrap(tampered(tree(), node("left_child", 0, 10**9))))


def test_one_bad_tree_of_a_forest_is_enough():
    forest = RandomForestClassifier(5, random_state=0).fit(X, Y)
    tampered(forest.estimators_[3], node("feature", 0, 99))
    with pytest.raises(TrustError, match=r"splits by a feature"):
        check(forest)


@pytest.mark.parametrize(
    "model", [RandomForestClassifier(3), GradientBoostingRegressor(n_estimators=3), IsolationForest(n_estimators=3)]
)
def test_a_forest_and_its_trees_must_agree_on_the_columns(model):
    model.fit(X, Y)
    wide = np.column_stack([X, X])
    inner = model.estimators_.ravel() if isinstance(model.estimators_, np.ndarray) else model.estimators_
    other = type(inner[0])(max_depth=2).fit(wide, Y)
    inner[0].__dict__.update(other.__dict__)
    with pytest.raises(TrustError, match=r"do not agree on the number of columns"):
        check(model)


@pytest.mark.parametrize(
    "change", [lambda model: setattr(model, "n_features_in_", 2), lambda model: delattr(model, "n_features_in_")]
)
def test_an_estimator_and_its_tree_must_agree_on_the_columns(change):
    model = tree()
    change(model)
    with pytest.raises(TrustError, match=r"DecisionTreeClassifier and its tree do not agree"):
        check(model)


def boosted(change):
    model = HistGradientBoostingClassifier(max_iter=2).fit(X, Y)
    nodes = model._predictors[0][0].nodes  # noqa: SLF001 - what a crafted file would change
    change(nodes)
    return model


def set_nodes(field, value, index=0):
    return lambda nodes: nodes[field].__setitem__(index, value)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (set_nodes("left", 10**6), "child is none of its nodes"),
        (set_nodes("right", 0), "child is none of its nodes"),
        (set_nodes("feature_idx", -1), "splits by a feature"),
        (set_nodes("feature_idx", 99), "do not agree on the number of columns"),
        (lambda nodes: (set_nodes("is_categorical", 1)(nodes), set_nodes("bitset_idx", 7)(nodes)), "categories"),
    ],
)
def test_a_boosted_tree_that_leads_elsewhere_is_refused(change, reason):
    with pytest.raises(TrustError, match=reason):
        check(boosted(change))


def test_a_boosted_tree_without_the_fields_of_one_is_refused():
    model = boosted(lambda nodes: None)
    model._predictors[0][0].nodes = np.zeros(3)  # noqa: SLF001 - what a crafted file would change
    with pytest.raises(TrustError, match=r"cannot be examined \(IndexError\)"):
        check(model)


def neighbors(position, change):
    model = KNeighborsClassifier(algorithm="kd_tree").fit(X, Y)
    state = list(model._tree.__getstate__())  # noqa: SLF001 - what a crafted file would change
    state[position] = state[position].copy()
    change(state[position])
    model._tree.__setstate__(tuple(state))  # noqa: SLF001 - what a crafted file would change
    return model


@pytest.mark.parametrize(
    ("position", "change", "reason"),
    [
        (1, lambda index: index.__setitem__(0, 10**9), "points at rows that it does not have"),
        (1, lambda index: index.__setitem__(0, -1), "points at rows that it does not have"),
        (2, lambda nodes: nodes["idx_end"].__setitem__(0, 10**9), "points at rows that it does not have"),
        (2, lambda nodes: nodes["idx_start"].__setitem__(0, -1), "points at rows that it does not have"),
        (2, lambda nodes: nodes["is_leaf"].__setitem__(6, 0), "child is none of its nodes"),
    ],
)
def test_a_tree_of_neighbors_that_leads_elsewhere_is_refused(position, change, reason):
    with pytest.raises(TrustError, match=reason):
        check(neighbors(position, change))


def test_arrays_of_different_lengths_are_refused():
    model = KNeighborsClassifier(algorithm="kd_tree").fit(X, Y)
    state = list(model._tree.__getstate__())  # noqa: SLF001 - what a crafted file would change
    state[1] = state[1][:100]
    model._tree.__setstate__(tuple(state))  # noqa: SLF001 - what a crafted file would change
    with pytest.raises(TrustError, match=r"arrays of different lengths"):
        check(model)


@pytest.mark.parametrize("load", [load_native, load_custom])
def test_a_crafted_file_is_trusted_by_its_types_and_refused_by_its_content(load, tmp_path):
    """skops would make it without a word, and `predict` would end the process."""
    model = make_pipeline(OrdinalEncoder(), tampered(tree(), node("left_child", 0, 10**9)))
    model.steps[0][1].fit(X)
    saved = save_sklearn(model, tmp_path / "model")
    judge(saved)
    with pytest.raises(TrustError, match=r"not used, because its Tree has a node whose child"):
        load(saved, REFERENCE)


def test_a_model_that_holds_itself_is_walked_once():
    model = tree()
    model.myself = [model]
    check(model)
