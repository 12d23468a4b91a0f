"""Boosters whose library cannot be imported: the same predictions and explanations, or a message that says why not."""

import importlib
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops_assets.errors import ModelLoadError, PredictionError
from mlops_assets.explain.explainers.choose import choose_explainer
from mlops_assets.models.load import load_native
from mlops_assets.models.reference import ModelReference

pytestmark = pytest.mark.slow

REFERENCE = ModelReference("m", 1, None, "d", ("python_function",), None, None, "s", "")
ROWS = 300
COLUMNS = list("abcd")
QUIET: dict[str, Any] = {"verbose": 0, "allow_writing_files": False}


def table() -> pd.DataFrame:
    X = pd.DataFrame(np.random.default_rng(0).standard_normal((ROWS, 4)), columns=COLUMNS)
    return X.mask(np.random.default_rng(1).random(X.shape) < 0.05)


def categories() -> pd.DataFrame:
    random = np.random.default_rng(2)
    return table().assign(k=random.choice(["x", "yes", "no"], ROWS), l=random.integers(0, 7, ROWS))


def target(X: pd.DataFrame, classes: int) -> Any:
    y = np.nan_to_num(X.a * X.b + X.c)
    if "k" in X:
        y += (X.k == "yes") * (X.l % 2)
    return np.digitize(y, np.quantile(y, np.linspace(0, 1, classes + 1)[1:-1])) if classes else np.exp(y)


def fit(library: str, kind: str, X: pd.DataFrame, classes: int, **settings: Any) -> Any:
    package = importlib.import_module(library)
    more: dict[str, Any] = QUIET if library == "catboost" else {"verbose": -1} if library == "lightgbm" else {}
    y, given = target(X, classes), {}
    if library != "catboost" and "k" in X:
        # The frame of a signature has what these name.
        X = X.astype({"k": "category", "l": "category"})
        more |= FINE if library == "lightgbm" else {"enable_categorical": True}
    if settings.pop("stopped", False):
        given, settings = {"eval_set": [(X, 0.4 * y)], "verbose": False}, settings | {"early_stopping_rounds": 1}
    if settings.pop("targets", 1) > 1:
        y = np.stack([y, -y], axis=1)
    return getattr(package, kind)(**{"n_estimators": 7, **more, **settings}).fit(X, y, **given)


FINE: dict[str, Any] = {"min_child_samples": 5, "min_data_per_group": 5, "cat_smooth": 1}
MODELS: dict[str, tuple[str, str, int, dict[str, Any]]] = {
    "lightgbm, two classes": ("lightgbm", "LGBMClassifier", 2, {}),
    "lightgbm, forest": ("lightgbm", "LGBMRegressor", 0, {"boosting_type": "rf", "bagging_freq": 1, "subsample": 0.5}),
    "xgboost, three classes": ("xgboost", "XGBClassifier", 3, {}),
    "xgboost, two classes": ("xgboost", "XGBClassifier", 2, {}),
    "xgboost, dart": ("xgboost", "XGBRegressor", 0, {"booster": "dart", "rate_drop": 0.3}),
    "xgboost, Booster": ("xgboost", "XGBRegressor", 0, {"objective": "count:poisson"}),
    "lightgbm, dart, three classes": ("lightgbm", "LGBMClassifier", 3, {"boosting_type": "dart"}),
    "lightgbm, gamma": ("lightgbm", "LGBMRegressor", 0, {"objective": "gamma"}),
    "lightgbm, categories": ("lightgbm", "LGBMRegressor", 0, {}),
    "lightgbm, categories, three classes": ("lightgbm", "LGBMClassifier", 3, {}),
    "lightgbm, linear leaves": ("lightgbm", "LGBMRegressor", 0, {"linear_tree": True}),
    "lightgbm, linear leaves, categories": ("lightgbm", "LGBMRegressor", 0, {"linear_tree": True}),
    "xgboost, forest": ("xgboost", "XGBRFRegressor", 0, {}),
    "xgboost, best iteration": ("xgboost", "XGBRegressor", 0, {"n_estimators": 50, "stopped": True}),
    "xgboost, best iteration, Booster": ("xgboost", "XGBRegressor", 0, {"n_estimators": 50, "stopped": True}),
    "xgboost, two targets": ("xgboost", "XGBRegressor", 0, {"targets": 2}),
    "xgboost, vector leaves": ("xgboost", "XGBRegressor", 0, {"targets": 2, "multi_strategy": "multi_output_tree"}),
    "xgboost, categories": ("xgboost", "XGBRegressor", 0, {"max_cat_to_onehot": 1}),
    "xgboost, categories, Booster": ("xgboost", "XGBRegressor", 0, {"max_cat_to_onehot": 100}),
    "xgboost, categories, three classes": ("xgboost", "XGBClassifier", 3, {}),
    "catboost, lossguide": ("catboost", "CatBoostRegressor", 0, {"grow_policy": "Lossguide"}),
    "catboost, depthwise, three classes": ("catboost", "CatBoostClassifier", 3, {"grow_policy": "Depthwise"}),
    "catboost, poisson": ("catboost", "CatBoostRegressor", 0, {"loss_function": "Poisson"}),
    "catboost, two classes": ("catboost", "CatBoostClassifier", 2, {}),
    "catboost, three classes": ("catboost", "CatBoostClassifier", 3, {}),
    "catboost, categories": ("catboost", "CatBoostRegressor", 0, {"cat_features": ["k", "l"]}),
    "catboost, categories, two classes": (
        "catboost",
        "CatBoostClassifier",
        2,
        {"cat_features": ["k", "l"], "one_hot_max_size": 5},
    ),
}


def save(name: str, folder: Any, X: pd.DataFrame) -> str:
    """The library."""
    library, kind, classes, settings = MODELS[name]
    model = fit(library, kind, X, classes, **settings)
    if "stopped" in settings:
        assert 0 < model.best_iteration < 49
    saved = model.booster_ if library == "lightgbm" else model.get_booster() if name.endswith("Booster") else model
    importlib.import_module(f"mlflow.{library}").save_model(saved, folder, pip_requirements=["mlflow"])
    return library


def block(monkeypatch, library: str) -> None:
    """As if the library was not installed, for this test."""
    for name in [*sys.modules, library]:
        if name.partition(".")[0] == library:
            monkeypatch.setitem(sys.modules, name, None)


def describe(folder: Any, X: pd.DataFrame) -> tuple[Any, ...]:
    model = load_native(folder, REFERENCE)
    answer = np.asarray(model.predict(X))
    explainer = choose_explainer(model, list(X.columns), X[:50])
    found = explainer.explain(X[:40])
    parts = (answer.dtype, answer.shape, answer.tolist(), explainer.KIND, explainer.space, explainer.outputs)
    return *parts, found.values.tolist(), found.base.tolist(), explainer.predict(X[:40]).tolist()


@pytest.mark.parametrize("name", MODELS)
def test_the_model_predicts_and_is_explained_as_with_its_library(tmp_path, monkeypatch, caplog, name):
    X = categories() if "categories" in name else table()
    library = save(name, tmp_path / "model", X)
    expected = describe(tmp_path / "model", X)
    block(monkeypatch, library)
    assert describe(tmp_path / "model", X) == expected
    assert f"The Python package {library!r} is not installed" in caplog.text
    other = X[["b", "a", "c", "d"]]
    if library != "lightgbm":
        with pytest.raises(PredictionError) as failure:
            load_native(tmp_path / "model", REFERENCE).predict(other)
        assert "columns are not those that the model was trained with" in str(failure.value.__cause__)


@pytest.mark.parametrize("library", ["lightgbm", "xgboost"])
def test_categories_that_training_did_not_see(tmp_path, monkeypatch, library):
    X = categories()
    save(f"{library}, categories", tmp_path / "model", X)
    strange = X.assign(k=["never", *X.k[1:]])
    expected = None if library == "xgboost" else load_native(tmp_path / "model", REFERENCE).predict(strange).tolist()
    block(monkeypatch, library)
    model = load_native(tmp_path / "model", REFERENCE)
    if expected is not None:
        assert model.predict(strange).tolist() == expected
        return
    with pytest.raises(PredictionError, match=r"'k' holds values in 1 of 300 rows \(number 1\) that are none"):
        model.predict(strange)


def test_whole_numbers_that_are_categories_by_their_place(tmp_path, monkeypatch):
    import mlflow.lightgbm
    from lightgbm import LGBMRegressor

    X = categories().drop(columns="k")
    model = LGBMRegressor(n_estimators=7, verbose=-1, **FINE).fit(X, target(X, 0), categorical_feature=["l"])
    mlflow.lightgbm.save_model(model.booster_, tmp_path / "model", pip_requirements=["lightgbm"])
    expected = describe(tmp_path / "model", X)
    block(monkeypatch, "lightgbm")
    assert describe(tmp_path / "model", X) == expected


def test_what_needs_the_library_says_why(tmp_path, monkeypatch):
    import mlflow.xgboost
    from xgboost import XGBClassifier

    X = table()
    model = XGBClassifier(n_estimators=2, objective="binary:hinge").fit(X, target(X, 2))
    mlflow.xgboost.save_model(model.get_booster(), tmp_path / "model", pip_requirements=["xgboost"])
    block(monkeypatch, "xgboost")
    with pytest.raises(
        ModelLoadError, match="'xgboost', which is not installed, and cannot do without it: it has the objective"
    ):
        load_native(tmp_path / "model", REFERENCE)
