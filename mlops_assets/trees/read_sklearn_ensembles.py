"""Read scikit-learn's ensembles of its own trees that are no forests: bagging, AdaBoost, isolation forests."""

from typing import Any

import numpy as np
import numpy.typing as npt

from mlops_assets.trees.arrays import Floats, Space
from mlops_assets.trees.builder import TreeBuilder, unreadable
from mlops_assets.trees.ensemble import TreeEnsemble
from mlops_assets.trees.read_sklearn import add_sklearn_tree, class_shares

_TREES = ("DecisionTreeRegressor", "DecisionTreeClassifier", "ExtraTreeRegressor", "ExtraTreeClassifier")


_ADABOOST_SPACES: dict[int, Space] = {1: "probability", 2: "log-odds"}


def read_bagging(model: Any) -> TreeEnsemble | None:
    """Bagging*: the mean of its trees, each of some columns and some classes; None where its parts are no trees."""
    estimators = getattr(model, "estimators_", None)
    if not estimators:
        raise unreadable(model, "the model is not fitted", "Fit it")
    if not all(type(estimator).__name__ in _TREES and hasattr(estimator, "tree_") for estimator in estimators):
        return None
    classes = getattr(model, "classes_", None)
    builder = TreeBuilder()
    for estimator, columns in zip(estimators, model.estimators_features_, strict=True):
        tree = estimator.tree_
        if classes is None:
            value = tree.value[:, :, 0]
        else:
            # A part knows the classes of its own rows, by their number.
            value = np.zeros((tree.node_count, len(classes)))
            value[:, np.asarray(estimator.classes_, np.int64)] = class_shares(tree, 0, len(estimator.classes_))
        add_sklearn_tree(builder, tree, value / len(estimators), columns=np.asarray(columns))
    width = builder.columns["value"][0].shape[1]
    return builder.build(
        offset=0.0,
        outputs=range(width) if classes is None else list(classes),
        space="identity" if classes is None else "probability",
        n_features=model.n_features_in_,
        float32_inputs=True,
    )


def read_adaboost(model: Any) -> TreeEnsemble | None:
    """AdaBoostClassifier of trees: the weighted votes of its trees; None where its parts are no trees.

    Each tree votes for one class with its weight, and with a share of it against each other class; the softmax of the
    mean vote over the number of other classes is the probability (Zhu, Zou, Rosset and Hastie 2009, equation 15).
    """
    estimators = getattr(model, "estimators_", None)
    if not estimators:
        raise unreadable(model, "the model is not fitted", "Fit it")
    if not all(type(estimator).__name__ in _TREES and hasattr(estimator, "tree_") for estimator in estimators):
        return None
    classes = list(model.classes_)
    weights = np.asarray(model.estimator_weights_[: len(estimators)], np.float64)
    total = weights.sum()
    others = max(len(classes) - 1, 1)
    builder = TreeBuilder()
    for estimator, weight in zip(estimators, weights, strict=True):
        tree = estimator.tree_
        places = np.array([classes.index(label) for label in estimator.classes_])
        winner = places[tree.value[:, 0, : len(places)].argmax(axis=1)]
        vote = np.where(winner[:, None] == np.arange(len(classes)), 1.0, -1.0 / others) * (weight / total)
        vote = vote[:, 1:] - vote[:, :1] if len(classes) == 2 else vote / others
        add_sklearn_tree(builder, tree, vote if len(classes) > 1 else np.full_like(vote, weight / total))
    return builder.build(
        offset=0.0,
        outputs=classes[1:] if len(classes) == 2 else classes,
        space=_ADABOOST_SPACES.get(len(classes), "softmax margin"),
        n_features=model.n_features_in_,
        float32_inputs=True,
    )


def read_isolation_forest(model: Any) -> TreeEnsemble:
    """IsolationForest: the mean number of splits that isolate a row, less the number from which on it is an inlier.

    A leaf of several training rows counts for as many splits as are expected to take these apart (Liu, Ting and Zhou
    2008). The score is 2 to the power of minus this mean over its expectation for a training sample, so that the two
    decide alike: negative values are outliers. Each node weighs as many training rows as reached it.
    """
    if not hasattr(model, "estimators_"):
        raise unreadable(model, "the model is not fitted", "Fit it")
    builder = TreeBuilder()
    for estimator, columns in zip(model.estimators_, model.estimators_features_, strict=True):
        tree = estimator.tree_
        left, right = tree.children_left, tree.children_right
        depth = np.zeros(tree.node_count)
        for node in np.flatnonzero(left >= 0):  # a child has a greater number than its parent
            depth[[left[node], right[node]]] = depth[node] + 1
        cover = tree.n_node_samples.astype(np.float64)
        length = np.where(left < 0, depth + average_path_length(cover), 0.0)
        value = length[:, None] / len(model.estimators_)
        add_sklearn_tree(builder, tree, value, columns=np.asarray(columns), cover=cover)
    return builder.build(
        offset=-inlier_path_length(model),
        outputs=["0"],
        space="margin",
        n_features=model.n_features_in_,
        float32_inputs=True,
    )


def read_isolation_sums(model: Any) -> TreeEnsemble:
    """An isolation forest as scikit-learn adds it up: the splits that isolate a row, over all trees."""
    builder = TreeBuilder()
    lengths = zip(model._decision_path_lengths, model._average_path_length_per_tree, strict=True)  # noqa: SLF001 - what it adds
    for estimator, columns, (splits, more) in zip(model.estimators_, model.estimators_features_, lengths, strict=True):
        value = (np.asarray(splits) + np.asarray(more) - 1.0)[:, None]
        add_sklearn_tree(builder, estimator.tree_, value, columns=np.asarray(columns))
    n = model.n_features_in_
    return builder.build(offset=0.0, outputs=["0"], space="margin", n_features=n, float32_inputs=True)


def average_path_length(rows: npt.ArrayLike) -> Floats:
    """Splits that are expected to isolate one of so many rows: 2 H(n - 1) - 2 (n - 1) / n, as in `IsolationForest`."""
    n = np.maximum(np.asarray(rows, np.float64), 3.0)
    expected = 2.0 * (np.log(n - 1.0) + np.euler_gamma) - 2.0 * (n - 1.0) / n
    return np.asarray(np.where(np.asarray(rows) <= 1, 0.0, np.where(np.asarray(rows) == 2, 1.0, expected)))


def inlier_path_length(model: Any) -> float:
    """The mean path length from which on an IsolationForest takes a row for an inlier."""
    return float(path_length(model, np.array([model.offset_]))[0])


def path_length(model: Any, scores: Floats) -> Floats:
    """The mean path lengths that an IsolationForest's `score_samples` were computed from."""
    return np.asarray(-np.log2(-scores) * average_path_length(model.max_samples_))
