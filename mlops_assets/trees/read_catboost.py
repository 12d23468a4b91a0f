"""Read CatBoost models from their JSON export."""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mlops_assets.trees.arrays import Floats, Ints, Space
from mlops_assets.trees.builder import TreeBuilder, name_boosted_outputs, unreadable
from mlops_assets.trees.ensemble import MISSING_LEFT, TreeEnsemble

_CATBOOST_SPACES: dict[str, Space] = {
    "Logloss": "log-odds",
    "CrossEntropy": "log-odds",
    "Focal": "log-odds",
    "MultiClass": "softmax margin",
    "MultiClassOneVsAll": "log-odds",
    "MultiLogloss": "log-odds",
    "MultiCrossEntropy": "log-odds",
    "Poisson": "log",
    "Tweedie": "log",
    "RMSEWithUncertainty": "margin",  # the mean, and the logarithm of the standard deviation
}


def catboost_space(model: Any) -> Space:
    """The scale of a fitted model's raw values (``RawFormulaVal``), by its loss function."""
    return space_of_loss(str(model.get_all_params().get("loss_function", "")).partition(":")[0])


def space_of_loss(loss: str) -> Space:
    """The scale of the raw values of a model that was trained with a loss."""
    return _CATBOOST_SPACES.get(loss, "identity")


def read_catboost(model: Any) -> TreeEnsemble | None:
    """A CatBoost model of numeric splits, its trees of any shape; None for another, which CatBoost itself explains."""
    if not model.is_fitted():
        raise unreadable(model, "the model is not fitted", "Fit it")
    saved = _export(model)
    if saved is None:
        return None
    trees = _read_trees(saved)
    if any(split["split_type"] != "FloatFeature" for tree in trees for split in tree.splits):
        return None
    floats = saved["features_info"].get("float_features", [])
    column = np.array([feature["flat_feature_index"] for feature in floats], np.int64)
    # CatBoost goes right where x > border, with a missing value taken for the smallest or the largest number.
    missing_left = np.array([feature["nan_value_treatment"] != "AsTrue" for feature in floats], np.bool_)
    scale, bias = saved["scale_and_bias"]
    bias = np.atleast_1d(np.asarray(bias, np.float64))
    builder = TreeBuilder()
    for tree in trees:
        float_feature = np.array([split["float_feature_index"] for split in tree.splits], np.int64)
        none = np.full(len(tree.weights), -1)
        inner = len(tree.splits)
        cover = np.concatenate([np.zeros(inner), tree.weights])
        for node in range(inner - 1, -1, -1):
            cover[node] = cover[tree.left[node]] + cover[tree.right[node]]
        if inner and not cover[0]:
            raise unreadable(model, "its leaves have no weights", "Save it with CatBoost's own save_model (cbm)")
        value = tree.values.reshape(len(none), len(bias)) * scale
        builder.add_tree(
            left=np.concatenate([tree.left, none]),
            right=np.concatenate([tree.right, none]),
            feature=np.concatenate([column[float_feature], none]),
            threshold=np.concatenate([[split["border"] for split in tree.splits], none]),
            decision=np.concatenate([np.where(missing_left[float_feature], MISSING_LEFT, 0), none]),
            cover=cover,
            value=np.concatenate([np.zeros((inner, len(bias))), value]),
        )
    labels = list(model.classes_) if len(model.classes_) else None
    return builder.build(
        offset=bias,
        outputs=name_boosted_outputs(labels, len(bias)),
        space=catboost_space(model),
        n_features=len(model.feature_names_),
        float32_inputs=True,
    )


def counts_given_rows(model: Any) -> bool:
    """Whether CatBoost 1.2.10 weighs the leaves by the rows that it explains, and not by its training rows.

    It does where a leaf without training rows has a value, as monotone constraints give it: its ``ShapValues`` of a row
    then depend on the rows beside it.
    """
    saved = _export(model)
    if saved is None:
        return bool(model.get_all_params().get("monotone_constraints"))
    return any(
        bool((tree.values.reshape(len(tree.weights), -1)[tree.weights == 0] != 0).any()) for tree in _read_trees(saved)
    )


def _export(model: Any) -> Any | None:
    """The model as CatBoost writes it into JSON; None where it has texts or embeddings, of which it writes none."""
    if model.get_text_feature_indices() or model.get_embedding_feature_indices():
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.json"
        model.save_model(str(path), format="json")
        return json.loads(path.read_text())


def _read_trees(saved: Any) -> "list[_Tree]":
    if "oblivious_trees" in saved:
        return [_grow(tree) for tree in saved["oblivious_trees"]]
    return [_flatten(tree) for tree in saved["trees"]]


@dataclass(frozen=True)
class _Tree:
    """A tree whose inner nodes come before its leaves, parents before their children.

    Attributes
    ----------
    splits
        Of the inner nodes, as CatBoost writes them.
    left, right
        (inner nodes,): their children.
    weights, values
        (leaves,) and (leaves * outputs,).
    """

    splits: list[Any]
    left: Ints
    right: Ints
    weights: Floats
    values: Floats


def _grow(saved: Any) -> _Tree:
    """A symmetric tree, which is written level by level: node i has children 2 i + 1 and 2 i + 2.

    CatBoost's first split is the lowest bit of a leaf's number, so it is the bottom level here.
    """
    levels = (saved["splits"] or [])[::-1]
    inner = np.arange(2 ** len(levels) - 1)
    return _Tree(
        splits=[split for depth, split in enumerate(levels) for _ in range(2**depth)],
        left=2 * inner + 1,
        right=2 * inner + 2,
        weights=np.asarray(saved["leaf_weights"], np.float64),
        values=np.asarray(saved["leaf_values"], np.float64),
    )


def _flatten(saved: Any) -> _Tree:
    """A tree of any shape (`Depthwise`, `Lossguide`), which is written as nodes within nodes."""
    inner: list[Any] = []
    leaves: list[Any] = []
    waiting = [saved]
    for node in waiting:  # grows meanwhile
        (inner if "split" in node else leaves).append(node)
        waiting += [node["left"], node["right"]] if "split" in node else []
    place = {id(node): number for number, node in enumerate([*inner, *leaves])}
    return _Tree(
        splits=[node["split"] for node in inner],
        left=np.array([place[id(node["left"])] for node in inner], np.int64),
        right=np.array([place[id(node["right"])] for node in inner], np.int64),
        weights=np.array([node["weight"] for node in leaves], np.float64),
        values=np.array([node["value"] for node in leaves], np.float64).ravel(),
    )
