"""Estimators whose compiled code reads arrays by numbers that other attributes hold: both must agree.

Each function returns why an object is not used, or None. Attributes are read from the object's own dict: a class may
compute others. Read against scikit-learn 1.9.
"""

from collections.abc import Callable, Mapping
from typing import Any, cast

import numpy as np

_TREE = "sklearn.tree._tree.Tree"
_MOST_DEGREE = 100
_MOST_COLUMNS = 10_000_000
_CLASSIFYING = ("SVC", "NuSVC")
_DISAGREE = "and its arrays do not agree on the number of columns"
State = Mapping[str, Any]


def find_disagreement(part: object) -> str | None:
    """Why an estimator, or what one is made of, would make compiled code read what is not there."""
    kind = type(part)
    for base in kind.__mro__:
        check = _CHECKS.get(f"{base.__module__}.{base.__qualname__}")
        if check is not None:
            reason = check(part, getattr(part, "__dict__", {}))
            if reason:
                return reason
    return None


def check_metric(metric: Any, columns: int) -> str | None:
    """The distance of a tree of neighbours: its weights are read for each column."""
    name = type(metric).__name__
    if "Distance" not in name or not hasattr(metric, "__getstate__") or name.startswith("PyFunc"):
        return "measures by what is no distance"
    _, weights, matrix = metric.__getstate__()
    if name.startswith("SEuclidean") and len(weights) != columns:
        return "has weights of its distance for other columns"
    if name.startswith("Minkowski") and len(weights) not in (0, columns):
        return "has weights of its distance for other columns"
    if name.startswith("Mahalanobis") and np.shape(matrix) != (columns, columns):
        return "has weights of its distance for other columns"
    return None


def _neighbors(_part: object, state: State) -> str | None:
    rows = state.get("_fit_X")
    if rows is None:
        return None
    columns = state.get("n_features_in_")
    if len(np.shape(rows)) != 2 or columns is None or np.shape(rows)[1] != columns:
        return _DISAGREE
    if state.get("n_samples_fit_", np.shape(rows)[0]) != np.shape(rows)[0]:
        return "and its rows do not agree on their number"
    tree = state.get("_tree")
    if tree is not None and np.shape(tree.__getstate__()[0]) != np.shape(rows):
        return "and its tree do not agree on the rows"
    for value in dict(state.get("effective_metric_params_") or {}).values():
        if isinstance(value, np.ndarray) and value.shape not in ((columns,), (columns, columns), ()):
            return _DISAGREE
    classes, answers = state.get("classes_"), state.get("_y")
    if classes is None or answers is None:
        return None
    several = [classes] if isinstance(classes, np.ndarray) else list(classes)
    by_output = np.asarray(answers).reshape(np.shape(rows)[0], -1)
    if by_output.shape[1] != len(several):
        return "and its answers do not agree on their number"
    for position, known in enumerate(several):
        if by_output.size and (by_output[:, position].min() < 0 or by_output[:, position].max() >= len(known)):
            return "has answers of classes that it does not have"
    return None


def _support_vectors(part: object, state: State) -> str | None:
    if "support_vectors_" not in state:
        return None
    columns, support, vectors = state.get("n_features_in_"), state["support_"], state["support_vectors_"]
    counts, count = np.asarray(state["_n_support"]), len(support)
    classes = len(state["classes_"]) if type(part).__name__ in _CLASSIFYING else 2
    pairs = classes * (classes - 1) // 2
    kernel, is_sparse = state.get("kernel"), bool(state.get("_sparse", False))
    if not isinstance(kernel, str) or kernel == "precomputed":
        # Rows are then looked up by their number, and libsvm takes such a number from sparse rows as it is.
        rows = state["shape_fit_"][0]
        if is_sparse or (isinstance(kernel, str) and columns != rows) or not np.all((support >= 0) & (support < rows)):
            return "points at rows that it does not have"
    elif vectors.shape != (count, columns):
        return "and its support vectors do not agree on their number or columns"
    summed = counts.sum() if type(part).__name__ in _CLASSIFYING else counts[0]
    if counts.shape != (classes,) or np.any(counts < 0) or summed != count:
        return "and its support vectors do not agree on their classes"
    for name, shape in {"_dual_coef_": (max(classes - 1, 1), count), "_intercept_": (pairs,)}.items():
        held = state[name]
        # Where it is sparse, its data are read as if every element were there.
        if np.shape(held) != shape or (hasattr(held, "nnz") and (not is_sparse or held.nnz != shape[0] * count)):
            return f"has {name.strip('_')!r} for other support vectors"
    needed = bool(state.get("_effective_probability", False))
    for name in ("_probA", "_probB"):
        if np.shape(state[name]) != (pairs,) and (needed or np.shape(state[name]) != (0,)):
            return "has probabilities for other classes"
    return None


def _centers(_part: object, state: State) -> str | None:
    centers, columns = state.get("cluster_centers_"), state.get("n_features_in_")
    if centers is not None and (np.ndim(centers) != 2 or columns is None or np.shape(centers)[1] != columns):
        return _DISAGREE
    return None


def _spline(_part: object, state: State) -> str | None:
    # scipy 1.17 keeps as `_t` and `_c` what older versions keep as `t` and `c`.
    knots, degree = np.asarray(state.get("_t", state.get("t"))), state.get("k")
    weights = np.asarray(state.get("_c", state.get("c")))
    if type(degree) is not int and not isinstance(degree, np.integer):
        return "has a degree that is no number"
    if not 0 <= degree <= _MOST_DEGREE or knots.ndim != 1 or len(knots) < 2 * degree + 2:
        return "has a degree that its knots do not allow"
    if knots.dtype != np.float64 or not np.all(np.isfinite(knots)) or np.any(np.diff(knots) < 0):
        return "has knots that do not ascend"
    axis = state.get("axis", 0)
    if (
        type(axis) is not int
        or weights.ndim < 1
        or not 0 <= axis < weights.ndim
        or weights.dtype not in (np.float64, np.complex128)
    ):
        return "has weights that are no array of numbers"
    return "has fewer weights than knots" if weights.shape[0] < len(knots) - degree - 1 else None


def _boosting(_part: object, state: State) -> str | None:
    trees = state.get("estimators_")
    if trees is None:
        return None
    columns = state["n_trees_per_iteration_"]
    several = getattr(state["_loss"], "is_multiclass", False) is True
    if not isinstance(trees, np.ndarray) or trees.ndim != 2 or trees.shape[1] != columns or trees.size == 0:
        return "and its trees do not agree on the number of answers"
    if not all(_kind(tree) == "sklearn.tree._classes.DecisionTreeRegressor" for tree in trees.ravel()):
        return "has a stage that is no tree"
    if any(tree.__dict__["tree_"].n_outputs != 1 for tree in trees.ravel()):
        return "has a tree of several answers"
    start = state["init_"]
    if isinstance(start, str):
        return None if start == "zero" else "starts with what is no estimator"
    if several != (columns > 1) or not _starts_with(start, columns):
        return "starts with an estimator of another number of answers"
    return None


def _starts_with(start: object, columns: int) -> bool:
    """Whether the first estimator surely predicts one row for each row, and as many columns as there are trees."""
    held, kind = getattr(start, "__dict__", {}), _kind(start)
    if kind == "sklearn.dummy.DummyClassifier":
        classes = max(2, columns)
        shapes = (held["n_outputs_"], held["n_classes_"], np.shape(held["class_prior_"]))
        return shapes == (1, classes, (classes,))
    if kind == "sklearn.dummy.DummyRegressor":
        return bool(held["n_outputs_"] == 1 and np.shape(held["constant_"]) == (1, 1) and columns == 1)
    if columns != 1:
        return False
    if kind.startswith("sklearn.linear_model."):
        coefficients = np.shape(held["coef_"])
        return len(coefficients) == 1 or (len(coefficients) == 2 and coefficients[0] == 1)
    return kind.startswith(("sklearn.tree.", "sklearn.ensemble._forest.")) and bool(held["n_outputs_"] == 1)


def _histograms(_part: object, state: State) -> str | None:
    predictors = state.get("_predictors")
    if predictors is None:
        return None
    columns, mapper = state.get("n_features_in_"), state["_bin_mapper"].__dict__
    if state.get("_in_fit", False) is not False:
        return "claims to be still fitted"
    categorical = np.asarray(mapper["is_categorical_"])
    if columns is None or categorical.shape != (columns,) or len(mapper["bin_thresholds_"]) != columns:
        return _DISAGREE
    for each in (each for row in predictors for each in row):
        nodes = each.nodes
        of_categories = nodes["feature_idx"][(nodes["is_categorical"] != 0) & (nodes["is_leaf"] == 0)]
        if not np.all((of_categories >= 0) & (of_categories < columns)) or not np.all(categorical[of_categories]):
            return "splits by categories of a column that has none"
        if np.shape(each.raw_left_cat_bitsets)[1:] != (8,):
            return "has sets of categories of another size"
    before = state.get("_preprocessor")
    return None if before is None else _before_histograms(before, columns)


def _before_histograms(before: object, columns: int) -> str | None:
    """Its own encoding of categories hands on each column once; what hands on fewer would be read beyond its end."""
    reason = "prepares its columns in a way that scikit-learn does not"
    if _kind(before) != "sklearn.compose._column_transformer.ColumnTransformer":
        return reason
    taken = np.zeros(columns, dtype=int)
    for name, transformer, chosen in cast(Any, before).__dict__["transformers_"]:
        mask = np.asarray(chosen)
        if mask.shape != (columns,) or mask.dtype != bool:
            return reason
        kind = transformer if isinstance(transformer, str) else _kind(transformer)
        if kind == "sklearn.preprocessing._encoders.OrdinalEncoder":
            fits = len(transformer.__dict__["categories_"]) == int(mask.sum())
        elif kind == "sklearn.preprocessing._function_transformer.FunctionTransformer":
            function = transformer.__dict__.get("func")
            fits = function is None or getattr(getattr(function, "func", None), "__name__", "") == "check_array"
        else:
            fits = not mask.any() and name == "remainder"
        if not fits:
            return reason
        taken += mask
    return None if np.all(taken == 1) else reason


def _one_hot(_part: object, state: State) -> str | None:
    categories = state.get("categories_")
    if categories is None:
        return None
    outputs = []
    for position, known in enumerate(categories):
        count = len(known)
        infrequent = state.get("_default_to_infrequent_mappings") or [None] * len(categories)
        mapping = infrequent[position]
        if mapping is not None:
            if len(mapping) != count or np.any(np.asarray(mapping) < 0) or np.any(np.asarray(mapping) >= count):
                return "has groups of categories that it does not have"
            count = int(np.max(mapping)) + 1
        dropped = state.get("_drop_idx_after_grouping")
        if dropped is not None and dropped[position] is not None:
            if not 0 <= dropped[position] < count:
                return "drops a category that it does not have"
            count -= 1
        outputs.append(count)
    if list(state.get("_n_features_outs", outputs)) != outputs:
        return "and its categories do not agree on the number of columns"
    return None if len(outputs) == state.get("n_features_in_") else _DISAGREE


def _polynomials(_part: object, state: State) -> str | None:
    columns, most = state.get("n_features_in_"), state.get("_max_degree", 0)
    if columns is None:
        return None
    outputs = 1
    for step in range(1, int(most) + 1):
        outputs = outputs * (int(columns) + step) // step
        if outputs > _MOST_COLUMNS:
            return "makes more columns than fit into memory"
    return None


def _sketch(_part: object, state: State) -> str | None:
    degree, columns = state.get("degree", 1), state.get("n_components", 1)
    return "makes more columns than fit into memory" if int(degree) * int(columns) > _MOST_COLUMNS else None


def _splines(_part: object, state: State) -> str | None:
    splines = state.get("bsplines_")
    if splines is None:
        return None
    made = sum(np.shape(vars(each).get("_c", vars(each).get("c")))[-1] for each in splines)
    return None if 0 < int(state["n_features_out_"]) <= made else "makes more columns than its splines"


def _agglomeration(_part: object, state: State) -> str | None:
    labels = state.get("labels_")
    if labels is None:
        return None
    # A table as long as the largest label is made for each row.
    labels = np.asarray(labels)
    if labels.dtype.kind not in "iu" or labels.shape != (state.get("n_features_in_"),):
        return _DISAGREE
    return None if np.all((labels >= 0) & (labels < len(labels))) else "has groups that it does not have"


def _voting(_part: object, state: State) -> str | None:
    if "estimators_" not in state:
        return None
    # The votes are counted in a table as long as the largest answer, which is the number of a class.
    count = len(state["classes_"])
    for each in state["estimators_"]:
        answers = np.asarray(getattr(each, "classes_", np.arange(count)))
        if answers.dtype.kind not in "iub" or np.any(answers < 0) or np.any(answers >= count):
            return "has a vote for classes that it does not have"
    return None


def _dummy(_part: object, state: State) -> str | None:
    outputs, held = state.get("n_outputs_"), state.get("constant_", state.get("class_prior_"))
    if outputs is None or held is None:
        return None
    # A constant has a column for each output; of several outputs, each has its list of probabilities.
    several = np.size(held) if "constant_" in state else len(held) if isinstance(held, list) else 1
    return None if outputs == several else "and its answers do not agree on their number"


def _kind(part: object) -> str:
    return f"{type(part).__module__}.{type(part).__qualname__}"


_CHECKS: dict[str, Callable[[object, State], str | None]] = {
    "sklearn.neighbors._base.NeighborsBase": _neighbors,
    "sklearn.svm._base.BaseLibSVM": _support_vectors,
    "sklearn.cluster._kmeans._BaseKMeans": _centers,
    "scipy.interpolate._bsplines.BSpline": _spline,
    "sklearn.ensemble._gb.BaseGradientBoosting": _boosting,
    "sklearn.ensemble._hist_gradient_boosting.gradient_boosting.BaseHistGradientBoosting": _histograms,
    "sklearn.preprocessing._encoders.OneHotEncoder": _one_hot,
    "sklearn.preprocessing._polynomial.PolynomialFeatures": _polynomials,
    "sklearn.preprocessing._polynomial.SplineTransformer": _splines,
    "sklearn.kernel_approximation.PolynomialCountSketch": _sketch,
    "sklearn.cluster._feature_agglomeration.AgglomerationTransform": _agglomeration,
    "sklearn.ensemble._voting.VotingClassifier": _voting,
    "sklearn.dummy.DummyRegressor": _dummy,
    "sklearn.dummy.DummyClassifier": _dummy,
}
