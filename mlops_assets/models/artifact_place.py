"""Which hosts a model's files may be on."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from mlops_assets.errors import RegistryError, TrustError
from mlops_assets.models.artifact_address import SERVED, ArtifactAddress
from mlops_assets.models.registry_limits import Operation, origin_of

API = "/api/2.0"
ENDPOINT = "/mlflow-artifacts/artifacts"


def check_place(
    address: ArtifactAddress, tracking_uri: str, operation: Operation, allowed: Iterable[ArtifactAddress] = ()
) -> None:
    """Return if `address` is on a host that files may be fetched from.

    Those are: the registry's own, those of `RegistryLimits.artifact_hosts`, and whatever is below one of `allowed`.

    Raises
    ------
    TrustError
        It is on another host. Nothing has been asked of that.
    """
    peer = address.peer
    if peer is None or any(address.is_below(place) for place in allowed):
        return
    if address.scheme in SERVED and is_own(address, tracking_uri, operation):
        return
    if {peer, peer.rpartition(":")[0]} & {host.lower() for host in operation.limits.artifact_hosts}:
        return
    raise TrustError(
        f"The model's files are on another host, {peer!r}, which was not asked for them",
        where=str(address),
        fix="If you trust that host, name it: artifact_hosts of the resource mlflow_registry "
        f"(MlflowRegistry(artifact_hosts=[{peer!r}])), or MLOPS_ASSETS_ARTIFACT_HOSTS={peer}; it gets no credentials",
    )


def is_own(address: ArtifactAddress, tracking_uri: str, operation: Operation) -> bool:
    """Whether an address is the tracking server's own, which is sent its credentials."""
    service, _ = split_service(address, tracking_uri)
    own = f"{tracking_uri.rstrip('/')}{API}"
    return origin_of(service) in operation.origins and path_of(service) == path_of(own)


def split_service(address: ArtifactAddress, tracking_uri: str) -> tuple[str, str]:
    """The address of the service that serves an artifact, without user; and the artifact's path there.

    Raises
    ------
    RegistryError
        No MLflow server serves such an address.
    """
    if address.scheme == "mlflow-artifacts":
        tracking = urlsplit(tracking_uri)
        if tracking.scheme not in ("http", "https"):
            raise RegistryError(
                "The model's files are served by a tracking server, and none is named",
                where=str(address),
                fix="Set MLFLOW_TRACKING_URI to the http(s) address of the server",
            )
        host = address.host or tracking.netloc.rpartition("@")[2]
        return f"{tracking.scheme}://{host}{tracking.path.rstrip('/')}{API}", address.path.strip("/")
    before, separator, path = address.path.partition(ENDPOINT)
    if not separator:
        raise RegistryError(
            f"This is no address of files that an MLflow server serves: {ENDPOINT} is not in it",
            where=str(address),
            fix="Register the model again from a folder, an object store, or through the server (mlflow-artifacts:)",
        )
    return f"{address.scheme}://{address.host}{before}", path.strip("/")


def path_of(url: str) -> str:
    """The path of a URL."""
    return urlsplit(url).path.rstrip("/")
