"""What goes on in the registry while a run is under way: real runs of the graph, disturbed in the middle."""

import multiprocessing
import shutil

import dagster as dg
import numpy as np
import pandas as pd
import pytest
from mlflow.models import infer_signature
from sklearn.linear_model import LogisticRegression

from mlops_assets.errors import DigestMismatchError, RegistryUnreachableError, VersionNotFoundError
from mlops_assets.models.registry import Registry
from mlops_assets.resources import retries
from mlops_assets.resources.registry import MlflowRegistry
from mlops_assets_tests.models.conftest import save_sklearn
from mlops_assets_tests.waiting import LONGEST_SECONDS


@pytest.fixture(scope="module")
def saved_versions(tmp_path_factory, iris):
    features, target = iris
    first = LogisticRegression(max_iter=500).fit(features, target)
    second = LogisticRegression().fit(features, np.where(np.arange(150) == 0, 1, 0))
    signature = infer_signature(features, pd.DataFrame({"prediction": target}))
    root = tmp_path_factory.mktemp("versions")
    return {model: save_sklearn(model, root / str(n), signature=signature) for n, model in enumerate((first, second))}


@pytest.fixture
def versions(registry, saved_versions):
    """Two versions that say different things: 1 is the champion, 2 always says 0."""
    for folder in saved_versions.values():
        registry.add(folder)
    registry.client.set_registered_model_alias("m", "Champion", "1")
    return tuple(saved_versions)


def in_another_process(work, *arguments) -> None:
    """Somebody else's client of the registry."""
    process = multiprocessing.get_context("spawn").Process(target=work, args=arguments)
    process.start()
    process.join(LONGEST_SECONDS)
    assert process.exitcode == 0


def _client(uri):
    from mlflow import MlflowClient

    return MlflowClient(uri, uri)


def move_alias(uri: str, version: int) -> None:
    _client(uri).set_registered_model_alias("m", "Champion", str(version))


def delete_version(uri: str, version: int) -> None:
    _client(uri).delete_model_version("m", str(version))


@pytest.fixture
def disturbed(run, iris):
    """`disturbed(act)`: a run in which `act` is done once the champion has been pinned, before anything is scored."""

    def execute(act, job="own", **settings):
        @dg.asset(key=["theirs", "inputs"], deps=[dg.AssetKey(["m", "champion_model"])])
        def inputs() -> pd.DataFrame:
            act()
            return iris[0]

        selection = dg.AssetSelection.assets("m/predictions").upstream().required_multi_asset_neighbors()
        own = dg.Definitions(assets=[inputs], jobs=[dg.define_asset_job("m_own_job", selection=selection)])
        return run({"asset": "theirs/inputs"}, extra=own, job=job, **settings)

    return execute


def test_the_alias_moves(disturbed, registry, versions, iris):
    done = disturbed(lambda: in_another_process(move_alias, registry.uri, 2))
    assert done.success
    assert done.table("predictions")["model_version"].unique().tolist() == [1]
    np.testing.assert_array_equal(done.table("predictions")["prediction"], versions[0].predict(iris[0]))
    # The next run follows it.
    after = disturbed(lambda: None)
    assert after.table("predictions")["model_version"].unique().tolist() == [2]
    np.testing.assert_array_equal(after.table("predictions")["prediction"], versions[1].predict(iris[0]))


def test_the_version_is_deleted(disturbed, registry, versions, iris):
    done = disturbed(lambda: delete_version(registry.uri, 1))
    assert done.success
    np.testing.assert_array_equal(done.table("predictions")["prediction"], versions[0].predict(iris[0]))


def forget(registry) -> None:
    """Another machine, or a cache that was cleaned: the pinned files have to come from the registry again."""
    from mlops_assets.models.load import LOADED_MODELS

    LOADED_MODELS.clear()
    for entry in registry.resource.cache.root.iterdir():
        if len(entry.name) == 64:
            shutil.rmtree(entry)


def test_the_version_is_deleted_and_the_cache_is_empty(disturbed, registry, versions):
    def act():
        delete_version(registry.uri, 1)
        forget(registry)

    done = disturbed(act)
    assert not done.success
    assert VersionNotFoundError.__name__ in done.error()
    assert "'m' has no version 1" in done.error()
    assert not (done.tables / "predictions.parquet").exists()
    assert not any(event.is_step_up_for_retry for event in done.result.all_events)


def test_files_are_replaced_under_the_same_version(disturbed, registry, versions):
    def act():
        shutil.copy(registry.folder / "models/1/model.skops", registry.folder / "models/0/model.skops")
        forget(registry)

    done = disturbed(act)
    assert not done.success
    assert DigestMismatchError.__name__ in done.error()
    assert "have changed since they were pinned" in done.error()
    assert not (done.tables / "predictions.parquet").exists()


def test_files_are_replaced_and_the_cache_is_not_empty(disturbed, registry, versions, iris):
    """The run goes on with what was pinned."""

    def act():
        shutil.copy(registry.folder / "models/1/model.skops", registry.folder / "models/0/model.skops")

    done = disturbed(act)
    assert done.success
    np.testing.assert_array_equal(done.table("predictions")["prediction"], versions[0].predict(iris[0]))


def test_the_cache_is_tampered_with(disturbed, registry, versions):
    def act():
        from mlops_assets.models.load import LOADED_MODELS

        LOADED_MODELS.clear()
        entry = next(path for path in registry.resource.cache.root.iterdir() if len(path.name) == 64)
        shutil.copy(registry.folder / "models/1/model.skops", entry / "model.skops")

    done = disturbed(act)
    assert not done.success
    assert "cached model's files have changed" in done.error()
    assert not (done.tables / "predictions.parquet").exists()


def test_the_registry_goes_away(disturbed, registry, versions, iris):
    """Its database and all its files: the cache has what was pinned."""

    def act():
        shutil.rmtree(registry.folder / "models")
        (registry.folder / "mlflow.db").unlink()

    done = disturbed(act)
    assert done.success
    np.testing.assert_array_equal(done.table("predictions")["prediction"], versions[0].predict(iris[0]))


# --- what is tried again ---


def outage(monkeypatch, failures: int):
    """The registry does not answer the first `failures` times that it is asked for a version."""
    asked, real = [], Registry.version

    def version(self, *arguments):
        asked.append(arguments)
        if len(asked) <= failures:
            raise RegistryUnreachableError("The MLflow registry does not answer")
        return real(self, *arguments)

    monkeypatch.setattr(Registry, "version", version)
    monkeypatch.setattr(retries, "SECONDS_TO_WAIT", 0.01)
    return asked


@pytest.mark.parametrize("failures", [1, 2])
def test_an_outage_is_waited_for(failures, run, registry, versions, iris, monkeypatch):
    asked = outage(monkeypatch, failures)
    done = run(iris[0], job="inference")
    assert done.success
    assert len(asked) == failures + 1
    retried = [event.step_key for event in done.result.all_events if event.is_step_up_for_retry]
    assert retried == ["m__champion_model"] * failures


def test_an_outage_that_lasts_fails_with_its_own_error(run, registry, versions, iris, monkeypatch):
    asked = outage(monkeypatch, 99)
    done = run(iris[0], job="inference")
    assert not done.success
    assert len(asked) == 1 + retries.MOST_RETRIES
    assert done.error().startswith("mlops_assets.errors.RegistryUnreachableError: The MLflow registry does not answer")


def test_only_an_outage_is_waited_for(run, registry, versions, iris, monkeypatch):
    monkeypatch.setattr(retries, "SECONDS_TO_WAIT", 60)
    done = run(iris[0], job="inference", alias_or_version="Challenger")
    assert not done.success
    assert "AliasNotFoundError" in done.error()
    assert not any(event.is_step_up_for_retry for event in done.result.all_events)


def test_an_outage_between_pin_and_fetch_is_waited_for(disturbed, registry, versions, iris, monkeypatch):
    """A step on another machine, whose cache is empty, asks the registry again."""
    pending = []

    def act():
        forget(registry)
        if not pending:
            pending.append(outage(monkeypatch, 2))

    done = disturbed(act)
    assert done.success
    assert len(pending[0]) == 3
    retried = {event.step_key for event in done.result.all_events if event.is_step_up_for_retry}
    assert retried
    assert "m__champion_model" not in retried


def test_a_model_can_be_read_outside_of_a_run(registry, run, versions, iris, tmp_path):
    from mlops_assets.models.loaded_model import LoadedModel

    done = run(iris[0], job="inference")
    registry.resource = MlflowRegistry(tracking_uri=registry.uri, state=str(registry.folder / "state"))
    loaded = done.definitions.load_asset_value(dg.AssetKey(["m", "champion_model"]), python_type=LoadedModel)
    np.testing.assert_array_equal(loaded.predict(iris[0]), versions[0].predict(iris[0]))
