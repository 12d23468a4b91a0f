"""Read scikit-learn's fitted trees: single trees, forests, gradient boosting of both kinds."""

from typing import Any

import numpy as np
import numpy.typing as npt

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
            value = np.concatenate(
                [class_shares(tree, output, len(labels)) for output, labels in enumerate(several)], axis=1
            )
        add_sklearn_tree(builder, tree, value / len(estimators))
    if classes is None:
        outputs: list[object] = list(range(model.n_outputs_))
    elif model.n_outputs_ > 1:
        outputs = [f"{output}:{label}" for output, labels in enumerate(classes) for label in labels]
    else:
        outputs = list(classes)
    space: Space = "identity" if classes is None else "probability"
    n = model.n_features_in_
    return builder.build(offset=0.0, outputs=outputs, space=space, n_features=n, float32_inputs=True)


def read_forest_sums(model: Any) -> TreeEnsemble:
    """A forest as scikit-learn adds it up, output by output, before it divides the sum by the number of trees."""
    classes = getattr(model, "n_classes_", None)
    widths = [1] * model.n_outputs_ if classes is None else np.atleast_1d(classes).tolist()
    builder = TreeBuilder()
    for estimator in model.estimators_:
        each = [estimator.tree_.value[:, output, :width] for output, width in enumerate(widths)]
        add_sklearn_tree(builder, estimator.tree_, np.concatenate(each, axis=1))
    n = model.n_features_in_
    return builder.build(offset=0.0, outputs=range(sum(widths)), space="identity", n_features=n, float32_inputs=True)


def class_shares(tree: Any, output: int, classes: int) -> Floats:
    """(nodes, classes): what `predict_proba` answers; zero in a node whose training rows all had no weight."""
    weight = tree.value[:, output, :classes]
    total = weight.sum(axis=1, keepdims=True)
    # As scikit-learn does: nothing is divided by zero.
    return np.asarray(weight / np.where(total == 0, 1.0, total))


def add_sklearn_tree(
    builder: TreeBuilder,
    tree: Any,
    value: Floats,
    output: int = 0,
    columns: npt.NDArray[np.integer] | None = None,
    cover: Floats | None = None,
) -> None:
    """Append a tree; `columns` are those of the model that it was given, where it was not given all."""
    left = tree.children_left.astype(np.int64)
    decision = np.where(tree.missing_go_to_left.astype(bool), MISSING_LEFT, 0)
    feature = tree.feature if columns is None else np.where(left < 0, 0, columns[tree.feature])
    weight = tree.weighted_n_node_samples if cover is None else cover
    builder.add_tree(left, tree.children_right, feature, tree.threshold, decision, weight, value, output)


def read_boosting(model: Any) -> TreeEnsemble:
    """GradientBoosting*, whose initial estimator is a constant."""
    if not hasattr(model, "estimators_"):
        raise unreadable(model, "the model is not fitted", "Fit it")
    initial = type(model.init_).__name__
    if not (model.init_ == "zero" or initial in ("DummyRegressor", "DummyClassifier")):
        raise unreadable(
            model, f"its boosting starts from a {initial}, which is no constant", "Train it with init=None"
        )
    # The constant on the scale of the sum; `init_` holds it on the scale of the predictions only.
    rows = np.zeros((1, model.n_features_in_), np.float32)
    return read_boosting_stages(model, model._raw_predict_init(rows))  # noqa: SLF001 - no public way (treelite#526)


def read_boosting_stages(model: Any, offset: npt.ArrayLike = 0.0) -> TreeEnsemble:
    """The trees of fitted GradientBoosting* without what they start from: `offset` takes its place."""
    builder = TreeBuilder()
    for stage in model.estimators_:
        for output, estimator in enumerate(stage):
            add_sklearn_tree(builder, estimator.tree_, model.learning_rate * estimator.tree_.value[:, 0, :], output)
    return builder.build(
        offset=offset,
        outputs=name_boosted_outputs(getattr(model, "classes_", None), model.estimators_.shape[1]),
        space=_boosting_space(model),
        n_features=model.n_features_in_,
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


def text_categories(model: Any) -> dict[int, npt.NDArray[Any]]:
    """Column -> the categories of a fitted HistGradientBoosting* that are no numbers, in the order of its codes."""
    if getattr(model, "is_categorical_", None) is None:
        return {}
    encoder = model._preprocessor.named_transformers_["encoder"]  # noqa: SLF001 - the codes are nowhere else
    columns = np.flatnonzero(model.is_categorical_)
    return {
        int(column): np.asarray(known)
        for column, known in zip(columns, encoder.categories_, strict=True)
        if not np.issubdtype(np.asarray(known).dtype, np.number)
    }


def read_histogram(model: Any) -> TreeEnsemble:
    """HistGradientBoosting*, with missing values and categories.

    A column of categories that are no numbers is expected as their positions in `text_categories`, NaN for any other.
    """
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
                continue  # text: the positions of its values among the categories are expected
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
