"""LightGBM's, XGBoost's and CatBoost's predictions by the kernel: the same bits, from models of every kind."""

import copy
import logging
import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from catboost import CatBoostClassifier, CatBoostRanker, CatBoostRegressor
from lightgbm import LGBMClassifier, LGBMRanker, LGBMRegressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    ExtraTreesRegressor,
    RandomForestRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.feature_selection import RFE
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor, RegressorChain
from sklearn.pipeline import make_pipeline
from xgboost import DMatrix, XGBClassifier, XGBRanker, XGBRegressor, XGBRFClassifier, XGBRFRegressor

from mlops_assets.models.xgboost_categories import predict_with_categories
from mlops_assets.trees import fast_lightgbm
from mlops_assets.trees.accelerate import accelerate
from mlops_assets.trees.read_lightgbm_file import to_ensemble
from mlops_assets.trees.tree_sums import WORTH_PAIRS

pytestmark = pytest.mark.slow

ROWS = 1_003
"""No multiple of the kernel's lanes."""


def table(categories: bool) -> pd.DataFrame:
    """Missing values, ties, zeros of both signs, tiny and large numbers; columns of categories where asked for."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.standard_normal((ROWS, 6)), columns=list("abcdef"))
    X["d"] = rng.integers(-2, 4, ROWS).astype(float)
    X["e"] = np.where(rng.random(ROWS) < 0.4, rng.choice([0.0, -0.0, 1e-35, 1.00000001e-35, 5e-324], ROWS), X.e)
    X["f"] = np.exp(20 * X.f)
    X = X.mask(rng.random(X.shape) < 0.1)
    if categories:
        X["k"] = pd.Categorical(rng.choice(list("abcdefgh"), ROWS))
        X["l"] = pd.Categorical(rng.integers(0, 70, ROWS))
    return X


def target(X: pd.DataFrame, kind: str):
    y = np.nan_to_num(X.a * X.b + X.d) + np.random.default_rng(1).standard_normal(len(X))
    if kind == "positive":
        return np.exp(y / 5)
    if kind == "share":
        return 1 / (1 + np.exp(-y))
    if kind == "pairs":
        return np.stack([y, target(X, "share")], axis=1)
    if kind == "words":
        return np.array(["a few", "many", "most"])[target(X, "3")]
    return y if kind == "any" else np.digitize(y, np.quantile(y, np.linspace(0, 1, int(kind) + 1)[1:-1]))


SMALL: dict[str, Any] = {
    "n_estimators": 9,
    "verbose": -1,
    "min_child_samples": 3,
    "min_data_per_group": 5,
    "cat_smooth": 1,
}
LIGHTGBM = {
    "numbers and categories": ("any", {}),
    "poisson": ("positive", {"objective": "poisson"}),
    "tweedie": ("positive", {"objective": "tweedie"}),
    "square root": ("any", {"reg_sqrt": True}),
    "cross entropy": ("share", {"objective": "cross_entropy"}),
    "cross entropy lambda": ("share", {"objective": "cross_entropy_lambda"}),
    "dart": ("any", {"boosting_type": "dart"}),
    "random forest": ("any", {"boosting_type": "rf", "bagging_freq": 1, "bagging_fraction": 0.5}),
    "zero is missing": ("any", {"zero_as_missing": True}),
    "nothing is missing": ("any", {"use_missing": False}),
    "200 leaves": ("any", {"num_leaves": 200}),
    "stumps": ("any", {"num_leaves": 2}),
    "two classes": ("2", {"sigmoid": 0.7}),
    "three classes": ("3", {}),
    "one against all": ("3", {"objective": "multiclassova"}),
    "monotone": ("any", {"monotone_constraints": [1, 0, 0, -1, 0, 0, 0, 0]}),
    "gamma": ("positive", {"objective": "gamma"}),
    "quantile": ("any", {"objective": "quantile", "alpha": 0.8}),
    "huber": ("any", {"objective": "huber"}),
    "loss of one's own": ("any", {"objective": lambda y, score: (score - y, np.ones(len(y)))}),
    "dart, three classes": ("3", {"boosting_type": "dart", "drop_rate": 0.5}),
    "linear leaves": ("any", {"linear_tree": True}),
    "linear leaves, three classes": ("3", {"linear_tree": True, "linear_lambda": 0.1}),
    "linear leaves, 200": ("any", {"linear_tree": True, "num_leaves": 200}),
}
XGBOOST = {
    "numbers": ("any", {}),
    "poisson": ("positive", {"objective": "count:poisson"}),
    "base score": ("any", {"base_score": 3.3}),
    "dart": ("any", {"booster": "dart", "rate_drop": 0.3}),
    "parallel trees": ("any", {"num_parallel_tree": 3}),
    "300 leaves": ("any", {"max_depth": 0, "max_leaves": 300, "min_child_weight": 0}),
    "two classes": ("2", {}),
    "three classes": ("3", {}),
    "three classes, dart": ("3", {"booster": "dart", "rate_drop": 0.3}),
    "labels": ("3", {"objective": "multi:softmax"}),
    "monotone": ("any", {"monotone_constraints": (1, 0, 0, -1, 0, 0)}),
    "exact": ("any", {"tree_method": "exact"}),
    "gamma": ("positive", {"objective": "reg:gamma"}),
    "tweedie": ("positive", {"objective": "reg:tweedie"}),
    "cox": ("positive", {"objective": "survival:cox"}),
    "logistic": ("share", {"objective": "reg:logistic"}),
    "raw": ("2", {"objective": "binary:logitraw"}),
    "quantiles": ("any", {"objective": "reg:quantileerror", "quantile_alpha": [0.1, 0.5, 0.9]}),
    "two targets": ("pairs", {}),
    "two targets, base scores": ("pairs", {"base_score": [0.7, -0.2]}),
    "two targets, vector leaves": ("pairs", {"multi_strategy": "multi_output_tree"}),
    "dart, two targets": ("pairs", {"booster": "dart", "rate_drop": 0.3}),
}
FEW: dict[str, Any] = {"iterations": 9, "verbose": 0, "allow_writing_files": False, "thread_count": 1}
CATBOOST = {
    "numbers": ("any", {}),
    "poisson": ("positive", {"loss_function": "Poisson"}),
    "levels": ("any", {"depth": 9, "iterations": 4}),
    "1000 borders": ("any", {"border_count": 1000, "depth": 7}),
    "missing are largest": ("any", {"nan_mode": "Max"}),
    "two outputs": ("any", {"loss_function": "RMSEWithUncertainty"}),
    "lossguide": ("any", {"grow_policy": "Lossguide", "max_leaves": 300, "min_data_in_leaf": 1, "depth": 14}),
    "depthwise": ("any", {"grow_policy": "Depthwise"}),
    "two classes": ("2", {}),
    "three classes": ("3", {}),
    "one against all": ("3", {"loss_function": "MultiClassOneVsAll"}),
    "words": ("words", {}),
    "two targets": ("pairs", {"loss_function": "MultiRMSE"}),
    "tweedie": ("positive", {"loss_function": "Tweedie:variance_power=1.5"}),
    "quantile": ("any", {"loss_function": "Quantile:alpha=0.8"}),
    "lossguide, three classes": ("3", {"grow_policy": "Lossguide", "max_leaves": 40}),
    "depthwise, deep": ("2", {"grow_policy": "Depthwise", "depth": 12, "min_data_in_leaf": 1}),
}


def accelerated(model, rows: int = WORTH_PAIRS):
    fast = accelerate(model)
    fast.expect_rows(rows * 10)
    return fast


def ask(model, method: str, rows) -> np.ndarray:
    answer = getattr(model, method)(rows)
    return np.concatenate(answer, axis=1) if isinstance(answer, list) else answer


def as_bits(answers):
    return answers.tolist() if answers.dtype == object else answers.tobytes()


def check(model, rows) -> None:
    fast = accelerated(model)
    for method in ("predict", "predict_proba"):
        if hasattr(model, method):
            theirs, ours = ask(model, method, rows), ask(fast.model, method, rows)
            assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
            assert as_bits(ours) == as_bits(theirs)
            one = np.concatenate([np.atleast_1d(ask(fast.model, method, rows[i : i + 1])) for i in range(3)])
            assert as_bits(one) == as_bits(ours[:3]), "a row's prediction depends on that row alone"
    assert all(part.compared and not part.rejected for part in fast.parts)


@pytest.mark.parametrize("name", LIGHTGBM)
def test_every_bit_is_lightgbms(name):
    kind, settings = LIGHTGBM[name]
    X = table(categories=True)
    model = (LGBMClassifier if kind.isdigit() else LGBMRegressor)(**SMALL, **settings)
    model.fit(X, target(X, kind))
    strange = X.copy()
    strange["k"] = pd.Categorical(["z", *X.k[1:]], categories=["z", *"hgfedcba"])
    for rows in (X, strange):
        check(model, rows)


@pytest.mark.parametrize("name", XGBOOST)
def test_every_bit_is_xgboosts(name):
    kind, settings = XGBOOST[name]
    X = table(categories=False)
    model = (XGBClassifier if kind.isdigit() else XGBRegressor)(n_estimators=9, **settings)
    model.fit(X, target(X, kind))
    for rows in (X, X.to_numpy()):
        check(model, rows)
    booster = model.get_booster()
    fast = accelerated(booster)
    matrix = DMatrix(X)
    asked = fast.model.predict_frame(X, lambda frame: booster.predict(DMatrix(frame)))
    assert as_bits(asked) == as_bits(booster.predict(matrix))
    assert fast.sums.compared
    assert not fast.sums.rejected


@pytest.mark.parametrize("most_one_hot", [1, 100], ids=["sets", "one by one"])
@pytest.mark.parametrize("kind", ["any", "3"])
def test_every_bit_of_categories_is_xgboosts(kind, most_one_hot):
    X = table(categories=True)
    X["k"] = X.k.where(np.arange(ROWS) % 9 > 0)
    model = (XGBClassifier if kind.isdigit() else XGBRegressor)(
        n_estimators=9, enable_categorical=True, max_cat_to_onehot=most_one_hot
    )
    model.fit(X, target(X, kind))
    check(model, X)
    fast = accelerated(model)
    other = X.assign(k=X.k.cat.set_categories(list("hgfedcba")))
    assert as_bits(fast.model.predict(other)) == as_bits(model.predict(other)) == as_bits(model.predict(X))
    assert not fast.sums.compared, "other categories are encoded by XGBoost"
    booster = model.get_booster()
    fast = accelerated(booster)
    asked = predict_with_categories(fast.model, X, {})
    assert as_bits(asked) == as_bits(booster.predict(DMatrix(X, enable_categorical=True)))
    assert fast.sums.compared
    assert not fast.sums.rejected


CATEGORIES: dict[str, tuple[str, dict[str, Any]]] = {
    "one by one": ("any", {"one_hot_max_size": 80}),
    "statistics": ("any", {"max_ctr_complexity": 1, "depth": 6}),
    "combinations": ("2", {"max_ctr_complexity": 4, "depth": 8, "iterations": 20, "nan_mode": "Max"}),
    "depthwise": ("any", {"grow_policy": "Depthwise"}),
    "classes": ("3", {"simple_ctr": ["Buckets", "Borders:TargetBorderCount=2"], "combinations_ctr": ["Buckets"]}),
    "means": ("any", {"simple_ctr": ["BinarizedTargetMeanValue", "Counter"], "combinations_ctr": ["Counter"]}),
}


@pytest.mark.parametrize("name", CATEGORIES)
def test_every_bit_of_categories_is_catboosts(name):
    kind, settings = CATEGORIES[name]
    X = table(categories=True).astype({"l": int})
    lengths = np.array([0, 3, 7, 12, 20, 40, 70, 200])
    X["m"] = [chr(97 + code) * length for code, length in zip(X.k.cat.codes, lengths[X.k.cat.codes], strict=True)]
    y = target(X, "any") + 2.0 * (X.k == "b") * (X.l % 2) - (X.m.str.len() > 30)
    labels = np.digitize(y, np.quantile(y, np.linspace(0, 1, int(kind) + 1)[1:-1])) if kind.isdigit() else y
    model = (CatBoostClassifier if kind.isdigit() else CatBoostRegressor)(**{**FEW, **settings}, cat_features=[*"klm"])
    model.fit(X, labels)
    check(model, X)
    strange = X.assign(l=X.l + 50, m=X.m + "\u00e9", k=X.k.astype(str))
    check(model, strange)
    fast = accelerated(model)
    assert as_bits(fast.model.predict(X.to_numpy(object))) == as_bits(model.predict(X.to_numpy(object)))
    assert not fast.sums.compared, "what is no frame is the library's"


@pytest.mark.parametrize("name", CATBOOST)
def test_every_bit_is_catboosts(name):
    kind, settings = CATBOOST[name]
    X = table(categories=False)
    is_regression = kind in ("any", "positive", "pairs")
    model = (CatBoostRegressor if is_regression else CatBoostClassifier)(**{**FEW, **settings})
    model.fit(X, target(X, kind))
    for rows in (X, X.to_numpy()):
        check(model, rows)
    fast = accelerated(model)
    assert as_bits(fast.model.predict(X, ntree_end=2)) == as_bits(model.predict(X, ntree_end=2))
    assert not fast.sums.compared, "what is no plain prediction is the library's"


def test_trees_after_the_best_iteration_are_not_summed():
    X = table(categories=False)
    y = target(X, "any")
    from lightgbm import early_stopping

    stopped = LGBMRegressor(n_estimators=60, verbose=-1)
    stopped.fit(X[:800], y[:800], eval_X=X[800:], eval_y=np.zeros(203), callbacks=[early_stopping(2, verbose=False)])
    other = XGBRegressor(n_estimators=60, early_stopping_rounds=2)
    other.fit(X[:800], y[:800], eval_set=[(X[800:], y[800:])], verbose=False)
    assert 0 < stopped.best_iteration_ < 60
    assert 0 < other.best_iteration < 59
    shrunk = CatBoostRegressor(**{**FEW, "iterations": 60}, early_stopping_rounds=2)
    shrunk.fit(X[:800], y[:800], eval_set=(X[800:], np.zeros(203)))
    assert 0 < shrunk.tree_count_ < 60
    for model in (stopped, stopped.booster_, other, shrunk):
        check(model, X)
    # A Booster predicts with all trees, whatever its best iteration.
    booster = other.get_booster()
    asked = accelerated(booster).model.predict_frame(X, lambda frame: booster.predict(DMatrix(frame)))
    assert as_bits(asked) == as_bits(booster.predict(DMatrix(X)))


@pytest.mark.parametrize("model", [XGBRFRegressor(n_estimators=9), XGBRFClassifier(n_estimators=9)], ids=["r", "c"])
def test_every_bit_is_that_of_xgboosts_random_forests(model):
    X = table(categories=False)
    check(model.fit(X, target(X, "3" if isinstance(model, XGBRFClassifier) else "any")), X)


@pytest.mark.parametrize("model", [LGBMRanker(**SMALL), XGBRanker(n_estimators=9), CatBoostRanker(**FEW)], ids="lxc")
def test_every_bit_is_that_of_the_rankers(model):
    X = table(categories=False)
    group = np.repeat(np.arange(59), 17)
    given = {"group": np.full(59, 17)} if isinstance(model, LGBMRanker) else {"qid": group}
    if isinstance(model, CatBoostRanker):
        given = {"group_id": group}
    check(model.fit(X, target(X, "3"), **given), X)


WRAPPERS = {
    "pipeline": make_pipeline(SimpleImputer(), LGBMRegressor(**SMALL)),
    "target": TransformedTargetRegressor(XGBRegressor(n_estimators=9), func=np.arcsinh, inverse_func=np.sinh),
    "calibration": CalibratedClassifierCV(LGBMClassifier(**SMALL), cv=2),
    "vote": VotingRegressor([("a", LGBMRegressor(**SMALL)), ("b", XGBRegressor(n_estimators=9))]),
    "targets": MultiOutputRegressor(XGBRegressor(n_estimators=5)),
    "catboost": make_pipeline(SimpleImputer(), CatBoostRegressor(**FEW)),
    "pairs of classes": OneVsOneClassifier(LGBMClassifier(**SMALL)),
    "search": GridSearchCV(LGBMRegressor(**SMALL), {"num_leaves": [5, 9]}, cv=2),
    "stack": StackingRegressor(
        [("a", LGBMRegressor(**SMALL)), ("b", RandomForestRegressor(9))], CatBoostRegressor(**FEW), cv=2
    ),
    "stack of classes": StackingClassifier(
        [("a", LGBMClassifier(**SMALL)), ("b", XGBClassifier(n_estimators=9))], cv=2
    ),
    "vote of classes": VotingClassifier(
        [("a", LGBMClassifier(**SMALL)), ("b", CatBoostClassifier(**FEW))], voting="soft"
    ),
    "one calibration": CalibratedClassifierCV(XGBClassifier(n_estimators=9), ensemble=False, cv=2),
    "threshold": FixedThresholdClassifier(LGBMClassifier(**SMALL), threshold=0.3),
    "frozen": FrozenEstimator(XGBRegressor(n_estimators=9)),
    "chain": RegressorChain(LGBMRegressor(**SMALL)),
    "labels": MultiOutputClassifier(XGBClassifier(n_estimators=9)),
    "one against the rest": OneVsRestClassifier(CatBoostClassifier(**FEW)),
    "elimination": make_pipeline(RFE(LGBMRegressor(**SMALL), n_features_to_select=4)),
    "everything": GridSearchCV(
        make_pipeline(
            SimpleImputer(),
            TransformedTargetRegressor(
                VotingRegressor([("a", LGBMRegressor(**SMALL)), ("b", ExtraTreesRegressor(9))]),
                func=np.arcsinh,
                inverse_func=np.sinh,
            ),
        ),
        {"simpleimputer__strategy": ["mean", "median"]},
        cv=2,
    ),
}
TARGETS = {
    "calibration": "2",
    "one calibration": "2",
    "threshold": "2",
    "vote of classes": "3",
    "stack of classes": "2",
    "one against the rest": "3",
    "pairs of classes": "3",
    "targets": "pairs",
    "chain": "pairs",
}


@pytest.mark.parametrize("name", WRAPPERS)
@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
def test_inside_other_estimators(name):
    X = table(categories=False)
    y = target(X, TARGETS.get(name, "any"))
    if name == "chain":
        X = X.fillna(0.0)  # it takes no missing values
    if name == "labels":
        y = np.stack([target(X, "2"), target(X, "3") > 0], axis=1).astype(int)
    model = copy.deepcopy(WRAPPERS[name])
    if name == "frozen":
        model.estimator.fit(X, y)
    check(model.fit(X, y), X)


@pytest.mark.parametrize(
    "model", [LGBMRegressor(**SMALL), XGBRegressor(n_estimators=5), CatBoostRegressor(**FEW)], ids=["l", "x", "c"]
)
def test_the_fitted_model_is_not_changed(model):
    X = table(categories=False)
    model.fit(X, target(X, "any"))
    attributes, answer = dict(vars(model)), model.predict(X).tobytes()
    fast = accelerated(model)
    assert fast.model.predict(X).tobytes() == answer
    for plain in (pickle.loads(pickle.dumps(fast.model)), copy.deepcopy(fast.model)):
        assert type(plain) is type(model)
        assert plain.predict(X).tobytes() == answer
    del fast
    assert vars(model) == attributes
    assert model.predict(X).tobytes() == answer


def test_a_bit_that_differs_leaves_it_to_the_library(monkeypatch, caplog):
    X = table(categories=False)
    model = LGBMRegressor(**SMALL).fit(X, target(X, "any"))

    def one_bit_off(file):
        ensemble = to_ensemble(file)
        ensemble.value[-20:] = np.nextafter(ensemble.value[-20:], np.inf)
        return ensemble

    monkeypatch.setattr(fast_lightgbm, "to_ensemble", one_bit_off)
    fast = accelerated(model)
    with caplog.at_level(logging.WARNING):
        assert fast.model.predict(X).tobytes() == model.predict(X).tobytes()
    assert fast.sums.rejected
    assert "bits differ in" in caplog.text


def test_what_is_no_plain_prediction_is_the_librarys(caplog):
    X = table(categories=False)
    model = LGBMClassifier(**SMALL, pred_early_stop=True).fit(X, target(X, "2"))
    fast = accelerated(model)
    assert fast.model.predict(X).tolist() == model.predict(X).tolist()
    assert not fast.sums.compared
    plain = LGBMRegressor(**SMALL).fit(X, target(X, "any"))
    fast = accelerated(plain)
    for asked in ({"pred_leaf": True}, {"num_iteration": 2}, {"start_iteration": 3}, {"pred_contrib": True}):
        assert np.array_equal(fast.model.predict(X, **asked), plain.predict(X, **asked))
    assert not fast.sums.compared
    hinge = XGBClassifier(n_estimators=5, objective="binary:hinge").fit(X, target(X, "2"))
    fast = accelerated(hinge)
    with caplog.at_level(logging.WARNING):
        assert fast.model.predict(X).tobytes() == hinge.predict(X).tobytes()
    assert fast.sums.rejected
    assert "summed by their library, not by the faster kernel: what its objective 'binary:hinge' makes" in caplog.text
    one = XGBRegressor(n_estimators=5).fit(X, target(X, "any"))
    fast = accelerated(one)
    for asked in ({"iteration_range": (1, 3)}, {"base_margin": np.ones(len(X))}):
        assert fast.model.predict(X, **asked).tobytes() == one.predict(X, **asked).tobytes()
    assert not fast.sums.compared
    infinite = X.replace({0.0: np.inf})
    assert fast.model.predict(infinite).tobytes() == one.predict(infinite).tobytes()
