"""Turn a pinned, trusted folder into a `LoadedModel`, once per process."""

import re
import traceback
from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_assets.errors import ConfigurationError, ModelLoadError
from mlops_assets.models.loaded_model import LoadedModel
from mlops_assets.models.mlmodel import PYFUNC, ModelDescription
from mlops_assets.models.parallel_work import limit_parallel_work
from mlops_assets.models.prediction_failure import advise, call_model, name_failure
from mlops_assets.models.process_cache import ProcessCache
from mlops_assets.models.reference import ModelReference
from mlops_assets.models.requirements import install_command, is_installed, list_requirements
from mlops_assets.models.sklearn_methods import load_with_method
from mlops_assets.models.structure import check_structure
from mlops_assets.models.without_library import load_without_library, why_not
from mlops_assets.models.working_copy import WorkingCopy
from mlops_assets.signatures.mlflow.enforcement import stop_enforcing_inputs
from mlops_assets.trees.errors import UnreadableTreesError
from mlops_assets.trees.files.errors import NativeFileError

if TYPE_CHECKING:
    from mlflow.pyfunc import PyFuncModel

# A process serves few models at a time; more would hold their memory for nothing.
_MOST_LOADED = 4
_LONGEST_CAUSE = 300
_ABSENT_CLASS = re.compile(r"Can't get attribute '(\w+)' on <module '([\w.]+)'")
LOADED_MODELS: ProcessCache[tuple[ModelReference, Hashable], LoadedModel] = ProcessCache(_MOST_LOADED)


def load_native(folder: Path, reference: ModelReference) -> LoadedModel:
    """Load a model of a native flavor (scikit-learn, lightgbm, ...); `LoadedModel.native` is the library's own object.

    Raises
    ------
    ConfigurationError
        It is a custom Python model: another loader is needed.
    ModelLoadError
        Its library is missing, or the files cannot be read by it.
    TrustError
        Its trees lead out of their arrays; see `check_structure`.
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
    check_structure(native, where=reference.uri)
    limit_parallel_work(native)
    return LoadedModel(reference, pyfunc, native=native, recorded=stop_enforcing_inputs(pyfunc))


def load_custom(folder: Path, reference: ModelReference) -> LoadedModel:
    """Load any pyfunc; `LoadedModel.python_model` is the `PythonModel` inside, where there is one.

    Raises
    ------
    ModelLoadError, TrustError
        As `load_native`.
    """
    from mlflow.exceptions import MlflowException

    pyfunc = _pyfunc(folder, reference)
    try:
        python_model = pyfunc.unwrap_python_model()
    except MlflowException:
        # MLflow's way to say that the flavor is not a Python model; predicting works all the same.
        python_model = None
        with suppress(NotImplementedError):
            native = pyfunc.get_raw_model()
            check_structure(native, where=reference.uri)
            limit_parallel_work(native)
    return LoadedModel(reference, pyfunc, python_model=python_model, recorded=stop_enforcing_inputs(pyfunc))


def load_by_flavor(folder: Path, reference: ModelReference) -> LoadedModel:
    """`load_custom` for a custom Python model, `load_native` for everything else."""
    custom = ModelDescription.read(folder).loader_module in ("mlflow.pyfunc.model", "mlflow.pyfunc.loaders.code_model")
    return load_custom(folder, reference) if custom else load_native(folder, reference)


def load_once(reference: ModelReference, strategy: Hashable, load: Callable[[], LoadedModel]) -> LoadedModel:
    """`load()`, or what it returned earlier in this process for the same reference and strategy."""
    return LOADED_MODELS.get((reference, strategy), load)


def _pyfunc(folder: Path, reference: ModelReference) -> "PyFuncModel":
    import mlflow.pyfunc

    where = f"{reference.uri}, flavors {', '.join(repr(flavor) for flavor in reference.flavors)}"

    from mlflow.exceptions import MlflowException

    needed: list[str] = []

    description = ModelDescription.read(folder)
    if PYFUNC not in description.flavors:
        raise ModelLoadError(
            f"The model has no flavor {PYFUNC!r}, which says how it predicts",
            where=where,
            fix="Log it with MLflow's log_model, with a pyfunc_predict_fn that its estimator has: MLflow writes this "
            "flavor for no other",
        )

    def load() -> "PyFuncModel":
        copy = WorkingCopy(description)
        try:
            try:
                # MLflow's own comparison of versions would follow the `-r` lines of the model's requirements.txt.
                model: PyFuncModel = mlflow.pyfunc.load_model(str(copy.folder), suppress_warnings=True)
            except ModuleNotFoundError as error:
                try:
                    own = load_without_library(description, copy.folder, (error.name or "").partition(".")[0])
                except (UnreadableTreesError, NativeFileError) as reason:
                    needed.append(why_not(reason))
                    raise error from None
                if own is None:
                    raise
                model = own
            except (AttributeError, MlflowException) as error:
                if description.loader_module != "mlflow.sklearn" or description.predict_fn not in str(error):
                    raise
                model = load_with_method(copy.folder, description.predict_fn)
        except BaseException:
            copy.remove()
            raise
        copy.keep_for(model)
        return model

    return call_model(load, lambda error: _load_error(error, folder, where, needed))


def _load_error(error: BaseException, folder: Path, where: str, needed: Sequence[str] = ()) -> ModelLoadError:
    # Each library has errors of its own, down to plain Exception; code of the model's own may run meanwhile.
    if isinstance(error, ModuleNotFoundError):
        module = error.name or ""
        package = module.partition(".")[0]
        absent = f"module {module!r}, which its package does not have in the installed version"
        return ModelLoadError(
            "The model needs the Python "
            + (absent if is_installed(package) else f"package {package!r}, which is not installed")
            + "".join(f", and cannot do without it: {reason}" for reason in needed),
            where=where,
            fix=f"Run: {install_command(folder, module)}",
        )
    cause = (str(error).splitlines() or [""])[0][:_LONGEST_CAUSE]
    if any(frame.name == "load_context" for frame in traceback.extract_tb(error.__traceback__)):
        return ModelLoadError(
            f"The model's own load_context() failed {name_failure(error)}: {cause}",
            where=where,
            fix=advise(error)
            or "Correct it: it runs wherever the model is loaded, and finds only the files that were logged with it "
            "(`artifacts=...` of log_model, context.artifacts)",
        )
    if isinstance(error, AttributeError) and (absent_class := _ABSENT_CLASS.search(str(error))):
        return ModelLoadError(
            f"The model was pickled with {absent_class[1]!r} of the module {absent_class[2]!r}, which is not there",
            where=where,
            fix="Put it into a module and log the model with that file, `code_paths=[...]`, or use the version of the "
            "package that has it",
        )
    return ModelLoadError(
        f"The model's files cannot be loaded ({type(error).__name__}: {cause})",
        where=where,
        fix=advise(error)
        or f"Compare the installed versions with those it was saved with: {list_requirements(folder)}",
    )
