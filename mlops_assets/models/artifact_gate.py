"""The one way to the files of a model: from a place that is allowed, bounded in bytes, files, depth, names and time.

Local folders and MLflow's own servers are read here. Other stores (S3, Google Cloud, Azure, FTP, ...) are read with
MLflow's clients in a process of its own, which is ended when a limit is reached: those clients know none.
"""

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from mlops_assets.errors import RegistryError, TrustError
from mlops_assets.models.artifact_address import ArtifactAddress
from mlops_assets.models.digest import model_files
from mlops_assets.models.registry_limits import DEEPEST, LONGEST_NAME, Operation, advise_raising, origin_of

_BLOCK = 2**20
_LOCAL = "file"


@dataclass
class Budget:
    """What the files of one model may still take."""

    operation: Operation
    where: str
    bytes: int = 0
    entries: int = 0

    def add_entry(self, path: str) -> str:
        """Count a file or folder; its path, relative to the model's folder, which no stranger leads out of it.

        Raises
        ------
        TrustError
            There are too many, or the path is none that a model has.
        """
        parts = path.split("/")
        if (
            not path.isprintable()
            or len(path) > LONGEST_NAME
            or {"", ".", ".."} & set(parts)
            or {"\\", ":"} & set(path)
            or any(len(os.fsencode(part)) > 255 for part in parts)
        ):
            raise TrustError(
                f"A file of the model has a name that is not accepted: {path[:100]!r}",
                where=self.where,
                fix="Register the model again with plain names: no .., colon or backslash, nothing unprintable, "
                f"{LONGEST_NAME} characters at most",
            )
        if len(parts) > DEEPEST:
            raise TrustError(
                f"The model's folders are nested more than {DEEPEST} deep",
                where=self.where,
                fix="Register the model again without them",
            )
        self.entries += 1
        most = self.operation.limits.max_model_files
        if self.entries > most:
            raise TrustError(
                f"The model has more than {most:,} files", where=self.where, fix=advise_raising("max_model_files")
            )
        return path

    def add_bytes(self, count: int) -> None:
        """Count bytes. Raises `TrustError` when there are too many, and `RegistryUnreachableError` when time is up."""
        self.bytes += count
        most = self.operation.limits.max_model_gib
        if self.bytes > most * 2**30:
            raise TrustError(
                f"The model's files have more than {most:g} GiB", where=self.where, fix=advise_raising("max_model_gib")
            )
        self.operation.deadline.check(self.operation.doing)


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
    if address.scheme in ("http", "https", "mlflow-artifacts") and is_own(address, tracking_uri, operation):
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


API = "/api/2.0"
ENDPOINT = "/mlflow-artifacts/artifacts"


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


def fetch_files(
    address: ArtifactAddress, target: Path, tracking_uri: str, operation: Operation, *, part: str = ""
) -> Path:
    """Copy the folder at `address`, or one file of it, into the new folder `target`; what was fetched is returned.

    Raises
    ------
    TrustError
        It is larger, deeper, or has more files than the limits allow; it holds links that lead out of it, or what is no
        plain file.
    RegistryUnreachableError
        The time is up.
    """
    target.mkdir(parents=True)
    budget = Budget(operation, str(address))
    if address.scheme == _LOCAL:
        _copy_folder(Path(address.path), target, budget, part)
    elif address.scheme in ("http", "https", "mlflow-artifacts"):
        from mlops_assets.models.artifact_server import ArtifactServer

        ArtifactServer(address, tracking_uri, operation).download(target, budget, part)
    else:
        from mlops_assets.models.artifact_process import run_store

        run_store("download", address, target, tracking_uri, budget, part)
    return target / part if part else target


def add_file(address: ArtifactAddress, file: Path, tracking_uri: str, operation: Operation, *, part: str = "") -> None:
    """Write a local file into the folder at `address`, or into its folder `part`. Raises as `fetch_files`."""
    if address.scheme == _LOCAL:
        folder = Path(address.path) / part
        folder.mkdir(parents=True, exist_ok=True)
        draft = folder / f".{file.name}.{os.getpid()}.draft"
        draft.write_bytes(file.read_bytes())
        draft.replace(folder / file.name)
    elif address.scheme in ("http", "https", "mlflow-artifacts"):
        from mlops_assets.models.artifact_server import ArtifactServer

        ArtifactServer(address, tracking_uri, operation).upload(file, part)
    else:
        from mlops_assets.models.artifact_process import run_store

        run_store("upload", address, file, tracking_uri, Budget(operation, str(address)), part)


def add_folder(address: ArtifactAddress, folder: Path, tracking_uri: str, operation: Operation) -> None:
    """Write all files of a local folder into the folder at `address`. Raises as `fetch_files`."""
    for file in model_files(folder):
        part = file.parent.relative_to(folder).as_posix()
        add_file(address, file, tracking_uri, operation, part="" if part == "." else part)


def _copy_folder(source: Path, target: Path, budget: Budget, part: str) -> None:
    if part:
        _copy_file(source / part, target / budget.add_entry(part), budget, root=source)
        return
    if not source.is_dir():
        raise FileNotFoundError(f"No such file or directory: {source}")
    for relative, is_folder in _walk(source, "", budget):
        if is_folder:
            (target / relative).mkdir()
        else:
            _copy_file(source / relative, target / relative, budget, root=source)


def _walk(source: Path, folder: str, budget: Budget) -> Iterator[tuple[str, bool]]:
    with os.scandir(source / folder) as entries:
        for entry in entries:
            relative = budget.add_entry(f"{folder}/{entry.name}" if folder else entry.name)
            if entry.is_symlink() and entry.is_dir():
                raise _refuse_link(relative, Path(entry.path), source)
            is_folder = entry.is_dir(follow_symlinks=False)
            yield relative, is_folder
            if is_folder:
                yield from _walk(source, relative, budget)


def _copy_file(source: Path, target: Path, budget: Budget, root: Path) -> None:
    """A plain file; of a link, what it leads to inside of `root`."""
    name = source.relative_to(root).as_posix()
    if source.is_symlink():
        actual = source.resolve()
        if not actual.is_relative_to(root.resolve()):
            raise _refuse_link(name, source, root)
        source = actual
    # Opening a pipe would wait for whoever writes to it; and what was looked at is what is read.
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    if not stat.S_ISREG(source.lstat().st_mode):
        raise _refuse_kind(name, root)
    with os.fdopen(os.open(source, flags), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise _refuse_kind(name, root)
        write_blocks(iter(lambda: file.read(_BLOCK), b""), target, budget)


def write_blocks(blocks: Iterable[bytes], target: Path, budget: Budget) -> None:
    """Write a new file, counting its bytes."""
    with target.open("xb") as copy:
        for block in blocks:
            budget.add_bytes(len(block))
            copy.write(block)


def _refuse_link(name: str, link: Path, root: Path) -> TrustError:
    inside = link.resolve().is_relative_to(root.resolve())
    return TrustError(
        f"The model's {name!r} is a link {'to a folder' if inside else 'that leads out of the model'}",
        where=root.name,
        fix="Register the model again with plain files",
    )


def _refuse_kind(name: str, root: Path) -> TrustError:
    return TrustError(
        f"The model's {name!r} is not a plain file", where=root.name, fix="Register the model again with plain files"
    )
