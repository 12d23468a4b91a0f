"""A ledger's `space` is true: by its formula each kind of model's own prediction follows from the ledger alone."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import sklearn.discriminant_analysis as da
import sklearn.ensemble as se
import sklearn.linear_model as lm
import sklearn.multiclass as mc
import sklearn.svm as svm
import sklearn.tree as st
from catboost import CatBoost, CatBoostClassifier, CatBoostRegressor
from lightgbm import LGBMClassifier, LGBMRanker, LGBMRegressor
from xgboost import DMatrix, XGBClassifier, XGBRegressor

from mlops_assets.errors import ExplanationError
from mlops_assets.explain.compare.stored_predictions import compare_with_stored
from mlops_assets.explain.explainers.choose import choose_explainer
from mlops_assets.explain.explainers.explainer import ExplainConfig
from mlops_assets.explain.ledger.ledger import explain_batches
from mlops_assets.explain.spaces import SPACES
from mlops_assets.models.loaded_model import LoadedModel

from .conftest import REFERENCE

ROWS = 150
SMALL: dict[str, Any] = {"n_estimators": 5}
QUIET: dict[str, Any] = {"n_estimators": 5, "verbose": -1, "min_child_samples": 5}
CAT: dict[str, Any] = {"iterations": 5, "depth": 3, "verbose": 0, "allow_writing_files": False}


def _table() -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    random = np.random.default_rng(3)
    frame = pd.DataFrame(random.normal(size=(ROWS, 4)), columns=["age", "income", "debt", "tenure"])
    score = frame["age"] + frame["income"] * frame["debt"] + random.normal(0, 0.5, ROWS)
    return frame, {
        "number": score.to_numpy(),
        "binary": (score > 0).astype(int).to_numpy(),
        "classes": np.digitize(score, [-0.7, 0.7]),
        "count": np.exp(score / 2).round().to_numpy() + 1.0,
        "share": (1 / (1 + np.exp(-score))).to_numpy(),
    }


FRAME, TARGETS = _table()


def _proba(model, rows):
    scores = np.asarray(model.predict_proba(rows))
    return scores[:, 1:] if scores.shape[1] == 2 else scores


def _predict(model, rows):
    return np.asarray(model.predict(rows), float).reshape(len(rows), -1)


def _raw(model, rows):
    return np.asarray(model.predict(rows, raw_score=True)).reshape(len(rows), -1)


def _decide(model, rows):
    return np.asarray(model.decision_function(rows)).reshape(len(rows), -1)


def _booster(model, rows):
    matrix = DMatrix(rows) if type(model).__module__.startswith("xgboost") else rows
    return np.asarray(model.predict(matrix), float).reshape(len(rows), -1)


def _bst(model):
    return model.get_booster() if hasattr(model, "get_booster") else model.booster_


# name -> (estimator, target, what it predicts, the space, the explainer)
TREE, LINEAR, PERMUTATION = "TreeExplainer", "LinearExplainer", "PermutationExplainer"
SUM = "SumExplainer"
CASES: dict[str, tuple[Any, str, Callable[..., Any], str, str]] = {
    "tree": (st.DecisionTreeClassifier(max_depth=3), "classes", _proba, "probability", TREE),
    "forest": (se.RandomForestClassifier(5), "binary", _proba, "probability", TREE),
    "boosting": (se.GradientBoostingClassifier(n_estimators=5), "binary", _proba, "log-odds", TREE),
    "boosting, exponential": (
        se.GradientBoostingClassifier(n_estimators=5, loss="exponential"), "binary", _proba, "log-odds", TREE,
    ),
    "boosting, classes": (se.GradientBoostingClassifier(n_estimators=5), "classes", _proba, "softmax margin", TREE),
    "histogram": (se.HistGradientBoostingClassifier(max_iter=5), "binary", _proba, "log-odds", TREE),
    "histogram, classes": (se.HistGradientBoostingClassifier(max_iter=5), "classes", _proba, "softmax margin", TREE),
    "histogram, gamma": (se.HistGradientBoostingRegressor(max_iter=5, loss="gamma"), "count", _predict, "log", TREE),
    "regression": (se.RandomForestRegressor(5), "number", _predict, "identity", TREE),
    "lightgbm": (LGBMClassifier(**QUIET), "binary", _proba, "log-odds", TREE),
    "lightgbm, sigmoid": (LGBMClassifier(**QUIET, sigmoid=1.7), "binary", _proba, "log-odds", TREE),
    "lightgbm, classes": (LGBMClassifier(**QUIET), "classes", _proba, "softmax margin", TREE),
    "lightgbm, ova": (LGBMClassifier(**QUIET, objective="multiclassova"), "classes", _proba, "log-odds", TREE),
    "lightgbm, ova, sigmoid": (
        LGBMClassifier(**QUIET, objective="multiclassova", sigmoid=0.5), "classes", _proba, "log-odds", TREE,
    ),
    "lightgbm, cross entropy": (
        LGBMRegressor(**QUIET, objective="cross_entropy"), "share", _predict, "log-odds", TREE,
    ),
    "lightgbm, poisson": (LGBMRegressor(**QUIET, objective="poisson"), "count", _predict, "log", TREE),
    "lightgbm, gamma": (LGBMRegressor(**QUIET, objective="gamma"), "count", _predict, "log", TREE),
    "lightgbm, tweedie": (LGBMRegressor(**QUIET, objective="tweedie"), "count", _predict, "log", TREE),
    "lightgbm, own loss": (
        LGBMRegressor(**QUIET, objective=lambda y, p: (p - y, np.ones(len(y)))), "number", _predict, "identity", TREE,
    ),
    "lightgbm, own loss, classes": (
        LGBMClassifier(**QUIET, objective=lambda y, p: (1 / (1 + np.exp(-p)) - y, np.ones(len(y)))), "binary",
        _predict, "identity", TREE,
    ),
    "lightgbm, square root": (
        LGBMRegressor(**QUIET, reg_sqrt=True), "count", _raw, "margin", TREE,
    ),
    "lightgbm, ranker": (LGBMRanker(**QUIET), "binary", _predict, "identity", TREE),
    "xgboost": (XGBClassifier(**SMALL), "binary", _proba, "log-odds", TREE),
    "xgboost, classes": (XGBClassifier(**SMALL), "classes", _proba, "softmax margin", TREE),
    "xgboost, softmax": (XGBClassifier(**SMALL, objective="multi:softmax"), "classes", _proba, "softmax margin", TREE),
    "xgboost, raw": (XGBClassifier(**SMALL, objective="binary:logitraw"), "binary", _proba, "log-odds", TREE),
    "xgboost, poisson": (XGBRegressor(**SMALL, objective="count:poisson"), "count", _predict, "log", TREE),
    "xgboost, gamma": (XGBRegressor(**SMALL, objective="reg:gamma"), "count", _predict, "log", TREE),
    "xgboost, tweedie": (XGBRegressor(**SMALL, objective="reg:tweedie"), "count", _predict, "log", TREE),
    "xgboost, logistic": (XGBRegressor(**SMALL, objective="reg:logistic"), "share", _predict, "log-odds", TREE),
    "xgboost, cox": (XGBRegressor(**SMALL, objective="survival:cox"), "count", _predict, "log", TREE),
    "catboost": (CatBoostClassifier(**CAT), "binary", _proba, "log-odds", TREE),
    "catboost, classes": (CatBoostClassifier(**CAT), "classes", _proba, "softmax margin", TREE),
    "catboost, ova": (
        CatBoostClassifier(**CAT, loss_function="MultiClassOneVsAll"), "classes", _proba, "log-odds", TREE,
    ),
    "catboost, cross entropy": (
        CatBoostClassifier(**CAT, loss_function="CrossEntropy"), "binary", _proba, "log-odds", TREE,
    ),
    "catboost, depthwise": (
        CatBoostClassifier(**CAT, grow_policy="Depthwise"), "classes", _proba, "softmax margin", TREE,
    ),
    "catboost, depthwise, ova": (
        CatBoostClassifier(**CAT, grow_policy="Depthwise", loss_function="MultiClassOneVsAll"), "classes", _proba,
        "log-odds", TREE,
    ),
    "catboost, rmse": (CatBoostRegressor(**CAT), "number", _predict, "identity", TREE),
    "catboost, poisson": (CatBoostRegressor(**CAT, loss_function="Poisson"), "count", _predict, "log", TREE),
    "catboost, raw": (CatBoost({**CAT, "loss_function": "Logloss"}), "binary", _predict, "identity", TREE),
    "logistic": (lm.LogisticRegression(), "binary", _proba, "log-odds", LINEAR),
    "logistic, classes": (lm.LogisticRegression(), "classes", _proba, "softmax margin", LINEAR),
    "logistic, ova": (mc.OneVsRestClassifier(lm.LogisticRegression()), "classes", _decide, "margin", SUM),
    "sgd, log loss": (lm.SGDClassifier(loss="log_loss"), "binary", _proba, "log-odds", LINEAR),
    "sgd, log loss, classes": (lm.SGDClassifier(loss="log_loss"), "classes", _decide, "margin", LINEAR),
    "sgd, hinge": (lm.SGDClassifier(), "binary", _decide, "margin", LINEAR),
    "sgd, huber": (lm.SGDClassifier(loss="modified_huber"), "binary", _decide, "margin", LINEAR),
    "linear svm": (svm.LinearSVC(), "classes", _decide, "margin", LINEAR),
    "ridge": (lm.RidgeClassifier(), "binary", _decide, "margin", LINEAR),
    "perceptron": (lm.Perceptron(), "classes", _decide, "margin", LINEAR),
    "one against the rest of margins": (mc.OneVsRestClassifier(svm.LinearSVC()), "classes", _decide, "margin", SUM),
    "svm": (svm.SVC(), "binary", _decide, "margin", "KernelMachineExplainer"),
    "discriminant": (da.LinearDiscriminantAnalysis(), "binary", _proba, "log-odds", LINEAR),
    "discriminant, classes": (da.LinearDiscriminantAnalysis(), "classes", _proba, "softmax margin", LINEAR),
    "quadratic": (da.QuadraticDiscriminantAnalysis(), "classes", _proba, "probability", PERMUTATION),
    "poisson": (lm.PoissonRegressor(), "count", _predict, "log", LINEAR),
    "gamma": (lm.GammaRegressor(), "count", _predict, "log", LINEAR),
    "tweedie": (lm.TweedieRegressor(power=1.5), "count", _predict, "log", LINEAR),
    "tweedie, identity": (lm.TweedieRegressor(power=0), "number", _predict, "identity", LINEAR),
    "linear": (lm.LinearRegression(), "number", _predict, "identity", LINEAR),
}  # fmt: skip
BOOSTERS = {
    "lightgbm": ("lightgbm", "log-odds"),
    "lightgbm, classes": ("lightgbm, classes", "softmax margin"),
    "lightgbm, ova": ("lightgbm, ova", "log-odds"),
    "xgboost": ("xgboost", "log-odds"),
    "xgboost, classes": ("xgboost, classes", "softmax margin"),
    "xgboost, raw": ("xgboost, raw", "identity"),
    "xgboost, poisson": ("xgboost, poisson", "log"),
}


def fitted(name: str) -> Any:
    estimator, target, *_ = CASES[name]
    more = {"group": [50, 50, 50]} if isinstance(estimator, LGBMRanker) else {}
    return estimator.fit(FRAME, TARGETS[target], **more)


def loaded(model: Any, answer: Callable[[Any, pd.DataFrame], Any] | None = None) -> LoadedModel:
    """As MLflow's flavors hand models over, without the way through files."""

    def predict(rows: pd.DataFrame, params: object = None) -> Any:
        return model.predict(rows) if answer is None else answer(model, rows)

    pyfunc = SimpleNamespace(predict=predict, metadata=SimpleNamespace(signature=None))
    return LoadedModel(REFERENCE, cast(Any, pyfunc), native=model)


def ledger_of(model: LoadedModel, rows: int = 20, **config: Any) -> tuple[Any, pd.DataFrame]:
    explainer = choose_explainer(model, FRAME.columns, FRAME.head(40), ExplainConfig(**config))
    keyed = pa.Table.from_pandas(FRAME.head(rows).assign(row=np.arange(rows)), preserve_index=False)
    batches = explain_batches(
        keyed.to_batches(), explainer, lambda batch: batch.select(list(FRAME.columns)).to_pandas(), ["row"], REFERENCE
    )
    return explainer, pa.Table.from_batches(batches).to_pandas()


def recompute(ledger: pd.DataFrame) -> np.ndarray:
    """(rows, outputs): what the model predicts, by the formulas of the documentation, from the ledger alone."""
    (space,) = ledger["space"].unique()
    total = ledger["base_value"] + ledger.filter(like="shap_").sum(axis=1)
    values = np.stack([group.to_numpy() for _, group in total.groupby(ledger["row"])])
    if space == "log-odds":
        return 1 / (1 + np.exp(-values))
    if space == "softmax margin":
        return np.exp(values) / np.exp(values).sum(axis=1, keepdims=True)
    return np.exp(values) if space == "log" else values


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_the_prediction_follows_from_the_ledger(name: str) -> None:
    _, _, predicted, space, kind = CASES[name]
    model = fitted(name)
    explainer, ledger = ledger_of(loaded(model))
    assert (explainer.KIND, ledger["space"].unique().tolist()) == (kind, [space]), explainer.reason
    expected = predicted(model, FRAME.head(20))
    found = recompute(ledger)
    if name == "xgboost, raw":  # calls its log-odds a probability
        found = np.log(found / (1 - found))
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", BOOSTERS)
def test_the_prediction_of_a_booster_follows_from_the_ledger(name: str) -> None:
    case, space = BOOSTERS[name]
    booster = _bst(fitted(case))
    _, ledger = ledger_of(loaded(booster, _booster))
    assert ledger["space"].unique().tolist() == [space]
    np.testing.assert_allclose(recompute(ledger), _booster(booster, FRAME.head(20)), rtol=2e-5, atol=1e-6)


@pytest.mark.slow
def test_a_booster_that_answers_with_the_number_of_a_class_is_explained_by_its_margins() -> None:
    booster = _bst(fitted("xgboost, softmax"))
    answer = _booster(booster, FRAME.head(20))[:, 0]
    explainer, ledger = ledger_of(loaded(booster, lambda model, rows: _booster(model, rows)[:, 0]))
    assert (explainer.KIND, ledger["space"].unique().tolist()) == ("TreeExplainer", ["softmax margin"])
    assert recompute(ledger).argmax(axis=1).tolist() == answer.tolist()
    published = pa.record_batch({"prediction": answer})
    batch = pa.RecordBatch.from_pandas(ledger, preserve_index=False)
    agreement = compare_with_stored([batch], [published], explainer.outputs, "softmax margin", ["prediction"])
    assert (agreement.comparable, agreement.rows, agreement.different) == (True, 20, 0)


def test_doubling_odds_means_what_the_sentences_say() -> None:
    """Those of the class in log-odds; those against each other class, not alone, in a softmax margin."""
    probability = 1 / (1 + np.exp(-np.array([0.3, 0.3 + np.log(2)])))
    odds = probability / (1 - probability)
    assert odds[1] == pytest.approx(2 * odds[0])
    assert "doubles them" in SPACES["log-odds"].meaning
    margins = np.array([[0.3, 1.0, -0.5], [0.3 + np.log(2), 1.0, -0.5]])
    shares = np.exp(margins) / np.exp(margins).sum(axis=1, keepdims=True)
    for other in (1, 2):
        assert shares[1, 0] / shares[1, other] == pytest.approx(2 * shares[0, 0] / shares[0, other])
    assert "even odds" not in SPACES["softmax margin"].meaning


# Model -> the KIND that is asked for.
PROBABILITY: dict[str, str | None] = {
    **dict.fromkeys(("forest", "tree", "quadratic", "logistic, ova")),
    **dict.fromkeys(("lightgbm", "boosting, classes", "lightgbm, ova", "logistic"), PERMUTATION),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", PROBABILITY)
def test_attributions_of_a_probability(name: str) -> None:
    model = fitted(name)
    _, ledger = ledger_of(loaded(model), rows=5, space="probability", KIND=PROBABILITY[name])
    assert ledger["space"].unique().tolist() == ["probability"]
    total = ledger["base_value"] + ledger.filter(like="shap_").sum(axis=1)
    np.testing.assert_allclose(total.to_numpy().reshape(5, -1), _proba(model, FRAME.head(5)), atol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lightgbm", "boosting, classes", "logistic", "catboost, depthwise"])
def test_where_a_probability_cannot_be_had_the_advice_works(name: str) -> None:
    model = fitted(name)
    with pytest.raises(ExplanationError, match=r"no probability") as refused:
        ledger_of(loaded(model), space="probability")
    assert "explain.KIND: PermutationExplainer" in str(refused.value)
    _, ledger = ledger_of(loaded(model), rows=3, space="probability", KIND="PermutationExplainer")
    assert ledger["space"].unique().tolist() == ["probability"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lightgbm", "boosting", "xgboost", "lightgbm, booster"])
def test_interventional_boosting_of_two_classes_has_probabilities(name: str) -> None:
    model = fitted(name.removesuffix(", booster"))
    is_booster = name != name.removesuffix(", booster")
    subject = loaded(_bst(model), _booster) if is_booster else loaded(model)
    explainer, ledger = ledger_of(subject, rows=5, space="probability", mode="interventional")
    assert "in proportion" in explainer.reason
    assert ledger["space"].unique().tolist() == ["probability"]
    total = ledger["base_value"] + ledger.filter(like="shap_").sum(axis=1)
    expected = _booster(_bst(model), FRAME.head(5)) if is_booster else _proba(model, FRAME.head(5))
    np.testing.assert_allclose(total.to_numpy(), np.ravel(expected), rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lightgbm", "xgboost, classes"])
def test_a_booster_s_probabilities_are_known_as_such(name: str) -> None:
    booster = _bst(fitted(name))
    with pytest.raises(ExplanationError, match="PermutationExplainer"):
        ledger_of(loaded(booster, _booster), space="probability")
    _, ledger = ledger_of(loaded(booster, _booster), rows=3, space="probability", KIND="PermutationExplainer")
    assert ledger["space"].unique().tolist() == ["probability"]
    np.testing.assert_allclose(recompute(ledger), _booster(booster, FRAME.head(3)), rtol=1e-5)


@pytest.mark.parametrize("name", ["linear", "linear svm", "poisson"])
@pytest.mark.parametrize("kind", [None, "PermutationExplainer"])
def test_what_predicts_no_probability_has_no_attributions_of_one(name: str, kind: str | None) -> None:
    with pytest.raises(ExplanationError, match="predicts no probabilities") as refused:
        ledger_of(loaded(fitted(name)), space="probability", KIND=kind)
    assert "Leave explain.space out" in str(refused.value)
    assert "PermutationExplainer" not in str(refused.value)


class ExplainsItself:
    """A Python model round a booster, with the booster's own contributions."""

    def __init__(self, model: Any, space: str) -> None:
        self.model, self.explain_space = model, space

    def predict(self, context: object, rows: pd.DataFrame, params: object = None) -> Any:
        return self.model.predict(rows)

    def _contributions(self, rows: pd.DataFrame) -> np.ndarray:
        parts = np.asarray(self.model.predict(rows, pred_contrib=True)).reshape(len(rows), -1, len(FRAME.columns) + 1)
        return parts.transpose(0, 2, 1)

    def explain_samples(self, rows: pd.DataFrame) -> np.ndarray:
        return self._contributions(rows)[:, :-1]

    def explain_base(self, rows: pd.DataFrame) -> np.ndarray:
        return self._contributions(rows)[:, -1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "space"),
    [("lightgbm", "log-odds"), ("lightgbm, classes", "softmax margin"), ("lightgbm, ova", "log-odds")],
)
def test_a_model_s_own_explanation_in_its_own_space(name: str, space: str) -> None:
    booster = fitted(name)
    own = ExplainsItself(booster, space)
    pyfunc = SimpleNamespace(
        predict=lambda rows, params=None: booster.predict(rows), metadata=SimpleNamespace(signature=None)
    )
    model = LoadedModel(REFERENCE, cast(Any, pyfunc), python_model=own)
    explainer, ledger = ledger_of(model)
    assert (explainer.KIND, ledger["space"].unique().tolist()) == ("ModelExplainer", [space])
    np.testing.assert_allclose(recompute(ledger), _proba(booster, FRAME.head(20)), rtol=1e-6)
    assert ledger["residual"].abs().max() < 1e-9
    rows = explainer.predict(FRAME.head(20)).ravel()
    np.testing.assert_allclose(rows, ledger["explained_value"], rtol=1e-12, atol=1e-12)
