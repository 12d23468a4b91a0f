"""Integer columns, complete when the model was trained; some are null in the table to score."""

import mlflow
import mlflow.sklearn
import numpy as np
import pandas as pd
from mlflow.models import infer_signature
from sklearn.ensemble import HistGradientBoostingRegressor

random = np.random.default_rng(9)
history = pd.DataFrame({"orders": random.poisson(6, 400), "returns": random.poisson(1, 400)})
value = history["orders"] * 12 - history["returns"] * 15

model = HistGradientBoostingRegressor(max_iter=20, random_state=0).fit(history, value)
with mlflow.start_run():
    mlflow.sklearn.log_model(
        model,
        name="model",
        signature=infer_signature(history, model.predict(history)),
        skops_trusted_types=["sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"],
        registered_model_name="integer_columns",
    )
mlflow.MlflowClient().set_registered_model_alias("integer_columns", "Champion", "1")

today = history.head(100).astype("Int64")
today.loc[::7, "returns"] = pd.NA
predictions = model.predict(today.astype(float))
today.assign(id=range(100)).to_parquet("data/integer_columns.parquet", index=False)
