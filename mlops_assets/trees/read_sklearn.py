"""Read scikit-learn's fitted trees: single trees, forests, gradient boosting of both kinds."""

from typing import Any

import numpy as np

from mlops_assets.trees.arrays import Floats, Space
from mlops_assets.trees.builder import TreeBuilder, name_boosted_outputs, unreadable
from mlops_assets.trees.ensemble import CATEGORICAL, MISSING_LEFT, TreeEnsemble


def read_trees(model: Any) -> TreeEnsemble:
    """Decision trees, and forests: the mean of their trees."""
    estimators = getattr(model, "estimators_", [model])
    if not hasattr(estimators[0], "tree_"):
        raise unreadable(model, "the model is not fitted", "Fit it")
    classes = getattr(model, "classes_", None)
    builder = TreeBuilder()
    for estimator in estimators:
        tree = estimator.tree_
        if classes is None:
            value = tree.value[:, :, 0]
        else:
            several = classes if model.n_outputs_ > 1 else [classes]
            parts = [tree.value[:, output, : len(labels)] for output, labels in enumerate(several)]
            value = np.concatenate([part / part.sum(axis=1, keepdims=True) for part in parts], axis=1)
        _add_sklearn(builder, tree, value / len(estimators))
    if classes is None:
        outputs: list[object] = list(range(model.n_outputs_))
    elif model.n_outputs_ > 1:
        outputs = [f"{output}:{label}" for output, labels in enumerate(classes) for label in labels]
    else:
        outputs = list(classes)
    space: Space = "identity" if classes is None else "probability"
    n = model.n_features_in_
    return builder.build(offset=0.0, outputs=outputs, space=space, n_features=n, float32_inputs=True)


def _add_sklearn(builder: TreeBuilder, tree: Any, value: Floats, output: int = 0) -> None:
    left = tree.children_left.astype(np.int64)
    decision = np.where(tree.missing_go_to_left.astype(bool), MISSING_LEFT, 0)
    builder.add_tree(
        left, tree.children_right, tree.feature, tree.threshold, decision, tree.weighted_n_node_samples, value, output
    )


def read_boosting(model: Any) -> TreeEnsemble:
    """GradientBoosting*, whose initial estimator is a constant."""
    if not hasattr(model, "estimators_"):
        raise unreadable(model, "the model is not fitted", "Fit it")
    initial = type(model.init_).__name__
    if not (model.init_ == "zero" or initial in ("DummyRegressor", "DummyClassifier")):
        raise unreadable(
            model, f"its boosting starts from a {initial}, which is no constant", "Train it with init=None"
        )
    builder = TreeBuilder()
    for stage in model.estimators_:
        for output, estimator in enumerate(stage):
            _add_sklearn(builder, estimator.tree_, model.learning_rate * estimator.tree_.value[:, 0, :], output)
    n = model.n_features_in_
    return builder.build(
        # The constant on the scale of the sum; `init_` holds it on the scale of the predictions only.
        offset=model._raw_predict_init(np.zeros((1, n), np.float32)),  # noqa: SLF001 - no public way (treelite#526)
        outputs=name_boosted_outputs(getattr(model, "classes_", None), model.estimators_.shape[1]),
        space=_boosting_space(model),
        n_features=n,
        float32_inputs=True,
        # P = sigmoid(2 F): Friedman, Hastie and Tibshirani 2000, and scikit-learn's ExponentialLoss.
        sigmoid_scale=2.0 if model.loss == "exponential" else None,
    )


def _boosting_space(model: Any) -> Space:
    if not hasattr(model, "classes_"):
        return "identity"
    if model.loss == "exponential":
        return "margin"
    return "softmax margin" if model.estimators_.shape[1] > 1 else "log-odds"


def histogram_stages(model: Any) -> list[list[Any]]:
    """The trees of fitted HistGradientBoosting*: a list per boosting iteration, with a tree per output."""
    stages: list[list[Any]] = model._predictors  # noqa: SLF001 - not public upstream (scikit-learn#12807, #29731)
    return stages


def read_histogram(model: Any) -> TreeEnsemble:
    """HistGradientBoosting*, with missing values and categories."""
    if not hasattr(model, "_predictors"):
        raise unreadable(model, "the model is not fitted", "Fit it")
    stages = histogram_stages(model)
    n = model.n_features_in_
    column, encodings = np.arange(n), {}
    if model.is_categorical_ is not None:
        # The model's own preprocessing moves the categorical columns to the front and numbers their values.
        column = np.concatenate([np.flatnonzero(model.is_categorical_), np.flatnonzero(~model.is_categorical_)])
        preprocessor = model._preprocessor  # noqa: SLF001 - the codes of categories are nowhere else
        encoder = preprocessor.named_transformers_["encoder"]
        for position, known in enumerate(encoder.categories_):
            if not np.issubdtype(np.asarray(known).dtype, np.number):
                raise unreadable(model, f"column {column[position]} holds categories that are not numbers")
            finite = np.asarray(known, np.float64)
            encodings[int(column[position])] = finite[~np.isnan(finite)]
    bin_mapper = model._bin_mapper  # noqa: SLF001 - nothing public says which categories were seen in training
    known_bits, known_row = bin_mapper.make_known_categories_bitsets()
    builder = TreeBuilder()
    for stage in stages:
        for output, predictor in enumerate(stage):
            nodes = predictor.nodes
            leaf = nodes["is_leaf"].astype(bool)
            left, right = (np.where(leaf, -1, nodes[side].astype(np.int64)) for side in ("left", "right"))
            threshold = nodes["num_threshold"].copy()
            decision = np.where(nodes["missing_go_to_left"].astype(bool), MISSING_LEFT, 0)
            for node in np.flatnonzero(nodes["is_categorical"].astype(bool) & ~leaf):
                bits = predictor.raw_left_cat_bitsets[nodes["bitset_idx"][node]]
                if decision[node]:
                    # Unknown values go where missing ones go, here left; so the set holds what goes right.
                    bits = known_bits[known_row[nodes["feature_idx"][node]]] & ~bits
                    left[node], right[node] = right[node], left[node]
                threshold[node], decision[node] = builder.add_category_set(bits), CATEGORICAL
            feature = column[nodes["feature_idx"]]
            builder.add_tree(left, right, feature, threshold, decision, nodes["count"], nodes["value"][:, None], output)
    classes = getattr(model, "classes_", None)
    width = len(stages[0])
    space: Space = "log" if model.loss in ("poisson", "gamma") else "identity"
    if classes is not None:
        space = "softmax margin" if width > 1 else "log-odds"
    outputs = name_boosted_outputs(classes, width)
    baseline = model._baseline_prediction  # noqa: SLF001 - the constant of the sum has no public name
    return builder.build(offset=baseline, outputs=outputs, space=space, n_features=n, encodings=encodings)
