"""Boosters read from their files, without their libraries: they predict, and their trees are explained.

A file's bytes become checked arrays (`files`), and the kernel adds up the trees bit for bit as the library does. What
such a model lacks is what the library alone knows: training, saving, and answers of other kinds.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from mlops_assets.trees.catboost_codes import CatboostCodes
from mlops_assets.trees.catboost_columns import CatboostColumns, make_plain
from mlops_assets.trees.ensemble import TreeEnsemble
from mlops_assets.trees.errors import UnreadableTreesError
from mlops_assets.trees.fast_catboost import answer_catboost
from mlops_assets.trees.fast_lightgbm import answer_lightgbm, knows_objective, rank_lightgbm
from mlops_assets.trees.fast_xgboost import answer_xgboost
from mlops_assets.trees.files.catboost_cbm import read_catboost_cbm
from mlops_assets.trees.files.documents import TextDigest
from mlops_assets.trees.files.lightgbm_text import read_lightgbm_text
from mlops_assets.trees.files.xgboost_model import read_xgboost
from mlops_assets.trees.plain_rows import plain_rows
from mlops_assets.trees.rank_trees import rank_trees
from mlops_assets.trees.ranked_trees import RankedTrees
from mlops_assets.trees.read_catboost_file import read_classes, read_loss
from mlops_assets.trees.read_catboost_file import to_ensemble as catboost_trees
from mlops_assets.trees.read_catboost_file import to_margin as catboost_margin
from mlops_assets.trees.read_lightgbm_file import to_margin as lightgbm_margin
from mlops_assets.trees.read_xgboost_file import to_ensemble as xgboost_trees
from mlops_assets.trees.read_xgboost_file import to_margin as xgboost_margin

_PANDAS = b"\npandas_categorical:"
_XGBOOST = "xgboost.sklearn."


class FileModel(ABC):
    """A booster without its library.

    Attributes
    ----------
    BOOSTER_LIBRARY
        Whose frames with columns of categories it takes; empty: it has a way of its own.
    n_features_in_
        The number of columns that it takes; not there where some are of categories, as boosters have none: what has it
        is given a matrix.
    known_categories
        Of each column of categories in turn, in the order of the codes.
    """

    BOOSTER_LIBRARY: ClassVar[str] = ""
    n_features_in_: int
    known_categories: Sequence[Sequence[Any]] = ()

    def __init__(self, trees: RankedTrees | None, columns: int) -> None:
        if trees is None:
            raise UnreadableTreesError(
                "Its trees have more columns, thresholds or categories than the kernel takes", where=type(self).__name__
            )
        self._trees: RankedTrees = trees
        self._width = columns
        if not self.known_categories:
            self.n_features_in_ = columns

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
        if names is not None and self.known_categories:
            coded = plain_rows(data, self._width, self.known_categories) if len(data) else None
            if coded is None and len(data):
                raise ValueError(f"The rows have not the model's {len(self.known_categories)} columns of categories")
            rows = np.zeros((0, self._width)) if coded is None else np.asarray(coded, np.float64)
        else:
            rows = data.to_numpy(np.float64, na_value=np.nan) if names is not None else np.asarray(data, np.float64)
        if rows.ndim != 2 or rows.shape[1] != self._width:
            raise ValueError(f"The rows have the shape {rows.shape}, and the model takes {self._width} columns")
        return np.asarray(rows)


class LightgbmFile(FileModel):
    """A LightGBM Booster.

    Attributes
    ----------
    lightgbm_file
        Its checked arrays.
    pandas_categorical
        The categories of the data frame that it was trained on, as a Booster has them; None where it had none.
    """

    BOOSTER_LIBRARY = "lightgbm"

    def __init__(self, data: bytes) -> None:
        _, found, categories = data.rpartition(_PANDAS)
        self.pandas_categorical = json.loads(categories.strip().splitlines()[0] or b"null") if found else None
        self.known_categories = self.pandas_categorical or ()
        self.lightgbm_file = read_lightgbm_text(data)
        self._header = data.partition(b"\nTree=")[0].decode()
        if not knows_objective(self.lightgbm_file.objective):
            raise UnreadableTreesError(f"It has the objective {self.lightgbm_file.objective!r}", where="LightGBM")
        super().__init__(rank_lightgbm(self.lightgbm_file), len(self.lightgbm_file.feature_names))

    def feature_name(self) -> list[str]:
        """As `Booster.feature_name`."""
        return list(self.lightgbm_file.feature_names)

    def model_to_string(self, num_iteration: int | None = None) -> str:
        """What comes before the trees."""
        return self._header

    def read_margin(self) -> TreeEnsemble:
        return lightgbm_margin(self.lightgbm_file)

    def _answer(self, rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return answer_lightgbm(self.lightgbm_file, self._trees, rows)


class XgboostFile(FileModel):
    """An XGBoost Booster, or an XGBModel that is no classifier.

    Attributes
    ----------
    column_categories
        Column -> its categories in the order of the codes; empty: names beyond ASCII, which XGBoost 3.2 cuts.
    """

    BOOSTER_LIBRARY = "xgboost"

    def __init__(self, data: bytes, is_booster: bool) -> None:
        self._model = read_xgboost(data)
        # A Booster predicts with all its trees, the scikit-learn interface up to the best iteration.
        best = None if is_booster else self._model.best_iteration
        self._iterations, self._inplace = None if best is None else best + 1, not is_booster
        self.column_categories: Mapping[int, tuple[object, ...]] = {
            place: each.decode() for place, each in enumerate(self._model.categories) if len(each.values)
        }
        self.known_categories = list(self.column_categories.values())
        ensemble = xgboost_trees(self._model, self._iterations)
        super().__init__(rank_trees(ensemble, strict=True, dtype=np.float32), self._model.columns)
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
        ensemble = catboost_trees(self._model, self._columns.splits() if self._columns.categories else None)
        super().__init__(rank_trees(ensemble), ensemble.n_features)
        if self._columns.categories:
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
        The model needs its library: it has no trees, or answers in a way not known here.
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
