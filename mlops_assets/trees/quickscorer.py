"""Trees of at most 64 leaves, encoded for QuickScorer (Lucchese et al. 2015); see `quickscorer_kernel`."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mlops_assets.trees.ensemble import CATEGORICAL, MISSING_LEFT, TreeEnsemble

MOST_LEAVES = 64
"""Leaves of a tree: each is a bit of a 64-bit word."""

_ALL_LEAVES = 2**64 - 1


@dataclass(frozen=True, eq=False)
class QuickScorerTrees:
    """Trees as bit masks over their leaves, which are numbered from left to right.

    Attributes
    ----------
    output
        (trees,): the output that a tree adds to.
    start
        (trees + 1,): where each tree's splits begin.
    feature, threshold
        (splits,): a row goes left where `x <= threshold`.
    mask
        (splits,): the leaves that a row which goes right can still reach: all but those of the left subtree.
    missing_left
        (splits,): whether NaN goes left.
    first_leaf
        (trees,): where each tree's leaves begin in `value`, from left to right.
    value
        (leaves,): what a leaf adds.
    """

    output: npt.NDArray[np.int64]
    start: npt.NDArray[np.int64]
    feature: npt.NDArray[np.int32]
    threshold: npt.NDArray[np.float64]
    mask: npt.NDArray[np.uint64]
    missing_left: npt.NDArray[np.bool_]
    first_leaf: npt.NDArray[np.int64]
    value: npt.NDArray[np.float64]

    def add_to(self, sums: npt.NDArray[np.float64], X: npt.NDArray[Any]) -> None:
        """Add the leaves of rows X (n, features) to sums (n, outputs). The first call loads the kernel: 0.5 s."""
        from mlops_assets.trees.quickscorer_kernel import add_leaves

        add_leaves(X, sums, *vars(self).values())


def encode_trees(ensemble: TreeEnsemble) -> QuickScorerTrees | None:
    """The ensemble's trees; None where one has more than 64 leaves, or a split compares categories.

    Leaves of several outputs are not encoded: `ensemble.value` has a width of 1.
    """
    if ensemble.encodings or np.any(ensemble.decision & CATEGORICAL):
        return None
    left, right, value = ensemble.left.tolist(), ensemble.right.tolist(), ensemble.value[:, 0]
    splits: list[int] = []
    masks: list[int] = []
    leaves: list[int] = []
    start, first_leaf = [0], [0]
    for root in ensemble.roots.tolist():
        first = len(leaves)
        # A split is visited twice: before its left subtree, and after it, when the leaves of that subtree are known.
        stack: list[tuple[int, int | None]] = [(root, None)]
        while stack:
            node, leaves_before = stack.pop()
            if left[node] < 0:
                leaves.append(node)
            elif leaves_before is None:
                stack += [(node, len(leaves)), (left[node], None)]
            else:
                left_leaves = (1 << (len(leaves) - first)) - (1 << (leaves_before - first))
                splits.append(node)
                masks.append(_ALL_LEAVES & ~left_leaves)
                stack.append((right[node], None))
        if len(leaves) - first > MOST_LEAVES:
            return None
        start.append(len(splits))
        first_leaf.append(len(leaves))
    return QuickScorerTrees(
        output=np.ascontiguousarray(ensemble.tree_output, np.int64),
        start=np.array(start, np.int64),
        feature=np.ascontiguousarray(ensemble.feature[splits], np.int32),
        threshold=np.ascontiguousarray(ensemble.threshold[splits], np.float64),
        mask=np.array(masks, np.uint64),
        missing_left=np.ascontiguousarray((ensemble.decision[splits] & MISSING_LEFT) != 0),
        first_leaf=np.array(first_leaf, np.int64),
        value=np.ascontiguousarray(value[leaves], np.float64),
    )
