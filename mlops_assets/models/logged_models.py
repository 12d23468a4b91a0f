"""Logged models: those that no registered version may name yet."""

import re
from pathlib import Path

from mlops_assets.errors import ArtifactsMissingError, ConfigurationError, ModelNotFoundError
from mlops_assets.models.cache import ModelCache
from mlops_assets.models.mlmodel import ModelDescription
from mlops_assets.models.reference import ModelReference
from mlops_assets.models.registry import Registry

_LOGGED = re.compile(r"^models:/(?P<model_id>m-[0-9a-f]{32})$")
_RUN = re.compile(r"^runs:/(?P<run_id>[^/]+)/(?P<name>.+)$")


def is_logged_model(target: str) -> bool:
    """Whether `target` names a logged model (``runs:/...``, ``models:/m-...``), and no registered version."""
    return bool(_LOGGED.match(target) or _RUN.match(target))


def pin_logged(registry: Registry, target: str, cache: ModelCache) -> ModelReference:
    """Fetch the files of a logged model into the cache; the reference has version 0 and the logged model's name.

    Raises
    ------
    ConfigurationError
        `target` names no logged model.
    ModelNotFoundError, ArtifactsMissingError
        There is none, or its files are gone.
    """
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    from mlops_assets.models.signing import model_of_run

    logged, run = _LOGGED.match(target), _RUN.match(target)
    if not logged and not run:
        raise ConfigurationError(
            f"{target!r} names no logged model", fix="Use runs:/<run id>/<model name> or models:/m-<id>"
        )
    try:
        if logged:
            model = registry.client.get_logged_model(logged["model_id"])
        elif run:
            model = model_of_run(registry.client, run["run_id"], run["name"])
    except MlflowException as error:
        raise ModelNotFoundError(f"There is no logged model {target}", where=registry.where) from error
    with cache.incoming() as folder:
        try:
            path = Path(
                download_artifacts(
                    artifact_uri=model.artifact_location, dst_path=str(folder), tracking_uri=registry.tracking_uri
                )
            )
        except (MlflowException, OSError) as error:
            raise ArtifactsMissingError(f"The files of {target} cannot be read", where=registry.where) from error
        description = ModelDescription.read(path)
        description.check_complete()
        digest = cache.adopt(path)
    return ModelReference(
        name=model.name,
        version=0,
        alias=None,
        digest=digest,
        flavors=tuple(sorted(description.flavors)),
        run_id=model.source_run_id,
        model_id=model.model_id,
        source=target,
    )
