"""Tree attributions beside shap's and the library's own: ``python -m mlops_assets_tests.benchmarks.explain [model]``.

The data are seeded and have the shape of the UCI bike-sharing hours (17,379 rows, 14 columns of integers and quantized
numbers, a count to predict), which is not shipped. Each model is fitted, then *ours* (`tree_shap`, all cores), *shap*
(`shap.TreeExplainer`) and the *library's own* contributions (all cores) take turns. A round's ratios are of neighbours
in time; the table shows the median ratio and each one's best rate. shap and the libraries get fewer rows than ours,
enough for about a second.

Note: for XGBoost, `shap.TreeExplainer` is a wrapper round XGBoost's own contributions.

Columns: rows per second; ours divided by shap's and by the library's; the largest difference from shap in any
attribution, relative to the largest prediction in the additive space; what ours comes to hold in memory while it
explains all its rows, beyond the model and its layout (Linux); seconds to read the model and lay it out; seconds of the
first call, which compiles where no process has done so before.
"""

import argparse
import os
import statistics
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mlops_assets.trees import shap_values
from mlops_assets.trees.margin import raw_margin
from mlops_assets.trees.read import read_ensemble

ROUNDS = 3


@dataclass(frozen=True)
class Case:
    """A model to fit; what shall be predicted; how many rows shap and the library explain per round."""

    fit: Callable[[np.ndarray, np.ndarray], Any]
    target: str
    rows: int
    slow_rows: int
    contributions: Callable[[Any, np.ndarray], Any] | None = None


def bikes(rows: int = 17_379, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Hours of two years: season, year, month, hour, holiday, weekday, working day, weather, ...; the hires."""
    random = np.random.default_rng(seed)
    hour, day = np.arange(rows) % 24, np.arange(rows) // 24
    season, year, month, weekday = day // 91 % 4 + 1, day // 365 % 2, day // 30 % 12 + 1, day % 7
    holiday = (random.random(day.max() + 1) < 0.03)[day].astype(int)
    working = ((weekday > 0) & (weekday < 6) & (holiday == 0)).astype(int)
    weather = np.minimum(4, random.geometric(0.65, rows))
    cycle = 0.5 - 0.3 * np.cos(2 * np.pi * day / 365) + 0.1 * np.sin(2 * np.pi * (hour - 8) / 24)
    temperature = np.clip(cycle + 0.06 * random.standard_normal(rows), 0.02, 1)
    felt = np.clip(0.9 * temperature + 0.04 + 0.02 * random.standard_normal(rows), 0, 1)
    humidity = np.clip(0.63 - 0.2 * (temperature - 0.5) + 0.18 * random.standard_normal(rows), 0, 1)
    wind = np.clip(0.19 + 0.12 * random.standard_normal(rows), 0, 0.85)
    numbers = [np.round(temperature / 0.02) * 0.02, np.round(felt / 0.0152) * 0.0152]
    numbers += [np.round(humidity, 2), np.round(wind / 0.0149) * 0.0149]
    codes = [season, year, month, hour, holiday, weekday, working, weather]
    X = np.column_stack([*codes, *numbers, day % 30 + 1, random.integers(0, 100, rows)]).astype(np.float64)
    rush = np.exp(-(((hour - 8) / 1.5) ** 2)) + 1.3 * np.exp(-(((hour - 17.5) / 2) ** 2))
    hires = (working * rush + (1 - working) * np.exp(-(((hour - 14) / 4) ** 2))) * 350 + 60
    hires = hires * (0.4 + temperature) * (1 + 0.5 * year) * (1 - 0.18 * (weather - 1))
    hires = hires * (1 - 0.4 * np.maximum(humidity - 0.7, 0)) * np.exp(0.25 * random.standard_normal(rows))
    return X, np.maximum(0, np.round(hires))


def cases() -> dict[str, Case]:
    """The three models of the issue, then several outputs and the other libraries."""
    from lightgbm import LGBMClassifier, LGBMRegressor
    from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier, RandomForestRegressor

    def fitted(model: Any) -> Callable[[np.ndarray, np.ndarray], Any]:
        return model.fit

    def lightgbm_own(model: Any, X: np.ndarray) -> Any:
        return model.predict(X, pred_contrib=True)

    result = {
        "forest 200 x depth 20": Case(
            fitted(RandomForestRegressor(200, max_depth=20, n_jobs=-1, random_state=0)), "count", 512, 6
        ),
        "lightgbm 300 x 31 leaves": Case(
            fitted(LGBMRegressor(n_estimators=300, verbose=-1)), "count", 17_379, 1500, lightgbm_own
        ),
        "lightgbm 100 x 31 leaves, 3 classes": Case(
            fitted(LGBMClassifier(n_estimators=100, verbose=-1)), "classes", 17_379, 1500, lightgbm_own
        ),
        "forest 100 x depth 12, binary": Case(
            fitted(RandomForestClassifier(100, max_depth=12, n_jobs=-1, random_state=0)), "binary", 2048, 60
        ),
        "forest 100 x depth 12, 3 classes": Case(
            fitted(RandomForestClassifier(100, max_depth=12, n_jobs=-1, random_state=0)), "classes", 2048, 40
        ),
        "histogram 300 x 31 leaves": Case(
            fitted(HistGradientBoostingRegressor(max_iter=300, early_stopping=False)), "count", 17_379, 1500
        ),
    }
    try:
        from xgboost import DMatrix, XGBClassifier, XGBRegressor
    except ImportError:
        print("xgboost is not installed: left out")
    else:

        def xgboost_own(model: Any, X: np.ndarray) -> Any:
            return model.get_booster().predict(DMatrix(X), pred_contribs=True)

        options = {"max_depth": 6, "learning_rate": 0.1}
        result["xgboost 300 x depth 6"] = Case(
            fitted(XGBRegressor(n_estimators=300, **options)), "count", 17_379, 1000, xgboost_own
        )
        result["xgboost 100 x depth 6, 3 classes"] = Case(
            fitted(XGBClassifier(n_estimators=100, **options)), "classes", 17_379, 1000, xgboost_own
        )
    try:
        from catboost import CatBoostRegressor, Pool
    except ImportError:
        print("catboost is not installed: left out")
    else:

        def catboost_own(model: Any, X: np.ndarray) -> Any:
            return model.get_feature_importance(Pool(X), type="ShapValues", shap_calc_type="Regular")

        model = CatBoostRegressor(iterations=300, depth=6, verbose=0, allow_writing_files=False)
        result["catboost 300 x depth 6"] = Case(fitted(model), "count", 17_379, 1000, catboost_own)
    return result


def memory(field: str) -> int:
    """A field of this process's status in bytes; 0 where there is no such file."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0
    return next(int(line.split()[1]) * 1024 for line in status.read_text().splitlines() if line.startswith(field))


def peak(work: Callable[[], object]) -> int:
    """Bytes that a process forked from this one comes to hold while it does the work, beyond those it starts with."""
    if not hasattr(os, "fork"):
        return 0
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        before = memory("VmRSS")
        work()
        os.write(writer, str(memory("VmHWM") - before).encode())
        os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader) as answer:
        return int(answer.read())


def rate(work: Callable[[], object], rows: int) -> float:
    start = time.perf_counter()
    work()
    return rows / (time.perf_counter() - start)


def measure(name: str, case: Case) -> str:
    """One line of the table."""
    import shap

    X, hires = bikes()
    y = {"count": hires, "binary": hires > 150, "classes": np.digitize(hires, [80, 250])}[case.target]
    model = case.fit(X, y)
    start = time.perf_counter()
    ensemble = read_ensemble(model)
    assert ensemble is not None
    outputs = len(ensemble.walk.expected)
    read = time.perf_counter() - start
    shap_values.PATIENCE = -1.0  # this is about the kernel
    start = time.perf_counter()
    shap_values.tree_shap(ensemble, X[:1])
    first = time.perf_counter() - start

    explainer, few = shap.TreeExplainer(model), X[: case.slow_rows]
    values = shap_values.tree_shap(ensemble, few)[0]
    # shap leaves the axis of the outputs out where there is but one.
    reference = np.asarray(explainer.shap_values(few, check_additivity=False)).reshape(values.shape)
    difference = np.abs(values - reference).max() / np.abs(raw_margin(ensemble, X)).max()
    rates: dict[str, list[float]] = {"ours": [], "shap": [], "own": []}
    for _ in range(ROUNDS):
        rates["ours"].append(rate(lambda: shap_values.tree_shap(ensemble, X[: case.rows]), case.rows))
        rates["shap"].append(rate(lambda: explainer.shap_values(few, check_additivity=False), len(few)))
        if case.contributions is not None:
            rates["own"].append(rate(partial(case.contributions, model, few), len(few)))
    needed = peak(lambda: shap_values.tree_shap(ensemble, X[: case.rows]))

    def ratio(other: str) -> str:
        pairs = [a / b for a, b in zip(rates["ours"], rates[other], strict=False)]
        return f"{statistics.median(pairs):8.1f}" if pairs else f"{'-':>8}"

    best = {key: f"{max(found):10,.1f}" if found else f"{'-':>10}" for key, found in rates.items()}
    return (
        f"{name:36}{outputs:4}{best['ours']}{best['shap']}{best['own']}{ratio('shap')}{ratio('own')}"
        f"{difference:10.0e}{needed / 2**20:7.1f} MB{read:7.2f} s{first:7.2f} s"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", help="only models whose name contains one of these")
    chosen = parser.parse_args().models
    warnings.simplefilter("ignore")
    heads = f"{'model':36}{'outp':>4}{'ours/s':>10}{'shap/s':>10}{'own/s':>10}{'x shap':>8}{'x own':>8}"
    print(f"{heads}{'max diff':>10}{'memory':>10}{'read':>9}{'first':>9}")
    for name, case in cases().items():
        if not chosen or any(part in name for part in chosen):
            print(measure(name, case), flush=True)


if __name__ == "__main__":
    main()
