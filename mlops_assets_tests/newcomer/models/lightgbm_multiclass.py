"""LightGBM with three classes."""

import lightgbm
import mlflow
import mlflow.lightgbm
from mlflow.models import infer_signature
from sklearn.datasets import load_iris

flowers, species = load_iris(return_X_y=True, as_frame=True)
model = lightgbm.LGBMClassifier(n_estimators=10, verbose=-1).fit(flowers, species)
predictions = model.predict(flowers)
with mlflow.start_run():
    mlflow.lightgbm.log_model(
        model,
        name="model",
        signature=infer_signature(flowers, predictions),
        registered_model_name="lightgbm_multiclass",
    )
mlflow.MlflowClient().set_registered_model_alias("lightgbm_multiclass", "Champion", "1")
flowers.assign(id=range(len(flowers))).to_parquet("data/lightgbm_multiclass.parquet", index=False)
