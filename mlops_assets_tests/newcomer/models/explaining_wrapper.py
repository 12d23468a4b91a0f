"""A Python model around a pipeline, with explanations of its own in the columns that the pipeline makes."""

import mlflow
import mlflow.pyfunc
import numpy as np
import pandas as pd
import shap
from mlflow.models import infer_signature
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

random = np.random.default_rng(10)
rentals = pd.DataFrame(
    {"season": random.choice(["spring", "summer", "winter"], 300), "temp": random.normal(12, 8, 300)}
)
count = rentals["temp"] * 10 + (rentals["season"] == "summer") * 100


class BikeRentals(mlflow.pyfunc.PythonModel):
    def __init__(self, pipeline):
        self.pipeline = pipeline

    def get_internal_model(self):
        return self.pipeline

    def predict(self, context, model_input, params=None):
        return self.pipeline.predict(model_input)

    def explain_model(self):
        names = self.pipeline[:-1].get_feature_names_out()
        return pd.DataFrame({"feature": names, "importance": self.pipeline[-1].feature_importances_})

    def explain_samples(self, samples):
        columns = self.pipeline[:-1]
        values = shap.TreeExplainer(self.pipeline[-1]).shap_values(columns.transform(samples))
        return pd.DataFrame(values, columns=columns.get_feature_names_out())


columns = ColumnTransformer(
    [("categoricals", OneHotEncoder(sparse_output=False), ["season"]), ("numericals", "passthrough", ["temp"])]
)
pipeline = Pipeline([("columns", columns), ("forest", RandomForestRegressor(20, max_depth=5, random_state=0))])
model = BikeRentals(pipeline.fit(rentals, count))
predictions = model.predict(None, rentals)
with mlflow.start_run():
    mlflow.pyfunc.log_model(
        name="model",
        python_model=model,
        signature=infer_signature(rentals, predictions),
        registered_model_name="explaining_wrapper",
    )
mlflow.MlflowClient().set_registered_model_alias("explaining_wrapper", "Champion", "1")
rentals.assign(id=range(300)).to_parquet("data/explaining_wrapper.parquet", index=False)
