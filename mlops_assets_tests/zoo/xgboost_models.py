"""XGBoost: objectives, boosters, growth, native Boosters, categories of a DataFrame, names, wrappers."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import xgboost as xgb
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from xgboost import DMatrix, XGBClassifier, XGBRanker, XGBRegressor, XGBRFClassifier, XGBRFRegressor

from mlops_assets.trees.arrays import Space
from mlops_assets_tests.zoo import boosters
from mlops_assets_tests.zoo.boosters import categories, split_contributions, target_of
from mlops_assets_tests.zoo.case import Case, Fitted
from mlops_assets_tests.zoo.data import numbers, target

LIBRARY = "XGBoost"
FEW: Mapping[str, Any] = {"n_estimators": 4, "max_depth": 3}
SEVEN = partial(numbers, columns=7)


def fit(
    model: Callable[..., Any],
    kind: str,
    options: Mapping[str, Any],
    *,
    rows: Callable[[], pd.DataFrame] = numbers,
    own: bool = True,
    booster: bool = False,
    names: list[str] | None = None,
    more: Mapping[str, Any] | None = None,
) -> Fitted:
    """A model of `rows` for a kind of `target`. `own`: XGBoost has contributions; `booster`: the Booster is logged."""
    frame = rows()
    if names is not None:
        frame = frame.set_axis(names, axis="columns")
    coded = any(isinstance(dtype, pd.CategoricalDtype) for dtype in frame.dtypes)
    labels = target_of(frame, kind) if coded else target(frame, kind)
    fitted = model(**{**FEW, **options}).fit(frame, labels, **(more or {}))
    return referees(fitted.get_booster() if booster else fitted, frame, own=own)


def referees(model: Any, frame: pd.DataFrame, *, own: bool = True) -> Fitted:
    """XGBoost's own margin and contributions of a model."""
    bare = model.get_booster() if hasattr(model, "get_booster") else model

    def matrix(asked: pd.DataFrame) -> Any:
        return DMatrix(asked, missing=getattr(model, "missing", np.nan), enable_categorical=True)

    def margin(asked: pd.DataFrame) -> NDArray[np.float64]:
        answer = np.asarray(bare.predict(matrix(asked), output_margin=True), np.float64)
        return answer.reshape(len(asked), -1)

    def contributions(asked: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return split_contributions(bare.predict(matrix(asked), pred_contribs=True), len(asked), asked.shape[1])

    return Fitted(
        model,
        frame,
        margin=margin,
        contributions=contributions if own else None,
        game=boosters.game_where_read(model),
    )


case = partial(boosters.case, LIBRARY, fit)


LINKS: tuple[tuple[str, str, Space], ...] = (
    ("reg:squarederror", "number", "identity"),
    ("reg:squaredlogerror", "positive", "identity"),
    ("reg:pseudohubererror", "number", "identity"),
    ("reg:absoluteerror", "number", "identity"),
    ("count:poisson", "count", "log"),
    ("reg:gamma", "positive", "log"),
    ("reg:tweedie", "count", "log"),
    ("survival:cox", "positive", "log"),
)
REGRESSIONS = (
    *(
        case(f"regression, {objective}", boosters.REGRESSION, space, XGBRegressor, kind, {"objective": objective})
        for objective, kind, space in LINKS
    ),
    case(
        "regression, quantile",
        boosters.REGRESSION,
        "identity",
        XGBRegressor,
        "number",
        {"objective": "reg:quantileerror", "quantile_alpha": 0.8},
    ),
    case(
        "regression, quantiles",
        boosters.REGRESSION,
        "identity",
        XGBRegressor,
        "number",
        {"objective": "reg:quantileerror", "quantile_alpha": [0.1, 0.5, 0.9]},
        rows=SEVEN,
    ),
    case("regression, two targets", boosters.REGRESSION, "identity", XGBRegressor, "numbers"),
    case(
        "regression, vector leaves",
        boosters.REGRESSION,
        "identity",
        XGBRegressor,
        "numbers",
        {"multi_strategy": "multi_output_tree"},
        own=False,
    ),
    case("regression, logistic", boosters.BINARY, "log-odds", XGBRegressor, "codes", {"objective": "reg:logistic"}),
    case("regression, base score", boosters.REGRESSION, "identity", XGBRegressor, "number", {"base_score": 2.5}),
    case(
        "regression, missing",
        boosters.REGRESSION,
        "identity",
        XGBRegressor,
        "number",
        rows=partial(numbers, missing=True),
    ),
)

CLASSES = (
    case("binary", boosters.BINARY, "log-odds", XGBClassifier, "codes", quick=True),
    case(
        "binary, raw", boosters.BINARY, "log-odds", XGBClassifier, "codes", {"objective": "binary:logitraw"}, rows=SEVEN
    ),
    case(
        "binary, raw and small",
        boosters.BINARY,
        "log-odds",
        XGBClassifier,
        "codes",
        {"objective": "binary:logitraw", "learning_rate": 0.01, "base_score": 0.6},
        rows=SEVEN,
    ),
    case(
        "binary, raw, Booster",
        boosters.BINARY,
        "identity",
        XGBClassifier,
        "codes",
        {"objective": "binary:logitraw"},
        booster=True,
    ),
    case("binary, hinge", boosters.MARGIN, "margin", XGBClassifier, "codes", {"objective": "binary:hinge"}, rows=SEVEN),
    case(
        "binary, hinge, Booster",
        boosters.MARGIN,
        "margin",
        XGBClassifier,
        "codes",
        {"objective": "binary:hinge"},
        rows=SEVEN,
        booster=True,
    ),
    case("binary, Booster", boosters.BINARY, "log-odds", XGBClassifier, "codes", booster=True, rows=SEVEN),
    case("several labels", boosters.ONE_AGAINST_ALL, "log-odds", XGBClassifier, "labels", rows=SEVEN),
    case("multiclass", boosters.MULTICLASS, "softmax margin", XGBClassifier, "class codes"),
    case(
        "multiclass, softprob",
        boosters.MULTICLASS,
        "softmax margin",
        XGBClassifier,
        "class codes",
        {"objective": "multi:softprob"},
        rows=SEVEN,
    ),
    case(
        "multiclass, softmax",
        boosters.MULTICLASS,
        "softmax margin",
        XGBClassifier,
        "class codes",
        {"objective": "multi:softmax"},
        rows=SEVEN,
    ),
    case(
        "multiclass, softprob, Booster",
        boosters.MULTICLASS,
        "softmax margin",
        XGBClassifier,
        "class codes",
        {"objective": "multi:softprob"},
        rows=SEVEN,
        booster=True,
    ),
    case(
        "multiclass, softmax, Booster",
        boosters.MULTICLASS,
        "softmax margin",
        XGBClassifier,
        "class codes",
        {"objective": "multi:softmax"},
        rows=SEVEN,
        booster=True,
    ),
    case(
        "multiclass, vector leaves",
        boosters.MULTICLASS,
        "softmax margin",
        XGBClassifier,
        "class codes",
        {"multi_strategy": "multi_output_tree"},
        own=False,
        rows=SEVEN,
    ),
)


def trained(params: Mapping[str, Any], kind: str, rounds: int = 4, **more: Any) -> Fitted:
    """`xgboost.train`: a native Booster."""
    rows = numbers(columns=7)
    data = DMatrix(rows, target(rows, kind), **{name: value(rows) for name, value in more.items()})
    return referees(xgb.train({"max_depth": 3, **params}, data, rounds), rows)


def survival() -> Fitted:
    """Accelerated failure time."""
    rows = numbers(columns=7)
    data, time = DMatrix(rows), target(rows, "positive")
    data.set_float_info("label_lower_bound", time)
    data.set_float_info("label_upper_bound", time * 1.5)
    return referees(xgb.train({"objective": "survival:aft", "max_depth": 3}, data, 4), rows)


def native(
    name: str, family: str, space: Space, fit_it: Callable[[], Fitted], explainer: str = "TreeExplainer"
) -> Case:
    return Case(f"XGBoost {name}", LIBRARY, family, fit_it, explainer=explainer, space=space)


NATIVE = (
    native("train, logistic", boosters.BINARY, "log-odds", partial(trained, {"objective": "binary:logistic"}, "codes")),
    native(
        "train, softmax",
        boosters.MULTICLASS,
        "softmax margin",
        partial(trained, {"objective": "multi:softmax", "num_class": 3}, "class codes"),
    ),
    native(
        "train, base margin",
        boosters.REGRESSION,
        "identity",
        partial(trained, {}, "number", base_margin=lambda rows: rows["a"].to_numpy()),
    ),
    native("train, survival", boosters.REGRESSION, "log", survival),
    native(
        "train, pairs",
        boosters.REGRESSION,
        "identity",
        partial(trained, {"objective": "rank:pairwise"}, "class codes", qid=lambda rows: np.repeat([0, 1, 2], 40)),
    ),
    native(
        "train, squared error",
        boosters.REGRESSION,
        "identity",
        partial(trained, {"num_parallel_tree": 3, "subsample": 0.5, "colsample_bynode": 0.6}, "number", 2),
    ),
)

SHAPES = (
    case("dart", boosters.REGRESSION, "identity", XGBRegressor, "number", {"booster": "dart", "rate_drop": 0.5}),
    case(
        "dart, normalized by forest, binary",
        boosters.BINARY,
        "log-odds",
        XGBClassifier,
        "codes",
        {"booster": "dart", "rate_drop": 0.5, "normalize_type": "forest"},
    ),
    case("random forest", boosters.REGRESSION, "identity", XGBRFRegressor, "number"),
    case("random forest, classes", boosters.MULTICLASS, "softmax margin", XGBRFClassifier, "class codes"),
    case(
        "boosted forests",
        boosters.REGRESSION,
        "identity",
        XGBRegressor,
        "number",
        {"num_parallel_tree": 3, "subsample": 0.5},
    ),
    case(
        "leaf-wise",
        boosters.REGRESSION,
        "identity",
        XGBRegressor,
        "number",
        {"grow_policy": "lossguide", "max_leaves": 7, "max_depth": 0},
    ),
    case("exact splits", boosters.REGRESSION, "identity", XGBRegressor, "number", {"tree_method": "exact"}),
    case("monotone", boosters.REGRESSION, "identity", XGBRegressor, "number", {"monotone_constraints": (1, 0, 0, -1)}),
    case("ranker", boosters.REGRESSION, "identity", XGBRanker, "class codes", more={"group": [40, 40, 40]}),
    case(
        "ranker, map",
        boosters.REGRESSION,
        "identity",
        XGBRanker,
        "codes",
        {"objective": "rank:map"},
        more={"group": [60, 60]},
    ),
    case(
        "blanks in names",
        boosters.BINARY,
        "log-odds",
        XGBClassifier,
        "codes",
        names=["net income", "age", "debt ratio", "a b c", "x", "y z", "q"],
        rows=SEVEN,
    ),
)

LINEAR = (
    case(
        "linear",
        boosters.LINEAR,
        "identity",
        XGBRegressor,
        "number",
        {"booster": "gblinear"},
        own=False,
        explainer="LinearExplainer",
        rows=partial(numbers, columns=4),
    ),
    case(
        "linear, missing",
        boosters.LINEAR,
        "identity",
        XGBRegressor,
        "number",
        {"booster": "gblinear"},
        own=False,
        explainer="LinearExplainer",
        rows=partial(numbers, missing=True),
    ),
    case(
        "linear, binary",
        boosters.LINEAR,
        "log-odds",
        XGBClassifier,
        "codes",
        {"booster": "gblinear"},
        own=False,
        explainer="LinearExplainer",
        rows=SEVEN,
    ),
    case(
        "linear, multiclass",
        boosters.LINEAR,
        "softmax margin",
        XGBClassifier,
        "class codes",
        {"booster": "gblinear"},
        own=False,
        explainer="LinearExplainer",
    ),
    case(
        "linear, poisson",
        boosters.LINEAR,
        "log",
        XGBRegressor,
        "count",
        {"booster": "gblinear", "objective": "count:poisson"},
        own=False,
        explainer="LinearExplainer",
    ),
    case(
        "linear, Booster",
        boosters.LINEAR,
        "log-odds",
        XGBClassifier,
        "codes",
        {"booster": "gblinear"},
        own=False,
        explainer="LinearExplainer",
        booster=True,
        rows=SEVEN,
    ),
    case(
        "linear, softmax, Booster",
        boosters.LINEAR,
        "softmax margin",
        XGBClassifier,
        "class codes",
        {"booster": "gblinear", "objective": "multi:softmax"},
        own=False,
        explainer="LinearExplainer",
        booster=True,
    ),
)

CODED: Mapping[str, Any] = {"enable_categorical": True}
TABLES = (
    case(
        "text categories",
        boosters.CATEGORIES,
        "identity",
        XGBRegressor,
        "number",
        CODED,
        rows=partial(categories, "text"),
        quick=True,
    ),
    case(
        "text categories, missing",
        boosters.CATEGORIES,
        "log-odds",
        XGBClassifier,
        "codes",
        CODED,
        rows=partial(categories, "text", missing=True),
    ),
    case(
        "whole numbers as categories",
        boosters.CATEGORIES,
        "identity",
        XGBRegressor,
        "number",
        CODED,
        rows=partial(categories, "whole"),
    ),
    case(
        "whole numbers as categories, missing",
        boosters.CATEGORIES,
        "identity",
        XGBRegressor,
        "number",
        CODED,
        rows=partial(categories, "whole", missing=True),
    ),
    case(
        "categories of every kind",
        boosters.CATEGORIES,
        "softmax margin",
        XGBClassifier,
        "class codes",
        CODED,
        rows=partial(categories, "text", "whole", "ordered"),
    ),
    case(
        "many categories",
        boosters.CATEGORIES,
        "identity",
        XGBRegressor,
        "number",
        {**CODED, "max_cat_to_onehot": 2},
        rows=partial(categories, "many", "text"),
    ),
    case(
        "categories one by one",
        boosters.CATEGORIES,
        "identity",
        XGBRegressor,
        "number",
        {**CODED, "max_cat_to_onehot": 100},
        rows=partial(categories, "many", "text"),
    ),
    case(
        "categories, Booster",
        boosters.CATEGORIES,
        "log-odds",
        XGBClassifier,
        "codes",
        CODED,
        rows=partial(categories, "text", "whole"),
        booster=True,
    ),
    case(
        "categories, leaf-wise dart",
        boosters.CATEGORIES,
        "identity",
        XGBRegressor,
        "number",
        {**CODED, "booster": "dart", "grow_policy": "lossguide"},
        rows=partial(categories, "text", "many"),
    ),
)


def behind() -> Fitted:
    """Categories that a ColumnTransformer passes through to the booster."""
    rows = categories("text", "whole")
    columns = ColumnTransformer([("kept", "passthrough", ["text", "b"])], remainder="passthrough")
    model = Pipeline([("columns", columns.set_output(transform="pandas")), ("model", XGBRegressor(**FEW, **CODED))])
    model.fit(rows, target_of(rows, "number"))

    def margin(asked: pd.DataFrame) -> NDArray[np.float64]:
        return np.asarray(model.predict(asked), np.float64)[:, None]

    def contributions(asked: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        matrix = model[:-1].transform(asked)
        answer = model[-1].get_booster().predict(DMatrix(matrix, enable_categorical=True), pred_contribs=True)
        order = [[name.partition("__")[2] for name in matrix.columns].index(name) for name in asked.columns]
        values, base = split_contributions(answer, len(asked), asked.shape[1])
        return values[:, order], base

    return Fitted(model, rows, margin=margin, contributions=contributions)


def unseen() -> Fitted:
    """XGBoost refuses what was no category in training."""
    fitted = fit(XGBRegressor, "number", CODED, rows=partial(categories, "text"))
    asked = fitted.rows.head(12).copy()
    asked["text"] = pd.Categorical(["Paris", *asked["text"].astype(str)[1:]])
    return Fitted(fitted.model, fitted.rows, asked)


WRAPPED = (
    native("categories passed through", boosters.CATEGORIES, "identity", behind),
    Case(
        "XGBoost unseen categories",
        LIBRARY,
        boosters.CATEGORIES,
        unseen,
        outcome="refused",
        reason="that are none of the 4 categories the model was fitted on",
    ),
)

CASES: tuple[Case, ...] = (*REGRESSIONS, *CLASSES, *NATIVE, *SHAPES, *LINEAR, *TABLES, *WRAPPED)
