"""Logged models: those that no registered version may name yet."""

from pathlib import Path

from mlops_assets.errors import ModelNotFoundError
from mlops_assets.models.cache import ModelCache
from mlops_assets.models.mlmodel import ModelDescription
from mlops_assets.models.model_uri import LoggedUri
from mlops_assets.models.reference import ModelReference
from mlops_assets.models.registry import Registry
from mlops_assets.models.registry_errors import download_error, is_missing_resource, registry_error
from mlops_assets.redaction.errors import redact_chain


def pin_logged(registry: Registry, uri: LoggedUri, cache: ModelCache) -> ModelReference:
    """Fetch the files of a logged model into the cache; the reference has version 0 and the logged model's name.

    Raises
    ------
    ModelNotFoundError, ArtifactsMissingError
        There is none, or its files are gone.
    """
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    from mlops_assets.models.signing import find_logged_model

    try:
        model = find_logged_model(registry.client, uri)
    except MlflowException as error:
        if is_missing_resource(error):
            raise ModelNotFoundError(
                f"There is no logged model {uri}", where=registry.where, fix="List those there are in MLflow's UI"
            ) from redact_chain(error)
        raise registry_error(error, f"looking for {uri}", registry.where) from redact_chain(error)
    with cache.open_download_folder() as folder:
        try:
            path = Path(
                download_artifacts(
                    artifact_uri=model.artifact_location, dst_path=str(folder), tracking_uri=registry.tracking_uri
                )
            )
        except (MlflowException, OSError) as error:
            raise download_error(error, f"downloading {uri}", model.artifact_location) from redact_chain(error)
        description = ModelDescription.read(path)
        description.check_complete()
        digest = cache.add_folder(path)
    return ModelReference(
        name=model.name,
        version=0,
        alias=None,
        digest=digest,
        flavors=tuple(sorted(description.flavors)),
        run_id=model.source_run_id,
        model_id=model.model_id,
        source=str(uri),
    )
