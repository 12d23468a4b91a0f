"""XGBoost on a frame with a categorical column."""

import mlflow
import mlflow.xgboost
import numpy as np
import pandas as pd
import xgboost
from mlflow.models import infer_signature

random = np.random.default_rng(3)
trips = pd.DataFrame(
    {
        "city": pd.Categorical(random.choice(["Bergen", "Oslo", "Trondheim"], 300)),
        "distance": random.exponential(5, 300),
    }
)
fare = trips["distance"] * 3 + trips["city"].cat.codes * 10

model = xgboost.XGBRegressor(n_estimators=20, max_depth=3, enable_categorical=True, tree_method="hist")
model.fit(trips, fare)
predictions = model.predict(trips)
with mlflow.start_run():
    mlflow.xgboost.log_model(
        model,
        name="model",
        signature=infer_signature(trips, predictions),
        registered_model_name="xgboost_categories",
    )
mlflow.MlflowClient().set_registered_model_alias("xgboost_categories", "Champion", "1")
trips.assign(id=range(300)).to_parquet("data/xgboost_categories.parquet", index=False)
