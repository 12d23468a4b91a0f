"""Downloaded model versions, one folder per digest. MLflow has no such cache and leaks its temporary folders."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlops_assets.errors import DigestMismatchError
from mlops_assets.models.digest import digest_of


class ModelCache:
    """A content-addressed folder: ``<root>/<digest>/`` holds exactly the files that have this digest.

    Guarantees: an entry appears whole or not at all; two processes that add the same entry do not disturb each other;
    `verified` never hands out files whose digest has changed.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @contextmanager
    def incoming(self) -> Iterator[Path]:
        """An empty folder to download into, removed on the way out (unless `adopt` has moved it)."""
        self.root.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=".incoming-", dir=self.root))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def adopt(self, folder: Path) -> str:
        """Move a downloaded model into the cache and return its digest."""
        digest = digest_of(folder)
        entry = self.root / digest
        if not entry.exists():
            try:
                folder.rename(entry)
            except OSError:
                # Another process was faster with the same content; any other reason is an error.
                if not entry.exists():
                    raise
        return digest

    def verified(self, digest: str) -> Path | None:
        """The entry's folder, hashed again; None when it is not here.

        Raises
        ------
        DigestMismatchError
            The files were changed since they were stored.
        """
        entry = self.root / digest
        if not entry.exists():
            return None
        found = digest_of(entry)
        if found != digest:
            raise DigestMismatchError(
                f"The cached model's files have changed: digest {found[:12]} instead of {digest[:12]}",
                where=entry.name,
                fix=f"Delete the folder {digest} in the model cache and run again",
            )
        return entry
