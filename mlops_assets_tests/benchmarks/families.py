"""Each family of models: how it is explained, and rows per second of processor time beside the best other way.

``python -m mlops_assets_tests.benchmarks.families [TEXT ...] [--seconds N]`` prints a table; TEXT is part of a family's
name. All get the same seeded rows of ten columns, a background of 100 rows, and one thread where they can. Ours is what
`choose_explainer` chooses; the other is the fastest of shap's explainers for the model and the library's own
contributions: exact ones where there are such, else shap's permutation explainer with its default number of calls. Each
explains as many rows as it can in about N seconds, compiled and warmed up.
"""

import argparse
import time
import warnings
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd

from mlops_assets.explain.explainers.choose import choose_explainer
from mlops_assets.explain.explainers.explainer import ExplainConfig, Explainer
from mlops_assets.models.loaded_model import LoadedModel
from mlops_assets.models.reference import ModelReference

ROWS, TRAINING_ROWS, COLUMNS, BACKGROUND = 200_000, 2_000, 10, 100
Explain = Callable[[pd.DataFrame], object]


def families() -> dict[str, Any]:
    """Unfitted models by name."""
    import sklearn.ensemble as se
    import sklearn.linear_model as lm
    from catboost import CatBoostRegressor
    from lightgbm import LGBMClassifier, LGBMRegressor
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.naive_bayes import GaussianNB
    from sklearn.neighbors import KNeighborsRegressor
    from sklearn.neural_network import MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import PolynomialFeatures, StandardScaler
    from sklearn.svm import SVR, LinearSVC
    from sklearn.tree import DecisionTreeRegressor
    from xgboost import XGBRegressor

    return {
        "decision tree": DecisionTreeRegressor(max_depth=8),
        "random forest, 100 x depth 10": se.RandomForestRegressor(100, max_depth=10),
        "extra trees, 100 x depth 10": se.ExtraTreesRegressor(100, max_depth=10),
        "GradientBoosting, 100 x depth 3": se.GradientBoostingRegressor(),
        "HistGradientBoosting, 100 x 31 leaves": se.HistGradientBoostingRegressor(early_stopping=False),
        "isolation forest": se.IsolationForest(),
        "LightGBM, 100 x 31 leaves": LGBMRegressor(verbose=-1, n_jobs=1),
        "LightGBM, 3 classes": LGBMClassifier(verbose=-1, n_jobs=1),
        "XGBoost, 100 x depth 6": XGBRegressor(n_jobs=1),
        "CatBoost, 300 x depth 6": CatBoostRegressor(
            iterations=300, verbose=0, thread_count=1, allow_writing_files=False
        ),
        "boosting behind a scaler": make_pipeline(StandardScaler(), se.GradientBoostingRegressor()),
        "votes of forest and ridge": se.VotingRegressor(
            [("forest", se.RandomForestRegressor(50, max_depth=8)), ("ridge", lm.Ridge())]
        ),
        "calibrated boosting": CalibratedClassifierCV(se.GradientBoostingClassifier(), ensemble=False),
        "ridge": lm.Ridge(),
        "logistic regression": lm.LogisticRegression(),
        "ridge behind a scaler": make_pipeline(StandardScaler(), lm.Ridge()),
        "linear support vectors": LinearSVC(),
        "ridge on squares and products": make_pipeline(PolynomialFeatures(2), lm.Ridge()),
        "naive Bayes": GaussianNB(),
        "nearest neighbors": KNeighborsRegressor(),
        "support vectors, RBF": SVR(),
        "neural network": MLPRegressor(hidden_layer_sizes=(32,), max_iter=300),
    }


def data(rows: int, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Rows, and numbers to predict."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(rows, COLUMNS))
    y = X[:, 0] * X[:, 1] + np.sin(2 * X[:, 2]) + X[:, 3:7].sum(axis=1) / 2 + random.normal(0, 0.3, rows)
    return pd.DataFrame(X, columns=[f"f{number}" for number in range(COLUMNS)]), y


def fit(name: str, model: Any) -> Any:
    """On classes where it is a classifier."""
    rows, y = data(TRAINING_ROWS, 1)
    if name == "isolation forest":
        return model.fit(rows)
    classes = 3 if "3 classes" in name else 2
    is_classifier = hasattr(model, "predict_proba") or name == "linear support vectors"
    return model.fit(rows, np.digitize(y, np.quantile(y, np.arange(1, classes) / classes)) if is_classifier else y)


def ours(model: Any, background: pd.DataFrame) -> Explainer:
    """What is chosen for it, for many rows."""
    pyfunc = SimpleNamespace(
        predict=lambda rows, params=None: model.predict(rows), metadata=SimpleNamespace(signature=None)
    )
    loaded = LoadedModel(ModelReference("m", 1, None, "0" * 64, (), None, None, ""), cast(Any, pyfunc), native=model)
    explainer = choose_explainer(loaded, list(background.columns), background, ExplainConfig())
    explainer.expect(10_000_000)
    return explainer


def others(model: Any, background: pd.DataFrame) -> dict[str, Explain]:
    """What else explains it, by name."""
    import shap

    found: dict[str, Explain] = {}
    kind = type(model).__module__.partition(".")[0]
    if kind == "lightgbm":
        found["LightGBM"] = lambda rows: model.predict(rows, pred_contrib=True)
    if kind == "xgboost":
        from xgboost import DMatrix

        found["XGBoost"] = lambda rows: model.get_booster().predict(DMatrix(rows), pred_contribs=True)
    if kind == "catboost":
        from catboost import Pool

        found["CatBoost"] = lambda rows: model.get_feature_importance(Pool(rows), type="ShapValues", thread_count=1)
    for name, make in (
        ("shap, trees", lambda: shap.TreeExplainer(model)),
        ("shap, linear", lambda: shap.LinearExplainer(model, background)),
    ):
        try:
            explainer = make()
            explainer.shap_values(background.head(2))
        except Exception:  # noqa: BLE001 - it does not explain this model
            continue
        found[name] = explainer.shap_values
    if not found:
        answer = model.predict_proba if hasattr(model, "predict_proba") else model.predict
        permutation = shap.PermutationExplainer(answer, background)
        found["shap, permutation"] = lambda rows: permutation(rows, silent=True)
    return found


def rows_per_second(explain: Explain, rows: pd.DataFrame, seconds: float) -> float:
    """Of processor time, once a few rows have shown about how long they take."""
    count = 4
    while True:
        explain(rows.head(count))
        began = time.process_time()
        explain(rows.head(count))
        spent = max(time.process_time() - began, 1e-4)
        if spent > seconds / 4 or count == len(rows):
            return count / spent
        count = min(len(rows), int(count * min(16.0, 1.2 * seconds / spent)))


def main() -> None:
    """Print a line per family."""
    from threadpoolctl import threadpool_limits

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("texts", nargs="*", metavar="TEXT", help="part of a family's name (default: all)")
    parser.add_argument("--seconds", type=float, default=1.0, help="about how long each may take")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    rows, background = data(ROWS, 2)[0], data(BACKGROUND, 3)[0]
    print("| model | explained | rows/s | best other | rows/s | times |\n|---|---|---|---|---|---|")
    for name, model in families().items():
        if options.texts and not any(text in name for text in options.texts):
            continue
        with threadpool_limits(1):
            fitted = fit(name, model)
            own = ours(fitted, background)
            rate = rows_per_second(own.explain, rows, options.seconds)
            rates = {
                other: rows_per_second(explain, rows, options.seconds)
                for other, explain in others(fitted, background).items()
            }
        best = max(rates, key=lambda other: rates[other])
        how = f"{own.KIND.removesuffix('Explainer').lower()}, {'sampled' if own.sampled else 'exact'}"
        numbers = (f"{value:,.0f}" if value >= 10 else f"{value:.2g}" for value in (rate, rates[best]))
        mine, theirs = numbers
        print(f"| {name} | {how} | {mine} | {best} | {theirs} | {rate / rates[best]:,.2g} |", flush=True)


if __name__ == "__main__":
    main()
