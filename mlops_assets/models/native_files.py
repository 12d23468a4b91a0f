"""Native model files (LightGBM, XGBoost, CatBoost, ONNX): checked by our own readers before their library sees them."""

from mlops_assets.errors import ArtifactsMissingError, TrustError
from mlops_assets.models.mlmodel import PYFUNC, ModelDescription
from mlops_assets.models.native_trial import try_model
from mlops_assets.models.reference import ModelReference
from mlops_assets.models.working_copy import WorkingCopy
from mlops_assets.trees.files.check import NativeFileError, UncheckableFileError, check_native_bytes

NATIVE_LIBRARIES = "trust: {native_libraries: true}"
_LIBRARIES = {"lightgbm": "LightGBM", "xgboost": "XGBoost", "catboost": "CatBoost", "onnx": "ONNX"}
_BOOSTER = "lightgbm.basic.Booster"


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
            death = _try(description, reference)
            if death:
                raise TrustError(
                    f"The model was not loaded, because the process that tried it first {death}",
                    where=reference.uri,
                    fix="Do not use this model: its file is not what its library can read",
                ) from error


def _try(description: ModelDescription, reference: ModelReference) -> str | None:
    # MLflow reads MLmodel there too: it gets what was judged.
    copy = WorkingCopy(description)
    try:
        return try_model(copy.folder, reference.digest)
    finally:
        copy.remove()


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
