"""The same promises against a real `mlflow server` over HTTP, with artifacts that the server proxies."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from pathlib import Path

import mlflow
import mlflow.sklearn
import numpy as np
import pytest
from mlflow import MlflowClient
from sklearn.ensemble import RandomForestClassifier

from mlops_assets.errors import (
    AliasNotFoundError,
    ArtifactsMissingError,
    ModelNotFoundError,
    RegistryUnreachableError,
    TrustError,
    VersionNotFoundError,
)
from mlops_assets.models.load import load_by_flavor
from mlops_assets.models.registry import Registry
from mlops_assets.models.trust import TRUSTED_TYPES, TrustPolicy
from mlops_assets.resources import retries
from mlops_assets.resources.registry import MlflowRegistry
from mlops_assets_tests.models.conftest import judge
from mlops_assets_tests.waiting import wait_for, watch_patience

pytestmark = pytest.mark.slow


class Server:
    """An `mlflow server` process on a port that stays the same when it is started again."""

    def __init__(self, folder: Path, database: Path) -> None:
        self.folder = folder
        shutil.copy(database, folder / "mlflow.db")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        store = f"sqlite:///{self.folder / 'mlflow.db'}"
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "mlflow", "server", "--backend-store-uri", store),
                    *("--artifacts-destination", str(self.folder / "artifacts")),
                    *("--host", "127.0.0.1", "--port", str(self.port), "--workers", "1"),
                ],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_for(self.answers, "the server", seconds_between=0.1)

    def answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "log").read_text()
        try:
            urllib.request.urlopen(f"{self.uri}/health", timeout=60).read()
        except (urllib.error.URLError, OSError):
            return False
        return True

    def kill(self) -> None:
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None


@pytest.fixture(scope="module")
def server(tmp_path_factory, empty_database):
    running = Server(tmp_path_factory.mktemp("server"), empty_database)
    running.start()
    yield running
    running.kill()


@pytest.fixture(scope="module")
def forest(iris):
    return RandomForestClassifier(10, max_depth=4, random_state=0).fit(*iris)


@pytest.fixture(scope="module")
def logged(server, iris, forest):
    """Two models logged and registered as people do; the version 1 of `flowers` is its Champion."""
    mlflow.set_tracking_uri(server.uri)
    mlflow.set_registry_uri(server.uri)
    try:
        experiment = mlflow.create_experiment("tests")
        with mlflow.start_run(experiment_id=experiment):
            flowers, _ = (
                mlflow.sklearn.log_model(
                    forest,
                    name="forest",
                    registered_model_name=name,
                    signature=mlflow.models.infer_signature(iris[0]),
                    pip_requirements=["scikit-learn"],
                    skops_trusted_types=sorted(TRUSTED_TYPES),
                )
                for name in ("flowers", "broken")
            )
        MlflowClient().set_registered_model_alias("flowers", "Champion", "1")
    finally:
        # Nothing below may lean on MLflow's global settings.
        mlflow.set_tracking_uri(None)
        mlflow.set_registry_uri(None)
    return flowers


@pytest.fixture
def client(server):
    return MlflowClient(server.uri, server.uri)


@pytest.fixture
def asked(server, logged):
    return Registry(server.uri, timeout=120)


def test_pinned_fetched_loaded_and_predicting(asked, cache, logged, iris, forest, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "TMPDIR"))
    (tmp_path / "TMPDIR").mkdir()
    pinned = asked.pin("flowers", "Champion", cache)
    assert (pinned.version, pinned.source, pinned.model_id) == (1, logged.model_uri, logged.model_id)
    assert pinned.location.startswith("mlflow-artifacts:/")
    folder = asked.fetch(pinned, cache)
    judge(folder, pinned)
    np.testing.assert_array_equal(load_by_flavor(folder, pinned).predict(iris[0]), forest.predict(iris[0]))
    assert list((tmp_path / "TMPDIR").iterdir()) == []
    assert asked.pin("flowers", 1, cache).digest == pinned.digest


def test_what_is_not_there(asked, cache):
    with pytest.raises(ModelNotFoundError, match=r"did you mean 'flowers'"):
        asked.pin("flower", "Champion", cache)
    with pytest.raises(AliasNotFoundError, match=r"did you mean 'Champion'.*Champion -> 1"):
        asked.pin("flowers", "champion", cache)
    with pytest.raises(VersionNotFoundError, match=r"no version 7"):
        asked.pin("flowers", 7, cache)


def test_tags_and_places_are_tried_before_anything_is_fetched(asked, client, cache):
    policy = TrustPolicy(required_tags={"validation": "passed"}, allowed_sources=("mlflow-artifacts:/1/models",))
    with pytest.raises(TrustError, match=r"'validation': 'passed'"):
        asked.pin("flowers", "Champion", cache, policy)
    assert [path.name for path in cache.root.iterdir()] == ["incoming"]
    client.set_model_version_tag("flowers", "1", "validation", "passed")
    client.set_model_version_tag("flowers", "1", "other", "x")
    pinned = asked.pin("flowers", "Champion", cache, policy)
    assert pinned.tags == (("validation", "passed"),)
    with pytest.raises(TrustError, match=r"not allowed here"):
        asked.pin("flowers", "Champion", cache, TrustPolicy(allowed_sources=("s3://models",)))


def test_files_missing_on_the_server(asked, server, cache):
    model_id = asked.version("broken", 1).source.removeprefix("models:/")
    files = next((server.folder / "artifacts").rglob(f"{model_id}/artifacts"))
    (files / "model.skops").unlink()
    with pytest.raises(ArtifactsMissingError, match=r"lacks files that its flavor names: 'model.skops'"):
        asked.pin("broken", 1, cache)
    shutil.rmtree(files)
    with pytest.raises(ArtifactsMissingError, match=r"Artifacts are missing|no MLmodel file"):
        asked.pin("broken", 1, cache)


def test_the_page_in_mlflows_ui(server, asked, cache):
    resource = MlflowRegistry(tracking_uri=server.uri)
    page = resource.page(asked.pin("flowers", 1, cache))
    assert page == f"{server.uri}/#/models/flowers/versions/1"


def test_a_server_that_dies_and_comes_back(server, asked, cache, run, registry, iris, forest, monkeypatch):
    """Between pin and load the cache serves; a run that finds no server waits, repeats the step, and succeeds."""
    pinned = asked.pin("flowers", "Champion", cache)
    server.kill()
    loaded = load_by_flavor(asked.fetch(pinned, cache), pinned)
    np.testing.assert_array_equal(loaded.predict(iris[0]), forest.predict(iris[0]))
    shutil.rmtree(cache.root / pinned.digest)
    with monkeypatch.context() as watched:
        patience = watch_patience(watched)
        with pytest.raises(RegistryUnreachableError, match=r"does not answer"):
            asked.fetch(pinned, cache)
    # Once, and one retry. An attempt over a connection that was still open when the server died connects to nothing.
    assert 1 <= len(patience.timeouts) <= 2
    assert sum(patience.slept) < 5

    monkeypatch.setattr(retries, "SECONDS_TO_WAIT", 1.0)
    monkeypatch.setattr(retries, "MOST_RETRIES", 600)
    registry.resource = MlflowRegistry(tracking_uri=server.uri, state=str(registry.folder / "state"))
    starting = threading.Thread(target=server.start)
    monkeypatch.setattr(Registry, "version", then_starts(starting, Registry.version))
    try:
        done = run(iris[0], model="flowers", job="inference")
    finally:
        starting.join()
    assert done.success
    assert {event.step_key for event in done.result.all_events if event.is_step_up_for_retry} == {
        "flowers__champion_model"
    }
    assert done.table("predictions")["model_version"].unique().tolist() == [1]
    # The client that knew the old process goes on with the new one.
    assert asked.fetch(pinned, cache).name == pinned.digest


def then_starts(thread: threading.Thread, asking):
    """`asking`, after whose first attempt the thread is started: the server is down when the run first asks."""

    def version(self, *arguments):
        try:
            return asking(self, *arguments)
        finally:
            if thread.ident is None:
                thread.start()

    return version
