"""Read LightGBM and XGBoost models from the text that they save, at full precision.

Neither library is imported. The formats: LightGBM's v4 text (`Booster.model_to_string`), XGBoost's JSON schema.
"""

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mlops_assets.trees.arrays import Space
from mlops_assets.trees.builder import TreeBuilder, category_bits, name_boosted_outputs, unreadable
from mlops_assets.trees.ensemble import CATEGORICAL, MISSING_LEFT, ZERO_IS_MISSING, TreeEnsemble

# --- LightGBM ---------------------------------------------------------------------------------------------------------

_LIGHTGBM_SPACES: dict[str, Space] = {
    "binary": "log-odds",
    "multiclass": "softmax margin",
    "multiclassova": "log-odds",
    "cross_entropy": "log-odds",
    "poisson": "log",
    "gamma": "log",
    "tweedie": "log",
    "cross_entropy_lambda": "margin",
}


def read_lightgbm_model(model: Any) -> TreeEnsemble:
    """LGBMModel: its booster, with the labels of its classes."""
    if not model.__sklearn_is_fitted__():
        raise unreadable(model, "the model is not fitted", "Fit it")
    return read_lightgbm(model.booster_, getattr(model, "classes_", None))


def read_lightgbm(booster: Any, classes: Sequence[object] | None = None) -> TreeEnsemble:
    """A Booster, up to its best iteration where it has one (as `predict` does)."""
    header, *trees = booster.model_to_string().split("\nend of trees")[0].split("\nTree=")
    about = _keys(header)
    width, n = int(about["num_tree_per_iteration"]), int(about["max_feature_idx"]) + 1
    share = width / len(trees) if "average_output" in header.split("\n") else 1.0
    builder = TreeBuilder()
    for index, text in enumerate(trees):
        _add_lightgbm(builder, booster, _keys(text), index % width, share)
    outputs, space, scale = lightgbm_outputs(about.get("objective", "custom"), width, classes)
    return builder.build(offset=0.0, outputs=outputs, space=space, n_features=n, sigmoid_scale=scale)


def lightgbm_outputs(
    objective: str, width: int, classes: Sequence[object] | None
) -> tuple[list[object], Space, float | None]:
    """The outputs, their space and, where a probability is the sigmoid of a multiple of the margin, the factor.

    Parameters
    ----------
    objective
        As LightGBM writes it, with its settings.
    """
    name, *settings = objective.split()
    space = _LIGHTGBM_SPACES.get(name, "identity")
    sigmoid = [float(setting.partition(":")[2]) for setting in settings if setting.startswith("sigmoid:")]
    scale = sigmoid[0] if space == "log-odds" and sigmoid and sigmoid[0] != 1 else None
    if "sqrt" in settings or scale is not None:
        space = "margin"
    if name == "custom" and classes is not None:
        # Only who wrote the loss knows what the scores of its classes are; of a regression they are the prediction.
        space = "margin"
    if classes is None:
        classes = (0, 1) if name == "binary" else range(width) if width > 1 else None
    return name_boosted_outputs(classes, width), space, scale


def _keys(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.split("\n") if "=" in line)


def _add_lightgbm(builder: TreeBuilder, booster: object, tree: dict[str, str], output: int, share: float) -> None:
    def numbers(key: str, dtype: npt.DTypeLike = np.int64) -> npt.NDArray[Any]:
        return np.array(tree.get(key, "").split(), dtype)

    if tree.get("is_linear", "0") != "0":
        raise unreadable(booster, "its leaves hold linear models", "Train it with linear_tree=False")
    leaves, flags = int(tree["num_leaves"]), numbers("decision_type")
    feature, threshold = numbers("split_feature"), numbers("threshold", np.float64)
    children = [
        np.where(child >= 0, child, leaves - 2 - child) for child in (numbers("left_child"), numbers("right_child"))
    ]
    missing = (flags >> 2) & 3  # 0: NaN is taken for zero, 1: zero and NaN are missing, 2: NaN is missing
    missing_left = np.where(missing == 0, threshold >= 0, flags & 2 != 0)
    decision = np.where(missing_left, MISSING_LEFT, 0) | np.where(missing == 1, ZERO_IS_MISSING, 0)
    boundary, words = numbers("cat_boundaries"), numbers("cat_threshold", np.uint32)
    for node in np.flatnonzero(flags & 1):
        category_set = int(threshold[node])
        threshold[node] = builder.add_category_set(words[boundary[category_set] : boundary[category_set + 1]])
        decision[node] = CATEGORICAL
    none = np.full(leaves, -1)
    count = [numbers("internal_count", np.float64), numbers("leaf_count", np.float64)]
    builder.add_tree(
        left=np.concatenate([children[0], none]),
        right=np.concatenate([children[1], none]),
        feature=np.concatenate([feature, none]),
        threshold=np.concatenate([threshold, none]),
        decision=np.concatenate([decision, none]),
        cover=np.concatenate(count) if leaves > 1 else np.ones(1),
        value=np.concatenate([np.zeros(leaves - 1), share * numbers("leaf_value", np.float64)])[:, None],
        output=output,
    )


# --- XGBoost ----------------------------------------------------------------------------------------------------------

_XGBOOST_SPACES: dict[str, Space] = {
    "binary:logistic": "log-odds",
    "binary:logitraw": "log-odds",
    "reg:logistic": "log-odds",
    "multi:softmax": "softmax margin",
    "multi:softprob": "softmax margin",
    "count:poisson": "log",
    "reg:gamma": "log",
    "reg:tweedie": "log",
    "survival:cox": "log",
    "survival:aft": "log",
    "binary:hinge": "margin",
}


def xgboost_space(booster: Any) -> Space:
    """The scale of a Booster's margins, by its objective."""
    return _xgboost_space(json.loads(booster.save_config())["learner"]["objective"]["name"])


def _xgboost_space(objective: str) -> Space:
    return _XGBOOST_SPACES.get(objective, "identity")


def read_xgboost_model(model: Any) -> TreeEnsemble | None:
    """XGBModel: the booster up to the best iteration (as `predict` does), labels and the mark for missing values."""
    if not model.__sklearn_is_fitted__():
        raise unreadable(model, "the model is not fitted", "Fit it")
    booster = model.get_booster()
    if booster.attr("best_iteration") is not None:
        booster = booster[: int(booster.attr("best_iteration")) + 1]
    return read_xgboost(booster, getattr(model, "classes_", None), model.missing)


def read_xgboost(
    booster: Any, classes: Sequence[object] | None = None, missing: float = math.nan
) -> TreeEnsemble | None:
    """A Booster with all its trees; None where it is linear."""
    learner = json.loads(booster.save_raw("json"))["learner"]
    gradient_booster, about = learner["gradient_booster"], learner["learner_model_param"]
    if gradient_booster["name"] == "gblinear":
        return None
    scale = np.array(gradient_booster.get("weight_drop", []), np.float32).astype(np.float64).tolist()
    forest = gradient_booster.get("gbtree", gradient_booster)["model"]
    builder = TreeBuilder()
    for index, (tree, output) in enumerate(zip(forest["trees"], forest["tree_info"], strict=True)):
        _add_xgboost(builder, tree, output, scale[index] if scale else 1.0)
    width = max(int(about["num_class"]), int(about["num_target"]), 1)
    outputs, space = xgboost_outputs(learner["objective"]["name"], width, classes)
    return builder.build(
        offset=xgboost_offset(learner),
        outputs=outputs,
        space=space,
        n_features=int(about["num_feature"]),
        float32_inputs=True,
        missing=missing,
    )


def xgboost_outputs(objective: str, width: int, classes: Sequence[object] | None) -> tuple[list[object], Space]:
    """The outputs, and their space."""
    space = _xgboost_space(objective)
    if classes is None:
        classes = (0, 1) if space == "log-odds" and width == 1 else range(width) if width > 1 else None
    return name_boosted_outputs(classes, width), space


def xgboost_offset(learner: Any) -> npt.NDArray[np.float64]:
    """(outputs,) or (1,): the margin from which a model starts, from the `learner` of its JSON."""
    start = np.array(json.loads(learner["learner_model_param"]["base_score"]), np.float64).ravel()
    objective = learner["objective"]["name"]
    if objective in ("binary:logistic", "reg:logistic"):
        return _log_odds(start)
    return np.log(start) if _xgboost_space(objective) == "log" else start


def _log_odds(start: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    # XGBoost 3.2 moves a base score of all or nothing away from there, in single precision.
    single, edge = start.astype(np.float32), np.float32(1e-6)
    clipped = np.clip(single, edge, 1 - edge)
    with np.errstate(divide="ignore", invalid="ignore"):
        at_the_edge = -np.log(1 / clipped - 1)
        return np.where((single < edge) | (single >= 1 - edge), at_the_edge, np.log(start / (1 - start)))


def _add_xgboost(builder: TreeBuilder, tree: dict[str, Any], output: int, scale: float) -> None:
    left, right = np.array(tree["left_children"]), np.array(tree["right_children"])
    condition = np.array(tree["split_conditions"], np.float32).astype(np.float64)
    width = int(tree["tree_param"]["size_leaf_vector"] or 1)
    if width <= 1:
        value = condition[:, None].copy()
    else:
        # The field of a leaf's right child holds its position in the table of leaf vectors.
        table = np.array(tree["leaf_weights"], np.float32).astype(np.float64).reshape(-1, width)
        value = np.where(left[:, None] < 0, table[np.where(left < 0, right, 0)], 0.0)
    threshold = np.nextafter(condition, -np.inf)  # XGBoost goes left where x < condition
    decision = np.where(np.array(tree["default_left"]) != 0, MISSING_LEFT, 0)
    segments, sizes = tree["categories_segments"], tree["categories_sizes"]
    for node, first, size in zip(tree["categories_nodes"], segments, sizes, strict=True):
        # Listed categories go right in XGBoost, left in a `TreeEnsemble`.
        left[node], right[node] = right[node], left[node]
        threshold[node] = builder.add_category_set(category_bits(tree["categories"][first : first + size]))
        decision[node] = CATEGORICAL | (MISSING_LEFT ^ decision[node])
    # All numbers are floats in XGBoost, whatever their decimal digits say.
    cover = np.array(tree["sum_hessian"], np.float32)
    builder.add_tree(left, right, tree["split_indices"], threshold, decision, cover, scale * value, output)
