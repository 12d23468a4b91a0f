"""`raw_margin` for many rows, compiled with numba."""

from functools import partial

import numpy as np

from mlops_assets.trees.arrays import Flags, Floats, Indices, Ints, Words
from mlops_assets.trees.category_sets import in_set
from mlops_assets.trees.ensemble import CATEGORICAL, MISSING_LEFT, ZERO_IS_MISSING, TreeEnsemble
from mlops_assets.trees.numba_kernels import as_kernel_array, compile_kernel, run_on_all_cores
from mlops_assets.trees.ranking import ZERO_THRESHOLD


def compiled_margin(ensemble: TreeEnsemble, rows: Floats) -> Floats:
    """(n, outputs): the raw margin of rows (n, features) that `TreeEnsemble.prepare` returned."""
    rows, result = as_kernel_array(rows), np.tile(ensemble.offset, (len(rows), 1))
    trees = ensemble.roots, ensemble.tree_output, ensemble.left, ensemble.right, ensemble.feature, ensemble.threshold
    rest = ensemble.decision, ensemble.value, ensemble.set_start, ensemble.set_words
    arrays = [as_kernel_array(array) for array in (*trees, *rest)]
    run_on_all_cores(lambda low, high: _add_leaves(rows, result, low, high, *arrays), len(rows))
    return result


@partial(compile_kernel, fastmath=False)
def _add_leaves(
    rows: Floats, result: Floats, low: int, high: int, roots: Ints, tree_output: Ints, left: Indices, right: Indices,
    feature: Indices, threshold: Floats, decision: Flags, value: Floats, sets: Ints, words: Words,
) -> None:  # fmt: skip
    for tree in range(roots.shape[0]):
        for row in range(low, high):
            node = roots[tree]
            while left[node] >= 0:
                x, flags = rows[row, feature[node]], decision[node]
                if np.isnan(x) or ((flags & ZERO_IS_MISSING) != 0 and abs(x) <= ZERO_THRESHOLD):
                    goes_left = (flags & MISSING_LEFT) != 0
                elif flags & CATEGORICAL:
                    goes_left = in_set(x, int(threshold[node]), sets, words)
                else:
                    goes_left = x <= threshold[node]
                node = np.int64(left[node] if goes_left else right[node])
            for w in range(value.shape[1]):
                result[row, tree_output[tree] + w] += value[node, w]
