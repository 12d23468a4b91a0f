"""One tree of a LightGBM text model: the lengths of its arrays, and where each of its indices leads."""

import numpy as np
import numpy.typing as npt

from mlops_assets.trees.arrays import Floats, Ints
from mlops_assets.trees.files.columns import Column
from mlops_assets.trees.files.errors import NativeFileError
from mlops_assets.trees.files.links import check_tree
from mlops_assets.trees.files.numbers import INT32, read_floats, read_ints, read_word, shorten

CATEGORICAL, DEFAULT_LEFT = 1, 2

COLUMNS: dict[str, npt.DTypeLike] = {
    "leaves": np.int64,
    "split_feature": np.int32,
    "threshold": np.float64,
    "decision": np.int8,
    "left": np.int32,
    "right": np.int32,
    "internal_count": np.int32,
    "leaf_value": np.float64,
    "leaf_count": np.int32,
    "category_sets": np.int32,
    "set_words": np.int32,
    "words": np.uint32,
    "linear": np.bool_,
    "leaf_const": np.float64,
    "linear_counts": np.int32,
    "linear_feature": np.int32,
    "linear_coefficient": np.float64,
}


_TREE = frozenset(
    b"num_leaves num_cat split_feature split_gain threshold decision_type left_child right_child leaf_value "
    b"leaf_weight leaf_count internal_value internal_weight internal_count cat_boundaries cat_threshold is_linear "
    b"leaf_const num_features leaf_features leaf_coeff shrinkage".split()
)


def read_keys(text: bytes, allowed: frozenset[bytes], where: str) -> dict[str, bytes]:
    """The lines `key=value` of a part of the file.

    Raises
    ------
    NativeFileError
        A line is none of these, has another key, or a key is there twice.
    """
    if b"\r" in text:
        raise NativeFileError("has a carriage return", where=where)
    found: dict[str, bytes] = {}
    for line in text.split(b"\n"):
        if not line:
            continue
        key, sign, value = line.partition(b"=")
        name = key.decode("ascii", "replace")
        if key not in allowed or (not sign and key != b"average_output") or (b"=" in value and key != b"feature_names"):
            raise NativeFileError(f"has the line {shorten(line)}, which LightGBM does not write there", where=where)
        if name in found:
            raise NativeFileError(f"has {name!r} twice", where=where)
        found[name] = value
    return found


def add_tree(columns: dict[str, Column], section: bytes, number: int, width: int) -> None:
    """Check a tree over `width` columns, and add it.

    Raises
    ------
    NativeFileError
        It does not lead only to its own parts.
    """
    where = f"tree {number}"
    title, _, body = section.partition(b"\n")
    text, _, rest = body.partition(b"\n\n")
    if title != b"Tree=%d" % number or rest.strip(b"\n") or not section.endswith(b"\n"):
        raise NativeFileError("has something else where the tree should be", where=where)
    if body.startswith(b"\n"):
        raise NativeFileError("is empty", where=where)
    tree = read_keys(text, _TREE, where)
    leaves = read_word(tree.get("num_leaves"), f"{where}, num_leaves", 1, len(section))
    sets = read_word(tree.get("num_cat"), f"{where}, num_cat", 0, len(section))
    splits = leaves - 1
    linear = read_word(tree.get("is_linear", b"0"), f"{where}, is_linear", 0, 1)

    def ints(key: str, count: int | None, low: int, high: int) -> Ints:
        return read_ints(_get(tree, key, where), f"{where}, {key}", count, low, high)

    def floats(key: str, count: int) -> Floats:
        return read_floats(_get(tree, key, where), f"{where}, {key}", count)

    columns["leaves"].add(leaves)
    columns["leaf_value"].add(floats("leaf_value", leaves))
    floats("shrinkage", 1) if "shrinkage" in tree else None
    for key in ("split_gain", "internal_value", "internal_weight"):
        if splits and key in tree:
            floats(key, splits)
    if splits and "leaf_weight" in tree:
        floats("leaf_weight", leaves)
    columns["category_sets"].add(sets)
    columns["linear"].add(bool(linear))
    columns["leaf_count"].add(
        ints("leaf_count", leaves, 0, INT32 - 1) if tree.get("leaf_count") else np.zeros(leaves, np.int32)
    )
    decision = np.zeros(splits, np.int64)
    if splits:
        feature = ints("split_feature", splits, 0, width - 1)
        threshold = floats("threshold", splits)
        left, right = (ints(key, splits, -leaves, splits - 1) for key in ("left_child", "right_child"))
        if "decision_type" in tree:
            decision = ints("decision_type", splits, 0, 11)
        count = ints("internal_count", splits, 0, INT32 - 1) if "internal_count" in tree else np.zeros(splits)
        if np.isnan(threshold).any():
            raise NativeFileError("has a threshold that is no number", where=f"{where}, threshold")
        # Nodes first, then leaves.
        children = [np.where(child >= 0, child, splits - 1 - child) for child in (left, right)]
        is_leaf = np.arange(splits + leaves) >= splits
        if not check_tree(children[0], children[1], is_leaf, f"{where}, left_child and right_child").all():
            raise NativeFileError("has a node that nothing leads to", where=f"{where}, left_child and right_child")
        columns["split_feature"].add(feature)
        columns["threshold"].add(threshold)
        columns["decision"].add(decision)
        columns["left"].add(left)
        columns["right"].add(right)
        columns["internal_count"].add(count)
        chosen = threshold[decision & CATEGORICAL != 0]
        if len(chosen) and not ((chosen >= 0) & (chosen < sets) & (chosen == np.floor(chosen))).all():
            raise NativeFileError("splits by categories that it does not have", where=f"{where}, threshold")
    elif any(tree.get(key, b"").strip(b" ") for key in ("split_feature", "threshold", "left_child", "right_child")):
        raise NativeFileError("has splits and one leaf", where=where)
    if sets:
        boundaries = ints("cat_boundaries", sets + 1, 0, len(section))
        if boundaries[0] or (np.diff(boundaries) < 0).any():
            raise NativeFileError("has sets of categories that overlap", where=f"{where}, cat_boundaries")
        columns["set_words"].add(np.diff(boundaries))
        columns["words"].add(ints("cat_threshold", int(boundaries[-1]), 0, 2**32 - 1))
    if linear:
        columns["leaf_const"].add(_check_plain(floats("leaf_const", leaves), f"{where}, leaf_const"))
        counts = ints("num_features", leaves, 0, min(width, len(section)))
        columns["linear_counts"].add(counts)
        total = int(counts.sum())
        columns["linear_feature"].add(ints("leaf_features", total, 0, width - 1))
        columns["linear_coefficient"].add(_check_plain(floats("leaf_coeff", total), f"{where}, leaf_coeff"))


def _check_plain(numbers: Floats, where: str) -> Floats:
    # LightGBM 4.7 reads these with std::stod, which throws at what no normal double holds, and nothing catches it.
    size = np.abs(numbers)
    if (np.isinf(size) | ((size > 0) & (size < np.finfo(np.float64).tiny))).any():
        raise NativeFileError("has a number that is infinite or too small", where=where)
    return numbers


def _get(tree: dict[str, bytes], key: str, where: str) -> bytes:
    if key not in tree:
        raise NativeFileError("lacks it", where=f"{where}, {key}")
    return tree[key]
