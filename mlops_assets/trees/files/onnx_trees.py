"""The arrays of an ONNX tree ensemble: which node each id is, and where its branches lead."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np
import numpy.typing as npt

from mlops_assets.trees.arrays import Indices, Ints
from mlops_assets.trees.files.errors import NativeFileError, UncheckableFileError
from mlops_assets.trees.files.links import DEEPEST

WholeNumbers = Indices | Ints
"""In four bytes each, where all of an array fit."""

MODES = (b"LEAF", b"BRANCH_LEQ", b"BRANCH_LT", b"BRANCH_GTE", b"BRANCH_GT", b"BRANCH_EQ", b"BRANCH_NEQ")
_TRANSFORMS = (b"NONE", b"SOFTMAX", b"LOGISTIC", b"SOFTMAX_ZERO", b"PROBIT")
_AGGREGATES = (b"SUM", b"AVERAGE", b"MIN", b"MAX")
_COMMON = {
    *("nodes_treeids", "nodes_nodeids", "nodes_featureids", "nodes_values", "nodes_hitrates", "nodes_modes"),
    *("nodes_truenodeids", "nodes_falsenodeids", "nodes_missing_value_tracks_true", "post_transform", "base_values"),
}
_REGRESSOR = {"target_treeids", "target_nodeids", "target_ids", "target_weights", "n_targets", "aggregate_function"}
_CLASSIFIER = {
    *("class_treeids", "class_nodeids", "class_ids", "class_weights", "classlabels_int64s", "classlabels_strings"),
}


class NodeAttribute(Protocol):
    """What an attribute holds."""

    ints: list[WholeNumbers]
    floats: list[npt.NDArray[np.float32]]
    strings: bytearray
    lengths: list[int]
    integer: int | None
    text: bytes | None


@dataclass(frozen=True, eq=False)
class OnnxTrees:
    """A checked tree ensemble.

    Attributes
    ----------
    columns, outputs
        How many it takes and gives.
    tree
        (nodes,): the id of the node's tree.
    feature, value, mode
        (nodes,): the column; the number that it is compared with; 0 in a leaf, else the place of the comparison in
        `MODES`.
    yes, no
        (nodes,): the nodes that follow, by their places here; -1 in a leaf.
    missing_yes
        (nodes,): where a missing value goes to `yes`.
    leaf, output, weight
        What leaves add: their places, the outputs, and the numbers.
    base_values
        (outputs,) or empty.
    aggregate, transform
        How the trees are put together, and what becomes of the sums.
    """

    columns: int
    outputs: int
    tree: WholeNumbers
    feature: WholeNumbers
    value: npt.NDArray[np.float32]
    mode: npt.NDArray[np.int8]
    yes: WholeNumbers
    no: WholeNumbers
    missing_yes: npt.NDArray[np.bool_]
    leaf: WholeNumbers
    output: WholeNumbers
    weight: npt.NDArray[np.float32]
    base_values: npt.NDArray[np.float32]
    aggregate: bytes
    transform: bytes


def read_tree_ensemble(operator: str, attributes: Mapping[str, NodeAttribute], columns: int) -> OnnxTrees:
    """The arrays of a node's attributes, for rows of so many columns.

    Raises
    ------
    UncheckableFileError
        It has attributes of another version of the operator.
    NativeFileError
        Two nodes are the same, a branch leads elsewhere, or a leaf adds to an output that is not there.
    """
    classifies = operator == "TreeEnsembleClassifier"
    unknown = sorted(set(attributes) - _COMMON - (_CLASSIFIER if classifies else _REGRESSOR))
    if unknown:
        raise UncheckableFileError(f"has the attribute {unknown[0][:40]!r}, which is not read here", where=operator)
    tree = _ints(attributes, "nodes_treeids", None)
    count = len(tree)
    names = ("nodes_nodeids", "nodes_featureids", "nodes_truenodeids", "nodes_falsenodeids")
    node, feature, yes, no = (_ints(attributes, name, count) for name in names)
    value = _floats(attributes, "nodes_values", count)
    mode = _modes(attributes, count)
    missing = _ints(attributes, "nodes_missing_value_tracks_true", count, optional=True)
    _floats(attributes, "nodes_hitrates", count, optional=True)
    inner = mode > 0
    if not count or ((missing != 0) & (missing != 1)).any():
        raise NativeFileError("has no nodes, or missing values that go nowhere", where=operator)
    if (feature[inner] < 0).any() or (feature[inner] >= columns).any():
        raise NativeFileError(f"splits by a column that is none of its {columns}", where="nodes_featureids")
    if np.isnan(value[inner]).any():
        raise NativeFileError("has a threshold that is no number", where="nodes_values")
    places = _Places(tree, node)
    follow = [np.full(count, -1, np.int32) for _ in range(2)]
    for at, ids, name in ((0, yes, "nodes_truenodeids"), (1, no, "nodes_falsenodeids")):
        follow[at][inner] = places.find(tree[inner], ids[inner], name)
    _check_links(tree, follow[0], follow[1], inner)
    prefix = "class" if classifies else "target"
    outputs = _outputs(attributes, classifies)
    weight = _floats(attributes, f"{prefix}_weights", None)
    owners, ids, output = (_ints(attributes, f"{prefix}_{name}", len(weight)) for name in ("treeids", "nodeids", "ids"))
    leaf = places.find(owners, ids, f"{prefix}_nodeids")
    if inner[leaf].any():
        raise NativeFileError("has a value in a node that is no leaf", where=f"{prefix}_nodeids")
    if len(output) and (output.min() < 0 or output.max() >= outputs):
        raise NativeFileError(f"has a value for none of its {outputs} outputs", where=f"{prefix}_ids")
    pairs = np.sort(leaf.astype(np.int64) * outputs + output)
    if (pairs[1:] == pairs[:-1]).any():
        # The standard adds both; ONNX Runtime 1.32 takes the first, where there is one output.
        raise NativeFileError("has two values of a leaf for one output", where=f"{prefix}_nodeids")
    del pairs
    base = _floats(attributes, "base_values", None, optional=True)
    if len(base) not in ((0, 1, outputs) if classifies and outputs == 2 else (0, outputs)):
        raise NativeFileError(f"has {len(base)} base values for {outputs} outputs", where="base_values")
    return OnnxTrees(
        columns=columns,
        outputs=outputs,
        tree=tree,
        feature=feature,
        value=value,
        mode=mode,
        yes=follow[0],
        no=follow[1],
        missing_yes=missing == 1,
        leaf=leaf,
        output=output,
        weight=weight,
        base_values=base,
        aggregate=_text(attributes, "aggregate_function", _AGGREGATES),
        transform=_text(attributes, "post_transform", _TRANSFORMS),
    )


class _Places:
    """Where each pair of a tree's id and a node's id is."""

    def __init__(self, tree: WholeNumbers, node: WholeNumbers) -> None:
        if len(tree) and (tree.min() < 0 or tree.max() >= 2**31 or node.min() < 0 or node.max() >= 2**31):
            raise NativeFileError("has an id that is none", where="nodes_nodeids")
        key = _key(tree, node)
        self._order = np.argsort(key, kind="stable").astype(np.int32)
        self._keys = key[self._order]
        if (np.diff(self._keys) == 0).any():
            raise NativeFileError("has two nodes of one id", where="nodes_nodeids")

    def find(self, tree: WholeNumbers, node: WholeNumbers, where: str) -> WholeNumbers:
        """The places of nodes."""
        if len(tree) and (tree.min() < 0 or tree.max() >= 2**31 or node.min() < 0 or node.max() >= 2**31):
            raise NativeFileError("names a node that is not there", where=where)
        key = _key(tree, node)
        at = np.minimum(np.searchsorted(self._keys, key), len(self._keys) - 1)
        if (self._keys[at] != key).any():
            raise NativeFileError("names a node that is not there", where=where)
        return self._order[at]


def _key(tree: WholeNumbers, node: WholeNumbers) -> npt.NDArray[np.int64]:
    return tree.astype(np.int64) << 31 | node


def _check_links(tree: WholeNumbers, yes: WholeNumbers, no: WholeNumbers, inner: npt.NDArray[np.bool_]) -> None:
    """One root in each tree, one parent for each other node, and paths that end."""
    where = "nodes_truenodeids and nodes_falsenodeids"
    parents = np.bincount(np.concatenate([yes[inner], no[inner]]), minlength=len(tree))
    roots = np.flatnonzero(parents == 0)
    if parents.max(initial=0) > 1 or len(roots) != len(np.unique(tree)) or len(np.unique(tree[roots])) != len(roots):
        raise NativeFileError("has a node with two parents, or a tree without one root", where=where)
    # ONNX Runtime takes the first node of a tree for its root.
    first = np.flatnonzero(np.concatenate([[True], tree[1:] != tree[:-1]]))
    if len(first) != len(roots) or (parents[first] != 0).any():
        raise NativeFileError("has a tree that does not begin with its root", where=where)
    level, reached = roots, 0
    for _ in range(DEEPEST):
        reached += len(level)
        level = level[inner[level]]
        if not len(level):
            break
        level = np.concatenate([yes[level], no[level]])
    if len(level) or reached != len(tree):
        raise NativeFileError(f"has a path of more than {DEEPEST} nodes, or one that does not end", where=where)


def _outputs(attributes: Mapping[str, NodeAttribute], classifies: bool) -> int:
    if not classifies:
        found = attributes.get("n_targets")
        number = found.integer if found is not None else None
        if number is None or not 1 <= number <= max(len(_ints(attributes, "target_ids", None)), 1):
            raise NativeFileError("has no number of targets", where="n_targets")
        return number
    labels = [attributes[name] for name in ("classlabels_int64s", "classlabels_strings") if name in attributes]
    counts = [count for each in labels if (count := sum(map(len, each.ints)) + len(each.lengths))]
    if len(counts) != 1:
        raise NativeFileError("has no labels, or two kinds of them", where="classlabels")
    return counts[0]


def _ints(
    attributes: Mapping[str, NodeAttribute], name: str, count: int | None, optional: bool = False
) -> WholeNumbers:
    found = attributes.get(name)
    pieces = found.ints if found is not None and found.ints else [np.zeros(0, np.int32)]
    numbers = cast(WholeNumbers, np.concatenate(pieces))
    if optional and not len(numbers):
        return np.zeros(count or 0, np.int32)
    if count is not None and len(numbers) != count:
        raise NativeFileError(f"has {len(numbers)} numbers where {count} belong", where=name)
    return numbers


def _floats(
    attributes: Mapping[str, NodeAttribute], name: str, count: int | None, optional: bool = False
) -> npt.NDArray[np.float32]:
    found = attributes.get(name)
    numbers = np.concatenate(found.floats) if found is not None and found.floats else np.zeros(0, np.float32)
    if count is not None and len(numbers) != count and not (optional and not len(numbers)):
        raise NativeFileError(f"has {len(numbers)} numbers where {count} belong", where=name)
    return numbers


def _modes(attributes: Mapping[str, NodeAttribute], count: int) -> npt.NDArray[np.int8]:
    found = attributes.get("nodes_modes")
    if found is None or len(found.lengths) != count:
        raise NativeFileError(f"has no kind for each of {count} nodes", where="nodes_modes")
    codes, at = bytearray(), 0
    known = {mode: code for code, mode in enumerate(MODES)}
    for length in found.lengths:
        code = known.get(bytes(found.strings[at : at + length]))
        if code is None:
            raise NativeFileError("has a kind of node that is unknown", where="nodes_modes")
        codes.append(code)
        at += length
    return np.frombuffer(bytes(codes), np.int8)


def _text(attributes: Mapping[str, NodeAttribute], name: str, known: tuple[bytes, ...]) -> bytes:
    found = attributes.get(name)
    text = found.text if found is not None and found.text is not None else known[0]
    if text not in known:
        raise NativeFileError("has a word that is unknown", where=name)
    return text
