"""Downloaded model versions, one folder per digest. MLflow has no such cache and leaks its temporary folders."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlops_assets.arrow.spool import scratch_folder
from mlops_assets.errors import DigestMismatchError, TrustError
from mlops_assets.models.digest import WRITTEN_AFTER_DOWNLOAD, compute_digest
from mlops_assets.models.private_folder import make_private_folder

_INCOMING, _WORKING = "incoming", "working"


_ENTRY = re.compile("[0-9a-f]{64}")


def working_folder(folder: Path) -> Path | None:
    """Where the model in `folder` is put together to be loaded, where that is an entry of a cache."""
    return folder.parent / _WORKING if _ENTRY.fullmatch(folder.name) else None


class ModelCache:
    """A content-addressed folder: ``<root>/<digest>/`` holds exactly the files that have this digest.

    Guarantees: an entry appears whole or not at all; two processes that add the same entry do not disturb each other;
    `find_verified` never hands out files whose digest has changed; what a killed process left half downloaded is
    removed by the next download. Only the user that runs can write to `root`, so that no file is exchanged between its
    verification and its loading.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def working(self) -> Path:
        """Where models are put together to be loaded; see `mlops_assets.models.working_copy`."""
        return self.root / _WORKING

    @contextmanager
    def open_download_folder(self) -> Iterator[Path]:
        """An empty folder to download into, removed on the way out (unless `add_folder` has moved it)."""
        self._private_root()
        with scratch_folder(self.root / _INCOMING) as scratch:
            folder = scratch / "model"
            folder.mkdir()
            yield folder

    def add_folder(self, folder: Path) -> str:
        """Move a downloaded model into the cache and return its digest.

        Raises
        ------
        TrustError
            The files cannot have a digest; see `mlops_assets.models.digest.model_files`.
        """
        (folder / WRITTEN_AFTER_DOWNLOAD).unlink(missing_ok=True)
        digest = compute_digest(folder)
        entry = self.root / digest
        if not entry.exists():
            try:
                folder.rename(entry)
            except OSError:
                # Another process was faster with the same content; any other reason is an error.
                if not entry.exists():
                    raise
        return digest

    def find_verified(self, digest: str) -> Path | None:
        """The entry's folder, hashed again; None when it is not here.

        Raises
        ------
        DigestMismatchError
            The files were changed since they were stored.
        TrustError
            Somebody else may write to the cache.
        """
        entry = self.root / digest
        if not entry.is_dir():
            return None
        self._private_root()
        actual = None if entry.is_symlink() else self._digest(entry)
        if actual != digest:
            raise DigestMismatchError(
                f"The cached model's files have changed: digest {actual[:12] if actual else 'unknown'} instead of "
                f"{digest[:12]}",
                where=str(entry),
                fix="Delete this folder and run again; then find out who changed it",
            )
        return entry

    def _digest(self, entry: Path) -> str | None:
        if (entry / WRITTEN_AFTER_DOWNLOAD).exists():
            return None
        try:
            return compute_digest(entry)
        except TrustError:
            return None

    def _private_root(self) -> None:
        make_private_folder(self.root)
