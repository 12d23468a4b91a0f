"""The sensors of many models ask one registry through one client, whatever number of ticks and threads there is."""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Barrier, Thread

import dagster as dg
import mlflow
import pytest
import sqlalchemy

from mlops_assets.component import build_model_definitions
from mlops_assets.errors import RegistryError
from mlops_assets.resources.defaults import default_resources
from mlops_assets.resources.registry import MlflowRegistry

pytestmark = pytest.mark.slow

MODELS = [f"model_{number}" for number in range(4)]
SENSORS = ("champion_sensor", "new_version_sensor")


@pytest.fixture
def made(monkeypatch) -> Counter:
    """How many MLflow clients and SQLAlchemy engines were made."""
    count: Counter = Counter()
    client, engine = mlflow.MlflowClient.__init__, sqlalchemy.create_engine

    def counted_client(self, *arguments, **named):
        count["clients"] += 1
        client(self, *arguments, **named)

    def counted_engine(*arguments, **named):
        count["engines"] += 1
        return engine(*arguments, **named)

    monkeypatch.setattr(mlflow.MlflowClient, "__init__", counted_client)
    monkeypatch.setattr(sqlalchemy, "create_engine", counted_engine)
    return count


def tick(definitions: dg.Definitions, instance: dg.DagsterInstance, name: str) -> object:
    """One tick as the daemon asks for it: with resources made for this tick alone."""
    sensor = definitions.get_repository_def().get_sensor_def(name)
    resources = {key: definitions.resources[key] for key in sensor.required_resource_keys}
    with dg.build_sensor_context(instance=instance, resources=resources, definitions=definitions) as context:
        return sensor.evaluate_tick(context)


def location(folder, registry: MlflowRegistry) -> dg.Definitions:
    models = [
        build_model_definitions(name, folder, inputs={"path": "in.parquet"}, outputs={"path": f"tables/{name}"})
        for name in MODELS
    ]
    shared = dg.Definitions(resources=default_resources(folder) | {"mlflow_registry": registry})
    return dg.Definitions.merge(*models, shared)


def test_a_tick_of_every_sensor_makes_one_client(registry, tmp_path, instance, made):
    for name in MODELS:
        registry.client.create_registered_model(name)
    definitions = location(tmp_path, MlflowRegistry(tracking_uri=registry.uri, state=str(tmp_path / "state")))
    made.clear()
    for _ in range(2):
        for name in MODELS:
            for sensor in SENSORS:
                assert "nothing there" in (
                    told := str(tick(definitions, instance, f"{name}_{sensor}").skip_message)
                ) or ("no version" in told)
    assert made["clients"] == 1
    # One that tries the database, and at most MLflow's own for tracking and registry.
    assert made["engines"] <= 3


class Answers(BaseHTTPRequestHandler):
    """A registry server that knows every model, and no version; it counts the connections that are made."""

    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def do_GET(self) -> None:
        body = json.dumps({"registered_model": {"name": "any"}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_) -> None:
        """Quiet."""


def test_a_tick_of_every_sensor_keeps_one_connection_to_a_server(tmp_path, instance, made):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.connections, server.daemon_threads = 0, True
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        uri = f"http://127.0.0.1:{server.server_port}"
        definitions = location(tmp_path, MlflowRegistry(tracking_uri=uri))
        for name in MODELS:
            for sensor in SENSORS:
                tick(definitions, instance, f"{name}_{sensor}")
        assert (made["clients"], server.connections) == (1, 1)
    finally:
        server.shutdown()
        server.server_close()


def test_threads_that_come_at_once_share_a_client(registry, tmp_path, made):
    together = Barrier(8)

    def ask(_: int) -> object:
        mine = MlflowRegistry(tracking_uri=registry.uri, timeout=7)
        together.wait()
        return mine.address().client

    made.clear()
    with ThreadPoolExecutor(8) as pool:
        assert len({id(client) for client in pool.map(ask, range(8))}) == 1
    assert made["clients"] == 1


def test_other_settings_are_another_client(registry):
    asked = [MlflowRegistry(tracking_uri=registry.uri, timeout=timeout).address() for timeout in (3, 3, 4)]
    assert asked[0] is asked[1]
    assert asked[0] is not asked[2]
    assert (asked[0].timeout, asked[2].timeout) == (3, 4)


def test_a_database_that_was_emptied_is_a_registry_again(registry, tmp_path):
    """MLflow makes its tables when a client is made, so that a client must not outlive its database."""
    asked = MlflowRegistry(tracking_uri=registry.uri, timeout=9).address()
    asked.client  # noqa: B018 - made, with its tables
    (tmp_path / "registry" / "mlflow.db").write_bytes(b"")
    with pytest.raises(RegistryError):
        asked.model("m")
    asked.client.create_registered_model("m")
    assert asked.model("m").name == "m"
