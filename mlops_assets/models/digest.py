"""SHA-256 over a model version's files: the identity of what was pinned."""

import hashlib
import os
import stat
from pathlib import Path
from typing import IO

from mlops_assets.errors import TrustError
from mlops_assets.progress.report import track
from mlops_assets.progress.stage import Stage

# MLflow writes this file beside the model after a download, so it is not part of what was registered.
WRITTEN_AFTER_DOWNLOAD = "registered_model_meta"
_BLOCK = 2**20


def model_files(folder: Path) -> list[Path]:
    """The files of a model, sorted by their relative path, without what MLflow adds after a download.

    Raises
    ------
    TrustError
        Something is neither a plain file nor a folder: a link (what it points at could be exchanged without a change
        of the digest), a pipe, a device.
    """
    files = []
    for path in sorted(folder.rglob("*"), key=lambda entry: entry.relative_to(folder).as_posix()):
        name = path.relative_to(folder).as_posix()
        kind = path.lstat().st_mode
        if stat.S_ISDIR(kind):
            continue
        if not stat.S_ISREG(kind):
            raise TrustError(
                f"The model's {name!r} is {'a link' if stat.S_ISLNK(kind) else 'not a plain file'}",
                where=folder.name,
                fix="Register the model again with plain files",
            )
        if name != WRITTEN_AFTER_DOWNLOAD:
            files.append(path)
    return files


def compute_digest(folder: Path) -> str:
    """SHA-256 (hex) over each file's relative path and content, in order of path.

    Independent of the folder's place, of time stamps and of permissions. A path is length-prefixed and a content is
    hashed by itself, so no two different folders can be read as one another.

    Raises
    ------
    TrustError
        See `model_files`.
    """
    total = hashlib.sha256()
    files = model_files(folder)
    with track("hashing the model's files", sum(path.stat().st_size for path in files), "bytes") as stage:
        for path in files:
            with path.open("rb") as file:
                content = _hash_content(file, stage)
            name = os.fsencode(path.relative_to(folder).as_posix())
            total.update(len(name).to_bytes(8, "big") + name + content)
    return total.hexdigest()


def _hash_content(file: IO[bytes], stage: Stage) -> bytes:
    content = hashlib.sha256()
    while block := file.read(_BLOCK):
        content.update(block)
        stage.advance(len(block))
    return content.digest()
