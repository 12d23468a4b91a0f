"""The sums of many rows' leaves over trees of at most 64 leaves, compiled with numba.

The algorithm is QuickScorer (Lucchese et al. 2015), vectorized over rows as in V-QuickScorer (2016): a tree is a word
with a bit per leaf, from left to right. A split that sends a row right clears the bits of its left subtree; after all
splits, in any order, the lowest bit that is set is the row's leaf. No step depends on the one before or on the row's
path, so that the compiler turns a split into a few vector instructions for `LANES` rows.

A row's leaves are added to its sums in the order of the trees, in 64 bits: the result is the library's own, bit for
bit.
"""

from functools import partial
from typing import Any

import numba as nb  # noqa: TID253
import numpy as np
import numpy.typing as npt
from numba.extending import intrinsic  # noqa: TID253

from mlops_assets.trees.numba_kernels import LANES, compile_kernel

_ALL = np.uint64(2**64 - 1)


@intrinsic
def _lowest_bit(_context: Any, _word: Any = None) -> Any:
    """The position of the lowest bit that is set, from 0; one must be."""
    from llvmlite import ir

    def generate(_context: Any, builder: Any, _signature: Any, words: Any) -> Any:
        return builder.cttz(words[0], ir.Constant(ir.IntType(1), 1))

    return nb.types.uint64(nb.types.uint64), generate


def _matrix(number: Any) -> Any:
    """Of any layout, and not written to: else each combination would be compiled."""
    return nb.types.Array(number, 2, "A", readonly=True)


_TREES = (
    nb.int64[::1],
    nb.int64[::1],
    nb.int32[::1],
    nb.float64[::1],
    nb.uint64[::1],
    nb.boolean[::1],
    nb.int64[::1],
    nb.float64[::1],
)
_SIGNATURES = [nb.void(_matrix(number), nb.float64[:, :], *_TREES) for number in (nb.float32, nb.float64)]


# No fastmath, unlike in the kernels that explain: the order of the additions is promised.
@partial(compile_kernel, signatures=_SIGNATURES, fastmath=False)
def add_leaves(
    X: npt.NDArray[Any], sums: npt.NDArray[np.float64], output: npt.NDArray[np.int64], start: npt.NDArray[np.int64],
    feature: npt.NDArray[np.int32], threshold: npt.NDArray[np.float64], mask: npt.NDArray[np.uint64],
    missing_left: npt.NDArray[np.bool_], first_leaf: npt.NDArray[np.int64], value: npt.NDArray[np.float64],
) -> None:  # fmt: skip
    """Add each row's leaf of each tree to `sums` (n, outputs); the arrays are those of `QuickScorerTrees`."""
    rows, features = X.shape
    outputs = sums.shape[1]
    block, total = np.zeros((features, LANES)), np.zeros((outputs, LANES))
    leaves = np.empty(LANES, np.uint64)
    for low in range(0, rows, LANES):
        count = min(LANES, rows - low)
        for r in range(count):
            for f in range(features):
                block[f, r] = X[low + r, f]
            for o in range(outputs):
                total[o, r] = sums[low + r, o]
        for tree in range(len(output)):
            for r in range(LANES):
                leaves[r] = _ALL
            for split in range(start[tree], start[tree + 1]):
                f, t, right_leaves = feature[split], threshold[split], mask[split]
                if missing_left[split]:
                    for r in range(LANES):
                        leaves[r] &= right_leaves if block[f, r] > t else _ALL
                else:
                    for r in range(LANES):
                        leaves[r] &= _ALL if block[f, r] <= t else right_leaves
            first, o = first_leaf[tree], output[tree]
            for r in range(LANES):
                total[o, r] += value[first + np.int64(_lowest_bit(leaves[r]))]
        for r in range(count):
            for o in range(outputs):
                sums[low + r, o] = total[o, r]
