"""XGBoost's predictions, faster and bit for bit the same.

XGBoost adds up its trees in the order of the iterations, in single precision, from the base score on, and applies C's
functions for floats to the sums (3.2, `src/predictor/cpu_predictor.cc`, `src/gbm/gbtree.cc`, the objectives'
`PredTransform`).
"""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from mlops_assets.trees.arrays import Singles
from mlops_assets.trees.category_columns import are_categories, make_frame, spread_categories
from mlops_assets.trees.fast_copies import FastHandle, copy_with, fast_copy, is_kind
from mlops_assets.trees.files.xgboost_model import XgboostModel, read_xgboost
from mlops_assets.trees.plain_rows import COMPARED_ROWS, are_exact, plain_rows, probe_rows
from mlops_assets.trees.rank_trees import rank_trees
from mlops_assets.trees.ranked_trees import RankedTrees
from mlops_assets.trees.read_xgboost_file import to_ensemble
from mlops_assets.trees.tree_sums import TreeSums

_SKLEARN = ("XGBModel", "XGBRegressor", "XGBClassifier", "XGBRanker", "XGBRFRegressor", "XGBRFClassifier")
_WEIGHT = 0.7
"""XGBoost takes somewhat less time for a tree than scikit-learn."""
_LOGISTIC = ("binary:logistic", "reg:logistic", "binary:logitraw")
_LOG = ("count:poisson", "reg:gamma", "reg:tweedie", "survival:cox", "survival:aft")
_IDENTITY = (
    *("reg:squarederror", "reg:squaredlogerror", "reg:absoluteerror", "reg:pseudohubererror", "reg:quantileerror"),
    *("binary:logitraw", "rank:pairwise", "rank:ndcg", "rank:map"),
)


class _FastBooster(FastHandle):
    _file: "_File"
    feature_names: list[str] | None

    def inplace_predict(
        self, data: Any, *, iteration_range: tuple[int, int] = (0, 0), predict_type: str = "value", **more: Any
    ) -> Any:
        """As `Booster.inplace_predict`."""

        def library(rows: Any) -> Any:
            return super(_FastBooster, self).inplace_predict(  # type: ignore[misc]  # XGBoost's class is next in the MRO
                rows, iteration_range=iteration_range, predict_type=predict_type, **more
            )

        file = self._file
        asked = int(iteration_range[1]) or None if iteration_range[0] == 0 else -1
        is_plain = asked == file.iterations and predict_type in ("value", "margin") and _are_usual(more)
        answer = self._answer(data, predict_type == "margin", True, library) if is_plain else None
        return library(data) if answer is None else answer

    def predict_frame(self, data: Any, library: Callable[[Any], Any]) -> Any:
        """What `Booster.predict` says of a data frame, which `library` asks it; None where that should be asked."""
        return self._answer(data, False, False, library)

    def _answer(self, data: Any, margin: bool, inplace: bool, library: Callable[[Any], Any]) -> Any:
        file, sums = self._file, self._tree_sums
        names, given = self.feature_names, getattr(data, "columns", None)
        if given is not None and names is not None and [str(name) for name in given] != names:
            return None
        if file.places and (given is None or sums.kernel_trees(len(data)) is None or not self._knows_categories(data)):
            return None
        rows = plain_rows(data, file.columns, file.categories if file.places else ())
        if rows is None or not are_exact(data, rows):
            return None
        trees = sums.kernel_trees(len(rows))
        if trees is None:
            return None
        with np.errstate(over="ignore"):
            singles = rows.astype(np.float32)
        if np.isinf(singles).any():
            return None  # XGBoost refuses these, or not, in its own way
        kind = f"{'margin' if margin else 'prediction'} of {'arrays' if inplace else 'frames'}"
        if sums.needs_comparison(kind):
            first = probe_rows(singles, COMPARED_ROWS, np.float32)
            if file.places:
                spread_categories(first, file.places, [len(values) for values in file.categories])
            table = first if given is None else make_frame(data, first, file.places)
            ours = answer_xgboost(file.model, trees, first, margin, inplace)
            if ours is None:
                sums.reject(f"what its objective {file.model.objective!r} makes of a sum is not known")
                return None
            if not sums.compare(kind, ours, np.asarray(library(table))):
                return None
        return answer_xgboost(file.model, trees, singles, margin, inplace)

    def _knows_categories(self, data: Any) -> bool:
        """Whether the frame has the booster's own categories: XGBoost finds the codes of any others."""
        if not all(self._file.categories):
            self._tree_sums.reject("its file does not say what its categories are")
            return False
        return are_categories(data, self._file.places, self._file.categories)


class _File:
    """What a booster saves, read when it is needed."""

    def __init__(self, booster: Any, iterations: int | None) -> None:
        self._booster, self.iterations = booster, iterations
        self.columns = int(booster.num_features())
        kinds = booster.feature_types or ()
        self.places = [place for place, kind in enumerate(kinds) if kind == "c"]
        self._model: XgboostModel | None = None

    @property
    def model(self) -> XgboostModel:
        if self._model is None:
            self._model = read_xgboost(bytes(self._booster.save_raw("ubj")))
        return self._model

    @cached_property
    def categories(self) -> list[tuple[object, ...]]:
        """Of each column of categories, in the order of its codes; empty where they are not known."""
        known = self.model.categories
        return [known[place].decode() if known else () for place in self.places]

    def read(self) -> RankedTrees | None:
        ensemble = to_ensemble(self.model, self.iterations)
        return rank_trees(ensemble, strict=True, dtype=np.float32)


def copy_xgboost(model: Any) -> tuple[Any, TreeSums] | None:
    """A copy of a Booster or an XGBModel whose trees the kernel may add up; None of anything else."""
    if is_kind(model, "xgboost.sklearn", *_SKLEARN):
        booster = vars(model).get("_Booster")
        best = booster.attr("best_iteration") if booster is not None else None
        copy = _copy_booster(booster, None if best is None else int(best) + 1) if booster is not None else None
        return copy and (copy_with(model, type(model), _Booster=copy[0]), copy[1])
    return _copy_booster(model, None)


def _copy_booster(model: Any, iterations: int | None) -> tuple[Any, TreeSums] | None:
    if not is_kind(model, "xgboost.core", "Booster"):
        return None
    rounds = iterations or int(model.num_boosted_rounds())
    file = _File(model, iterations)
    sums = TreeSums(rounds, file.read, "an XGBoost Booster", weight=_WEIGHT)
    return fast_copy(model, _FastBooster, sums, _original=model, _file=file), sums


def _are_usual(options: dict[str, Any]) -> bool:
    """Whether `inplace_predict` is asked as the scikit-learn interface does, with NaN for missing values."""
    missing = options.get("missing", math.nan)
    is_nan = isinstance(missing, float) and math.isnan(missing)
    known = {"missing", "validate_features", "base_margin", "strict_shape"}
    return is_nan and set(options) <= known and options.get("base_margin") is None and not options.get("strict_shape")


def answer_xgboost(
    model: XgboostModel, trees: RankedTrees, rows: Singles, margin: bool, inplace: bool
) -> npt.NDArray[Any] | None:
    """What a Booster predicts; None where it is not known what the model's objective makes of a sum."""
    from mlops_assets.trees import links

    start = _start(model)
    if start is None:
        return None
    sums = np.tile(start, (len(rows), 1))
    _weighted(model, trees, start, inplace).add_to(sums, rows)
    if margin or model.objective in _IDENTITY:
        pass
    elif model.objective in _LOGISTIC:
        links.apply_single_sigmoid(sums)
    elif model.objective in _LOG:
        links.apply_exponential(sums)
    elif model.objective == "multi:softprob":
        links.apply_single_softmax(sums)
    elif model.objective == "multi:softmax":
        return np.asarray(sums.argmax(axis=1), np.float32)
    else:
        return None
    return sums.ravel() if model.outputs == 1 else sums


def _weighted(model: XgboostModel, trees: RankedTrees, start: Singles, inplace: bool) -> RankedTrees:
    """dart multiplies what a tree predicts by its weight, in single precision."""
    scale = None if model.trees is None else model.trees.tree_scale
    if scale is None:
        return trees
    value = trees.value.copy()
    ends = [*trees.first_leaf[1:].tolist(), len(value)]
    for tree, (first, end) in enumerate(zip(trees.first_leaf.tolist(), ends, strict=True)):
        part = value[first:end]
        if inplace:
            # Here each tree predicts from the base score on, which is taken off again.
            base = start[trees.output[tree]] if part.shape[1] == 1 else start
            part = (part + base) - base
        value[first:end] = part * np.float32(scale[tree])
    return replace(trees, value=value)


def _start(model: XgboostModel) -> Singles | None:
    """(outputs,): the margin from which the sums start."""
    from mlops_assets.trees import links

    base = np.broadcast_to(np.asarray(model.base_score, np.float32).ravel(), model.outputs).copy()
    if model.objective in ("binary:logistic", "reg:logistic"):
        edge = np.float32(1e-6)
        base = np.clip(base, edge, np.float32(1) - edge)
        links.apply_single_logit(base)
    elif model.objective in _LOG:
        links.apply_logarithm(base)
    elif model.objective not in (*_IDENTITY, "multi:softprob", "multi:softmax", "binary:hinge"):
        return None
    return base
