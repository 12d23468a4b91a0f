"""Read CatBoost models from their JSON export."""

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from mlops_assets.trees.arrays import Space
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
    loss = str(model.get_all_params().get("loss_function", "")).partition(":")[0]
    return _CATBOOST_SPACES.get(loss, "identity")


def read_catboost(model: Any) -> TreeEnsemble | None:
    """A CatBoost model of numeric splits on oblivious trees; None for any other, which CatBoost itself explains."""
    if not model.is_fitted():
        raise unreadable(model, "the model is not fitted", "Fit it")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.json"
        model.save_model(str(path), format="json")
        saved = json.loads(path.read_text())
    trees = saved.get("oblivious_trees")
    if trees is None or any(split["split_type"] != "FloatFeature" for tree in trees for split in tree["splits"] or ()):
        return None
    floats = saved["features_info"]["float_features"]
    column = np.array([feature["flat_feature_index"] for feature in floats])
    # CatBoost goes right where x > border, with a missing value taken for the smallest or the largest number.
    missing_left = np.array([feature["nan_value_treatment"] != "AsTrue" for feature in floats])
    scale, bias = saved["scale_and_bias"]
    bias = np.atleast_1d(np.asarray(bias, np.float64))
    builder = TreeBuilder()
    for tree in trees:
        splits = tree["splits"] or []
        leaves = 2 ** len(splits)
        # Heap order: node i has children 2 i + 1 and 2 i + 2. CatBoost's first split is the lowest bit of a leaf's
        # number, so it is the bottom level here.
        depth = np.floor(np.log2(np.arange(1, 2 * leaves))).astype(np.int64)
        inner = np.arange(leaves - 1)
        float_feature = np.array([split["float_feature_index"] for split in splits[::-1]], np.int64)[depth[inner]]
        border = np.array([split["border"] for split in splits[::-1]], np.float64)[depth[inner]]
        none = np.full(leaves, -1)
        cover = np.zeros(2 * leaves - 1)
        cover[leaves - 1 :] = tree["leaf_weights"]
        for node in inner[::-1]:
            cover[node] = cover[2 * node + 1] + cover[2 * node + 2]
        value = np.asarray(tree["leaf_values"], np.float64).reshape(leaves, len(bias)) * scale
        builder.add_tree(
            left=np.concatenate([2 * inner + 1, none]),
            right=np.concatenate([2 * inner + 2, none]),
            feature=np.concatenate([column[float_feature], none]),
            threshold=np.concatenate([border, none]),
            decision=np.concatenate([np.where(missing_left[float_feature], MISSING_LEFT, 0), none]),
            cover=cover,
            value=np.concatenate([np.zeros((leaves - 1, len(bias))), value]),
        )
    labels = list(model.classes_) if len(model.classes_) else None
    return builder.build(
        offset=bias,
        outputs=name_boosted_outputs(labels, len(bias)),
        space=catboost_space(model),
        n_features=len(model.feature_names_),
        float32_inputs=True,
    )
