"""Loaders on real models: sklearn, lightgbm both ways, xgboost, PythonModel, models-from-code, a function."""

import sys
import threading

import lightgbm
import mlflow.lightgbm
import mlflow.pyfunc
import mlflow.sklearn
import mlflow.xgboost
import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from mlops_assets.errors import ConfigurationError, ModelLoadError
from mlops_assets.models.load import LOADED_MODELS, load_by_flavor, load_custom, load_native, load_once
from mlops_assets.models.loaded_model import LoadedModel
from mlops_assets.models.trust import TRUSTED_TYPES
from mlops_assets.resources.loaders import LOADERS, AutoLoader, BuiltinLoader, CustomLoader, Loader
from mlops_assets.strategies import build_strategy
from mlops_assets_tests.models.conftest import REFERENCE, edit_mlmodel, save_sklearn


class Doubling(mlflow.pyfunc.PythonModel):
    """A custom model that holds another."""

    def __init__(self, model) -> None:
        self.model = model

    def predict(self, context, model_input, params=None):
        return 2 * self.model.predict(model_input)


SCRIPT = """
import mlflow

class Sum(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return model_input.sum(axis=1)

mlflow.models.set_model(Sum())
"""


def add_one(model_input: list[float]) -> list[float]:
    return [value + 1 for value in model_input]


@pytest.fixture(scope="module")
def models(tmp_path_factory, iris):
    """name -> (saved folder, inputs, what it should say)."""
    root, (features, target) = tmp_path_factory.mktemp("models"), iris
    linear = LogisticRegression(max_iter=500).fit(features, target)
    booster = lightgbm.train({"verbose": -1, "objective": "regression"}, lightgbm.Dataset(features, target), 3)
    estimator = lightgbm.LGBMClassifier(n_estimators=3, verbose=-1).fit(features, target)
    boosted = xgboost.XGBClassifier(n_estimators=3).fit(features, target)
    save_sklearn(linear, root / "sklearn")
    mlflow.lightgbm.save_model(booster, root / "booster", pip_requirements=["lightgbm"])
    mlflow.lightgbm.save_model(
        estimator,
        root / "lightgbm",
        pip_requirements=[f"lightgbm=={lightgbm.__version__}"],
        skops_trusted_types=sorted(TRUSTED_TYPES),
    )
    mlflow.xgboost.save_model(boosted, root / "xgboost", pip_requirements=["xgboost"])
    mlflow.pyfunc.save_model(root / "python", python_model=Doubling(linear), pip_requirements=["mlflow"])
    (root / "model.py").write_text(SCRIPT)
    mlflow.pyfunc.save_model(root / "script", python_model=str(root / "model.py"), pip_requirements=["mlflow"])
    mlflow.pyfunc.save_model(root / "function", python_model=add_one, pip_requirements=["mlflow"])
    return {
        "sklearn": (root / "sklearn", features, linear.predict(features)),
        "booster": (root / "booster", features, booster.predict(features)),
        "lightgbm": (root / "lightgbm", features, estimator.predict(features)),
        "xgboost": (root / "xgboost", features, boosted.predict(features)),
        "python": (root / "python", features, 2 * linear.predict(features)),
        "script": (root / "script", features, features.sum(axis=1)),
        "function": (root / "function", [1.0, 2.5], [2.0, 3.5]),
    }


NATIVE = {
    "sklearn": "LogisticRegression",
    "booster": "Booster",
    "lightgbm": "LGBMClassifier",
    "xgboost": "XGBClassifier",
}
CUSTOM = {"python": "Doubling", "script": "Sum", "function": "_FunctionPythonModel"}


@pytest.mark.slow
@pytest.mark.parametrize("name", NATIVE)
def test_builtin_loader_reaches_the_librarys_own_object(name, models):
    folder, inputs, expected = models[name]
    loaded = BuiltinLoader().load(folder, REFERENCE)
    assert type(loaded.native).__name__ == NATIVE[name]
    assert loaded.inner is loaded.native
    assert loaded.python_model is None
    np.testing.assert_array_equal(loaded.predict(inputs), expected)


@pytest.mark.parametrize("name", CUSTOM)
def test_builtin_loader_says_which_loader_a_custom_model_needs(name, models):
    with pytest.raises(ConfigurationError, match=r"custom Python model.*loader: \{KIND: CustomLoader\}"):
        BuiltinLoader().load(models[name][0], REFERENCE)


@pytest.mark.parametrize("name", CUSTOM)
def test_custom_loader_reaches_the_python_model(name, models):
    folder, inputs, expected = models[name]
    loaded = CustomLoader().load(folder, REFERENCE)
    assert type(loaded.python_model).__name__ == CUSTOM[name]
    assert loaded.native is None
    np.testing.assert_array_equal(loaded.predict(inputs), expected)


@pytest.mark.parametrize("name", NATIVE)
def test_custom_loader_predicts_with_any_flavor(name, models):
    folder, inputs, expected = models[name]
    loaded = CustomLoader().load(folder, REFERENCE)
    assert (loaded.native, loaded.python_model) == (None, None)
    assert loaded.inner is loaded.pyfunc
    np.testing.assert_array_equal(loaded.predict(inputs), expected)


@pytest.mark.parametrize("name", [*NATIVE, *CUSTOM])
def test_auto_loader_chooses_by_what_the_model_is(name, models):
    folder, inputs, expected = models[name]
    loaded = AutoLoader().load(folder, REFERENCE)
    assert (loaded.native is not None) == (name in NATIVE)
    assert (loaded.python_model is not None) == (name in CUSTOM)
    np.testing.assert_array_equal(loaded.predict(inputs), expected)


def test_the_model_inside_a_custom_model_is_found(models):
    assert type(CustomLoader().load(models["python"][0], REFERENCE).inner).__name__ == "LogisticRegression"
    assert type(CustomLoader().load(models["script"][0], REFERENCE).inner).__name__ == "Sum"


@pytest.mark.parametrize("held", [[], np.zeros(3), pd.DataFrame({"a": [1]}), RandomForestClassifier()])
def test_a_model_inside_is_found_whatever_its_truth(held):
    """An unfitted ensemble has length nought, and an array has no truth at all."""
    loaded = LoadedModel(REFERENCE, pyfunc=None, python_model=Doubling(held))
    assert loaded.inner is held
    assert LoadedModel(REFERENCE, pyfunc=None, native=held).inner is held


def test_probabilities(models, iris):
    loaded = BuiltinLoader().load(models["sklearn"][0], REFERENCE)
    np.testing.assert_array_equal(loaded.predict(iris[0], method="predict_proba"), loaded.native.predict_proba(iris[0]))
    inner = CustomLoader().load(models["python"][0], REFERENCE)
    assert inner.predict(iris[0], method="predict_proba").shape == (150, 3)
    booster = BuiltinLoader().load(models["booster"][0], REFERENCE)
    with pytest.raises(ConfigurationError, match=r"no predict_proba, it is a Booster.*predict_method: predict"):
        booster.predict(iris[0], method="predict_proba")


def test_the_loaded_signature_is_the_recorded_one(tmp_path, iris):
    signature = mlflow.models.infer_signature(iris[0])
    save_sklearn(LogisticRegression(max_iter=500).fit(*iris), tmp_path / "signed", signature=signature)
    assert load_native(tmp_path / "signed", REFERENCE).signature == signature
    save_sklearn(LogisticRegression(max_iter=500).fit(*iris), tmp_path / "unsigned")
    assert load_native(tmp_path / "unsigned", REFERENCE).signature is None


def test_loading_writes_nothing_into_the_folder(models):
    folder = models["sklearn"][0]
    before = sorted((path.name, path.stat().st_mtime_ns) for path in folder.rglob("*"))
    load_native(folder, REFERENCE)
    assert sorted((path.name, path.stat().st_mtime_ns) for path in folder.rglob("*")) == before


# --- what cannot be loaded ---


def hide(monkeypatch, package):
    """As if it were not installed."""
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)


@pytest.mark.parametrize(
    "loader", [BuiltinLoader(), CustomLoader(), AutoLoader()], ids=lambda each: type(each).__name__
)
def test_a_library_that_is_not_installed(loader, models, monkeypatch):
    for package in ("lightgbm", "xgboost"):
        hide(monkeypatch, package)
    with pytest.raises(ModelLoadError) as caught:
        loader.load(models["lightgbm"][0], REFERENCE)
    message = str(caught.value)
    assert message.startswith("The model needs the Python package 'lightgbm', which is not installed, and cannot do")
    # From the model's own requirements.
    assert message.endswith(f'Run: pip install "lightgbm=={lightgbm.__version__}".')
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)
    for name in ("booster", "xgboost"):
        folder, rows = models[name][:2]
        assert len(np.asarray(loader.load(folder, REFERENCE).predict(rows))) == len(rows), "read by this package"


def test_skops_not_installed(models, monkeypatch):
    hide(monkeypatch, "skops")
    with pytest.raises(ModelLoadError, match=r'pip install "skops"'):
        load_native(models["sklearn"][0], REFERENCE)


def test_files_that_the_library_cannot_read(models, tmp_path):
    import shutil

    for name, file in {"booster": "model.lgb", "xgboost": "model.ubj"}.items():
        broken = shutil.copytree(models[name][0], tmp_path / name)
        (broken / file).write_bytes(b"nonsense")
        with pytest.raises(
            ModelLoadError, match=r"cannot be loaded \(.*Error: .*Compare the installed versions"
        ) as caught:
            load_native(broken, REFERENCE)
        assert len(str(caught.value).splitlines()) == 1
        assert caught.value.__cause__ is not None


def test_a_loader_module_that_is_not_there(saved):
    edit_mlmodel(saved, lambda content: content["flavors"]["python_function"].update(loader_module="no_such_module"))
    with pytest.raises(
        ModelLoadError, match=r"needs the Python package 'no_such_module'.*pip install \"no-such-module\""
    ):
        load_custom(saved, REFERENCE)


def test_a_module_that_the_installed_version_lacks(saved):
    edit_mlmodel(saved, lambda content: content["flavors"]["python_function"].update(loader_module="sklearn.no_such"))
    with pytest.raises(ModelLoadError, match=r"'sklearn.no_such', which its package does not have.*\"scikit-learn\""):
        load_custom(saved, REFERENCE)


def test_a_model_without_a_way_to_predict(tmp_path, iris):
    folder = tmp_path / "model"
    model = LogisticRegression().fit(iris[0], iris[1])
    mlflow.sklearn.save_model(model, folder, pyfunc_predict_fn="no_such_method", pip_requirements=["scikit-learn"])
    for load in (load_by_flavor, load_native, load_custom):
        with pytest.raises(ModelLoadError, match=r"has no flavor 'python_function'.* with a pyfunc_predict_fn that"):
            load(folder, REFERENCE)


def test_an_error_of_the_models_own_code_is_reported(tmp_path):
    (tmp_path / "model.py").write_text(SCRIPT)
    mlflow.pyfunc.save_model(tmp_path / "m", python_model=str(tmp_path / "model.py"), pip_requirements=["mlflow"])
    (tmp_path / "m" / "model.py").write_text("raise RuntimeError('the weights are on strike')")
    with pytest.raises(ModelLoadError, match=r"weights are on strike"):
        load_by_flavor(tmp_path / "m", REFERENCE)


# --- once per process ---


def test_a_version_is_loaded_once():
    calls = []

    def fresh():
        calls.append(1)
        return LoadedModel(REFERENCE, pyfunc=None)

    first = load_once(REFERENCE, "AutoLoader", fresh)
    assert load_once(REFERENCE, "AutoLoader", fresh) is first
    assert len(calls) == 1


@pytest.mark.parametrize(
    "other", [{"version": 2}, {"digest": "e" * 64}, {"alias": None}, {"name": "n"}, {"tags": (("a", "b"),)}]
)
def test_another_reference_is_another_model(other):
    import dataclasses

    changed = dataclasses.replace(REFERENCE, **other)
    first = load_once(REFERENCE, "s", lambda: LoadedModel(REFERENCE, pyfunc=None))
    second = load_once(changed, "s", lambda: LoadedModel(changed, pyfunc=None))
    assert second is not first
    assert second.reference == changed


def test_another_strategy_or_policy_loads_anew():
    first = load_once(REFERENCE, "allow_pickle=True", lambda: LoadedModel(REFERENCE, pyfunc=None))
    assert load_once(REFERENCE, "allow_pickle=False", lambda: LoadedModel(REFERENCE, pyfunc=None)) is not first


def test_a_failure_is_not_remembered():
    def fails():
        raise ModelLoadError("no")

    with pytest.raises(ModelLoadError):
        load_once(REFERENCE, "s", fails)
    assert load_once(REFERENCE, "s", lambda: LoadedModel(REFERENCE, pyfunc=None))


def test_only_the_last_used_stay_in_memory():
    models = {name: load_once(REFERENCE, name, lambda: LoadedModel(REFERENCE, pyfunc=None)) for name in "abcd"}
    for name in "ca":
        load_once(REFERENCE, name, lambda: pytest.fail("loaded again"))
    assert len(LOADED_MODELS.keys_by_use()) == 4
    load_once(REFERENCE, "e", lambda: LoadedModel(REFERENCE, pyfunc=None))
    assert load_once(REFERENCE, "a", lambda: pytest.fail("forgotten though used last")) is models["a"]
    assert load_once(REFERENCE, "b", lambda: LoadedModel(REFERENCE, pyfunc=None)) is not models["b"]
    assert len(LOADED_MODELS.keys_by_use()) == 4


def test_threads_that_ask_at_once_get_the_same_model():
    calls, loaded, ready = [], [], threading.Barrier(5)

    def fresh():
        calls.append(1)
        return LoadedModel(REFERENCE, pyfunc=None)

    def ask():
        ready.wait()
        loaded.append(load_once(REFERENCE, "s", fresh))

    threads = [threading.Thread(target=ask) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1
    assert len({id(model) for model in loaded}) == 1


def test_a_run_loads_the_champion_once(registry, run, saved, iris, monkeypatch):
    """Checks, predictions and explanations of one process share it."""
    registry.add(saved)
    loads = []
    real = mlflow.pyfunc.load_model
    monkeypatch.setattr(mlflow.pyfunc, "load_model", lambda *args, **kw: (loads.append(args), real(*args, **kw))[1])
    assert run(iris[0]).success
    assert len(loads) == 1


# --- chosen in YAML ---


class Theirs(Loader):
    shout: bool = False

    def load(self, folder, reference):
        return load_by_flavor(folder, reference)


def test_loaders_are_chosen_by_kind():
    assert {kind: type(build_strategy(Loader, LOADERS, {"KIND": kind})) for kind in LOADERS} == LOADERS
    mine = build_strategy(Loader, LOADERS, {"KIND": f"{__name__}.Theirs", "shout": True})
    assert isinstance(mine, Theirs)
    assert mine.shout
    with pytest.raises(ConfigurationError, match=r"did you mean 'BuiltinLoader'"):
        build_strategy(Loader, LOADERS, {"KIND": "BultinLoader"})
