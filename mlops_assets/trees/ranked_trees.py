"""Trees that compare ranks: what `ranked_kernel` reads.

A value's rank is the number of thresholds of its feature below it: `x <= threshold[k]` is `rank <= k`, exactly. What a
node does with missing values, zeros that are missing, and categories is not the node's business but its column's: each
(feature, treatment) that occurs is a column of codes, and each node compares the code of one column with one number.
"""

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from mlops_assets.trees.arrays import Floats, Indices, Ints, Singles
from mlops_assets.trees.ranking import LANES

_ROWS_AT_ONCE = 8192
_LARGE_TREES = 2**18
"""Bytes of links from which on trees do not stay in the cache from block to block of rows."""
_LARGE_TABLES = 2**17
"""Bytes of the leaves' tables from which on these do not either."""
_BLOCKS, _FEW = 64, 4


@dataclass(frozen=True, eq=False)
class RankedTrees:
    """Columns of codes, and trees whose nodes compare a code with a number: greater ones go right.

    Attributes
    ----------
    feature
        (used features,): their places in a row.
    cut_start, steps, cuts
        (used features,): where their thresholds begin in `cuts`, and the first step of a search among those of a cell.
        Values are rounded to the thresholds' precision before they are compared.
    cell_start, cells, cell_low, cell_scale
        (used features + 1,): where their cells begin in `cells`, how many thresholds lie before each; (used features,):
        a value's cell is `(x - low) * scale`.
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
    column, rank, left, right, level
        (splits,): what is compared; the children, splits of the same tree, or leaves behind them (by paths: the place
        behind all splits); how many splits are above it.
    first_link, links, depth
        Of trees that are taken by steps: child, column and rank of each node in one word, breadth first. Most splits on
        a path.
    first_leaf, value
        (trees,): where the leaves begin in `value` (leaves, width).
    """

    feature: Ints
    cut_start: Ints
    steps: Ints
    cuts: Floats | Singles
    cell_start: Ints
    cells: Indices
    cell_low: Floats | Singles
    cell_scale: Floats | Singles
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
    level: npt.NDArray[np.uint8]
    first_link: Ints
    links: npt.NDArray[np.uint64]
    depth: Ints
    first_leaf: Ints
    value: npt.NDArray[Any]

    def add_to(self, sums: npt.NDArray[Any], X: npt.NDArray[Any]) -> None:
        """Add the leaves of rows X (n, features) to sums (n, outputs), in the precision of both `sums` and `value`.

        The first call loads the kernel: 0.5 s.
        """
        from mlops_assets.trees.ranked_kernel import add_leaves, make_buffers

        most = _BLOCKS if self.links.nbytes > _LARGE_TREES else _FEW if self._tables[0].nbytes > _LARGE_TABLES else 1
        blocks = max(1, min(most, -(-len(X) // LANES)))
        one, splits = np.uint8(1), int(np.diff(self.start).max(initial=0))
        types = self.rank.dtype, self.cuts.dtype, self.value.dtype
        arrays = [
            *(getattr(self, each.name) for each in fields(RankedTrees)),
            *self._tables,
            *make_buffers(blocks, len(self.column_kind), sums.shape[1], splits, *types),
        ]
        arrays[_COLUMN] = self.column * LANES
        for low in range(0, len(X), _ROWS_AT_ONCE):
            rows, row_apart, column_apart = _flatten(X[low : low + _ROWS_AT_ONCE])
            part = np.require(sums[low : low + _ROWS_AT_ONCE], self.value.dtype, ["C_CONTIGUOUS", "WRITEABLE"])
            add_leaves(rows, row_apart, column_apart, part, one, *arrays)
            sums[low : low + _ROWS_AT_ONCE] = part

    @cached_property
    def _tables(self) -> tuple[npt.NDArray[np.uint8], Ints, npt.NDArray[np.uint32], bool]:
        """The leaves' values as tables, where those of each tree begin, ranks four times, and whether signs compare."""
        from mlops_assets.trees.byte_tables import has_bit_products, make_tables
        from mlops_assets.trees.path_lanes import MOST_SIGNED

        by_signs = self.rank.dtype == np.uint8 and int(self.column_cuts.max(initial=0)) <= MOST_SIGNED
        words = self.rank.astype(np.uint32) * np.uint32(0x01010101)
        return *make_tables(self.value, self.first_leaf), words, by_signs and has_bit_products()


_COLUMN = [each.name for each in fields(RankedTrees)].index("column")


def _flatten(X: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], int, int]:
    """The rows as one line of memory, and how far apart in it rows and columns are."""
    if X.dtype not in (np.float32, np.float64) or not X.flags.writeable or not _has_plain_strides(X):
        X = np.require(
            X, np.float32 if X.dtype == np.float32 else np.float64, ["C_CONTIGUOUS", "WRITEABLE", "ENSUREARRAY"]
        )
        X = X if X.flags.writeable else X.copy()
    row_apart, column_apart = (stride // X.itemsize for stride in X.strides)
    size = (X.shape[0] - 1) * row_apart + (X.shape[1] - 1) * column_apart + 1
    return np.lib.stride_tricks.as_strided(X, (size,), (X.itemsize,)), row_apart, column_apart


def _has_plain_strides(X: npt.NDArray[Any]) -> bool:
    return all(stride > 0 and stride % X.itemsize == 0 for stride in X.strides)
