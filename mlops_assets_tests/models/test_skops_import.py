"""skops is imported without searching all modules for each function of SciPy, and knows the same names."""

import sys

import numpy as np
import scipy.special
import skops.io._utils as skops_utils

from mlops_assets.models.skops_import import search_numpy_first
from mlops_assets_tests.forked import run_forked


def test_each_function_is_in_the_module_that_skops_finds_by_itself():
    search = getattr(skops_utils.whichmodule, "__wrapped__", skops_utils.whichmodule)
    quick = search_numpy_first(search)
    functions = [each for each in vars(scipy.special).values() if isinstance(each, np.ufunc)]
    assert len(functions) > 200
    for each in (*functions, np.add, np.frompyfunc(abs, 1, 1), dict):
        assert quick(each, each.__name__) == search(each, each.__name__)


def test_what_is_found_among_them_is_not_searched_for_elsewhere():
    searched = []
    find_module = search_numpy_first(lambda obj, name: searched.append(obj) or "elsewhere")
    own = np.frompyfunc(abs, 1, 1)
    assert find_module(scipy.special.expit, "expit").startswith("scipy.special.")
    assert find_module(own, "abs") == "elsewhere"
    assert searched == [own]


FIRST_IMPORT = """
import sys
for name in [name for name in sys.modules if name.partition(".")[0] == "skops"]:
    del sys.modules[name]
finders = list(sys.meta_path)
from mlops_assets.models.skops_import import import_skops
import_skops()
assert sys.meta_path == finders
from skops.io import _utils
assert hasattr(_utils.whichmodule, "__wrapped__")
"""


def test_the_first_import_of_a_process_is_the_quick_one(tmp_path):
    done = run_forked(FIRST_IMPORT, [], tmp_path, {"PYTHONPATH": ":".join(sys.path)})
    assert done.returncode == 0, done.stderr
