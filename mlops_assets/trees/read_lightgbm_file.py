"""From the checked arrays of a LightGBM model file to an ensemble whose leaves are as the file has them."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mlops_assets.trees.builder import TreeBuilder
from mlops_assets.trees.ensemble import CATEGORICAL, MISSING_LEFT, ZERO_IS_MISSING, TreeEnsemble
from mlops_assets.trees.errors import UnreadableTreesError
from mlops_assets.trees.files.lightgbm_text import LightgbmModel
from mlops_assets.trees.read_boosters import lightgbm_outputs


def to_ensemble(model: LightgbmModel) -> TreeEnsemble:
    """The trees, one leaf after the other, in the order in which LightGBM adds them; the space is that of the sum.

    Raises
    ------
    UnreadableTreesError
        A tree has linear models in its leaves, or there is none.
    """
    if model.linear.any():
        raise UnreadableTreesError("Its leaves hold linear models", where="LightGBM")
    return _read(model)


def to_leaf_numbers(model: LightgbmModel) -> TreeEnsemble:
    """The trees, each an output of its own, whose value is the number of the leaf among those of its tree.

    Raises
    ------
    UnreadableTreesError
        There are none.
    """
    ensemble = _read(model)
    count = len(model.leaves)
    # A tree's splits come before its leaves.
    numbers = np.concatenate([np.arange(1 - leaves, leaves) for leaves in model.leaves.tolist()])
    return replace(
        ensemble,
        value=np.maximum(numbers, 0).astype(np.float64)[:, None],
        tree_output=np.arange(count, dtype=np.int64),
        offset=np.zeros(count),
        outputs=tuple(map(str, range(count))),
    )


def _read(model: LightgbmModel) -> TreeEnsemble:
    if not len(model.leaves):
        raise UnreadableTreesError("It has no trees", where="LightGBM")
    builder = TreeBuilder()
    split = leaf = category_set = word = 0
    for tree, leaves in enumerate(model.leaves.tolist()):
        at = slice(split, split + leaves - 1)
        flags, threshold = model.decision[at].astype(np.int64), model.threshold[at].copy()
        missing = (flags >> 2) & 3  # 0: NaN is taken for zero, 1: zero and NaN are missing, 2: NaN is missing
        missing_left = np.where(missing == 0, threshold >= 0, flags & 2 != 0)
        decision = np.where(missing_left, MISSING_LEFT, 0) | np.where(missing == 1, ZERO_IS_MISSING, 0)
        places: list[int] = []
        for size in model.set_words[category_set : category_set + int(model.category_sets[tree])].tolist():
            places.append(builder.add_category_set(model.words[word : word + size]))
            word += size
        category_set += len(places)
        for node in np.flatnonzero(flags & 1).tolist():
            threshold[node], decision[node] = places[int(threshold[node])], CATEGORICAL
        children = [side[at].astype(np.int64) for side in (model.left, model.right)]
        left, right = (np.where(child >= 0, child, leaves - 2 - child) for child in children)
        none = np.full(leaves, -1)
        value = np.concatenate([np.zeros(leaves - 1), model.leaf_value[leaf : leaf + leaves]])
        cover = np.concatenate([model.internal_count[at], model.leaf_count[leaf : leaf + leaves]])
        builder.add_tree(
            left=np.concatenate([left, none]),
            right=np.concatenate([right, none]),
            feature=np.concatenate([model.split_feature[at], none]),
            threshold=np.concatenate([threshold, none]),
            decision=np.concatenate([decision, none]),
            cover=cover,
            value=value[:, None],
            output=tree % model.num_class,
        )
        split, leaf = split + leaves - 1, leaf + leaves
    return builder.build(
        offset=0.0, outputs=range(model.num_class), space="identity", n_features=len(model.feature_names)
    )


def to_margin(model: LightgbmModel, classes: Sequence[object] | None = None) -> TreeEnsemble:
    """The trees as `read_boosters.read_lightgbm` reads them from a Booster."""
    outputs, space, scale = lightgbm_outputs(model.objective or "custom", model.num_class, classes)
    ensemble = to_ensemble(model)
    share = model.num_class / len(model.leaves) if model.average_output else 1.0
    return replace(
        ensemble,
        value=share * ensemble.value,
        outputs=tuple(map(str, outputs)),
        space=space,
        sigmoid_scale=scale,
    )
