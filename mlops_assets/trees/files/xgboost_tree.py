"""One tree of an XGBoost model: the lengths of its arrays, and where each of its indices leads."""

import re

import numpy as np
import numpy.typing as npt

from mlops_assets.trees.arrays import Ints
from mlops_assets.trees.files.columns import Column
from mlops_assets.trees.files.documents import Document
from mlops_assets.trees.files.errors import NativeFileError, UncheckableFileError
from mlops_assets.trees.files.links import check_tree
from mlops_assets.trees.files.numbers import INT32

COLUMNS: dict[str, npt.DTypeLike] = {
    "nodes": np.int64,
    "left": np.int32,
    "right": np.int32,
    "feature": np.int32,
    "condition": np.float32,
    "default_left": np.bool_,
    "cover": np.float32,
    "categorical": np.bool_,
    "leaf_values": np.float32,
    "category_nodes": np.int32,
    "category_sizes": np.int32,
    "categories": np.int32,
}
_KEYS = {
    *("base_weights", "categories", "categories_nodes", "categories_segments", "categories_sizes", "default_left"),
    *("id", "leaf_child_counts", "leaf_weights", "left_children", "loss_changes", "parents", "right_children"),
    *("split_conditions", "split_indices", "split_type", "sum_hessian", "tree_param"),
}
_CATEGORIES = ("categories", "categories_nodes", "categories_segments", "categories_sizes")
_PARAMETERS = {"num_deleted", "num_feature", "num_nodes", "num_roots", "size_leaf_vector"}
_WHOLE = re.compile(r"-?\d{1,10}")
_NO_NODE = INT32 - 1
# XGBoost's own bound of a category, and the bits that those of all nodes together may take: 256 MiB and 32 times the
# size of the file.
_MOST_CATEGORIES = 1 << 24
_FREE_BITS = 1 << 31


class TreeReader:
    """Takes tree after tree, checks it, and adds it to the columns; knows then what all of them need.

    Attributes
    ----------
    count
        The number of trees.
    largest_feature
        The last column that one of them splits by; -1 where none splits.
    vectors
        The numbers of values that their leaves have.
    """

    def __init__(self, columns: dict[str, Column], size: int) -> None:
        self._columns, self._size = columns, size
        self._bits = _FREE_BITS + 256 * size
        self.count, self.largest_feature = 0, -1
        self.vectors: set[int] = set()

    def take(self, tree: Document) -> None:
        """Check one tree and add it.

        Raises
        ------
        NativeFileError
            It does not lead only to its own nodes.
        """
        where = f"tree {self.count}"
        unknown = sorted(set(tree) - _KEYS)
        if unknown:
            raise UncheckableFileError(f"has {unknown[0][:40]!r}, which is not known here", where=where)
        number = tree.get("id", self.count)
        if not isinstance(number, int) or isinstance(number, bool) or number != self.count:
            raise NativeFileError("has another number", where=f"{where}, id")
        nodes, deleted, width = self._read_parameters(tree, where)
        left, right = (_ints(tree, key, where, nodes) for key in ("left_children", "right_children"))
        is_leaf = left == -1
        reached = check_tree(left, right, is_leaf, f"{where}, left_children and right_children")
        feature = _ints(tree, "split_indices", where, nodes)
        default = _ints(tree, "default_left", where, nodes)
        if ((default != 0) & (default != 1)).any():
            raise NativeFileError("has a direction that is neither", where=f"{where}, default_left")
        gone = (feature == _NO_NODE) & (default == 1) & is_leaf
        if not np.array_equal(gone, ~reached) or int(gone.sum()) != deleted:
            raise NativeFileError(f"has {nodes} nodes, and not {deleted} of them are deleted", where=where)
        self._check_parents(_ints(tree, "parents", where, nodes), left, right, is_leaf, reached, where)
        inner = np.flatnonzero(~is_leaf)
        if (feature < 0).any() or (feature[reached & is_leaf] >= _NO_NODE).any():
            raise NativeFileError("has a column that is none", where=f"{where}, split_indices")
        self.largest_feature = max(self.largest_feature, int(feature[inner].max(initial=-1)))
        categorical = _ints(tree, "split_type", where, nodes) if "split_type" in tree else np.zeros(nodes, np.int64)
        if ((categorical != 0) & (categorical != 1)).any():
            raise NativeFileError("has a kind of split that is unknown", where=f"{where}, split_type")
        self._add_categories(tree, categorical, inner, where)
        condition = _floats(tree, "split_conditions", where, nodes)
        if np.isnan(condition[inner][categorical[inner] == 0]).any():
            raise NativeFileError("has a threshold that is no number", where=f"{where}, split_conditions")
        _floats(tree, "loss_changes", where, nodes)
        if "leaf_child_counts" in tree:
            _ints(tree, "leaf_child_counts", where, nodes)
        self._add_leaves(tree, right, is_leaf, nodes, width, deleted, where)
        fields: dict[str, npt.ArrayLike] = {
            "nodes": nodes,
            "left": left,
            "right": right,
            "feature": feature,
            "condition": condition,
            "default_left": default,
            "cover": _floats(tree, "sum_hessian", where, nodes),
            "categorical": categorical,
        }
        for key, values in fields.items():
            self._columns[key].add(values)
        self.count += 1

    def _read_parameters(self, tree: Document, where: str) -> tuple[int, int, int]:
        about = tree.get("tree_param")
        if not isinstance(about, dict) or set(about) - _PARAMETERS:
            raise NativeFileError("has no parameters, or unknown ones", where=f"{where}, tree_param")
        numbers = {}
        for key, value in about.items():
            if not isinstance(value, str) or not _WHOLE.fullmatch(value) or not 0 <= int(value) < INT32:
                raise NativeFileError("has a count that is none", where=f"{where}, {key}")
            numbers[key] = int(value)
        if not 1 <= numbers.get("num_nodes", 0) <= self._size or numbers.get("num_roots", 1) > 1:
            raise NativeFileError("has no nodes, several roots, or more nodes than bytes", where=f"{where}, tree_param")
        width = max(numbers.get("size_leaf_vector", 1), 1)
        self.vectors.add(width)
        return numbers["num_nodes"], numbers.get("num_deleted", 0), width

    def _check_parents(
        self,
        parents: Ints,
        left: Ints,
        right: Ints,
        is_leaf: npt.NDArray[np.bool_],
        reached: npt.NDArray[np.bool_],
        where: str,
    ) -> None:
        inner = np.flatnonzero(~is_leaf)
        expected = np.full(len(parents), -1)
        expected[left[inner]] = expected[right[inner]] = inner
        inside = reached.copy()
        inside[0] = False
        if parents[0] not in (-1, _NO_NODE) or (parents[inside] != expected[inside]).any():
            raise NativeFileError("has a child that names another parent", where=f"{where}, parents")
        # A node without a parent is a root to XGBoost, also among those that are deleted.
        if (parents[1:] < 0).any() or (parents[1:] >= len(parents)).any():
            raise NativeFileError("has a parent that is none of its nodes", where=f"{where}, parents")

    def _add_categories(self, tree: Document, categorical: Ints, inner: Ints, where: str) -> None:
        if not any(key in tree for key in _CATEGORIES):
            if categorical.any():
                raise NativeFileError("splits by categories that it does not have", where=where)
            self._columns["category_nodes"].add(0)
            return
        categories, nodes, starts, sizes = (_ints(tree, key, where, None) for key in _CATEGORIES)
        if not np.array_equal(nodes, np.flatnonzero(categorical)) or not np.isin(nodes, inner).all():
            raise NativeFileError("has categories of other nodes", where=f"{where}, categories_nodes")
        total = np.concatenate([[0], np.cumsum(np.minimum(sizes, len(categories) + 1))])
        if len(sizes) != len(nodes) or (sizes < 1).any() or not np.array_equal(starts, total[:-1]):
            raise NativeFileError("has categories that overlap", where=f"{where}, categories_segments")
        if total[-1] != len(categories):
            raise NativeFileError("has more or fewer categories than it says", where=f"{where}, categories_sizes")
        if len(categories):
            if categories.min() < 0 or categories.max() >= _MOST_CATEGORIES:
                raise NativeFileError("has a category that is none", where=f"{where}, categories")
            self._bits -= int(np.maximum.reduceat(categories, starts).sum())
            if self._bits < 0:
                raise NativeFileError("has categories that take too much memory", where=f"{where}, categories")
        self._columns["category_nodes"].add(len(nodes))
        self._columns["category_sizes"].add(sizes)
        self._columns["categories"].add(categories)

    def _add_leaves(
        self,
        tree: Document,
        right: Ints,
        is_leaf: npt.NDArray[np.bool_],
        nodes: int,
        width: int,
        deleted: int,
        where: str,
    ) -> None:
        _floats(tree, "base_weights", where, nodes * width)
        if width == 1:
            if (right[is_leaf] != -1).any():
                raise NativeFileError("has a leaf with a child", where=f"{where}, right_children")
            return
        if "leaf_weights" not in tree or not {"split_type", *_CATEGORIES} <= set(tree):
            raise UncheckableFileError(
                "has vectors in its leaves as XGBoost 2 wrote them", where=f"{where}, base_weights"
            )
        leaves = int(is_leaf.sum())
        values = _floats(tree, "leaf_weights", where, leaves * width)
        if deleted or not np.array_equal(np.sort(right[is_leaf]), np.arange(leaves)):
            raise NativeFileError("has a leaf whose values are not there", where=f"{where}, leaf_weights")
        self._columns["leaf_values"].add(values)


def _ints(tree: Document, key: str, where: str, count: int | None) -> Ints:
    numbers = _array(tree, key, where, count)
    if len(numbers) and numbers.dtype.kind not in "iu":
        raise NativeFileError("has something else where whole numbers belong", where=f"{where}, {key}")
    whole = numbers.astype(np.int64)
    if len(whole) and (whole.min() < -INT32 or whole.max() >= INT32):
        raise NativeFileError("has a number of more than 32 bits", where=f"{where}, {key}")
    return whole


def _floats(tree: Document, key: str, where: str, count: int) -> npt.NDArray[np.float32]:
    with np.errstate(over="ignore"):
        return _array(tree, key, where, count).astype(np.float32)


def _array(tree: Document, key: str, where: str, count: int | None) -> npt.NDArray[np.generic]:
    value = tree.get(key)
    numbers = np.zeros(0) if isinstance(value, list) and not value else value
    if not isinstance(numbers, np.ndarray):
        raise NativeFileError("lacks an array of numbers", where=f"{where}, {key}")
    if count is not None and len(numbers) != count:
        raise NativeFileError(f"has {len(numbers)} numbers where {count} belong", where=f"{where}, {key}")
    return numbers
