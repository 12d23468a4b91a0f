"""The MLflow registry as a Dagster resource."""

import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

import dagster as dg
from pydantic import Field, PrivateAttr

from mlops_assets.mistakes import ReadableModel
from mlops_assets.models.cache import ModelCache
from mlops_assets.models.process_cache import ProcessCache
from mlops_assets.models.reference import ModelReference
from mlops_assets.models.registry import Registry
from mlops_assets.models.registry_limits import RegistryLimits
from mlops_assets.models.trust import TrustPolicy
from mlops_assets.redaction.concealed import conceal, reveal
from mlops_assets.state import state_folder

# With their clients, and so with the connections of those.
_REGISTRIES: ProcessCache[tuple[str, str | None, int, int, RegistryLimits], Registry] = ProcessCache()


class MlflowRegistry(ReadableModel, dg.ConfigurableResource[Any]):
    """Read access to an MLflow registry through an explicit client: no global state, connected on first use.

    Without settings it is MLflow's own: ``MLFLOW_TRACKING_URI`` and ``MLFLOW_REGISTRY_URI``, read when a run starts;
    and where these are unset, the embedded default, SQLite and files under the state folder.

    Examples
    --------
    >>> registry = MlflowRegistry(tracking_uri="http://127.0.0.1:5000", timeout=5)
    >>> registry.address().tracking_uri
    'http://127.0.0.1:5000'
    """

    tracking_uri: str | None = Field(
        default=None,
        description="Address of the MLflow tracking server. Null: MLFLOW_TRACKING_URI, else the embedded default.",
        examples=["http://127.0.0.1:5000"],
    )
    registry_uri: str | None = Field(
        default=None,
        description="Address of the MLflow registry. Null: the tracking_uri of these settings, else "
        "MLFLOW_REGISTRY_URI, else the tracking server.",
        examples=["http://127.0.0.1:5000"],
    )
    timeout: int = Field(default=10, description="Seconds that one request may take.", gt=0, examples=[30])
    retries: int = Field(default=1, description="How often a failed request is repeated.", ge=0, examples=[3])
    artifact_hosts: list[str] | None = Field(
        default=None,
        description="Hosts (host or host:port) that model files may be fetched from, beside the registry's own and "
        "those of trust.allowed_sources. None of them gets credentials. Null: MLOPS_ASSETS_ARTIFACT_HOSTS (with "
        "commas), else none.",
        examples=[["store.example:9000"]],
    )
    operation_timeout: int | None = Field(
        default=None,
        description="Seconds that one operation on the registry may take in all, with every page of a search and every "
        "retry. Null: MLOPS_ASSETS_OPERATION_TIMEOUT, else 45, or as long as timeout and retries ask for.",
        gt=0,
        examples=[120],
    )
    download_timeout: int | None = Field(
        default=None,
        description="Seconds that fetching the files of one model may take in all. Null: "
        "MLOPS_ASSETS_DOWNLOAD_TIMEOUT, else 3600.",
        gt=0,
        examples=[600],
    )
    max_answer_mib: int | None = Field(
        default=None,
        description="MiB that the registry may answer with in one operation. Null: MLOPS_ASSETS_MAX_ANSWER_MIB, "
        "else 64.",
        gt=0,
        examples=[256],
    )
    max_model_gib: float | None = Field(
        default=None,
        description="GiB that the files of one model may have. Null: MLOPS_ASSETS_MAX_MODEL_GIB, else 32.",
        gt=0,
        examples=[100],
    )
    max_model_files: int | None = Field(
        default=None,
        description="How many files and folders one model may have. Null: MLOPS_ASSETS_MAX_MODEL_FILES, else 10000.",
        gt=0,
        examples=[100000],
    )
    state: str | None = Field(
        default=None,
        description="Folder of the embedded default and of the model cache. Null: MLOPS_ASSETS_HOME, else "
        ".mlops_assets in the project's folder.",
        examples=[".mlops_assets"],
    )

    _registry: Registry | None = PrivateAttr(default=None)
    # Not a `cached_property`: Dagster takes what that leaves for a setting where it binds a resource that was used.
    _cache: ModelCache | None = PrivateAttr(default=None)

    def __init__(self, **settings: Any) -> None:
        # Dagster stores what a resource is configured with; a password in it belongs into a variable.
        addresses = ("tracking_uri", "registry_uri")
        concealed = {name: conceal(settings[name]) for name in addresses if isinstance(settings.get(name), str)}
        super().__init__(**{**settings, **concealed})

    @property
    def state_folder(self) -> Path:
        """The folder of the embedded default and of the model cache."""
        return Path(self.state) if self.state else state_folder()

    @property
    def is_embedded(self) -> bool:
        """Whether neither these settings nor the environment name a tracking server."""
        return not (self.tracking_uri or os.environ.get("MLFLOW_TRACKING_URI"))

    @property
    def cache(self) -> ModelCache:
        """The content-addressed cache of downloaded versions."""
        if self._cache is None:
            self._cache = ModelCache(self.state_folder / "cache" / "models")
        return self._cache

    def address(self) -> Registry:
        """The registry that these settings and the environment name; nothing is contacted.

        One for all who name the same in a process: Dagster makes this resource anew for each tick of each sensor.
        """
        if self._registry is None:
            tracking = reveal(self.tracking_uri or "") or os.environ.get("MLFLOW_TRACKING_URI") or self._embedded()
            # A registry of the environment's does not belong to a tracking server of the settings'.
            of_environment = None if self.tracking_uri else os.environ.get("MLFLOW_REGISTRY_URI")
            registry = reveal(self.registry_uri or "") or of_environment
            of_these = (tracking, registry, self.timeout, self.retries, self._limits())
            self._registry = _REGISTRIES.get(of_these, lambda: Registry(*of_these))
        return self._registry

    def pin(self, name: str, alias_or_version: str | int, trust: TrustPolicy | None = None) -> ModelReference:
        """Resolve an alias (text) or a version (number) once, fetch the files, digest them; see `Registry.pin`."""
        return self.address().pin(name, alias_or_version, self.cache, trust)

    def files(self, reference: ModelReference) -> Path:
        """The pinned files, verified against the pinned digest; see `Registry.fetch`."""
        return self.address().fetch(reference, self.cache)

    def page(self, reference: ModelReference) -> str | None:
        """The version's page in MLflow's UI, where the registry is a server."""
        uri = self.address().where
        if not uri.startswith(("http://", "https://")):
            return None
        return f"{uri.rstrip('/')}/#/models/{quote(reference.name, safe='')}/versions/{reference.version}"

    def _limits(self) -> RegistryLimits:
        return RegistryLimits.of_settings(
            artifact_hosts=None if self.artifact_hosts is None else tuple(self.artifact_hosts),
            operation_timeout=self.operation_timeout,
            download_timeout=self.download_timeout,
            max_answer_mib=self.max_answer_mib,
            max_model_gib=self.max_model_gib,
            max_model_files=self.max_model_files,
        )

    def _embedded(self) -> str:
        self.state_folder.mkdir(parents=True, exist_ok=True)
        return f"sqlite:///{(self.state_folder / 'mlflow.db').as_posix()}"
