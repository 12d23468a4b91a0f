"""Each Dagster run is one MLflow run, with its status, whatever started it and however it ended."""

import json
import logging
import os
import socket
import subprocess
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import mlflow
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression

from mlops_assets.resources.registry import MlflowRegistry
from mlops_assets.resources.tracking import FinishedRun, MlflowTracking, flatten_run_config
from mlops_assets.sensors.moves import Memory
from mlops_assets_tests.sensors.conftest import Model
from mlops_assets_tests.waiting import watch_patience

SENSOR, EXPERIMENT = "m_tracking_sensor", "mlops_assets/m"
TRACKED = {"tracking": {"enabled": True}}


@pytest.fixture
def features(registry, tmp_path) -> pd.DataFrame:
    features, target = load_diabetes(return_X_y=True, as_frame=True)
    features = features.iloc[:30, :3]
    registry.add_sklearn(LinearRegression().fit(features, target[:30]), features)
    features.to_parquet(tmp_path / "inputs.parquet")
    return features


@pytest.fixture
def model(features, registry, tmp_path, instance):
    return lambda **settings: Model(
        tmp_path, settings.pop("registry", registry.resource), instance, **(TRACKED | settings)
    )


def runs(registry) -> list[mlflow.entities.Run]:
    """Every MLflow run of every experiment."""
    experiments = [experiment.experiment_id for experiment in registry.client.search_experiments()]
    return list(registry.client.search_runs(experiments))


def test_a_successful_run_is_one_finished_mlflow_run(model, registry):
    m = model()
    done = m.materialize("m_explanations_job")
    assert done.success
    (begun,) = runs(registry)
    assert begun.info.status == "RUNNING"
    m.tick(SENSOR)
    m.tick(SENSOR)
    (run,) = runs(registry)
    assert run.info.run_id == begun.info.run_id
    assert run.info.status == "FINISHED"
    assert run.data.tags["dagster.run_id"] == run.data.tags["dagster_run_id"] == done.run_id
    assert run.data.tags["mlops_assets.version"] == "1"
    assert len(run.data.tags["mlops_assets.digest"]) == 64
    assert registry.client.get_experiment(run.info.experiment_id).name == EXPERIMENT


def test_it_holds_counts_statistics_checks_and_duration(model, registry, tmp_path):
    m = model()
    assert m.materialize("m_explanations_job").success
    m.tick(SENSOR)
    (run,) = runs(registry)
    metrics = run.data.metrics
    predicted = pd.read_parquet(tmp_path / "tables" / "predictions.parquet")["prediction"]
    assert metrics["input_samples/rows_accepted"] == 30
    assert metrics["predictions/row_count"] == 30
    assert metrics["predictions/prediction/mean"] == pytest.approx(predicted.mean())
    assert metrics["checks_failed"] == 0
    assert metrics["checks_passed"] > 5
    assert 0 < metrics["seconds"] < 120
    assert metrics["rows_per_second"] == pytest.approx(30 / metrics["seconds"])
    assert run.info.end_time - run.info.start_time < 120_000


def test_its_datasets_carry_our_digest_over_every_row(model, registry, instance):
    m = model()
    m.materialize("m_explanations_job")
    m.tick(SENSOR)
    (run,) = runs(registry)
    found = {one.dataset.name: one for one in registry.client.get_run(run.info.run_id).inputs.dataset_inputs}
    assert set(found) == {"input_samples", "predictions", "sample_explanations"}
    for name, one in found.items():
        event = instance.get_latest_materialization_event(dg.AssetKey(["m", name])).asset_materialization
        assert one.dataset.digest == event.tags["dagster/data_version"][:36]
        assert json.loads(one.dataset.source)["uri"].endswith(f"{name}.parquet")
    assert found["input_samples"].tags[0].value == "inputs"


def test_its_artifacts_are_the_explanation_summary(model, registry, tmp_path):
    m = model()
    m.materialize("m_explanations_job")
    m.tick(SENSOR)
    (run,) = runs(registry)
    names = {file.path for file in registry.client.list_artifacts(run.info.run_id)}
    assert names == {"explanation_summary.json", "explanation_summary.svg", "explanation_report.html"}
    place = registry.client.download_artifacts(run.info.run_id, "explanation_summary.json", str(tmp_path))
    table = json.loads(Path(place).read_text())
    assert {row["feature"] for row in table} == {"age", "sex", "bmi"}
    assert (tmp_path / "registry" / "state" / "artifacts").is_dir()


def test_its_params_are_the_runs_config(model, registry):
    m = model()
    assert m.materialize(ops={"m__samples": {"config": {"limit": 7}}}).success
    m.tick(SENSOR)
    (run,) = runs(registry)
    assert run.data.params["m__samples.limit"] == "7"
    assert run.data.metrics["predictions/row_count"] == 7


def test_the_dagster_run_links_back(model, registry, instance):
    m = model()
    done = m.materialize()
    m.tick(SENSOR)
    (run,) = runs(registry)
    event = instance.get_latest_materialization_event(dg.AssetKey(["m", "champion_model"])).asset_materialization
    assert event.metadata["mlflow_run"].value == run.info.run_id
    assert instance.get_run_by_id(done.run_id).tags["mlflow/run"] == run.info.run_id


def test_a_failed_run_is_a_failed_mlflow_run(model, registry, tmp_path):
    m = model()
    (tmp_path / "inputs.parquet").unlink()
    assert not m.materialize().success
    m.tick(SENSOR)
    assert [run.info.status for run in runs(registry)] == ["FAILED"]


def test_a_run_that_fails_before_the_champion_is_pinned_is_one_too(model, registry):
    m = model(alias_or_version="Nobody")
    assert not m.materialize().success
    assert runs(registry) == []
    m.tick(SENSOR)
    assert [run.info.status for run in runs(registry)] == ["FAILED"]


def begin_and_die(m: Model) -> str:
    """A run that begins its MLflow run and whose process then ends without a word."""
    job = m.definitions.resolve_job_def("m_inference_job")
    run = m.instance.create_run_for_job(job, asset_selection=frozenset({dg.AssetKey(["m", "champion_model"])}))
    tracking = MlflowTracking(model="m", experiment="mlops_assets/m")
    assert tracking.begin(m.registry, run, {}, logging.getLogger("test")) is not None
    return run.run_id


def test_a_run_whose_process_died_is_a_failed_one_and_a_canceled_one_is_killed(model, registry, instance):
    m = model()
    ended = {}
    for end in (instance.report_run_failed, instance.report_run_canceled):
        run = begin_and_die(m)
        assert [one.info.status for one in runs(registry) if one.data.tags["dagster.run_id"] == run] == ["RUNNING"]
        end(instance.get_run_by_id(run))
        ended[end] = run
    m.tick(SENSOR)
    status = {run.data.tags["dagster.run_id"]: run.info.status for run in runs(registry)}
    assert status == {ended[instance.report_run_failed]: "FAILED", ended[instance.report_run_canceled]: "KILLED"}


def test_a_materialization_outside_the_jobs_is_one_run_too(model, registry, instance):
    m = model()
    assert m.materialize().success
    done = m.definitions.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance, asset_selection=[dg.AssetKey(["m", "predictions"])]
    )
    m.tick(SENSOR)
    found = {run.data.tags["dagster.run_id"]: run for run in runs(registry)}
    assert len(found) == 2
    assert found[done.run_id].info.status == "FINISHED"
    assert found[done.run_id].data.metrics["predictions/row_count"] == 30


def test_runs_of_other_assets_are_not_recorded(model, registry, instance):
    m = model()

    @dg.job
    def somebody_elses() -> None: ...

    somebody_elses.execute_in_process(instance=instance)
    m.tick(SENSOR)
    assert runs(registry) == []


def test_a_lost_cursor_records_nothing_twice(model, registry):
    m = model()
    m.materialize()
    m.tick(SENSOR)
    before = [(run.info.run_id, run.info.end_time, run.data.metrics) for run in runs(registry)]
    m.cursors[SENSOR] = None
    m.tick(SENSOR)
    assert [(run.info.run_id, run.info.end_time, run.data.metrics) for run in runs(registry)] == before


def test_a_cursor_of_an_earlier_version_records_nothing_twice(model, registry, monkeypatch):
    m = model()
    m.materialize()
    m.tick(SENSOR)
    cursor = json.loads(m.cursors[SENSOR])
    m.cursors[SENSOR] = Memory(True, json.dumps([cursor["after"], cursor["seen"]]), 0, 0, 0).to_cursor()
    assert cursor["seen"]

    def finish_again(*_: object) -> None:
        raise AssertionError("the run was recorded a second time")

    monkeypatch.setattr(MlflowTracking, "finish", finish_again)
    assert m.tick(SENSOR).skip_message == "No run has ended"
    assert json.loads(m.cursors[SENSOR])["after"] == cursor["after"]


def test_a_tracking_server_that_is_away_fails_no_run_and_is_made_up_for(model, registry, tmp_path, monkeypatch):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        away = MlflowRegistry(
            tracking_uri=f"http://127.0.0.1:{unused.getsockname()[1]}",
            registry_uri=registry.uri,
            state=str(tmp_path / "state"),
        )
        m = model(registry=away)
        assert m.materialize().success
        with monkeypatch.context() as watched:
            patience = watch_patience(watched)
            said = m.tick(SENSOR).skip_message
    assert len(patience.timeouts) == 2  # once, and one retry
    assert sum(patience.slept) < 5
    assert said.startswith("RegistryUnreachableError")
    assert runs(registry) == []
    later = model()
    later.cursors = m.cursors
    later.tick(SENSOR)
    assert [run.info.status for run in runs(registry)] == ["FINISHED"]


def test_what_could_not_be_recorded_is_a_warning_in_plain_words(model, registry, tmp_path, caplog):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        uri = f"http://user:canary@127.0.0.1:{unused.getsockname()[1]}"
        away = MlflowRegistry(tracking_uri=uri, registry_uri=registry.uri, state=str(tmp_path / "state"), retries=0)
        run = model().materialize().dagster_run
        log = logging.getLogger("test")
        assert MlflowTracking(model="m", experiment="e").begin(away, run, {}, log) is None
    (warning,) = [record.getMessage() for record in caplog.records if record.name == "test"]
    assert "not recorded yet" in warning
    assert "does not answer" in warning
    assert "the tracking sensor records it" in warning
    assert "canary" not in warning


def test_steps_that_begin_a_run_at_the_same_time_share_the_oldest(registry, monkeypatch):
    tracking = MlflowTracking(model="m", experiment="e")
    create = mlflow.MlflowClient.create_run
    older: list[str] = []

    def create_second(client, *args, **kwargs):
        if not older:
            older.append(create(client, *args, **kwargs | {"start_time": 1}).info.run_id)
        return create(client, *args, **kwargs)

    monkeypatch.setattr(mlflow.MlflowClient, "create_run", create_second)
    assert tracking.find_or_create(registry.resource, "r1", "job").info.run_id == older[0]
    assert [run.info.run_id for run in runs(registry)] == older


def test_models_that_share_an_experiment_have_an_mlflow_run_each(registry):
    first, second = (MlflowTracking(model=name, experiment="e") for name in ("a", "b"))
    one, other = (tracking.find_or_create(registry.resource, "r1", "job") for tracking in (first, second))
    assert one.info.run_id != other.info.run_id
    assert first.find_or_create(registry.resource, "r1", "job").info.run_id == one.info.run_id
    assert {run.data.tags["mlops_assets.model"] for run in runs(registry)} == {"a", "b"}


def test_a_run_that_an_earlier_version_recorded_is_found_again(registry):
    """Runs that only the sensor had recorded had no tag of dagster-mlflow's."""
    tracking = MlflowTracking(model="m", experiment="e")
    experiment = registry.client.create_experiment("e")
    run = registry.client.create_run(experiment, tags={"dagster.run_id": "r1", "mlops_assets.model": "m"})
    assert tracking.find_or_create(registry.resource, "r1", "job").info.run_id == run.info.run_id
    assert [run.data.tags["dagster_run_id"] for run in runs(registry)] == ["r1"]


def test_more_params_and_metrics_than_one_request_takes(registry):
    tracking = MlflowTracking(model="m", experiment="e")
    params = {f"p{number}": "x" * 7000 for number in range(250)}
    metrics = {f"m{number}": float(number) for number in range(1100)}
    tracking.finish(registry.resource, FinishedRun("r1", "job", "FINISHED", 1000, 2000, params=params, metrics=metrics))
    (run,) = runs(registry)
    assert len(run.data.metrics) == 1100
    assert {len(value) for value in run.data.params.values()} == {6000}
    assert len(run.data.params) == 250


def test_the_link_is_the_page_of_a_server_without_credentials():
    run = SimpleNamespace(info=SimpleNamespace(run_id="r", experiment_id="7"))
    server = MlflowRegistry(tracking_uri="https://user:canary@mlflow.example/base/")
    page = "https://mlflow.example/base/#/experiments/7/runs/r"
    tracked = MlflowTracking(model="m", experiment="e").link(server, run)
    assert tracked.metadata() == {"mlflow_run": dg.MetadataValue.url(page)}


def test_mlflows_global_state_is_as_it_was(model, registry, monkeypatch):
    """Whoever calls MLflow's global functions meets the run, the experiment and the server that they chose."""
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_ID"):
        monkeypatch.delenv(name, raising=False)
    m = model()
    assert m.materialize().success
    m.tick(SENSOR)
    assert len(runs(registry)) == 1
    assert not mlflow.is_tracking_uri_set()
    assert mlflow.active_run() is None
    assert not {"MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_ID", "MLFLOW_RUN_ID"} & set(os.environ)


def test_it_is_off_by_default(model, registry):
    m = model(tracking={})
    assert SENSOR not in {sensor.name for sensor in m.definitions.sensors}
    assert m.materialize().success
    assert runs(registry) == []


def test_the_experiment_is_a_setting(model, registry):
    m = model(tracking={"enabled": True, "experiment": "nightly"})
    m.materialize()
    (run,) = runs(registry)
    assert registry.client.get_experiment(run.info.experiment_id).name == "nightly"


def test_params_are_flat_and_have_names_that_mlflow_takes():
    config = {"ops": {"m__predictions": {"config": {"params": {"k[0]": 1}, "predict_method": "predict"}}, "x": {}}}
    assert flatten_run_config(config) == {
        "m__predictions.params.k_0_": "1",
        "m__predictions.predict_method": "predict",
        "x": "{}",
    }


LOCATION = """
    from pathlib import Path
    import dagster as dg
    from mlops_assets import MlflowRegistry, build_model_definitions, default_resources
    root = Path({root!r})
    registry = MlflowRegistry(tracking_uri={uri!r}, state=str(root / "state"))
    defs = dg.Definitions.merge(
        build_model_definitions("m", root, inputs={{"path": "inputs.parquet"}}, outputs={{"path": "tables"}},
                                tracking={{"enabled": True}}, executor={executor!r}),
        dg.Definitions(resources=default_resources(root) | {{"mlflow_registry": registry}}),
    )
    job = defs.resolve_job_def("m_explanations_job")
"""
SCRIPT = """
    import sys, warnings
    warnings.simplefilter("error", __import__("dagster").BetaWarning)
    import dagster as dg
    import location
    assert "dagster_mlflow" not in sys.modules and "mlflow" not in sys.modules
    with dg.DagsterInstance.from_config({home!r}) as instance:
        # Steps enough to be processes that begin and end, one behind the other and at the same time.
        some = [dg.AssetKey(["m", name]) for name in {assets!r}]
        done = dg.execute_job(dg.reconstructable(location.get_job), instance=instance, asset_selection=some)
        print(done.success, done.run_id)
"""


ASSETS = ("champion_model", "model_signature", "input_samples", "rejected_samples", "predictions")


@pytest.mark.slow
@pytest.mark.parametrize("executor", ["in_process", "multiprocess"])
def test_one_mlflow_run_under_each_executor_without_a_warning(executor, features, registry, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    text = textwrap.dedent(LOCATION).format(root=str(tmp_path), uri=registry.uri, executor=executor)
    (tmp_path / "location.py").write_text(text + "\ndef get_job():\n    return job\n")
    script = textwrap.dedent(SCRIPT).format(home=str(home), assets=ASSETS)
    script = "if __name__ == '__main__':\n" + textwrap.indent(script, "    ")
    (tmp_path / "run.py").write_text(script)
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{Path.cwd()}", "DAGSTER_HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "run.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    success, run_id = done.stdout.split()[-2:]
    assert success == "True", done.stderr
    assert "BetaWarning" not in done.stderr
    assert [(run.data.tags["dagster.run_id"], run.info.status) for run in runs(registry)] == [(run_id, "RUNNING")]
    with dg.DagsterInstance.from_config(str(home)) as instance:
        Model(tmp_path, registry.resource, instance, **TRACKED).tick(SENSOR)
    assert [(run.data.tags["dagster.run_id"], run.info.status) for run in runs(registry)] == [(run_id, "FINISHED")]
