"""Train a model, register it as its next version, and make that version the champion."""

from pathlib import Path

import mlflow
import mlflow.sklearn
from mlflow.models import infer_signature
from sklearn.datasets import load_diabetes
from sklearn.ensemble import RandomForestRegressor

NAME = "diabetes"

features, progression = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
model = RandomForestRegressor(n_estimators=50, max_depth=6, random_state=0).fit(features, progression)

with mlflow.start_run():
    logged = mlflow.sklearn.log_model(
        model,
        name="model",
        signature=infer_signature(features, model.predict(features)),
        pip_requirements=["scikit-learn"],
        # The trees of scikit-learn: mlops-assets checks their bytes before they are loaded.
        skops_trusted_types=["numpy.dtype", "sklearn.tree._tree.Tree"],
        registered_model_name=NAME,
    )
mlflow.MlflowClient().set_registered_model_alias(NAME, "Champion", str(logged.registered_model_version))

Path("data").mkdir(exist_ok=True)
features.assign(patient=[f"patient-{number:03}" for number in range(len(features))]).to_parquet(
    "data/patients.parquet", index=False
)
print(
    f"{NAME} version {logged.registered_model_version} is the champion; data/patients.parquet has {len(features)} rows"
)
