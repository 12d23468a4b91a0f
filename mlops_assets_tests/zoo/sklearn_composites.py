"""scikit-learn's models that are made of other models."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from catboost import CatBoostRegressor
from lightgbm import LGBMRegressor
from sklearn import ensemble as e
from sklearn import linear_model as l
from sklearn import multiclass as mc
from sklearn import multioutput as mo
from sklearn import tree as t
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.kernel_ridge import KernelRidge
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.svm import SVC, SVR, LinearSVC, OneClassSVM
from xgboost import XGBRegressor

from mlops_assets.trees.arrays import Space
from mlops_assets_tests.zoo.case import Case, Fitted
from mlops_assets_tests.zoo.data import mixed, numbers, target
from mlops_assets_tests.zoo.games import Game, weighted_sum
from mlops_assets_tests.zoo.sklearn_games import column_game, forest_game, positive
from mlops_assets_tests.zoo.sklearn_trees import FEW, LIBRARY, margin_of

AVERAGES = "voting, bagging: mean of trees and linear models"
TARGETS = "transformed targets with a linear or exponential way back"
SEVERAL = "several outputs, chains of linear regressions"
CALIBRATED = "calibration of two classes by one sigmoid or temperature"
STACKED = "stacking with a linear final estimator"
RESTS = "one against the rest"
WRAPPED = "searches, thresholds, frozen estimators, self-training"
NO_SUM = "models that are no sum of their parts"
OTHERS = "neighbours, densities"
KERNELS = "support vector machines, kernel ridge, Gaussian processes with a radial kernel"
NETWORKS = "neural networks, up to ten columns"

NEAR = "nearest neighbours, up to eight columns"
READ = {KERNELS: "KernelMachineExplainer", NETWORKS: "NetworkExplainer", NEAR: "NeighboursExplainer"}
LAYERS: dict[str, Any] = {"hidden_layer_sizes": (4,), "max_iter": 50, "solver": "lbfgs", "random_state": 0}
ASKED = 12
Margin = Callable[[Any, pd.DataFrame], Any]
Referee = Callable[[Any, pd.DataFrame, pd.DataFrame], Game]


def fit(model: Any, kind: str, margin: Margin | str, referee: Referee | None = None) -> Fitted:
    """A model of `numbers`, its margin, and a game of the judged rows and of all that are asked."""
    rows = numbers()
    fitted, asked = model.fit(rows, target(rows, kind)), rows.head(ASKED)
    say = partial(margin_of, fitted, margin) if isinstance(margin, str) else partial(margin, fitted)
    game = None if referee is None else lambda judged: referee(fitted, judged, asked)
    return Fitted(fitted, rows, asked=asked, margin=say, game=game)


def case(
    name: str, family: str, space: Space, *what: Any, explainer: str = "SumExplainer", quick: bool = False
) -> Case:
    """An exact case."""
    return Case(name, LIBRARY, family, partial(fit, *what), "exact", explainer, space, quick=quick)


def read(name: str, family: str, space: Space, *what: Any) -> Case:
    """A case whose own numbers are read: kernels, or layers."""
    return case(name, family, space, *what, explainer=READ[family])


def sampled(name: str, family: str, space: Space, reason: str, *what: Any) -> Case:
    """A case that only its predictions explain."""
    return Case(name, LIBRARY, family, partial(fit, *what), "sampled", "PermutationExplainer", space, reason)


def forest(model: Any, judged: pd.DataFrame) -> Game:
    """A forest that was fitted on names is judged without them."""
    return forest_game(model, judged)


def line(model: Any, judged: pd.DataFrame, asked: pd.DataFrame, ask: str = "predict") -> Game:
    """A linear model against what is asked."""
    return column_game(getattr(model, ask), judged, asked)


def log_odds(model: Any, rows: pd.DataFrame) -> np.ndarray:
    """Of two classes."""
    probability = model.predict_proba(rows)
    return np.asarray(np.log(probability[:, 1:]) - np.log(probability[:, :1]))


def logarithms(model: Any, rows: pd.DataFrame) -> np.ndarray:
    """Of several independent classes, as log-odds."""
    probability = np.asarray(model.predict_proba(rows))
    return np.asarray(np.log(probability) - np.log1p(-probability))


def coded(model: Any) -> Any:
    """Behind one-hot and scaled columns."""
    design = make_column_transformer((OneHotEncoder(), ["city"]), (StandardScaler(), ["a"]), remainder="passthrough")
    return make_pipeline(design, model)


def _fit_mixed(model: Any, kind: str, margin: Margin | str) -> Fitted:
    rows = mixed()[["a", "city", "b"]]
    rows = rows.assign(city=rows["city"].astype(object))
    fitted, asked = model.fit(rows, target(rows, kind)), rows.head(ASKED)
    say = partial(margin_of, fitted, margin) if isinstance(margin, str) else partial(margin, fitted)
    return Fitted(fitted, rows, asked=asked, margin=say)


def mixed_case(name: str, family: str, space: Space, *what: Any) -> Case:
    """An exact case with a column of text."""
    return Case(name, LIBRARY, family, partial(_fit_mixed, *what), "exact", "SumExplainer", space)


BOOSTING = partial(e.HistGradientBoostingRegressor, max_iter=3, min_samples_leaf=5)
REGRESSOR, CLASSIFIER = partial(e.RandomForestRegressor, **FEW), partial(e.RandomForestClassifier, **FEW)
SCALED = make_pipeline(StandardScaler(), l.Ridge())


def _voted(model: Any, judged: pd.DataFrame, asked: pd.DataFrame) -> Game:
    one, two = model.estimators_
    return weighted_sum([(0.75, forest(one, judged)), (0.25, line(two, judged, asked))])


def _voted_classes(model: Any, judged: pd.DataFrame, asked: pd.DataFrame) -> Game:
    return weighted_sum([(0.5, forest(one, judged)) for one in model.estimators_])


def _times(factor: float, constant: float, game: Game) -> Game:
    return weighted_sum([(factor, game)], constant)


def _target_game(model: Any, judged: pd.DataFrame, asked: pd.DataFrame) -> Game:
    scaler = model.transformer_
    return _times(float(scaler.scale_[0]), float(scaler.mean_[0]), forest(model.regressor_, judged))


def _sigmoid_game(model: Any, judged: pd.DataFrame, asked: pd.DataFrame) -> Game:
    (only,) = model.calibrated_classifiers_
    (sigmoid,) = only.calibrators
    inner = only.estimator.estimator if isinstance(only.estimator, FrozenEstimator) else only.estimator
    return _times(-sigmoid.a_, -sigmoid.b_, positive(forest(inner, judged)))


def _stacked_game(model: Any, judged: pd.DataFrame, asked: pd.DataFrame) -> Game:
    one, two = model.estimators_
    weights, constant = model.final_estimator_.coef_, float(model.final_estimator_.intercept_)
    return weighted_sum(
        [(float(weights[0]), forest(one, judged)), (float(weights[1]), line(two, judged, asked))], constant
    )


def _stacked_classes(model: Any, judged: pd.DataFrame, asked: pd.DataFrame) -> Game:
    weights, constant = model.final_estimator_.coef_[0], float(model.final_estimator_.intercept_[0])
    one, two = model.estimators_
    parts = [(float(weights[0]), positive(forest(one, judged)))]
    parts.append((float(weights[1]), line(two, judged, asked, "decision_function")))
    return weighted_sum(parts, constant)


def _frozen_forest() -> FrozenEstimator:
    rows = numbers(seed=7)
    return FrozenEstimator(CLASSIFIER().fit(rows, target(rows, "binary")))


def _side_by_side(games: list[Game]) -> Game:
    return Game(lambda known: np.concatenate([game.worth(known) for game in games], axis=1), games[0].columns)


def _multi_game(model: Any, judged: pd.DataFrame, asked: pd.DataFrame) -> Game:
    return _side_by_side([forest(part, judged) for part in model.estimators_])


def _multi_classes(model: Any, judged: pd.DataFrame, asked: pd.DataFrame) -> Game:
    return _side_by_side([positive(forest(part, judged)) for part in model.estimators_])


def _rest_forests(model: Any, judged: pd.DataFrame, asked: pd.DataFrame) -> Game:
    return _side_by_side([positive(forest(part, judged)) for part in model.estimators_])


def _binary_probability(model: Any, rows: pd.DataFrame) -> Any:
    return np.column_stack([part.predict_proba(rows.to_numpy())[:, 1] for part in model.estimators_])


CASES: tuple[Case, ...] = (
    case("voting regression, weighted", AVERAGES, "identity",
         e.VotingRegressor([("forest", REGRESSOR()), ("ridge", l.Ridge())], weights=[3, 1]), "number", "predict",
         _voted, quick=True),
    case("voting regression, a part dropped", AVERAGES, "identity",
         e.VotingRegressor([("none", "drop"), ("scaled", SCALED), ("tree", t.DecisionTreeRegressor(max_depth=3))],
                           weights=[9, 1, 1]), "number", "predict"),
    case("voting regression in voting regression", AVERAGES, "identity",
         e.VotingRegressor([("inner", e.VotingRegressor([("ridge", l.Ridge()), ("lasso", l.Lasso(0.1))])),
                            ("forest", REGRESSOR())]), "number", "predict"),
    case("soft voting of forests", AVERAGES, "probability",
         e.VotingClassifier([("one", CLASSIFIER()), ("two", e.ExtraTreesClassifier(**FEW))], voting="soft"), "classes",
         "predict_proba", _voted_classes),
    sampled("soft voting with a logistic regression", NO_SUM, "probability",
            "its part 'logistic' (LogisticRegression): what it predicts is no sum: it adds up in log-odds",
            e.VotingClassifier([("forest", CLASSIFIER()), ("logistic", l.LogisticRegression())], voting="soft"),
            "binary", "predict_proba"),
    sampled("hard voting", NO_SUM, "probability",
            "it counts the votes of its parts (voting='hard'), which are no sum of their scores",
            e.VotingClassifier([("one", CLASSIFIER()), ("two", l.LogisticRegression())]), "binary",
            lambda model, rows: (model.predict(rows) == "yes").astype(float)),
    sampled("voting regression with neighbours", NO_SUM, "identity",
            "its part 'near' (KNeighborsRegressor): it is neither trees, nor linear, nor a sum of such parts",
            e.VotingRegressor([("forest", REGRESSOR()), ("near", KNeighborsRegressor())]), "number", "predict"),
    case("bagging of linear models, some columns", AVERAGES, "identity",
         e.BaggingRegressor(SCALED, 3, max_features=0.6, random_state=0), "number", "predict"),
    case("bagging of forests", AVERAGES, "probability", e.BaggingClassifier(CLASSIFIER(), 2, random_state=0), "classes",
         "predict_proba"),
    case("target scaled, forest", TARGETS, "identity",
         TransformedTargetRegressor(REGRESSOR(), transformer=StandardScaler()), "number", "predict", _target_game),
    case("target between 0 and 1, two numbers", TARGETS, "identity",
         TransformedTargetRegressor(l.Ridge(), transformer=MinMaxScaler()), "numbers", "predict"),
    case("target in thousands", TARGETS, "identity",
         TransformedTargetRegressor(e.GradientBoostingRegressor(n_estimators=4), func=lambda y: y / 1000,
                                    inverse_func=lambda y: y * 1000), "number", "predict"),
    case("logarithm of the target", TARGETS, "log",
         TransformedTargetRegressor(REGRESSOR(), func=np.log, inverse_func=np.exp), "positive", "log",
         lambda model, judged, asked: forest(model.regressor_, judged)),
    case("target as it is, Poisson boosting", TARGETS, "log",
         TransformedTargetRegressor(e.HistGradientBoostingRegressor(loss="poisson", max_iter=3)), "count", "log"),
    case("target in tens, Poisson regression", TARGETS, "log",
         TransformedTargetRegressor(l.PoissonRegressor(), func=lambda y: y / 10, inverse_func=lambda y: y * 10),
         "count", "log"),
    sampled("root of the target", NO_SUM, "identity",
            "its target is transformed back by square, which is neither linear nor an exponential",
            TransformedTargetRegressor(REGRESSOR(), func=np.sqrt, inverse_func=np.square), "positive", "predict"),
    case("several regressions", SEVERAL, "identity", mo.MultiOutputRegressor(REGRESSOR()), "numbers", "predict",
         _multi_game),
    case("several regressions of boosting", SEVERAL, "identity",
         mo.MultiOutputRegressor(e.HistGradientBoostingRegressor(max_iter=3)), "numbers", "predict"),
    case("several classifications", SEVERAL, "probability", mo.MultiOutputClassifier(CLASSIFIER()), "labels",
         "predict_proba", _multi_classes),
    case("several logistic regressions", SEVERAL, "log-odds", mo.MultiOutputClassifier(l.LogisticRegression()),
         "labels", lambda model, rows: np.column_stack([part.decision_function(rows) for part in model.estimators_])),
    case("chain of linear regressions", SEVERAL, "identity", mo.RegressorChain(l.Ridge(), order=[1, 0]), "numbers",
         "predict"),
    case("chain of linear regressions behind scaled columns", SEVERAL, "identity", mo.RegressorChain(SCALED), "numbers",
         "predict"),
    sampled("AdaBoost of logistic regressions", NO_SUM, "probability",
            "it adds up the votes of its parts, and those of a LogisticRegression are no sum of its columns",
            e.AdaBoostClassifier(l.LogisticRegression(), n_estimators=3), "classes", "predict_proba"),
    sampled("chain of forests", NO_SUM, "identity",
            "its part '1' (RandomForestRegressor) takes the predictions of earlier parts as columns, "
            "and is not linear in them",
            mo.RegressorChain(REGRESSOR()), "numbers", "predict"),
    case("one sigmoid of a frozen forest", CALIBRATED, "log-odds", CalibratedClassifierCV(_frozen_forest()), "binary",
         log_odds, _sigmoid_game),
    case("one sigmoid of a linear SVC", CALIBRATED, "log-odds",
         CalibratedClassifierCV(LinearSVC(random_state=0), ensemble=False), "binary", log_odds),
    case("a sigmoid of exponential boosting", CALIBRATED, "log-odds",
         CalibratedClassifierCV(e.GradientBoostingClassifier(loss="exponential", n_estimators=5), ensemble=False),
         "codes", log_odds),
    case("a temperature of boosting", CALIBRATED, "log-odds",
         CalibratedClassifierCV(e.GradientBoostingClassifier(n_estimators=5), method="temperature", ensemble=False),
         "binary", log_odds),
    sampled("several sigmoids", NO_SUM, "probability",
            "it averages the probabilities of 3 calibrated classifiers, each of them a sigmoid of a sum",
            CalibratedClassifierCV(LinearSVC(random_state=0), cv=3), "binary", "predict_proba"),
    sampled("several isotonic calibrations", NO_SUM, "probability",
            "its calibration (isotonic, 2 classes) makes no link of a sum",
            CalibratedClassifierCV(LinearSVC(random_state=0), method="isotonic", cv=3), "binary", "predict_proba"),
    sampled("isotonic calibration", NO_SUM, "probability",
            "its calibration (isotonic, 2 classes) makes no link of a sum",
            CalibratedClassifierCV(LinearSVC(random_state=0), method="isotonic", ensemble=False), "binary",
            "predict_proba"),
    case("stacked regression", STACKED, "identity",
         e.StackingRegressor([("forest", REGRESSOR()), ("lasso", l.Lasso(0.1))], final_estimator=l.Ridge()), "number",
         "predict", _stacked_game),
    case("stacked regression with the columns themselves", STACKED, "identity",
         e.StackingRegressor([("forest", REGRESSOR()), ("tree", t.DecisionTreeRegressor(max_depth=3))],
                             final_estimator=SCALED, passthrough=True), "number", "predict"),
    case("stacked classification", STACKED, "log-odds",
         e.StackingClassifier([("forest", CLASSIFIER()), ("svc", LinearSVC(random_state=0))]), "binary",
         "decision_function", _stacked_classes),
    case("stacked classification, classes", STACKED, "softmax margin",
         e.StackingClassifier([("forest", CLASSIFIER()), ("tree", t.DecisionTreeClassifier(max_depth=3))]), "classes",
         "decision_function"),
    sampled("stacking under a forest", NO_SUM, "identity", "its final estimator (RandomForestRegressor) is not linear",
            e.StackingRegressor([("ridge", l.Ridge())], final_estimator=REGRESSOR()), "number", "predict"),
    sampled("AdaBoost regression", NO_SUM, "identity",
            "it predicts the weighted median of its parts' predictions, which is no sum",
            e.AdaBoostRegressor(n_estimators=3, random_state=0), "number", "predict"),
    case("one against the rest, logistic", RESTS, "margin", mc.OneVsRestClassifier(l.LogisticRegression()), "classes",
         "decision_function"),
    case("one against the rest, forests", RESTS, "margin", mc.OneVsRestClassifier(CLASSIFIER()), "classes",
         _binary_probability, _rest_forests),
    case("one against the rest, binary", RESTS, "log-odds", mc.OneVsRestClassifier(l.LogisticRegression()), "binary",
         "decision_function"),
    case("one against the rest, labels", RESTS, "log-odds", mc.OneVsRestClassifier(l.LogisticRegression()), "labels",
         logarithms),
    case("one against the rest, labels, forests", RESTS, "probability", mc.OneVsRestClassifier(CLASSIFIER()), "labels",
         "predict_proba", _rest_forests),
    sampled("one against one", NO_SUM, "margin",
            "it counts the votes of one classifier per pair of classes, which are no sum",
            mc.OneVsOneClassifier(LinearSVC(random_state=0)), "classes", "decision_function"),
    case("grid search over forests", WRAPPED, "identity", GridSearchCV(REGRESSOR(), {"max_depth": [2, 3]}, cv=2),
         "number", "predict", lambda model, judged, asked: forest(model.best_estimator_, judged),
         explainer="TreeExplainer"),
    case("random search over a pipeline", WRAPPED, "identity",
         RandomizedSearchCV(SCALED, {"ridge__alpha": [0.1, 1.0, 10.0]}, n_iter=2, cv=2, random_state=0), "number",
         "predict", explainer="LinearExplainer"),
    case("pipeline of a search over a pipeline", WRAPPED, "log-odds",
         make_pipeline(MinMaxScaler(), GridSearchCV(
             make_pipeline(StandardScaler(), l.LogisticRegression()), {"logisticregression__C": [1.0, 2.0]}, cv=2)),
         "binary", "decision_function", explainer="LinearExplainer"),
    case("fixed threshold", WRAPPED, "probability", FixedThresholdClassifier(CLASSIFIER(), threshold=0.8), "codes",
         "predict_proba", lambda model, judged, asked: positive(forest(model.estimator_, judged)),
         explainer="TreeExplainer"),
    case("tuned threshold", WRAPPED, "log-odds",
         TunedThresholdClassifierCV(l.LogisticRegression(), cv=3, random_state=0, scoring="f1"), "codes",
         lambda model, rows: model.estimator_.decision_function(rows), explainer="LinearExplainer"),
    case("frozen forest", WRAPPED, "probability", _frozen_forest(), "binary", "predict_proba",
         lambda model, judged, asked: positive(forest(model.estimator, judged)), explainer="TreeExplainer"),
    case("self-training", WRAPPED, "probability", SelfTrainingClassifier(CLASSIFIER()), "codes", "predict_proba",
         lambda model, judged, asked: positive(forest(model.estimator_, judged)), explainer="TreeExplainer"),
    mixed_case("voting regression of pipelines", AVERAGES, "identity",
               e.VotingRegressor([("ridge", coded(l.Ridge())), ("forest", coded(REGRESSOR()))]), "number", "predict"),
    mixed_case("voting regression behind a pipeline", AVERAGES, "identity",
               coded(e.VotingRegressor([("lasso", l.Lasso(0.1)), ("boosting", BOOSTING())])), "number", "predict"),
    mixed_case("voting regression with categories of text", AVERAGES, "identity",
               e.VotingRegressor([("ridge", coded(l.Ridge())),
                                  ("boosting", BOOSTING(categorical_features=["city"]))]), "number", "predict"),
    mixed_case("search over a vote of pipelines", AVERAGES, "probability",
               GridSearchCV(e.VotingClassifier([("one", coded(CLASSIFIER())), ("two", coded(CLASSIFIER()))],
                                               voting="soft"), {"weights": [[1, 2], [1, 1]]}, cv=2), "classes",
               "predict_proba"),
    mixed_case("target scaled, behind a pipeline, of a pipeline", TARGETS, "identity",
               coded(TransformedTargetRegressor(make_pipeline(MinMaxScaler(), REGRESSOR()),
                                                transformer=StandardScaler())), "number", "predict"),
    mixed_case("stacked classification of pipelines", STACKED, "log-odds",
               e.StackingClassifier([("forest", coded(CLASSIFIER())), ("svc", coded(LinearSVC(random_state=0)))],
                                    cv=3), "binary", "decision_function"),
    mixed_case("one sigmoid of a pipeline", CALIBRATED, "log-odds",
               CalibratedClassifierCV(coded(e.HistGradientBoostingClassifier(max_iter=3)), ensemble=False), "binary",
               log_odds),
    mixed_case("several regressions of pipelines", SEVERAL, "identity",
               mo.MultiOutputRegressor(coded(REGRESSOR())), "numbers", "predict"),
    case("voting regression of boosters of three libraries", AVERAGES, "identity",
         e.VotingRegressor([("xgboost", XGBRegressor(n_estimators=3, max_depth=3)),
                            ("lightgbm", LGBMRegressor(n_estimators=3, verbose=-1)),
                            ("histogram", BOOSTING())]), "number", "predict"),
    case("voting regression of CatBoost and a linear booster", AVERAGES, "identity",
         e.VotingRegressor([("linear", XGBRegressor(n_estimators=3, booster="gblinear")),
                            ("catboost", CatBoostRegressor(iterations=3, depth=3, verbose=0,
                                                           allow_writing_files=False))]), "number", "predict"),
    case("a constant", "dummies", "identity", DummyRegressor(), "number", "predict"),
    case("the classes' shares", "dummies", "probability", DummyClassifier(), "classes", "predict_proba"),
    sampled("chain of classifiers", NO_SUM, "probability", "each of its parts takes the predictions of earlier parts",
            mo.ClassifierChain(l.LogisticRegression()), "labels", "predict_proba"),
    sampled("nearest neighbours, labels", OTHERS, "probability", "KNeighborsClassifier is not made of trees",
            KNeighborsClassifier(), "labels", "predict_proba"),
    read("neural network, labels", NETWORKS, "probability", MLPClassifier(**LAYERS), "labels", "predict_proba"),
    read("neural network, two classes", NETWORKS, "probability", MLPClassifier(**LAYERS), "binary", "predict_proba"),
    read("neural network", NETWORKS, "identity", MLPRegressor(**LAYERS), "number", "predict"),
    read("one-class SVM", KERNELS, "margin", OneClassSVM(), "number", "decision_function"),
    read("SVC with a radial kernel", KERNELS, "margin", SVC(), "binary", "decision_function"),
    read("SVR with a radial kernel", KERNELS, "identity", SVR(), "number", "predict"),
    read("kernel ridge of several outputs", KERNELS, "identity", KernelRidge(kernel="laplacian"), "numbers", "predict"),
    read("Gaussian process", KERNELS, "identity", GaussianProcessRegressor(alpha=1.0), "number", "predict"),
    sampled("quadratic discriminant analysis", OTHERS, "probability", "QuadraticDiscriminantAnalysis is not made of",
            QuadraticDiscriminantAnalysis(), "classes", "predict_proba"),
    read("nearest neighbours", NEAR, "probability", KNeighborsClassifier(), "classes", "predict_proba"),
    read("nearest neighbours, regression", NEAR, "identity", KNeighborsRegressor(), "numbers", "predict"),
    sampled("SVC of several classes", OTHERS, "margin", "SVC of 3 classes has a sum for each pair of them", SVC(),
            "classes", "decision_function"),
)  # fmt: skip
