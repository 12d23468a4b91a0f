"""dagster-mlflow in a user's own assets: what they log arrives in the MLflow run of the Dagster run."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import dagster as dg
import mlflow
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression

from mlops_assets.resources.dagster_mlflow_adapter import dagster_mlflow_resource
from mlops_assets.resources.tracking import MlflowTracking
from mlops_assets_tests.sensors.conftest import QUIET, Model

SENSOR, EXPERIMENT = "m_tracking_sensor", "mlops_assets/m"
TRACKED = {"tracking": {"enabled": True}}
# Whoever uses dagster-mlflow is told that it is in beta; the assets below do.
pytestmark = pytest.mark.filterwarnings("ignore::dagster.BetaWarning")


@pytest.fixture(autouse=True)
def no_experiment_left(tmp_path):
    """dagster-mlflow chooses an experiment for the whole process; its runs end while their registry is still there."""
    yield
    while mlflow.active_run():
        mlflow.end_run()
    mlflow.set_experiment(experiment_id="0")
    os.environ.pop("MLFLOW_EXPERIMENT_ID", None)


@pytest.fixture
def features(registry, tmp_path) -> pd.DataFrame:
    features, target = load_diabetes(return_X_y=True, as_frame=True)
    features = features.iloc[:30, :3]
    registry.add_sklearn(LinearRegression().fit(features, target[:30]), features)
    features.to_parquet(tmp_path / "inputs.parquet")
    return features


@dg.asset(deps=[["m", "champion_model"]], required_resource_keys={"mlflow"})
def after_champion(context: dg.AssetExecutionContext) -> None:
    context.resources.mlflow.log_metric("customers_called", 120)


@dg.asset(required_resource_keys={"mlflow"})
def before_champion(context: dg.AssetExecutionContext) -> None:
    context.resources.mlflow.log_metric("customers_known", 500)


@dg.asset(deps=[["m", "champion_model"]], required_resource_keys={"mlflow"})
def failing(context: dg.AssetExecutionContext) -> None:
    context.resources.mlflow.log_metric("customers_called", 3)
    raise ValueError("nobody answers")


@pytest.fixture
def materialize(features, registry, tmp_path, instance):
    """Materialize the champion and a user's asset in one run."""

    def materialize(resource: dg.ResourceDefinition, asset: dg.AssetsDefinition, run_id: str | None = None) -> Model:
        m = Model(tmp_path, registry.resource, instance, **TRACKED)
        job = dg.define_asset_job("mine", selection=[dg.AssetKey(["m", "champion_model"]), asset.key])
        users = dg.Definitions(assets=[asset], jobs=[job], resources={"mlflow": resource})
        m.definitions = dg.Definitions.merge(m.definitions, users)
        m.definitions.resolve_job_def("mine").execute_in_process(
            instance=instance, run_id=run_id, run_config=QUIET, raise_on_error=False
        )
        return m

    return materialize


def configured(registry) -> dg.ResourceDefinition:
    """dagster-mlflow's own resource, as its users configure it."""
    from dagster_mlflow import mlflow_tracking

    return mlflow_tracking.configured({"experiment_name": EXPERIMENT, "mlflow_tracking_uri": registry.uri})


def runs(registry) -> list[mlflow.entities.Run]:
    experiments = [experiment.experiment_id for experiment in registry.client.search_experiments()]
    return list(registry.client.search_runs(experiments))


def test_dagster_mlflows_own_resource_joins_the_run_that_is_open(materialize, registry):
    tracking = MlflowTracking(model="m", experiment=EXPERIMENT)
    run_id = "0f5fc3a2-5a31-4a5e-9c3b-6a7d6d7c0001"
    opened = tracking.find_or_create(registry.resource, run_id, "mine")
    materialize(configured(registry), after_champion, run_id=run_id).tick(SENSOR)
    (run,) = runs(registry)
    assert run.info.run_id == opened.info.run_id
    assert run.data.metrics["customers_called"] == 120
    assert run.data.tags["mlops_assets.version"] == "1"
    assert run.info.status == "FINISHED"


def test_a_run_that_dagster_mlflow_opened_first_is_joined(materialize, registry):
    """In one process every resource of a run is initialized before its first step."""
    m = materialize(configured(registry), before_champion)
    m.tick(SENSOR)
    (run,) = runs(registry)
    assert run.data.metrics["customers_known"] == 500
    assert run.data.tags["dagster.run_id"] == run.data.tags["dagster_run_id"]
    assert run.data.tags["mlops_assets.model"] == "m"
    assert run.info.status == "FINISHED"


@pytest.mark.parametrize(
    ("asset", "metric", "status"),
    [(after_champion, "customers_called", "FINISHED"), (failing, "customers_called", "FAILED")],
)
def test_our_resource_is_dagster_mlflows_in_our_run(materialize, registry, asset, metric, status):
    m = materialize(dagster_mlflow_resource("m"), asset)
    (run,) = runs(registry)
    assert run.info.status == "RUNNING"
    assert mlflow.active_run() is None
    m.tick(SENSOR)
    (run,) = runs(registry)
    assert metric in run.data.metrics
    assert run.info.status == status
    assert run.data.tags["mlops_assets.version"] == "1"


def test_another_active_run_is_refused_instead_of_logged_into(materialize, registry, tmp_path):
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'registry' / 'mlflow.db'}")
    with mlflow.start_run() as other:
        m = materialize(dagster_mlflow_resource("m"), after_champion)
    assert m.instance.get_runs(limit=1)[0].status == dg.DagsterRunStatus.FAILURE
    assert "customers_called" not in registry.client.get_run(other.info.run_id).data.metrics
    records = m.instance.get_records_for_run(m.instance.get_runs(limit=1)[0].run_id).records
    assert any(other.info.run_id in str(record.event_log_entry) for record in records)


LOCATION = """
    from pathlib import Path
    import dagster as dg
    from mlops_assets import MlflowRegistry, build_model_definitions, dagster_mlflow_resource, default_resources
    root = Path({root!r})
    registry = MlflowRegistry(tracking_uri={uri!r}, state=str(root / "state"))

    @dg.asset(required_resource_keys={{"mlflow"}})
    def parallel(context) -> None:
        context.resources.mlflow.log_metric("parallel", 1)

    @dg.asset(deps=[["m", "predictions"]], required_resource_keys={{"mlflow"}})
    def last(context) -> None:
        context.resources.mlflow.log_metric("last", 1)

    model = build_model_definitions(
        "m", root, inputs={{"path": "inputs.parquet"}}, outputs={{"path": "tables"}}, tracking={{"enabled": True}}
    )
    # Without explanations: processes enough, one behind the other and at the same time.
    ours = ["champion_model", "model_signature", "input_samples", "rejected_samples", "predictions"]
    selection = dg.AssetSelection.assets(*(["m", name] for name in ours), parallel, last)
    job = dg.define_asset_job("mine", selection=selection, executor_def=dg.{executor}_executor)
    defs = dg.Definitions.merge(
        model,
        dg.Definitions(
            assets=[parallel, last],
            jobs=[job],
            resources=default_resources(root)
            | {{"mlflow_registry": registry, "mlflow": dagster_mlflow_resource("m")}},
        ),
    )

    def get_job():
        return defs.resolve_job_def("mine")
"""
SCRIPT = """
    import dagster as dg
    import location
    if __name__ == "__main__":
        with dg.DagsterInstance.from_config({home!r}) as instance:
            print(dg.execute_job(dg.reconstructable(location.get_job), instance=instance).success)
"""


@pytest.mark.slow
@pytest.mark.parametrize("executor", ["in_process", "multiprocess"])
def test_one_mlflow_run_that_no_exit_of_a_process_ends(executor, features, registry, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    location = LOCATION.format(root=str(tmp_path), uri=registry.uri, executor=executor)
    (tmp_path / "location.py").write_text(textwrap.dedent(location))
    (tmp_path / "run.py").write_text(textwrap.dedent(SCRIPT).format(home=str(home)))
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{Path.cwd()}", "DAGSTER_HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "run.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.split()[-1] == "True", done.stderr
    assert [run.info.status for run in runs(registry)] == ["RUNNING"]
    with dg.DagsterInstance.from_config(str(home)) as instance:
        Model(tmp_path, registry.resource, instance, **TRACKED).tick(SENSOR)
    (run,) = runs(registry)
    assert run.info.status == "FINISHED"
    assert {"parallel", "last", "predictions/row_count"} <= set(run.data.metrics)
