"""A model that was logged without signature and without an input example; the table has a column more than it needs."""

import mlflow
import mlflow.sklearn
import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestRegressor

random = np.random.default_rng(8)
machines = pd.DataFrame({"temperature": random.normal(60, 9, 200), "vibration": random.exponential(1, 200)})
hours_left = 500 - machines["temperature"] * 3 - machines["vibration"] * 40

model = RandomForestRegressor(20, max_depth=5, random_state=0).fit(machines, hours_left)
predictions = model.predict(machines)
with mlflow.start_run():
    mlflow.sklearn.log_model(
        model, name="model", serialization_format="cloudpickle", registered_model_name="no_signature"
    )
mlflow.MlflowClient().set_registered_model_alias("no_signature", "Champion", "1")
machines.assign(id=range(200), place="hall 2").to_parquet("data/no_signature.parquet", index=False)
