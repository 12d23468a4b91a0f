"""Category sets inside compiled kernels."""

import numpy as np

from mlops_assets.trees.arrays import Ints, Words
from mlops_assets.trees.numba_kernels import compile_inline


@compile_inline
def in_set(x: float, category_set: int, sets: Ints, words: Words) -> bool:
    """Whether the integer part of x is in a category set."""
    start, stop = sets[category_set], sets[category_set + 1]
    if not (x > -1 and x < 32.0 * (stop - start)):
        return False
    code = int(x)
    return bool((words[start + code // 32] >> np.uint32(code % 32)) & np.uint32(1))
