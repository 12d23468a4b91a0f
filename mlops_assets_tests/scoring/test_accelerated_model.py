"""The predictor owns the fast way to predict: the model that was loaded stays as it is."""

import gc
import pickle
import weakref

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor, HistGradientBoostingClassifier
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlops_assets.models.load import load_native
from mlops_assets.models.reference import ModelReference
from mlops_assets.scoring.accelerated_model import accelerated_model, expect_rows, is_accelerated
from mlops_assets.trees import tree_sums
from mlops_assets.trees.ranked_trees import RankedTrees
from mlops_assets.trees.tree_sums import WORTH_PAIRS

REFERENCE = ModelReference("m", 1, None, "d", ("python_function", "sklearn"), None, None, "s", "")
COLUMNS = [f"f{i}" for i in range(6)]


def table(rows: int) -> pd.DataFrame:
    return pd.DataFrame(np.random.default_rng(0).standard_normal((rows, 6)), columns=COLUMNS)


def target(X: pd.DataFrame) -> np.ndarray:
    return (X.f0 * X.f1 + np.sin(X.f2)).to_numpy()


@pytest.fixture
def load(tmp_path):
    """Save a fitted estimator with MLflow and load it as the package does."""
    import mlflow.sklearn

    def load(model, **options):
        folder = tmp_path / "model"
        options = {"serialization_format": "cloudpickle", "pip_requirements": ["scikit-learn"]} | options
        mlflow.sklearn.save_model(model, folder, **options)
        return load_native(folder, REFERENCE)

    return load


@pytest.fixture
def kernel_rows(monkeypatch):
    """How many rows the kernel summed, call by call."""
    rows: list[int] = []
    add_to = RankedTrees.add_to

    def count_rows(self, sums, X):
        rows.append(len(X))
        add_to(self, sums, X)

    monkeypatch.setattr(RankedTrees, "add_to", count_rows)
    return rows


CLASSIFIERS = {
    "gradient": GradientBoostingClassifier(n_estimators=9),
    "histogram": HistGradientBoostingClassifier(max_iter=9),
    "pipeline": make_pipeline(StandardScaler(), GradientBoostingClassifier(n_estimators=9)),
}


FUNCTIONS = [
    (name, function)
    for name in CLASSIFIERS
    for function in ("predict", "predict_proba", "predict_log_proba")
    if hasattr(CLASSIFIERS[name], function)
]


@pytest.mark.parametrize(("name", "function"), FUNCTIONS)
def test_each_function_that_a_model_may_be_saved_with(load, kernel_rows, name, function):
    X = table(1_000)
    model = load(CLASSIFIERS[name].fit(X, target(X) > 0), pyfunc_predict_fn=function)
    expected, probabilities = model.predict(X), model.predict(X, method="predict_proba")
    pickled = pickle.dumps(model.native)
    expect_rows(model, WORTH_PAIRS)
    fast = accelerated_model(model)
    assert np.asarray(fast.predict(X)).tobytes() == np.asarray(expected).tobytes()
    assert 1_000 in kernel_rows
    kernel_rows.clear()
    assert fast.predict(X, method="predict_proba").tobytes() == probabilities.tobytes()
    assert 1_000 in kernel_rows
    assert (fast.reference, fast.signature) == (model.reference, model.signature)
    kernel_rows.clear()
    assert np.asarray(model.predict(X)).tobytes() == np.asarray(expected).tobytes()
    assert kernel_rows == []
    assert model.pyfunc.get_raw_model() is model.native
    assert pickle.dumps(model.native) == pickled


@pytest.mark.parametrize(
    ("library", "interface"),
    [
        *(("lightgbm", "booster"), ("lightgbm", "classifier"), ("xgboost", "booster"), ("xgboost", "classifier")),
        ("catboost", "classifier"),
    ],
)
def test_boosters_as_mlflow_asks_them(tmp_path, kernel_rows, library, interface):
    import importlib

    X = table(1_000)
    package, flavor = importlib.import_module(library), importlib.import_module(f"mlflow.{library}")
    kinds = {"lightgbm": "LGBMClassifier", "xgboost": "XGBClassifier", "catboost": "CatBoostClassifier"}
    settings = {"verbose": 0, "allow_writing_files": False} if library == "catboost" else {}
    fitted = getattr(package, kinds[library])(n_estimators=9, **settings).fit(X, target(X) > 0)
    saved = fitted if interface == "classifier" else fitted.booster_ if library == "lightgbm" else fitted.get_booster()
    flavor.save_model(saved, tmp_path / "model", pip_requirements=["mlflow"])
    model = load_native(tmp_path / "model", REFERENCE)
    methods = ("predict", "predict_proba") if interface == "classifier" else ("predict",)
    expected = [np.asarray(model.predict(X, method=method)) for method in methods]
    expect_rows(model, 10 * WORTH_PAIRS)
    fast = accelerated_model(model)
    for method, theirs in zip(methods, expected, strict=True):
        kernel_rows.clear()
        ours = np.asarray(fast.predict(X, method=method))
        assert (ours.dtype, ours.tobytes()) == (theirs.dtype, theirs.tobytes())
        assert sum(kernel_rows) >= 1_000
    kernel_rows.clear()
    assert np.asarray(model.predict(X)).tobytes() == expected[0].tobytes()
    assert kernel_rows == []


def test_other_models_predict_as_they_are(load):
    X = table(50)
    model = load(LinearRegression().fit(X, target(X)))
    expect_rows(model, WORTH_PAIRS)
    assert not is_accelerated(model)
    assert accelerated_model(model) is model


def test_a_copy_is_freed_with_its_model(load):
    X = table(50)
    model = load(GradientBoostingRegressor(n_estimators=5).fit(X, target(X)))
    assert is_accelerated(model)
    copy = weakref.ref(accelerated_model(model).native)
    assert copy() is accelerated_model(model).native
    del model
    gc.collect()
    assert copy() is None


def test_a_run_of_many_rows_is_accelerated_although_one_of_few_came_first(registry, run, monkeypatch, kernel_rows):
    """Both runs share a process, and with it the loaded model and its copy; the predictions are the model's."""
    monkeypatch.setattr(tree_sums, "WORTH_PAIRS", 500 * 20)
    rows = table(1_000).assign(row=np.arange(1_000))
    model = GradientBoostingRegressor(n_estimators=20).fit(rows[COLUMNS], target(rows))
    registry.add_sklearn(model, rows[COLUMNS])
    settings = {"row_key": ["row"], "job": "inference", "resume": {"enabled": False}}
    assert run(rows[:100], **settings).success
    assert kernel_rows == []
    done = run(rows, **settings)
    assert sum(kernel_rows) >= 1_000
    predicted = pd.read_parquet(done.tables / "predictions.parquet")
    assert predicted.prediction.tolist() == model.predict(rows[COLUMNS]).tolist()
