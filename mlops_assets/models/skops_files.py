"""skops files: which types they would make and what these would hold, judged without making any."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from mlops_assets.errors import ModelLoadError, TrustError
from mlops_assets.models.mlmodel import ModelDescription
from mlops_assets.models.native_trial import try_booster
from mlops_assets.models.skops import judge
from mlops_assets.models.skops.paths import Place
from mlops_assets.models.skops.refusal import RefusedStateError
from mlops_assets.models.skops_import import import_skops
from mlops_assets.trees.files.check import NativeFileError, UncheckableFileError, check_native_bytes

SUFFIX = ".skops"
# SHA-256 of the files whose schema this process has read to its end: the way to a load reads none twice.
_JUDGED: set[str] = set()
_MOST_JUDGED = 1_000
_RULE = "Register the model again with MLflow"


def find_untrusted_types(file: Path) -> frozenset[str]:
    """Types and functions in a skops file that skops does not trust by itself, as skops names them.

    They are what skops has to be told to load, not what may be loaded: that is the policy's.

    Raises
    ------
    TrustError
        It is no skops file, or one made to harm its reader.
    ModelLoadError
        skops is not installed.
    """
    import_skops()
    try:
        from skops.io import get_untrusted_types
    except ModuleNotFoundError as error:
        raise ModelLoadError("The model needs skops, which is not installed", fix='Run: pip install "skops"') from error
    # Our own reader first: skops visits shared nodes once for each way to them.
    if _hash(file) not in _JUDGED:
        find_unknown_types(file)
    try:
        return frozenset(get_untrusted_types(file=file))
    except Exception as error:
        # Whatever a crafted file makes skops stumble over: it is not loaded.
        raise TrustError(
            f"{file.name!r} is not a skops file that can be examined ({type(error).__name__})", fix=_RULE
        ) from error


def find_unknown_types(file: Path) -> frozenset[str]:
    """Types and functions in a skops file that this package does not describe, as skops names them.

    Raises
    ------
    TrustError
        It is no skops file, or one made to harm its reader.
    """
    try:
        return judge.find_unknown_types(file)
    except RefusedStateError as error:
        raise _refusal(error, file.name, "") from error


def check_state(
    file: Path, relative: str, trusted: frozenset[str], where: str, *, native_libraries: bool = False
) -> frozenset[str]:
    """Types and functions in a skops file that nobody trusts. Where there are none, every object's state was judged.

    Parameters
    ----------
    relative
        What messages call the file.
    trusted
        Names that the deployment trusts beyond what is described here.
    native_libraries
        Whether a booster within the file that cannot be checked may be given to its library, once a process of its own
        has survived it.

    Raises
    ------
    TrustError
        It is no skops file, one made to harm its reader, or an object in it holds what it should not: named with its
        place, and the type to trust by name where that would allow it.
    """
    digest = _hash(file)
    try:
        unknown = judge.judge_file(file, trusted, _booster_check(native_libraries))
    except RefusedStateError as error:
        raise _refusal(error, relative, where) from error
    if len(_JUDGED) >= _MOST_JUDGED:
        _JUDGED.clear()
    _JUDGED.add(digest)
    return unknown


def _hash(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _booster_check(native_libraries: bool) -> Callable[[str, bytes, Place], None]:
    """What judges a LightGBM or XGBoost model within a skops file by its own bytes, before its library reads them."""

    def check_booster(library: str, content: bytes, place: Place) -> None:
        try:
            check_native_bytes(library, content)
        except NativeFileError as error:
            if native_libraries:
                death = try_booster(library, content)
                if death:
                    raise RefusedStateError(
                        f"harms its library: the process that tried it first {death}", place
                    ) from error
            elif isinstance(error, UncheckableFileError):
                raise RefusedStateError(
                    f"cannot be checked: it {error} (`trust: {{native_libraries: true}}` allows that)", place
                ) from error
            else:
                raise RefusedStateError(f"is damaged or made to harm: it {error}", place) from error

    return check_booster


def _refusal(error: RefusedStateError, name: str, where: str) -> TrustError:
    if not error.path:
        return TrustError(f"{name!r} {error.what}", where=where, fix=_RULE)
    fix = (
        "Do not use this model: no library writes such a file. If it is yours, register it again with MLflow"
        if error.allow is None
        else "Register the model again with the installed versions, without this. If you know who made it and what "
        f"this does, {error.allow} may go into `trust: {{trusted_types: [{error.allow}]}}` in the model's YAML: what "
        "objects of this type hold is then not judged"
    )
    return TrustError(
        f"The model was not loaded, because {name!r} holds what is not trusted here: `{error.path}` {error.what}",
        where=where,
        fix=fix,
    )


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
