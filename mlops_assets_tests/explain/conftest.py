"""Real MLflow models, saved to disk and loaded back, for the explainers' tests."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops_assets.models.loaded_model import LoadedModel
from mlops_assets.models.reference import ModelReference

REFERENCE = ModelReference(
    "churn", 7, "Champion", "d" * 64, ("python_function", "sklearn"), None, None, "models:/churn/7"
)

Save = Callable[..., LoadedModel]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Save a fitted estimator (or a PythonModel) with MLflow and load it as the package does."""
    count = iter(range(1000))

    def save_and_load(
        model: Any, rows: pd.DataFrame | np.ndarray, *, signed: bool = True, **options: Any
    ) -> LoadedModel:
        import mlflow
        from mlflow.models import infer_signature

        folder = tmp_path / f"model_{next(count)}"
        signature = infer_signature(rows) if signed else None
        if isinstance(model, mlflow.pyfunc.PythonModel):
            mlflow.pyfunc.save_model(
                folder, python_model=model, signature=signature, pip_requirements=["scikit-learn"], **options
            )
            pyfunc = mlflow.pyfunc.load_model(str(folder))
            return LoadedModel(REFERENCE, pyfunc, python_model=pyfunc.unwrap_python_model())
        flavor = {"xgboost": "xgboost", "lightgbm": "lightgbm", "statsmodels": "statsmodels"}.get(
            type(model).__module__.partition(".")[0], "sklearn"
        )
        if flavor in ("sklearn", "lightgbm"):
            options.setdefault("serialization_format", "cloudpickle")
        getattr(mlflow, flavor).save_model(
            model, folder, signature=signature, pip_requirements=["scikit-learn"], **options
        )
        pyfunc = mlflow.pyfunc.load_model(str(folder))
        return LoadedModel(REFERENCE, pyfunc, native=pyfunc.get_raw_model())

    return save_and_load


@pytest.fixture
def numbers() -> pd.DataFrame:
    """120 rows of four unrelated numeric columns."""
    random = np.random.default_rng(0)
    return pd.DataFrame(random.normal(size=(120, 4)), columns=["age", "income", "debt", "tenure"])


@pytest.fixture
def people() -> pd.DataFrame:
    """150 rows of mixed types: doubles, integers, texts, booleans, with missing doubles."""
    random = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "age": random.integers(18, 80, 150),
            "income": random.normal(50, 15, 150),
            "city": random.choice(["Bern", "Wien", "Graz", "Kiel"], 150),
            "plan": random.choice(["basic", "plus"], 150),
            "member": random.random(150) > 0.5,
        }
    )
    frame.loc[random.choice(150, 20, replace=False), "income"] = np.nan
    return frame


@pytest.fixture
def churned(people: pd.DataFrame) -> pd.Series:
    """A binary target that depends on numbers and texts."""
    score = people["age"] / 40 + (people["city"] == "Wien") - people["member"].astype(float)
    return (score + np.random.default_rng(2).normal(0, 0.4, len(people)) > 1.1).map({True: "yes", False: "no"})
