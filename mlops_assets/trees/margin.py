"""The model's additive output: the sum of the leaves that a row reaches."""

import numpy as np
import numpy.typing as npt

from mlops_assets.trees.arrays import Floats, Indices
from mlops_assets.trees.ensemble import TreeEnsemble

_PAIRS_AT_ONCE = 1_000_000


def raw_margin(ensemble: TreeEnsemble, X: npt.NDArray[np.generic], compiled: bool = False) -> Floats:
    """(n, outputs): the trees' sum in `ensemble.space`; what a row's base value and attributions add up to.

    Many rows are summed by a compiled kernel, with the same result to the last bit; few only where `compiled` is set.

    Parameters
    ----------
    X
        (n, features), numbers; NaN is a missing value. They are rounded here as the model rounds them.
    compiled
        Use the kernel for any number of rows: it is loaded anyway.

    Raises
    ------
    ValueError
        `X` has another number of columns than the model takes.
    """
    rows = ensemble.prepare(X)
    if compiled or len(rows) * len(ensemble.roots) > _PAIRS_AT_ONCE:
        from mlops_assets.trees.margin_kernel import compiled_margin

        return compiled_margin(ensemble, rows)
    result = np.tile(ensemble.offset, (len(rows), 1))
    leaf = _leaves(ensemble, rows)
    # Tree by tree, as in the kernel: a row's sum must not depend on how many rows there are.
    for tree, output in enumerate(ensemble.tree_output):
        result[:, output : output + ensemble.value.shape[1]] += ensemble.value[leaf[:, tree]]
    return result


def _leaves(ensemble: TreeEnsemble, rows: Floats) -> Indices:
    """(n, trees): the leaf that each row reaches in each tree."""
    node = np.tile(ensemble.roots.astype(np.int32), (len(rows), 1))
    row = np.arange(len(rows))[:, None]
    while True:
        inner = ensemble.left[node] >= 0
        if not inner.any():
            return node
        at = np.where(inner, node, 0)
        x = rows[row, np.where(inner, ensemble.feature[at], 0)]
        go_left = ensemble.goes_left(x, ensemble.threshold[at], ensemble.decision[at])
        node = np.where(inner, np.where(go_left, ensemble.left[at], ensemble.right[at]), node)
