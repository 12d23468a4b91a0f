"""The sums of leaves that are linear in the row, compiled with numba; `LinearLeaves` says what the arrays hold."""

from functools import partial

import numpy as np

from mlops_assets.trees.arrays import Floats, Ints
from mlops_assets.trees.numba_kernels import compile_kernel
from mlops_assets.trees.ranking import ZERO_THRESHOLD

_compile = partial(compile_kernel, fastmath=False, allocates=False)


@_compile
def add_linear_leaves(
    X: Floats, leaf: Floats, sums: Floats, output: Ints, first: Ints, plain: Floats, constant: Floats, start: Ints,
    feature: Ints, coefficient: Floats,
) -> None:  # fmt: skip
    """Add to sums (n, outputs) what row X[r] has in the leaves leaf[r, tree], in the order of the trees.

    As LightGBM's `Tree::Predict` (4.7, `include/LightGBM/tree.h`): the terms in their order, and the leaf's plain value
    where one of its columns is missing. What is hardly not zero is zero, as its reader of matrices makes it.
    """
    for row in range(X.shape[0]):
        for tree in range(len(output)):
            at = first[tree] + np.int64(leaf[row, tree])
            value = constant[at]
            for term in range(start[at], start[at + 1]):
                x = X[row, feature[term]]
                if np.isnan(x):
                    value = plain[at]
                    break
                value += coefficient[term] * (0.0 if abs(x) <= ZERO_THRESHOLD else x)
            sums[row, output[tree]] += value
