"""What `accelerate` promises: the same bits, by another way, and a model that is not changed."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor

from mlops_assets.trees import fast_boosting, tree_sums
from mlops_assets.trees.accelerate import accelerate
from mlops_assets.trees.plain_rows import COMPARED_ROWS
from mlops_assets.trees.rank_trees import rank_trees
from mlops_assets.trees.read import read_ensemble
from mlops_assets.trees.tree_sums import WORTH_PAIRS

pytestmark = pytest.mark.slow

ROWS = 1_003
"""No multiple of the kernel's lanes."""


def table(rows: int = ROWS, missing: bool = False, seed: int = 0, infinite: bool = True) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((rows, 6))
    X[:, 3] = np.round(X[:, 3])
    if missing:
        X[rng.random(X.shape) < 0.2] = np.nan
        X[0, :2] = (np.inf, -np.inf) if infinite else (3e38, -3e38)
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
    "histogram, many leaves": (HistGradientBoostingRegressor(max_leaf_nodes=None, max_iter=5), 0, True),
    "histogram, categories": (HistGradientBoostingClassifier(categorical_features=[3], max_iter=9), 3, True),
    "gradient": (GradientBoostingRegressor(n_estimators=20), 0, False),
    "gradient, from zero": (GradientBoostingRegressor(n_estimators=20, init="zero"), 0, False),
    "gradient, two classes": (GradientBoostingClassifier(n_estimators=20), 2, False),
    "gradient, exponential": (GradientBoostingClassifier(n_estimators=20, loss="exponential"), 2, False),
    "gradient, deep": (GradientBoostingRegressor(n_estimators=5, max_depth=None), 0, False),
    "forest": (RandomForestRegressor(n_estimators=9), 0, True),
    "forest, few leaves": (RandomForestRegressor(n_estimators=9, max_depth=3), 0, False),
    "forest, three classes": (RandomForestClassifier(n_estimators=9), 3, True),
    "extra trees": (ExtraTreesRegressor(n_estimators=9), 0, True),
    "extra trees, four classes": (ExtraTreesClassifier(n_estimators=9, max_depth=5), 4, True),
    "isolation": (IsolationForest(n_estimators=9, random_state=0), 0, True),
    "isolation, some columns": (IsolationForest(n_estimators=9, max_features=0.5, contamination=0.1), 0, False),
    "gradient, four classes": (GradientBoostingClassifier(n_estimators=9, max_depth=6), 4, False),
}


def fitted(name: str):
    model, classes, missing = MODELS[name]
    X = table(missing=missing, infinite="histogram" in name)
    y = target(X, classes)
    return copy.deepcopy(model).fit(X, np.exp(y / 9) if "poisson" in name else y), X


SUMMING_METHODS = [("histogram", "_predict_iterations"), ("gradient", "_raw_predict")]


def accelerated(model, rows: int = WORTH_PAIRS):
    fast = accelerate(model)
    fast.sums.expect_rows(rows)
    return fast


@pytest.mark.parametrize("name", MODELS)
def test_every_bit_is_the_librarys(name):
    model, X = fitted(name)
    fast = accelerated(model)
    for method in ("predict", "predict_proba", "predict_log_proba", "decision_function", "score_samples"):
        if hasattr(model, method):
            assert getattr(fast.model, method)(X).tobytes() == getattr(model, method)(X).tobytes()
    assert fast.sums.compared
    assert not fast.sums.rejected
    if not hasattr(model, "staged_predict"):
        return
    stages = zip(model.staged_predict(X), fast.model.staged_predict(X), strict=True)
    assert all(np.array_equal(one, other) for one, other in stages)


@pytest.mark.parametrize("name", MODELS)
def test_the_fitted_model_is_not_changed(name):
    model, X = fitted(name)
    kind, attributes, pickled = type(model), dict(vars(model)), pickle.dumps(model)
    accelerated(model).model.predict(X)
    assert type(model) is kind
    assert vars(model).keys() == attributes.keys()
    assert all(vars(model)[attribute] is value for attribute, value in attributes.items())
    assert pickle.dumps(model) == pickled


def test_a_pipeline_is_not_changed():
    X = table()
    model = make_pipeline(StandardScaler(), GradientBoostingRegressor(n_estimators=9)).fit(X, target(X))
    estimator, attributes, pickled = model[-1], dict(vars(model)), pickle.dumps(model)
    steps = list(model.steps)
    fast = accelerated(model)
    assert fast.model.predict(X).tobytes() == model.predict(X).tobytes()
    assert fast.sums.compared
    assert not fast.sums.rejected
    assert type(fast.model) is type(model)
    assert vars(model) == attributes
    assert model.steps == steps
    assert model[-1] is estimator
    assert type(estimator) is GradientBoostingRegressor
    assert pickle.dumps(model) == pickled


@pytest.mark.parametrize("name", ["histogram", "gradient"])
def test_rows_on_a_threshold_go_where_the_library_sends_them(name):
    """Each row is on a threshold, or one float beside it."""
    model, X = fitted(name)
    trees = read_ensemble(model)
    inner = trees.left >= 0
    feature, threshold = trees.feature[inner], trees.threshold[inner]
    rows = np.repeat(X.to_numpy()[:1], 3 * len(threshold), axis=0)
    split = np.arange(len(threshold))
    for part, values in enumerate((threshold, np.nextafter(threshold, -np.inf), np.nextafter(threshold, np.inf))):
        rows[split + part * len(split), feature] = values
    rows = np.nan_to_num(rows, posinf=3, neginf=-3)
    frame = pd.DataFrame(rows, columns=X.columns)
    assert accelerated(model).model.predict(frame).tobytes() == model.predict(frame).tobytes()


@pytest.mark.parametrize(("name", "method"), SUMMING_METHODS)
def test_the_kernel_does_the_work(name, method, monkeypatch):
    """After the first rows, which both sum."""
    model, X = fitted(name)
    expected = model.predict(X)
    fast = accelerated(model)
    library_sums, summed = getattr(type(model), method), []

    def count_rows(self, X, *more):
        summed.append(len(X))
        return library_sums(self, X, *more)

    monkeypatch.setattr(type(model), method, count_rows)
    assert fast.model.predict(X).tobytes() == expected.tobytes()
    assert summed == [COMPARED_ROWS]
    assert fast.model.predict(X).tobytes() == expected.tobytes()
    assert summed == [COMPARED_ROWS]


@pytest.mark.parametrize("name", ["histogram", "gradient"])
def test_a_bit_that_differs_leaves_it_to_the_library(name, monkeypatch):
    model, X = fitted(name)
    trees = rank_trees(read_ensemble(model))
    trees.value[-40:] += 1e-9
    monkeypatch.setattr(fast_boosting, "rank_trees", lambda _: trees)
    fast = accelerated(model)
    for _ in range(2):
        assert fast.model.predict(X).tobytes() == model.predict(X).tobytes()
        assert fast.sums.rejected


@pytest.mark.parametrize(("name", "method"), SUMMING_METHODS)
def test_a_version_whose_sum_takes_other_arguments_is_left_alone(name, method, monkeypatch):
    model, _ = fitted(name)
    monkeypatch.setattr(type(model), method, lambda self, X, *, weights: None)
    assert accelerate(model) is None


def test_few_rows_do_not_wait_for_a_compiler():
    model, X = fitted("gradient")
    fast = accelerated(model, len(X))
    fast.model.predict(X)
    assert not fast.sums.compared
    fast.sums.expect_rows(WORTH_PAIRS)
    fast.model.predict(X)
    assert fast.sums.compared


def test_many_small_batches_load_the_kernel_in_the_end(monkeypatch):
    monkeypatch.setattr(tree_sums, "WORTH_PAIRS", 5 * ROWS * 20)
    model, X = fitted("gradient")
    fast = accelerated(model, 1)
    for _ in range(4):
        fast.model.predict(X)
    assert not fast.sums.compared
    fast.model.predict(X)
    fast.model.predict(X)
    assert fast.sums.compared


def test_models_that_the_kernel_cannot_sum_are_left_alone():
    X = table()
    y = target(X)
    for model in (
        LinearRegression(),
        make_pipeline(StandardScaler(), LinearRegression()),
    ):
        assert accelerate(model.fit(X, np.stack([y, y], axis=1))) is None
    for model in (GradientBoostingRegressor(), HistGradientBoostingRegressor(), None, object(), "a string"):
        assert accelerate(model) is None


DEEP = {"random_state": 0, "splitter": "random"}
SINGLE = {
    "regression": (DecisionTreeRegressor(**DEEP), 0),
    "two outputs": (DecisionTreeRegressor(**DEEP), -2),
    "three classes": (DecisionTreeClassifier(**DEEP), 3),
    "classes of two outputs": (DecisionTreeClassifier(**DEEP), -3),
    "extra tree": (ExtraTreeRegressor(random_state=0), 0),
    "extra tree of classes": (ExtraTreeClassifier(random_state=0), 3),
    "bagging": (BaggingRegressor(DecisionTreeRegressor(), n_estimators=5, max_features=0.8, random_state=0), 0),
    "bagging of classes": (BaggingClassifier(DecisionTreeClassifier(), n_estimators=5, random_state=0), 3),
    "AdaBoost": (AdaBoostRegressor(DecisionTreeRegressor(), n_estimators=5, random_state=0), 0),
    "AdaBoost of classes": (
        AdaBoostClassifier(DecisionTreeClassifier(max_depth=15), n_estimators=5, random_state=0),
        3,
    ),
    "behind a scaler": (make_pipeline(StandardScaler(), DecisionTreeRegressor(**DEEP)), 0),
}


@pytest.mark.parametrize("name", SINGLE)
def test_every_bit_of_deep_single_trees_is_the_librarys(name):
    model, classes = SINGLE[name]
    X = table(missing="AdaBoost" not in name, infinite=False)
    # Values of both signs that are zero, which an addition could lose.
    noise = np.random.default_rng(3).standard_normal(ROWS)
    y = target(X, abs(classes)) if classes not in (0, -2) else np.where(noise > 1, -0.0, target(X) + noise)
    if classes in (3, -3):
        y = (y + (noise > 1)) % 3
    model = copy.deepcopy(model).fit(X, np.stack([y, y[::-1]], axis=1) if classes < 0 else y)
    pickled = pickle.dumps(model)
    fast = accelerate(model)
    fast.expect_rows(WORTH_PAIRS)
    for method in ("predict", "predict_proba"):
        if hasattr(model, method):
            ours, theirs = getattr(fast.model, method)(X), getattr(model, method)(X)
            several = zip(ours, theirs, strict=True) if isinstance(theirs, list) else [(ours, theirs)]
            assert all(one.tobytes() == other.tobytes() for one, other in several)
    assert all(part.compared and not part.rejected for part in fast.parts)
    assert pickle.dumps(model) == pickled
    for plain in (copy.deepcopy(fast.model), pickle.loads(pickle.dumps(fast.model))):
        assert type(plain) is type(model)
        assert plain.predict(X).tobytes() == model.predict(X).tobytes()
        assert b"_FastTree" not in pickle.dumps(plain)


def test_shallow_single_trees_are_left_to_the_library():
    X = table()
    model = DecisionTreeRegressor(max_depth=8).fit(X, target(X))
    assert accelerate(model) is None
    assert accelerate(BaggingRegressor(DecisionTreeRegressor(max_depth=8)).fit(X, target(X))) is None


@pytest.mark.parametrize("kind", [RandomForestRegressor, ExtraTreesClassifier, RandomForestClassifier])
def test_forests_of_several_outputs_and_threads_answer_as_in_one_thread(kind):
    X = table(missing=True, infinite=False)
    one, other = (target(X), 2 * target(X)) if kind is RandomForestRegressor else (target(X, 3), target(X, 4) % 2)
    model = kind(n_estimators=9, max_depth=6, n_jobs=2).fit(X, np.stack([one, other], axis=1))
    serial = copy.copy(model).set_params(n_jobs=1)
    fast = accelerated(model)
    for method in ("predict", "predict_proba"):
        if hasattr(model, method):
            ours, theirs = getattr(fast.model, method)(X), getattr(serial, method)(X)
            assert type(ours) is type(theirs)
            assert all(a.tobytes() == b.tobytes() for a, b in zip(ours, theirs, strict=True))
    assert fast.sums.compared
    assert not fast.sums.rejected
    assert fast.model.n_jobs == 2


def test_a_start_that_is_no_constant_is_the_librarys():
    X = table()
    model = GradientBoostingRegressor(init=LinearRegression(), n_estimators=9).fit(X, target(X))
    fast = accelerated(model)
    assert fast.model.predict(X).tobytes() == model.predict(X).tobytes()
    assert fast.sums.rejected


@pytest.mark.parametrize("name", ["histogram", "gradient"])
def test_threads_copies_and_pickles(name):
    model, X = fitted(name)
    expected = model.predict(X).tobytes()
    fast = accelerated(model).model
    with ThreadPoolExecutor(4) as pool:
        assert all(each.tobytes() == expected for each in pool.map(fast.predict, [X] * 12))
    for other in (copy.copy(fast), copy.deepcopy(fast), pickle.loads(pickle.dumps(fast))):
        assert type(other) is type(model)
        assert vars(other).keys() == vars(model).keys()
        assert other.predict(X).tobytes() == expected


def test_messages_name_the_models_own_class():
    model, X = fitted("gradient")
    with pytest.raises(ValueError, match="feature") as library:
        model.predict(X.to_numpy()[:, :2])
    with pytest.raises(ValueError, match="feature") as ours:
        accelerated(model).model.predict(X.to_numpy()[:, :2])
    assert str(ours.value) == str(library.value)
    assert repr(accelerated(model).model) == repr(model)
