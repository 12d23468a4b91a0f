"""scikit-learn's forests, several times as fast, and bit for bit as they answer in one thread.

Several threads add up the trees as they end, in another order each time: a copy asks its library in one thread.
"""

from collections.abc import Callable
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from mlops_assets.trees.fast_copies import FastModel, copy_with
from mlops_assets.trees.plain_rows import choose_probe
from mlops_assets.trees.ranked_trees import RankedTrees

Answer = npt.NDArray[Any] | list[npt.NDArray[Any]]


class FastForest(FastModel):
    """The mean of trees, each of which is added as scikit-learn does in one thread: in the order of the trees."""

    estimators_: list[Any]
    n_jobs: int | None
    n_outputs_: int

    def _in_one_thread(self) -> Self:
        made: Self = self if self.n_jobs in (None, 1) else copy_with(self, type(self), n_jobs=None)
        return made

    def mean_of_trees(self, X: Any, widths: list[int], library: Callable[[Any], Answer]) -> Answer:
        """The mean (n, width) of each of the outputs; without a width, that of one output (n,)."""
        sums = self._tree_sums
        trees = sums.kernel_trees(_count(X))
        if trees is None:
            return library(X)
        rows = self._validate_X_predict(X)  # type: ignore[attr-defined]  # scikit-learn's class is the next in the MRO
        if not isinstance(rows, np.ndarray):
            return library(X)
        if sums.needs_comparison("mean"):
            first_rows = rows[choose_probe(rows)]
            theirs, ours = _without_names(library, first_rows), self._sum(trees, first_rows, widths)
            if not sums.compare("mean", _join(ours), _join(theirs)):
                return library(X)
        return self._sum(trees, rows, widths)

    def _sum(self, trees: RankedTrees, rows: npt.NDArray[Any], widths: list[int]) -> Answer:
        result = np.zeros((len(rows), max(sum(widths), 1)))
        trees.add_to(result, rows)
        result /= len(self.estimators_)
        if not widths:
            return result.ravel()
        ends = np.cumsum(widths)
        several = [np.ascontiguousarray(result[:, end - width : end]) for end, width in zip(ends, widths, strict=True)]
        return several if len(several) > 1 else several[0]


class FastForestRegressor(FastForest):
    def predict(self, X: Any) -> Any:
        """As the forest's own."""
        serial = self._in_one_thread()
        widths = [serial.n_outputs_] if serial.n_outputs_ > 1 else []
        return serial.mean_of_trees(X, widths, super(FastForestRegressor, serial).predict)  # type: ignore[misc]  # as above


class FastForestClassifier(FastForest):
    n_classes_: Any

    def predict_proba(self, X: Any) -> Any:
        """As the forest's own."""
        serial = self._in_one_thread()
        widths = np.atleast_1d(serial.n_classes_).tolist()
        return serial.mean_of_trees(X, widths, super(FastForestClassifier, serial).predict_proba)  # type: ignore[misc]  # as above


def _join(answer: Answer) -> npt.NDArray[Any]:
    return np.concatenate(answer, axis=1) if isinstance(answer, list) else answer


def _without_names(library: Callable[[Any], Answer], rows: npt.NDArray[Any]) -> Answer:
    """The library's answer for rows that have lost their columns' names, of which it would warn."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return library(rows)


def _count(X: Any) -> int:
    return int(X.shape[0]) if hasattr(X, "shape") else len(X)
