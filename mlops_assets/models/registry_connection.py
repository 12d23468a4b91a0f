"""A connection to an MLflow registry: an explicit client, its errors translated, everything that it answers bounded."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any, cast

from mlops_assets.errors import MlopsAssetsError, RegistryError, RegistryUnreachableError
from mlops_assets.models.artifact_address import SERVED, ArtifactAddress
from mlops_assets.models.artifact_gate import add_file, add_folder, fetch_files
from mlops_assets.models.artifact_place import check_place
from mlops_assets.models.bounded_client import BoundedClient, call_until, raise_own_errors
from mlops_assets.models.environment import set_environment
from mlops_assets.models.process_cache import ProcessCache
from mlops_assets.models.registry_errors import download_error, redact_error, registry_error
from mlops_assets.models.registry_limits import CURRENT, Deadline, Operation, RegistryLimits
from mlops_assets.redaction.addresses import quote_user, secrets_in, show_address
from mlops_assets.redaction.text import remember_addresses

if TYPE_CHECKING:
    from mlflow import MlflowClient

# What `registry_http` bounds, and what is on this machine.
_BOUNDED = ("http://", "https://", "file:", "sqlite:")
_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")


class RegistryConnection:
    """A client of one MLflow registry and its tracking server, made on first use.

    Parameters
    ----------
    tracking_uri, registry_uri
        As MLflow takes them; the registry defaults to the tracking server.
    timeout
        Seconds that one HTTP request may take.
    retries
        How often a failed request is repeated. MLflow's own default (7, with backoff) blocks for four minutes.
    limits
        What is taken of it. None: the environment's, else the defaults.
    """

    def __init__(
        self,
        tracking_uri: str,
        registry_uri: str | None = None,
        timeout: int = 10,
        retries: int = 1,
        limits: RegistryLimits | None = None,
    ) -> None:
        self.tracking_uri = quote_user(tracking_uri)
        self.registry_uri = quote_user(registry_uri or tracking_uri)
        remember_addresses(self.tracking_uri, self.registry_uri)
        self.timeout, self.retries = timeout, retries
        self.limits = limits or RegistryLimits.of_settings()
        self._clients: ProcessCache[str, BoundedClient] = ProcessCache()

    def __reduce__(self) -> tuple[Any, ...]:
        # Another process connects by itself.
        return type(self), (self.tracking_uri, self.registry_uri, self.timeout, self.retries, self.limits)

    @property
    def client(self) -> "MlflowClient":
        """The client, made on first use; the same for all threads, until the registry once did not answer.

        Each of its calls is within the registry's limits; see `BoundedClient`.
        """
        return cast("MlflowClient", self._clients.get(self.registry_uri, self._connect))

    def _connect(self) -> BoundedClient:
        with self.translate_errors(f"opening {self.where}"):
            from mlflow import MlflowClient

            from mlops_assets.models.registry_http import install

            install()

            def connect() -> "MlflowClient":
                for uri in dict.fromkeys((self.registry_uri, self.tracking_uri)):
                    _try_database(uri)
                return MlflowClient(tracking_uri=self.tracking_uri, registry_uri=self.registry_uri)

            with self.open_operation(f"opening {self.where}") as operation:
                return BoundedClient(call_until(operation, connect) if self.waits_for_ever else connect(), self)

    @property
    def waits_for_ever(self) -> bool:
        """Whether MLflow asks with what knows no end of its own: Databricks' client, and drivers of databases."""
        uris = (self.registry_uri, self.tracking_uri)
        return _is_databricks(uris) or any("://" in uri and not uri.startswith(_BOUNDED) for uri in uris)

    @property
    def where(self) -> str:
        """The registry's address without user, password and query."""
        return show_address(self.registry_uri)

    def download_files(
        self,
        address: ArtifactAddress,
        folder: Path,
        doing: str,
        *,
        part: str = "",
        places: Iterable[str] = (),
    ) -> Path:
        """Fetch a model's files, or `part` of them, into a new folder below `folder`; what was fetched is returned.

        Parameters
        ----------
        doing
            For the message: ``downloading 'churn' version 3``.
        places
            Folders that are allowed, beside those on the registry's own host.

        Raises
        ------
        TrustError
            They are on another host, or more than the registry's limits allow.
        RegistryUnreachableError, ArtifactsMissingError
            As `pin`.
        """
        where = str(address)
        with (
            self.open_operation(doing, is_transfer=True) as operation,
            self.translate_errors(doing, lambda error: download_error(error, doing, where), secrets_in(address.url)),
        ):
            allowed = [ArtifactAddress.parse(place) for place in places]
            check_place(address, self.tracking_uri, operation, [*allowed, *self._artifact_root(address)])
            target = Path(mkdtemp(dir=folder)) / (address.name or "model")
            return fetch_files(address, target, self.tracking_uri, operation, part=part)

    def add_files(self, address: ArtifactAddress, local: Path, doing: str) -> None:
        """Write a local file, or the files of a folder, into a folder of artifacts. Raises as `download_files`."""
        where = str(address)
        with (
            self.open_operation(doing, is_transfer=True) as operation,
            self.translate_errors(doing, lambda error: registry_error(error, doing, where), secrets_in(address.url)),
        ):
            check_place(address, self.tracking_uri, operation, self._artifact_root(address))
            (add_folder if local.is_dir() else add_file)(address, local, self.tracking_uri, operation)

    def _artifact_root(self, address: ArtifactAddress) -> list[ArtifactAddress]:
        """The folder of the tracking server's artifacts, where `address` is on a store's host: Azure, FTP, HDFS, ...

        It is that of the first experiment, which is set when the server starts and cannot be changed by its users.
        """
        if address.peer is None or address.scheme in SERVED:
            return []
        try:
            with self.translate_errors("looking for the server's artifact root"):
                first = ArtifactAddress.parse(str(self.client.get_experiment("0").artifact_location))
        except RegistryUnreachableError:
            raise
        except RegistryError:
            # It was deleted, or its place is none: then nothing is below it.
            return []
        return [replace(first, path=first.path.rpartition("/")[0])]

    @contextmanager
    def open_operation(self, doing: str, *, is_transfer: bool = False) -> Iterator[Operation]:
        """What is asked inside is one operation, with one deadline. Inside of another one it is a part of that."""
        current = CURRENT.get()
        if current is not None and not is_transfer:
            yield current
            return
        limits = self.limits
        if is_transfer:
            deadline = Deadline(limits.download_timeout, "download_timeout")
        else:
            # Somebody who waits longer for one request waits for the operation that it belongs to.
            longest = max(limits.operation_timeout, self.timeout * (self.retries + 1))
            deadline = Deadline(longest, "operation_timeout")
        token = CURRENT.set(Operation(limits, deadline, (self.tracking_uri, self.registry_uri), doing))
        try:
            yield cast(Operation, CURRENT.get())
        finally:
            CURRENT.reset(token)

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
            What must not be repeated, beside the secrets in the registry's own addresses.
        """
        settings = {
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": str(self.retries),
            "MLFLOW_HTTP_REQUEST_TIMEOUT": str(self.timeout),
            # A server may ask to be left alone for an hour; a sensor's tick has a minute.
            "MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER": "false",
            "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
            "PGCONNECT_TIMEOUT": str(self.timeout),
        }
        if _is_databricks((self.registry_uri, self.tracking_uri)):
            # So that a thread that nobody waits for any more ends as well.
            settings["MLFLOW_DATABRICKS_ENDPOINT_HTTP_RETRY_TIMEOUT"] = str(self.limits.operation_timeout)
        with set_environment(settings):
            try:
                with self.open_operation(doing), raise_own_errors():
                    yield
            except MlopsAssetsError:
                raise
            except Exception as error:  # noqa: BLE001 - drivers and cloud clients have errors of their own
                translated = explain(error) if explain else registry_error(error, doing, self.where)
                if isinstance(translated, RegistryUnreachableError):
                    # A database may come back as another one; the next client looks for its tables.
                    self._clients.remove(self.registry_uri)
                all_secrets = secrets | secrets_in(self.registry_uri) | secrets_in(self.tracking_uri)
                raise translated from redact_error(error, all_secrets)


def _is_databricks(uris: Iterable[str]) -> bool:
    return any(uri.partition(":")[0] in ("databricks", "databricks-uc", "uc") for uri in uris)


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
