"""Secrets of the registry, the inputs and the notifier, while every sensor fails: ticks are evaluated as Dagster's code
server does, and what it would keep of them is searched.
"""

import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

import dagster as dg
import pytest
from dagster._core.remote_origin import InProcessCodeLocationOrigin, RemoteRepositoryOrigin
from dagster._core.test_utils import create_run_for_test
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._grpc.impl import get_external_sensor_execution

from mlops_assets.component import build_model_definitions
from mlops_assets.resources.defaults import default_resources
from mlops_assets.resources.notifier import AppriseNotifier, Notifier
from mlops_assets.resources.registry import MlflowRegistry
from mlops_assets.storage.location import Location
from mlops_assets_tests.canaries import CANARY as PASSWORD
from mlops_assets_tests.canaries import excerpt
from mlops_assets_tests.canaries import instance as instance
from mlops_assets_tests.canaries import nothing_kept as nothing_kept

SIGNED = "X-Amz-Signature=CANARYsignature00000000&v=CANARYxyz"
PRESIGNED = {"path": f"https://user:{PASSWORD}@127.0.0.1:1/rows.parquet?{SIGNED}"}
STORE = {
    "key": "CANARYkey",
    "secret": PASSWORD,
    "client_kwargs": {"endpoint_url": f"http://user:{PASSWORD}@127.0.0.1:1", "region_name": "eu-north-1"},
    "config_kwargs": {"retries": {"max_attempts": 0}, "connect_timeout": 1},
}
PARTITIONED = {
    "inputs": {"path": "s3://bucket/{partition}.parquet", "storage_options": STORE},
    "partitions": {"type": "static", "keys": ["a", "b"]},
}
FAMILIES: dict[str, dict[str, Any]] = {
    "files": {"inputs": PRESIGNED, "tracking": {"enabled": True}},
    "store": {"inputs": {"path": "s3://bucket/rows", "storage_options": STORE}},
    "partitions": PARTITIONED,
    "automation": {"inputs": PRESIGNED, "automation": "eager"},
}
REPORTS = ("m_success_notification", "m_failure_notification")
# It asks Dagster alone.
DEAD_RUNS = "m_dead_runs"
ORIGIN = InProcessCodeLocationOrigin(LoadableTargetOrigin(executable_path=sys.executable, python_file="location.py"))
# Dagster's own, without any code of this package.
FOREIGN = "m_automation"


class CodeLocation:
    """The model `m`, and what a code server answers and logs for its sensors."""

    def __init__(self, folder: Path, instance: dg.DagsterInstance) -> None:
        self.folder, self.instance = folder, instance
        self.ticks = 0

    def load(self, settings: dict[str, Any], **resources: Any) -> dg.Definitions:
        return dg.Definitions.merge(
            build_model_definitions("m", self.folder, **{"outputs": {"path": "tables"}, **settings}),
            dg.Definitions(resources=default_resources(self.folder) | resources),
        )

    def tick(self, definitions: dg.Definitions, sensor: str, cursor: str | None = None) -> Any:
        self.ticks += 1
        done = get_external_sensor_execution(
            *(definitions.get_repository_def(), ORIGIN, self.instance.get_ref(), sensor, None, None, cursor),
            *(["ticks", sensor, str(self.ticks)], None),
        )
        assert excerpt(dg.serialize_value(done)) == []
        return done

    def end_run(self, event: str) -> None:
        """A run of the model's job that has ended so."""
        run = create_run_for_test(
            self.instance,
            job_name="m_inference_job",
            status=dg.DagsterRunStatus.STARTED,
            remote_job_origin=RemoteRepositoryOrigin(ORIGIN, "__repository__").get_job_origin("m_inference_job"),
        )
        self.instance.report_dagster_event(dg.DagsterEvent(event, run.job_name, message=event), run.run_id)


@pytest.fixture
def location(tmp_path, instance) -> CodeLocation:
    return CodeLocation(tmp_path, instance)


def sensors_of(definitions: dg.Definitions) -> list[str]:
    return sorted(
        sensor.name
        for sensor in definitions.get_repository_def().sensor_defs
        if sensor.name != FOREIGN and not sensor.name.endswith("_dead_runs")
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_a_tick_that_cannot_reach_registry_or_inputs(family, location, nothing_kept):
    registry = MlflowRegistry(tracking_uri=f"http://user:{PASSWORD}@127.0.0.1:1", retries=0, timeout=1)
    definitions = location.load(FAMILIES[family], mlflow_registry=registry)
    skipped = {}
    for sensor in sensors_of(definitions):
        done = location.tick(definitions, sensor)
        if sensor not in (*REPORTS, DEAD_RUNS) and "tracking" not in sensor:
            skipped[sensor] = done.skip_message
    assert len(skipped) == 3
    assert all("Next attempt after" in message for message in skipped.values())
    # What is no secret stays: a password that is not percent-encoded does not take the host with it.
    assert any("(http://127.0.0.1:1)" in message for message in skipped.values())


@pytest.mark.parametrize("family", FAMILIES)
def test_a_tick_that_another_librarys_error_ends(family, location, monkeypatch, nothing_kept):
    """The error's own text, its causes and its notes repeat the secrets."""

    def fail(*_: object, **__: object) -> Any:
        # Dagster keeps the lines of the stack as they are written here.
        try:
            raise KeyError({"Authorization": f"Basic {PASSWORD}", "secret": PASSWORD})
        except KeyError as error:
            error.add_note(f"while asking http://user:{PASSWORD}@127.0.0.1:1/x?{SIGNED}")
            raise RuntimeError(f"refused: user:{PASSWORD}@127.0.0.1:1 {repeated}") from error

    repeated = SIGNED if FAMILIES[family]["inputs"] == PRESIGNED else ""

    definitions = location.load(
        FAMILIES[family], mlflow_registry=MlflowRegistry(tracking_uri=f"http://user:{PASSWORD}@127.0.0.1:1")
    )
    cursors = {sensor: location.tick(definitions, sensor).cursor for sensor in REPORTS}
    location.end_run("PIPELINE_SUCCESS")
    location.end_run("PIPELINE_FAILURE")
    monkeypatch.setattr(MlflowRegistry, "address", fail)
    monkeypatch.setattr(Location, "kind", fail)
    monkeypatch.setattr(Location, "remote", fail)
    monkeypatch.setattr("mlops_assets.sensors.tracking._finished_runs", fail)
    monkeypatch.setattr("mlops_assets.sensors.notifications.read_materializations", fail)
    monkeypatch.setattr("mlops_assets.sensors.notifications.step_failures", fail)
    monkeypatch.setattr("mlops_assets.sensors.dead_runs.read_silences", fail)
    for sensor in sensors_of(definitions):
        done = location.tick(definitions, sensor, cursors.get(sensor))
        text = dg.serialize_value(done)
        assert "ForeignError: RuntimeError: refused: ***" in text or "The inputs cannot be listed" in text
        assert "KeyError" in text or "inputs" in sensor


RECEIVERS = [
    "json://127.0.0.1:1/CANARYtoken0123",
    f"json://user:{quote(PASSWORD, '')}@127.0.0.1:1/x?+Authorization=CANARYheader0123",
    "xml://127.0.0.1:1/CANARYtoken0123",
    "mmost://127.0.0.1:1/CANARYtoken0123abcdefghijkl",
    "gotify://127.0.0.1:1/CANARYtoken0123",
    f"rocket://user:{quote(PASSWORD, '')}@127.0.0.1:1/room",
    f"mailto://user:{quote(PASSWORD, '')}@127.0.0.1:1?from=a@example.com&to=b@example.com",
    "nosuchservice://CANARYtoken0123/CANARYother4567",
    "slack://CANARYtoken0123",
]


def test_apprise_that_cannot_deliver_is_logged_without_its_urls(location, monkeypatch, nothing_kept, capfd):
    """URLs from a variable, and as they should not be: written into the code."""
    monkeypatch.setenv("PAGER", RECEIVERS[0])
    for urls in ([dg.EnvVar("PAGER")], RECEIVERS[:7], RECEIVERS[7:8], RECEIVERS[8:]):
        logged = notify(location, AppriseNotifier(urls=urls), capfd)
        assert f"of its {len(urls)} URLs" in logged or f"of {len(urls)} URLs" in logged
        assert excerpt(logged) == []


class Unprepared(Notifier):
    """A notifier of a user's own, which asks its service before the first message."""

    webhook: str

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        raise ConnectionError(f"{self.webhook} does not answer")

    def notify(self, title: str, message: str) -> None:
        raise AssertionError("never called")


def test_a_notifier_that_cannot_be_made_shows_no_address(location, monkeypatch, nothing_kept, capfd):
    monkeypatch.setenv("PAGER", "https://hooks.example.com/T0/CANARYtoken0123")
    for webhook in (dg.EnvVar("PAGER"), f"pager://user:{PASSWORD}@127.0.0.1/CANARYtoken4567"):
        logged = notify(location, Unprepared(webhook=webhook), capfd)
        assert excerpt(logged) == []
        assert "*** does not answer" in logged


def notify(location: CodeLocation, notifier: Notifier, capfd: pytest.CaptureFixture[str]) -> str:
    """A run of each end, and the ticks that report them; what was written to the console and what the tick holds."""
    definitions = location.load({"inputs": {"path": "rows.parquet"}}, notifier=notifier)
    cursors = {sensor: location.tick(definitions, sensor).cursor for sensor in REPORTS}
    location.end_run("PIPELINE_SUCCESS")
    location.end_run("PIPELINE_FAILURE")
    capfd.readouterr()
    ticks = [dg.serialize_value(location.tick(definitions, sensor, cursors[sensor])) for sensor in REPORTS]
    output = capfd.readouterr()
    return "\n".join([output.out, output.err, *ticks])
