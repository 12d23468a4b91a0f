"""The neighbours: features before the model, a list of customers after it; both are SQL, as dbt's models are."""

import dagster as dg
import pyarrow as pa
from adbc_driver_postgresql.dbapi import connect


class Warehouse(dg.ConfigurableResource):
    """The database in which the assets make their tables."""

    url: str

    def build(self, table: str, query: str) -> None:
        """Replace a table by the result of a query, in one transaction."""
        with connect(self.url) as connection, connection.cursor() as cursor:
            cursor.execute(f"DROP TABLE IF EXISTS shop.{table}")
            cursor.execute(f"CREATE TABLE shop.{table} AS {query}")
            connection.commit()


class WarehouseTables(dg.ConfigurableIOManager):
    """A table of the schema `shop` for a consumer, as Arrow: the asset has made it itself."""

    url: str

    def load_input(self, context: dg.InputContext) -> pa.Table:
        with connect(self.url) as connection, connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM shop.{context.asset_key.path[-1]} ORDER BY customer_id")
            return cursor.fetch_arrow_table()

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        """Nothing is left to do."""


@dg.asset(key=["warehouse", "customer_features"], io_manager_key="warehouse_tables", kinds={"postgres"})
def customer_features(warehouse: Warehouse) -> None:
    """One row per customer: what the model was trained on."""
    warehouse.build(
        "customer_features",
        "SELECT customer_id, count(*) AS orders, sum(amount)::float8 AS revenue, min(days_ago) AS days_since_last"
        " FROM shop.orders GROUP BY customer_id",
    )


@dg.asset(
    key=["warehouse", "call_list"],
    deps=[["churn", "predictions_explained"]],
    io_manager_key="warehouse_tables",
    kinds={"postgres"},
)
def call_list(warehouse: Warehouse) -> None:
    """The customers whom the model gives up, and what speaks most for that."""
    warehouse.build(
        "call_list",
        "SELECT customer_id, explained_value AS probability,"
        " CASE greatest(shap_orders, shap_revenue, shap_days_since_last)"
        " WHEN shap_orders THEN 'number of orders' WHEN shap_revenue THEN 'revenue' ELSE 'days since the last order'"
        " END AS reason FROM scores.churn_predictions_explained WHERE explained_value > 0.5",
    )


@dg.definitions
def neighbours() -> dg.Definitions:
    """The two assets, their connection, and a job for the whole way."""
    nightly = dg.define_asset_job("nightly", selection="*", executor_def=dg.in_process_executor)
    url = dg.EnvVar("WAREHOUSE_URL")
    return dg.Definitions(
        assets=[customer_features, call_list],
        jobs=[nightly],
        resources={"warehouse": Warehouse(url=url), "warehouse_tables": WarehouseTables(url=url)},
    )
