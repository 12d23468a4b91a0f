"""Models of LightGBM, XGBoost and CatBoost where their library is not installed: this package reads and scores them."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_assets.models.mlmodel import PYFUNC, ModelDescription
from mlops_assets.trees.errors import UnreadableTreesError
from mlops_assets.trees.files.errors import NativeFileError

if TYPE_CHECKING:
    from mlflow.pyfunc import PyFuncModel

    from mlops_assets.trees.file_models import FileModel

LOG = logging.getLogger("mlops_assets")

_LIBRARIES = {"mlflow.lightgbm": "lightgbm", "mlflow.xgboost": "xgboost", "mlflow.catboost": "catboost"}
_BOOSTER = "lightgbm.basic.Booster"


@dataclass(frozen=True)
class _Implementation:
    """What MLflow asks for predictions."""

    model: "FileModel"

    def get_raw_model(self) -> "FileModel":
        return self.model

    def predict(self, data: Any, params: Mapping[str, Any] | None = None) -> Any:
        if params:
            raise ValueError(f"The library that takes the parameters {sorted(params)} is not installed")
        return self.model.predict(data)


def load_without_library(description: ModelDescription, folder: Path, absent: str) -> "PyFuncModel | None":
    """The model in `folder` as MLflow would load it; None where the package `absent` is not the library of its flavor.

    Raises
    ------
    UnreadableTreesError, NativeFileError
        The model needs its library; the message says why.
    """
    library = _LIBRARIES.get(description.loader_module or "")
    if library != absent:
        return None
    from mlflow.models import Model
    from mlflow.pyfunc import PyFuncModel

    from mlops_assets.trees.file_models import read_file_model

    settings = description.flavors.get(library, {})
    kind = str(settings.get("model_type" if library == "catboost" else "model_class") or "")
    path = settings.get("data") or description.flavors.get(PYFUNC, {}).get("data")
    if library == "lightgbm" and kind not in ("", _BOOSTER):
        raise UnreadableTreesError("It is a pickle of its scikit-learn interface", where="LightGBM")
    if not isinstance(path, str) or settings.get("save_format", "cbm") != "cbm":
        raise UnreadableTreesError("Its flavor names no file that is read here", where=library)
    model = read_file_model(library, (folder / path).read_bytes(), kind)
    LOG.warning(
        "The Python package %r is not installed: this package's own readers and kernels score and explain the model",
        library,
    )
    return PyFuncModel(Model.load(str(folder)), _Implementation(model))


def why_not(error: UnreadableTreesError | NativeFileError) -> str:
    """Why a model cannot do without its library, for a message."""
    if isinstance(error, NativeFileError):
        return f"its file {error.what}"
    return error.what[:1].lower() + error.what[1:]
