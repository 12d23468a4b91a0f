"""Resolving, pinning and fetching, against a real MLflow registry in SQLite."""

import json
import pickle
import shutil
import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import mlflow
import mlflow.sklearn
import pytest
from sklearn.linear_model import LogisticRegression

from mlops_assets.errors import (
    AliasNotFoundError,
    ArtifactsMissingError,
    ConfigurationError,
    DigestMismatchError,
    MissingExtraError,
    ModelNotFoundError,
    RegistryError,
    RegistryUnreachableError,
    TrustError,
    VersionNotFoundError,
)
from mlops_assets.models.digest import compute_digest
from mlops_assets.models.reference import ModelReference
from mlops_assets.models.registry import Registry, check_alias_or_version
from mlops_assets_tests.models.conftest import save_sklearn
from mlops_assets_tests.waiting import watch_patience


def place(registry, number=0) -> Path:
    """Where the registry's own files of a version lie."""
    return registry.folder / "models" / str(number)


def test_an_alias_is_resolved_to_a_version_and_its_files(registry, asked, cache, saved):
    registry.add(saved)
    registry.add(saved)
    registry.client.set_registered_model_alias("m", "Champion", "1")
    pinned = asked.pin("m", "Champion", cache)
    assert pinned == ModelReference(
        name="m",
        version=1,
        alias="Champion",
        digest=compute_digest(saved),
        flavors=("python_function", "sklearn"),
        run_id=None,
        model_id=None,
        source=place(registry).as_uri(),
        location=place(registry).as_uri(),
        tags=(),
        registered=registry.client.get_model_version("m", "1").creation_timestamp,
    )
    assert pinned.uri == "models:/m/1"


def test_a_number_is_a_version(registry, asked, cache, saved):
    registry.add(saved)
    registry.add(saved)
    pinned = asked.pin("m", 1, cache)
    assert (pinned.version, pinned.alias) == (1, None)


def test_an_alias_of_digits_is_refused_with_the_reason(registry, asked, cache, saved):
    registry.add(saved, alias="1")
    for written in ("1", " 2 ", "٣"):
        with pytest.raises(ConfigurationError, match=r"MLflow allows an alias of that name.*without quotes"):
            asked.pin("m", written, cache)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        *(("", "is empty"), ("  ", "is empty"), (0, "not a model version"), (-1, "not a model version")),
        *((True, "is a bool"), (1.0, "is a float"), (None, "is a NoneType")),
    ],
)
def test_what_is_neither_is_refused(wrong, reason):
    with pytest.raises(ConfigurationError, match=reason):
        check_alias_or_version(wrong)


@pytest.mark.parametrize("name", ["Champion", "champion", "日本", "v-1", "a_b", "1a"])
def test_other_aliases_are_aliases(name):
    check_alias_or_version(name)


@pytest.mark.slow
def test_a_model_logged_the_ordinary_way(registry, asked, cache, iris, monkeypatch):
    """`log_model(registered_model_name=...)`: the version's source is a logged model, ``models:/m-...``."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registry.uri)
    mlflow.set_tracking_uri(registry.uri)
    mlflow.set_registry_uri(registry.uri)
    try:
        experiment = mlflow.create_experiment("e", artifact_location=(registry.folder / "artifacts").as_uri())
        with mlflow.start_run(experiment_id=experiment) as run:
            model = LogisticRegression(max_iter=500).fit(*iris)
            info = mlflow.sklearn.log_model(
                model, name="flower", registered_model_name="logged", pip_requirements=["scikit-learn"]
            )
    finally:
        mlflow.set_tracking_uri(None)
        mlflow.set_registry_uri(None)
    pinned = asked.pin("logged", 1, cache)
    assert (pinned.source, pinned.model_id) == (info.model_uri, info.model_id)
    assert pinned.source.startswith("models:/m-")
    assert pinned.run_id == run.info.run_id
    assert pinned.location.startswith((registry.folder / "artifacts").as_uri())
    assert (cache.root / pinned.digest / "model.skops").is_file()


def test_pinning_twice_is_one_cached_folder_and_no_temporary_file(registry, asked, cache, saved, tmp_path, monkeypatch):
    scratch = tmp_path / "TMPDIR"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    monkeypatch.setenv("TMPDIR", str(scratch))
    registry.add(saved)
    first, second = asked.pin("m", "Champion", cache), asked.pin("m", "Champion", cache)
    assert first == second
    assert asked.fetch(first, cache) == cache.root / first.digest
    assert sorted(path.name for path in cache.root.iterdir()) == sorted([first.digest, "incoming"])
    assert list((cache.root / "incoming").iterdir()) == []
    assert list(scratch.iterdir()) == []


def test_two_versions_with_the_same_files_share_a_folder(registry, asked, cache, saved):
    registry.add(saved)
    registry.add(saved)
    assert asked.pin("m", 1, cache).digest == asked.pin("m", 2, cache).digest
    assert len([path for path in cache.root.iterdir() if len(path.name) == 64]) == 1


def test_the_registrys_own_files_are_not_touched(registry, asked, cache, saved):
    registry.add(saved)
    before = {path: path.stat().st_mtime_ns for path in place(registry).rglob("*")}
    asked.fetch(asked.pin("m", 1, cache), cache)
    assert {path: path.stat().st_mtime_ns for path in place(registry).rglob("*")} == before


def test_files_are_fetched_again_when_the_cache_has_them_not(registry, asked, cache, saved):
    registry.add(saved)
    pinned = asked.pin("m", 1, cache)
    shutil.rmtree(cache.root)
    assert compute_digest(asked.fetch(pinned, cache)) == pinned.digest


def test_files_replaced_under_the_same_version_are_noticed(registry, asked, cache, saved):
    registry.add(saved)
    pinned = asked.pin("m", 1, cache)
    (place(registry) / "model.skops").write_bytes(b"other weights")
    assert asked.fetch(pinned, cache) == cache.root / pinned.digest  # the pinned ones are still here
    shutil.rmtree(cache.root)
    with pytest.raises(
        DigestMismatchError, match=r"files of models:/m/1 have changed since they were pinned"
    ) as caught:
        asked.fetch(pinned, cache)
    assert pinned.digest[:12] in str(caught.value)
    assert [path.name for path in cache.root.iterdir()] == ["incoming"]  # and were not taken in


def test_pinning_again_sees_replaced_files(registry, asked, cache, saved):
    registry.add(saved)
    before = asked.pin("m", 1, cache)
    (place(registry) / "extra.txt").write_text("new")
    assert asked.pin("m", 1, cache).digest != before.digest


# --- what is not there: each with an error of its own ---


def test_no_such_model(registry, asked, cache, saved):
    registry.add(saved, name="churn")
    with pytest.raises(ModelNotFoundError, match=r"no registered model 'chrun' \(did you mean 'churn'\?\)") as caught:
        asked.pin("chrun", "Champion", cache)
    assert "registered are: 'churn'" in str(caught.value)
    assert "sqlite:///" in str(caught.value)
    with pytest.raises(ModelNotFoundError):
        asked.pin("chrun", 1, cache)
    with pytest.raises(ModelNotFoundError, match=r"chrun"):
        asked.model("chrun")


def test_no_model_at_all(asked, cache):
    with pytest.raises(ModelNotFoundError, match=r"registered are: none at all"):
        asked.pin("m", "Champion", cache)


def test_no_such_alias(registry, asked, cache, saved):
    registry.add(saved)
    with pytest.raises(
        AliasNotFoundError, match=r"no alias 'champion' \(did you mean 'Champion'\?\); it has: Champion -> 1"
    ):
        asked.pin("m", "champion", cache)


def test_no_such_version(registry, asked, cache, saved):
    registry.add(saved)
    with pytest.raises(VersionNotFoundError, match=r"'m' has no version 7; its aliases are: Champion -> 1"):
        asked.pin("m", 7, cache)


def test_a_deleted_version_is_no_such_version(registry, asked, cache, saved):
    registry.add(saved)
    registry.client.delete_model_version("m", "1")
    with pytest.raises(VersionNotFoundError):
        asked.pin("m", 1, cache)
    with pytest.raises(AliasNotFoundError, match=r"it has: none"):
        asked.pin("m", "Champion", cache)


def test_artifacts_missing(registry, asked, cache, saved):
    registry.add(saved)
    shutil.rmtree(place(registry))
    with pytest.raises(ArtifactsMissingError, match=r"Artifacts are missing.*Restore the artifacts") as caught:
        asked.pin("m", 1, cache)
    assert place(registry).as_uri() in str(caught.value)


def test_only_the_mlmodel_missing(registry, asked, cache, saved):
    registry.add(saved)
    (place(registry) / "MLmodel").unlink()
    with pytest.raises(ArtifactsMissingError, match=r"no MLmodel file"):
        asked.pin("m", 1, cache)


def test_files_that_the_flavor_names_missing(registry, asked, cache, saved):
    registry.add(saved)
    (place(registry) / "model.skops").unlink()
    with pytest.raises(ArtifactsMissingError, match=r"lacks files that its flavor names: 'model.skops'"):
        asked.pin("m", 1, cache)


def test_an_artifact_that_cannot_be_read(registry, asked, cache, saved):
    registry.add(saved)
    (place(registry) / "model.skops").unlink()
    (place(registry) / "model.skops").symlink_to("gone.skops")
    with pytest.raises((ArtifactsMissingError, TrustError)):
        asked.pin("m", 1, cache)


def test_only_the_description_is_fetched(registry, asked, saved, tmp_path):
    registry.add(saved)
    (tmp_path / "into").mkdir()
    folder = asked.fetch_description(asked.version("m", 1), tmp_path / "into")
    assert [path.name for path in folder.iterdir()] == ["MLmodel"]
    (place(registry) / "MLmodel").unlink()
    with pytest.raises(ArtifactsMissingError):
        asked.fetch_description(asked.version("m", 1), tmp_path / "into")


# --- databases and addresses that are none ---


def test_a_database_that_cannot_be_opened_is_tried_once(tmp_path, monkeypatch):
    """MLflow alone tries ten times, and sleeps for a hundred seconds in between."""
    patience = watch_patience(monkeypatch)
    with pytest.raises(RegistryUnreachableError, match=r"does not answer"):
        Registry(f"sqlite:///{tmp_path}").model("m")
    assert patience.slept == []


def test_a_mistyped_folder_makes_no_empty_registry(tmp_path):
    with pytest.raises(RegistryUnreachableError):
        Registry(f"sqlite:///{tmp_path}/no/such/folder/mlflow.db").model("m")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database(tmp_path):
    (tmp_path / "mlflow.db").write_text("not a database, " * 100)
    with pytest.raises(RegistryError, match=r"refused: \w+Error"):
        Registry(f"sqlite:///{tmp_path}/mlflow.db").model("m")


def test_an_address_that_mlflow_does_not_know():
    with pytest.raises(RegistryError, match=r"not an address of a registry.*http"):
        Registry("carrier-pigeon://host").model("m")


def test_a_driver_that_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg2", None)
    with pytest.raises(MissingExtraError, match=r"'psycopg2' is needed and not installed.*pip install psycopg2-binary"):
        Registry("postgresql+psycopg2://host/db").model("m")


def test_a_database_of_another_mlflow(empty_database, tmp_path):
    shutil.copy(empty_database, tmp_path / "other.db")
    with closing(sqlite3.connect(tmp_path / "other.db")) as database:
        database.execute("UPDATE alembic_version SET version_num = '0123456789ab'")
        database.commit()
    with pytest.raises(RegistryError, match=r"belongs to another version of MLflow.*db upgrade"):
        Registry(f"sqlite:///{tmp_path}/other.db").model("m")


# --- the reference ---


def test_a_reference_survives_its_json():
    reference = ModelReference(
        "m", 3, "Champion", "a" * 64, ("python_function", "sklearn"), "r", "m-1", "s", "l", (("a", "1"), ("b", "2"))
    )
    assert ModelReference.from_json(reference.to_json()) == reference
    assert json.loads(reference.to_json())["tags"] == {"a": "1", "b": "2"}
    assert hash(reference) == hash(ModelReference.from_json(reference.to_json()))


def test_a_reference_from_before_tags_is_still_read():
    old = json.loads(ModelReference("m", 3, None, "a" * 64, ("sklearn",), None, None, "s").to_json())
    del old["tags"], old["location"]
    assert ModelReference.from_json(json.dumps(old)) == ModelReference(
        "m", 3, None, "a" * 64, ("sklearn",), None, None, "s"
    )


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"flavors": 3}', "null", '{"flavors": [], "surprise": 1}'])
def test_what_is_no_reference_is_refused(text):
    with pytest.raises(RegistryError, match=r"Materialize champion_model again"):
        ModelReference.from_json(text)


def test_saving_is_quick_and_skops(saved_once, tmp_path, iris):
    """The premise of this folder's tests."""
    save_sklearn(LogisticRegression(max_iter=500).fit(*iris), tmp_path / "again")
    assert (tmp_path / "again" / "model.skops").is_file()


def test_a_pickled_registry_connects_by_itself(registry):
    address = Registry(registry.uri, timeout=3)
    address.client  # noqa: B018 - connected
    again = pickle.loads(pickle.dumps(address))
    assert (again.where, again.timeout) == (address.where, 3)
    assert list(again.client.search_registered_models()) == []
