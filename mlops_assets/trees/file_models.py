"""Boosters read from their files, without their libraries: they predict, and their trees are explained.

A file's bytes become checked arrays (`files`), and the kernel adds up the trees bit for bit as the library does. What
such a model lacks is what the library alone knows: columns of categories, training, saving.
"""

import json
from abc import ABC, abstractmethod
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from mlops_assets.trees.catboost_codes import CatboostCodes
from mlops_assets.trees.catboost_columns import CatboostColumns, make_plain
from mlops_assets.trees.ensemble import CATEGORICAL, TreeEnsemble
from mlops_assets.trees.errors import UnreadableTreesError
from mlops_assets.trees.fast_catboost import answer_catboost
from mlops_assets.trees.fast_lightgbm import answer_lightgbm
from mlops_assets.trees.fast_xgboost import answer_xgboost
from mlops_assets.trees.files.catboost_cbm import read_catboost_cbm
from mlops_assets.trees.files.documents import TextDigest
from mlops_assets.trees.files.lightgbm_text import read_lightgbm_text
from mlops_assets.trees.files.xgboost_model import read_xgboost
from mlops_assets.trees.rank_trees import rank_trees
from mlops_assets.trees.ranked_trees import RankedTrees
from mlops_assets.trees.read_catboost_file import read_classes, read_loss
from mlops_assets.trees.read_catboost_file import to_ensemble as catboost_trees
from mlops_assets.trees.read_catboost_file import to_margin as catboost_margin
from mlops_assets.trees.read_lightgbm_file import to_ensemble as lightgbm_trees
from mlops_assets.trees.read_lightgbm_file import to_margin as lightgbm_margin
from mlops_assets.trees.read_xgboost_file import to_ensemble as xgboost_trees
from mlops_assets.trees.read_xgboost_file import to_margin as xgboost_margin

_PANDAS = b"\npandas_categorical:"
_XGBOOST = "xgboost.sklearn."


class FileModel(ABC):
    """A booster without its library.

    Attributes
    ----------
    n_features_in_
        The number of columns that it takes.
    """

    n_features_in_: int

    def __init__(self, ensemble: TreeEnsemble, *, strict: bool = False, dtype: npt.DTypeLike = np.float64) -> None:
        if (ensemble.decision & CATEGORICAL).any():
            raise UnreadableTreesError("It splits by categories", where=type(self).__name__)
        trees = rank_trees(ensemble, strict=strict, dtype=dtype)
        if trees is None:
            raise UnreadableTreesError(
                "Its trees have more columns or thresholds than the kernel takes", where=type(self).__name__
            )
        self._trees: RankedTrees = trees
        self.n_features_in_ = ensemble.n_features

    def predict(self, data: Any) -> npt.NDArray[Any]:
        """As the pyfunc of the library's flavor: `data` is a DataFrame or a matrix of numbers, NaN where missing."""
        return self._answer(self._rows(data))

    @abstractmethod
    def read_margin(self) -> TreeEnsemble:
        """The trees, for explanations."""

    @abstractmethod
    def _answer(self, rows: npt.NDArray[Any]) -> npt.NDArray[Any]: ...

    def _knows(self, _names: list[str]) -> bool:
        """Whether these are the columns' names, in their order."""
        return True

    def _rows(self, data: Any) -> npt.NDArray[Any]:
        names = getattr(data, "columns", None)
        if names is not None and not self._knows([str(name) for name in names]):
            raise ValueError("The columns are not those that the model was trained with, in their order")
        rows = data.to_numpy(np.float64, na_value=np.nan) if names is not None else np.asarray(data, np.float64)
        if rows.ndim != 2 or rows.shape[1] != self.n_features_in_:
            raise ValueError(f"The rows have the shape {rows.shape}, and the model takes {self.n_features_in_} columns")
        return np.asarray(rows)


class LightgbmFile(FileModel):
    """A LightGBM Booster."""

    def __init__(self, data: bytes) -> None:
        _, found, categories = data.rpartition(_PANDAS)
        if found and json.loads(categories.strip().splitlines()[0] or b"null"):
            raise UnreadableTreesError("It has columns of pandas' categories", where="LightGBM")
        self._model = read_lightgbm_text(data)
        super().__init__(lightgbm_trees(self._model))

    def read_margin(self) -> TreeEnsemble:
        return lightgbm_margin(self._model)

    def _answer(self, rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return answer_lightgbm(self._model, self._trees, rows)


class XgboostFile(FileModel):
    """An XGBoost Booster, or an XGBModel that is no classifier."""

    def __init__(self, data: bytes, is_booster: bool) -> None:
        self._model = read_xgboost(data)
        # A Booster predicts with all its trees, the scikit-learn interface up to the best iteration.
        best = None if is_booster else self._model.best_iteration
        self._iterations, self._inplace = None if best is None else best + 1, not is_booster
        super().__init__(xgboost_trees(self._model, self._iterations), strict=True, dtype=np.float32)
        none = np.zeros((0, self._model.columns), np.float32)
        if answer_xgboost(self._model, self._trees, none, False, self._inplace) is None:
            raise UnreadableTreesError(f"It has the objective {self._model.objective[:40]!r}", where="XGBoost")

    def read_margin(self) -> TreeEnsemble:
        return xgboost_margin(self._model, self._iterations, getattr(self, "classes_", None))

    def _knows(self, names: list[str]) -> bool:
        return self._model.names in (b"", TextDigest(names).value)

    def _answer(self, rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
        if np.isinf(rows).any():
            raise ValueError("XGBoost takes no infinite values")
        with np.errstate(over="ignore"):
            singles = rows.astype(np.float32)
        answer = answer_xgboost(self._model, self._trees, singles, False, self._inplace)
        return np.asarray(answer)


class XgboostFileClassifier(XgboostFile):
    """An XGBClassifier: its classes are numbers."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data, is_booster=False)
        if self._model.objective == "multi:softmax":
            raise UnreadableTreesError("It answers labels in place of probabilities", where="XGBoost")
        self.classes_ = np.arange(max(self._model.outputs, 2))

    def predict_proba(self, data: Any) -> npt.NDArray[Any]:
        """(n, classes)."""
        answer = super().predict(data)
        return answer if answer.ndim > 1 else np.vstack((1.0 - answer, answer)).transpose()

    def predict(self, data: Any) -> npt.NDArray[Any]:
        """The labels."""
        answer = super().predict(data)
        return answer.argmax(axis=1) if answer.ndim > 1 else (answer > 0.5).astype(np.int64)


class CatboostFile(FileModel):
    """A CatBoost model that is no classifier."""

    def __init__(self, data: bytes, kind: str) -> None:
        self._model = read_catboost_cbm(data)
        self._loss, classes = read_loss(self._model), read_classes(self._model)
        self._classes = np.asarray(classes if classes is not None else [])
        self._default = "RawFormulaVal"
        if kind == "CatBoostRegressor":
            usual = {"Poisson": "Exponent", "Tweedie": "Exponent", "RMSEWithUncertainty": "RMSEWithUncertainty"}
            self._default = usual.get(self._loss, self._default)
        features = self._model.features
        places = [*features.columns.tolist(), *features.category_columns]
        self._names = dict(zip(places, [*features.names, *features.category_names], strict=True))
        self._columns = CatboostColumns(self._model, max(places, default=-1) + 1)
        super().__init__(catboost_trees(self._model, self._columns.splits() if self._columns.categories else None))
        if self._columns.categories:
            # As CatBoost's own, which is given frames: what has a number of columns is given a matrix.
            del self.n_features_in_
            names = [self._names.get(place) or str(place).encode() for place in range(self._columns.columns)]
            self.feature_names_ = [name.decode("utf-8", "replace") for name in names]

    def read_margin(self) -> TreeEnsemble:
        codes = self.category_codes
        if codes is None and self._columns.categories:
            raise UnreadableTreesError("It splits by statistics of several columns", where="CatBoost")
        return catboost_margin(self._model, None if codes is None else codes.splits())

    @cached_property
    def category_codes(self) -> CatboostCodes | None:
        """What explanations are given in place of categories; None where there are none, or no codes say it all."""
        codes = CatboostCodes(self._model, self._columns.columns)
        return codes if self._columns.categories and codes.applies else None

    def _knows(self, names: list[str]) -> bool:
        known = self._names.items()
        return all(name is None or (place < len(names) and names[place].encode() == name) for place, name in known)

    def _rows(self, data: Any) -> npt.NDArray[Any]:
        if not self._columns.categories:
            return super()._rows(data)
        names = getattr(data, "columns", None)
        if names is None or len(names) != self._columns.columns or not self._knows([str(name) for name in names]):
            raise ValueError("The columns are not those that the model was trained with, in their order")
        rows = self._columns.read(make_plain(data, self._columns.categories))
        if rows is None:
            raise ValueError("A column of categories holds what is neither text nor a whole number, or nothing")
        return rows

    def _answer(self, rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return self._ask(rows, self._default)

    def _ask(self, rows: npt.NDArray[Any], prediction_type: str) -> npt.NDArray[Any]:
        return answer_catboost(self._model, self._trees, rows, prediction_type, self._classes, self._loss)


class CatboostFileClassifier(CatboostFile):
    """A CatBoostClassifier."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data, "CatBoostClassifier")
        if len(self._classes) < 2 or "binclass_probability_threshold" in self._model.info:
            raise UnreadableTreesError("It has no labels, or a threshold of its own", where="CatBoost")
        self._default, self.classes_ = "Class", self._classes

    def predict_proba(self, data: Any) -> npt.NDArray[Any]:
        """(n, classes)."""
        return self._ask(self._rows(data), "Probability")


def read_file_model(library: str, data: bytes, kind: str) -> FileModel:
    """A model without its library.

    Parameters
    ----------
    library
        "lightgbm", "xgboost" or "catboost".
    kind
        The class that MLflow would load: "xgboost.sklearn.XGBClassifier", "CatBoostRegressor", ...; empty: a Booster.

    Raises
    ------
    NativeFileError
        The file is not what the library writes.
    UnreadableTreesError
        The model needs its library: it has categories, linear leaves, no trees, or answers in a way not known here.
    """
    if library == "lightgbm":
        return LightgbmFile(data)
    if library == "xgboost":
        if kind.startswith(_XGBOOST) and kind.endswith("Classifier"):
            return XgboostFileClassifier(data)
        return XgboostFile(data, is_booster=not kind.startswith(_XGBOOST))
    if library == "catboost":
        return CatboostFileClassifier(data) if kind == "CatBoostClassifier" else CatboostFile(data, kind)
    raise UnreadableTreesError("Such files are not read here", where=library)
