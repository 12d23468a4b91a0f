"""A random forest behind an imputer; a tenth of the incomes is missing, and none in the input example."""

import mlflow
import mlflow.sklearn
import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline

random = np.random.default_rng(0)
customers = pd.DataFrame({"age": random.integers(18, 90, 300).astype(float), "income": random.normal(30, 9, 300)})
churned = (customers["age"] + customers["income"] > 80).astype(int)
customers.loc[random.random(300) < 0.1, "income"] = np.nan

model = make_pipeline(SimpleImputer(), RandomForestClassifier(20, max_depth=5, random_state=0)).fit(customers, churned)
predictions = model.predict(customers)
with mlflow.start_run():
    mlflow.sklearn.log_model(
        model,
        name="model",
        input_example=customers.dropna().head(),
        skops_trusted_types=["numpy.dtype", "sklearn.tree._tree.Tree"],
        registered_model_name="forest_imputer",
    )
mlflow.MlflowClient().set_registered_model_alias("forest_imputer", "Champion", "1")
customers.assign(id=range(300)).to_parquet("data/forest_imputer.parquet", index=False)
