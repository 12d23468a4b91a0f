"""Turn a pinned, trusted folder into a `LoadedModel`, once per process."""

from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from mlops_assets.errors import ConfigurationError, ModelLoadError
from mlops_assets.models.loaded import LoadedModel
from mlops_assets.models.mlmodel import ModelDescription
from mlops_assets.models.reference import ModelReference

if TYPE_CHECKING:
    from mlflow.pyfunc import PyFuncModel

# A process serves few models at a time; more would hold their memory for nothing.
_MOST_LOADED = 4
_loaded: dict[tuple[str, str, str], LoadedModel] = {}
_lock = Lock()


def load_native(folder: Path, reference: ModelReference) -> LoadedModel:
    """Load a model of a native flavor (scikit-learn, lightgbm, ...); `LoadedModel.native` is the library's own object.

    Raises
    ------
    ConfigurationError
        It is a custom Python model: another loader is needed.
    ModelLoadError
        Its library is missing, or the files cannot be read by it.
    """
    pyfunc = _pyfunc(folder, reference)
    try:
        native = pyfunc.get_raw_model()
    except NotImplementedError as error:
        raise ConfigurationError(
            "BuiltinLoader is for native flavors, and this is a custom Python model",
            where=reference.uri,
            fix="Use `loader: {KIND: CustomLoader}`, or leave `loader` out",
        ) from error
    return LoadedModel(reference, pyfunc, native=native)


def load_custom(folder: Path, reference: ModelReference) -> LoadedModel:
    """Load any pyfunc; `LoadedModel.python_model` is the `PythonModel` inside, where there is one.

    Raises
    ------
    ModelLoadError
        As `load_native`.
    """
    from mlflow.exceptions import MlflowException

    pyfunc = _pyfunc(folder, reference)
    try:
        python_model = pyfunc.unwrap_python_model()
    except MlflowException:
        # MLflow's way to say that the flavor is not a Python model; predicting works all the same.
        python_model = None
    return LoadedModel(reference, pyfunc, python_model=python_model)


def load_by_flavor(folder: Path, reference: ModelReference) -> LoadedModel:
    """`load_custom` for a custom Python model, `load_native` for everything else."""
    custom = ModelDescription.read(folder).loader_module in ("mlflow.pyfunc.model", "mlflow.pyfunc.loaders.code_model")
    return load_custom(folder, reference) if custom else load_native(folder, reference)


def load_once(reference: ModelReference, strategy: str, load: Callable[[], LoadedModel]) -> LoadedModel:
    """`load()`, or what it returned earlier in this process for the same digest, version and strategy."""
    key = (f"{reference.uri}@{reference.alias}", reference.digest, strategy)
    with _lock:
        if key not in _loaded:
            model = load()
            while len(_loaded) >= _MOST_LOADED:
                _loaded.pop(next(iter(_loaded)))
            _loaded[key] = model
        return _loaded[key]


def _pyfunc(folder: Path, reference: ModelReference) -> "PyFuncModel":
    import mlflow.pyfunc
    from mlflow.exceptions import MlflowException

    try:
        model: PyFuncModel = mlflow.pyfunc.load_model(str(folder))
        return model
    except ModuleNotFoundError as error:
        raise ModelLoadError(
            f"The model needs the Python package {error.name!r}, which is not installed",
            where=f"{reference.uri}, flavors {', '.join(reference.flavors)}",
            fix=f"Run: pip install {_requirement(folder, error.name or '')}",
        ) from error
    except (MlflowException, ValueError, TypeError, AttributeError, KeyError, ImportError, OSError) as error:
        raise ModelLoadError(
            f"The model's files cannot be loaded ({type(error).__name__}: {str(error).splitlines()[0][:300]})",
            where=f"{reference.uri}, flavors {', '.join(reference.flavors)}",
            fix=f"Compare the installed versions with those it was saved with: {_requirements(folder)}",
        ) from error


def _requirements(folder: Path) -> str:
    file = folder / "requirements.txt"
    lines = file.read_text("utf-8").split() if file.is_file() else []
    return ", ".join(lines[:20]) or "it names none"


def _requirement(folder: Path, module: str) -> str:
    """The line that the model's requirements hold for a module, else the module's name."""
    wanted = module.partition(".")[0].replace("_", "-").lower()
    for line in _requirements(folder).split(", "):
        if line.lower().replace("_", "-").startswith(wanted):
            return f'"{line}"'
    return wanted
