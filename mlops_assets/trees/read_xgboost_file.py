"""From the checked arrays of an XGBoost model file to an ensemble whose leaves are as the file has them."""

import json
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mlops_assets.trees.builder import TreeBuilder, category_bits
from mlops_assets.trees.ensemble import CATEGORICAL, MISSING_LEFT, TreeEnsemble
from mlops_assets.trees.errors import UnreadableTreesError
from mlops_assets.trees.files.xgboost_model import XgboostModel
from mlops_assets.trees.read_boosters import xgboost_offset, xgboost_outputs


def to_ensemble(model: XgboostModel, iterations: int | None = None) -> TreeEnsemble:
    """The trees of the first iterations, None: of all; a row goes left where `x < threshold`.

    The offset is zero, and no tree is weighted.

    Raises
    ------
    UnreadableTreesError
        The model is linear, it has no trees, or the file does not say which trees are of which iteration.
    """
    trees = model.trees
    if trees is None or not len(trees.nodes):
        raise UnreadableTreesError("It has no trees", where="XGBoost")
    count = len(trees.nodes)
    if iterations is not None:
        if not 0 < iterations < len(trees.iteration_start):
            raise UnreadableTreesError(
                f"Its file does not say what the first {iterations} iterations are", where="XGBoost"
            )
        count = int(trees.iteration_start[iterations])
    vectors = len(trees.leaf_values) > 0
    builder = TreeBuilder()
    node = leaf = categorical_node = category = 0
    for tree, nodes in enumerate(trees.nodes[:count].tolist()):
        at = slice(node, node + nodes)
        left, right = trees.left[at].astype(np.int64), trees.right[at].astype(np.int64)
        is_leaf = left < 0
        threshold = trees.condition[at].astype(np.float64)
        if vectors:
            leaves = int(is_leaf.sum())
            table = trees.leaf_values[leaf : leaf + leaves * model.outputs].reshape(leaves, model.outputs)
            value = np.where(is_leaf[:, None], table[np.where(is_leaf, right, 0)], np.float32(0)).astype(np.float64)
            leaf += leaves * model.outputs
        else:
            value = threshold[:, None].copy()
        decision = np.where(trees.default_left[at], MISSING_LEFT, 0)
        for place in np.flatnonzero(trees.categorical[at]).tolist():
            size = int(trees.category_sizes[categorical_node])
            # Listed categories go right in XGBoost, left in a `TreeEnsemble`.
            left[place], right[place] = right[place], left[place]
            listed = trees.categories[category : category + size].tolist()
            threshold[place] = builder.add_category_set(category_bits(listed))
            decision[place] = CATEGORICAL | (MISSING_LEFT ^ decision[place])
            category, categorical_node = category + size, categorical_node + 1
        feature, cover = trees.feature[at], trees.cover[at]
        output = 0 if vectors else int(trees.tree_output[tree])
        builder.add_tree(left, right, feature, threshold, decision, cover, value, output)
        node += nodes
    return builder.build(offset=0.0, outputs=range(model.outputs), space="identity", n_features=model.columns)


def to_margin(
    model: XgboostModel, iterations: int | None = None, classes: Sequence[object] | None = None
) -> TreeEnsemble:
    """The trees as `read_boosters.read_xgboost` reads them from a Booster: a row goes left where `x <= threshold`."""
    ensemble = to_ensemble(model, iterations)
    numeric = (ensemble.left >= 0) & (ensemble.decision & CATEGORICAL == 0)
    value = ensemble.value
    if model.trees is not None and model.trees.tree_scale is not None:
        sizes = np.diff([*ensemble.roots.tolist(), len(value)])
        value = value * np.repeat(model.trees.tree_scale[: len(sizes)], sizes)[:, None]
    about = {
        "learner_model_param": {"base_score": json.dumps(model.base_score.tolist())},
        "objective": {"name": model.objective},
    }
    outputs, space = xgboost_outputs(model.objective, model.outputs, classes)
    return replace(
        ensemble,
        threshold=np.where(numeric, np.nextafter(ensemble.threshold, -np.inf), ensemble.threshold),
        value=value,
        offset=np.broadcast_to(xgboost_offset(about), (model.outputs,)).astype(np.float64),
        outputs=tuple(map(str, outputs)),
        space=space,
        float32_inputs=True,
        missing=math.nan,
    )
