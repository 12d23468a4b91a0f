"""skops files: which types they would make, found without making any."""

import zipfile
from contextlib import suppress
from pathlib import Path

from mlops_assets.errors import ModelLoadError, TrustError
from mlops_assets.models.mlmodel import ModelDescription

SUFFIX = ".skops"
_ZIP = b"PK\x03\x04"
# skops writes its archives uncompressed; one that grows a hundredfold is made to fill the memory.
_MOST_EXPANSION = 100
_RULE = "Register the model again with MLflow"


def import_skops() -> None:
    """Import skops now, before much else is imported: it searches all modules for each of four thousand functions,
    which takes seconds where Dagster and MLflow are among them (skops 0.16, `skops.io._utils.whichmodule`).

    For commands, which a person waits for. Where skops is not installed, the model that needs it says so.
    """
    with suppress(ModuleNotFoundError):
        import skops.io  # noqa: F401 - for its import alone


def find_untrusted_types(file: Path) -> frozenset[str]:
    """Types and functions in a skops file that skops does not trust by itself, as skops names them.

    Raises
    ------
    TrustError
        It is no skops file, or one made to harm its reader.
    ModelLoadError
        skops is not installed.
    """
    try:
        from skops.io import get_untrusted_types
    except ModuleNotFoundError as error:
        raise ModelLoadError("The model needs skops, which is not installed", fix='Run: pip install "skops"') from error
    _check_archive(file)
    try:
        return frozenset(get_untrusted_types(file=file))
    except Exception as error:
        # Whatever a crafted file makes skops stumble over: it is not loaded.
        raise TrustError(
            f"{file.name!r} is not a skops file that can be examined ({type(error).__name__})", fix=_RULE
        ) from error


def _check_archive(file: Path) -> None:
    with file.open("rb") as archive:
        start = archive.read(len(_ZIP))
    try:
        # A zip archive may follow anything, a pickle for example; then two readers see two files.
        entries = zipfile.ZipFile(file).infolist() if start == _ZIP else None
    except zipfile.BadZipFile:
        entries = None
    if entries is None:
        raise TrustError(f"{file.name!r} is not a skops file", fix=_RULE)
    if sum(entry.file_size for entry in entries) > _MOST_EXPANSION * max(file.stat().st_size, 1):
        raise TrustError(f"{file.name!r} expands to more than {_MOST_EXPANSION} times its size", fix=_RULE)


def list_types(description: ModelDescription) -> frozenset[str] | None:
    """Every type that the model's skops files hold, with those that its ``MLmodel`` lists; None where that lists all.

    MLflow loads what the model's own list names, and that list depends on the skops version that saved it: a forest
    saved with skops 0.14 does not load with 0.16. What may be loaded has been decided before, from this deployment's
    list; here it only must not fail for the other one.
    """
    settings = description.flavors.get(description.flavor, {})
    listed = settings.get("skops_trusted_types") or []
    written = settings.get("serialization_format") == "skops"
    files = {path for path in description.paths().values() if written and path.endswith(SUFFIX)}
    needed = frozenset[str]().union(*(find_untrusted_types(description.folder / path) for path in files))
    return None if needed <= set(listed) else needed.union(listed)
