"""Give a model that lacks a signature one, without deserializing it and without touching what is registered.

The signature lives in the ``MLmodel`` file only. A logged model that no registered version uses is signed in place. A
registered version never changes: its files are copied to a logged model of their own, with the signature, and become a
new version. Everything goes through the client that is given; MLflow's global tracking and registry settings are
neither read nor set.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlparse

from mlops_assets.errors import SignatureError
from mlops_assets.models.artifact_address import ArtifactAddress
from mlops_assets.models.bounded_client import BoundedClient
from mlops_assets.models.logged_place import find_logged_model
from mlops_assets.models.mlmodel import ModelDescription
from mlops_assets.models.model_uri import (
    MODEL_URI_FORMS,
    AliasUri,
    LoggedModelUri,
    VersionUri,
    parse_model_uri,
)
from mlops_assets.models.registry import Registry

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.models import Model, ModelSignature


@dataclass(frozen=True)
class Signed:
    """What was signed.

    Attributes
    ----------
    model_id
        The logged model that now holds the signature.
    name, version
        The new registered version; None for a logged model that is not registered.
    previous
        The signature that was there before (only with `overwrite`).
    alias
        The alias that was moved to the new version, if one was.
    """

    model_id: str
    name: str | None
    version: int | None
    previous: "ModelSignature | None"
    alias: str | None

    @property
    def uri(self) -> str:
        """``models:/<name>/<version>``, or ``models:/m-<id>`` for a logged model."""
        if self.name is None or self.version is None:
            return str(LoggedModelUri(self.model_id))
        return str(VersionUri(self.name, self.version))


def sign_model(
    client: "MlflowClient",
    target: str | tuple[str, int],
    signature: "ModelSignature",
    *,
    overwrite: bool = False,
    move_alias: str | None = None,
) -> Signed:
    """Set `signature` on a logged model, or on a new version made from a registered one.

    Parameters
    ----------
    client
        Where the model is. What is asked of it is within the limits of its registry.
    target
        ``runs:/<run id>/<model name>`` or ``models:/m-<id>``: a logged model. ``models:/<name>/<version>``,
        ``models:/<name>@<alias>`` or (name, version): a registered version, of which a new version with files of its
        own is made; tags and description are copied.
    overwrite
        Replace a signature that is there already; otherwise that is an error.
    move_alias
        Alias of the registered model to point at the new version; none is moved by default.

    Raises
    ------
    SignatureError
        The model has a signature and `overwrite` is false; its signature is made by the type hints of its code; the
        logged model belongs to a registered version; `move_alias` is given for a logged model.
    RegistryError
        The target does not exist, or has no ``MLmodel`` file.
    """
    uri = VersionUri(*target) if isinstance(target, tuple) else parse_model_uri(target)
    if uri is None:
        raise SignatureError(f"{target!r} names no model", fix=f"Use {MODEL_URI_FORMS}")
    if move_alias is not None and not isinstance(uri, VersionUri | AliasUri):
        raise SignatureError(
            "A logged model has no alias", where=str(uri), fix="Leave move_alias out, or sign a registered version"
        )
    registry = _registry_of(client)
    # One operation a call: files are copied in between.
    if isinstance(uri, VersionUri | AliasUri):
        version = registry.version(uri.name, uri.version if isinstance(uri, VersionUri) else uri.alias)
        return _sign_version(registry, version, signature, overwrite, move_alias)
    with registry.translate_errors(f"looking for {uri}"):
        model = find_logged_model(registry.client, uri)
    return _sign_logged(registry, model, signature, overwrite)


def _sign_logged(registry: Registry, model: "LoggedModel", signature: "ModelSignature", overwrite: bool) -> Signed:
    where = str(LoggedModelUri(model.model_id))
    sources = (where, model.artifact_location)
    doing = f"signing {where}"
    with registry.translate_errors(doing):
        client = registry.client
        versions = [v for source in sources for v in client.search_model_versions(f"source_path = '{source}'")]
        place = ArtifactAddress.parse(model.artifact_location)
    if versions:
        users = ", ".join(sorted(f"{version.name} version {version.version}" for version in versions))
        raise SignatureError(
            f"The logged model's files are those of {users}, which signing in place would change",
            where=where,
            fix="Sign the registered version instead: that makes a new one",
        )
    with tempfile.TemporaryDirectory() as folder:
        mlmodel = registry.download_files(place, Path(folder), doing, part="MLmodel")
        description, previous = _unsigned(mlmodel.parent, overwrite, where)
        description.signature = signature
        description.save(str(mlmodel))
        registry.add_files(place, mlmodel, doing)
    return Signed(model.model_id, None, None, previous, None)


def _sign_version(
    registry: Registry, version: "ModelVersion", signature: "ModelSignature", overwrite: bool, alias: str | None
) -> Signed:
    where = str(VersionUri(version.name, int(version.version)))
    doing = f"signing {where}"
    client = registry.client
    with tempfile.TemporaryDirectory() as scratch, registry.translate_errors(doing):
        folder = registry.download(version, Path(scratch))
        description, previous = _unsigned(folder, overwrite, where)
        # Written by MLflow when it loads a registered version; it names the old one.
        (folder / "registered_model_meta").unlink(missing_ok=True)
        with _new_logged_model(client, version, description) as model:
            description.signature = signature
            description.model_id = model.model_id
            if description.artifact_path is not None:
                description.artifact_path = model.artifact_location
            description.save(str(folder / "MLmodel"))
            registry.add_files(ArtifactAddress.parse(model.artifact_location), folder, doing)
    # A store without a server resolves models:/m-<id>, and a model_id without run, through MLflow's global tracking URI
    # (a known gap of its SqlAlchemyStore); a server resolves them itself, and wants them.
    remote = urlparse(client.tracking_uri).scheme in ("http", "https", "databricks")
    with registry.translate_errors(doing):
        new_version = client.create_model_version(
            version.name,
            source=str(LoggedModelUri(model.model_id)) if remote else model.artifact_location,
            run_id=version.run_id or None,
            tags=dict(version.tags),
            description=version.description or None,
            model_id=model.model_id if remote else None,
        )
        if alias is not None:
            client.set_registered_model_alias(version.name, alias, str(new_version.version))
    return Signed(model.model_id, version.name, int(new_version.version), previous, alias)


@contextmanager
def _new_logged_model(client: "MlflowClient", version: "ModelVersion", description: "Model") -> "Iterator[LoggedModel]":
    """A logged model beside the one `version` was made from; ready if the block succeeds, else marked as failed."""
    from mlflow.exceptions import MlflowException

    source: LoggedModel | None = None
    if description.model_id is not None:
        try:
            source = client.get_logged_model(description.model_id)
        except MlflowException as error:
            # A version outlives the logged model that it was made from.
            if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                raise
    if source is not None:
        experiment = source.experiment_id
    elif version.run_id:
        experiment = client.get_run(version.run_id).info.experiment_id
    else:
        experiment = "0"
    model = client.create_logged_model(
        experiment_id=experiment,
        name=source.name if source is not None else version.name,
        source_run_id=version.run_id or None,
        params=dict(source.params) if source is not None and source.params else None,
        model_type=source.model_type if source is not None else None,
    )
    try:
        yield model
    except BaseException:
        client.finalize_logged_model(model.model_id, "FAILED")
        raise
    client.finalize_logged_model(model.model_id, "READY")


def _unsigned(folder: Path, overwrite: bool, where: str) -> "tuple[Model, ModelSignature | None]":
    """What the ``MLmodel`` file says, and the signature in it, which must not be there unless it may be replaced."""
    from mlflow.models import Model

    # What is registered anew is what was judged: MLflow would read the file in the encoding of the locale.
    description = Model.from_dict(ModelDescription.read(folder).content_to_register())
    previous: ModelSignature | None = description.signature
    if previous is None:
        return description, None
    if previous._is_signature_from_type_hint:  # noqa: SLF001 - MLflow 3.17 has no public way to ask
        raise SignatureError(
            "The model's signature is made by the type hints of its code, which check its input",
            where=where,
            fix="Change the type hints and log the model again",
        )
    if not overwrite:
        raise SignatureError("The model has a signature already", where=where, fix="Set overwrite to replace it")
    return description, previous


def _registry_of(client: "MlflowClient | BoundedClient") -> Registry:
    if isinstance(client, BoundedClient) and isinstance(client.registry, Registry):
        return client.registry
    return Registry(client.tracking_uri, client._registry_uri)  # noqa: SLF001 - MLflow 3.17 has no public way to ask
