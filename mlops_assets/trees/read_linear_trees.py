"""Read LightGBM models whose leaves are linear, for explanations."""

from dataclasses import dataclass, replace
from math import comb
from typing import Any

import numpy as np

from mlops_assets.trees.arrays import Flags, Floats, Ints, Space
from mlops_assets.trees.builder import unreadable
from mlops_assets.trees.ensemble import TreeEnsemble
from mlops_assets.trees.files.errors import NativeFileError
from mlops_assets.trees.files.lightgbm_text import LightgbmModel, read_lightgbm_text
from mlops_assets.trees.linear_leaves import LinearLeaves, LinearTrees, rank_linear_trees
from mlops_assets.trees.read_boosters import lightgbm_outputs
from mlops_assets.trees.read_lightgbm_file import to_leaf_numbers

_FLAGS_AT_ONCE = 1_000_000


@dataclass(frozen=True, eq=False)
class LinearTreeModel:
    """A sum of trees whose leaves are linear in the row.

    Attributes
    ----------
    trees
        Their splits; the value of a leaf is its number among those of its tree.
    sums
        What adds them up.
    leaves
        What the leaves hold, on the scale of `space`.
    outputs, space
        As in `TreeEnsemble`.
    """

    trees: TreeEnsemble
    sums: LinearTrees
    leaves: LinearLeaves
    outputs: tuple[str, ...]
    space: Space

    def margin(self, rows: Floats) -> Floats:
        """(n, outputs): the sums of rows (n, columns)."""
        result = np.zeros((len(rows), len(self.outputs)))
        if len(rows):
            self.sums.add_to(result, rows)
        return result

    def goes_left(self, rows: Floats) -> Flags:
        """(n, nodes): whether rows go left at each node."""
        trees = self.trees
        result = np.zeros((len(rows), len(trees.left)), np.uint8)
        step = max(1, _FLAGS_AT_ONCE // len(trees.left))
        for low in range(0, len(rows), step):
            values = rows[low : low + step, trees.feature]
            result[low : low + step] = trees.goes_left(values, trees.threshold, trees.decision)
        return result

    def add_pairs(self, X: Floats, others: Floats, other_goes_left: Flags, player: Ints, values: Floats) -> None:
        """Add to values (n, players, outputs) the Shapley values of rows X, summed over the background rows `others`.

        Parameters
        ----------
        other_goes_left
            `goes_left` of `others`.
        player
            (columns,): which input column each comes from.
        """
        from mlops_assets.trees.linear_pairs import add_pairs
        from mlops_assets.trees.numba_kernels import as_kernel_array

        trees, leaves = self.trees, self.leaves
        depth = trees.walk.depth
        members = min(values.shape[1], depth + int(np.diff(leaves.start).max(initial=0))) + 2
        of_trees = [trees.roots, trees.left, trees.right, trees.feature, trees.value[:, 0].astype(np.int64)]
        arrays: list[Any] = [
            *(as_kernel_array(X, np.float64), self.goes_left(X), others, other_goes_left),
            *(*of_trees, *leaves.arrays, as_kernel_array(player, np.int64), _shares(members), depth, values),
        ]
        add_pairs(*arrays)


def read_linear_trees(estimator: Any) -> LinearTreeModel | None:
    """The trees of a Booster, an LGBMModel or a file's model, up to the best iteration; None of anything else.

    Raises
    ------
    UnreadableTreesError
        The model has more columns, thresholds or categories than the kernel takes.
    """
    file = _read_file(estimator)
    if file is None or not file.linear.any():
        return None
    outputs, space, scale = lightgbm_outputs(
        file.objective or "custom", file.num_class, getattr(estimator, "classes_", None)
    )
    factor = scale or 1.0
    if file.average_output:
        factor *= file.num_class / len(file.leaves)
    sums = rank_linear_trees(file)
    if sums is None:
        raise unreadable(estimator, "they have more columns, thresholds or categories than the kernel takes")
    leaves = LinearLeaves.of(file, factor)
    names = tuple(map(str, outputs))
    space = "log-odds" if scale is not None else space
    return LinearTreeModel(to_leaf_numbers(file), replace(sums, leaves=leaves), leaves, names, space)


def _read_file(estimator: Any) -> LightgbmModel | None:
    file = getattr(estimator, "lightgbm_file", None)
    if isinstance(file, LightgbmModel):
        return file
    if not type(estimator).__module__.startswith("lightgbm"):
        return None
    booster = getattr(estimator, "booster_", estimator)
    try:
        return read_lightgbm_text(booster.model_to_string().encode())
    except NativeFileError:
        return None


def _shares(members: int) -> Floats:
    """(p, q): (p - 1)! q! / (p + q)!, zero where p is."""
    share = np.zeros((members, members))
    for p in range(1, members):
        for q in range(members):
            share[p, q] = 1 / (p * comb(p + q, p))
    return share
