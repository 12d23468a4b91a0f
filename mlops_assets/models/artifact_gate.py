"""The one way to the files of a model: from a place that is allowed, bounded in bytes, files, depth, names and time.

Local folders and MLflow's own servers are read here. Other stores (S3, Google Cloud, Azure, FTP, ...) are read with
MLflow's clients in a process of its own, which is ended when a limit is reached: those clients know none.
"""

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from mlops_assets.errors import TrustError
from mlops_assets.models.artifact_address import SERVED, ArtifactAddress
from mlops_assets.models.artifact_budget import Budget, write_blocks
from mlops_assets.models.artifact_process import run_store
from mlops_assets.models.digest import model_files
from mlops_assets.models.registry_limits import Operation
from mlops_assets.progress.report import track

_BLOCK = 2**20
_LOCAL = "file"


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
    with track("fetching the model's files", unit="bytes") as stage:
        budget = Budget(operation, str(address), stage)
        if address.scheme == _LOCAL:
            _copy_folder(Path(address.path), target, budget, part)
        elif address.scheme in SERVED:
            from mlops_assets.models.artifact_server import ArtifactServer

            ArtifactServer(address, tracking_uri, operation).download(target, budget, part)
        else:
            run_store("download", address, target, tracking_uri, budget, part)
    return target / part if part else target


def add_file(address: ArtifactAddress, file: Path, tracking_uri: str, operation: Operation, *, part: str = "") -> None:
    """Write a local file into the folder at `address`, or into its folder `part`. Raises as `fetch_files`."""
    if address.scheme == _LOCAL:
        folder = Path(address.path) / part
        folder.mkdir(parents=True, exist_ok=True)
        draft = folder / f".{file.name}.{os.getpid()}.draft"
        shutil.copyfile(file, draft)
        draft.replace(folder / file.name)
    elif address.scheme in SERVED:
        from mlops_assets.models.artifact_server import ArtifactServer

        ArtifactServer(address, tracking_uri, operation).upload(file, part)
    else:
        run_store("upload", address, file, tracking_uri, Budget(operation, str(address)), part)


def add_folder(address: ArtifactAddress, folder: Path, tracking_uri: str, operation: Operation) -> None:
    """Write all files of a local folder into the folder at `address`. Raises as `fetch_files`."""
    if address.scheme not in (_LOCAL, *SERVED):
        run_store("upload", address, folder, tracking_uri, Budget(operation, str(address)), "")
        return
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
