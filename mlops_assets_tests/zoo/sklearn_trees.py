"""scikit-learn's trees, forests, bagging, boosting and isolation forests."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from sklearn import ensemble as e
from sklearn import tree as t
from sklearn.linear_model import LinearRegression

from mlops_assets.trees.arrays import Space
from mlops_assets_tests.zoo.case import Case, Fitted
from mlops_assets_tests.zoo.data import numbers, target
from mlops_assets_tests.zoo.games import Game, weighted_sum
from mlops_assets_tests.zoo.sklearn_games import boosting_game, column_game, forest_game, positive

LIBRARY = "scikit-learn"
REGRESSION = "decision trees, forests, extra trees, bagging of trees: regression"
CLASSIFICATION = "decision trees, forests, extra trees, bagging of trees: classification"
BOOSTING = "gradient boosting: regression"
BOOSTED_CLASSES = "gradient boosting: classification"

Referee = Callable[[Any, pd.DataFrame], Game]


def fit(model: Any, kind: str, ask: str, referee: Referee | None = None, weights: bool = False, **data: Any) -> Fitted:
    """A model of `numbers` for a kind of `target`, whose method `ask` is its margin."""
    rows = numbers(**data)
    options = {"sample_weight": np.where(rows.iloc[:, 0] > 0.5, 0.0, 1.0)} if weights else {}
    fitted = model.fit(rows, target(rows, kind), **options)
    game = None if referee is None else partial(referee, fitted)
    return Fitted(fitted, rows, margin=partial(margin_of, fitted, ask), game=game)


def margin_of(model: Any, ask: str, rows: pd.DataFrame | np.ndarray) -> np.ndarray:
    """What a method answers; of two probabilities the second, of several outputs all side by side."""
    if ask == "log":
        return np.asarray(np.log(model.predict(rows)))
    answer = getattr(model, ask)(rows)
    if isinstance(answer, list):
        return np.concatenate([one[:, 1:] if one.shape[1] == 2 else one for one in answer], axis=1)
    answer = np.asarray(answer, np.float64)
    return answer[:, 1:] if ask == "predict_proba" and answer.shape[1] == 2 else answer.reshape(len(rows), -1)


def case(
    name: str, family: str, space: Space, model: Any, kind: str, ask: str, *, quick: bool = False, **more: Any
) -> Case:
    """An exact case of `TreeExplainer`."""
    return Case(
        name, LIBRARY, family, partial(fit, model, kind, ask, **more), "exact", "TreeExplainer", space, quick=quick
    )


def _several_outputs(model: Any, rows: pd.DataFrame) -> Game:
    game = forest_game(model, rows)
    places, start = [], 0
    for labels in model.classes_:
        places += [start + 1] if len(labels) == 2 else list(range(start, start + len(labels)))
        start += len(labels)
    return Game(lambda known: game.worth(known)[:, places], game.columns)


def _bagged(model: Any, rows: pd.DataFrame) -> Game:
    parts = []
    for tree, columns in zip(model.estimators_, model.estimators_features_, strict=True):
        inner, place = forest_game(tree, rows.iloc[:, columns]), {int(column): k for k, column in enumerate(columns)}

        def worth(known: frozenset[int], inner: Game = inner, place: dict[int, int] = place, tree: Any = tree) -> Any:
            found = inner.worth(frozenset(place[column] for column in known if column in place))
            if not hasattr(model, "classes_"):
                return found
            spread = np.zeros((len(found), len(model.classes_)))
            spread[:, np.asarray(tree.classes_, int)] = found
            return spread

        parts.append((1 / len(model.estimators_), Game(worth, rows.shape[1])))
    return weighted_sum(parts)


def _isolated(feature_share: float, rows: int) -> Fitted:
    data = numbers(seed=3)
    model = e.IsolationForest(n_estimators=6, max_samples=rows, max_features=feature_share, random_state=0).fit(data)

    def expected(n: int) -> float:
        return 0.0 if n <= 1 else 1.0 if n == 2 else 2 * (np.log(n - 1) + np.euler_gamma) - 2 * (n - 1) / n

    def lengths(scores: Any) -> Any:
        # score = -2 ** (-length / expected(rows)): Liu, Ting and Zhou 2008
        return -np.log2(-np.asarray(scores)) * expected(rows)

    def margin(frame: pd.DataFrame) -> np.ndarray:
        return np.asarray(lengths(model.score_samples(frame)) - lengths(model.offset_)).reshape(-1, 1)

    def contributions(frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        import shap

        explainer = shap.TreeExplainer(model)
        values = np.asarray(explainer.shap_values(frame.to_numpy())).reshape(len(frame), frame.shape[1], 1)
        return values, np.asarray(explainer.expected_value).reshape(1) - lengths(model.offset_)

    return Fitted(model, data, margin=margin, contributions=contributions)


def _starts_from_a_line() -> Fitted:
    rows = numbers()
    asked = rows.head(20)
    model = e.GradientBoostingRegressor(n_estimators=5, init=LinearRegression()).fit(rows, target(rows, "number"))

    def game(judged: pd.DataFrame) -> Game:
        line = column_game(lambda frame: model.init_.predict(frame.to_numpy(np.float32)), judged, asked)
        return weighted_sum([(1.0, line), (1.0, boosting_game(model, judged, 0.0))])

    return Fitted(model, rows, asked=asked, margin=partial(margin_of, model, "predict"), game=game)


def _twice(model: Any, ask: str, kind: str) -> Fitted:
    """Log-odds that are twice the decision function: exponential loss."""
    fitted = fit(model, kind, ask)
    return Fitted(fitted.model, fitted.rows, margin=lambda rows: 2 * margin_of(fitted.model, ask, rows))


def _vote() -> Fitted:
    """AdaBoost of several classes: the softmax is that of the decision function over the number of other classes."""
    fitted = fit(e.AdaBoostClassifier(n_estimators=5, random_state=0), "classes", "decision_function")
    return Fitted(fitted.model, fitted.rows, margin=lambda rows: fitted.model.decision_function(rows) / 2)


FEW: dict[str, Any] = {"n_estimators": 4, "max_depth": 4, "random_state": 0}
STAGES: dict[str, Any] = {"n_estimators": 6, "random_state": 0}

CASES: tuple[Case, ...] = (
    case("decision tree", REGRESSION, "identity", t.DecisionTreeRegressor(max_depth=4), "number", "predict",
         referee=forest_game, quick=True),
    case("decision tree, missing values", REGRESSION, "identity", t.DecisionTreeRegressor(max_depth=4), "number",
         "predict", referee=forest_game, missing=True),
    case("decision tree, absolute error", REGRESSION, "identity",
         t.DecisionTreeRegressor(max_depth=4, criterion="absolute_error"), "number", "predict", referee=forest_game),
    case("decision tree, Poisson", REGRESSION, "identity", t.DecisionTreeRegressor(max_depth=4, criterion="poisson"),
         "count", "predict", referee=forest_game),
    case("decision tree without splits", REGRESSION, "identity", t.DecisionTreeRegressor(min_samples_split=500),
         "number", "predict", referee=forest_game),
    case("decision tree, rows without weight", REGRESSION, "identity", t.DecisionTreeRegressor(max_depth=5), "number",
         "predict", weights=True),
    case("decision tree, monotonic", REGRESSION, "identity",
         t.DecisionTreeRegressor(max_depth=4, monotonic_cst=[1, 0, -1, 0]), "number", "predict", referee=forest_game),
    case("extra tree", REGRESSION, "identity", t.ExtraTreeRegressor(max_depth=4, random_state=0), "number", "predict",
         referee=forest_game),
    case("random forest", REGRESSION, "identity", e.RandomForestRegressor(**FEW), "number", "predict",
         referee=forest_game),
    case("random forest, missing values", REGRESSION, "identity", e.RandomForestRegressor(**FEW), "number", "predict",
         referee=forest_game, missing=True),
    case("random forest, absolute error", REGRESSION, "identity",
         e.RandomForestRegressor(criterion="absolute_error", **FEW), "number", "predict", referee=forest_game),
    case("random forest, two numbers", REGRESSION, "identity", e.RandomForestRegressor(**FEW), "numbers", "predict",
         referee=forest_game),
    case("extra trees", REGRESSION, "identity", e.ExtraTreesRegressor(**FEW), "number", "predict",
         referee=forest_game),
    case("extra trees, missing values", REGRESSION, "identity", e.ExtraTreesRegressor(**FEW), "number", "predict",
         referee=forest_game, missing=True),
    case("bagging of trees, some columns", REGRESSION, "identity",
         e.BaggingRegressor(t.DecisionTreeRegressor(max_depth=3), 4, max_features=0.6, random_state=0), "number",
         "predict", referee=_bagged),
    case("decision tree, text labels", CLASSIFICATION, "probability", t.DecisionTreeClassifier(max_depth=4), "classes",
         "predict_proba", referee=forest_game, quick=True),
    case("decision tree, entropy", CLASSIFICATION, "probability",
         t.DecisionTreeClassifier(max_depth=4, criterion="entropy"), "codes", "predict_proba",
         referee=lambda model, rows: positive(forest_game(model, rows))),
    case("decision tree, balanced classes", CLASSIFICATION, "probability",
         t.DecisionTreeClassifier(max_depth=4, class_weight="balanced"), "classes", "predict_proba",
         referee=forest_game),
    case("decision tree, rows without weight, classes", CLASSIFICATION, "probability",
         t.DecisionTreeClassifier(max_depth=5), "classes", "predict_proba", weights=True),
    case("decision tree, one class", CLASSIFICATION, "probability", t.DecisionTreeClassifier(), "one class",
         "predict_proba"),
    case("random forest, one class", CLASSIFICATION, "probability", e.RandomForestClassifier(**FEW), "one class",
         "predict_proba"),
    case("random forest, binary", CLASSIFICATION, "probability", e.RandomForestClassifier(**FEW), "binary",
         "predict_proba", referee=lambda model, rows: positive(forest_game(model, rows))),
    case("random forest, binary, missing values", CLASSIFICATION, "probability", e.RandomForestClassifier(**FEW),
         "binary", "predict_proba", referee=lambda model, rows: positive(forest_game(model, rows)), missing=True),
    case("random forest, booleans", CLASSIFICATION, "probability", e.RandomForestClassifier(**FEW), "booleans",
         "predict_proba"),
    case("random forest, weighted classes", CLASSIFICATION, "probability",
         e.RandomForestClassifier(class_weight="balanced_subsample", **FEW), "class codes", "predict_proba",
         referee=forest_game),
    case("random forest, labels", CLASSIFICATION, "probability", e.RandomForestClassifier(**FEW), "labels",
         "predict_proba", referee=_several_outputs),
    case("decision tree, several outputs of text", CLASSIFICATION, "probability", t.DecisionTreeClassifier(max_depth=4),
         "several texts", "predict_proba", referee=_several_outputs),
    case("extra trees, classes", CLASSIFICATION, "probability", e.ExtraTreesClassifier(**FEW), "classes",
         "predict_proba", referee=forest_game),
    case("bagging of trees, few rows each", CLASSIFICATION, "probability",
         e.BaggingClassifier(t.DecisionTreeClassifier(), 5, max_samples=4, random_state=0), "classes", "predict_proba",
         referee=_bagged),
    case("AdaBoost, binary", "AdaBoost of trees: classification", "log-odds",
         e.AdaBoostClassifier(n_estimators=5, random_state=0), "binary", "decision_function"),
    case("AdaBoost, one class", "AdaBoost of trees: classification", "probability",
         e.AdaBoostClassifier(n_estimators=3, random_state=0), "one class", "predict_proba"),
    Case("AdaBoost, classes", LIBRARY, "AdaBoost of trees: classification", _vote, "exact", "TreeExplainer",
         "softmax margin"),
    Case("isolation forest", LIBRARY, "isolation forests: path length beyond that of an outlier",
         partial(_isolated, 1.0, 64), "exact", "TreeExplainer", "margin"),
    Case("isolation forest, some columns", LIBRARY, "isolation forests: path length beyond that of an outlier",
         partial(_isolated, 0.6, 30), "exact", "TreeExplainer", "margin"),
    case("gradient boosting", BOOSTING, "identity", e.GradientBoostingRegressor(**STAGES), "number", "predict"),
    case("gradient boosting, Huber", BOOSTING, "identity", e.GradientBoostingRegressor(loss="huber", **STAGES),
         "number", "predict"),
    case("gradient boosting, quantile", BOOSTING, "identity",
         e.GradientBoostingRegressor(loss="quantile", alpha=0.8, **STAGES), "number", "predict"),
    case("gradient boosting, absolute error", BOOSTING, "identity",
         e.GradientBoostingRegressor(loss="absolute_error", **STAGES), "number", "predict"),
    case("gradient boosting from zero", BOOSTING, "identity", e.GradientBoostingRegressor(init="zero", **STAGES),
         "number", "predict", referee=lambda model, rows: boosting_game(model, rows, 0.0)),
    case("gradient boosting, binary", BOOSTED_CLASSES, "log-odds", e.GradientBoostingClassifier(**STAGES), "binary",
         "decision_function"),
    Case("gradient boosting, exponential", LIBRARY, BOOSTED_CLASSES,
         partial(_twice, e.GradientBoostingClassifier(loss="exponential", **STAGES), "decision_function", "binary"),
         "exact", "TreeExplainer", "log-odds"),
    case("gradient boosting, classes", BOOSTED_CLASSES, "softmax margin", e.GradientBoostingClassifier(**STAGES),
         "classes", "decision_function"),
    Case("gradient boosting from a linear model", LIBRARY, "gradient boosting from an estimator of its own: regression",
         _starts_from_a_line, "exact", "SumExplainer", "identity"),
)  # fmt: skip
