"""SHA-256 over a model version's files: the identity of what was pinned."""

import hashlib
from pathlib import Path

from mlops_assets.errors import TrustError

# MLflow writes this file beside the model after a download, so it is not part of what was registered.
WRITTEN_AFTER_DOWNLOAD = "registered_model_meta"


def model_files(folder: Path) -> list[Path]:
    """The files of a model, sorted by their relative path, without what MLflow adds after a download.

    Raises
    ------
    TrustError
        A link leads out of the folder.
    """
    root = folder.resolve()
    files = []
    for path in sorted(folder.rglob("*"), key=lambda entry: entry.relative_to(folder).as_posix()):
        if path.is_symlink() and not path.resolve().is_relative_to(root):
            raise TrustError(
                f"The model's file {path.relative_to(folder).as_posix()!r} is a link out of the model's folder",
                fix="Register the model again with plain files",
            )
        if path.is_file() and path.relative_to(folder).as_posix() != WRITTEN_AFTER_DOWNLOAD:
            files.append(path)
    return files


def digest_of(folder: Path) -> str:
    """SHA-256 (hex) over each file's relative path and content, in order of path.

    Independent of the folder's place, of time stamps and of permissions; every path and content is length-prefixed, so
    no two different folders can be read as one another.
    """
    total = hashlib.sha256()
    for path in model_files(folder):
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").digest()
        name = path.relative_to(folder).as_posix().encode()
        total.update(len(name).to_bytes(8, "big") + name + content)
    return total.hexdigest()
