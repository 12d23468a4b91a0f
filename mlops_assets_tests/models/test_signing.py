"""Setting a signature on a model that lacks one, in a real registry that is not MLflow's global one."""

import hashlib
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, Schema
from sklearn.linear_model import LinearRegression

from mlops_assets.errors import RegistryError, SignatureError
from mlops_assets.models.signing import sign_model

SIGNATURE = ModelSignature(Schema([ColSpec("double", "a")]), Schema([ColSpec("double", "prediction")]))
OTHER = ModelSignature(Schema([ColSpec("long", "a")]))


@pytest.fixture
def client(tmp_path, empty_database):
    database = tmp_path / "mlflow.db"
    database.write_bytes(empty_database.read_bytes())
    uri = f"sqlite:///{database}"
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


@pytest.fixture
def logged(client, tmp_path):
    """Log a linear model without signature in a run; a function of its name that gives (run id, logged model)."""
    saved = tmp_path / "saved"
    estimator = LinearRegression().fit([[1.0], [2.0]], [1.0, 2.0])
    mlflow.sklearn.save_model(estimator, saved, pip_requirements=["scikit-learn"])
    experiment = client.create_experiment("e", artifact_location=(tmp_path / "artifacts").as_uri())

    def log(name="linear", run_id=None, signature=None):
        run_id = run_id or client.create_run(experiment).info.run_id
        model = client.create_logged_model(experiment, name=name, source_run_id=run_id)
        description = Model.load(str(saved))
        description.model_id, description.run_id, description.signature = model.model_id, run_id, signature
        description.save(str(saved / "MLmodel"))
        client.log_model_artifacts(model.model_id, str(saved))
        return run_id, client.finalize_logged_model(model.model_id, "READY")

    return log


@pytest.fixture
def version(client, logged):
    """A registered version without signature, with an alias, a tag and a description."""
    run_id, model = logged()
    client.create_registered_model("m")
    version = client.create_model_version(
        "m", model.artifact_location, run_id=run_id, tags={"team": "blue"}, description="the first"
    )
    client.set_registered_model_alias("m", "Champion", "1")
    return version


def folder_of(client, number):
    return Path(client.get_model_version_download_uri("m", str(number)).removeprefix("file://"))


def read(model):
    """The MLmodel file of a logged model."""
    return Model.load(model.artifact_location.removeprefix("file://"))


def digest(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


@pytest.mark.parametrize("by_run", [True, False])
@pytest.mark.slow
def test_a_logged_model_is_signed_in_place(client, logged, by_run):
    run_id, model = logged()
    signed = sign_model(client, f"runs:/{run_id}/linear" if by_run else f"models:/{model.model_id}", SIGNATURE)
    assert signed.uri == f"models:/{model.model_id}"
    assert signed.previous is None
    folder = Path(model.artifact_location.removeprefix("file://"))
    assert Model.load(str(folder)).signature == SIGNATURE
    assert mlflow.pyfunc.load_model(str(folder)).predict(pd.DataFrame({"a": [3.0]})) == pytest.approx([3.0])


def test_the_last_model_of_a_name_in_a_run_is_meant(client, logged):
    run_id, first = logged()
    _, second = logged(run_id=run_id)
    assert sign_model(client, f"runs:/{run_id}/linear", SIGNATURE).model_id == second.model_id
    assert read(first).signature is None


@pytest.mark.parametrize("target", [("m", 1), "models:/m/1", "models:/m@Champion"])
def test_a_registered_version_becomes_a_new_one_with_files_of_its_own(client, version, target):
    before = digest(folder_of(client, 1))
    signed = sign_model(client, target, SIGNATURE)
    assert (signed.name, signed.version, signed.uri) == ("m", 2, "models:/m/2")
    assert digest(folder_of(client, 1)) == before
    new = folder_of(client, 2)
    assert new != folder_of(client, 1)
    description = Model.load(str(new))
    assert description.signature == SIGNATURE
    assert description.model_id == signed.model_id
    assert {name: value for name, value in digest(new).items() if name != "MLmodel"} == {
        name: value for name, value in before.items() if name != "MLmodel"
    }
    assert mlflow.pyfunc.load_model(str(new)).predict(pd.DataFrame({"a": [3.0]})) == pytest.approx([3.0])


def test_the_new_version_keeps_run_tags_and_description(client, version):
    sign_model(client, ("m", 1), SIGNATURE)
    new = client.get_model_version("m", "2")
    assert (new.run_id, new.tags, new.description) == (version.run_id, {"team": "blue"}, "the first")
    assert client.get_logged_model(Model.load(str(folder_of(client, 2))).model_id).status == "READY"


@pytest.mark.parametrize(("alias", "expected"), [(None, 1), ("Champion", 2)])
def test_an_alias_moves_only_when_asked(client, version, alias, expected):
    signed = sign_model(client, ("m", 1), SIGNATURE, move_alias=alias)
    assert signed.alias == alias
    assert int(client.get_model_version_by_alias("m", "Champion").version) == expected


def test_a_version_without_run_is_signed_too(client, logged):
    _, model = logged()
    client.create_registered_model("m")
    client.create_model_version("m", model.artifact_location)
    assert sign_model(client, ("m", 1), SIGNATURE).version == 2
    assert Model.load(str(folder_of(client, 2))).signature == SIGNATURE


def test_what_mlflow_wrote_about_the_old_version_is_left_behind(client, version):
    (folder_of(client, 1) / "registered_model_meta").write_text("model_name: m\nmodel_version: '1'\n")
    sign_model(client, ("m", 1), SIGNATURE)
    assert not (folder_of(client, 2) / "registered_model_meta").exists()


def test_a_signature_is_replaced_only_on_request(client, logged):
    _, model = logged(signature=OTHER)
    uri = f"models:/{model.model_id}"
    with pytest.raises(SignatureError, match="has a signature already"):
        sign_model(client, uri, SIGNATURE)
    assert read(model).signature == OTHER
    assert sign_model(client, uri, SIGNATURE, overwrite=True).previous == OTHER
    assert read(model).signature == SIGNATURE


def test_nothing_is_made_when_a_version_has_a_signature(client, version):
    sign_model(client, ("m", 1), SIGNATURE)
    with pytest.raises(SignatureError, match="has a signature already"):
        sign_model(client, ("m", 2), OTHER)
    assert len(client.search_model_versions("name = 'm'")) == 2


def test_a_logged_model_that_is_registered_is_not_changed(client, version):
    model_id = Model.load(str(folder_of(client, 1))).model_id
    with pytest.raises(SignatureError, match="are those of m version 1"):
        sign_model(client, f"models:/{model_id}", SIGNATURE)
    assert Model.load(str(folder_of(client, 1))).signature is None


def test_a_signature_from_type_hints_is_not_replaced(client, logged):
    _, model = logged(signature=OTHER)
    path = Path(model.artifact_location.removeprefix("file://")) / "MLmodel"
    path.write_text(path.read_text().replace("is_signature_from_type_hint: false", "is_signature_from_type_hint: true"))
    with pytest.raises(SignatureError, match="type hints"):
        sign_model(client, f"models:/{model.model_id}", SIGNATURE, overwrite=True)


def test_an_alias_cannot_be_moved_to_a_logged_model(client, logged):
    run_id, _ = logged()
    with pytest.raises(SignatureError, match="no alias"):
        sign_model(client, f"runs:/{run_id}/linear", SIGNATURE, move_alias="Champion")


def test_a_run_without_such_a_model(client, logged):
    run_id, _ = logged()
    with pytest.raises(RegistryError, match=r"logged no model 'other'.*linear"):
        sign_model(client, f"runs:/{run_id}/other", SIGNATURE)


@pytest.mark.parametrize("target", ["m", "models:/m/Champion", "models:/m", "s3://bucket/m"])
def test_a_target_of_another_form(client, target):
    with pytest.raises(SignatureError, match=r"names no model.*runs:/<run id>"):
        sign_model(client, target, SIGNATURE)


def test_missing_files_are_said(client, version):
    (folder_of(client, 1) / "MLmodel").unlink()
    with pytest.raises(RegistryError, match="no MLmodel file"):
        sign_model(client, ("m", 1), SIGNATURE)
