"""Which models load without running code that comes with them: MLflow's loaders, one by one.

What is not on this page runs code: every loader that unpickles, evaluates, or imports what the model names. Read
against mlflow 3.17; a loader that MLflow adds later is refused until it is added here.
"""

from collections.abc import Callable, Mapping, Set
from pathlib import Path
from typing import Any

from mlops_assets.models.digest import model_files
from mlops_assets.models.mlmodel import PYFUNC, ModelDescription
from mlops_assets.models.skops_files import SUFFIX

_PICKLE_SUFFIXES = (".pkl", ".pickle", ".joblib", ".cloudpickle", ".dill", ".pth", ".pt", ".pt2")
_PREDICT_METHODS = {
    *("predict", "predict_proba", "predict_log_proba", "predict_joint_log_proba", "score"),
    *("decision_function", "score_samples"),
}
_BOOSTERS = {"xgboost.core.Booster"} | {
    f"xgboost.sklearn.{name}"
    for name in ("XGBModel", "XGBClassifier", "XGBRegressor", "XGBRanker", "XGBRFClassifier", "XGBRFRegressor")
}
_ONNX_OPTIONS = {"inter_op_num_threads", "intra_op_num_threads", "execution_mode", "graph_optimization_level"}

Flavors = Mapping[str, Mapping[str, Any]]


def find_code_execution(description: ModelDescription) -> str | None:
    """Why loading the model would run code that comes with it, or None if it would not.

    Judges every file in the folder, not only those that are named: what nothing should read must not be there.
    """
    for flavor, settings in sorted(description.flavors.items()):
        if settings.get("code"):
            return f"it carries its own code ({flavor!r}.code)"
        if settings.get("model_code_path"):
            return f"it is loaded by running its own script ({flavor!r}.model_code_path)"
    loader = description.loader_module
    if loader is None:
        return "it names no loader module"
    judge = _LOADERS.get(loader)
    if judge is None:
        return (
            "it is a pickled Python model"
            if loader == "mlflow.pyfunc.model"
            else f"it is loaded by the module {loader[:200]!r}"
        )
    if loader.removeprefix("mlflow.") not in description.flavors:
        return f"it does not describe the flavor {loader.removeprefix('mlflow.')!r} that its loader reads"
    if not _is_one_of(description.flavors[PYFUNC].get("predict_fn", "predict"), _PREDICT_METHODS):
        return "it asks for a method that is none of scikit-learn's predictions"
    return judge(description.flavors) or _in_folder(description.folder)


def _is_one_of(value: object, names: Set[str]) -> bool:
    return isinstance(value, str) and value in names


def _in_folder(folder: Path) -> str | None:
    for path in model_files(folder):
        name = path.relative_to(folder).as_posix()
        if path.name.casefold() == "mlmodel" and name != "MLmodel":
            return f"{name!r} is a second MLmodel file, which MLflow may read instead of the first"
        with path.open("rb") as file:
            start = file.read(2)
        # Protocols 2 to 5 start with their number; older ones look like text.
        if path.name.casefold().endswith(_PICKLE_SUFFIXES) or (
            start[:1] == b"\x80" and start[1:] in b"\x02\x03\x04\x05"
        ):
            return f"{name!r} is a pickle"
    return None


def _sklearn(flavors: Flavors) -> str | None:
    if "data" in flavors[PYFUNC]:
        return "its MLmodel has a path that MLflow does not write ('python_function'.data)"
    return _skops(flavors["sklearn"], flavors[PYFUNC].get("model_path"), "pickle")


def _lightgbm(flavors: Flavors) -> str | None:
    settings = flavors["lightgbm"]
    if settings.get("model_class", "lightgbm.basic.Booster") == "lightgbm.basic.Booster":
        return None
    return _skops(settings, settings.get("data"), "cloudpickle")


def _skops(settings: Mapping[str, Any], path: object, otherwise: str) -> str | None:
    written = settings.get("serialization_format", otherwise)
    if written != "skops":
        return f"its serialization format is {str(written)[:50]!r}"
    if not str(path).endswith(SUFFIX):
        return "its format is said to be skops, and its file is not"
    return None


def _xgboost(flavors: Flavors) -> str | None:
    named = flavors["xgboost"].get("model_class", "xgboost.core.Booster")
    if _is_one_of(named, _BOOSTERS):
        return None
    return f"it asks for the class {str(named)[:200]!r}, which is none of xgboost's models"


def _onnx(flavors: Flavors) -> str | None:
    providers = flavors["onnx"].get("providers") or []
    if not isinstance(providers, str) and not all(isinstance(name, str) for name in providers):
        return "it sets options of execution providers, which can name libraries to load"
    options = flavors["onnx"].get("onnx_session_options") or {}
    if not isinstance(options, dict) or not set(options) <= _ONNX_OPTIONS:
        return "it sets options of the ONNX session, which can name libraries to load"
    return None


def _catboost(_flavors: Flavors) -> str | None:
    return None


def _pytorch(_flavors: Flavors) -> str | None:
    # torch.export.load evaluates the expressions of symbolic shapes with sympy (pytorch/pytorch#140084, backed out in
    # #141254), and everything else is torch.load's pickle.
    return "to load a PyTorch model is to evaluate what it holds"


_LOADERS: dict[str, Callable[[Flavors], str | None]] = {
    "mlflow.sklearn": _sklearn,
    "mlflow.lightgbm": _lightgbm,
    "mlflow.xgboost": _xgboost,
    "mlflow.catboost": _catboost,
    "mlflow.onnx": _onnx,
    "mlflow.pytorch": _pytorch,
}
