"""LightGBM: objectives, ways of boosting, links, categories of a DataFrame, names, wrappers."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
from lightgbm import LGBMClassifier, LGBMRanker, LGBMRegressor
from numpy.typing import NDArray
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from mlops_assets_tests.zoo import boosters
from mlops_assets_tests.zoo.boosters import categories, split_contributions, target_of
from mlops_assets_tests.zoo.case import Case, Fitted
from mlops_assets_tests.zoo.data import numbers, target

LIBRARY = "LightGBM"
FEW: Mapping[str, Any] = {"n_estimators": 4, "verbose": -1, "min_child_samples": 5, "num_leaves": 6}
GROUPED: Mapping[str, Any] = {"cat_smooth": 1, "min_data_per_group": 5}
Prepare = Callable[[pd.DataFrame], pd.DataFrame]


def fit(
    model: Callable[..., Any],
    kind: str,
    options: Mapping[str, Any],
    *,
    rows: Callable[[], pd.DataFrame] = numbers,
    scale: float = 1.0,
    own: bool = True,
    booster: bool = False,
    names: list[str] | None = None,
    more: Mapping[str, Any] | None = None,
    averaged: bool = False,
) -> Fitted:
    """A model of `rows` for a kind of `target`; `scale` times its raw score is explained.

    `own`: LightGBM has contributions of its own; `booster`: the Booster is logged; `averaged`: its raw score is a mean.
    """
    frame = rows()
    if names is not None:
        frame = frame.set_axis(names, axis="columns")
    labels = target_of(frame, kind) if _has_categories(frame) else target(frame, kind)
    fitted = model(**{**FEW, **options}).fit(frame, labels, **(more or {}))
    logged = fitted.booster_ if booster else fitted

    def margin(asked: pd.DataFrame) -> NDArray[np.float64]:
        answer = scale * np.asarray(logged.predict(asked, raw_score=True), np.float64)
        if averaged:
            answer /= FEW["n_estimators"]
        return answer.reshape(len(asked), -1)

    def contributions(asked: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return split_contributions(logged.predict(asked, pred_contrib=True), len(asked), asked.shape[1], scale)

    return Fitted(
        logged,
        frame,
        margin=margin,
        contributions=contributions if own and not averaged else None,
        game=boosters.game_of(logged),
    )


def _has_categories(frame: pd.DataFrame) -> bool:
    return any(isinstance(dtype, pd.CategoricalDtype) for dtype in frame.dtypes)


def squared_loss(labels: NDArray[Any], scores: NDArray[Any]) -> tuple[Any, Any]:
    """A regression's loss of one's own."""
    return scores - labels, np.ones(len(labels))


def logistic_loss(labels: NDArray[Any], scores: NDArray[Any]) -> tuple[Any, Any]:
    """A binary classifier's loss of one's own."""
    return 1 / (1 + np.exp(-scores)) - labels, np.full(len(labels), 0.25)


def softmax_loss(labels: NDArray[Any], scores: NDArray[Any]) -> tuple[Any, Any]:
    """A multiclass loss of one's own."""
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    return shares - np.eye(scores.shape[1])[labels.astype(int)], np.full(scores.shape, 0.5)


case = partial(boosters.case, LIBRARY, fit)


REGRESSIONS = tuple(
    case(f"regression, {objective}", boosters.REGRESSION, "identity", LGBMRegressor, "number", {"objective": objective})
    for objective in ("regression", "regression_l1", "huber", "fair", "quantile", "mape")
) + tuple(
    case(f"regression, {objective}", boosters.REGRESSION, "log", LGBMRegressor, kind, {"objective": objective})
    for objective, kind in (("poisson", "count"), ("gamma", "positive"), ("tweedie", "count"))
)

CLASSES = (
    case("binary", boosters.BINARY, "log-odds", LGBMClassifier, "binary", quick=True),
    case("binary, missing", boosters.BINARY, "log-odds", LGBMClassifier, "binary", rows=partial(numbers, missing=True)),
    case("binary, sigmoid 1.7", boosters.BINARY, "log-odds", LGBMClassifier, "binary", {"sigmoid": 1.7}, scale=1.7),
    case(
        "binary, sigmoid 0.5, Booster",
        boosters.BINARY,
        "log-odds",
        LGBMClassifier,
        "codes",
        {"sigmoid": 0.5},
        scale=0.5,
        booster=True,
    ),
    case("binary, unbalanced", boosters.BINARY, "log-odds", LGBMClassifier, "codes", {"is_unbalance": True}),
    case(
        "binary, eight columns", boosters.BINARY, "log-odds", LGBMClassifier, "codes", rows=partial(numbers, columns=8)
    ),
    case("multiclass", boosters.MULTICLASS, "softmax margin", LGBMClassifier, "classes"),
    case("multiclass, Booster", boosters.MULTICLASS, "softmax margin", LGBMClassifier, "class codes", booster=True),
    case(
        "multiclass, one against all",
        boosters.ONE_AGAINST_ALL,
        "log-odds",
        LGBMClassifier,
        "classes",
        {"objective": "multiclassova"},
    ),
    case(
        "multiclass, one against all, sigmoid 2",
        boosters.ONE_AGAINST_ALL,
        "log-odds",
        LGBMClassifier,
        "classes",
        {"objective": "multiclassova", "sigmoid": 2.0},
        scale=2.0,
        rows=partial(numbers, columns=7),
    ),
    case(
        "multiclass, one against all, Booster",
        boosters.ONE_AGAINST_ALL,
        "log-odds",
        LGBMClassifier,
        "class codes",
        {"objective": "multiclassova"},
        booster=True,
    ),
    case(
        "cross entropy",
        boosters.BINARY,
        "log-odds",
        LGBMRegressor,
        "codes",
        {"objective": "cross_entropy"},
        rows=partial(numbers, columns=7),
    ),
)

MARGINS = (
    case(
        "cross entropy, lambda",
        boosters.MARGIN,
        "margin",
        LGBMRegressor,
        "codes",
        {"objective": "cross_entropy_lambda"},
        rows=partial(numbers, columns=7),
    ),
    case("square root", boosters.MARGIN, "margin", LGBMRegressor, "positive", {"reg_sqrt": True}, quick=True),
    case(
        "square root, Booster of eight columns",
        boosters.MARGIN,
        "margin",
        LGBMRegressor,
        "positive",
        {"reg_sqrt": True},
        booster=True,
        rows=partial(numbers, columns=8),
    ),
    case("own loss", boosters.REGRESSION, "identity", LGBMRegressor, "number", {"objective": squared_loss}),
    case("own loss, binary", boosters.MARGIN, "identity", LGBMClassifier, "codes", {"objective": logistic_loss}),
    case(
        "own loss, labels of text",
        boosters.MARGIN,
        "identity",
        LGBMClassifier,
        "binary",
        {"objective": logistic_loss},
        rows=partial(numbers, columns=7),
    ),
    case("own loss, classes", boosters.MARGIN, "margin", LGBMClassifier, "class codes", {"objective": softmax_loss}),
)

SHAPES = (
    case(
        "random forest",
        boosters.REGRESSION,
        "identity",
        LGBMRegressor,
        "number",
        {"boosting_type": "rf", "bagging_freq": 1, "bagging_fraction": 0.5},
        averaged=True,
    ),
    case(
        "random forest, binary",
        boosters.BINARY,
        "log-odds",
        LGBMClassifier,
        "binary",
        {"boosting_type": "rf", "bagging_freq": 1, "bagging_fraction": 0.5},
        averaged=True,
    ),
    case("dart", boosters.REGRESSION, "identity", LGBMRegressor, "number", {"boosting_type": "dart", "drop_rate": 0.5}),
    case("goss", boosters.REGRESSION, "identity", LGBMRegressor, "number", {"data_sample_strategy": "goss"}),
    case("zero is missing", boosters.REGRESSION, "identity", LGBMRegressor, "number", {"zero_as_missing": True}),
    case("missing not used", boosters.REGRESSION, "identity", LGBMRegressor, "number", {"use_missing": False}),
    case("extra trees", boosters.REGRESSION, "identity", LGBMRegressor, "number", {"extra_trees": True}),
    case("stumps", boosters.REGRESSION, "identity", LGBMRegressor, "number", {"num_leaves": 2}),
    case("a single leaf", boosters.REGRESSION, "identity", LGBMRegressor, "number", {"min_child_samples": 500}),
    case("monotone", boosters.REGRESSION, "identity", LGBMRegressor, "number", {"monotone_constraints": [1, 0, 0, -1]}),
    case("ranker", boosters.REGRESSION, "identity", LGBMRanker, "class codes", more={"group": [40, 40, 40]}),
    case(
        "ranker, xendcg",
        boosters.REGRESSION,
        "identity",
        LGBMRanker,
        "class codes",
        {"objective": "rank_xendcg"},
        more={"group": [60, 60]},
    ),
    case(
        "blanks in names",
        boosters.BINARY,
        "log-odds",
        LGBMClassifier,
        "binary",
        rows=partial(numbers, columns=7),
        names=["net income", "age", "debt ratio", "a_b", "x y z", " lead", "tail "],
    ),
    case(
        "names that are numbers", boosters.REGRESSION, "identity", LGBMRegressor, "number", names=["0", "1", "2", "3"]
    ),
)

TABLES = (
    case(
        "text categories",
        boosters.CATEGORIES,
        "identity",
        LGBMRegressor,
        "number",
        GROUPED,
        rows=partial(categories, "text"),
        quick=True,
    ),
    case(
        "text categories, missing",
        boosters.CATEGORIES,
        "log-odds",
        LGBMClassifier,
        "binary",
        GROUPED,
        rows=partial(categories, "text", missing=True),
    ),
    case(
        "whole numbers as categories",
        boosters.CATEGORIES,
        "identity",
        LGBMRegressor,
        "number",
        GROUPED,
        rows=partial(categories, "whole"),
    ),
    case(
        "whole numbers as categories, missing",
        boosters.CATEGORIES,
        "identity",
        LGBMRegressor,
        "number",
        GROUPED,
        rows=partial(categories, "whole", missing=True),
    ),
    case(
        "floats as categories",
        boosters.CATEGORIES,
        "identity",
        LGBMRegressor,
        "number",
        GROUPED,
        rows=partial(categories, "float"),
    ),
    case(
        "booleans as categories",
        boosters.CATEGORIES,
        "identity",
        LGBMRegressor,
        "number",
        GROUPED,
        rows=partial(categories, "bool"),
    ),
    case(
        "ordered categories",
        boosters.CATEGORIES,
        "identity",
        LGBMRegressor,
        "number",
        GROUPED,
        rows=partial(categories, "ordered"),
    ),
    case(
        "categories of every kind",
        boosters.CATEGORIES,
        "softmax margin",
        LGBMClassifier,
        "classes",
        GROUPED,
        rows=partial(categories, "text", "whole", "ordered", "float", "bool"),
    ),
    case(
        "many categories",
        boosters.CATEGORIES,
        "identity",
        LGBMRegressor,
        "number",
        {**GROUPED, "max_cat_threshold": 40},
        rows=partial(categories, "many"),
    ),
    case(
        "categories, one against all",
        boosters.CATEGORIES,
        "log-odds",
        LGBMClassifier,
        "classes",
        {**GROUPED, "objective": "multiclassova"},
        rows=partial(categories, "text", "many"),
    ),
    case(
        "categories, Booster",
        boosters.CATEGORIES,
        "identity",
        LGBMRegressor,
        "number",
        GROUPED,
        rows=partial(categories, "text", "whole"),
        booster=True,
    ),
    case(
        "categories, blanks in names",
        boosters.CATEGORIES,
        "identity",
        LGBMRegressor,
        "number",
        GROUPED,
        rows=partial(categories, "text", "ordered"),
        names=["net income", "b", "home town", "level of it"],
    ),
    case(
        "categories beside codes",
        boosters.CATEGORIES,
        "identity",
        LGBMRegressor,
        "number",
        GROUPED,
        rows=partial(categories, "ordered", "whole"),
        more={"categorical_feature": ["whole"]},
    ),
)


def unseen() -> Fitted:
    """Rows with text that training did not see: missing values to LightGBM."""
    fitted = fit(LGBMRegressor, "number", GROUPED, rows=partial(categories, "text", "whole"))
    asked = fitted.rows.head(12).copy()
    asked["text"] = pd.Categorical(["Paris", *asked["text"].astype(str)[1:]])
    asked["whole"] = pd.Categorical([7, 99, *asked["whole"].astype(int)[2:]])

    def game(rows: pd.DataFrame) -> Any:
        known = fitted.rows.dtypes
        return boosters.game_of(fitted.model)(rows.assign(**{c: rows[c].astype(known[c]) for c in ("text", "whole")}))

    return Fitted(fitted.model, fitted.rows, asked, fitted.margin, fitted.contributions, game)


def behind(search: bool = False, scaled: bool = False) -> Fitted:
    """Categories that a ColumnTransformer passes through to the booster."""
    rows = categories("text", "whole")
    parts = [("scaled", StandardScaler(), ["a", "b"])] if scaled else []
    columns = ColumnTransformer(parts, remainder="passthrough").set_output(transform="pandas")
    model: Any = Pipeline([("columns", columns), ("model", LGBMRegressor(**{**FEW, **GROUPED}))])
    if search:
        model = GridSearchCV(model, {"model__num_leaves": [4, 6]}, cv=2)
    model.fit(rows, target_of(rows, "number"))
    best = model.best_estimator_ if search else model

    def margin(asked: pd.DataFrame) -> NDArray[np.float64]:
        return np.asarray(best.predict(asked), np.float64)[:, None]

    def contributions(asked: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        matrix = best[:-1].transform(asked)
        return split_contributions(best[-1].predict(matrix, pred_contrib=True), len(asked), asked.shape[1])

    return Fitted(
        model,
        rows,
        margin=margin,
        contributions=contributions,
        game=lambda asked: boosters.game_of(best[-1])(best[:-1].transform(asked)),
    )


def part_of(wrap: Callable[[Any], Any], kind: str) -> Fitted:
    """Categories that a model made of several models hands to its boosters."""
    rows = categories("text", "whole")
    known = target_of(rows, "number")
    labels = np.column_stack([known, -known]) if kind == "numbers" else target_of(rows, kind)
    model = wrap((LGBMClassifier if kind == "binary" else LGBMRegressor)(**{**FEW, **GROUPED})).fit(rows, labels)

    def margin(asked: pd.DataFrame) -> NDArray[np.float64]:
        if kind != "binary":
            return np.asarray(model.predict(asked), np.float64).reshape(len(asked), -1)
        probability = model.predict_proba(asked)
        return np.asarray(np.log(probability[:, 1:] / probability[:, :1]))

    return Fitted(model, rows, margin=margin)


def linear_leaves(model: Callable[..., Any], kind: str, options: Mapping[str, Any], **more: Any) -> Fitted:
    """Linear models in the leaves: no sum of constants, so no path-dependent values and none of LightGBM's own."""
    return replace(fit(model, kind, {**options, "linear_tree": True}, own=False, **more), game=None)


linear = partial(boosters.case, LIBRARY, linear_leaves, explainer="LinearTreeExplainer")


def trained() -> Fitted:
    """`lightgbm.train`, early stopping: predicts with its best iteration."""
    rows = numbers(columns=7)
    labels = target(rows, "number")
    data = lgb.Dataset(rows, labels, free_raw_data=False)
    noise = np.random.default_rng(5).normal(size=len(rows))
    valid = lgb.Dataset(rows, noise, reference=data)
    model = lgb.train(
        {"verbose": -1, "num_leaves": 6, "min_data_in_leaf": 5},
        data,
        40,
        [valid],
        callbacks=[lgb.early_stopping(3, verbose=False)],
    )
    return Fitted(model, rows, margin=lambda asked: np.asarray(model.predict(asked, raw_score=True))[:, None])


WRAPPED = (
    Case(
        "LightGBM unseen categories", LIBRARY, boosters.CATEGORIES, unseen, explainer="TreeExplainer", space="identity"
    ),
    Case(
        "LightGBM categories passed through",
        LIBRARY,
        boosters.CATEGORIES,
        behind,
        explainer="TreeExplainer",
        space="identity",
    ),
    Case(
        "LightGBM categories beside scaled columns",
        LIBRARY,
        boosters.CATEGORIES,
        partial(behind, scaled=True),
        explainer="TreeExplainer",
        space="identity",
    ),
    Case(
        "LightGBM categories in a search",
        LIBRARY,
        boosters.CATEGORIES,
        partial(behind, search=True),
        explainer="TreeExplainer",
        space="identity",
    ),
    Case(
        "LightGBM categories in several regressions",
        LIBRARY,
        boosters.CATEGORIES,
        partial(part_of, MultiOutputRegressor, "numbers"),
        explainer="SumExplainer",
        space="identity",
    ),
    Case(
        "LightGBM categories in one sigmoid",
        LIBRARY,
        boosters.CATEGORIES,
        partial(part_of, lambda model: CalibratedClassifierCV(model, ensemble=False, cv=2), "binary"),
        explainer="SumExplainer",
        space="log-odds",
    ),
    Case(
        "LightGBM train, best iteration",
        LIBRARY,
        boosters.REGRESSION,
        trained,
        explainer="TreeExplainer",
        space="identity",
    ),
)

LINEAR_LEAVES = (
    linear("linear leaves", boosters.LINEAR_LEAVES, "identity", LGBMRegressor, "number", quick=True),
    linear(
        "linear leaves, missing",
        boosters.LINEAR_LEAVES,
        "identity",
        LGBMRegressor,
        "number",
        rows=partial(numbers, columns=7, missing=True),
    ),
    linear("linear leaves, poisson", boosters.LINEAR_LEAVES, "log", LGBMRegressor, "count", {"objective": "poisson"}),
    linear("linear leaves, binary", boosters.LINEAR_LEAVES, "log-odds", LGBMClassifier, "binary"),
    linear(
        "linear leaves, sigmoid 0.5, Booster",
        boosters.LINEAR_LEAVES,
        "log-odds",
        LGBMClassifier,
        "codes",
        {"sigmoid": 0.5},
        scale=0.5,
        booster=True,
    ),
    linear(
        "linear leaves, multiclass",
        boosters.LINEAR_LEAVES,
        "softmax margin",
        LGBMClassifier,
        "classes",
        rows=partial(numbers, missing=True),
    ),
    linear(
        "linear leaves, random forest",
        boosters.LINEAR_LEAVES,
        "identity",
        LGBMRegressor,
        "number",
        {"boosting_type": "rf", "bagging_freq": 1, "bagging_fraction": 0.5},
        averaged=True,
    ),
    linear("linear leaves, dart", boosters.LINEAR_LEAVES, "identity", LGBMRegressor, "number", {"boosting": "dart"}),
    linear(
        "linear leaves, square root", boosters.LINEAR_LEAVES, "margin", LGBMRegressor, "positive", {"reg_sqrt": True}
    ),
    linear(
        "linear leaves, categories",
        boosters.LINEAR_LEAVES,
        "identity",
        LGBMRegressor,
        "number",
        GROUPED,
        rows=partial(categories, "text", "whole", missing=True),
    ),
)

CASES: tuple[Case, ...] = (*REGRESSIONS, *CLASSES, *MARGINS, *SHAPES, *TABLES, *LINEAR_LEAVES, *WRAPPED)
