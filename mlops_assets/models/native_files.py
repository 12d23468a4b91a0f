"""Native model files (LightGBM, XGBoost, CatBoost, ONNX): checked by our own readers before their library sees them."""

import subprocess
import sys
from pathlib import Path

from mlops_assets.child_process import child_environment, signal_name
from mlops_assets.errors import ArtifactsMissingError, TrustError
from mlops_assets.models.mlmodel import PYFUNC, ModelDescription
from mlops_assets.models.reference import ModelReference
from mlops_assets.trees.files.check import NativeFileError, UncheckableFileError, check_native_bytes

NATIVE_LIBRARIES = "trust: {native_libraries: true}"
_LIBRARIES = {"lightgbm": "LightGBM", "xgboost": "XGBoost", "catboost": "CatBoost", "onnx": "ONNX"}
_LONGEST_PROBE = 600
_BOOSTER = "lightgbm.basic.Booster"
# Digests of models that a process of their own has loaded and asked once.
_PROBED: set[str] = set()


def check_native_files(description: ModelDescription, reference: ModelReference, native_libraries: bool) -> None:
    """Return if the files that a native library is to read are sound, or may be loaded unchecked and a process of its
    own has survived it.

    Raises
    ------
    TrustError
        A file leads out of its own parts, cannot be checked, or killed the process that tried it.
    ArtifactsMissingError
        A file that the model names is not there.
    """
    library = (description.loader_module or "").removeprefix("mlflow.")
    if library not in _LIBRARIES or not _is_native(description, library):
        return
    for relative in _files(description, library):
        path = description.folder / relative
        if not path.is_file():
            raise ArtifactsMissingError(
                f"The model lacks the file {relative!r} that its flavor names",
                where=reference.uri,
                fix="Restore the artifacts, or register the model again and move the alias",
            )
        try:
            _check_format(description, library)
            check_native_bytes(library, path.read_bytes())
        except NativeFileError as error:
            if not native_libraries:
                raise _refusal(error, f"{_LIBRARIES[library]} file {relative!r}", library, reference) from error
            _probe(description.folder, reference)


def _is_native(description: ModelDescription, library: str) -> bool:
    settings = description.flavors.get(library, {})
    return library != "lightgbm" or settings.get("model_class", _BOOSTER) == _BOOSTER


def _files(description: ModelDescription, library: str) -> list[str]:
    """MLflow reads the flavor's path for some libraries, and pyfunc's for others."""
    named = [description.flavors.get(flavor, {}).get("data") for flavor in (library, PYFUNC)]
    files = sorted({path for path in named if isinstance(path, str) and path})
    if not files:
        raise ArtifactsMissingError("The model names no file that its library reads", where=description.folder.name)
    return files


def _check_format(description: ModelDescription, library: str) -> None:
    written = description.flavors.get(library, {}).get("save_format") if library == "catboost" else None
    if written not in (None, "cbm"):
        raise UncheckableFileError(f"has the format {str(written)[:40]!r}, which is not known here", where="MLmodel")


def _refusal(error: NativeFileError, file: str, library: str, reference: ModelReference) -> TrustError:
    where = f"{reference.uri}, {error.where}"
    allow = (
        f"add `{NATIVE_LIBRARIES}` to the model's YAML: {_LIBRARIES[library]} then reads it unchecked, after a process "
        "of its own has tried it"
    )
    if isinstance(error, UncheckableFileError):
        return TrustError(
            f"The model was not loaded, because its {file} cannot be checked: it {error.what}",
            where=where,
            fix=f"If you trust whoever can write to the registry, {allow}",
        )
    return TrustError(
        f"The model was not loaded, because its {file} is damaged or made to harm: it {error.what}",
        where=where,
        fix=f"Register the model again from its source. If you know where the file is from and trust it, {allow}",
    )


def _probe(folder: Path, reference: ModelReference) -> None:
    """Load the model and predict once, in a process that may die of it."""
    if reference.digest in _PROBED:
        return
    command = [sys.executable, "-m", "mlops_assets.models.native_probe", str(folder)]
    try:
        done = subprocess.run(
            command, env=child_environment(), capture_output=True, timeout=_LONGEST_PROBE, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise _death(f"did not end within {_LONGEST_PROBE} seconds", reference) from error
    if done.returncode < 0:
        raise _death(f"was killed by {signal_name(done.returncode)}", reference)
    if done.returncode not in (0, 3):
        last = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        raise _death(f"ended with exit status {done.returncode} ({last[:200]!r})", reference)
    _PROBED.add(reference.digest)


def _death(what: str, reference: ModelReference) -> TrustError:
    return TrustError(
        f"The model was not loaded, because the process that tried it first {what}",
        where=reference.uri,
        fix="Do not use this model: its file is not what its library can read",
    )
