"""Saved models, a cache, and a process-wide memory of loaded models that starts empty."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow.sklearn
import pandas as pd
import pytest
import yaml
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from mlops_assets.models.cache import ModelCache
from mlops_assets.models.load import LOADED_MODELS
from mlops_assets.models.mlmodel import ModelDescription
from mlops_assets.models.reference import ModelReference
from mlops_assets.models.registry import Registry
from mlops_assets.models.trust import TRUSTED_TYPES, TrustPolicy

REFERENCE = ModelReference("m", 1, "Champion", "d" * 64, ("python_function", "sklearn"), None, None, "file:///srv/m")


@pytest.fixture(autouse=True)
def no_loaded_models():
    LOADED_MODELS.clear()
    yield
    LOADED_MODELS.clear()


@pytest.fixture(scope="session")
def iris() -> tuple[pd.DataFrame, pd.Series]:
    return load_iris(return_X_y=True, as_frame=True)


@pytest.fixture(scope="session")
def saved_once(tmp_path_factory, iris) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "logistic"
    save_sklearn(LogisticRegression(max_iter=500).fit(*iris), folder)
    return folder


@pytest.fixture
def saved(saved_once, tmp_path) -> Path:
    """A harmless scikit-learn model (skops), in a folder of its own, to be registered or tampered with."""
    return Path(shutil.copytree(saved_once, tmp_path / "saved"))


@pytest.fixture
def cache(tmp_path) -> ModelCache:
    return ModelCache(tmp_path / "cache")


@pytest.fixture
def asked(registry) -> Registry:
    """The package's own view of the test's registry."""
    return Registry(registry.uri)


@pytest.fixture
def marker(tmp_path) -> Path:
    """What a hostile model writes when any of its code runs."""
    return tmp_path / "PWNED"


def save_sklearn(model: Any, folder: Path, **options: Any) -> Path:
    """Save with skops and the default list of trusted types."""
    settings = {"serialization_format": "skops", "skops_trusted_types": sorted(TRUSTED_TYPES)}
    mlflow.sklearn.save_model(model, folder, pip_requirements=["scikit-learn"], **settings | options)
    return folder


def edit_mlmodel(folder: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """Rewrite a saved model's MLmodel."""
    content = yaml.safe_load((folder / "MLmodel").read_text())
    change(content)
    (folder / "MLmodel").write_text(yaml.safe_dump(content))
    return folder


def judge(folder: Path, reference: ModelReference = REFERENCE, **policy: Any) -> None:
    """Put a saved model before a policy, as the champion's IO manager does."""
    TrustPolicy(**policy).check(ModelDescription.read(folder), reference)
