"""Native files are checked before their library has them; what cannot be checked needs `trust.native_libraries`."""

import re
import shutil
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest

from mlops_assets.errors import ArtifactsMissingError, TrustError
from mlops_assets.models.load import load_native
from mlops_assets.models.native_files import NATIVE_LIBRARIES
from mlops_assets_tests.models.conftest import REFERENCE, edit_mlmodel, judge

ROWS = pd.DataFrame(np.random.default_rng(0).normal(size=(120, 3)), columns=["a", "b", "c"])
TARGET = ROWS["a"] * 2 - ROWS["b"]


@pytest.fixture(scope="module")
def boosters(tmp_path_factory) -> Path:
    """One saved model of each library whose loader reads native files."""
    import catboost
    import lightgbm
    import xgboost

    folder = tmp_path_factory.mktemp("boosters")
    signature = mlflow.models.infer_signature(ROWS, np.zeros(2))
    light = lightgbm.train({"verbose": -1, "objective": "regression"}, lightgbm.Dataset(ROWS, TARGET), 3)
    given = {"signature": signature, "pip_requirements": ["lightgbm"]}
    mlflow.lightgbm.save_model(light, folder / "lightgbm", **given)
    for form in ("ubj", "json"):
        gradient = xgboost.XGBRegressor(n_estimators=3, max_depth=2).fit(ROWS, TARGET)
        mlflow.xgboost.save_model(gradient, folder / f"xgboost_{form}", model_format=form, **given)
    cat = catboost.CatBoostRegressor(iterations=3, verbose=0, allow_writing_files=False).fit(ROWS, TARGET)
    mlflow.catboost.save_model(cat, folder / "catboost", **given)
    return folder


@pytest.fixture
def saved(boosters, tmp_path):
    """A copy of a saved model, to be tampered with."""
    return lambda name: Path(shutil.copytree(boosters / name, tmp_path / name))


def harm(folder: Path) -> Path:
    """A LightGBM model that reads where no memory is."""
    file = folder / "model.lgb"
    file.write_text(re.sub(r"split_feature=[^\n]*", _far, file.read_text(), count=1))
    text = file.read_text()
    sizes = [len(tree) + 5 for tree in re.findall(r"Tree=(.*?)(?=Tree=|end of trees)", text, re.DOTALL)]
    file.write_text(re.sub(r"tree_sizes=[^\n]*", "tree_sizes=" + " ".join(map(str, sizes)), text))
    return folder


def _far(found: re.Match[str]) -> str:
    return "split_feature=" + " ".join(["2000000000"] * len(found[0].split()))


@pytest.mark.parametrize("name", ["lightgbm", "xgboost_ubj", "xgboost_json", "catboost"])
def test_what_mlflow_saves_is_trusted_and_loads(saved, name):
    folder = saved(name)
    judge(folder)
    assert len(load_native(folder, REFERENCE).pyfunc.predict(ROWS.head(2))) == 2


def test_a_file_that_leads_elsewhere_is_refused_with_the_place(saved):
    folder = harm(saved("lightgbm"))
    with pytest.raises(TrustError, match=r"LightGBM file 'model.lgb' is damaged or made to harm") as refused:
        judge(folder)
    assert "not between 0 and 2 (models:/m/1, tree 0, split_feature)" in str(refused.value)
    assert f"add `{NATIVE_LIBRARIES}` to the model's YAML" in str(refused.value)


def test_pickles_that_are_allowed_change_nothing_about_native_files(saved):
    with pytest.raises(TrustError, match="made to harm"):
        judge(harm(saved("lightgbm")), allow_pickle=True)


@pytest.mark.slow
def test_a_process_of_its_own_tries_what_is_allowed_unchecked_and_may_die(saved):
    with pytest.raises(TrustError, match="the process that tried it first was killed by SIG"):
        judge(harm(saved("lightgbm")), native_libraries=True)


@pytest.mark.slow
def test_what_cannot_be_checked_loads_where_it_is_allowed(saved):
    folder = saved("catboost")
    native = load_native(folder, REFERENCE).native
    native.save_model(str(folder / "model.cb"), format="json")
    edit_mlmodel(folder, lambda content: content["flavors"]["catboost"].update(save_format="json"))
    with pytest.raises(TrustError, match=r"CatBoost file 'model.cb' cannot be checked: it has the format 'json'"):
        judge(folder)
    judge(folder, native_libraries=True)
    predicted = load_native(folder, REFERENCE).pyfunc.predict(ROWS.head(2))
    np.testing.assert_allclose(predicted, native.predict(ROWS.head(2)))


def test_the_deprecated_format_of_xgboost_cannot_be_checked(saved):
    folder = saved("xgboost_ubj")
    (folder / "model.ubj").write_bytes(b"binf" + bytes(200))
    with pytest.raises(TrustError, match=r"cannot be checked: .*deprecated binary format.*native_libraries: true"):
        judge(folder)


def test_every_path_that_the_model_names_for_its_library_is_checked(saved):
    """MLflow's CatBoost loader reads the path of pyfunc, not that of its own flavor."""
    folder = saved("catboost")
    (folder / "other.cb").write_bytes(b"CBM1" + bytes(40))
    edit_mlmodel(folder, lambda content: content["flavors"]["python_function"].update(data="other.cb"))
    with pytest.raises(TrustError, match=r"'other.cb' is damaged"):
        judge(folder)


def test_a_file_that_is_not_there_is_named(saved):
    folder = saved("lightgbm")
    (folder / "model.lgb").unlink()
    with pytest.raises(ArtifactsMissingError, match=r"lacks the file 'model.lgb'"):
        judge(folder)
