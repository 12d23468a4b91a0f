"""Interventional attributions beside shap's: ``python -m mlops_assets_tests.benchmarks.interventional [model ...]``.

Each model is compared with backgrounds of 1e2, 1e4 and 1e6 rows (`--most` for fewer). Columns: processor seconds of the
tables, processor microseconds per explained row, this divided by that with 1e2 rows, what the path-dependent kernel and
shap (1e2 rows of background) take per row, shap's divided by ours, and the largest difference from shap relative to the
largest attribution (shap 0.51 holds Shapley's weights in single precision).
"""

import argparse
import time
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from mlops_assets.trees.interventional import InterventionalTrees
from mlops_assets.trees.read import read_ensemble
from mlops_assets.trees.shap_values import tree_shap

ROWS, SHAP_ROWS, COLUMNS = 20_000, 50, 20


def models() -> dict[str, Callable[[], Any]]:
    """To fit to `data`."""
    from catboost import CatBoostRegressor
    from lightgbm import LGBMRegressor
    from sklearn.ensemble import GradientBoostingRegressor, RandomForestRegressor
    from xgboost import XGBRegressor

    return {
        "gradient 100 x depth 3": lambda: GradientBoostingRegressor(random_state=0),
        "lightgbm 100 x 31 leaves": lambda: LGBMRegressor(n_estimators=100, n_jobs=1, verbose=-1),
        "xgboost 300 x depth 6": lambda: XGBRegressor(n_estimators=300, max_depth=6, n_jobs=1),
        "catboost 500 x depth 6": lambda: CatBoostRegressor(
            iterations=500, depth=6, verbose=0, thread_count=1, allow_writing_files=False
        ),
        "lightgbm 300 x 255 leaves": lambda: LGBMRegressor(n_estimators=300, num_leaves=255, n_jobs=1, verbose=-1),
        "forest 20 x depth 20": lambda: RandomForestRegressor(20, max_depth=20, random_state=0),
    }


def data(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    X = random.normal(size=(rows, COLUMNS))
    y = X[:, 0] * X[:, 1] + np.sin(2 * X[:, 2]) + 0.3 * X[:, 3] ** 2 + X[:, 4:9].sum(axis=1) / 3
    return X, y + random.normal(0, 0.3, rows)


def seconds(work: Callable[[], object], times: int = 3) -> float:
    """The least processor seconds of so many calls, all threads together."""
    results = []
    for _ in range(times):
        start = time.process_time()
        work()
        results.append(time.process_time() - start)
    return min(results)


def measure(name: str, model: Any, sizes: list[int]) -> None:
    import shap

    ensemble, (X, _), (background, _) = read_ensemble(model), data(ROWS, 1), data(max(sizes), 2)
    assert ensemble is not None
    tree_shap(ensemble, X[:2000], 10**7)
    beside = seconds(lambda: tree_shap(ensemble, X[:4000], 10**7)) / 4000
    theirs = shap.TreeExplainer(model, background[:100], feature_perturbation="interventional")
    values = theirs.shap_values(X[:SHAP_ROWS], check_additivity=False)
    by_shap = seconds(lambda: theirs.shap_values(X[:SHAP_ROWS], check_additivity=False), 2) / SHAP_ROWS
    first, rows = None, ROWS
    for size in sizes:
        start = time.process_time()
        ours = InterventionalTrees(ensemble, background[:size])
        tables = time.process_time() - start
        ours(X[:200])
        if ours.paired:
            rows = 100
            if size > 10_000:
                print(f"{name}  {size:,} rows: {ours.paired} trees without tables, left out", flush=True)
                continue
        each = seconds(partial(ours, X[:rows])) / rows
        first = first or each
        line = f"{name}  {size:>9,} rows  tables {tables:6.2f} s  {1e6 * each:9.1f} us/row  {each / first:5.2f}"
        if size == 100:
            difference = np.abs(ours(X[:SHAP_ROWS])[0][..., 0] - values).max() / np.abs(values).max()
            line += f"  path dependent {1e6 * beside:.1f}  shap {1e6 * by_shap:.0f} ({by_shap / each:.0f}x)"
            line += f"  difference {difference:.0e}"
        print(line, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="*", help="beginnings of names; all by default")
    parser.add_argument("--most", type=int, default=1_000_000, help="rows of the largest background")
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    sizes = [size for size in (100, 10_000, 1_000_000) if size <= chosen.most]
    for name, make in models().items():
        if not chosen.model or any(name.startswith(start) for start in chosen.model):
            measure(name, make().fit(*data(20_000, 0)), sizes)


if __name__ == "__main__":
    main()
