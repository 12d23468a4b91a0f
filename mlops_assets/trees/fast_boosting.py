"""scikit-learn's gradient boosting and forests, several times as fast and bit for bit the same.

scikit-learn has no public hook for the sum of the trees. A copy's class is a subclass of the estimator's that overrides
the method which computes it, and only where that method takes the arguments known here.
"""

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from mlops_assets.trees.ensemble import TreeEnsemble
from mlops_assets.trees.fast_copies import FastModel, fast_copy
from mlops_assets.trees.fast_forests import FastForestClassifier, FastForestRegressor
from mlops_assets.trees.plain_rows import choose_probe
from mlops_assets.trees.rank_trees import rank_trees
from mlops_assets.trees.ranked_trees import RankedTrees
from mlops_assets.trees.read import read_ensemble
from mlops_assets.trees.read_sklearn import histogram_stages, read_forest_sums
from mlops_assets.trees.read_sklearn_ensembles import average_path_length, read_isolation_sums
from mlops_assets.trees.tree_sums import TreeSums

_CLASSIC = "sklearn.ensemble._gb"
_HISTOGRAM = "sklearn.ensemble._hist_gradient_boosting.gradient_boosting"
_FOREST = "sklearn.ensemble._forest"
_ISOLATION = "sklearn.ensemble._iforest"
_CLASSES = {
    _CLASSIC: ("GradientBoostingRegressor", "GradientBoostingClassifier"),
    _HISTOGRAM: ("HistGradientBoostingRegressor", "HistGradientBoostingClassifier"),
    _FOREST: ("RandomForestRegressor", "RandomForestClassifier", "ExtraTreesRegressor", "ExtraTreesClassifier"),
    _ISOLATION: ("IsolationForest",),
}
_KNOWN_METHODS = {
    _CLASSIC: ("_raw_predict", ["self", "X"]),
    _HISTOGRAM: ("_predict_iterations", ["self", "X", "predictors", "raw_predictions", "is_binned", "n_threads"]),
    _FOREST: ("_validate_X_predict", ["self", "X"]),
    _ISOLATION: ("_compute_score_samples", ["self", "X", "subsample_features"]),
}


def copy_sklearn(model: object) -> tuple[Any, TreeSums] | None:
    """A copy of fitted boosting or of a forest whose trees the kernel may add up; None of anything else."""
    kind: type[Any] = type(model)
    module = kind.__module__
    if kind.__name__ not in _CLASSES.get(module, ()) or not _has_known_method(kind):
        return None
    mixin: type[FastModel]
    if module == _HISTOGRAM:
        if not hasattr(model, "_predictors"):
            return None
        trees, mixin = len(histogram_stages(model)), _FastHistogram
    elif not len(getattr(model, "estimators_", ())):
        return None
    elif module == _ISOLATION:
        if not hasattr(model, "_decision_path_lengths"):
            return None
        trees, mixin = len(model.estimators_), _FastIsolationForest  # type: ignore[attr-defined]  # of these classes
    elif module == _CLASSIC:
        trees, mixin = len(model.estimators_), _FastClassic  # type: ignore[attr-defined]  # of these classes
    else:
        trees = len(model.estimators_)  # type: ignore[attr-defined]  # of these classes
        mixin = FastForestClassifier if hasattr(model, "classes_") else FastForestRegressor
    sums = TreeSums(trees, lambda: _encode(model), f"a {kind.__name__}")
    return fast_copy(model, mixin, sums), sums


class _FastClassic(FastModel):
    _raw_predict_init: Callable[[Any], npt.NDArray[np.float64]]

    def _raw_predict(self, X: Any) -> Any:
        library_sums = super()._raw_predict  # type: ignore[misc]  # scikit-learn's class is the next one in the MRO
        sums = self._tree_sums
        # Sparse rows, and what else scikit-learn's `predict` has not made an array of, are left to it.
        is_array = isinstance(X, np.ndarray) and X.dtype == np.float32
        trees = sums.kernel_trees(len(X)) if is_array else None
        if trees is not None and sums.needs_comparison("sum"):
            first_rows = X[choose_probe(X)]
            ours = self._raw_predict_init(first_rows)
            trees.add_to(ours, first_rows)
            trees = trees if sums.compare("sum", ours, library_sums(first_rows)) else None
        if trees is None:
            return library_sums(X)
        raw_predictions = self._raw_predict_init(X)
        trees.add_to(raw_predictions, X)
        return raw_predictions


class _FastHistogram(FastModel):
    _predictors: Any

    def _predict_iterations(
        self, X: Any, predictors: Any, raw_predictions: Any, is_binned: Any, n_threads: Any
    ) -> None:
        add_library_sums = super()._predict_iterations  # type: ignore[misc]  # as above
        sums = self._tree_sums
        # Staged predictions give some of the trees at a time.
        all_trees = predictors is self._predictors and not is_binned
        trees = sums.kernel_trees(len(X)) if all_trees else None
        if trees is not None and sums.needs_comparison("sum"):
            chosen = choose_probe(X)
            first_rows = X[chosen]
            ours, theirs = raw_predictions[chosen], raw_predictions[chosen].copy(order="K")
            trees.add_to(ours, first_rows)
            add_library_sums(first_rows, predictors, theirs, is_binned, n_threads)
            trees = trees if sums.compare("sum", ours, theirs) else None
        if trees is None:
            add_library_sums(X, predictors, raw_predictions, is_binned, n_threads)
        else:
            trees.add_to(raw_predictions, X)


class _FastIsolationForest(FastModel):
    """Scores by the number of splits that isolate a row, added in the order of the trees."""

    estimators_: list[Any]
    _max_samples: int

    def _compute_score_samples(self, X: Any, subsample_features: bool) -> Any:
        library = super()._compute_score_samples  # type: ignore[misc]  # scikit-learn's class is the next in the MRO
        sums = self._tree_sums
        is_array = isinstance(X, np.ndarray) and X.dtype == np.float32
        trees = sums.kernel_trees(len(X)) if is_array else None
        if trees is not None and sums.needs_comparison("score"):
            first_rows = X[choose_probe(X)]
            theirs = np.asarray(library(first_rows, subsample_features))
            trees = trees if sums.compare("score", self._score(trees, first_rows), theirs) else None
        return library(X, subsample_features) if trees is None else self._score(trees, X)

    def _score(self, trees: RankedTrees, rows: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        splits = np.zeros((len(rows), 1))
        trees.add_to(splits, rows)
        expected = len(self.estimators_) * average_path_length([self._max_samples])
        depths = splits[:, 0]
        return np.asarray(2 ** (-np.divide(depths, expected, out=np.ones_like(depths), where=expected != 0)))


def _has_known_method(kind: type[Any]) -> bool:
    """Whether the private method that is used takes what it takes in the versions of scikit-learn known here."""
    name, arguments = _KNOWN_METHODS[kind.__module__]
    method = getattr(kind, name, None)
    return callable(method) and list(inspect.signature(method).parameters) == arguments


def _encode(model: Any) -> RankedTrees | None:
    if type(model).__module__ == _FOREST:
        return rank_trees(read_forest_sums(model))
    if type(model).__module__ == _ISOLATION:
        return rank_trees(read_isolation_sums(model))
    ensemble = read_ensemble(model)
    if ensemble is None:
        return None
    if getattr(model, "is_categorical_", None) is not None:
        ensemble = _in_fitted_order(model, ensemble)
    return rank_trees(ensemble)


def _in_fitted_order(model: Any, ensemble: TreeEnsemble) -> TreeEnsemble:
    """The ensemble for rows that the model has preprocessed: categories first, each of them numbered."""
    categorical = np.asarray(model.is_categorical_, np.bool_)
    order = np.concatenate([np.flatnonzero(categorical), np.flatnonzero(~categorical)])
    place = np.empty(len(order), np.int32)
    place[order] = np.arange(len(order))
    return replace(ensemble, feature=place[ensemble.feature], encodings={})
