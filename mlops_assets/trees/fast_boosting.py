"""scikit-learn's gradient boosting, several times as fast and bit for bit the same.

`accelerate` makes a copy of a fitted model that shares its fitted values and adds up its trees, the one step that takes
time, with this package's kernel. The model itself is not changed. All else is scikit-learn's own: validation, encoding,
links, classes.

scikit-learn has no public hook for the sum of the trees. The copy's class is a subclass of the estimator's that
overrides the private method which computes it, and only where that method takes the arguments known here.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from types import new_class
from typing import Any

import numpy as np
import numpy.typing as npt

from mlops_assets.trees.errors import UnreadableTreesError
from mlops_assets.trees.quickscorer import MOST_LEAVES, QuickScorerTrees, encode_trees
from mlops_assets.trees.read import read_ensemble
from mlops_assets.trees.read_sklearn import histogram_stages

WORTH_PAIRS = 50_000_000
"""Rows times trees from which on the kernel is used: loading it takes as long as scikit-learn does for these."""
COMPARED_ROWS = 256
"""Rows for which scikit-learn's sum is computed as well, once per model."""

_CLASSIC = "sklearn.ensemble._gb"
_HISTOGRAM = "sklearn.ensemble._hist_gradient_boosting.gradient_boosting"
_CLASSES = {
    _CLASSIC: ("GradientBoostingRegressor", "GradientBoostingClassifier"),
    _HISTOGRAM: ("HistGradientBoostingRegressor", "HistGradientBoostingClassifier"),
}
_SUMMING_METHODS = {
    _CLASSIC: ("_raw_predict", ["self", "X"]),
    _HISTOGRAM: ("_predict_iterations", ["self", "X", "predictors", "raw_predictions", "is_binned", "n_threads"]),
}


@dataclass
class TreeSums:
    """Decides, for one model, whether the kernel or scikit-learn adds up the trees.

    Threads may share it: at worst two of them encode the trees at once, with the same result.

    Attributes
    ----------
    trees_per_output
        Boosting iterations.
    pairs
        Rows times iterations: the number expected, or seen so far where that is more.
    compared
        Whether the kernel's sums have been compared with scikit-learn's.
    rejected
        Whether a bit differed, or the trees cannot be encoded: scikit-learn adds them up from then on.
    """

    trees_per_output: int
    pairs: int = 0
    compared: bool = False
    rejected: bool = False
    _encoded: QuickScorerTrees | None = field(default=None, repr=False)

    def expect_rows(self, rows: int) -> None:
        """Announce about how many rows will be predicted: the kernel is loaded when it pays, now or after so many."""
        self.pairs = max(self.pairs, rows * self.trees_per_output)

    def kernel_trees(self, estimator: object, rows: int) -> QuickScorerTrees | None:
        """The trees for the kernel where it is to add them up for the next `rows` rows; None: scikit-learn does."""
        if self.rejected or self.pairs < WORTH_PAIRS:
            self.pairs += rows * self.trees_per_output
            return None
        if self._encoded is None:
            self._encoded = _encode(estimator)
            self.rejected = self._encoded is None
        return self._encoded

    def compare(self, ours: npt.NDArray[np.float64], theirs: npt.NDArray[np.float64]) -> bool:
        """Whether the kernel's sums are scikit-learn's to the last bit; remembered."""
        self.compared, self.rejected = True, self.rejected or ours.tobytes() != theirs.tobytes()
        return not self.rejected


@dataclass(frozen=True, eq=False)
class AcceleratedModel:
    """A copy of a fitted model, and what decides how it adds up its trees.

    Attributes
    ----------
    model
        An estimator or a pipeline. It shares its fitted values with the original and holds no reference to it. A pickle
        or a copy of the estimator is a plain one of the original's class.
    sums
        One per copy; see `TreeSums.expect_rows`.
    """

    model: Any
    sums: TreeSums


def final_estimator(model: object) -> Any:
    """The estimator at the end of a scikit-learn pipeline, or the model itself."""
    return vars(model)["steps"][-1][1] if _is_pipeline(model) else model


def can_accelerate(model: object) -> bool:
    """Whether `accelerate` makes a copy: fitted gradient boosting of numbers whose trees have at most 64 leaves."""
    estimator = final_estimator(model)
    kind: type[Any] = type(estimator)
    if kind.__name__ not in _CLASSES.get(kind.__module__, ()) or not _has_known_summing_method(kind):
        return False
    if kind.__module__ == _HISTOGRAM:
        if not hasattr(estimator, "_predictors") or estimator.is_categorical_ is not None:
            return False
        leaves = [tree.nodes["is_leaf"].sum() for stage in histogram_stages(estimator) for tree in stage]
    else:
        leaves = [tree.tree_.n_leaves for tree in getattr(estimator, "estimators_", np.zeros(0, object)).ravel()]
    return bool(leaves) and max(leaves) <= MOST_LEAVES


def accelerate(model: object) -> AcceleratedModel | None:
    """A copy of `model` (an estimator, or a pipeline that ends in one) that predicts the same, faster; else None.

    Nothing changes in what it predicts: the kernel adds the same numbers in the same order, and the first rows are
    summed by scikit-learn as well; should a bit differ, as in a version of scikit-learn that nobody has looked at,
    scikit-learn adds up all others.
    """
    if not can_accelerate(model):
        return None
    estimator = final_estimator(model)
    kind: type[Any] = type(estimator)
    sums = TreeSums(len(histogram_stages(estimator) if kind.__module__ == _HISTOGRAM else estimator.estimators_))
    accelerated = _copy_of(estimator, _accelerated_class(kind), _tree_sums=sums)
    if not _is_pipeline(model):
        return AcceleratedModel(accelerated, sums)
    *steps, (name, _) = vars(model)["steps"]
    return AcceleratedModel(_copy_of(model, type(model), steps=[*steps, (name, accelerated)]), sums)


class _Accelerated:
    """Gradient boosting whose trees may be added up by the kernel; comes before scikit-learn's class in the MRO."""

    _tree_sums: TreeSums

    def __reduce__(self) -> tuple[Any, ...]:
        # The class is made at run time: what a pickle or a copy holds is scikit-learn's own estimator.
        plain = _copy_of(self, type(self).__bases__[1])
        del vars(plain)["_tree_sums"]
        return _identity, (plain,)


class _AcceleratedClassic(_Accelerated):
    _raw_predict_init: Callable[[Any], npt.NDArray[np.float64]]

    def _raw_predict(self, X: Any) -> Any:
        library_sums = super()._raw_predict  # type: ignore[misc]  # scikit-learn's class is the next one in the MRO
        sums = self._tree_sums
        # Sparse rows, and what else scikit-learn's `predict` has not made an array of, are left to it.
        is_array = isinstance(X, np.ndarray) and X.dtype == np.float32
        trees = sums.kernel_trees(self, len(X)) if is_array else None
        if trees is not None and not sums.compared:
            first_rows = X[:COMPARED_ROWS]
            ours = self._raw_predict_init(first_rows)
            trees.add_to(ours, first_rows)
            trees = trees if sums.compare(ours, library_sums(first_rows)) else None
        if trees is None:
            return library_sums(X)
        raw_predictions = self._raw_predict_init(X)
        trees.add_to(raw_predictions, X)
        return raw_predictions


class _AcceleratedHistogram(_Accelerated):
    _predictors: Any

    def _predict_iterations(
        self, X: Any, predictors: Any, raw_predictions: Any, is_binned: Any, n_threads: Any
    ) -> None:
        add_library_sums = super()._predict_iterations  # type: ignore[misc]  # as above
        sums = self._tree_sums
        # Staged predictions give some of the trees at a time.
        all_trees = predictors is self._predictors and not is_binned
        trees = sums.kernel_trees(self, len(X)) if all_trees else None
        if trees is not None and not sums.compared:
            first_rows = X[:COMPARED_ROWS]
            ours, theirs = raw_predictions[: len(first_rows)].copy(), raw_predictions[: len(first_rows)].copy()
            trees.add_to(ours, first_rows)
            add_library_sums(first_rows, predictors, theirs, is_binned, n_threads)
            trees = trees if sums.compare(ours, theirs) else None
        if trees is None:
            add_library_sums(X, predictors, raw_predictions, is_binned, n_threads)
        else:
            trees.add_to(raw_predictions, X)


def _accelerated_class(kind: type[Any]) -> type[Any]:
    """A subclass of scikit-learn's class, of the same name: scikit-learn's messages name it."""
    mixin = _AcceleratedHistogram if kind.__module__ == _HISTOGRAM else _AcceleratedClassic
    names = {"__module__": kind.__module__, "__qualname__": kind.__qualname__}
    return new_class(kind.__name__, (mixin, kind), exec_body=lambda namespace: namespace.update(names))


def _copy_of(model: object, kind: type[Any], **changed: object) -> Any:
    """An object of class `kind` with the model's attributes, not copied, and those in `changed`."""
    made: Any = object.__new__(kind)
    vars(made).update(vars(model) | changed)
    return made


def _identity(estimator: object) -> object:
    return estimator


def _is_pipeline(model: object) -> bool:
    kinds = [(kind.__module__, kind.__name__) for kind in type(model).__mro__]
    return ("sklearn.pipeline", "Pipeline") in kinds and bool(vars(model).get("steps"))


def _has_known_summing_method(kind: type[Any]) -> bool:
    """Whether the private method that is overridden takes what it takes in the versions of scikit-learn known here."""
    name, arguments = _SUMMING_METHODS[kind.__module__]
    method = getattr(kind, name, None)
    return callable(method) and list(inspect.signature(method).parameters) == arguments


def _encode(estimator: object) -> QuickScorerTrees | None:
    try:
        ensemble = read_ensemble(estimator)
    except UnreadableTreesError:
        return None
    return None if ensemble is None else encode_trees(ensemble)
