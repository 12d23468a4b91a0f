"""How many threads a model of scikit-learn's interface works with, and that it starts no processes.

A forest works in one thread: with several it adds up its trees as they end, so that the last bits of an answer differ
from time to time.

`n_jobs` is what its author's machine had, or what an attacker likes: `ColumnTransformer(n_jobs=1024)` starts as many
processes for its first rows. The engines of this package share out the rows; the answers do not depend on it.
"""

import os
from numbers import Integral

from mlops_assets.models.structure import walk_parts

# What works in threads of this process; the others of scikit-learn start processes.
_IN_THREADS = ("sklearn.neighbors.", "lightgbm.", "xgboost.")
_FOREST = "sklearn.ensemble._forest"
_OPENMP = "_n_threads"


def limit_parallel_work(model: object) -> None:
    """Give no part of a fitted estimator more threads than there are cores, and none a process."""
    cores = os.cpu_count() or 1
    for part in walk_parts(model):
        held = getattr(part, "__dict__", {})
        module = type(part).__module__
        if isinstance(held.get("n_jobs"), Integral) and module.startswith(("sklearn.", "lightgbm.", "xgboost.")):
            most = 1 if module == _FOREST else cores if module.startswith(_IN_THREADS) else None
            held["n_jobs"] = most and _fewer(held["n_jobs"], most, cores)
        if isinstance(held.get(_OPENMP), Integral) and module.startswith("sklearn."):
            held[_OPENMP] = min(held[_OPENMP], cores)


def _fewer(jobs: int, most: int, cores: int) -> int:
    """Of joblib's numbers, -1 is one job per core, and -2 one less."""
    wanted = jobs if jobs > 0 else max(cores + 1 + jobs, 1)
    return jobs if wanted <= most else most
