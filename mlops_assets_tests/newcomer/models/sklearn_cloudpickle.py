"""A pipeline with a function of its author's own, which only cloudpickle can store."""

import mlflow
import mlflow.sklearn
import numpy as np
import pandas as pd
from mlflow.models import infer_signature
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

random = np.random.default_rng(1)
houses = pd.DataFrame({"rooms": random.uniform(1, 9, 250), "area": random.lognormal(4, 0.5, 250)})
price = houses["rooms"] * 20 + np.log(houses["area"]) * 50


def take_logarithm_of_area(frame):
    return frame.assign(area=np.log(frame["area"]))


model = make_pipeline(FunctionTransformer(take_logarithm_of_area), GradientBoostingRegressor(random_state=0))
model.fit(houses, price)
predictions = model.predict(houses)
with mlflow.start_run():
    mlflow.sklearn.log_model(
        model,
        name="model",
        signature=infer_signature(houses, predictions),
        serialization_format="cloudpickle",
        registered_model_name="sklearn_cloudpickle",
    )
mlflow.MlflowClient().set_registered_model_alias("sklearn_cloudpickle", "Champion", "1")
houses.assign(id=range(250)).to_parquet("data/sklearn_cloudpickle.parquet", index=False)
