"""A loaded model as it predicts many rows: with this package's kernel where there is one for it.

The model that was loaded is not changed: the fast way to predict belongs to a copy, one per loaded model and process.
"""

import weakref
from collections.abc import Mapping
from dataclasses import dataclass, replace
from threading import Lock
from typing import TYPE_CHECKING, Any

from mlops_assets.models.loaded_model import LoadedModel
from mlops_assets.models.sklearn_methods import SklearnImplementation
from mlops_assets.trees.accelerate import AcceleratedModel, accelerate

if TYPE_CHECKING:
    from mlflow.pyfunc import PyFuncModel


@dataclass(frozen=True, eq=False)
class _Copy:
    """What predicts in place of a loaded model; it holds no reference to it, so that both are freed together."""

    accelerated: AcceleratedModel
    pyfunc: "PyFuncModel"


_LOADERS = ("mlflow.sklearn", "mlflow.lightgbm", "mlflow.xgboost", "mlflow.catboost")
# By the identity of the `PyFuncModel`, which cannot be hashed. All runs of a process that predict with the same loaded
# model share the copy: the trees are encoded and compared once.
_copies: "dict[int, _Copy | None]" = {}
_lock = Lock()


def accelerated_model(model: LoadedModel) -> LoadedModel:
    """`model`, or a copy of it that predicts the same to the last bit, faster: see `accelerate`."""
    copy = _copy_of(model)
    return model if copy is None else replace(model, native=copy.accelerated.model, pyfunc=copy.pyfunc)


def is_accelerated(model: LoadedModel) -> bool:
    """Whether `accelerated_model` is another one than `model`."""
    return _copy_of(model) is not None


def works_in_threads(model: LoadedModel, rows: int) -> bool:
    """Whether several threads may predict with `accelerated_model(model)` at once, and gain from it.

    scikit-learn's boosting does in any case; a library with threads of its own where the kernel takes its place.
    """
    copy = _copy_of(model)
    if copy is None:
        return False
    copy.accelerated.expect_rows(rows)
    return copy.accelerated.uses_kernel or model.pyfunc.loader_module == "mlflow.sklearn"


def expect_rows(model: LoadedModel, rows: int) -> None:
    """Announce about how many rows `accelerated_model(model)` will predict: the kernel is loaded when that pays."""
    copy = _copy_of(model)
    if copy is not None:
        copy.accelerated.expect_rows(rows)


def _copy_of(model: LoadedModel) -> _Copy | None:
    from mlflow.pyfunc import PyFuncModel

    pyfunc = model.pyfunc
    # Anything else is the work of somebody's own loader, and may predict in a way of its own.
    if type(pyfunc) is not PyFuncModel or pyfunc.loader_module not in _LOADERS:
        return None
    if model.native is None or pyfunc.get_raw_model() is not model.native:
        return None
    with _lock:
        if id(pyfunc) not in _copies:
            _copies[id(pyfunc)] = _make_copy(pyfunc)
            weakref.finalize(pyfunc, _copies.pop, id(pyfunc)).atexit = False
        return _copies[id(pyfunc)]


def _make_copy(pyfunc: "PyFuncModel") -> _Copy | None:
    from mlflow.pyfunc import FLAVOR_NAME, PyFuncModel

    accelerated = accelerate(pyfunc.get_raw_model())
    if accelerated is None:
        return None
    copy = PyFuncModel(
        pyfunc.metadata,
        _implementation(pyfunc, accelerated.model),
        predict_fn=pyfunc.metadata.flavors[FLAVOR_NAME].get("predict_fn", "predict"),
        model_id=pyfunc.model_id,
    )
    return _Copy(accelerated, copy)


def _implementation(pyfunc: "PyFuncModel", model: Any) -> Any:
    """What MLflow asks for predictions: for `model` as it does for the one that was loaded."""
    if pyfunc.loader_module not in ("mlflow.xgboost", "mlflow.catboost"):
        return SklearnImplementation(model)  # LightGBM's ignores params as well
    wrapper = type(pyfunc._model_impl)(model)  # noqa: SLF001 - MLflow's class is not public
    return _XgboostImplementation(wrapper, model) if hasattr(model, "predict_frame") else wrapper


class _XgboostImplementation:
    """A Booster behind MLflow's pyfunc, which makes a DMatrix of each data frame before it asks."""

    def __init__(self, wrapper: Any, model: Any) -> None:
        self._wrapper, self._model = wrapper, model

    def get_raw_model(self) -> Any:
        return self._model

    def predict(self, data: Any, params: Mapping[str, Any] | None = None) -> Any:
        answer = (
            None if params or not hasattr(data, "columns") else self._model.predict_frame(data, self._wrapper.predict)
        )
        return self._wrapper.predict(data, params) if answer is None else answer
