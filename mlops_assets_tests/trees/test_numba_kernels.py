"""How kernels are kept: compiled once, and loaded again without what compiles them."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

# One kernel that makes arrays, and one that does not.
SCRIPT = """
import sys
import numpy as np
from mlops_assets.trees.linear_kernel import add_linear_leaves
from mlops_assets.trees.links import apply_table_exponential

numbers = np.linspace(-3.0, 3.0, 7)[:, None].copy()
apply_table_exponential(numbers)
sums, one = np.zeros((7, 1)), np.zeros(1, np.int64)
terms = np.array([0, 1]), one, np.array([2.0])
add_linear_leaves(numbers, np.zeros((7, 1)), sums, one, one, np.zeros(1), np.ones(1), *terms)
print(sums.ravel().tolist(), "numba.np.linalg" in sys.modules)
"""


def test_a_kernel_that_is_kept_is_loaded_without_the_compiler(tmp_path):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    first, second = (
        subprocess.run([sys.executable, "-c", SCRIPT], env=environment, check=True, capture_output=True, text=True)
        for _ in range(2)
    )
    numbers, is_compiling = first.stdout.rsplit(maxsplit=1)
    assert is_compiling == "True"
    assert second.stdout.rsplit(maxsplit=1) == [numbers, "False"]
    assert "1.09957" in numbers
