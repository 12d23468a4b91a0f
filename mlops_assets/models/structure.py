"""Look at what compiled code reads without bounds: the nodes of trees, before anything predicts with them.

skops can tell that an object is a scikit-learn tree, not that its nodes lead nowhere but to each other: a crafted one
loads and then crashes the process, or reads memory that is not its own (skops' `UNTRUSTED_TYPE_REASONS`, and
scikit-learn/scikit-learn#34558). The same arrays are read by the kernels that explain trees.
"""

from collections.abc import Iterable, Iterator, Mapping
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any, cast

import numpy as np

from mlops_assets.errors import TrustError
from mlops_assets.models.estimator_structure import check_metric, find_disagreement

_LEAF = -1
_TREE = "sklearn.tree._tree.Tree"
_HISTOGRAMS = "sklearn.ensemble._hist_gradient_boosting"
_ATOMS = (
    str,
    bytes,
    bytearray,
    int,
    float,
    complex,
    bool,
    type(None),
    type,
    FunctionType,
    BuiltinFunctionType,
    ModuleType,
)
# Ensembles that hand rows to their trees without a look at the number of columns.
_UNCHECKED = ("sklearn.ensemble._forest", "sklearn.ensemble._gb", "sklearn.ensemble._iforest")


def check_structure(model: object, where: str) -> None:
    """Return if every tree in `model` (a fitted estimator and all that it holds) leads only to its own nodes.

    Raises
    ------
    TrustError
        A child, a feature or an index is outside of its array.
    """
    for part in walk_parts(model):
        try:
            reason = _reason(part)
        except (AttributeError, KeyError, IndexError, TypeError, ValueError, OverflowError) as error:
            raise TrustError(
                f"The model was not used: its {type(part).__name__} cannot be examined ({type(error).__name__})",
                where=where,
                fix="Install the version of scikit-learn that it was saved with, or register it again with the "
                "installed one; if that does not help, do not use it",
            ) from error
        if reason:
            raise TrustError(
                f"The model was not used, because its {type(part).__name__} {reason}",
                where=where,
                fix="Do not use this model: scikit-learn never writes such a structure",
            )


def _reason(part: object) -> str | None:
    kind = _kind(part)
    if kind == _TREE:
        return _tree(part)
    if kind == f"{_HISTOGRAMS}.predictor.TreePredictor":
        return _predictor(part)
    if kind.startswith(("sklearn.neighbors._kd_tree.KDTree", "sklearn.neighbors._ball_tree.BallTree")):
        return _neighbors(part)
    return _columns(part) or find_disagreement(part)


def _kind(part: object) -> str:
    return f"{type(part).__module__}.{type(part).__qualname__}"


def _tree(tree: Any) -> str | None:
    if not 1 <= tree.node_count <= tree.capacity:
        return "claims more nodes than it has"
    nodes = tree.__getstate__()["nodes"]
    left, right, feature = nodes["left_child"], nodes["right_child"], nodes["feature"]
    inner = left != _LEAF
    positions = np.arange(len(nodes))
    if not _all(inner, (left > positions) & (left < len(nodes)) & (right > positions) & (right < len(nodes))):
        return "has a node whose child is none of its nodes"
    if not _all(inner, (feature >= 0) & (feature < tree.n_features)):
        return "splits by a feature that it does not have"
    level, depth = np.array([0]), 0
    while level.size and depth <= tree.max_depth:
        level = level[inner[level]]
        level, depth = np.unique(np.concatenate([left[level], right[level]])), depth + 1
    return "is deeper than it claims" if level.size else None


def _predictor(predictor: Any) -> str | None:
    nodes = predictor.nodes
    inner, positions = nodes["is_leaf"] == 0, np.arange(len(nodes))
    left, right = nodes["left"].astype("int64"), nodes["right"].astype("int64")
    if not len(nodes):
        return "has no nodes"
    if not _all(inner, (left > positions) & (left < len(nodes)) & (right > positions) & (right < len(nodes))):
        return "has a node whose child is none of its nodes"
    if not _all(inner, nodes["feature_idx"] >= 0):
        return "splits by a feature that it does not have"
    categorical = inner & (nodes["is_categorical"] != 0)
    if not _all(categorical, nodes["bitset_idx"] < len(predictor.raw_left_cat_bitsets)):
        return "splits by categories that it does not have"
    return None


def _neighbors(tree: Any) -> str | None:
    data, index, nodes, bounds = (np.asarray(part) for part in tree.__getstate__()[:4])
    rows, count = len(data), len(nodes)
    start, end = nodes["idx_start"], nodes["idx_end"]
    positions = np.arange(count)
    # Two bounds for each node of a k-d tree, one centre for each of a ball tree.
    sides = 2 if "KDTree" in type(tree).__name__ else 1
    if tree.__getstate__()[6] != count or bounds.ndim != 3 or bounds.shape[0] != sides:
        return "has arrays of different lengths"
    if not count or index.shape != (rows,) or bounds.shape[1] != count or bounds.shape[2] != data.shape[1]:
        return "has arrays of different lengths"
    if not np.all((index >= 0) & (index < rows)) or not np.all((start >= 0) & (start <= end) & (end <= rows)):
        return "points at rows that it does not have"
    if not _all(nodes["is_leaf"] == 0, 2 * positions + 2 < count):
        return "has a node whose child is none of its nodes"
    weights = tree.__getstate__()[12]
    if weights is not None and np.shape(weights) != (rows,):
        return "has arrays of different lengths"
    return check_metric(tree.__getstate__()[11], data.shape[1])


def _columns(part: object) -> str | None:
    """An estimator beside its trees: they read only columns that it has checked to be there."""
    state, module = getattr(part, "__dict__", {}), type(part).__module__
    columns, tree = state.get("n_features_in_"), cast(Any, state.get("tree_"))
    if columns is None and not module.startswith("sklearn."):
        # Not an estimator, or one that checks its columns in its own way; scikit-learn's always say how many.
        return None
    if _kind(tree) == _TREE and tree.n_features != columns:
        return "and its tree do not agree on the number of columns"
    if module in _UNCHECKED and "estimators_" in state:
        chosen = state.get("estimators_features_")
        trees = [tree.tree_ for tree in np.ravel(np.asarray(state["estimators_"], dtype=object))]
        widths = [len(each) for each in chosen] if chosen is not None else [columns] * len(trees)
        if widths != [tree.n_features for tree in trees]:
            return "and its trees do not agree on the number of columns"
    if module.startswith(_HISTOGRAMS) and "_predictors" in state:
        predictors = [each for row in state["_predictors"] for each in row]
        if any(np.any(each.nodes["feature_idx"] >= columns) for each in predictors):
            return "and its trees do not agree on the number of columns"
    return None


def _all(where: "np.ndarray[Any, Any]", holds: "np.ndarray[Any, Any]") -> bool:
    return bool(np.all(holds[where]))


def walk_parts(model: object) -> Iterator[object]:
    """Every object that can be reached from `model` by attributes and containers, each once."""
    waiting, seen = [model], {id(model)}
    while waiting:
        part = waiting.pop()
        yield part
        for child in _children(part):
            if not isinstance(child, _ATOMS) and id(child) not in seen:
                seen.add(id(child))
                waiting.append(child)


def _children(part: object) -> Iterable[object]:
    if isinstance(part, Mapping):
        return part.values()
    if isinstance(part, list | tuple | set | frozenset):
        return part
    if isinstance(part, np.ndarray):
        return part.ravel() if part.dtype == object else ()
    return getattr(part, "__dict__", {}).values()
