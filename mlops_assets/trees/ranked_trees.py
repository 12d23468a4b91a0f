"""Trees that compare ranks: what `ranked_kernel` reads.

A value's rank is the number of thresholds of its feature below it: `x <= threshold[k]` is `rank <= k`, exactly. What a
node does with missing values, zeros that are missing, and categories is not the node's business but its column's: each
(feature, treatment) that occurs is a column of codes, and each node compares the code of one column with one number.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mlops_assets.trees.arrays import Floats, Indices, Ints
from mlops_assets.trees.ranking import LANES

_ROWS_AT_ONCE = 8192
_LARGE_TREES = 2**18
"""Bytes of links from which on trees do not stay in the cache from block to block of rows."""
_BLOCKS = 64


@dataclass(frozen=True, eq=False)
class RankedTrees:
    """Columns of codes, and trees whose nodes compare a code with a number: greater ones go right.

    Attributes
    ----------
    feature
        (used features,): their places in a row.
    cut_start, steps, cuts
        (used features,): where their thresholds begin in `cuts`, and the highest power of two in their number.
    strict
        A row goes left where `x < threshold`, not where `x <= threshold`.
    column_start
        (used features + 1,): where the columns of each begin.
    column_kind, column_cuts, column_member
        (columns,): kind; number of thresholds; where a set's members begin.
    categories
        (used features,): categories that are known, -1 where none.
    member
        For each set a byte for each category, for what is none, and for missing: 0 goes left.
    output, way, start
        (trees,): the first output; how rows find their leaf; (trees + 1,): where the splits begin.
    column, rank, left, right
        (splits,): what is compared; the children, splits of the same tree, or leaves behind them.
    first_link, links, depth
        Of trees that are taken by steps: child, column and rank of each node in one word, breadth first.
    first_leaf, value
        (trees,): where the leaves begin in `value` (leaves, width).
    """

    feature: Ints
    cut_start: Ints
    steps: Ints
    cuts: Floats
    strict: bool
    column_start: Ints
    column_kind: Ints
    column_cuts: Ints
    column_member: Ints
    categories: Ints
    member: npt.NDArray[np.uint8]
    output: Ints
    way: Ints
    start: Ints
    column: Ints
    rank: npt.NDArray[Any]
    left: Indices
    right: Indices
    first_link: Ints
    links: npt.NDArray[np.uint64]
    depth: Ints
    first_leaf: Ints
    value: npt.NDArray[Any]

    def add_to(self, sums: npt.NDArray[Any], X: npt.NDArray[Any]) -> None:
        """Add the leaves of rows X (n, features) to sums (n, outputs), in the precision of both `sums` and `value`.

        The first call loads the kernel: 0.5 s.
        """
        from mlops_assets.trees.ranked_kernel import add_leaves

        blocks = _BLOCKS if self.links.nbytes > _LARGE_TREES else 1
        arrays = list(vars(self).values())
        for low in range(0, len(X), _ROWS_AT_ONCE):
            rows = np.require(X[low : low + _ROWS_AT_ONCE].T, np.float64, ["C_CONTIGUOUS", "WRITEABLE"])
            part = np.require(sums[low : low + _ROWS_AT_ONCE], self.value.dtype, ["C_CONTIGUOUS", "WRITEABLE"])
            add_leaves(rows, part, min(blocks, -(-rows.shape[1] // LANES)), *arrays)
            sums[low : low + _ROWS_AT_ONCE] = part
