"""A model as a person names it, pinned and loaded."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from mlops_assets.direct.registry import find_registry, work_folder
from mlops_assets.direct.settings import DirectSettings
from mlops_assets.errors import AliasNotFoundError, ConfigurationError
from mlops_assets.models.answers import answer_to_sign
from mlops_assets.models.artifact_address import ArtifactAddress
from mlops_assets.models.cache import ModelCache
from mlops_assets.models.fitted_columns import select_fitted_columns
from mlops_assets.models.loaded_model import LoadedModel
from mlops_assets.models.logged_models import pin_logged
from mlops_assets.models.mlmodel import ModelDescription
from mlops_assets.models.model_source import FlavorLoader, ModelSource
from mlops_assets.models.model_uri import (
    MODEL_URI_FORMS,
    AliasUri,
    LoggedModelUri,
    RunModelUri,
    VersionUri,
    parse_model_uri,
)
from mlops_assets.models.reference import ModelReference
from mlops_assets.models.registry import Registry
from mlops_assets.models.signature_of_version import signature_in_folder
from mlops_assets.models.skops_import import import_skops

DEFAULT_ALIAS = "Champion"
FORMS = f"churn, churn@Champion, churn/3, {MODEL_URI_FORMS}, or the folder of a saved model"
_VERSION = re.compile(r"(?P<name>[^/@:]+)/(?P<version>[0-9]{1,10})")
_ALIAS = re.compile(r"(?P<name>[^/@:]+)@(?P<alias>.+)")
_NAME = re.compile(r"[^/@:]+")

ModelAddress = VersionUri | AliasUri | LoggedModelUri | RunModelUri | Path


@dataclass(frozen=True)
class PinnedModel:
    """A model in memory, with the signature that its files record.

    Attributes
    ----------
    name
        The registered model's name; of others that of their folder or logged model.
    signature
        The signature's JSON; None: the model has none.
    """

    name: str
    model: LoadedModel
    signature: str | None


def parse_model(text: str) -> ModelAddress:
    """What `text` names; a name alone is its Champion.

    A path is one where there is an ``MLmodel`` file; a name alone is always a registered model.

    Raises
    ------
    ConfigurationError
        It names nothing.

    Examples
    --------
    >>> parse_model("churn"), parse_model("churn/3")
    (AliasUri(name='churn', alias='Champion'), VersionUri(name='churn', version=3))
    """
    # What no file can be called is none: pathlib raises for a user that is none, and for a name that is too long.
    written = unquote(re.split("[?#]", text)[0].removeprefix("file:").removeprefix("//"))
    path = Path(written if text.startswith("file:") else os.path.expanduser(text))  # noqa: PTH111
    is_path = text.startswith(("file:", ".", "~")) or "/" in text or path.is_absolute()
    if is_path and os.path.isfile(path / "MLmodel"):  # noqa: PTH113
        return path.absolute()
    if uri := parse_model_uri(text):
        return _checked(uri) if isinstance(uri, AliasUri) else uri
    if match := _VERSION.fullmatch(text):
        return VersionUri(match["name"], int(match["version"]))
    if match := _ALIAS.fullmatch(text):
        return _checked(AliasUri(match["name"], match["alias"]))
    if _NAME.fullmatch(text) and not text.startswith((".", "~")):
        return AliasUri(text, DEFAULT_ALIAS)
    if text and os.path.isdir(path):  # noqa: PTH112
        raise ConfigurationError(
            "The folder holds no model: it has no MLmodel file",
            where=str(path),
            fix="Name the folder that mlflow's save_model wrote",
        )
    name, _, alias = text.removeprefix("models:/").partition("/")
    if not text.startswith((".", "~")) and _NAME.fullmatch(name) and _NAME.fullmatch(alias):
        raise ConfigurationError(f"{text!r} names no model", fix=f"For the alias {alias!r}, write {name}@{alias}")
    raise ConfigurationError(f"{text!r} names no model", fix=f"Write {FORMS}")


def open_model(text: str, settings: DirectSettings) -> PinnedModel:
    """Pin the version, put its files before the trust policy, and load it, once per process.

    Raises
    ------
    ConfigurationError, RegistryError, TrustError, ModelLoadError
        In this order: it names no model, is not there, is not trusted, cannot be loaded.
    """
    address = parse_model(text)
    import_skops()
    cache = ModelCache(work_folder() / "cache" / "models")
    if isinstance(address, Path):
        registry = Registry(address.as_uri())
        reference = _pin_folder(registry, address, cache)
    else:
        registry = find_registry(settings.tracking_uri, settings.registry_uri)
        reference = _pin(address, registry, cache, settings)
    model = ModelSource(registry, cache.root, FlavorLoader(), settings.trust).load(reference)
    return PinnedModel(reference.name, model, _recorded_signature(registry.fetch(reference, cache)))


def make_signature(model: LoadedModel, sample: Callable[[], Any]) -> str:
    """The signature's JSON for a model that has none: from a sample of the inputs, as `InferSigner` makes it.

    Of the sample's columns those count that the model was fitted on, where it remembers them.

    Raises
    ------
    SignatureError
        The sample's columns have no types that MLflow knows.
    """
    from mlops_assets.signatures.infer.infer_signature import infer_signature
    from mlops_assets.signatures.mlflow.signature_json import signature_to_json

    inputs = select_fitted_columns(model, sample())
    return signature_to_json(infer_signature(inputs, answer_to_sign(model.predict(inputs), len(inputs))))


def _checked(uri: AliasUri) -> AliasUri:
    if uri.alias.isascii() and uri.alias.isdigit():
        raise ConfigurationError(f"{uri.alias!r} is not an alias", fix=f"For the version write {uri.name}/{uri.alias}")
    return uri


def _pin(
    address: VersionUri | AliasUri | LoggedModelUri | RunModelUri,
    registry: Registry,
    cache: ModelCache,
    settings: DirectSettings,
) -> ModelReference:
    if isinstance(address, VersionUri):
        return registry.pin(address.name, address.version, cache, settings.trust)
    if not isinstance(address, AliasUri):
        return pin_logged(registry, address, cache, settings.trust)
    try:
        return registry.pin(address.name, address.alias, cache, settings.trust)
    except AliasNotFoundError as error:
        latest = max((int(version) for version in registry.model(address.name).aliases.values()), default=1)
        raise AliasNotFoundError(
            error.what, where=error.where, fix=f"Name an alias that it has, or a version: {address.name}/{latest}"
        ) from error


def _pin_folder(registry: Registry, folder: Path, cache: ModelCache) -> ModelReference:
    """A saved model that is not registered: version 0."""
    with cache.open_download_folder() as scratch:
        files = registry.download_files(ArtifactAddress.parse(folder.as_uri()), scratch, f"copying {folder}")
        description = ModelDescription.read(files)
        description.check_complete()
        digest = cache.add_folder(files)
    return ModelReference(
        name=folder.name,
        version=0,
        alias=None,
        digest=digest,
        flavors=tuple(sorted(description.flavors)),
        run_id=None,
        model_id=description.model_id,
        source=folder.as_uri(),
    )


def _recorded_signature(folder: Path) -> str | None:
    from mlops_assets.signatures.mlflow.signature_json import signature_to_json

    signature = signature_in_folder(folder)
    return signature_to_json(signature) if signature is not None else None
