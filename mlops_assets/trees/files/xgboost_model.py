"""XGBoost's models as checked arrays, from JSON or UBJSON: gbtree and dart of scalar or vector leaves, and gblinear.

XGBoost's own reader (3.2, `src/tree/tree_model.cc`, `src/gbm/gbtree_model.cc`) compares the lengths of some arrays and
follows every index; its JSON parser recurses without a limit. A file in its deprecated binary format is not read here.
"""

import re
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from mlops_assets.trees.arrays import Floats, Ints
from mlops_assets.trees.files.columns import Column
from mlops_assets.trees.files.documents import Document, Texts, Value
from mlops_assets.trees.files.errors import NativeFileError, UncheckableFileError
from mlops_assets.trees.files.json_text import check_depth
from mlops_assets.trees.files.members import (
    check_keys,
    get_floats,
    get_ints,
    get_number,
    get_object,
    get_text,
    is_empty,
    is_same,
)
from mlops_assets.trees.files.numbers import INT32, parse
from mlops_assets.trees.files.ubjson import read_ubjson
from mlops_assets.trees.files.xgboost_categories import Categories, read_categories
from mlops_assets.trees.files.xgboost_json import read_json
from mlops_assets.trees.files.xgboost_tree import COLUMNS, TreeReader

# Each thread that predicts has a row of this width.
_MOST_COLUMNS = 1 << 25
_MOST_EMPTY_OUTPUTS = 10_000
_LEARNER = {
    *("attributes", "cats", "feature_names", "feature_types", "gradient_booster", "learner_model_param", "objective")
}
_GBTREE = {"cats", "gbtree_model_param", "iteration_indptr", "tree_info", "trees"}
_ATTRIBUTES_DEPTH = 8
_MOST_DIGITS = 10
_LONG = re.compile(r"\d{17}")


@dataclass(frozen=True, eq=False)
class XgboostTrees:
    """The trees of a model, one after the other; a node's children are nodes of its own tree.

    Attributes
    ----------
    nodes
        (trees,): the number of nodes, deleted ones included.
    left, right, feature, condition, default_left, cover, categorical
        (nodes,): children, -1 in a leaf; the column; the smallest value that goes right, and a leaf's value; whether
        missing values go left; sum of hessians; whether it splits by categories.
    leaf_values
        Of trees with vectors in their leaves: (leaves, outputs), tree after tree; a leaf's `right` is its row here.
    category_nodes, category_sizes
        (trees,): the number of nodes that split by categories; (categorical nodes,): how many categories go right.
    categories
        These categories.
    tree_output
        (trees,): the output that a tree adds to.
    tree_scale
        (trees,): what a tree counts (dart); None where each counts 1.
    iteration_start
        (iterations + 1,): where the trees of each iteration begin; empty where the file does not say it.
    """

    nodes: Ints
    left: npt.NDArray[np.int32]
    right: npt.NDArray[np.int32]
    feature: npt.NDArray[np.int32]
    condition: npt.NDArray[np.float32]
    default_left: npt.NDArray[np.bool_]
    cover: npt.NDArray[np.float32]
    categorical: npt.NDArray[np.bool_]
    leaf_values: npt.NDArray[np.float32]
    category_nodes: npt.NDArray[np.int32]
    category_sizes: npt.NDArray[np.int32]
    categories: npt.NDArray[np.int32]
    tree_output: Ints
    tree_scale: Floats | None
    iteration_start: Ints


@dataclass(frozen=True, eq=False)
class XgboostModel:
    """A checked XGBoost model.

    Attributes
    ----------
    objective
        Its name.
    columns, outputs
        How many it takes and gives.
    base_score
        (1,) or (outputs,), on the scale of the prediction.
    trees
        None where it is linear.
    weights
        (columns + 1, outputs) where it is linear: the last row is the bias.
    names
        The `TextDigest` of the columns' names; empty where they have none.
    best_iteration
        The last iteration that the scikit-learn interface predicts with; None: all are used.
    categories
        Of each column; empty where the file keeps none.
    """

    objective: str
    columns: int
    outputs: int
    base_score: Floats
    trees: XgboostTrees | None
    weights: Floats | None = field(default=None)
    names: bytes = b""
    best_iteration: int | None = None
    categories: tuple[Categories, ...] = ()


def read_xgboost(data: bytes) -> XgboostModel:
    """The model in a file (JSON or UBJSON), or in what `Booster.serialize` and a pickled Booster hold.

    Raises
    ------
    UncheckableFileError
        It is neither, or has parts that these readers do not know.
    NativeFileError
        It is one that XGBoost does not write.
    """
    builders = {name: Column(dtype) for name, dtype in COLUMNS.items()}
    trees = TreeReader(builders, len(data))
    if data[:2] in (b'{"', b"{ ", b"{\n", b"{\r", b"{\t"):
        document = read_json(data, trees.take)
    elif data[:2] == b"{L":
        document = read_ubjson(data, trees.take)
    else:
        raise UncheckableFileError(
            "is neither JSON nor UBJSON (XGBoost's deprecated binary format is not read; save it again)", where="byte 0"
        )
    config: Value = None
    if "Model" in document:
        check_keys(document, {"Model", "Config"}, "the Booster's state")
        config = document.get("Config")
        document = get_object(document, "Model", "")
    check_keys(document, {"learner", "version"}, "the document")
    version = document.get("version")
    numbers = version.tolist() if isinstance(version, np.ndarray) else []
    if len(numbers) != 3 or not all(isinstance(number, int) and 0 <= number < 1000 for number in numbers):
        raise NativeFileError("has no version of three numbers", where="version")
    learner = get_object(document, "learner", "")
    model = _with_attributes(_read_learner(learner, trees, builders), learner)
    if config is not None:
        _compare_config(config, learner)
    return model


def _with_attributes(model: XgboostModel, learner: Document) -> XgboostModel:
    names, attributes = learner.get("feature_names"), learner.get("attributes")
    best = attributes.get("best_iteration") if isinstance(attributes, dict) else None
    known = isinstance(best, str) and best.isascii() and best.isdecimal() and len(best) < _MOST_DIGITS
    return replace(
        model,
        names=names.digest if isinstance(names, Texts) else b"",
        best_iteration=int(best) if known and isinstance(best, str) else None,
    )


def _read_learner(learner: Document, trees: TreeReader, builders: dict[str, Column]) -> XgboostModel:
    check_keys(learner, _LEARNER, "learner")
    about = get_object(learner, "learner_model_param", "learner")
    columns = get_number(about, "num_feature", "learner_model_param", 0, _MOST_COLUMNS)
    classes = get_number(about, "num_class", "learner_model_param", 0, INT32 - 1, default=0)
    targets = get_number(about, "num_target", "learner_model_param", 0, INT32 - 1, default=1)
    outputs = max(classes, targets, 1)
    where = "learner_model_param"
    if min(classes, targets) > 1:
        raise NativeFileError(f"has {classes} classes and {targets} targets", where=where)
    base_score = _read_scores(about.get("base_score"), outputs)
    for part in ("feature_names", "feature_types"):
        texts = learner.get(part)
        count = texts.count if isinstance(texts, Texts) else 0 if is_empty(texts) else -1
        if count not in (0, columns):
            raise NativeFileError(f"has {max(count, 0)} entries for {columns} columns", where=part)
    _check_attributes(learner.get("attributes"))
    objective = _check_objective(get_object(learner, "objective", "learner"), classes, targets)
    booster = get_object(learner, "gradient_booster", "learner")
    name = get_text(booster, "name", "gradient_booster")
    if name == "gblinear":
        weights = _read_linear(booster, columns, outputs)
        return XgboostModel(objective, columns, outputs, base_score, None, weights)
    if name not in ("gbtree", "dart"):
        raise UncheckableFileError(f"has a booster {name[:40]!r}", where="gradient_booster")
    check_keys(booster, {"name", "gbtree", "weight_drop"} if name == "dart" else {"name", "model"}, "gradient_booster")
    inner = get_object(booster, "gbtree", "gradient_booster") if name == "dart" else booster
    check_keys(inner, {"name", "model"}, "gbtree")
    model = get_object(inner, "model", "gbtree")
    check_keys(model, _GBTREE, "model")
    count = trees.count
    starts = _check_forest(model, trees, columns, outputs)
    scale = None
    if name == "dart":
        scale = get_floats(booster, "weight_drop", "gradient_booster")
        if len(scale) != count:
            raise NativeFileError(f"has {len(scale)} weights for {count} trees", where="weight_drop")
    categories = read_categories(model.get("cats", learner.get("cats")), columns)
    built = {key: column.build() for key, column in builders.items()}
    return XgboostModel(
        objective,
        columns,
        outputs,
        base_score,
        XgboostTrees(
            **built,  # type: ignore[arg-type]  # each Column has the dtype of its field
            tree_output=get_ints(model, "tree_info", "model"),
            tree_scale=scale,
            iteration_start=starts,
        ),
        categories=categories,
    )


def _check_forest(model: Document, trees: TreeReader, columns: int, outputs: int) -> Ints:
    """The starts of the iterations."""
    count = trees.count
    about = get_object(model, "gbtree_model_param", "model")
    get_number(about, "num_trees", "gbtree_model_param", count, count)
    parallel = get_number(about, "num_parallel_tree", "gbtree_model_param", 1, max(count, INT32 - 1), default=1)
    if trees.largest_feature >= columns:
        raise NativeFileError(f"splits by column {trees.largest_feature} of {columns}", where="split_indices")
    if trees.vectors not in ({1}, {outputs}, set()):
        raise NativeFileError(f"has leaves that are not of {outputs} values", where="size_leaf_vector")
    vector = trees.vectors == {outputs} and outputs > 1
    groups = 1 if vector else outputs
    output = get_ints(model, "tree_info", "model")
    if len(output) != count or (count and (output.min() < 0 or output.max() >= groups)):
        raise NativeFileError(f"has trees for other than its {outputs} outputs", where="tree_info")
    if groups > max(count, 1) and (count or groups > _MOST_EMPTY_OUTPUTS):
        raise NativeFileError(f"has {outputs} outputs and {count} trees", where="learner_model_param")
    if "iteration_indptr" not in model:
        if count % (groups * parallel):
            raise NativeFileError("has an incomplete last iteration", where="gbtree_model_param")
        return np.zeros(0, np.int64)
    starts = get_ints(model, "iteration_indptr", "model")
    ordered = len(starts) and not starts[0] and starts[-1] == count and bool((np.diff(starts) >= 0).all())
    if not ordered and (count or len(starts)):
        raise NativeFileError("has iterations that do not follow one another", where="iteration_indptr")
    return starts


def _read_scores(text: Value, outputs: int) -> Floats:
    where = "base_score"
    if not isinstance(text, str) or not text.isascii() or not text:
        raise NativeFileError("has no base score", where=where)
    inside = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if _LONG.search(inside):
        raise NativeFileError("has a base score of more digits than XGBoost reads", where=where)
    try:
        scores = np.asarray(parse(inside.encode(), np.float64, ","), np.float64)
    except ValueError as error:
        raise NativeFileError("has a base score that is no number", where=where) from error
    if len(scores) not in (1, outputs) or inside.endswith(","):
        raise NativeFileError(f"has {len(scores)} base scores for {outputs} outputs", where=where)
    return scores


def _check_attributes(attributes: Value) -> None:
    if not isinstance(attributes, dict) or not all(isinstance(value, str) for value in attributes.values()):
        raise NativeFileError("has attributes that are no texts", where="attributes")
    for name, value in attributes.items():
        # The scikit-learn wrappers read their own one as JSON.
        check_depth(str(value).encode("utf-8", "replace"), _ATTRIBUTES_DEPTH, f"attributes, {name[:40]}")


def _check_objective(objective: Document, classes: int, targets: int) -> str:
    where = "objective"
    name = objective.get("name")
    if not isinstance(name, str) or len(name) > 100:
        raise NativeFileError("has no name", where=where)
    for key, value in objective.items():
        if isinstance(value, dict) and not all(isinstance(each, str) for each in value.values()):
            raise NativeFileError(f"has settings in {key[:40]!r} that are no texts", where=where)
    if name.startswith("multi:"):
        settings = objective.get("softmax_multiclass_param")
        stated = settings.get("num_class") if isinstance(settings, dict) else None
        if classes < 1 or not isinstance(stated, str) or stated != str(classes):
            raise NativeFileError(f"has an objective that is not for {classes} classes", where=where)
    for key, setting in (("quantile_loss_param", "quantile_alpha"), ("expectile_loss_param", "expectile_alpha")):
        settings = objective.get(key)
        if isinstance(settings, dict) and setting in settings:
            levels = get_text(settings, setting, key).strip("[]()").split(",")
            if len(levels) not in (1, targets):
                raise NativeFileError(f"has {len(levels)} levels for {targets} targets", where=f"objective, {setting}")
    return name


def _read_linear(booster: Document, columns: int, outputs: int) -> Floats:
    check_keys(booster, {"name", "model"}, "gradient_booster")
    model = get_object(booster, "model", "gradient_booster")
    check_keys(model, {"weights", "boosted_rounds"}, "model")
    rounds = model.get("boosted_rounds", 0)
    if not isinstance(rounds, int) or isinstance(rounds, bool) or not 0 <= rounds < INT32:
        raise NativeFileError("has a number of rounds that is none", where="boosted_rounds")
    weights = get_floats(model, "weights", "model")
    if len(weights) != (columns + 1) * outputs:
        raise NativeFileError(
            f"has {len(weights)} weights for {columns} columns and {outputs} outputs", where="weights"
        )
    with np.errstate(over="ignore"):
        return weights.astype(np.float32).astype(np.float64).reshape(columns + 1, outputs)


def _compare_config(config: Value, learner: Document) -> None:
    """A Booster's state says twice what its model is: both times the same."""
    about = get_object(get_object({"Config": config}, "Config", ""), "learner", "Config")
    for name in ("learner_model_param", "objective"):
        if not is_same(about.get(name), learner.get(name)):
            raise NativeFileError(f"has another {name!r} than its model", where="Config")
    booster, other = get_object(about, "gradient_booster", "Config"), get_object(learner, "gradient_booster", "learner")
    train = get_object(about, "learner_train_param", "Config")
    names = {get_text(part, key, "Config") for part, key in ((booster, "name"), (other, "name"), (train, "booster"))}
    if len(names) > 1:
        raise NativeFileError("has another booster than its model", where="Config")
