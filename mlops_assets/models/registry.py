"""Ask an MLflow registry for a version, once, and fetch its files. An explicit client, no global state."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_assets.errors import (
    AliasNotFoundError,
    ArtifactsMissingError,
    ConfigurationError,
    DigestMismatchError,
    MlopsAssetsError,
    ModelNotFoundError,
    RegistryUnreachableError,
    VersionNotFoundError,
    did_you_mean,
)
from mlops_assets.models.addresses import local_path, secrets_of, strip_credentials
from mlops_assets.models.cache import ModelCache
from mlops_assets.models.digest import check_links, compute_digest
from mlops_assets.models.environment import set_environment
from mlops_assets.models.mlmodel import ModelDescription
from mlops_assets.models.process_cache import ProcessCache
from mlops_assets.models.reference import ModelReference
from mlops_assets.models.registry_errors import (
    RESTORE,
    download_error,
    is_missing_resource,
    redact_error,
    registry_error,
)
from mlops_assets.models.trust import Origin, TrustPolicy
from mlops_assets.redaction.text import remember_addresses

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion, RegisteredModel

# Registered models that one request asks for.
_PAGE = 500
_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")


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
        self.tracking_uri, self.registry_uri = tracking_uri, registry_uri or tracking_uri
        remember_addresses(self.tracking_uri, self.registry_uri)
        self.timeout, self.retries = timeout, retries
        self._clients: ProcessCache[str, MlflowClient] = ProcessCache()

    def __reduce__(self) -> tuple[Any, ...]:
        # Another process connects by itself.
        return type(self), (self.tracking_uri, self.registry_uri, self.timeout, self.retries)

    @property
    def client(self) -> "MlflowClient":
        """The client, made on first use; the same for all threads, until the registry once did not answer."""
        return self._clients.get(self.registry_uri, self._connect)

    def _connect(self) -> "MlflowClient":
        with self.translate_errors(f"opening {self.where}"):
            from mlflow import MlflowClient

            for uri in dict.fromkeys((self.registry_uri, self.tracking_uri)):
                _try_database(uri)
            return MlflowClient(tracking_uri=self.tracking_uri, registry_uri=self.registry_uri)

    @property
    def where(self) -> str:
        """The registry's address without user, password and query."""
        return strip_credentials(self.registry_uri)

    def model(self, name: str) -> "RegisteredModel":
        """The registered model with its aliases.

        Raises
        ------
        RegistryUnreachableError, ModelNotFoundError
            As `version`.
        """
        doing = f"looking for model {name!r}"
        with self.translate_errors(doing, lambda error: self._absent_model(error, name, doing)):
            return self.client.get_registered_model(name)

    def models(self) -> "list[RegisteredModel]":
        """Every registered model, by name. Raises `RegistryUnreachableError`."""
        with self.translate_errors("looking for registered models"):
            page = self.client.search_registered_models(max_results=_PAGE)
            models = list(page)
            while page.token:
                page = self.client.search_registered_models(max_results=_PAGE, page_token=page.token)
                models += page
        return sorted(models, key=lambda model: model.name)

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
        kind = "version" if isinstance(alias_or_version, int) else "alias"
        doing = f"looking for {name!r} {kind} {alias_or_version!r}"
        with self.translate_errors(doing, lambda error: self._absent_version(error, name, alias_or_version, doing)):
            if isinstance(alias_or_version, int):
                return self.client.get_model_version(name, str(alias_or_version))
            return self.client.get_model_version_by_alias(name, alias_or_version)

    def pin(
        self, name: str, alias_or_version: str | int, cache: ModelCache, trust: TrustPolicy | None = None
    ) -> ModelReference:
        """Resolve, download into the cache, digest. The files are fetched anew: registered files can be overwritten.

        Parameters
        ----------
        trust
            When given, its conditions on version, tags and places are tried before anything is downloaded, and that on
            the digest after it.

        Raises
        ------
        ArtifactsMissingError
            The files are gone, or the ``MLmodel`` names files that are not there.
        TrustError
            The version does not have the tags, or is not where the policy wants it; or its files are links, or its
            ``MLmodel`` is not what MLflow writes.
        """
        version = self.version(name, alias_or_version)
        with cache.open_download_folder() as folder:
            files, location = self._download(version, folder, trust)
            if trust is not None:
                trust.check_signed(files, f"{name!r} version {version.version}")
            description = ModelDescription.read(files)
            description.check_complete()
            digest = cache.add_folder(files)
        reference = ModelReference(
            name=name,
            version=int(version.version),
            alias=alias_or_version if isinstance(alias_or_version, str) else None,
            digest=digest,
            flavors=tuple(sorted(description.flavors)),
            run_id=version.run_id or None,
            model_id=description.model_id,
            source=strip_credentials(str(version.source)),
            location=location,
            tags=tuple(
                sorted((tag, value) for tag, value in version.tags.items() if trust and tag in trust.required_tags)
            ),
        )
        if trust is not None:
            trust.check_digest(reference)
        return reference

    def fetch(self, reference: ModelReference, cache: ModelCache) -> Path:
        """The pinned files, from the cache if they are there, else from the registry; always the pinned digest.

        Raises
        ------
        DigestMismatchError
            The registry's files for this version are no longer the pinned ones.
        """
        cached = cache.find_verified(reference.digest)
        if cached is not None:
            return cached
        with cache.open_download_folder() as folder:
            version = self.version(reference.name, reference.version)
            files, _ = self._download(version, folder)
            digest = compute_digest(files)
            if digest != reference.digest:
                raise DigestMismatchError(
                    f"The files of {reference.uri} have changed since they were pinned: digest {digest[:12]} instead "
                    f"of {reference.digest[:12]}",
                    where=self.where,
                    fix="Materialize champion_model again if the change was meant, else find out who replaced them",
                )
            cache.add_folder(files)
        return cache.root / digest

    def fetch_description(self, version: "ModelVersion", folder: Path) -> Path:
        """Only the ``MLmodel`` of a version, into `folder`, which is returned.

        Raises
        ------
        RegistryUnreachableError, ArtifactsMissingError
            As `pin`.
        """
        path, _ = self._download(version, folder, part="MLmodel")
        return path.parent

    def download(self, version: "ModelVersion", folder: Path) -> Path:
        """A version's files, in a folder below `folder`; no file is parsed. Raises as `pin`."""
        return self._download(version, folder)[0]

    def _download(
        self, version: "ModelVersion", folder: Path, trust: TrustPolicy | None = None, part: str = ""
    ) -> tuple[Path, str]:
        """What was fetched (the model's folder, or `part` of it), and from where."""
        name, number = version.name, str(version.version)
        doing = f"downloading {name!r} version {number}"
        with self.translate_errors(doing):
            # `models:/` URIs would go through MLflow's global registry setting; the resolved place does not.
            uri = self.client.get_model_version_download_uri(name, number)
        location = strip_credentials(uri)
        if trust is not None:
            trust.check_origin(Origin(name, int(number), location, version.tags))
        local = local_path(uri)
        if local is not None:
            # A copy would follow links, out of the model too.
            check_links(Path(local))
        with self.translate_errors(doing, lambda error: download_error(error, doing, location), secrets_of(uri)):
            from mlflow.artifacts import download_artifacts

            path = Path(
                download_artifacts(
                    artifact_uri=f"{uri.rstrip('/')}/{part}" if part else uri,
                    dst_path=str(folder),
                    tracking_uri=self.tracking_uri,
                )
            )
        if not (path if part else path / "MLmodel").is_file():
            raise ArtifactsMissingError(
                f"Model {name!r} version {number} has no MLmodel file", where=location, fix=RESTORE
            )
        return path, location

    @contextmanager
    def translate_errors(
        self,
        doing: str,
        explain: Callable[[Exception], MlopsAssetsError] | None = None,
        secrets: frozenset[str] = frozenset(),
    ) -> Iterator[None]:
        """Bound MLflow's retries for the calls inside, and turn its errors into ours, without their secrets.

        Parameters
        ----------
        doing
            For the message: ``looking for 'churn' version 3``.
        explain
            Makes the error; None: `registry_error`.
        secrets
            What must not be repeated, beside what is known by value.
        """
        settings = {
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": str(self.retries),
            "MLFLOW_HTTP_REQUEST_TIMEOUT": str(self.timeout),
            # A server may ask to be left alone for an hour; a sensor's tick has a minute.
            "MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER": "false",
            "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
            "PGCONNECT_TIMEOUT": str(self.timeout),
        }
        with set_environment(settings):
            try:
                yield
            except MlopsAssetsError:
                raise
            except Exception as error:  # noqa: BLE001 - drivers and cloud clients have errors of their own
                translated = explain(error) if explain else registry_error(error, doing, self.where)
                if isinstance(translated, RegistryUnreachableError):
                    # A database may come back as another one; the next client looks for its tables.
                    self._clients.remove(self.registry_uri)
                raise translated from redact_error(error, secrets)

    def _absent_model(self, error: Exception, name: str, doing: str) -> MlopsAssetsError:
        if not is_missing_resource(error):
            return registry_error(error, doing, self.where)
        with self.translate_errors(doing):
            names = sorted(model.name for model in self.client.search_registered_models(max_results=100))
        listing = ", ".join(repr(each) for each in names[:10]) or "none at all"
        return ModelNotFoundError(
            f"There is no registered model {name!r}{did_you_mean(name, names)}",
            where=self.where,
            fix=f"Register it, or correct `model:`; registered are: {listing}",
        )

    def _absent_version(self, error: Exception, name: str, alias_or_version: str | int, doing: str) -> MlopsAssetsError:
        if not is_missing_resource(error):
            return registry_error(error, doing, self.where)
        aliases: Mapping[str, str] = self.model(name).aliases
        listing = ", ".join(f"{alias} -> {version}" for alias, version in sorted(aliases.items())) or "none"
        if isinstance(alias_or_version, int):
            return VersionNotFoundError(
                f"Model {name!r} has no version {alias_or_version}; its aliases are: {listing}",
                where=self.where,
                fix="Choose a version that exists (MLflow's UI lists them), or an alias",
            )
        return AliasNotFoundError(
            f"Model {name!r} has no alias {alias_or_version!r}{did_you_mean(alias_or_version, aliases)}; "
            f"it has: {listing}",
            where=self.where,
            fix="Set it in MLflow's UI or with MlflowClient.set_registered_model_alias; aliases are case-sensitive",
        )


def _try_database(uri: str) -> None:
    """One attempt to connect: MLflow would try ten times over, for a hundred seconds."""
    if not uri.startswith(_DATABASES):
        return
    from mlflow.store.db.utils import create_sqlalchemy_engine
    from sqlalchemy import inspect

    engine = create_sqlalchemy_engine(uri)
    try:
        inspect(engine)
    finally:
        engine.dispose()
