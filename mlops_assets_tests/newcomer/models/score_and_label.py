"""A Python model that returns two columns: a score and the label that follows from it."""

import mlflow
import mlflow.pyfunc
import numpy as np
import pandas as pd
from mlflow.models import infer_signature
from sklearn.linear_model import LogisticRegression

random = np.random.default_rng(7)
payments = pd.DataFrame({"amount": random.lognormal(3, 1, 150), "hour": random.integers(0, 24, 150).astype(float)})
fraud = payments["amount"] * (payments["hour"] < 6) > 20


class ScoreAndLabel(mlflow.pyfunc.PythonModel):
    def __init__(self, classifier):
        self.classifier = classifier

    def predict(self, context, model_input, params=None):
        score = self.classifier.predict_proba(model_input)[:, 1]
        return pd.DataFrame({"score": score, "label": np.where(score > 0.5, "fraud", "fine")})


model = ScoreAndLabel(LogisticRegression(max_iter=500).fit(payments, fraud))
predictions = model.predict(None, payments)
with mlflow.start_run():
    mlflow.pyfunc.log_model(
        name="model",
        python_model=model,
        signature=infer_signature(payments, predictions),
        registered_model_name="score_and_label",
    )
mlflow.MlflowClient().set_registered_model_alias("score_and_label", "Champion", "1")
payments.assign(id=range(150)).to_parquet("data/score_and_label.parquet", index=False)
