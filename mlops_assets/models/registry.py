"""Ask an MLflow registry for a version, once, and fetch its files. An explicit client, no global state."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, NoReturn

from mlops_assets.errors import (
    AliasNotFoundError,
    ArtifactsMissingError,
    ConfigurationError,
    DigestMismatchError,
    MlopsAssetsError,
    ModelNotFoundError,
    RegistryError,
    RegistryUnreachableError,
    VersionNotFoundError,
    did_you_mean,
)
from mlops_assets.models.cache import ModelCache
from mlops_assets.models.mlmodel import ModelDescription
from mlops_assets.models.reference import ModelReference

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion, RegisteredModel
    from mlflow.exceptions import MlflowException

_ENVIRONMENT_LOCK = RLock()


def check_alias_or_version(alias_or_version: str | int) -> None:
    """An integer is a version, a string is an alias; a string of digits is refused.

    MLflow allows an alias called ``"1"``, so such a string could silently mean either.

    Raises
    ------
    ConfigurationError
        A digit string, an empty string, a version below 1, or another type.
    """
    if isinstance(alias_or_version, bool) or not isinstance(alias_or_version, str | int):
        raise ConfigurationError(
            f"alias_or_version is a {type(alias_or_version).__name__}",
            fix="Give an alias as text (Champion) or a version as a number (3)",
        )
    if isinstance(alias_or_version, int):
        if alias_or_version < 1:
            raise ConfigurationError(f"{alias_or_version} is not a model version", fix="Versions start at 1")
    elif not alias_or_version.strip():
        raise ConfigurationError("alias_or_version is empty", fix="Give an alias (Champion) or a version (3)")
    elif alias_or_version.strip().isdigit():
        raise ConfigurationError(
            f"alias_or_version is the text {alias_or_version!r}, and MLflow allows an alias of that name",
            fix=f"Write the number {alias_or_version} without quotes for the version, or use an alias that is a word",
        )


class Registry:
    """Read access to one MLflow registry.

    Parameters
    ----------
    tracking_uri, registry_uri
        As MLflow takes them; the registry defaults to the tracking server.
    timeout
        Seconds that one HTTP request may take.
    retries
        How often a failed request is repeated. MLflow's own default (7, with backoff) blocks for four minutes.
    """

    def __init__(self, tracking_uri: str, registry_uri: str | None = None, timeout: int = 10, retries: int = 1) -> None:
        self.tracking_uri = tracking_uri
        self.registry_uri = registry_uri or tracking_uri
        self.timeout, self.retries = timeout, retries
        self._client: MlflowClient | None = None

    @property
    def client(self) -> "MlflowClient":
        """The client, made on first use."""
        if self._client is None:
            from mlflow import MlflowClient

            with self._talking(f"opening {self.where}"):
                self._client = MlflowClient(tracking_uri=self.tracking_uri, registry_uri=self.registry_uri)
        return self._client

    @property
    def where(self) -> str:
        """The registry's address without user and password."""
        scheme, separator, rest = self.registry_uri.partition("://")
        if not separator:
            return self.registry_uri
        authority, slash, path = rest.partition("/")
        return f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}"

    def model(self, name: str) -> "RegisteredModel":
        """The registered model with its aliases."""
        with self._talking(f"looking for model {name!r}", missing=ModelNotFoundError, name=name):
            return self.client.get_registered_model(name)

    def version(self, name: str, alias_or_version: str | int) -> "ModelVersion":
        """Resolve an alias or a version number to a concrete version: one registry call when all is well.

        Raises
        ------
        ConfigurationError
            See `check_alias_or_version`.
        RegistryUnreachableError, ModelNotFoundError, AliasNotFoundError, VersionNotFoundError
            Each says what was looked for, where, and what is there instead.
        """
        check_alias_or_version(alias_or_version)
        if isinstance(alias_or_version, int):
            with self._talking(f"looking for {name!r} version {alias_or_version}", VersionNotFoundError, name):
                return self.client.get_model_version(name, str(alias_or_version))
        with self._talking(f"looking for {name!r} alias {alias_or_version!r}", AliasNotFoundError, name):
            return self.client.get_model_version_by_alias(name, alias_or_version)

    def pin(self, name: str, alias_or_version: str | int, cache: ModelCache) -> ModelReference:
        """Resolve, download into the cache, digest. The files are fetched anew: registered files can be overwritten.

        Raises
        ------
        ArtifactsMissingError
            The files are gone, or the ``MLmodel`` names files that are not there.
        """
        version = self.version(name, alias_or_version)
        with cache.incoming() as folder:
            model_folder = self._download(version, folder)
            description = ModelDescription.read(model_folder)
            description.check_complete()
            digest = cache.adopt(model_folder)
        return ModelReference(
            name=name,
            version=int(version.version),
            alias=alias_or_version if isinstance(alias_or_version, str) else None,
            digest=digest,
            flavors=tuple(sorted(description.flavors)),
            run_id=version.run_id or None,
            model_id=description.model_id,
            source=str(version.source),
        )

    def fetch(self, reference: ModelReference, cache: ModelCache) -> Path:
        """The pinned files, from the cache if they are there, else from the registry; always the pinned digest.

        Raises
        ------
        DigestMismatchError
            The registry's files for this version are no longer the pinned ones.
        """
        cached = cache.verified(reference.digest)
        if cached is not None:
            return cached
        with cache.incoming() as folder:
            digest = cache.adopt(self._download(self.version(reference.name, reference.version), folder))
        if digest != reference.digest:
            raise DigestMismatchError(
                f"The files of {reference.uri} have changed since they were pinned: digest {digest[:12]} instead of "
                f"{reference.digest[:12]}",
                where=self.where,
                fix="Materialize champion_model again if the change was meant, else find out who replaced the files",
            )
        return cache.root / digest

    def fetch_description(self, version: "ModelVersion", folder: Path) -> Path:
        """Only the ``MLmodel`` of a version, into `folder`, which is returned."""
        return self._download(version, folder, "MLmodel").parent

    def _download(self, version: "ModelVersion", folder: Path, part: str = "") -> Path:
        name, number = version.name, str(version.version)
        with self._talking(f"downloading {name!r} version {number}", ArtifactsMissingError, name):
            from mlflow.artifacts import download_artifacts

            # `models:/` URIs would go through MLflow's global registry setting; the resolved place does not.
            uri = self.client.get_model_version_download_uri(name, number)
            try:
                path = Path(
                    download_artifacts(
                        artifact_uri=f"{uri.rstrip('/')}/{part}" if part else uri,
                        dst_path=str(folder),
                        tracking_uri=self.tracking_uri,
                    )
                )
            except OSError as error:
                raise ArtifactsMissingError(
                    f"The files of model {name!r} version {number} cannot be read ({type(error).__name__})",
                    where=uri,
                    fix="Restore the artifacts, or register the model again and move the alias",
                ) from error
        if not (path if part else path / "MLmodel").is_file():
            raise ArtifactsMissingError(
                f"Model {name!r} version {number} has no MLmodel file",
                where=uri,
                fix="Restore the artifacts, or register the model again and move the alias",
            )
        return path

    @contextmanager
    def _talking(
        self, doing: str, missing: type[MlopsAssetsError] | None = None, name: str | None = None
    ) -> Iterator[None]:
        """Bound MLflow's retries for the calls inside, and turn its errors into ours."""
        settings = {
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": str(self.retries),
            "MLFLOW_HTTP_REQUEST_TIMEOUT": str(self.timeout),
            "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        }
        from mlflow.exceptions import MlflowException

        with _environment(settings):
            try:
                yield
            except MlflowException as error:
                self._translate(error, doing, missing, name)

    def _translate(
        self, error: "MlflowException", doing: str, missing: type[MlopsAssetsError] | None, name: str | None
    ) -> NoReturn:
        text = str(error)
        not_found = error.error_code == "RESOURCE_DOES_NOT_EXIST" or (
            error.error_code == "INVALID_PARAMETER_VALUE" and "alias" in text and "not found" in text
        )
        if missing is ArtifactsMissingError and (not_found or "No such" in text or "does not exist" in text):
            raise ArtifactsMissingError(
                f"Artifacts are missing while {doing}",
                where=self.where,
                fix="Restore the artifacts, or register the model again and move the alias",
            ) from error
        if not_found and missing is not None and name is not None:
            self._missing(missing, doing, name, error)
        if "API request" in text or error.get_http_status_code() in (429, 502, 503, 504) or "OperationalError" in text:
            raise RegistryUnreachableError(
                f"The MLflow registry does not answer while {doing}",
                where=self.where,
                fix="Check that the server runs and that MLFLOW_TRACKING_URI and MLFLOW_REGISTRY_URI are right",
            ) from error
        raise RegistryError(
            f"The MLflow registry refused: {error.error_code}, while {doing}",
            where=self.where,
            fix="See the cause below for MLflow's own words",
        ) from error

    def _missing(self, missing: type[MlopsAssetsError], doing: str, name: str, error: Exception) -> NoReturn:
        from mlflow.exceptions import MlflowException

        try:
            model = self.client.get_registered_model(name)
        except MlflowException:
            known = [found.name for found in self.client.search_registered_models(max_results=100)]
            listing = ", ".join(sorted(known)[:10]) or "none at all"
            raise ModelNotFoundError(
                f"There is no registered model {name!r}{did_you_mean(name, known)}",
                where=self.where,
                fix=f"Register it, or correct `model:`; registered are: {listing}",
            ) from error
        aliases: Mapping[str, str] = model.aliases
        listing = ", ".join(f"{alias} -> {version}" for alias, version in sorted(aliases.items())) or "none"
        if missing is AliasNotFoundError:
            raise AliasNotFoundError(
                f"Nothing found while {doing}: the model has these aliases: {listing} (they are case-sensitive)",
                where=self.where,
                fix=f"Set the alias in MLflow's UI or with client.set_registered_model_alias({name!r}, alias, version)",
            ) from error
        raise missing(
            f"Nothing found while {doing}: the model's aliases are: {listing}",
            where=self.where,
            fix="Choose a version that exists (MLflow's UI lists them), or an alias",
        ) from error


@contextmanager
def _environment(settings: Mapping[str, str]) -> Iterator[None]:
    # MLflow reads these from the environment only, at each request; what the user has set stands.
    with _ENVIRONMENT_LOCK:
        ours = {key: value for key, value in settings.items() if key not in os.environ}
        os.environ.update(ours)
        try:
            yield
        finally:
            for key in ours:
                os.environ.pop(key, None)
