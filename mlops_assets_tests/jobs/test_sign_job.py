"""`<model>_sign_job`: a signature for a model that lacks one, and never a change to what is registered."""

import mlflow.sklearn
import pytest
from mlflow.models import Model
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from mlops_assets.models.signature_of_version import signature_of_version


@pytest.fixture
def unsigned(registry):
    features, target = load_iris(return_X_y=True, as_frame=True)
    model = LogisticRegression(max_iter=500).fit(features, target)
    registry.add_sklearn(model, features, signature=None)
    return features, model


def sign(run, features, **config):
    return run(features, job="sign", config={"m__sign": {"config": config}})


def test_a_registered_version_becomes_a_new_one_and_stays_as_it_is(unsigned, registry, run):
    files = sorted((registry.folder / "models" / "0").rglob("*"))
    before = {path: path.read_bytes() for path in files if path.is_file()}
    done = sign(run, unsigned[0])
    assert done.success
    address = registry.resource.address()
    assert signature_of_version(address, "m", 1) is None
    assert {path: path.read_bytes() for path in before} == before
    signed = signature_of_version(address, "m", 2)
    assert signed.inputs.input_names() == list(unsigned[0].columns)
    assert registry.client.get_model_version_by_alias("m", "Champion").version == 1


def test_the_alias_moves_only_when_asked(unsigned, registry, run):
    assert sign(run, unsigned[0], move_alias="Champion").success
    assert registry.client.get_model_version_by_alias("m", "Champion").version == 2
    assert run(unsigned[0], job="inference").checks["champion_model", "has_signature"].passed


def test_a_signature_is_replaced_only_when_told_to(unsigned, registry, run):
    assert sign(run, unsigned[0], move_alias="Champion").success
    again = sign(run, unsigned[0])
    assert not again.success
    assert "has a signature already" in again.error()
    assert sign(run, unsigned[0], overwrite=True).success
    assert signature_of_version(registry.resource.address(), "m", 3) is not None


def test_a_logged_model_is_signed_in_place(unsigned, registry, run, tmp_path):
    features, model = unsigned
    saved = tmp_path / "saved"
    mlflow.sklearn.save_model(model, saved, pip_requirements=["scikit-learn"])
    experiment = registry.client.create_experiment("e", artifact_location=(tmp_path / "artifacts").as_uri())
    logged = registry.client.create_logged_model(experiment_id=experiment, name="iris")
    registry.client.log_model_artifacts(logged.model_id, str(saved))
    registry.client.finalize_logged_model(logged.model_id, "READY")
    done = sign(run, features, target=f"models:/{logged.model_id}")
    assert done.success
    place = registry.client.get_logged_model(logged.model_id).artifact_location.removeprefix("file://")
    assert Model.load(place).signature.inputs.input_names() == list(features.columns)


def test_a_wrong_target_is_named(unsigned, run):
    done = sign(run, unsigned[0], target="models:/m/Champion")
    assert not done.success
    assert "'models:/m/Champion' names no model" in done.error()
