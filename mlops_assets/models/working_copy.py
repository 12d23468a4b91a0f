"""The folder that loaders get: the files that were judged, beside an ``MLmodel`` that says what was judged.

MLflow and the libraries behind it read ``MLmodel`` again, in the encoding of the locale. One that means something else
there than it did when it was judged would load what nobody has judged. So the file is written anew, in ASCII.
"""

import atexit
import os
import secrets
import shutil
import tempfile
import weakref
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import Lock

from mlops_assets.arrow.spool import scratch_folder
from mlops_assets.errors import ModelLoadError, TrustError
from mlops_assets.models.cache import working_folder
from mlops_assets.models.digest import model_files
from mlops_assets.models.mlmodel import ModelDescription
from mlops_assets.models.private_folder import make_private_folder
from mlops_assets.models.skops_files import list_types

MLMODEL = "MLmodel"
_lock = Lock()
_roots: dict[tuple[int, Path], Path] = {}
folders_of_this_process: set[Path] = set()


class WorkingCopy:
    """A private folder with a model's files; the ``MLmodel`` in it is `ModelDescription.to_mlmodel`.

    Files are linked where the file system can do so, so that a copy costs neither space nor time. The folder is removed
    with the object that it is kept for, and at the end of the process at the latest.

    Parameters
    ----------
    description
        What was judged. A model that is a working copy already is not copied again.
    beside
        A private folder on the file system of the model's files. None: that of the cache which the files are in, else
        that of temporary files.
    """

    def __init__(self, description: ModelDescription, beside: Path | None = None) -> None:
        self._is_own = description.folder not in folders_of_this_process
        self._process = os.getpid()
        beside = beside or working_folder(description.folder)
        self.folder = _make(description, _root(beside)) if self._is_own else description.folder

    def keep_for(self, owner: object) -> None:
        """Remove the folder when `owner` is: a model may read its files at any time."""
        if self._is_own:
            weakref.finalize(owner, _remove, self.folder, self._process)

    def remove(self) -> None:
        """Remove the folder now."""
        if self._is_own:
            _remove(self.folder, self._process)


def _remove(folder: Path, process: int) -> None:
    # A forked process has the same objects, and not the same folders.
    if os.getpid() == process:
        folders_of_this_process.discard(folder)
        shutil.rmtree(folder.parent, ignore_errors=True)


def _mlmodel(description: ModelDescription) -> bytes:
    return description.to_mlmodel(list_types(description))


def _make(description: ModelDescription, root: Path) -> Path:
    content = _mlmodel(description)
    scratch = root / secrets.token_hex(8)
    folder = scratch / "model"
    folder.mkdir(mode=0o700, parents=True)
    try:
        for file in model_files(description.folder):
            relative = file.relative_to(description.folder)
            if relative.as_posix() == MLMODEL:
                continue
            (folder / relative).parent.mkdir(parents=True, exist_ok=True)
            _link_or_copy(file, folder / relative)
        for path in description.paths().values():
            # A flavor may name a folder that holds nothing.
            if (description.folder / path).is_dir():
                (folder / path).mkdir(parents=True, exist_ok=True)
        (folder / MLMODEL).write_bytes(content)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    folders_of_this_process.add(folder)
    return folder


def _link_or_copy(file: Path, target: Path) -> None:
    link: Callable[..., None] | None = getattr(os, "link", None)
    if link is not None:
        try:
            link(file, target, follow_symlinks=False)
        except OSError:
            # Another file system, or one without links.
            pass
        else:
            return
    shutil.copyfile(file, target, follow_symlinks=False)


def _root(beside: Path | None) -> Path:
    """A folder of this process, which is removed at its end; one that was killed, by the next."""
    if beside is None or "%" in str(beside.absolute()):
        beside = Path(tempfile.gettempdir()) / f"mlops-assets-{getattr(os, 'getuid', int)()}"
    beside = beside.absolute()
    if "%" in str(beside):
        raise ModelLoadError(
            "The folder of temporary files has a percent sign in its path, which MLflow takes for an escape",
            where=str(beside),
            fix="Set TMPDIR to another folder",
        )
    with _lock:
        root = _roots.get((os.getpid(), beside))
        if root is None or not root.is_dir():
            where = _private(beside)
            stack = ExitStack()
            root = _roots[os.getpid(), beside] = stack.enter_context(scratch_folder(where))
            atexit.register(_close, stack, os.getpid())
        return root


def _private(folder: Path) -> Path:
    try:
        make_private_folder(folder)
    except TrustError:
        if folder.parent != Path(tempfile.gettempdir()).absolute():
            raise
        # Somebody else was first to make a folder of this name: another one will do.
        return Path(tempfile.mkdtemp(prefix=f"{folder.name}-"))
    return folder


def _close(stack: ExitStack, process: int) -> None:
    if os.getpid() == process:
        # The process is ending: what cannot be removed now, the next one removes.
        with suppress(OSError):
            stack.close()
