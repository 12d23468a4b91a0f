"""Copies of models that predict the same to the last bit, faster: alone, in a pipeline, or inside other estimators."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mlops_assets.trees.fast_boosting import copy_sklearn
from mlops_assets.trees.fast_catboost import copy_catboost
from mlops_assets.trees.fast_copies import copy_with
from mlops_assets.trees.fast_lightgbm import copy_lightgbm
from mlops_assets.trees.fast_single_trees import copy_single_tree
from mlops_assets.trees.fast_xgboost import copy_xgboost
from mlops_assets.trees.tree_sums import TreeSums

_COPIES: tuple[Callable[[Any], tuple[Any, TreeSums] | None], ...] = (
    copy_sklearn,
    copy_single_tree,
    copy_lightgbm,
    copy_xgboost,
    copy_catboost,
)
_ONE = ("best_estimator_", "regressor_", "estimator_", "estimator", "final_estimator_")
_SEVERAL = ("calibrated_classifiers_", "estimators_")
_DEEPEST = 8


@dataclass(frozen=True, eq=False)
class AcceleratedModel:
    """A copy of a fitted model, and what decides how its trees are added up.

    Attributes
    ----------
    model
        It shares its fitted values with the original. A pickle or a copy of it is a plain one of the original's class.
    parts
        One for each estimator of trees in it.
    """

    model: Any
    parts: tuple[TreeSums, ...]

    @property
    def sums(self) -> TreeSums:
        """Of the first estimator of trees."""
        return self.parts[0]

    @property
    def uses_kernel(self) -> bool:
        """Whether all trees are the kernel's to add up, as far as is known."""
        return all(part.uses_kernel for part in self.parts)

    def expect_rows(self, rows: int) -> None:
        """Announce about how many rows will be predicted; see `TreeSums.expect_rows`."""
        together = sum(part.pairs_of(rows) for part in self.parts)
        for part in self.parts:
            part.expect_rows(rows, together - part.pairs_of(rows))


def final_estimator(model: object) -> Any:
    """The estimator at the end of a scikit-learn pipeline, or the model itself."""
    return vars(model)["steps"][-1][1] if _is_pipeline(model) else model


def accelerate(model: object) -> AcceleratedModel | None:
    """A copy of `model` that predicts the same, faster; None where no part of it is made of trees known here.

    Nothing changes in what it predicts: the kernel adds the same numbers in the same order, and some rows are summed by
    the library as well; should a bit differ, as in a version of a library that nobody has looked at, the library adds
    up all others, and the log says so.
    """
    parts: list[TreeSums] = []
    copy = _copy(model, parts, _DEEPEST)
    return None if copy is model or not parts else AcceleratedModel(copy, tuple(parts))


def _copy(model: Any, parts: list[TreeSums], levels: int) -> Any:
    """The model itself where nothing in it is replaced."""
    if levels == 0 or isinstance(model, type) or not hasattr(model, "__dict__"):
        return model
    for make in _COPIES:
        made = make(model)
        if made is not None:
            parts.append(made[1])
            return made[0]
    if not type(model).__module__.startswith("sklearn."):
        return model
    held, changed = vars(model), {}
    if _is_pipeline(model):
        *steps, (name, last) = held["steps"]
        copy = _copy(last, parts, levels - 1)
        return model if copy is last else copy_with(model, type(model), steps=[*steps, (name, copy)])
    # A model that was fitted keeps what it was fitted with beside what it is: "estimator" is the fitted one of few.
    for name in _ONE:
        if held.get(name) is not None and (name != "estimator" or _predicts_with_estimator(model)):
            copy = _copy(held[name], parts, levels - 1)
            if copy is not held[name]:
                changed[name] = copy
    for name in _SEVERAL:
        several = held.get(name)
        if isinstance(several, list | tuple) and several:
            copies = [_copy(each, parts, levels - 1) for each in several]
            if any(copy is not each for copy, each in zip(copies, several, strict=True)):
                changed[name] = type(several)(copies)
    return copy_with(model, type(model), **changed) if changed else model


def _predicts_with_estimator(model: object) -> bool:
    return type(model).__name__ in ("_CalibratedClassifier", "FrozenEstimator")


def _is_pipeline(model: object) -> bool:
    kinds = [(kind.__module__, kind.__name__) for kind in type(model).__mro__]
    return ("sklearn.pipeline", "Pipeline") in kinds and bool(vars(model).get("steps"))
