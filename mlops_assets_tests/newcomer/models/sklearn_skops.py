"""A logistic regression on numbers and categories, stored with skops."""

import mlflow
import mlflow.sklearn
import numpy as np
import pandas as pd
from mlflow.models import infer_signature
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

random = np.random.default_rng(2)
loans = pd.DataFrame({"amount": random.lognormal(8, 1, 200), "purpose": random.choice(["car", "house", "other"], 200)})
repaid = np.where((loans["amount"] < 3000) | (loans["purpose"] == "house"), "yes", "no")

columns = make_column_transformer((StandardScaler(), ["amount"]), (OneHotEncoder(), ["purpose"]))
model = make_pipeline(columns, LogisticRegression()).fit(loans, repaid)
predictions = model.predict(loans)
with mlflow.start_run():
    mlflow.sklearn.log_model(
        model,
        name="model",
        signature=infer_signature(loans, predictions),
        serialization_format="skops",
        registered_model_name="sklearn_skops",
    )
mlflow.MlflowClient().set_registered_model_alias("sklearn_skops", "Champion", "1")
loans.assign(id=range(200)).to_parquet("data/sklearn_skops.parquet", index=False)
