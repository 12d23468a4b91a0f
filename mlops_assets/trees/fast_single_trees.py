"""scikit-learn's single trees: deep ones, of many rows, are walked by the kernel, alone and in bagging or boosting.

A tree's estimator asks its `tree_`, which is compiled, for the leaf of each row. A copy has a `tree_` that answers by
the kernel, and in all else is the fitted one.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from mlops_assets.trees.builder import TreeBuilder
from mlops_assets.trees.fast_copies import copy_with, is_kind
from mlops_assets.trees.plain_rows import choose_probe
from mlops_assets.trees.rank_trees import rank_trees
from mlops_assets.trees.ranked_trees import RankedTrees
from mlops_assets.trees.read_sklearn import add_sklearn_tree
from mlops_assets.trees.tree_sums import TreeSums

_CLASSES = ("DecisionTreeRegressor", "DecisionTreeClassifier", "ExtraTreeRegressor", "ExtraTreeClassifier")
_LEVEL, _SHALLOW = 0.2, 12
"""What the kernel saves for a level beyond so many, compared with what a tree of gradient boosting takes. scikit-learn
walks through shallower trees before the kernel has ranked a row's columns.
"""


class _FastTree:
    """A fitted tree whose `predict` is the kernel's."""

    def __init__(self, tree: Any, sums: TreeSums) -> None:
        self._tree, self._sums = tree, sums

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tree, name)

    def __reduce__(self) -> tuple[Any, ...]:
        # What a pickle or a copy holds is the fitted tree.
        return _identity, (self._tree,)

    def predict(self, X: Any) -> Any:
        sums = self._sums
        is_array = isinstance(X, np.ndarray) and X.dtype == np.float32 and X.ndim == 2 and len(X)
        trees = sums.kernel_trees(len(X)) if is_array else None
        if trees is not None and sums.needs_comparison("leaf"):
            first_rows = X[choose_probe(X)]
            trees = (
                trees if sums.compare("leaf", self._ask(trees, first_rows), self._tree.predict(first_rows)) else None
            )
        return self._tree.predict(X) if trees is None else self._ask(trees, X)

    def _ask(self, trees: RankedTrees, rows: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        outputs, classes = self._tree.n_outputs, self._tree.max_n_classes
        # What a zero of either sign is added to and stays what it is.
        answer = np.full((len(rows), outputs * classes), -0.0)
        trees.add_to(answer, rows)
        return answer if outputs == 1 else answer.reshape(len(rows), outputs, classes)


def copy_single_tree(model: Any) -> tuple[Any, TreeSums] | None:
    """A copy of a fitted decision or extra tree that the kernel may walk; None of a shallow one and of all else."""
    if not is_kind(model, "sklearn.tree._classes", *_CLASSES):
        return None
    tree = vars(model).get("tree_")
    if type(tree).__name__ != "Tree" or tree.max_depth <= _SHALLOW:
        return None
    sums = TreeSums(1, lambda: _encode(tree), f"a {type(model).__name__}", weight=_LEVEL * (tree.max_depth - _SHALLOW))
    return copy_with(model, type(model), tree_=_FastTree(tree, sums)), sums


def _encode(tree: Any) -> RankedTrees | None:
    value = np.asarray(tree.value, np.float64).reshape(tree.node_count, -1)
    builder = TreeBuilder()
    add_sklearn_tree(builder, tree, value)
    outputs = range(value.shape[1])
    return rank_trees(
        builder.build(offset=0.0, outputs=outputs, space="identity", n_features=tree.n_features, float32_inputs=True)
    )


def _identity(tree: object) -> object:
    return tree
