"""Loaders: strategies that turn a pinned version's files into an object that predicts."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Literal

import dagster as dg

from mlops_assets.mistakes import ReadableModel
from mlops_assets.models.load import load_by_flavor, load_custom, load_native
from mlops_assets.models.loaded_model import LoadedModel
from mlops_assets.models.reference import ModelReference
from mlops_assets.strategies import Strategy, by_kind


class Loader(Strategy, ReadableModel, dg.ConfigurableResource[Any], ABC):
    """Loads files that the trust policy has agreed to and whose digest has been verified.

    A subclass of your own is named in a model's YAML as ``loader: {KIND: your_module.YourLoader}``.
    """

    @abstractmethod
    def load(self, folder: Path, reference: ModelReference) -> LoadedModel:
        """The model in `folder`, which holds exactly the files of `reference`.

        Raises
        ------
        ModelLoadError
            A library is missing, or the files cannot be read.
        """

    def __reduce__(self) -> tuple[Any, ...]:
        # Its settings, without the Dagster context it was initialized with: a worker process makes its own.
        return _made, (type(self), {name: getattr(self, name) for name in type(self).model_fields})


def _made(kind: type[Loader], settings: dict[str, Any]) -> Loader:
    return kind(**settings)


class AutoLoader(Loader):
    """`CustomLoader` for custom Python models, `BuiltinLoader` for every native flavor."""

    KIND: ClassVar[Literal["AutoLoader"]] = "AutoLoader"

    def load(self, folder: Path, reference: ModelReference) -> LoadedModel:
        return load_by_flavor(folder, reference)


class BuiltinLoader(Loader):
    """Native flavors (scikit-learn, lightgbm, xgboost, ...): predicts as MLflow does and reaches the library's
    object."""

    KIND: ClassVar[Literal["BuiltinLoader"]] = "BuiltinLoader"

    def load(self, folder: Path, reference: ModelReference) -> LoadedModel:
        return load_native(folder, reference)


class CustomLoader(Loader):
    """Any pyfunc; reaches the `mlflow.pyfunc.PythonModel` inside a custom model."""

    KIND: ClassVar[Literal["CustomLoader"]] = "CustomLoader"

    def load(self, folder: Path, reference: ModelReference) -> LoadedModel:
        return load_custom(folder, reference)


LOADERS: dict[str, type[Loader]] = by_kind(AutoLoader, BuiltinLoader, CustomLoader)
