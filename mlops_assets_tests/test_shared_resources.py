"""The registry and the notifier: the code location's where it has them, else defaults that nobody has to copy."""

import os
from typing import ClassVar

import dagster as dg
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from mlops_assets import LogNotifier, Notifier, build_model_definitions
from mlops_assets.naming import ModelNames

ROWS = pd.DataFrame({"x": [1.0, 2.0, 4.0], "key": ["a", "b", "c"]})


@pytest.fixture
def fitted():
    return LinearRegression().fit(ROWS[["x"]], [1.0, 2.0, 3.0])


@pytest.fixture
def in_environment(registry, fitted, monkeypatch):
    """A registry that MLflow's own setting names, with one champion."""
    registry.add_sklearn(fitted, ROWS[["x"]])
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registry.uri)
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", registry.uri)
    return registry


@pytest.fixture
def elsewhere(monkeypatch, tmp_path):
    """MLflow's own setting names a registry that does not exist."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/nowhere/mlflow.db")


def define(tmp_path, name=None, **settings):
    ROWS.to_parquet(tmp_path / "rows.parquet", index=False)
    place = {"path": f"tables/{name}"}
    inputs = {"path": "rows.parquet", "row_key": ["key"]}
    given = {"name": name} if name else {}
    return build_model_definitions("m", tmp_path, inputs=inputs, outputs=place, **given, **settings)


def launch(definitions, job, instance, **config):
    return definitions.resolve_job_def(job).execute_in_process(instance=instance, run_config=config or None)


@pytest.mark.slow
def test_definitions_without_any_resource_load_and_run(in_environment, tmp_path, instance):
    definitions = define(tmp_path)
    dg.Definitions.validate_loadable(definitions)
    assert launch(definitions, "m_explanations_job", instance).success
    assert launch(definitions, "m_validation_job", instance, ops={"m__validate": {"config": {"version": 1}}}).success
    compared = {"m__compare_signatures": {"config": {"new": "1"}}}
    assert launch(definitions, "m_compatibility_job", instance, ops=compared).success


@pytest.mark.slow
def test_assets_materialize_by_themselves(in_environment, tmp_path, instance):
    assert dg.materialize(list(define(tmp_path).assets), instance=instance).success


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::dagster.PreviewWarning")
def test_specs_may_be_changed_after_the_fact(in_environment, tmp_path, instance):
    definitions = define(tmp_path).map_asset_specs(func=lambda spec: spec.merge_attributes(owners=["team:risk"]))
    dg.Definitions.validate_loadable(definitions)
    assert launch(definitions, "m_inference_job", instance).success


@pytest.mark.slow
def test_the_code_locations_registry_takes_precedence(registry, fitted, elsewhere, tmp_path, instance):
    registry.add_sklearn(fitted, ROWS[["x"]])
    theirs = dg.Definitions(resources={"mlflow_registry": registry.resource})
    for definitions in (
        dg.Definitions.merge(define(tmp_path), theirs),
        dg.Definitions.merge(theirs, define(tmp_path)),
    ):
        assert launch(definitions, "m_inference_job", instance).success
        compared = {"m__compare_signatures": {"config": {"new": "1"}}}
        assert launch(definitions, "m_compatibility_job", instance, ops=compared).success


def tick(definitions, sensor, instance):
    repository = definitions.get_repository_def()
    with dg.build_sensor_context(instance=instance, repository_def=repository) as context:
        return repository.get_sensor_def(sensor).evaluate_tick(context)


def test_sensors_ask_the_default_registry(in_environment, tmp_path, instance):
    assert len(tick(define(tmp_path), "m_champion_sensor", instance).run_requests) == 1


def test_sensors_ask_the_code_locations_registry(registry, fitted, elsewhere, tmp_path, instance):
    registry.add_sklearn(fitted, ROWS[["x"]])
    theirs = dg.Definitions(resources={"mlflow_registry": registry.resource})
    assert len(tick(dg.Definitions.merge(define(tmp_path), theirs), "m_champion_sensor", instance).run_requests) == 1


class Collector(Notifier):
    KIND = "Collector"
    sent: ClassVar[list[str]] = []

    def notify(self, title: str, message: str) -> None:
        self.sent.append(title)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Parameter `repository_def`:dagster.BetaWarning")
@pytest.mark.parametrize("replaced", [True, False])
def test_notifications_go_to_the_code_locations_notifier_or_to_the_log(
    replaced, in_environment, tmp_path, instance, caplog
):
    Collector.sent.clear()
    theirs = dg.Definitions(resources={"notifier": Collector()} if replaced else {})
    definitions = dg.Definitions.merge(define(tmp_path), theirs)
    result = launch(definitions, "m_inference_job", instance)
    repository = definitions.get_repository_def()
    with (
        caplog.at_level("INFO", "mlops_assets.notifier"),
        dg.build_run_status_sensor_context(
            sensor_name="m_success_notification",
            dagster_instance=instance,
            dagster_run=result.dagster_run,
            dagster_event=result.get_run_success_event(),
            repository_def=repository,
        ) as context,
    ):
        repository.get_sensor_def("m_success_notification")(context)
    assert ("m: m_inference_job succeeded" in caplog.text) is not replaced
    assert len(Collector.sent) == int(replaced)
    assert LogNotifier.KIND == "LogNotifier"


@pytest.mark.slow
def test_one_model_on_two_tables_in_one_code_location(in_environment, tmp_path, instance):
    definitions = dg.Definitions.merge(define(tmp_path), define(tmp_path, "m_north", sensors={"new_version": {}}))
    dg.Definitions.validate_loadable(definitions)
    assert launch(definitions, "m_explanations_job", instance).success
    assert launch(definitions, "m_north_explanations_job", instance).success
    for name in ("m", "m_north"):
        event = instance.get_latest_materialization_event(ModelNames("m", name).key("predictions"))
        assert event.asset_materialization.metadata["model_version"].value == 1
    assert (tmp_path / "tables" / "m_north" / "predictions.parquet").exists()
    # The journal is the model's: one for both.
    assert [path.name for path in (tmp_path / ".mlops_assets" / "journal").iterdir()] == ["m"]
    assert {"m_champion_sensor", "m_north_champion_sensor"} <= {sensor.name for sensor in definitions.sensors or ()}


@pytest.mark.slow
def test_a_challenger_runs_beside_the_champion(in_environment, fitted, tmp_path, instance):
    in_environment.add_sklearn(LinearRegression().fit(ROWS[["x"]], [5.0, 1.0, 0.0]), ROWS[["x"]])
    in_environment.client.set_registered_model_alias("m", "Champion", "1")
    in_environment.client.set_registered_model_alias("m", "Challenger", "2")
    definitions = dg.Definitions.merge(
        define(tmp_path), define(tmp_path, "m_challenger", alias_or_version="Challenger")
    )
    assert launch(definitions, "m_inference_job", instance).success
    assert launch(definitions, "m_challenger_inference_job", instance).success
    folder = tmp_path / "tables"
    champion = pd.read_parquet(folder / "None" / "predictions.parquet")
    challenger = pd.read_parquet(folder / "m_challenger" / "predictions.parquet")
    assert set(champion["model_version"]) == {1}
    assert set(challenger["model_version"]) == {2}
    assert os.environ["MLFLOW_TRACKING_URI"] == in_environment.uri
