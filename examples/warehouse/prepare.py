"""What a warehouse has already: orders of customers, and a model that was trained on features of them."""

import os

import mlflow
import mlflow.sklearn
import numpy as np
import pandas as pd
import pyarrow as pa
from adbc_driver_postgresql.dbapi import connect
from mlflow.models import infer_signature
from sklearn.ensemble import RandomForestClassifier

random = np.random.default_rng(0)
orders = pd.DataFrame(
    {
        "customer_id": random.integers(0, 200, 2000),
        "amount": random.lognormal(3, 1, 2000).round(2),
        "days_ago": random.integers(0, 365, 2000),
    }
)
with connect(os.environ["WAREHOUSE_URL"]) as connection, connection.cursor() as cursor:
    for schema in ("shop", "scores"):
        cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    cursor.execute("DROP TABLE IF EXISTS shop.orders CASCADE")
    cursor.adbc_ingest("orders", pa.Table.from_pandas(orders, preserve_index=False), db_schema_name="shop")
    connection.commit()

by_customer = orders.groupby("customer_id")
features = pd.DataFrame(
    {
        "orders": by_customer.size().astype("int64"),
        "revenue": by_customer["amount"].sum(),
        "days_since_last": by_customer["days_ago"].min().astype("int64"),
    }
)
gone = (features["days_since_last"] > 40) | (features["revenue"] < 150)
model = RandomForestClassifier(n_estimators=40, max_depth=4, random_state=0).fit(features, gone)
with mlflow.start_run():
    logged = mlflow.sklearn.log_model(
        model,
        name="model",
        signature=infer_signature(features, model.predict(features)),
        pip_requirements=["scikit-learn"],
        skops_trusted_types=["numpy.dtype", "sklearn.tree._tree.Tree"],
        registered_model_name="churn",
    )
mlflow.MlflowClient().set_registered_model_alias("churn", "Champion", str(logged.registered_model_version))
print(f"shop.orders has {len(orders)} rows; churn version {logged.registered_model_version} is the champion")
