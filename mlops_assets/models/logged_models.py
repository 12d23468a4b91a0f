"""Logged models: those that no registered version may name yet."""

from mlops_assets.errors import MlopsAssetsError, ModelNotFoundError
from mlops_assets.models.artifact_address import ArtifactAddress
from mlops_assets.models.cache import ModelCache
from mlops_assets.models.logged_place import find_logged_model
from mlops_assets.models.mlmodel import ModelDescription
from mlops_assets.models.model_uri import LoggedUri
from mlops_assets.models.reference import ModelReference
from mlops_assets.models.registry import Registry
from mlops_assets.models.registry_errors import is_missing_resource, registry_error
from mlops_assets.models.trust import TrustPolicy


def pin_logged(
    registry: Registry, uri: LoggedUri, cache: ModelCache, trust: TrustPolicy | None = None
) -> ModelReference:
    """Fetch the files of a logged model into the cache; the reference has version 0 and the logged model's name.

    Parameters
    ----------
    trust
        As for `Registry.pin`.

    Raises
    ------
    ModelNotFoundError, ArtifactsMissingError
        There is none, or its files are gone.
    TrustError
        They are where the policy does not want them.
    """
    doing = f"looking for {uri}"

    def explain(error: Exception) -> MlopsAssetsError:
        if is_missing_resource(error):
            return ModelNotFoundError(
                f"There is no logged model {uri}", where=registry.where, fix="List those there are in MLflow's UI"
            )
        return registry_error(error, doing, registry.where)

    with registry.translate_errors(doing, explain):
        model = find_logged_model(registry.client, uri)
        address = ArtifactAddress.parse(model.artifact_location)
    if trust is not None and trust.allowed_sources is not None:
        trust.check_place(str(address), str(uri))
    with cache.open_download_folder() as folder:
        places = (trust.allowed_sources or ()) if trust is not None else ()
        path = registry.download_files(address, folder, f"downloading {uri}", places=places)
        if trust is not None:
            trust.check_signed(path, str(uri))
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
        location=str(address),
    )
