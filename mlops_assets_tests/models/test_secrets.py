"""Canaries: a password in an address of the registry or of artifacts never reaches an error, an event or a file."""

import json
import shutil
import traceback
from pathlib import Path

import dagster as dg
import pytest

from mlops_assets.errors import MlopsAssetsError
from mlops_assets.models.registry import Registry
from mlops_assets.resources.registry import MlflowRegistry
from mlops_assets_tests.models.conftest import REFERENCE

CANARY = "CANARY-7f3a"


def format_error(error: BaseException) -> str:
    """Everything that a log would keep of an error: its message, its causes, its traceback."""
    return "".join(traceback.format_exception(error))


ADDRESSES = [
    f"http://user:{CANARY}@127.0.0.1:1",
    f"http://user:{CANARY}%2Fx@127.0.0.1:1/mlflow?token={CANARY}",
    f"http://{CANARY}@127.0.0.1:1",
    f"https://user:{CANARY}@no-such-host.invalid",
    f"carrier-pigeon://user:{CANARY}@host",
    f"postgresql+nodriver://user:{CANARY}@127.0.0.1:1/mlflow",
    f"mysql+nodriver://127.0.0.1:1/mlflow?password={CANARY}",
    f"http://user:{CANARY}@[bad",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_error_tells_a_password(address, cache):
    registry = Registry(address, timeout=1, retries=0)
    for ask in (
        lambda: registry.model("m"),
        lambda: registry.pin("m", 1, cache),
        lambda: registry.pin("m", "C", cache),
    ):
        with pytest.raises(MlopsAssetsError) as caught:
            ask()
        assert CANARY not in format_error(caught.value)


def test_mlflows_own_words_are_kept_without_it(cache):
    with pytest.raises(MlopsAssetsError) as caught:
        Registry(f"http://user:{CANARY}@127.0.0.1:1", retries=0).model("m")
    assert "http://***@127.0.0.1:1/" in format_error(caught.value)


@pytest.mark.parametrize(
    "source",
    [
        f"s3://key:{CANARY}@bucket/models/1",
        f"http://user:{CANARY}@127.0.0.1:1/models/1",
        f"wasbs://box@account.blob.core.windows.net/models?sig={CANARY}",
        f"ftp://user:{CANARY}@127.0.0.1:1/models",
        f"unknown://user:{CANARY}@host/models",
    ],
)
def test_the_place_of_artifacts_is_shown_without_it(source, registry, asked, cache, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    registry.client.create_registered_model("m")
    registry.client.create_model_version("m", source=source)
    with pytest.raises(MlopsAssetsError) as caught:
        asked.pin("m", 1, cache)
    assert CANARY not in format_error(caught.value)


def test_a_reference_holds_none(registry, asked, cache, saved, monkeypatch):
    """The stored reference and the asset's metadata come from it."""
    from mlops_assets.models import registry_connection

    def copy(address, target, *_, **__):
        assert address.url == f"sftp://user:{CANARY}@host/models/1"
        return Path(shutil.copytree(saved, target))

    registry.client.create_registered_model("m")
    registry.client.create_model_version("m", source=f"sftp://user:{CANARY}@host/models/1")
    monkeypatch.setattr(registry_connection, "fetch_files", copy)
    monkeypatch.setenv("MLOPS_ASSETS_ARTIFACT_HOSTS", "host")
    pinned = Registry(registry.uri).pin("m", 1, cache)
    assert (pinned.source, pinned.location) == ("sftp://host/models/1", "sftp://host/models/1")
    assert CANARY not in pinned.to_json()


def everything(result: dg.ExecuteInProcessResult, instance: dg.DagsterInstance) -> str:
    """The run's events, as the instance keeps them."""
    records = instance.all_logs(result.run_id)
    return "\n".join(dg.serialize_value(record) for record in records) + repr(result.all_events)


def test_a_run_that_fails_tells_none(run, registry, iris, instance, monkeypatch):
    """In no event, error, cause or log line: neither from the address nor from MLflow's own variables."""
    from mlops_assets.resources import retries

    monkeypatch.setattr(retries, "SECONDS_TO_WAIT", 0)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", f"{CANARY}-variable")
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "user")
    registry.resource = MlflowRegistry(
        tracking_uri=f"http://user:{CANARY}@127.0.0.1:1", state=str(registry.folder / "state"), retries=0
    )
    done = run(iris[0], job="inference")
    assert not done.success
    assert "RegistryUnreachableError" in done.error()
    text = everything(done.result, instance)
    assert "127.0.0.1:1" in text
    assert CANARY not in text


def test_a_run_that_succeeds_tells_none(run, registry, saved, iris, instance):
    """SQLAlchemy takes a query after the path of a SQLite database, where a password does not belong and may stand."""
    registry.add(saved)
    registry.resource = MlflowRegistry(
        tracking_uri=f"{registry.uri}?token={CANARY}", state=str(registry.folder / "state")
    )
    done = run(iris[0], job="inference")
    assert done.success
    text = everything(done.result, instance)
    assert done.metadata("champion_model")["digest"] in text
    files = "".join(path.read_text(errors="replace") for path in done.tables.rglob("*") if path.is_file())
    assert CANARY not in text + files


def test_the_page_holds_no_password():
    page = MlflowRegistry(tracking_uri=f"https://user:{CANARY}@ml.example/x?a={CANARY}").page(REFERENCE)
    assert page == "https://ml.example/x/#/models/m/versions/1"


def test_definitions_hold_the_name_of_a_variable_and_not_its_value(tmp_path, monkeypatch):
    """What Dagster shows of a code location: `EnvVar` is not read before a run starts."""
    from mlops_assets.component import build_model_definitions
    from mlops_assets.resources.defaults import default_resources

    monkeypatch.setenv("THEIR_MLFLOW", f"http://user:{CANARY}@host")
    definitions = dg.Definitions.merge(
        build_model_definitions("m", tmp_path, inputs={"path": "x.parquet"}, outputs={"path": "t"}),
        dg.Definitions(
            resources=default_resources(tmp_path)
            | {"mlflow_registry": MlflowRegistry(tracking_uri=dg.EnvVar("THEIR_MLFLOW"))}
        ),
    )
    from dagster._core.remote_representation.external_data import RepositorySnap

    snapshot = dg.serialize_value(RepositorySnap.from_def(definitions.get_repository_def()))
    assert "THEIR_MLFLOW" in snapshot
    assert CANARY not in snapshot


def test_json_of_a_reference_is_all_there_is(registry, run, saved, iris):
    registry.add(saved)
    done = run(iris[0], job="inference")
    stored = json.loads((done.tables / "champion_model.json").read_text())
    assert set(stored) == {
        *("name", "version", "alias", "digest", "flavors", "run_id", "model_id", "source", "location", "tags"),
        "registered",
    }
