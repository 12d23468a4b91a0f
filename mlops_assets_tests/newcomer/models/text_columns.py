"""Text beside numbers and categories in one ColumnTransformer."""

import mlflow
import mlflow.sklearn
import numpy as np
import pandas as pd
from mlflow.models import infer_signature
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

random = np.random.default_rng(6)
tickets = pd.DataFrame(
    {
        "text": random.choice(["it does not start", "please send an invoice", "start is slow", "thank you all"], 120),
        "channel": random.choice(["mail", "phone"], 120),
        "days_open": random.exponential(4, 120),
    }
)
urgent = tickets["text"].str.contains("start") & (tickets["days_open"] > 2)

columns = make_column_transformer(
    (TfidfVectorizer(), "text"), (OneHotEncoder(), ["channel"]), (StandardScaler(), ["days_open"])
)
model = make_pipeline(columns, LogisticRegression()).fit(tickets, urgent)
predictions = model.predict(tickets)
with mlflow.start_run():
    mlflow.sklearn.log_model(
        model,
        name="model",
        signature=infer_signature(tickets, predictions),
        registered_model_name="text_columns",
    )
mlflow.MlflowClient().set_registered_model_alias("text_columns", "Champion", "1")
tickets.assign(id=range(120)).to_parquet("data/text_columns.parquet", index=False)
