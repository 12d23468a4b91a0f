"""CatBoost's binary models (`cbm`) as checked arrays: the FlatBuffer of the trees, and the tables of statistics.

CatBoost verifies the first of them and follows its indices; the tables of statistics it does not verify (1.2,
`catboost/libs/model/ctr_value_table.cpp`). Texts and embeddings have parts that are not read here.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import cast

import numpy as np
import numpy.typing as npt

from mlops_assets.trees.arrays import Floats, Ints
from mlops_assets.trees.files.catboost_features import BinFeatures, StatisticBase, read_features
from mlops_assets.trees.files.catboost_statistics import StatisticTable, read_statistics
from mlops_assets.trees.files.errors import NativeFileError, UncheckableFileError
from mlops_assets.trees.files.flatbuffer import Buffer, Table
from mlops_assets.trees.files.json_text import check_depth
from mlops_assets.trees.files.links import DEEPEST

_MAGIC, _VERSION, _STATISTICS = b"CBM1", b"FlabuffersModel_v1", b"static_provider_v1"
_MOST_LEVELS = 16
_INFO_DEPTH = 32
_NO_LEAF = 2**32 - 1
_STEP = np.dtype([("left", "<u2"), ("right", "<u2")])
_BIN = np.dtype([("feature", "<u2"), ("xor", "u1"), ("split", "u1")])


@dataclass(frozen=True, eq=False)
class CatboostModel:
    """A CatBoost model: symmetric trees, or trees of any shape.

    Attributes
    ----------
    outputs
        How many values a leaf has.
    scale, bias
        Prediction = scale * sum of the trees + bias, (outputs,).
    features
        What the splits are numbered by.
    splits
        Of symmetric trees, (levels,): the split of each level, the lowest bit of a leaf's number first. Of others,
        (nodes,).
    sizes
        (trees,): the number of levels, or of nodes.
    steps
        (nodes,) of pairs: how far the left and the right child are; 0 where the node itself is the answer. Empty where
        the trees are symmetric.
    leaf_of_node
        (nodes,): where the node's values begin; 2**32 - 1 where it has none.
    leaf_values, leaf_weights
        (leaves * outputs,) and (leaves,) or empty.
    info
        Texts about the model by their names, some of them JSON: "params", "class_params".
    statistics
        What the statistics are computed from.
    """

    outputs: int
    scale: float
    bias: Floats
    features: BinFeatures
    splits: Ints
    sizes: Ints
    steps: npt.NDArray[np.void]
    leaf_of_node: Ints
    leaf_values: Floats
    leaf_weights: Floats
    info: Mapping[str, str] = field(default_factory=dict)
    statistics: Mapping[StatisticBase, StatisticTable] = field(default_factory=dict)


def read_catboost_cbm(data: bytes) -> CatboostModel:
    """The model in a file, or in what a pickled CatBoost holds.

    Raises
    ------
    UncheckableFileError
        It is no such model, or has texts or embeddings.
    NativeFileError
        It is one that CatBoost does not write.
    """
    if data[:4] != _MAGIC:
        raise UncheckableFileError("does not begin as CatBoost's binary models do", where="byte 0")
    size = int.from_bytes(data[4:8], "little")
    if len(data) < 8 or size == 2**32 - 1 or size > len(data) - 8:
        raise NativeFileError("is shorter than it says", where="byte 4")
    core = Buffer(data[8 : 8 + size], "the core").root().check_fields(4)
    if core.text(0, "FormatVersion") != _VERSION:
        raise UncheckableFileError("has another version", where="FormatVersion")
    trees = core.table(1, "the trees")
    if trees is None:
        raise NativeFileError("has no trees", where="the core")
    model = _read_trees(trees.check_fields(19))
    model = replace(model, info=_read_info(core, model.outputs))
    parts = [core.text_at(place, "ModelPartIds") for place in core.offsets(3, "ModelPartIds")]
    if any(part != _STATISTICS for part in parts) or len(parts) > 1:
        raise UncheckableFileError("has parts for texts or embeddings, which are not read here", where="ModelPartIds")
    rest = data[8 + size :]
    if parts:
        model = replace(model, statistics=read_statistics(rest, model.features))
    elif rest:
        raise NativeFileError("goes on behind its end", where=f"byte {8 + size}")
    elif model.features.statistics:
        raise NativeFileError("splits by statistics that it does not have", where="CtrFeatures")
    return model


def _read_trees(trees: Table) -> CatboostModel:
    outputs = int(trees.number(0, "int"))
    leaf_values = cast(Floats, trees.vector(8, "<f8", "LeafValues"))
    if not 1 <= outputs <= max(len(leaf_values), 1):
        raise NativeFileError(f"has {outputs} outputs", where="ApproxDimension")
    features = read_features(trees)
    splits, sizes, starts = (
        trees.vector(field, "<i4", name).astype(np.int64)
        for field, name in ((1, "TreeSplits"), (2, "TreeSizes"), (3, "TreeStartOffsets"))
    )
    if len(sizes) and (sizes.min() < 0 or sizes.max() > len(splits)):
        raise NativeFileError("has a tree that is larger than all of them", where="TreeSizes")
    expected = np.concatenate([[0], np.cumsum(sizes)])
    if expected[-1] != len(splits) or not np.array_equal(starts, expected[:-1]):
        raise NativeFileError("has trees in other places than it says", where="TreeStartOffsets")
    steps = cast("npt.NDArray[np.void]", trees.vector(10, _STEP, "NonSymmetricStepNodes"))
    leaf_of_node = trees.vector(11, "<u4", "NonSymmetricNodeIdToLeafId").astype(np.int64)
    count = features.count
    marks = splits if count or not len(steps) else splits[splits != 0]
    if len(marks) and (marks.min() < 0 or marks.max() >= count):
        raise NativeFileError(f"has a split that is none of its {count}", where="TreeSplits")
    weights = cast(Floats, trees.vector(9, "<f8", "LeafWeights"))
    if len(steps):
        leaves = _check_nodes(steps, leaf_of_node, sizes, expected, outputs)
        if not count and (steps["left"].any() or steps["right"].any()):
            raise NativeFileError("has splits and no features", where="NonSymmetricStepNodes")
    else:
        if len(leaf_of_node) or (len(sizes) and sizes.max() > _MOST_LEVELS):
            raise NativeFileError(f"has trees of more than {_MOST_LEVELS} levels", where="TreeSizes")
        leaves = int((2**sizes).sum())
    if len(leaf_values) != leaves * outputs or len(weights) not in (0, leaves):
        raise NativeFileError(f"has {len(leaf_values)} values for {leaves} leaves", where="LeafValues")
    bins = trees.vector(17, _BIN, "RepackedBins")
    if len(bins) and not np.array_equal(bins, features.pack(splits).astype(_BIN)):
        raise NativeFileError("has splits that it packs otherwise", where="RepackedBins")
    scale, bias = trees.number(14, "double", 1), trees.vector(16, "<f8", "MultiBias").astype(np.float64)
    if not len(bias):
        bias = np.full(outputs, trees.number(15, "double"))
    if len(bias) != outputs:
        raise NativeFileError(f"has {len(bias)} biases for {outputs} outputs", where="MultiBias")
    return CatboostModel(
        outputs, scale, bias, features, splits, sizes, steps, leaf_of_node, leaf_values, weights.astype(np.float64)
    )


def _check_nodes(steps: npt.NDArray[np.void], leaf_of_node: Ints, sizes: Ints, starts: Ints, outputs: int) -> int:
    """The number of leaves of trees of any shape; each node leads forward, within its tree, and has one parent."""
    where, nodes = "NonSymmetricStepNodes", len(steps)
    if len(leaf_of_node) != nodes or starts[-1] != nodes or (sizes < 1).any():
        raise NativeFileError("has arrays of different lengths", where=where)
    own, end = np.arange(nodes), np.repeat(starts[1:], sizes)
    children, parents = [], []
    for side in ("left", "right"):
        far = steps[side].astype(np.int64)
        if (own + far >= end).any():
            raise NativeFileError("has a child that is none of its nodes", where=where)
        children.append((own + far)[far > 0])
        parents.append(own[far > 0])
    reached = np.bincount(np.concatenate(children), minlength=nodes)
    reached[starts[:-1]] += 1
    if (reached != 1).any():
        raise NativeFileError("has a node with two parents, or none", where=where)
    depth = np.zeros(nodes, np.int64)
    level = starts[:-1]
    links = {side: steps[side].astype(np.int64) for side in ("left", "right")}
    for _ in range(DEEPEST):
        level = np.concatenate([level[far[level] > 0] + far[level][far[level] > 0] for far in links.values()])
        if not len(level):
            break
        depth[level] += 1
    else:
        raise NativeFileError(f"has a path of more than {DEEPEST} nodes", where=where)
    answers = (links["left"] == 0) | (links["right"] == 0)
    where = "NonSymmetricNodeIdToLeafId"
    if (leaf_of_node[~answers] != _NO_LEAF).any():
        raise NativeFileError("has values in nodes that do not answer", where=where)
    tree = np.repeat(np.arange(len(sizes)), sizes)[answers]
    places = leaf_of_node[answers]
    order = np.lexsort((places, tree))
    if not np.array_equal(places[order], outputs * np.arange(len(places))):
        raise NativeFileError("has leaves whose values are not there", where=where)
    return len(places)


def _read_info(core: Table, outputs: int) -> dict[str, str]:
    """Texts about the model, some of them JSON."""
    seen: dict[bytes, bytes] = {}
    for pair in core.tables(2, "InfoMap"):
        pair.check_fields(2)
        key, value = pair.text(0, f"{pair.where}, key"), pair.text(1, f"{pair.where}, value")
        if key is None or value is None or key in seen:
            raise NativeFileError("has a text without a name, or two of one name", where=pair.where)
        seen[key] = value
        if value.lstrip()[:1] in (b"{", b"["):
            check_depth(value, _INFO_DEPTH, f"InfoMap, {key[:40].decode('utf-8', 'replace')}")
        if key == b"class_params":
            _check_classes(value, outputs)
    return {key.decode("utf-8", "replace"): value.decode("utf-8", "replace") for key, value in seen.items()}


def _check_classes(value: bytes, outputs: int) -> None:
    where = "InfoMap, class_params"
    try:
        found = json.loads(value)
    except (ValueError, RecursionError) as error:
        raise NativeFileError("has classes that are not JSON", where=where) from error
    lists = [found.get(name) for name in ("class_names", "class_to_label")] if isinstance(found, dict) else []
    counts = [len(names) if isinstance(names, list) else -1 for names in lists]
    enough = [count >= max(outputs, 2) for count in counts]
    if not any(enough) or not all(fits or not count for fits, count in zip(enough, counts, strict=True)):
        raise NativeFileError(f"has no names for the classes of its {outputs} outputs", where=where)
