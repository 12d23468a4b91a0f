"""scikit-learn's gradient boosting, several times as fast and bit for bit the same.

`hurry` replaces the one step of a fitted model that takes the time, the sum of its trees, by this package's kernel. All
else stays scikit-learn's own: validation, encoding, links, classes.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from mlops_assets.trees.ensemble import CATEGORICAL, MISSING_LEFT
from mlops_assets.trees.errors import UnreadableTreesError
from mlops_assets.trees.read import read_ensemble

WORTH_PAIRS = 50_000_000
"""Rows times trees from which on the kernel is used: loading it takes as long as scikit-learn does for these."""
MOST_LEAVES = 64
COMPARED_ROWS = 256
"""Rows of which scikit-learn's sum is computed as well, once per loaded model."""

_FAMILIES = {
    "sklearn.ensemble._gb": ("GradientBoostingRegressor", "GradientBoostingClassifier"),
    "sklearn.ensemble._hist_gradient_boosting.gradient_boosting": (
        "HistGradientBoostingRegressor",
        "HistGradientBoostingClassifier",
    ),
}
_OURS = "_mlops_assets_sums"


@dataclass(frozen=True, eq=False)
class Leaves:
    """Trees as words of leaves; see `leaf_kernel`.

    Attributes
    ----------
    output
        (trees,): the output that a tree adds to.
    start
        (trees + 1,): where each tree's splits begin.
    feature, threshold
        (splits,): a row goes left where `x <= threshold`.
    kept
        (splits,): the bits that are left when a row goes right.
    missing_left
        (splits,): whether NaN goes left.
    first_leaf
        (trees,): where each tree's leaves begin in `value`, from left to right.
    value
        (leaves,): what a leaf adds.
    """

    output: npt.NDArray[np.int64]
    start: npt.NDArray[np.int64]
    feature: npt.NDArray[np.int32]
    threshold: npt.NDArray[np.float64]
    kept: npt.NDArray[np.uint64]
    missing_left: npt.NDArray[np.bool_]
    first_leaf: npt.NDArray[np.int64]
    value: npt.NDArray[np.float64]

    def add_to(self, sums: npt.NDArray[np.float64], X: npt.NDArray[Any]) -> None:
        """Add the leaves of rows X (n, features) to sums (n, outputs). Loads the kernel: 0.5 s, the first time."""
        from mlops_assets.trees.leaf_kernel import add_leaves

        add_leaves(X, sums, *vars(self).values())


def last_step(model: object) -> Any:
    """What predicts: the estimator at the end of a pipeline, or the model itself."""
    steps = getattr(model, "steps", None)
    return steps[-1][1] if steps else model


def can_hurry(model: object) -> bool:
    """Whether `hurry` has something to replace: gradient boosting whose trees have at most 64 leaves."""
    estimator = last_step(model)
    if type(estimator).__name__ not in _FAMILIES.get(type(estimator).__module__, ()):
        return False
    if hasattr(estimator, "_predictors"):
        return estimator.is_categorical_ is None and all(
            predictor.nodes["is_leaf"].sum() <= MOST_LEAVES for stage in estimator._predictors for predictor in stage
        )
    trees = getattr(estimator, "estimators_", np.zeros(0, object)).ravel()
    return all(tree.tree_.n_leaves <= MOST_LEAVES for tree in trees) and len(trees) > 0


def hurry(model: object, rows: int) -> None:
    """Let `model` (fitted; `can_hurry`) sum its trees by the kernel, in this process, for as long as it lives.

    Nothing changes in what it predicts: the kernel adds the same numbers in the same order, and the first rows are
    summed by scikit-learn as well; should a bit differ, as in a version of scikit-learn that nobody has looked at,
    scikit-learn goes on alone.

    Parameters
    ----------
    rows
        About how many there will be. The kernel is loaded when it pays, now or after so many.
    """
    estimator = last_step(model)
    sums = getattr(estimator, _OURS, None)
    if sums is None:
        if not can_hurry(model):
            return
        sums = _Sums(estimator)
        setattr(estimator, _OURS, sums)
        if hasattr(estimator, "_predictors"):
            estimator._predict_iterations = partial(_histogram, sums, estimator._predict_iterations)
        else:
            estimator._raw_predict = partial(_classic, sums, estimator._raw_predict)
    sums.expect(rows)


@dataclass
class _Sums:
    """Of one estimator: its trees once they are read, and whether they are worth it.

    Threads may share it: at worst two of them read the trees at once, and find the same.
    """

    estimator: Any
    pairs: int = 0
    compared: bool = False
    leaves: Leaves | None = None
    refused: bool = False

    def expect(self, rows: int) -> None:
        self.pairs = max(self.pairs, rows * self.trees)

    @property
    def trees(self) -> int:
        return len(self.estimator._predictors if hasattr(self.estimator, "_predictors") else self.estimator.estimators_)

    def of(self, rows: int) -> Leaves | None:
        """The trees, where they are to be used for so many rows."""
        if self.refused or self.pairs < WORTH_PAIRS:
            self.pairs += rows * self.trees
            return None
        if self.leaves is None:
            self.leaves = read_leaves(self.estimator)
            self.refused = self.leaves is None
        return self.leaves

    def agree(self, sums: npt.NDArray[np.float64], own: npt.NDArray[np.float64]) -> bool:
        """Whether the kernel's sums are scikit-learn's; remembered."""
        self.compared, self.refused = True, self.refused or sums.tobytes() != own.tobytes()
        return not self.refused


def _histogram(
    sums: _Sums, own: Any, X: Any, predictors: Any, raw_predictions: Any, is_binned: bool, n_threads: int
) -> None:
    leaves = sums.of(len(X)) if predictors is sums.estimator._predictors and not is_binned else None
    if leaves is not None and not sums.compared:
        few = X[:COMPARED_ROWS]
        mine, its = raw_predictions[: len(few)].copy(), raw_predictions[: len(few)].copy()
        leaves.add_to(mine, few)
        own(few, predictors, its, is_binned, n_threads)
        leaves = leaves if sums.agree(mine, its) else None
    if leaves is None:
        own(X, predictors, raw_predictions, is_binned, n_threads)
    else:
        leaves.add_to(raw_predictions, X)


def _classic(sums: _Sums, own: Any, X: Any) -> Any:
    # Sparse rows, and what else scikit-learn's `predict` has not made an array of: its own business.
    leaves = sums.of(X.shape[0]) if isinstance(X, np.ndarray) and X.dtype == np.float32 else None
    if leaves is not None and not sums.compared:
        few = X[:COMPARED_ROWS]
        mine = sums.estimator._raw_predict_init(few)
        leaves.add_to(mine, few)
        leaves = leaves if sums.agree(mine, own(few)) else None
    if leaves is None:
        return own(X)
    found = sums.estimator._raw_predict_init(X)
    leaves.add_to(found, X)
    return found


def read_leaves(estimator: Any) -> Leaves | None:
    """The trees of fitted gradient boosting; None where they cannot be read, or a split is not a number's."""
    try:
        ensemble = read_ensemble(estimator)
    except UnreadableTreesError:
        return None
    if ensemble is None or ensemble.encodings or np.any(ensemble.decision & CATEGORICAL):
        return None
    left, right, value = ensemble.left.tolist(), ensemble.right.tolist(), ensemble.value[:, 0]
    splits: list[int] = []
    kept: list[int] = []
    leaves: list[int] = []
    start, first_leaf = [0], [0]
    for root in ensemble.roots.tolist():
        first = len(leaves)
        # A split comes by twice: first it sends its left subtree ahead, then it knows that one's leaves.
        waiting: list[tuple[int, int | None]] = [(root, None)]
        while waiting:
            node, before = waiting.pop()
            if left[node] < 0:
                leaves.append(node)
            elif before is None:
                waiting += [(node, len(leaves)), (left[node], None)]
            else:
                below = (1 << (len(leaves) - first)) - (1 << (before - first))
                splits.append(node)
                kept.append((2**64 - 1) & ~below)
                waiting.append((right[node], None))
        if len(leaves) - first > MOST_LEAVES:
            return None
        start.append(len(splits))
        first_leaf.append(len(leaves))
    return Leaves(
        output=np.ascontiguousarray(ensemble.tree_output, np.int64),
        start=np.array(start, np.int64),
        feature=np.ascontiguousarray(ensemble.feature[splits], np.int32),
        threshold=np.ascontiguousarray(ensemble.threshold[splits], np.float64),
        kept=np.array(kept, np.uint64),
        missing_left=np.ascontiguousarray((ensemble.decision[splits] & MISSING_LEFT) != 0),
        first_leaf=np.array(first_leaf, np.int64),
        value=np.ascontiguousarray(value[leaves], np.float64),
    )
