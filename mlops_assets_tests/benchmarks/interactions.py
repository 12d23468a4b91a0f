"""Interactions beside attributions: ``python -m mlops_assets_tests.benchmarks.interactions [model ...]``.

All pairs of the strongest 5 and 10 of 20 columns, with main effects and what they have in common with the other
columns. Columns: processor microseconds per row of the attributions (the faster way of this package), of the
interactions, their ratio (the bar is 4), the way that was taken and the ratio of the other one, seconds that tables
take, shap's microseconds per row for all pairs, divided by ours, and the largest difference from shap relative to its
largest value. Rounds of both take turns; the ratio is the median.
"""

import argparse
import statistics
import time
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from mlops_assets.trees import interaction_values
from mlops_assets.trees.interaction_slots import InteractionSlots
from mlops_assets.trees.read import read_ensemble
from mlops_assets.trees.shap_values import tree_shap
from mlops_assets_tests.benchmarks.interventional import COLUMNS, data

ROWS, SHAP_ROWS, ROUNDS, BAR = 40_000, 10, 3, 4.0


def models() -> dict[str, Callable[[], Any]]:
    """To fit to `data`."""
    from lightgbm import LGBMRegressor
    from sklearn.ensemble import (
        GradientBoostingRegressor,
        HistGradientBoostingRegressor,
        RandomForestRegressor,
    )
    from xgboost import XGBRegressor

    return {
        "gradient 100 x depth 3": lambda: GradientBoostingRegressor(random_state=0),
        "histogram 100 x 31 leaves": lambda: HistGradientBoostingRegressor(early_stopping=False, random_state=0),
        "lightgbm 100 x 31 leaves": lambda: LGBMRegressor(n_estimators=100, n_jobs=1, verbose=-1),
        "xgboost 100 x depth 6": lambda: XGBRegressor(n_estimators=100, max_depth=6, n_jobs=1),
        "lightgbm 100 x 255 leaves": lambda: LGBMRegressor(n_estimators=100, num_leaves=255, n_jobs=1, verbose=-1),
        "forest 20 x depth 12": lambda: RandomForestRegressor(20, max_depth=12, random_state=0),
    }


def seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def strongest(effects: np.ndarray, count: int) -> np.ndarray:
    groups = np.full(COLUMNS, count)
    groups[np.argsort(-np.abs(effects).mean(axis=(0, 2)), kind="stable")[:count]] = np.arange(count)
    return groups


def measure(name: str, model: Any, by_shap: bool) -> None:
    ensemble, (X, _) = read_ensemble(model), data(ROWS, 1)
    assert ensemble is not None
    # Ordered by columns, as batches of a table come.
    X = np.asfortranarray(X)
    effects = tree_shap(ensemble, X[:4000], 10**7)[0]
    theirs, shap_seconds = None, 0.0
    if by_shap:
        import shap

        explainer = shap.TreeExplainer(model)
        rows = np.ascontiguousarray(X[:SHAP_ROWS])
        start = time.process_time()
        theirs = np.asarray(explainer.shap_interaction_values(rows)).reshape(SHAP_ROWS, COLUMNS, COLUMNS)
        shap_seconds = (time.process_time() - start) / SHAP_ROWS
    for count in (5, 10):
        groups, slots = strongest(effects, count), InteractionSlots(count)
        explain = partial(interaction_values.interaction_values, ensemble, groups=groups, count=count)
        making = seconds(partial(explain, X[:256]))
        has_tables = interaction_values.tables_of(ensemble, groups.astype(np.int64), slots) is not None
        ratios: dict[bool, list[float]] = {}
        each: dict[bool, float] = {}
        # Whichever way is chosen, then the walk; of that fewer rows are enough.
        for by_tables in (True, False) if has_tables else (False,):
            rows = X if by_tables else X[: ROWS // 8]
            pairs = []
            explain(rows[:256], by_tables=by_tables)
            for _ in range(ROUNDS):
                own = seconds(partial(tree_shap, ensemble, rows, 10**7)) / len(rows)
                pairs.append((own, seconds(partial(explain, rows, by_tables=by_tables)) / len(rows)))
            ratios[by_tables] = [ours / own for own, ours in pairs]
            each[by_tables] = min(ours for _, ours in pairs)
            if by_tables == has_tables:
                attributions = min(own for own, _ in pairs)
        ratio = statistics.median(ratios[has_tables])
        line = f"{name:28} k={count:<3} {1e6 * attributions:7.2f} {1e6 * each[has_tables]:8.2f} us/row {ratio:5.2f}x"
        line += "  reached" if ratio <= BAR else "  missed "
        line += f"  tables in {making:.1f} s, walk {statistics.median(ratios[False]):.2f}x" if has_tables else "  walk"
        if theirs is not None:
            places = [int(np.flatnonzero(groups == place)[0]) for place in range(count)]
            found = interaction_values.interaction_values(ensemble, X[:SHAP_ROWS], groups, count)[:, 2 * count :, 0]
            expected = np.stack([theirs[:, places[one], places[other]] for one, other in slots.pairs], axis=1)
            line += f"  shap {1e6 * shap_seconds:.0f} us/row ({shap_seconds / each[has_tables]:,.0f}x)"
            line += f"  difference {np.abs(found - expected).max() / np.abs(expected).max():.0e}"
        print(line, flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="*", help="beginnings of names; all by default")
    parser.add_argument("--without-shap", action="store_true", help="this package alone")
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    for name, make in models().items():
        if not chosen.model or any(name.startswith(start) for start in chosen.model):
            measure(name, make().fit(*data(20_000, 0)), not chosen.without_shap)


if __name__ == "__main__":
    main()
