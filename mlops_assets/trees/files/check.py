"""One question for all formats: may a library be given these bytes?"""

from collections.abc import Callable

from mlops_assets.trees.files.catboost_cbm import CatboostModel, read_catboost_cbm
from mlops_assets.trees.files.errors import NativeFileError, UncheckableFileError
from mlops_assets.trees.files.lightgbm_text import LightgbmModel, read_lightgbm_text
from mlops_assets.trees.files.onnx import read_onnx
from mlops_assets.trees.files.onnx_trees import OnnxTrees
from mlops_assets.trees.files.xgboost_model import XgboostModel, read_xgboost

__all__ = ["NativeFileError", "UncheckableFileError", "check_native_bytes"]

NativeModel = LightgbmModel | XgboostModel | CatboostModel | OnnxTrees

_READERS: dict[str, Callable[[bytes], NativeModel]] = {
    "catboost": read_catboost_cbm,
    "lightgbm": read_lightgbm_text,
    "onnx": read_onnx,
    "xgboost": read_xgboost,
}


def check_native_bytes(kind: str, data: bytes) -> NativeModel:
    """The checked arrays of a model that ``catboost``, ``lightgbm``, ``onnx`` or ``xgboost`` is to read.

    `data` is a model file, or what the library's Python object holds as its state: the text of a LightGBM Booster, the
    buffer of an XGBoost one, the bytes of a CatBoost.

    Raises
    ------
    UncheckableFileError
        These readers do not know the format, or something in it.
    NativeFileError
        An index, a count, a size, a depth or a link of it leads elsewhere.
    """
    reader = _READERS.get(kind)
    if reader is None:
        raise UncheckableFileError(f"is of {kind[:40]!r}, which is not known here", where="byte 0")
    return reader(data)
