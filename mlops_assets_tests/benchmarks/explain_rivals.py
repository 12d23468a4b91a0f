"""The kernel beside its rivals, by the number of rows: ``python -m mlops_assets_tests.benchmarks.explain_rivals``.

Path-dependent Shapley values of the same seeded rows, all in memory, in processor seconds (medians of the rounds): ours
with reading the trees and making the tables in each call, but with the kernels compiled; woodelf
(``pip install woodelf_explainer``), likewise from the fitted model; shap and the library's own contributions. What
takes the same time for each row (shap and the libraries) explains at most `SLOW_ROWS`, and its time is scaled.

The last column is ours as a share of the fastest other: below 1, ours is ahead.
"""

import argparse
import importlib
import os
import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from mlops_assets.trees import shap_values
from mlops_assets.trees.read import read_ensemble
from mlops_assets_tests.benchmarks.explain import bikes
from mlops_assets_tests.benchmarks.score import verdict

SIZES = (10_000, 100_000, 1_000_000)
SLOW_ROWS = 2_000
TRAINING_ROWS = 17_379
Explain = Callable[[np.ndarray], Any]


def models() -> dict[str, Any]:
    """Unfitted models by name."""
    from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingRegressor

    found: dict[str, Any] = {
        "gradient 100 x depth 3": GradientBoostingRegressor(n_estimators=100, random_state=0),
        "histogram 100 x 31 leaves": HistGradientBoostingRegressor(max_iter=100, early_stopping=False),
    }
    try:
        from lightgbm import LGBMRegressor

        found["lightgbm 100 x 31 leaves"] = LGBMRegressor(n_estimators=100, verbose=-1, n_jobs=1)
    except ImportError:
        print("lightgbm is not installed: left out")
    try:
        from xgboost import XGBRegressor

        found["xgboost 100 x depth 6"] = XGBRegressor(n_estimators=100, max_depth=6, learning_rate=0.1, n_jobs=1)
    except ImportError:
        print("xgboost is not installed: left out")
    try:
        from catboost import CatBoostRegressor

        quiet = {"verbose": 0, "allow_writing_files": False, "thread_count": 1}
        found["catboost 300 x depth 6"] = CatBoostRegressor(iterations=300, depth=6, **quiet)
    except ImportError:
        print("catboost is not installed: left out")
    return found


def ours(model: Any) -> Explain:
    def explain(X: np.ndarray) -> Any:
        ensemble = read_ensemble(model)
        assert ensemble is not None
        return shap_values.tree_shap(ensemble, X)[0][:, :, 0]

    return explain


def woodelf(model: Any) -> Explain | None:
    import pandas as pd

    try:
        explainer: Any = importlib.import_module("woodelf").WoodelfExplainer
    except ImportError:
        print("woodelf is not installed: left out")
        return None
    return lambda X: explainer(model).shap_values(pd.DataFrame(X))


def slow_rivals(model: Any) -> dict[str, Explain]:
    """Those that take the same time for each row."""
    import shap

    explainer = shap.TreeExplainer(model)
    rivals: dict[str, Explain] = {"shap": lambda X: explainer.shap_values(X, check_additivity=False)}
    kind = type(model).__name__
    if kind.startswith("LGBM"):
        rivals["library"] = lambda X: model.predict(X, pred_contrib=True)
    elif kind.startswith("XGB"):
        from xgboost import DMatrix

        rivals["library"] = lambda X: model.get_booster().predict(DMatrix(X), pred_contribs=True)
    elif kind.startswith("CatBoost"):
        from catboost import Pool

        rivals["library"] = lambda X: model.get_feature_importance(Pool(X), type="ShapValues", thread_count=1)
    return rivals


def seconds(explain: Explain, X: np.ndarray, rows: int) -> float:
    """Processor seconds for so many rows, where all take as long as those of X."""
    began = time.process_time()
    explain(X)
    return (time.process_time() - began) * rows / len(X)


def measure(name: str, model: Any, sizes: list[int], rounds: int) -> None:
    """The lines of one model."""
    X, y = bikes(max(max(sizes), TRAINING_ROWS))
    model.fit(X[:TRAINING_ROWS], y[:TRAINING_ROWS])
    mine, other, slow = ours(model), woodelf(model), slow_rivals(model)
    reference = np.asarray(slow["shap"](X[:200]))
    assert np.allclose(mine(X[:200]), reference, atol=1e-3 * np.abs(reference).max())
    note = ""
    if other is not None:
        try:
            agrees = np.allclose(np.asarray(other(X[:200])), reference, atol=1e-3 * np.abs(reference).max())
            note = "" if agrees else " (woodelf gives other values)"
        except Exception as error:  # noqa: BLE001 - a rival that fails is left out, and said so
            other, note = None, f" (woodelf: {type(error).__name__})"
    for rows in sizes:
        spent: dict[str, list[float]] = {}
        for _ in range(rounds):
            spent.setdefault("ours", []).append(seconds(mine, X[:rows], rows))
            if other is not None:
                spent.setdefault("woodelf", []).append(seconds(other, X[:rows], rows))
            for rival, explain in slow.items():
                spent.setdefault(rival, []).append(seconds(explain, X[: min(rows, SLOW_ROWS)], rows))
        middle = {each: statistics.median(times) for each, times in spent.items()}
        share = middle["ours"] / min(time for each, time in middle.items() if each != "ours")
        listed = ", ".join(f"{each} {rows / time:,.0f}/s" for each, time in middle.items())
        print(f"{name:28}{rows:>10,}  {listed}; {verdict(share, 1.0, at_least=False)}{note}", flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", help="only models whose name contains one of these")
    parser.add_argument("--rows", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    shap_values.PATIENCE = -1.0  # this is about the kernel
    for name, model in models().items():
        if not options.models or any(part in name for part in options.models):
            measure(name, model, options.rows, options.rounds)


if __name__ == "__main__":
    main()
