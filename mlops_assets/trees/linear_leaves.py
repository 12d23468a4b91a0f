"""Trees whose leaves hold linear models: LightGBM's `linear_tree`."""

from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from mlops_assets.trees.arrays import Floats, Ints
from mlops_assets.trees.files.lightgbm_text import LightgbmModel
from mlops_assets.trees.rank_trees import rank_trees
from mlops_assets.trees.ranked_trees import RankedTrees
from mlops_assets.trees.ranking import LANES
from mlops_assets.trees.read_lightgbm_file import to_leaf_numbers

_NUMBERS_AT_ONCE = 2**18
"""Leaves of rows in trees that are known at a time."""


@dataclass(frozen=True, eq=False)
class LinearLeaves:
    """What the leaves of all trees hold, tree by tree.

    Attributes
    ----------
    output, first
        (trees,): the output that a tree adds to; where its leaves begin.
    plain, constant
        (leaves,): the value where one of the leaf's columns is missing; the constant term.
    start, feature, coefficient
        (leaves + 1,): where the terms of each leaf begin; (terms,): their columns and factors.
    """

    output: Ints
    first: Ints
    plain: Floats
    constant: Floats
    start: Ints
    feature: Ints
    coefficient: Floats

    @classmethod
    def of(cls, model: LightgbmModel, factor: float = 1.0) -> Self:
        """Those of a model, times `factor`; a leaf that is not linear has no terms."""
        is_linear = np.repeat(model.linear, model.leaves)
        constant, terms = model.leaf_value.copy(), np.zeros(len(model.leaf_value), np.int64)
        constant[is_linear], terms[is_linear] = model.leaf_const, model.linear_counts
        return cls(
            output=np.arange(len(model.leaves), dtype=np.int64) % model.num_class,
            first=np.cumsum(model.leaves) - model.leaves,
            plain=factor * model.leaf_value,
            constant=factor * constant,
            start=np.concatenate([[0], np.cumsum(terms)]),
            feature=model.linear_feature.astype(np.int64),
            coefficient=factor * model.linear_coefficient,
        )

    @property
    def arrays(self) -> list[npt.NDArray[Any]]:
        """As `linear_kernel.add_linear_leaves` takes them."""
        return [getattr(self, each.name) for each in fields(self)]


@dataclass(frozen=True, eq=False)
class LinearTrees(RankedTrees):
    """Ranked trees, each an output of its own whose value is the number of the leaf, and what the leaves hold."""

    leaves: LinearLeaves

    def add_to(self, sums: npt.NDArray[Any], X: npt.NDArray[Any]) -> None:
        """Add the linear functions of rows X (n, features) to sums (n, outputs), in doubles."""
        from mlops_assets.trees.linear_kernel import add_linear_leaves
        from mlops_assets.trees.numba_kernels import as_kernel_array

        trees = len(self.leaves.output)
        step = LANES * max(1, _NUMBERS_AT_ONCE // (LANES * trees))
        for low in range(0, len(X), step):
            rows = as_kernel_array(X[low : low + step], np.float64)
            number = np.zeros((len(rows), trees))
            super().add_to(number, rows)
            part = as_kernel_array(sums[low : low + step], np.float64)
            add_linear_leaves(rows, number, part, *self.leaves.arrays)
            sums[low : low + step] = part


def rank_linear_trees(model: LightgbmModel) -> LinearTrees | None:
    """The trees of a model of which some, or all, have linear leaves; None where they are not for the kernel."""
    ranked = rank_trees(to_leaf_numbers(model))
    if ranked is None:
        return None
    known = {each.name: getattr(ranked, each.name) for each in fields(RankedTrees)}
    return LinearTrees(**known, leaves=LinearLeaves.of(model))
