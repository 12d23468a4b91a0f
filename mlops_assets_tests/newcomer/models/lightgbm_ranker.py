"""A LightGBM ranker: ten documents for each of thirty questions."""

import lightgbm
import mlflow
import mlflow.lightgbm
import numpy as np
import pandas as pd
from mlflow.models import infer_signature

random = np.random.default_rng(5)
documents = pd.DataFrame({"matches": random.poisson(3, 300), "age_days": random.exponential(100, 300)})
relevance = (documents["matches"] - documents["age_days"] / 50).clip(0, 4).round().astype(int)

model = lightgbm.LGBMRanker(n_estimators=10, verbose=-1).fit(documents, relevance, group=[10] * 30)
predictions = model.predict(documents)
with mlflow.start_run():
    mlflow.lightgbm.log_model(
        model,
        name="model",
        signature=infer_signature(documents, predictions),
        skops_trusted_types=["lightgbm.sklearn.LGBMRanker"],
        registered_model_name="lightgbm_ranker",
    )
mlflow.MlflowClient().set_registered_model_alias("lightgbm_ranker", "Champion", "1")
documents.assign(id=range(300)).to_parquet("data/lightgbm_ranker.parquet", index=False)
