"""What the kernel saves where trees are summed: processor time, beside each library's own ``predict``.

``python -m mlops_assets_tests.benchmarks.trees_predict [--rows N] [--models NAME ...]``

Each model predicts the same rows (20 doubles in memory; `-categories`: a data frame with four more columns of
categories, of pandas for XGBoost, of text for CatBoost) with its library in one thread, and as this package asks it:
the copy that `accelerate` makes, conversion and comparison of the library's bits included. The ratio is of the best of
several rounds in one run, taken in turn. Every bit of the two answers is compared.
"""

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from mlops_assets.trees.accelerate import accelerate

COLUMNS = 20
TRAINING_ROWS = 20_000
ROUNDS = 3


def fit(name: str, X: Any, y: Any) -> Any:
    """A model by its name, in one thread."""
    if name.startswith("lightgbm"):
        from lightgbm import LGBMRegressor

        trees, leaves = map(int, name.removeprefix("lightgbm-").split("x"))
        settings: dict[str, Any] = {"n_estimators": trees, "num_leaves": leaves, "n_jobs": 1, "verbose": -1}
        return LGBMRegressor(min_child_samples=5, **settings).fit(X, y)
    if name == "xgboost-300x6":
        from xgboost import XGBRegressor

        return XGBRegressor(n_estimators=300, max_depth=6, n_jobs=1).fit(X, y)
    if name == "xgboost-categories":
        from xgboost import XGBRegressor

        return XGBRegressor(n_estimators=300, max_depth=6, n_jobs=1, enable_categorical=True).fit(X, y)
    if name in ("catboost-500x6", "catboost-categories"):
        from catboost import CatBoostRegressor

        settings = {"thread_count": 1, "verbose": 0, "allow_writing_files": False}
        categories = [column for column in getattr(X, "columns", ()) if column.startswith("c")]
        return CatBoostRegressor(iterations=500, depth=6, cat_features=categories, **settings).fit(X, y)
    if name == "forest-200x20":
        from sklearn.ensemble import RandomForestRegressor

        forest = RandomForestRegressor(n_estimators=200, max_depth=20, max_features=0.3, n_jobs=1, random_state=0)
        return forest.fit(X, y)
    if name == "gradient-100x3":
        from sklearn.ensemble import GradientBoostingRegressor

        return GradientBoostingRegressor(n_estimators=100, subsample=0.5, random_state=0).fit(X, y)
    if name == "histogram-100x31":
        from sklearn.ensemble import HistGradientBoostingRegressor

        return HistGradientBoostingRegressor(max_iter=100, early_stopping=False).fit(X, y)
    raise ValueError(f"{name}: use one of {', '.join(MODELS)}")


MODELS = (
    *("lightgbm-100x31", "lightgbm-300x255", "xgboost-300x6", "catboost-500x6", "forest-200x20"),
    *("gradient-100x3", "histogram-100x31", "xgboost-categories", "catboost-categories"),
)
CATEGORIES = (3, 10, 50, 500)


def with_categories(X: Any, seed: int) -> Any:
    """A frame of the columns and, of so many values each, of `CATEGORIES`."""
    import pandas as pd

    frame = pd.DataFrame(X, columns=[f"n{place}" for place in range(COLUMNS)])
    rng = np.random.default_rng(seed)
    for count in CATEGORIES:
        names = pd.Index([f"category {number:03}" for number in range(count)])
        frame[f"c{count}"] = pd.Categorical.from_codes(rng.integers(0, count, len(X)), categories=names)
    return frame


def seconds(work: Callable[[], Any]) -> float:
    """Processor time."""
    start = time.process_time()
    work()
    return time.process_time() - start


def measure(name: str, rows: int) -> None:
    """One line of the table."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((TRAINING_ROWS, COLUMNS))
    noise = rng.standard_normal(TRAINING_ROWS)
    y = X[:, 0] * X[:, 1] + np.sin(2 * X[:, 2]) + np.abs(X[:, 3:10]).sum(axis=1) + X[:, 10:].sum(axis=1) + noise
    table = rng.standard_normal((rows, COLUMNS))
    if name.endswith("categories"):
        X, table = with_categories(X, 1), with_categories(table, 2)
        y += sum(X[f"c{count}"].cat.codes.to_numpy() % 3 for count in CATEGORIES)
        if name.startswith("catboost"):
            X, table = (each.astype({f"c{count}": object for count in CATEGORIES}) for each in (X, table))
    model = fit(name, X, y)
    fast = accelerate(model)
    assert fast is not None
    fast.expect_rows(10**9)
    first = seconds(lambda: fast.model.predict(table[:1000]))
    theirs, ours = [], []
    for _ in range(ROUNDS):
        theirs.append(seconds(lambda: model.predict(table)))
        ours.append(seconds(lambda: fast.model.predict(table)))
    same = fast.model.predict(table).tobytes() == model.predict(table).tobytes() and not fast.sums.rejected
    library, kernel = (1e6 * min(each) / rows for each in (theirs, ours))
    print(f"{name:18}{library:12.2f}{kernel:12.2f}{kernel / library:10.3f}{first:12.1f}  {same}", flush=True)


def main(arguments: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--models", nargs="+", default=MODELS)
    options = parser.parse_args(arguments)
    print("microseconds of one core per row; the kernel's start in seconds (compiling it, where it was not)")
    print(f"{'model':18}{'library':>12}{'kernel':>12}{'ratio':>10}{'start':>12}  same bits")
    with threadpool_limits(1):
        for name in options.models:
            measure(name, options.rows)


if __name__ == "__main__":
    main()
