"""MLflow's artifacts on a real S3 server: pinned, fetched, verified; and what is told when they cannot be had."""

import sys
import traceback

import mlflow
import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from mlops_assets.errors import (
    ArtifactsMissingError,
    DigestMismatchError,
    MissingExtraError,
    RegistryError,
    RegistryUnreachableError,
)
from mlops_assets.models.cache import ModelCache
from mlops_assets.models.registry import Registry
from mlops_assets.models.trust import TRUSTED_TYPES, TrustPolicy
from mlops_assets_tests.object_store import KEY, REGION, SECRET


@pytest.fixture
def artifacts(bucket, monkeypatch):
    """The bucket, as MLflow's own client finds it."""
    monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", bucket.endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    _client_of_another_test()
    yield bucket
    _client_of_another_test()


def _client_of_another_test():
    """MLflow keeps one S3 client a process for some minutes, and its session the credentials for ever."""
    import boto3
    from mlflow.store.artifact import s3_artifact_repo

    s3_artifact_repo._cached_get_s3_client.cache_clear()  # noqa: SLF001 - MLflow's cache has no public way to clear it
    boto3.DEFAULT_SESSION = None


@pytest.fixture
def champion(artifacts, registry):
    """A version logged by a run whose experiment's artifacts lie in the bucket, and the model itself."""
    features, target = load_iris(return_X_y=True, as_frame=True)
    model = LogisticRegression(max_iter=500).fit(features, target)
    mlflow.set_tracking_uri(registry.uri)
    mlflow.set_registry_uri(registry.uri)
    experiment = registry.client.create_experiment("in-a-bucket", artifact_location=f"{artifacts.url}/mlflow artifacts")
    with mlflow.start_run(experiment_id=experiment):
        mlflow.sklearn.log_model(
            model,
            name="model",
            registered_model_name="m",
            serialization_format="skops",
            skops_trusted_types=sorted(TRUSTED_TYPES),
            input_example=features[:2],
            pip_requirements=["scikit-learn"],
        )
    registry.client.set_registered_model_alias("m", "Champion", "1")
    return model


@pytest.fixture
def cache(tmp_path):
    return ModelCache(tmp_path / "cache")


def opened(registry, **settings):
    return Registry(registry.uri, **{"timeout": 120, "retries": 0} | settings)


def keys_of_files(artifacts):
    return [key for key in artifacts.objects() if key.startswith("mlflow artifacts/")]


def test_pinned_fetched_and_verified(artifacts, champion, registry, cache, tmp_path):
    policy = TrustPolicy(allowed_sources=(f"{artifacts.url}/mlflow artifacts",))
    reference = opened(registry).pin("m", "Champion", cache, policy)
    assert (reference.version, reference.alias) == (1, "Champion")
    assert reference.location.startswith(f"{artifacts.url}/mlflow artifacts/")
    folder = opened(registry).fetch(reference, ModelCache(tmp_path / "another"))
    loaded = mlflow.sklearn.load_model(str(folder))
    np.testing.assert_array_equal(loaded.coef_, champion.coef_)


def test_predictions_are_the_models_own(champion, registry, run):
    features = load_iris(as_frame=True).data
    done = run(features.assign(key=range(150)), row_key=["key"], job="inference")
    assert done.success
    assert done.table("predictions")["prediction"].tolist() == champion.predict(features).tolist()


def test_files_that_were_replaced_in_the_bucket_are_refused(artifacts, champion, registry, cache, tmp_path):
    reference = opened(registry).pin("m", "Champion", cache)
    victim = next(key for key in keys_of_files(artifacts) if key.endswith("model.skops"))
    artifacts.client.put_object(Bucket=artifacts.name, Key=victim, Body=b"another model")
    with pytest.raises(DigestMismatchError, match="have changed since they were pinned"):
        opened(registry).fetch(reference, ModelCache(tmp_path / "another"))


def failure(action, expected):
    with pytest.raises(expected) as caught:
        action()
    assert type(caught.value) is expected
    trace = "".join(traceback.format_exception(caught.value))
    assert KEY not in trace
    assert SECRET not in trace
    return str(caught.value)


def test_files_that_are_gone(artifacts, champion, registry, cache):
    for key in keys_of_files(artifacts):
        artifacts.client.delete_object(Bucket=artifacts.name, Key=key)
    message = failure(lambda: opened(registry).pin("m", "Champion", cache), ArtifactsMissingError)
    assert artifacts.url in message


def test_one_file_that_is_gone(artifacts, champion, registry, cache):
    victim = next(key for key in keys_of_files(artifacts) if key.endswith("model.skops"))
    artifacts.client.delete_object(Bucket=artifacts.name, Key=victim)
    assert "model.skops" in failure(lambda: opened(registry).pin("m", "Champion", cache), ArtifactsMissingError)


def test_a_bucket_that_is_gone(artifacts, champion, registry, cache):
    for key in artifacts.objects():
        artifacts.client.delete_object(Bucket=artifacts.name, Key=key)
    artifacts.client.delete_bucket(Bucket=artifacts.name)
    message = failure(lambda: opened(registry).pin("m", "Champion", cache), ArtifactsMissingError)
    assert message.startswith("The bucket with the artifacts does not exist while downloading 'm' version 1 (s3://")


def test_access_denied(artifacts, champion, registry, cache):
    artifacts.deny("s3:GetObject", "s3:ListBucket")
    message = failure(lambda: opened(registry).pin("m", "Champion", cache), RegistryError)
    assert message.startswith("The artifact store refuses access while downloading 'm' version 1 (s3://")
    assert "AWS_ACCESS_KEY_ID" in message


def test_no_credentials(artifacts, champion, registry, cache, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    _client_of_another_test()
    message = failure(lambda: opened(registry).pin("m", "Champion", cache), RegistryError)
    assert message.startswith("The artifact store refuses access")


def test_an_endpoint_that_does_not_answer(champion, registry, cache, monkeypatch):
    monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", "http://127.0.0.1:9")
    _client_of_another_test()
    message = failure(lambda: opened(registry).pin("m", "Champion", cache), RegistryUnreachableError)
    assert message.startswith("The artifact store does not answer while downloading 'm' version 1 (s3://")
    assert "MLFLOW_S3_ENDPOINT_URL" in message


def test_the_missing_package_is_named_with_the_extra(champion, registry, cache, monkeypatch):
    _client_of_another_test()
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "boto3", None)
        message = failure(lambda: opened(registry).pin("m", "Champion", cache), MissingExtraError)
    assert 'Run: pip install "mlops-assets[s3]"' in message
