"""CatBoost's predictions of numbers and categories, faster and bit for bit the same.

CatBoost adds up its trees in the order of the iterations, in doubles; scale and bias come last (1.2,
`catboost/libs/model/cpu/evaluator_impl.cpp`, `catboost/libs/eval_result/eval_helpers.cpp`).
"""

import copy
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from mlops_assets.trees.catboost_columns import CatboostColumns
from mlops_assets.trees.fast_copies import FastHandle, fast_copy, is_kind
from mlops_assets.trees.files.catboost_cbm import CatboostModel, read_catboost_cbm
from mlops_assets.trees.plain_rows import COMPARED_ROWS, are_exact, plain_rows, probe_rows
from mlops_assets.trees.rank_trees import rank_trees
from mlops_assets.trees.ranked_trees import RankedTrees
from mlops_assets.trees.read_catboost_file import scale_and_shift, to_ensemble
from mlops_assets.trees.tree_sums import TreeSums

_CLASSES = ("CatBoost", "CatBoostRegressor", "CatBoostClassifier", "CatBoostRanker")
_UNKNOWN = "a column holds neither numbers, nor categories of text or whole numbers"
_ROWS_AT_ONCE = 32_768
"""Rows of categories whose numbers are made at once: some hundred columns of them."""
_WEIGHT = 0.08
"""CatBoost takes much less time for a symmetric tree than scikit-learn for one of its own."""


class _FastCatBoost(FastHandle):
    _file: "_File"

    def __copy__(self) -> Any:
        return copy.copy(self._original)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return copy.deepcopy(self._original, memo)

    def _predict(
        self, data: Any, prediction_type: str, ntree_start: int, ntree_end: int, thread_count: int, *more: Any,
        **options: Any,
    ) -> Any:  # fmt: skip
        def library(rows: Any) -> Any:
            return super(_FastCatBoost, self)._predict(  # type: ignore[misc]  # CatBoost's class is the next in the MRO
                rows, prediction_type, ntree_start, ntree_end, thread_count, *more, **options
            )

        file, sums = self._file, self._tree_sums
        is_known = ntree_start == 0 and ntree_end in (0, file.trees) and file.answers(prediction_type)
        names = getattr(data, "columns", None)
        if not is_known or (names is not None and [str(name) for name in names] != file.names):
            return library(data)
        if file.has_categories:
            answer = self._predict_categories(data, prediction_type, library) if names is not None else None
            return library(data) if answer is None else answer
        rows = plain_rows(data, len(file.names))
        trees = sums.kernel_trees(len(rows)) if rows is not None and are_exact(data, rows) else None
        if trees is None or rows is None:
            return library(data)
        if sums.needs_comparison(prediction_type):
            first = probe_rows(rows, COMPARED_ROWS, np.float32)
            table = first if names is None else type(data)(first, columns=names)
            if not self._agrees(trees, first, prediction_type, library(table)):
                return library(data)
        return file.predict(trees, rows, prediction_type)

    def _predict_categories(self, data: Any, prediction_type: str, library: Callable[[Any], Any]) -> Any:
        """The answer for a frame with categories; None where CatBoost should give it."""
        file, sums = self._file, self._tree_sums
        trees = sums.kernel_trees(len(data))
        if trees is None:
            return None
        if sums.needs_comparison(prediction_type):
            table = file.category_columns.probe(data, COMPARED_ROWS)
            first = file.category_columns.read(table)
            if first is None:
                sums.reject(_UNKNOWN)
                return None
            if not self._agrees(trees, first, prediction_type, library(table)):
                return None
        answers = []
        for low in range(0, len(data), _ROWS_AT_ONCE):
            rows = file.category_columns.read(data.iloc[low : low + _ROWS_AT_ONCE])
            if rows is None:
                sums.reject(_UNKNOWN)
                return None
            answers.append(file.predict(trees, rows, prediction_type))
        return np.concatenate(answers)

    def _agrees(self, trees: RankedTrees, rows: npt.NDArray[Any], prediction_type: str, answer: Any) -> bool:
        ours, theirs = self._file.predict(trees, rows, prediction_type), np.asarray(answer)
        if ours.dtype == object and ours.shape == theirs.shape and ours.tolist() == theirs.tolist():
            ours = theirs  # the same labels
        return self._tree_sums.compare(prediction_type, ours, theirs)


class _File:
    """What CatBoost saves, read when it is needed."""

    def __init__(self, model: Any) -> None:
        self._original = model
        self.names = [str(name) for name in model.feature_names_]
        self.trees = int(model.tree_count_)
        self.has_categories = bool(len(model.get_cat_feature_indices()))
        self._classes = np.asarray(model.classes_)
        parameters = model.get_all_params()
        self._loss = str(parameters.get("loss_function", "")).partition(":")[0]
        self._threshold: float | None = 0.5
        if self._loss == "Logloss":
            # A `CatBoost`, which is no classifier, does not tell it.
            ask = getattr(model, "get_probability_threshold", None)
            self._threshold = None if ask is None else float(ask())
        self._model: CatboostModel | None = None

    @property
    def model(self) -> CatboostModel:
        if self._model is None:
            self._model = read_catboost_cbm(self._original._serialize_model())  # noqa: SLF001 - what its pickle holds
        return self._model

    @cached_property
    def category_columns(self) -> CatboostColumns:
        return CatboostColumns(self.model, len(self.names))

    def read(self) -> RankedTrees | None:
        return rank_trees(to_ensemble(self.model, self.category_columns.splits() if self.has_categories else None))

    def answers(self, prediction_type: str) -> bool:
        """Whether `predict` gives this kind of answer."""
        if prediction_type == "Class":
            return len(self._classes) > 1 and self._threshold == 0.5
        if prediction_type == "Probability":
            return len(self._classes) > 1
        return prediction_type in ("RawFormulaVal", "Exponent", "RMSEWithUncertainty")

    def predict(self, trees: RankedTrees, rows: npt.NDArray[Any], prediction_type: str) -> npt.NDArray[Any]:
        return answer_catboost(self.model, trees, rows, prediction_type, self._classes, self._loss)


def answer_catboost(
    model: CatboostModel,
    trees: RankedTrees,
    rows: npt.NDArray[Any],
    prediction_type: str,
    classes: npt.NDArray[Any],
    loss: str,
) -> npt.NDArray[Any]:
    """What CatBoost answers with all trees."""
    from mlops_assets.trees import links

    sums = np.zeros((len(rows), model.outputs))
    trees.add_to(sums, rows)
    scale_and_shift(model, sums)
    several = model.outputs > 1
    if prediction_type == "Class":
        number = sums.argmax(axis=1) if several else (sums[:, 0] > 0).astype(np.intp)
        labels = classes[number]
        labels = labels.astype(object) if labels.dtype.kind in "US" else labels
        return np.asarray(labels[:, None] if several else labels)
    if prediction_type == "Exponent":
        links.apply_table_exponential(sums)
    elif prediction_type == "RMSEWithUncertainty":
        variance = 2 * sums[:, 1:]
        links.apply_table_exponential(variance)
        sums[:, 1:] = variance
    elif prediction_type == "Probability" and several and loss != "MultiClassOneVsAll":
        sums -= sums.max(axis=1, keepdims=True)
        links.apply_table_exponential(sums)
        total = np.zeros(len(sums))
        for output in range(sums.shape[1]):
            total += sums[:, output]
        sums /= total[:, None]
    elif prediction_type == "Probability":
        links.apply_sigmoid(sums, 1.0)
        if not several:
            sums = np.concatenate([1 - sums, sums], axis=1)
            several = True
    return sums if several else sums.ravel()


def copy_catboost(model: Any) -> tuple[Any, TreeSums] | None:
    """A copy of a CatBoost model of numbers and categories whose trees the kernel may add up; None of anything else."""
    if not is_kind(model, "catboost.core", *_CLASSES) or not model.is_fitted():
        return None
    if len(model.get_text_feature_indices()) or len(model.get_embedding_feature_indices()):
        return None
    file = _File(model)
    sums = TreeSums(file.trees, file.read, f"a {type(model).__name__}", weight=_WEIGHT)
    return fast_copy(model, _FastCatBoost, sums, _original=model, _file=file), sums
