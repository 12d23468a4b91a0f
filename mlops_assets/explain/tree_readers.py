"""How each library's fitted trees become a `TreeEnsemble`; none of the libraries is imported here.

LightGBM and XGBoost are read from the model text that they save (LightGBM v4 `model_to_string`, XGBoost JSON), CatBoost
from its JSON export, scikit-learn from the fitted attributes. All of them at full precision.
"""

import json
import math
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mlops_assets.errors import ExplanationError
from mlops_assets.explain.tree_ensembles import (
    CATEGORICAL,
    MISSING_LEFT,
    ZERO_IS_MISSING,
    Floats,
    Space,
    TreeEnsemble,
)

_Bits = npt.NDArray[np.uint32]


@dataclass
class _Grove:
    """Trees put one after the other."""

    columns: dict[str, list[npt.NDArray[Any]]] = field(default_factory=dict)
    roots: list[int] = field(default_factory=list)
    tree_output: list[int] = field(default_factory=list)
    sets: list[_Bits] = field(default_factory=list)
    nodes: int = 0

    def plant(
        self,
        left: npt.ArrayLike,
        right: npt.ArrayLike,
        feature: npt.ArrayLike,
        threshold: npt.ArrayLike,
        decision: npt.ArrayLike,
        cover: npt.ArrayLike,
        value: npt.NDArray[Any],
        output: int = 0,
    ) -> None:
        """Add a tree whose children are counted from its root, negative in leaves; `value` is (nodes, width)."""
        left, right = np.asarray(left, np.int64), np.asarray(right, np.int64)
        leaf = left < 0
        tree: dict[str, tuple[npt.ArrayLike, npt.DTypeLike]] = {
            "left": (np.where(leaf, -1, left + self.nodes), np.int32),
            "right": (np.where(leaf, -1, right + self.nodes), np.int32),
            "feature": (np.where(leaf, 0, feature), np.int32),
            "threshold": (np.where(leaf, 0, threshold), np.float64),
            "decision": (np.where(leaf, 0, decision), np.uint8),
            "cover": (cover, np.float64),
            "value": (value, np.float64),
        }
        for name, (array, dtype) in tree.items():
            self.columns.setdefault(name, []).append(np.asarray(array, dtype))
        self.roots.append(self.nodes)
        self.tree_output.append(output)
        self.nodes += len(left)

    def keep_set(self, bits: _Bits) -> int:
        """The index of a new category set."""
        self.sets.append(np.asarray(bits, np.uint32))
        return len(self.sets) - 1

    def grown(self, *, offset: npt.ArrayLike, outputs: Iterable[object], space: Space, n_features: int, **more: Any) -> TreeEnsemble:
        names = tuple(str(output) for output in outputs)
        return TreeEnsemble(
            roots=np.array(self.roots, np.int64),
            tree_output=np.array(self.tree_output, np.int64),
            offset=np.broadcast_to(np.asarray(offset, np.float64).ravel(), len(names)).copy(),
            outputs=names,
            space=space,
            n_features=n_features,
            set_start=np.concatenate([[0], np.cumsum([len(bits) for bits in self.sets], dtype=np.int64)]),
            set_words=np.concatenate([*self.sets, np.zeros(0, np.uint32)]),
            **{name: np.concatenate(parts) for name, parts in self.columns.items()},
            **more,
        )


def _refuse(model: object, what: str, fix: str | None = None) -> ExplanationError:
    return ExplanationError(f"The trees cannot be read exactly: {what}", where=type(model).__name__, fix=fix)


def _bits(categories: Iterable[int]) -> _Bits:
    """Categories as a bit set."""
    codes = np.asarray(sorted(categories), np.int64)
    words = np.zeros(int(codes.max(initial=-1)) // 32 + 1, np.uint32)
    np.bitwise_or.at(words, codes // 32, np.uint32(1) << (codes % 32).astype(np.uint32))
    return words


# --- scikit-learn -----------------------------------------------------------------------------------------------------


def _read_sklearn_trees(model: Any) -> TreeEnsemble:
    """Decision trees, and forests as the mean of theirs."""
    estimators = getattr(model, "estimators_", [model])
    if not hasattr(estimators[0], "tree_"):
        raise _refuse(model, "the model is not fitted", "Fit it")
    classes = getattr(model, "classes_", None)
    grove = _Grove()
    for estimator in estimators:
        tree = estimator.tree_
        if classes is None:
            value = tree.value[:, :, 0]
        else:
            several = classes if model.n_outputs_ > 1 else [classes]
            parts = [tree.value[:, output, : len(labels)] for output, labels in enumerate(several)]
            value = np.concatenate([part / part.sum(axis=1, keepdims=True) for part in parts], axis=1)
        _plant_sklearn(grove, tree, value / len(estimators))
    if classes is None:
        outputs: list[object] = list(range(model.n_outputs_))
    elif model.n_outputs_ > 1:
        outputs = [f"{output}:{label}" for output, labels in enumerate(classes) for label in labels]
    else:
        outputs = list(classes)
    space: Space = "identity" if classes is None else "probability"
    n = model.n_features_in_
    return grove.grown(offset=0.0, outputs=outputs, space=space, n_features=n, float32_inputs=True)


def _plant_sklearn(grove: _Grove, tree: Any, value: Floats, output: int = 0) -> None:
    left = tree.children_left.astype(np.int64)
    decision = np.where(tree.missing_go_to_left.astype(bool), MISSING_LEFT, 0)
    grove.plant(
        left, tree.children_right, tree.feature, tree.threshold, decision, tree.weighted_n_node_samples, value, output
    )


def _read_sklearn_boosting(model: Any) -> TreeEnsemble:
    """GradientBoosting*, whose initial estimator is a constant."""
    if not hasattr(model, "estimators_"):
        raise _refuse(model, "the model is not fitted", "Fit it")
    initial = type(model.init_).__name__
    if not (model.init_ == "zero" or initial in ("DummyRegressor", "DummyClassifier")):
        raise _refuse(model, f"its boosting starts from a {initial}, which is no constant", "Train it with init=None")
    grove = _Grove()
    for stage in model.estimators_:
        for output, estimator in enumerate(stage):
            _plant_sklearn(grove, estimator.tree_, model.learning_rate * estimator.tree_.value[:, 0, :], output)
    n = model.n_features_in_
    return grove.grown(
        offset=model._raw_predict_init(np.zeros((1, n), np.float32)),
        outputs=_boosted_outputs(getattr(model, "classes_", None), model.estimators_.shape[1]),
        space="identity" if not hasattr(model, "classes_") else "margin" if model.loss == "exponential" else "log-odds",
        n_features=n,
        float32_inputs=True,
    )


def _boosted_outputs(classes: Sequence[object] | None, width: int) -> list[object]:
    """One output per class; of two classes only the second."""
    if classes is None or len(classes) not in (2, width):
        return list(range(width)) if classes is not None or width > 1 else ["0"]
    return [classes[1]] if width == 1 else list(classes)


def _read_sklearn_histogram(model: Any) -> TreeEnsemble:
    """HistGradientBoosting*, with missing values and categories."""
    if not hasattr(model, "_predictors"):
        raise _refuse(model, "the model is not fitted", "Fit it")
    n = model.n_features_in_
    column, encodings = np.arange(n), {}
    if model.is_categorical_ is not None:
        # The model's own preprocessing moves the categorical columns to the front and numbers their values.
        column = np.concatenate([np.flatnonzero(model.is_categorical_), np.flatnonzero(~model.is_categorical_)])
        encoder = model._preprocessor.named_transformers_["encoder"]
        for position, known in enumerate(encoder.categories_):
            if not np.issubdtype(np.asarray(known).dtype, np.number):
                raise _refuse(model, f"column {column[position]} holds categories that are not numbers")
            finite = np.asarray(known, np.float64)
            encodings[int(column[position])] = finite[~np.isnan(finite)]
    known_bits, known_row = model._bin_mapper.make_known_categories_bitsets()
    grove = _Grove()
    for stage in model._predictors:
        for output, predictor in enumerate(stage):
            nodes = predictor.nodes
            leaf = nodes["is_leaf"].astype(bool)
            left, right = (np.where(leaf, -1, nodes[side].astype(np.int64)) for side in ("left", "right"))
            threshold = nodes["num_threshold"].copy()
            decision = np.where(nodes["missing_go_to_left"].astype(bool), MISSING_LEFT, 0)
            for node in np.flatnonzero(nodes["is_categorical"].astype(bool) & ~leaf):
                bits = predictor.raw_left_cat_bitsets[nodes["bitset_idx"][node]]
                if decision[node]:
                    # Unknown values follow the missing ones, here to the left: so the set is the right side's.
                    bits = known_bits[known_row[nodes["feature_idx"][node]]] & ~bits
                    left[node], right[node] = right[node], left[node]
                threshold[node], decision[node] = grove.keep_set(bits), CATEGORICAL
            feature = column[nodes["feature_idx"]]
            grove.plant(left, right, feature, threshold, decision, nodes["count"], nodes["value"][:, None], output)
    classes = getattr(model, "classes_", None)
    space: Space = "log-odds" if classes is not None else "log" if model.loss in ("poisson", "gamma") else "identity"
    width = len(model._predictors[0])
    outputs = _boosted_outputs(classes, width)
    return grove.grown(
        offset=model._baseline_prediction, outputs=outputs, space=space, n_features=n, encodings=encodings
    )


# --- LightGBM ---------------------------------------------------------------------------------------------------------

_LIGHTGBM_SPACES: dict[str, Space] = {
    "binary": "log-odds",
    "multiclass": "log-odds",
    "multiclassova": "log-odds",
    "cross_entropy": "log-odds",
    "poisson": "log",
    "gamma": "log",
    "tweedie": "log",
    "custom": "margin",
    "cross_entropy_lambda": "margin",
}


def _read_lightgbm_model(model: Any) -> TreeEnsemble:
    """LGBMModel: its booster, with the labels of its classes."""
    if not model.__sklearn_is_fitted__():
        raise _refuse(model, "the model is not fitted", "Fit it")
    return _read_lightgbm(model.booster_, getattr(model, "classes_", None))


def _read_lightgbm(booster: Any, classes: Sequence[object] | None = None) -> TreeEnsemble:
    """A Booster, up to its best iteration where it has one (as `predict` does)."""
    header, *trees = booster.model_to_string().split("\nend of trees")[0].split("\nTree=")
    about = _keys(header)
    width, n = int(about["num_tree_per_iteration"]), int(about["max_feature_idx"]) + 1
    share = width / len(trees) if "average_output" in header.split("\n") else 1.0
    grove = _Grove()
    for index, text in enumerate(trees):
        _plant_lightgbm(grove, booster, _keys(text), index % width, share)
    objective, *settings = about.get("objective", "custom").split()
    space = _LIGHTGBM_SPACES.get(objective, "identity")
    if "sqrt" in settings or (space == "log-odds" and any(s.startswith("sigmoid:") and s != "sigmoid:1" for s in settings)):
        space = "margin"
    if classes is None:
        classes = (0, 1) if objective == "binary" else range(width) if width > 1 else None
    return grove.grown(offset=0.0, outputs=_boosted_outputs(classes, width), space=space, n_features=n)


def _keys(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.split("\n") if "=" in line)


def _plant_lightgbm(grove: _Grove, booster: object, tree: dict[str, str], output: int, share: float) -> None:
    def numbers(key: str, dtype: npt.DTypeLike = np.int64) -> npt.NDArray[Any]:
        return np.array(tree.get(key, "").split(), dtype)

    if tree.get("is_linear", "0") != "0":
        raise _refuse(booster, "its leaves hold linear models", "Train it with linear_tree=False")
    leaves, flags = int(tree["num_leaves"]), numbers("decision_type")
    feature, threshold = numbers("split_feature"), numbers("threshold", np.float64)
    children = [np.where(child >= 0, child, leaves - 2 - child) for child in (numbers("left_child"), numbers("right_child"))]
    missing = (flags >> 2) & 3  # 0: NaN is taken for zero, 1: zero and NaN are missing, 2: NaN is missing
    missing_left = np.where(missing == 0, threshold >= 0, flags & 2 != 0)
    decision = np.where(missing_left, MISSING_LEFT, 0) | np.where(missing == 1, ZERO_IS_MISSING, 0)
    boundary, words = numbers("cat_boundaries"), numbers("cat_threshold", np.uint32)
    for node in np.flatnonzero(flags & 1):
        category_set = int(threshold[node])
        threshold[node] = grove.keep_set(words[boundary[category_set] : boundary[category_set + 1]])
        decision[node] = CATEGORICAL
    none = np.full(leaves, -1)
    count = [numbers("internal_count", np.float64), numbers("leaf_count", np.float64)]
    grove.plant(
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
    "multi:softmax": "log-odds",
    "multi:softprob": "log-odds",
    "count:poisson": "log",
    "reg:gamma": "log",
    "reg:tweedie": "log",
    "survival:cox": "log",
    "survival:aft": "log",
    "binary:hinge": "margin",
}


def _read_xgboost_model(model: Any) -> TreeEnsemble | None:
    """XGBModel: its booster up to the best iteration (as `predict` does), its labels and its sign for missing values."""
    if not model.__sklearn_is_fitted__():
        raise _refuse(model, "the model is not fitted", "Fit it")
    booster = model.get_booster()
    if booster.attr("best_iteration") is not None:
        booster = booster[: int(booster.attr("best_iteration")) + 1]
    return _read_xgboost(booster, getattr(model, "classes_", None), model.missing)


def _read_xgboost(booster: Any, classes: Sequence[object] | None = None, missing: float = math.nan) -> TreeEnsemble | None:
    """A Booster with all its trees; None where it is linear."""
    learner = json.loads(booster.save_raw("json"))["learner"]
    gradient_booster, about = learner["gradient_booster"], learner["learner_model_param"]
    if gradient_booster["name"] == "gblinear":
        return None
    scale = gradient_booster.get("weight_drop")
    forest = gradient_booster.get("gbtree", gradient_booster)["model"]
    if any(forest.get("cats", {}).get("enc", ())):
        raise _refuse(booster, "it holds the categories of a DataFrame", "Train it on category codes")
    grove = _Grove()
    for index, (tree, output) in enumerate(zip(forest["trees"], forest["tree_info"], strict=True)):
        _plant_xgboost(grove, tree, output, scale[index] if scale else 1.0)
    objective = learner["objective"]["name"]
    start = np.array(json.loads(about["base_score"]), np.float64).ravel()
    space = _XGBOOST_SPACES.get(objective, "identity")
    if objective in ("binary:logistic", "reg:logistic"):
        start = np.log(start / (1 - start))
    elif space == "log":
        start = np.log(start)
    width = max(int(about["num_class"]), int(about["num_target"]), 1)
    if classes is None:
        classes = (0, 1) if space == "log-odds" and width == 1 else range(width) if width > 1 else None
    return grove.grown(
        offset=start,
        outputs=_boosted_outputs(classes, width),
        space=space,
        n_features=int(about["num_feature"]),
        float32_inputs=True,
        missing=missing,
    )


def _plant_xgboost(grove: _Grove, tree: dict[str, Any], output: int, scale: float) -> None:
    left, right = np.array(tree["left_children"]), np.array(tree["right_children"])
    condition = np.array(tree["split_conditions"], np.float32).astype(np.float64)
    width = int(tree["tree_param"]["size_leaf_vector"] or 1)
    if width <= 1:
        value = condition[:, None].copy()
    else:
        # A leaf's place in the table of leaf vectors stands where its right child would.
        table = np.array(tree["leaf_weights"], np.float32).astype(np.float64).reshape(-1, width)
        value = np.where(left[:, None] < 0, table[np.where(left < 0, right, 0)], 0.0)
    threshold = np.nextafter(condition, -np.inf)  # XGBoost goes left where x < condition
    decision = np.where(np.array(tree["default_left"]) != 0, MISSING_LEFT, 0)
    segments, sizes = tree["categories_segments"], tree["categories_sizes"]
    for node, first, size in zip(tree["categories_nodes"], segments, sizes, strict=True):
        # Listed categories go right there, and left here.
        left[node], right[node] = right[node], left[node]
        threshold[node] = grove.keep_set(_bits(tree["categories"][first : first + size]))
        decision[node] = CATEGORICAL | (MISSING_LEFT ^ decision[node])
    grove.plant(left, right, tree["split_indices"], threshold, decision, tree["sum_hessian"], scale * value, output)


# --- CatBoost ---------------------------------------------------------------------------------------------------------

_CATBOOST_SPACES: dict[str, Space] = {
    "Logloss": "log-odds",
    "CrossEntropy": "log-odds",
    "MultiClass": "log-odds",
    "MultiClassOneVsAll": "log-odds",
    "Poisson": "log",
    "Tweedie": "log",
}


def _read_catboost(model: Any) -> TreeEnsemble | None:
    """A CatBoost model of numeric splits on oblivious trees; None for any other, which CatBoost itself attributes."""
    if not model.is_fitted():
        raise _refuse(model, "the model is not fitted", "Fit it")
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
    grove = _Grove()
    for tree in trees:
        splits = tree["splits"] or []
        leaves = 2 ** len(splits)
        # Heap order: node i has children 2 i + 1 and 2 i + 2; the first split of CatBoost is the lowest bit of a leaf's
        # number, so it stands at the bottom here.
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
        grove.plant(
            left=np.concatenate([2 * inner + 1, none]),
            right=np.concatenate([2 * inner + 2, none]),
            feature=np.concatenate([column[float_feature], none]),
            threshold=np.concatenate([border, none]),
            decision=np.concatenate([np.where(missing_left[float_feature], MISSING_LEFT, 0), none]),
            cover=cover,
            value=np.concatenate([np.zeros((leaves - 1, len(bias))), value]),
        )
    loss = saved["model_info"].get("params", {}).get("loss_function", {}).get("type", "")
    labels = list(model.classes_) if len(model.classes_) else None
    return grove.grown(
        offset=bias,
        outputs=_boosted_outputs(labels, len(bias)),
        space=_CATBOOST_SPACES.get(loss, "identity"),
        n_features=len(model.feature_names_),
        float32_inputs=True,
    )


READERS: dict[str, Callable[[Any], TreeEnsemble | None]] = {
    "sklearn.HistGradientBoostingRegressor": _read_sklearn_histogram,
    "sklearn.HistGradientBoostingClassifier": _read_sklearn_histogram,
    "sklearn.GradientBoostingRegressor": _read_sklearn_boosting,
    "sklearn.GradientBoostingClassifier": _read_sklearn_boosting,
    "sklearn.ForestRegressor": _read_sklearn_trees,
    "sklearn.ForestClassifier": _read_sklearn_trees,
    "sklearn.DecisionTreeRegressor": _read_sklearn_trees,
    "sklearn.DecisionTreeClassifier": _read_sklearn_trees,
    "lightgbm.LGBMModel": _read_lightgbm_model,
    "lightgbm.Booster": _read_lightgbm,
    "xgboost.XGBModel": _read_xgboost_model,
    "xgboost.Booster": _read_xgboost,
    "catboost.CatBoost": _read_catboost,
}
"""Readers by the class they take, or a base class of it."""
