"""CatBoost: losses, ways of growing, categories, texts, ranking."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from catboost import CatBoost, CatBoostClassifier, CatBoostRanker, CatBoostRegressor, Pool
from numpy.typing import NDArray

from mlops_assets.trees.arrays import Space
from mlops_assets_tests.zoo import boosters
from mlops_assets_tests.zoo.boosters import split_contributions
from mlops_assets_tests.zoo.case import Case, Fitted
from mlops_assets_tests.zoo.data import numbers, target

LIBRARY = "CatBoost"
FEW: Mapping[str, Any] = {"iterations": 4, "depth": 3, "verbose": 0, "allow_writing_files": False, "random_seed": 0}
SEVEN = partial(numbers, columns=7)
TREE, NATIVE = "TreeExplainer", "NativeExplainer"


def mixed(*, missing: bool = False) -> pd.DataFrame:
    """Doubles, a column of text and one of whole numbers."""
    random = np.random.default_rng(2)
    frame = numbers(columns=2, missing=missing)
    frame["city"] = random.choice(["Bergen", "Oslo", "Tromso", "Ålesund"], len(frame))
    frame["grade"] = random.integers(1, 9, len(frame))
    return frame


def fit(
    model: Callable[..., Any],
    kind: str,
    options: Mapping[str, Any],
    *,
    rows: Callable[[], pd.DataFrame] = numbers,
    more: Mapping[str, Any] | None = None,
    own: bool = True,
) -> Fitted:
    """A model of `rows` for a kind of `target`, with CatBoost's own margin and contributions."""
    frame = rows()
    labels = target(frame, kind)
    if kind in ("number", "binary") and "city" in frame:
        moved = frame["a"].fillna(0) + 2.0 * (frame["city"] == "Oslo") + frame["grade"] / 4
        labels = moved.to_numpy() if kind == "number" else np.where(moved > moved.median(), "yes", "no")
    fitted = model(**{**FEW, **options}).fit(frame, labels, **(more or {}))
    return referees(fitted, frame, own=own)


def referees(model: Any, frame: pd.DataFrame, *, own: bool = True) -> Fitted:
    """CatBoost's own margin and contributions of a model."""

    def margin(asked: pd.DataFrame) -> NDArray[np.float64]:
        answer = np.asarray(CatBoost.predict(model, asked, prediction_type="RawFormulaVal"), np.float64)
        return answer.reshape(len(asked), -1)

    def contributions(asked: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        pool = Pool(asked, cat_features=model.get_cat_feature_indices())
        answer = model.get_feature_importance(pool, type="ShapValues", shap_calc_type="Regular")
        return split_contributions(answer, len(asked), asked.shape[1])

    # CatBoost explains the first of two parts, and its contributions to leaf-wise trees do not add up.
    params = model.get_all_params()
    own = own and params["loss_function"] != "RMSEWithUncertainty" and params["grow_policy"] != "Lossguide"
    return Fitted(
        model,
        frame,
        margin=margin,
        contributions=contributions if own else None,
        game=boosters.game_where_read(model),
    )


case = partial(boosters.case, LIBRARY, fit)


LOSSES: tuple[tuple[str, str, Space], ...] = (
    ("RMSE", "number", "identity"),
    ("MAE", "number", "identity"),
    ("Quantile:alpha=0.8", "number", "identity"),
    ("MAPE", "positive", "identity"),
    ("Huber:delta=1.0", "number", "identity"),
    ("Expectile:alpha=0.3", "number", "identity"),
    ("LogCosh", "number", "identity"),
    ("Lq:q=3", "number", "identity"),
    ("Poisson", "count", "log"),
    ("Tweedie:variance_power=1.5", "count", "log"),
    ("LogLinQuantile:alpha=0.5", "positive", "identity"),
    ("MultiQuantile:alpha=0.1,0.5,0.9", "number", "identity"),
    ("MultiRMSE", "numbers", "identity"),
    ("RMSEWithUncertainty", "number", "margin"),
)
REGRESSIONS = tuple(
    case(
        f"regression, {loss}",
        boosters.MARGIN if space == "margin" else boosters.REGRESSION,
        space,
        CatBoostRegressor,
        kind,
        {"loss_function": loss},
        rows=SEVEN,
    )
    for loss, kind, space in LOSSES
)

CLASSES = (
    case("binary", boosters.BINARY, "log-odds", CatBoostClassifier, "binary", quick=True),
    case(
        "binary, cross entropy",
        boosters.BINARY,
        "log-odds",
        CatBoostClassifier,
        "codes",
        {"loss_function": "CrossEntropy"},
        rows=SEVEN,
    ),
    case(
        "binary, focal",
        boosters.BINARY,
        "log-odds",
        CatBoostClassifier,
        "codes",
        {"loss_function": "Focal:focal_alpha=0.3;focal_gamma=2.0"},
        rows=SEVEN,
    ),
    case(
        "binary, missing",
        boosters.BINARY,
        "log-odds",
        CatBoostClassifier,
        "binary",
        rows=partial(numbers, missing=True),
    ),
    case(
        "binary, missing is large",
        boosters.BINARY,
        "log-odds",
        CatBoostClassifier,
        "binary",
        {"nan_mode": "Max"},
        rows=partial(numbers, missing=True),
    ),
    case(
        "binary, CatBoost of a loss",
        boosters.BINARY,
        "identity",
        lambda **o: CatBoost(o),
        "codes",
        {"loss_function": "Logloss"},
        rows=SEVEN,
    ),
    case("multiclass", boosters.MULTICLASS, "softmax margin", CatBoostClassifier, "classes"),
    case(
        "multiclass, one against all",
        boosters.ONE_AGAINST_ALL,
        "log-odds",
        CatBoostClassifier,
        "classes",
        {"loss_function": "MultiClassOneVsAll"},
        rows=SEVEN,
    ),
    case(
        "several labels",
        boosters.ONE_AGAINST_ALL,
        "log-odds",
        CatBoostClassifier,
        "labels",
        {"loss_function": "MultiLogloss"},
        rows=SEVEN,
    ),
)

SHAPES = (
    case(
        "monotone",
        boosters.REGRESSION,
        "identity",
        CatBoostRegressor,
        "number",
        {"monotone_constraints": [1, 0, 0, -1]},
        own=False,
    ),
    case(
        "depthwise",
        boosters.REGRESSION,
        "identity",
        CatBoostRegressor,
        "number",
        {"grow_policy": "Depthwise"},
        rows=SEVEN,
    ),
    case(
        "leaf-wise",
        boosters.REGRESSION,
        "identity",
        CatBoostRegressor,
        "number",
        {"grow_policy": "Lossguide", "max_leaves": 6},
        rows=SEVEN,
    ),
    case(
        "depthwise, missing, binary",
        boosters.BINARY,
        "log-odds",
        CatBoostClassifier,
        "binary",
        {"grow_policy": "Depthwise"},
        rows=partial(numbers, missing=True, columns=7),
    ),
    case(
        "depthwise, missing, several labels",
        boosters.ONE_AGAINST_ALL,
        "log-odds",
        CatBoostClassifier,
        "labels",
        {"grow_policy": "Depthwise", "loss_function": "MultiLogloss"},
        rows=partial(numbers, missing=True, columns=7),
        own=False,
    ),
    case(
        "leaf-wise, one against all",
        boosters.ONE_AGAINST_ALL,
        "log-odds",
        CatBoostClassifier,
        "classes",
        {"grow_policy": "Lossguide", "loss_function": "MultiClassOneVsAll"},
        rows=SEVEN,
    ),
    case(
        "depthwise, mean and spread",
        boosters.MARGIN,
        "margin",
        CatBoostRegressor,
        "number",
        {"grow_policy": "Depthwise", "loss_function": "RMSEWithUncertainty"},
        rows=SEVEN,
    ),
    case(
        "leaf-wise, poisson",
        boosters.REGRESSION,
        "log",
        CatBoostRegressor,
        "count",
        {"grow_policy": "Lossguide", "loss_function": "Poisson"},
        rows=SEVEN,
    ),
    case(
        "ordered boosting", boosters.REGRESSION, "identity", CatBoostRegressor, "number", {"boosting_type": "Ordered"}
    ),
    case("langevin", boosters.REGRESSION, "identity", CatBoostRegressor, "number", {"langevin": True}),
    case(
        "blanks in names",
        boosters.REGRESSION,
        "identity",
        CatBoostRegressor,
        "number",
        rows=lambda: numbers().set_axis(["net income", "a[b]", "x < y", "d"], axis="columns"),
    ),
    *(
        case(
            f"ranker, {loss}",
            boosters.REGRESSION,
            "identity",
            CatBoostRanker,
            "codes",
            {"loss_function": loss},
            rows=SEVEN,
            more={"group_id": np.repeat([0, 1, 2], 40)},
        )
        for loss in ("YetiRank", "QueryRMSE", "PairLogit", "QuerySoftMax")
    ),
)

CODED: Mapping[str, Any] = {"cat_features": ["city", "grade"]}
TABLES = (
    case(
        "text categories",
        boosters.TEXTS,
        "identity",
        CatBoostRegressor,
        "number",
        CODED,
        rows=mixed,
        quick=True,
    ),
    case(
        "text categories, binary",
        boosters.TEXTS,
        "log-odds",
        CatBoostClassifier,
        "binary",
        CODED,
        rows=mixed,
    ),
    case(
        "text categories one by one",
        boosters.TEXTS,
        "identity",
        CatBoostRegressor,
        "number",
        {**CODED, "one_hot_max_size": 20},
        rows=mixed,
    ),
    case(
        "text categories, depthwise",
        boosters.TEXTS,
        "identity",
        CatBoostRegressor,
        "number",
        {**CODED, "grow_policy": "Depthwise"},
        rows=mixed,
    ),
    case(
        "text categories, missing numbers",
        boosters.TEXTS,
        "identity",
        CatBoostRegressor,
        "number",
        CODED,
        rows=partial(mixed, missing=True),
    ),
    case(
        "text categories together",
        boosters.TEXTS,
        "identity",
        CatBoostRegressor,
        "number",
        {**CODED, "max_ctr_complexity": 4},
        rows=mixed,
        explainer=NATIVE,
    ),
)


def unseen() -> Fitted:
    """CatBoost takes a category that training did not see."""
    fitted = fit(CatBoostRegressor, "number", CODED, rows=mixed)
    asked = fitted.rows.head(12).copy()
    asked["city"] = ["Paris", *asked["city"][1:]]
    return Fitted(fitted.model, fitted.rows, asked, fitted.margin, fitted.contributions, fitted.game)


def hollow() -> Fitted:
    """CatBoost takes no missing category."""
    fitted = fit(CatBoostRegressor, "number", CODED, rows=mixed)
    asked = fitted.rows.head(12).copy()
    asked["city"] = [None, None, *asked["city"][2:]]
    return Fitted(fitted.model, fitted.rows, asked)


def texts() -> Fitted:
    """Words, which only CatBoost itself can follow through its trees."""
    random = np.random.default_rng(4)
    rows = numbers(columns=6)
    words = np.array(["good", "bad", "late", "fast", "rude", "kind"])
    rows["review"] = [" ".join(random.choice(words, 5)) for _ in range(len(rows))]
    labels = (rows["review"].str.contains("good") & (rows["a"] > -0.5)).astype(int)
    model = CatBoostClassifier(**FEW, text_features=["review"]).fit(rows, labels)
    return Fitted(model, rows, margin=lambda asked: model.predict(asked, prediction_type="RawFormulaVal")[:, None])


WRAPPED = (
    Case("CatBoost unseen categories", LIBRARY, boosters.TEXTS, unseen, explainer=TREE, space="identity"),
    Case(
        "CatBoost missing categories",
        LIBRARY,
        boosters.TEXTS,
        hollow,
        outcome="refused",
        reason="CatBoost takes no missing category",
    ),
    Case(
        "CatBoost texts",
        LIBRARY,
        boosters.TEXTS,
        texts,
        explainer=NATIVE,
        space="log-odds",
        native_libraries=True,
    ),
)

CASES: tuple[Case, ...] = (*REGRESSIONS, *CLASSES, *SHAPES, *TABLES, *WRAPPED)
