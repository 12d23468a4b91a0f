"""Predictions from checked arrays alone, slowly and plainly: what a library must answer as well."""

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlops_assets.trees.files.catboost_cbm import CatboostModel
from mlops_assets.trees.files.lightgbm_text import LightgbmModel
from mlops_assets.trees.files.onnx_trees import MODES, OnnxTrees
from mlops_assets.trees.files.xgboost_model import XgboostModel, XgboostTrees
from mlops_assets.trees.read_boosters import xgboost_offset

Answers = NDArray[np.float64]


def answer_lightgbm(model: LightgbmModel, rows: Answers) -> tuple[Answers, Answers]:
    """(rows, outputs): raw scores, and the sum of what was added, without signs."""
    answers = np.zeros((len(rows), model.num_class))
    size = np.zeros_like(answers)
    split = leaf = sets = words = linear_leaf = linear_at = 0
    for tree, leaves in enumerate(model.leaves.tolist()):
        count = model.category_sets[tree]
        bounds = words + np.concatenate([[0], np.cumsum(model.set_words[sets : sets + count])])
        ends = np.zeros(len(rows), np.int64) if leaves > 1 else np.full(len(rows), -1)
        while (inside := ends >= 0).any():
            node = split + ends[inside]
            value = rows[inside, model.split_feature[node]]
            left = _goes_left(model, node, value, bounds)
            ends[inside] = np.where(left, model.left[node], model.right[node])
        chosen = -1 - ends
        value = model.leaf_value[leaf + chosen].copy()
        if model.linear[tree]:
            starts = linear_at + np.concatenate(
                [[0], np.cumsum(model.linear_counts[linear_leaf : linear_leaf + leaves])]
            )
            for row, at in enumerate(chosen):
                terms = slice(starts[at], starts[at + 1])
                inputs = rows[row, model.linear_feature[terms]]
                if not np.isnan(inputs).any():
                    products = np.float64(model.leaf_const[linear_leaf + at])
                    value[row] = products + (model.linear_coefficient[terms] * inputs).sum()
            linear_leaf, linear_at = linear_leaf + leaves, starts[-1]
        answers[:, tree % model.num_class] += value
        size[:, tree % model.num_class] += np.abs(value)
        split, leaf, sets, words = split + leaves - 1, leaf + leaves, sets + count, bounds[-1]
    return answers, size


def _goes_left(model: LightgbmModel, node: NDArray[Any], value: Answers, bounds: NDArray[Any]) -> NDArray[np.bool_]:
    decision, threshold = model.decision[node], model.threshold[node]
    missing = decision >> 2 & 3
    filled = np.where(np.isnan(value) & (missing != 2), 0, value)
    default = ((missing == 1) & (np.abs(filled) <= np.float32(1e-35))) | ((missing == 2) & np.isnan(filled))
    left = np.where(default, decision & 2 != 0, filled <= threshold)
    for place in np.flatnonzero(decision & 1):
        start, stop = bounds[int(threshold[place])], bounds[int(threshold[place]) + 1]
        known = -1 < value[place] < 32 * (stop - start)
        code = int(value[place]) if known else 0
        left[place] = known and bool(model.words[start + code // 32] >> (code % 32) & 1)
    return left


def answer_xgboost(model: XgboostModel, rows: Answers) -> tuple[Answers, Answers]:
    """(rows, outputs): margins, and the sum of what was added, without signs."""
    learner = {
        "learner_model_param": {"base_score": json.dumps(model.base_score.tolist())},
        "objective": {"name": model.objective},
    }
    answers = np.zeros((len(rows), model.outputs)) + xgboost_offset(learner)
    size = np.abs(answers)
    rows = rows.astype(np.float32).astype(np.float64)
    if model.trees is None:
        weights = model.weights if model.weights is not None else np.zeros((0, 0))
        terms = np.nan_to_num(rows)[:, :, None] * weights[None, :-1]
        return answers + terms.sum(axis=1) + weights[-1], size + np.abs(terms).sum(axis=1) + np.abs(weights[-1])
    trees = model.trees
    node = vectors = categorical = category = 0
    for tree, nodes in enumerate(trees.nodes.tolist()):
        own = trees.category_nodes[tree]
        bounds = category + np.concatenate([[0], np.cumsum(trees.category_sizes[categorical : categorical + own])])
        ends = np.full(len(rows), node)
        while (inside := trees.left[ends] >= 0).any():
            at = ends[inside]
            left = _goes_left_xgboost(trees, at, rows[inside, trees.feature[at]], node, nodes, bounds)
            ends[inside] = node + np.where(left, trees.left[at], trees.right[at])
        if len(trees.leaf_values):
            table = trees.leaf_values.reshape(-1, model.outputs)
            value = table[vectors + trees.right[ends]].astype(np.float64)
            answers += value
            size += np.abs(value)
            vectors += int((trees.left[node : node + nodes] < 0).sum())
        else:
            scale = 1.0 if trees.tree_scale is None else trees.tree_scale[tree]
            value = scale * trees.condition[ends].astype(np.float64)
            answers[:, trees.tree_output[tree]] += value
            size[:, trees.tree_output[tree]] += np.abs(value)
        node, categorical, category = node + nodes, categorical + own, bounds[-1]
    return answers, size


def _goes_left_xgboost(
    trees: XgboostTrees, at: NDArray[Any], value: Answers, start: int, nodes: int, bounds: NDArray[Any]
) -> NDArray[np.bool_]:
    missing = np.isnan(value)
    left = np.where(missing, trees.default_left[at], value < trees.condition[at])
    ordered = np.flatnonzero(trees.categorical[start : start + nodes])
    for place in np.flatnonzero(trees.categorical[at] & ~missing):
        number = int(np.searchsorted(ordered, at[place] - start))
        chosen = trees.categories[bounds[number] : bounds[number + 1]]
        valid = 0 <= value[place] < 1 << 24
        left[place] = not valid or int(value[place]) not in chosen
    return left


def answer_catboost(model: CatboostModel, rows: Answers) -> tuple[Answers, Answers] | None:
    """(rows, outputs): raw values, and the sum of what was added, without signs; None where it has categories."""
    features = model.features
    if features.one_hot or features.statistics:
        return None
    over = []
    for column, missing, borders in zip(features.columns, features.missing, features.borders, strict=True):
        value = rows[:, column].astype(np.float32)
        lost = np.isnan(value)
        value[lost] = -np.inf if missing == 1 else np.inf if missing == 2 else np.nan
        over += [value > border for border in borders]
    right = np.stack(over, axis=1) if over else np.zeros((len(rows), 1), bool)
    answers, size = np.zeros((len(rows), model.outputs)), np.zeros((len(rows), model.outputs))
    table = model.leaf_values.reshape(-1, model.outputs)
    start = leaf = 0
    for count in model.sizes.tolist():
        if len(model.steps):
            ends = np.full(len(rows), start)
            while True:
                goes = right[np.arange(len(rows)), np.minimum(model.splits[ends], right.shape[1] - 1)]
                far = np.where(goes, model.steps["right"][ends], model.steps["left"][ends])
                if not far.any():
                    break
                ends = ends + far
            value = table[model.leaf_of_node[ends] // model.outputs]
        else:
            place = sum(
                right[:, split].astype(int) << bit for bit, split in enumerate(model.splits[start : start + count])
            )
            value = table[leaf + place + np.zeros(len(rows), int)]
            leaf += 1 << count
        answers, size, start = answers + value, size + np.abs(value), start + count
    return model.scale * answers + model.bias, np.abs(model.scale) * size + np.abs(model.bias)


def answer_onnx(model: OnnxTrees, rows: Answers) -> tuple[Answers, Answers]:
    """(rows, outputs): the sums of the trees, before any transformation; and of what was added, without signs."""
    compare = {
        **{b"BRANCH_LEQ": np.less_equal, b"BRANCH_LT": np.less, b"BRANCH_GTE": np.greater_equal},
        **{b"BRANCH_GT": np.greater, b"BRANCH_EQ": np.equal, b"BRANCH_NEQ": np.not_equal},
    }
    answers = np.zeros((len(rows), model.outputs)) + (model.base_values if len(model.base_values) else 0)
    size, given = np.abs(answers), rows.astype(np.float32)
    for root in np.setdiff1d(np.arange(len(model.tree)), np.concatenate([model.yes, model.no])):
        for row, values in enumerate(given):
            at = root
            while model.mode[at]:
                value = values[model.feature[at]]
                yes = compare[MODES[model.mode[at]]](value, model.value[at])
                at = model.yes[at] if yes or (np.isnan(value) and model.missing_yes[at]) else model.no[at]
            here = model.leaf == at
            np.add.at(answers[row], model.output[here], model.weight[here])
            np.add.at(size[row], model.output[here], np.abs(model.weight[here]))
    return answers, size
