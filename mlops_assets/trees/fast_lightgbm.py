"""LightGBM's predictions, several times as fast and bit for bit the same.

LightGBM adds up its trees in the order of the iterations, in doubles, and applies C's functions to the sums (4.7,
`src/boosting/gbdt_prediction.cpp`, the objectives' `ConvertOutput`).
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt

from mlops_assets.trees.arrays import Floats
from mlops_assets.trees.fast_copies import FastHandle, copy_with, fast_copy, is_kind
from mlops_assets.trees.files.lightgbm_text import LightgbmModel, read_lightgbm_text
from mlops_assets.trees.linear_leaves import rank_linear_trees
from mlops_assets.trees.plain_rows import COMPARED_ROWS, plain_rows, probe_rows
from mlops_assets.trees.rank_trees import rank_trees
from mlops_assets.trees.ranked_trees import RankedTrees
from mlops_assets.trees.read_lightgbm_file import to_ensemble
from mlops_assets.trees.tree_sums import TreeSums

_SKLEARN = ("LGBMModel", "LGBMRegressor", "LGBMClassifier", "LGBMRanker")

_IDENTITY = (
    *("custom", "regression", "regression_l1", "huber", "fair", "quantile", "mape"),
    *("lambdarank", "rank_xendcg"),
)
_WEIGHT = 4.0
"""LightGBM takes more time for a tree than scikit-learn."""


class _Booster(Protocol):
    def predict(self, data: Any, **more: Any) -> npt.NDArray[Any]: ...


class _FastBooster(FastHandle):
    _file: "_File"
    pandas_categorical: Any

    def predict(
        self,
        data: Any,
        start_iteration: int = 0,
        num_iteration: int | None = None,
        raw_score: bool = False,
        **more: Any,
    ) -> Any:
        """As `Booster.predict`."""
        library: Callable[[Any], npt.NDArray[Any]] = partial(
            cast(_Booster, super()).predict,
            start_iteration=start_iteration,
            num_iteration=num_iteration,
            raw_score=raw_score,
            **more,
        )
        sums = self._tree_sums
        is_plain = start_iteration == 0 and num_iteration is None and not _asks_for_more(more)
        rows = plain_rows(data, self._file.columns, self.pandas_categorical or []) if is_plain else None
        trees = sums.kernel_trees(len(rows)) if rows is not None else None
        if trees is None or rows is None:
            return library(data)
        model, answer = self._file.model, "raw score" if raw_score else "prediction"
        if sums.needs_comparison(answer):
            first = probe_rows(rows, COMPARED_ROWS)
            if not sums.compare(answer, answer_lightgbm(model, trees, first, raw_score), np.asarray(library(first))):
                return library(data)
        return answer_lightgbm(model, trees, rows, raw_score)


class _File:
    """What a booster saves, read when it is needed."""

    def __init__(self, booster: Any) -> None:
        self._booster = booster
        self.columns = int(booster.num_feature())
        self._model: LightgbmModel | None = None

    @property
    def model(self) -> LightgbmModel:
        """Up to the best iteration, as `predict` uses it."""
        if self._model is None:
            self._model = read_lightgbm_text(self._booster.model_to_string().encode())
        return self._model

    def read(self) -> RankedTrees | None:
        return rank_lightgbm(self.model)


def copy_lightgbm(model: Any) -> tuple[Any, TreeSums] | None:
    """A copy of a Booster or an LGBMModel whose trees the kernel may add up; None of anything else."""
    if is_kind(model, "lightgbm.sklearn", *_SKLEARN):
        booster = vars(model).get("_Booster")
        copy = copy_lightgbm(booster) if booster is not None else None
        return copy and (copy_with(model, type(model), _Booster=copy[0]), copy[1])
    if not is_kind(model, "lightgbm.basic", "Booster"):
        return None
    file = _File(model)
    trees = int(model.num_trees()) // max(int(model.num_model_per_iteration()), 1)
    sums = TreeSums(trees, file.read, "a LightGBM Booster", weight=_WEIGHT)
    return fast_copy(model, _FastBooster, sums, _original=model, _file=file), sums


def rank_lightgbm(model: LightgbmModel) -> RankedTrees | None:
    """The trees for the kernel; None where they are not for it."""
    return rank_linear_trees(model) if model.linear.any() else rank_trees(to_ensemble(model))


def _asks_for_more(options: dict[str, Any]) -> bool:
    """Whether an option of `predict` or a parameter asks for something else: leaves, contributions, early stopping."""
    changing = ("pred", "contrib", "leaf_index", "header", "raw_score")
    return any(
        value not in (False, None) for name, value in options.items() if any(part in name for part in changing)
    ) or bool(options.get("validate_features"))


def answer_lightgbm(
    model: LightgbmModel, trees: RankedTrees, rows: npt.NDArray[Any], raw_score: bool = False
) -> Floats:
    """What a Booster predicts."""
    sums = np.zeros((len(rows), model.num_class))
    trees.add_to(sums, rows)
    if not raw_score:
        if model.average_output:
            sums /= len(model.leaves) // model.num_class
        convert = _link(model.objective)
        if convert is not None:
            convert(sums)
    return sums.ravel() if model.num_class == 1 else sums


def knows_objective(objective: str | None) -> bool:
    """Whether it is known what LightGBM makes of the sums for an objective, as its file has it; None: one's own."""
    name = (objective or "custom").partition(" ")[0]
    return name in _IDENTITY or _link(objective) is not None


def _link(objective: str | None) -> Callable[[Floats], None] | None:
    """What LightGBM does to the sums in place, by the objective in its file."""
    from mlops_assets.trees import links

    name, *settings = (objective or "custom").split()
    scale = next((float(each.partition(":")[2]) for each in settings if each.startswith("sigmoid:")), 1.0)
    if "sqrt" in settings:
        return links.apply_signed_square
    functions: dict[str, Callable[[Floats], None]] = {
        "binary": lambda sums: links.apply_sigmoid(sums, scale),
        "multiclassova": lambda sums: links.apply_sigmoid(sums, scale),
        "cross_entropy": lambda sums: links.apply_sigmoid(sums, 1.0),
        "cross_entropy_lambda": links.apply_log1p_exp,
        "multiclass": links.apply_softmax,
        "poisson": links.apply_exponential,
        "gamma": links.apply_exponential,
        "tweedie": links.apply_exponential,
    }
    return functions.get(name)
