"""What `hurry` promises: the same bits, by another way."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
)
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlops_assets.trees import fast_boosting
from mlops_assets.trees.fast_boosting import WORTH_PAIRS, can_hurry, hurry, read_leaves

pytestmark = pytest.mark.slow

ROWS = 1_003
"""No multiple of the kernel's lanes."""


def table(rows: int = ROWS, missing: bool = False, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((rows, 6))
    X[:, 3] = np.round(X[:, 3])
    if missing:
        X[rng.random(X.shape) < 0.2] = np.nan
        X[0, :2] = np.inf, -np.inf
    return pd.DataFrame(X, columns=[f"f{i}" for i in range(6)])


def target(X: pd.DataFrame, classes: int = 0):
    raw = np.nan_to_num(X.to_numpy(), posinf=9, neginf=-9)
    y = raw[:, 0] * raw[:, 1] + np.sin(raw[:, 2]) + raw[:, 3]
    return y if not classes else np.digitize(y, np.quantile(y, np.linspace(0, 1, classes + 1)[1:-1]))


MODELS = {
    "histogram": (HistGradientBoostingRegressor(max_iter=20), 0, True),
    "histogram, poisson": (HistGradientBoostingRegressor(loss="poisson", max_iter=20), 0, True),
    "histogram, two classes": (HistGradientBoostingClassifier(max_iter=20), 2, True),
    "histogram, four classes": (HistGradientBoostingClassifier(max_iter=9), 4, True),
    "histogram, stumps": (HistGradientBoostingRegressor(max_leaf_nodes=2, max_iter=20), 0, True),
    "histogram, 64 leaves": (HistGradientBoostingRegressor(max_leaf_nodes=64, min_samples_leaf=2, max_iter=5), 0, True),
    "histogram, single leaves": (HistGradientBoostingRegressor(min_samples_leaf=600, max_iter=3), 0, True),
    "gradient": (GradientBoostingRegressor(n_estimators=20), 0, False),
    "gradient, from zero": (GradientBoostingRegressor(n_estimators=20, init="zero"), 0, False),
    "gradient, two classes": (GradientBoostingClassifier(n_estimators=20), 2, False),
    "gradient, exponential": (GradientBoostingClassifier(n_estimators=20, loss="exponential"), 2, False),
    "gradient, four classes": (GradientBoostingClassifier(n_estimators=9, max_depth=6), 4, False),
}


def fitted(name: str):
    model, classes, missing = MODELS[name]
    X = table(missing=missing)
    y = target(X, classes)
    return copy.deepcopy(model).fit(X, np.exp(y / 9) if "poisson" in name else y), X


def never(*_arguments, **_more):
    raise AssertionError("scikit-learn's own sum was asked for all rows")


@pytest.mark.parametrize("name", MODELS)
def test_every_bit_is_the_librarys(name):
    model, X = fitted(name)
    methods = [method for method in ("predict", "predict_proba", "decision_function") if hasattr(model, method)]
    own = {method: getattr(model, method)(X) for method in methods}
    staged = list(model.staged_predict(X))
    hurry(model, WORTH_PAIRS)
    for method in methods:
        assert getattr(model, method)(X).tobytes() == own[method].tobytes()
    assert model._mlops_assets_sums.compared
    assert not model._mlops_assets_sums.refused
    assert all(np.array_equal(one, other) for one, other in zip(staged, model.staged_predict(X), strict=True))


@pytest.mark.parametrize("name", ["histogram", "gradient"])
def test_rows_on_a_threshold_go_where_the_library_sends_them(name):
    """Each row lies on a threshold, or one float beside it."""
    model, X = fitted(name)
    leaves = read_leaves(model)
    rows = np.repeat(X.to_numpy()[:1], 3 * len(leaves.threshold), axis=0)
    at = np.arange(len(leaves.threshold))
    for part, values in enumerate(
        (leaves.threshold, np.nextafter(leaves.threshold, -np.inf), np.nextafter(leaves.threshold, np.inf))
    ):
        rows[at + part * len(at), leaves.feature] = values
    rows = np.nan_to_num(rows, posinf=3, neginf=-3)
    frame = pd.DataFrame(rows, columns=X.columns)
    own = model.predict(frame)
    hurry(model, WORTH_PAIRS)
    assert model.predict(frame).tobytes() == own.tobytes()


@pytest.mark.parametrize("name", ["histogram", "gradient"])
def test_the_kernel_does_the_work(name, monkeypatch):
    """After the first rows, which both sum."""
    model, X = fitted(name)
    expected = model.predict(X)
    if name == "histogram":
        model._predict_iterations = lambda *given: (
            type(model)._predict_iterations(model, *given) or (len(given[0]) <= fast_boosting.COMPARED_ROWS or never())
        )
    else:
        model._raw_predict = lambda X: type(model)._raw_predict(model, X) if len(X) <= 256 else never()
    with pytest.raises(AssertionError, match="own sum"):
        model.predict(X)
    hurry(model, WORTH_PAIRS)
    assert model.predict(X).tobytes() == expected.tobytes()


def test_a_bit_that_differs_leaves_it_to_the_library(monkeypatch):
    model, X = fitted("histogram")
    own = model.predict(X)
    leaves = read_leaves(model)
    leaves.value[0] = np.nextafter(leaves.value[0], np.inf)
    leaves.value[-40:] += 1e-9
    monkeypatch.setattr(fast_boosting, "read_leaves", lambda _: leaves)
    hurry(model, WORTH_PAIRS)
    assert model.predict(X).tobytes() == own.tobytes()
    assert model._mlops_assets_sums.refused


def test_few_rows_do_not_wait_for_a_compiler():
    model, X = fitted("gradient")
    hurry(model, len(X))
    model.predict(X)
    assert not model._mlops_assets_sums.compared
    hurry(model, WORTH_PAIRS)
    model.predict(X)
    assert model._mlops_assets_sums.compared


def test_many_few_rows_do_at_last(monkeypatch):
    monkeypatch.setattr(fast_boosting, "WORTH_PAIRS", 5 * ROWS * 20)
    model, X = fitted("gradient")
    hurry(model, 1)
    for _ in range(4):
        model.predict(X)
    assert not model._mlops_assets_sums.compared
    model.predict(X)
    model.predict(X)
    assert model._mlops_assets_sums.compared


def test_what_it_has_no_way_with_stays_as_it_is():
    X = table()
    y = target(X)
    categories = X.assign(f3=X.f3.astype("int64").astype("category"))
    for model, rows in (
        (HistGradientBoostingRegressor(max_iter=5, categorical_features="from_dtype"), categories),
        (HistGradientBoostingRegressor(max_leaf_nodes=80, min_samples_leaf=2, max_iter=5), X),
        (GradientBoostingRegressor(max_depth=9, n_estimators=5), X),
        (RandomForestRegressor(n_estimators=5), X),
        (LinearRegression(), X),
    ):
        model.fit(rows, y)
        assert not can_hurry(model)
        before = set(vars(model))
        hurry(model, WORTH_PAIRS)
        assert set(vars(model)) == before
    for nothing in (None, object(), "a string"):
        assert not can_hurry(nothing)
        hurry(nothing, WORTH_PAIRS)


def test_a_start_that_is_no_constant_is_the_librarys():
    X = table()
    model = GradientBoostingRegressor(init=LinearRegression(), n_estimators=9).fit(X, target(X))
    own = model.predict(X)
    hurry(model, WORTH_PAIRS)
    assert model.predict(X).tobytes() == own.tobytes()


def test_the_last_step_of_a_pipeline_hurries():
    X = table()
    model = make_pipeline(StandardScaler(), GradientBoostingRegressor(n_estimators=9)).fit(X, target(X))
    own = model.predict(X)
    hurry(model, WORTH_PAIRS)
    assert model.predict(X).tobytes() == own.tobytes()
    assert model[-1]._mlops_assets_sums.compared


@pytest.mark.parametrize("name", ["histogram", "gradient"])
def test_threads_copies_and_pickles(name):
    model, X = fitted(name)
    own = model.predict(X)
    hurry(model, WORTH_PAIRS)
    with ThreadPoolExecutor(4) as pool:
        assert all(each.tobytes() == own.tobytes() for each in pool.map(model.predict, [X] * 12))
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert other.predict(X).tobytes() == own.tobytes()


def test_a_run_of_many_rows_hurries_although_one_of_few_came_first(registry, run, monkeypatch):
    """Both runs are this process's and find the model loaded and the work opened; the tables are those of the model."""
    added = []
    monkeypatch.setattr(fast_boosting, "WORTH_PAIRS", 500 * 20)
    monkeypatch.setattr(fast_boosting.Leaves, "add_to", _noting(fast_boosting.Leaves.add_to, added))
    rows = table(1_000).assign(row=np.arange(1_000))
    model = GradientBoostingRegressor(n_estimators=20).fit(rows[[f"f{i}" for i in range(6)]], target(rows))
    registry.add_sklearn(model, rows[[f"f{i}" for i in range(6)]])
    settings = {"row_key": ["row"], "job": "inference", "resume": {"enabled": False}}
    assert run(rows[:100], **settings).success
    assert added == []
    done = run(rows, **settings)
    assert sum(added) >= 1_000
    predicted = pd.read_parquet(done.tables / "predictions.parquet")
    assert predicted.prediction.tolist() == model.predict(rows[[f"f{i}" for i in range(6)]]).tolist()


def _noting(add_to, added):
    def noted(self, sums, X):
        added.append(len(X))
        add_to(self, sums, X)

    return noted
