"""What is read from each library's models: the model's own output, and its own attributions where it has them."""

import json

import numpy as np
import pytest
import xgboost

from mlops_assets.trees.errors import UnreadableTreesError
from mlops_assets.trees.margin import raw_margin
from mlops_assets.trees.margin_kernel import compiled_margin
from mlops_assets.trees.read import read_ensemble
from mlops_assets.trees.read_boosters import xgboost_offset
from mlops_assets.trees.shap_values import tree_shap
from mlops_assets_tests.trees.test_shap_kernel import by_subsets

pytestmark = pytest.mark.slow

ROWS = 400
CATEGORIES = [4, 5]


def table(*, missing):
    """Normal numbers on a grid (so that rows are on thresholds), then two columns of category codes."""
    random = np.random.default_rng(0)
    X = random.normal(size=(ROWS, 6)).round(1)
    X[:, 4], X[:, 5] = random.integers(0, 9, ROWS), random.integers(0, 40, ROWS)
    y = X[:, 0] * X[:, 1] + X[:, 2] + X[:, 4] % 3 + np.sin(X[:, 5])
    if missing:
        X[random.random(X.shape) < 0.15] = np.nan
        X[:20, 0] = 0
    return X, y


def beyond(X):
    """Rows as they were, rows between the known values, and rows with categories that training did not see."""
    rows = np.vstack([X[-80:], X[:40] + 0.05])
    rows[-20:, CATEGORIES] = [99.0, 7.0]
    rows[-30:-20, 1] = 0.0
    return rows


def sklearn_cases():
    from sklearn import ensemble as e
    from sklearn import tree as t

    def predict(model, X):
        return model.predict(X)

    def probability(model, X):
        return model.predict_proba(X)

    def decision(model, X):
        return model.decision_function(X)

    def log(model, X):
        return np.log(model.predict(X))

    few = {"n_estimators": 8, "random_state": 0}
    return {
        "decision tree": (t.DecisionTreeRegressor(), "number", predict, "identity"),
        "decision tree, missing": (t.DecisionTreeRegressor(), "number, missing", predict, "identity"),
        "decision tree, classes": (t.DecisionTreeClassifier(max_depth=5), "classes", probability, "probability"),
        "stump": (t.DecisionTreeRegressor(max_depth=1), "number", predict, "identity"),
        "constant": (t.DecisionTreeRegressor(), "constant", predict, "identity"),
        "extra tree": (t.ExtraTreeRegressor(), "two numbers", predict, "identity"),
        "forest": (e.RandomForestRegressor(**few), "number, missing", predict, "identity"),
        "forest, two numbers": (e.RandomForestRegressor(**few), "two numbers", predict, "identity"),
        "forest, binary": (e.RandomForestClassifier(**few), "binary, missing", probability, "probability"),
        "extra trees, classes": (e.ExtraTreesClassifier(**few), "classes", probability, "probability"),
        "boosting": (e.GradientBoostingRegressor(n_estimators=9), "number", predict, "identity"),
        "boosting from zero": (e.GradientBoostingRegressor(n_estimators=9, init="zero"), "number", predict, "identity"),
        "boosting, binary": (e.GradientBoostingClassifier(n_estimators=9), "binary", decision, "log-odds"),
        "boosting, classes": (e.GradientBoostingClassifier(n_estimators=9), "classes", decision, "softmax margin"),
        "boosting, exponential": (
            e.GradientBoostingClassifier(n_estimators=9, loss="exponential"), "binary", decision, "margin",
        ),
        "histogram": (e.HistGradientBoostingRegressor(max_iter=9), "number, missing", predict, "identity"),
        "histogram, categories": (
            e.HistGradientBoostingRegressor(max_iter=9, categorical_features=CATEGORIES), "number, missing", predict,
            "identity",
        ),
        "histogram, poisson": (
            e.HistGradientBoostingRegressor(max_iter=9, loss="poisson"), "count, missing", log, "log",
        ),
        "histogram, binary": (e.HistGradientBoostingClassifier(max_iter=9), "binary, missing", decision, "log-odds"),
        "histogram, classes": (
            e.HistGradientBoostingClassifier(max_iter=9), "classes, missing", decision, "softmax margin",
        ),
    }  # fmt: skip


def lightgbm_cases():
    from lightgbm import LGBMClassifier, LGBMRegressor

    def raw(model, X):
        return model.predict(X, raw_score=True)

    def predict(model, X):
        return model.predict(X)

    few = {"n_estimators": 9, "verbose": -1, "min_data_in_leaf": 5}
    categories = {"categorical_feature": CATEGORIES, "min_data_per_group": 5, "cat_smooth": 1}
    forest = {"boosting_type": "rf", "bagging_freq": 1, "bagging_fraction": 0.5}
    return {
        "lightgbm": (LGBMRegressor(**few), "number", raw, "identity"),
        "lightgbm, missing": (LGBMRegressor(**few), "number, missing", raw, "identity"),
        "lightgbm, zero is missing": (LGBMRegressor(**few, zero_as_missing=True), "number, missing", raw, "identity"),
        "lightgbm, missing not used": (LGBMRegressor(**few, use_missing=False), "number, missing", raw, "identity"),
        "lightgbm, categories": (LGBMRegressor(**few, **categories), "number, missing", raw, "identity"),
        "lightgbm, forest": (LGBMRegressor(**few, **forest), "number", predict, "identity"),
        "lightgbm, dart": (LGBMRegressor(**few, boosting_type="dart"), "number", raw, "identity"),
        "lightgbm, poisson": (LGBMRegressor(**few, objective="poisson"), "count", raw, "log"),
        "lightgbm, square root": (LGBMRegressor(**few, reg_sqrt=True), "number", raw, "margin"),
        "lightgbm, binary": (LGBMClassifier(**few), "binary, missing", raw, "log-odds"),
        "lightgbm, classes": (LGBMClassifier(**few), "classes", raw, "softmax margin"),
        "lightgbm, one against all": (LGBMClassifier(**few, objective="multiclassova"), "classes", raw, "log-odds"),
    }


def xgboost_cases():
    from xgboost import XGBClassifier, XGBRegressor, XGBRFRegressor

    def raw(model, X):
        return model.predict(X, output_margin=True)

    few = {"n_estimators": 9}
    categories = {"enable_categorical": True, "feature_types": [*["q"] * 4, "c", "c"], "max_cat_to_onehot": 5}
    return {
        "xgboost": (XGBRegressor(**few), "number", raw, "identity"),
        "xgboost, missing": (XGBRegressor(**few), "number, missing", raw, "identity"),
        "xgboost, zero is missing": (XGBRegressor(**few, missing=0.0), "number", raw, "identity"),
        "xgboost, categories": (XGBRegressor(**few, **categories), "number, missing", raw, "identity"),
        "xgboost, dart": (XGBRegressor(**few, booster="dart", rate_drop=0.3), "number", raw, "identity"),
        "xgboost, forest": (XGBRFRegressor(**few), "number", raw, "identity"),
        "xgboost, leaf-wise": (XGBRegressor(**few, grow_policy="lossguide", max_leaves=9), "number", raw, "identity"),
        "xgboost, two numbers": (XGBRegressor(**few), "two numbers", raw, "identity"),
        "xgboost, vector leaves": (
            XGBRegressor(**few, multi_strategy="multi_output_tree"), "two numbers", raw, "identity",
        ),
        "xgboost, poisson": (XGBRegressor(**few, objective="count:poisson"), "count", raw, "log"),
        "xgboost, base score": (XGBRegressor(**few, base_score=2.5), "number", raw, "identity"),
        "xgboost, binary": (XGBClassifier(**few), "binary, missing", raw, "log-odds"),
        "xgboost, raw binary": (XGBClassifier(**few, objective="binary:logitraw"), "binary", raw, "log-odds"),
        "xgboost, hinge": (XGBClassifier(**few, objective="binary:hinge"), "binary", raw, "margin"),
        "xgboost, classes": (XGBClassifier(**few), "classes", raw, "softmax margin"),
    }  # fmt: skip


def catboost_cases():
    from catboost import CatBoostClassifier, CatBoostRegressor

    def raw(model, X):
        return model.predict(X, prediction_type="RawFormulaVal")

    few = {"iterations": 9, "depth": 4, "verbose": 0, "allow_writing_files": False}
    largest = {"nan_mode": "Max"}
    return {
        "catboost": (CatBoostRegressor(**few), "number, missing", raw, "identity"),
        "catboost, missing is large": (CatBoostRegressor(**few, **largest), "number, missing", raw, "identity"),
        "catboost, two numbers": (CatBoostRegressor(**few, loss_function="MultiRMSE"), "two numbers", raw, "identity"),
        "catboost, binary": (CatBoostClassifier(**few), "binary, missing", raw, "log-odds"),
        "catboost, classes": (CatBoostClassifier(**few), "classes", raw, "softmax margin"),
        "catboost, one against all": (
            CatBoostClassifier(**few, loss_function="MultiClassOneVsAll"), "classes", raw, "log-odds",
        ),
        "catboost, poisson": (CatBoostRegressor(**few, loss_function="Poisson"), "count", raw, "log"),
    }  # fmt: skip


CASES = {**sklearn_cases(), **lightgbm_cases(), **xgboost_cases(), **catboost_cases()}


@pytest.fixture(scope="module")
def fitted():
    """Each case's model, fitted once; its training rows; its own output for rows."""
    models = {}

    def fit(name):
        if name not in models:
            model, target, output, _ = CASES[name]
            X, y = table(missing="missing" in target)
            y = {
                "number": lambda: y,
                "constant": lambda: np.full(ROWS, 3.0),
                "two numbers": lambda: np.column_stack([y, 2 * y + X[:, 3]]),
                "binary": lambda: np.where(y > 1, "yes", "no") if "xgb" not in name else (y > 1).astype(int),
                "classes": lambda: np.digitize(y, [0, 2]) * (1 if "xgb" in name else 10),
                "count": lambda: np.exp(y / 3).round(),
            }[target.split(",")[0]]()
            models[name] = model.fit(X, y), X, lambda rows: np.asarray(output(model, rows)).reshape(len(rows), -1)
        return models[name]

    return fit


def rows_for(name, X):
    # XGBoost refuses categories that it has not seen.
    return X if name == "xgboost, categories" else beyond(X)


@pytest.mark.parametrize("name", CASES)
def test_the_margin_is_the_models_own_output(fitted, name):
    model, X, output = fitted(name)
    ensemble, rows = read_ensemble(model), rows_for(name, X)
    expected = output(rows)
    # XGBoost adds its leaves up in 32 bits.
    tolerance = (1e-6 if "xgboost" in name else 1e-14) * max(1, np.abs(expected).max())
    np.testing.assert_allclose(raw_margin(ensemble, rows), expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("name", CASES)
def test_the_space_is_named(fitted, name):
    assert read_ensemble(fitted(name)[0]).space == CASES[name][3]


@pytest.mark.parametrize("name", CASES)
def test_base_and_attributions_add_up_to_the_margin(fitted, name):
    model, X, _ = fitted(name)
    ensemble, rows = read_ensemble(model), rows_for(name, X)
    values, base = tree_shap(ensemble, rows)
    margin = raw_margin(ensemble, rows)
    np.testing.assert_allclose(base + values.sum(axis=1), margin, rtol=0, atol=1e-13 * max(1, np.abs(margin).max()))


@pytest.mark.parametrize("name", CASES)
def test_the_compiled_margin_is_the_same(fitted, name):
    model, X, _ = fitted(name)
    ensemble = read_ensemble(model)
    rows = ensemble.prepare(rows_for(name, X))
    np.testing.assert_allclose(
        compiled_margin(ensemble, rows), raw_margin(ensemble, rows_for(name, X)), rtol=1e-12, atol=1e-12
    )


def own_contributions(name, model, rows):
    """(n, features + 1, outputs) as LightGBM, XGBoost and CatBoost compute them; the last is the base."""
    if "lightgbm" in name:
        result = model.predict(rows, pred_contrib=True)
    elif "xgboost" in name:
        from xgboost import DMatrix

        booster = model.get_booster()
        types = booster.feature_types
        matrix = DMatrix(rows, missing=model.missing, feature_types=types, enable_categorical=True)
        result = booster.predict(matrix, pred_contribs=True)
    else:
        from catboost import Pool

        result = model.get_feature_importance(Pool(rows), type="ShapValues", shap_calc_type="Regular")
    return np.moveaxis(np.asarray(result, np.float64).reshape(len(rows), -1, rows.shape[1] + 1), 1, 2)


OWN = [
    name
    for name in CASES
    if name.startswith(("lightgbm", "xgboost", "catboost"))
    # XGBoost has none for vector leaves; LightGBM does not average those of a forest.
    and name not in ("xgboost, vector leaves", "lightgbm, forest")
]


@pytest.mark.parametrize("name", OWN)
def test_the_librarys_own_contributions_agree(fitted, name):
    model, X, output = fitted(name)
    rows = rows_for(name, X)
    values, base = tree_shap(read_ensemble(model), rows)
    expected = own_contributions(name, model, rows)
    tolerance = (1e-6 if "xgboost" in name else 1e-12) * max(1, np.abs(output(rows)).max())
    np.testing.assert_allclose(values, expected[:, :-1], rtol=0, atol=tolerance)
    np.testing.assert_allclose(np.tile(base, (len(rows), 1)), expected[:, -1], rtol=0, atol=tolerance)


@pytest.mark.parametrize("name", ["histogram, categories", "lightgbm, forest", "xgboost, vector leaves"])
def test_all_subsets_agree_where_no_library_can_judge(fitted, name):
    # shap reads no categories of HistGradientBoosting, XGBoost has no contributions for vector leaves.
    model, X, _ = fitted(name)
    ensemble, rows = read_ensemble(model), beyond(X)[[0, 50, 90, 110]]
    coded = ensemble.prepare(rows)
    by_code = type(ensemble)(**{**fields(ensemble), "encodings": {}, "float32_inputs": False})
    np.testing.assert_allclose(tree_shap(ensemble, rows)[0], by_subsets(by_code, coded)[0], rtol=0, atol=1e-12)


def fields(ensemble):
    return {name: getattr(ensemble, name) for name in type(ensemble).__dataclass_fields__}


# --- names, boosters, best iterations ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "outputs"),
    [
        ("forest", ("0",)),
        ("forest, two numbers", ("0", "1")),
        ("forest, binary", ("no", "yes")),
        ("boosting, binary", ("yes",)),
        ("histogram, classes", ("0", "10", "20")),
        ("lightgbm, binary", ("yes",)),
        ("xgboost, classes", ("0", "1", "2")),
        ("catboost, binary", ("yes",)),
    ],
)
def test_outputs_have_the_labels_of_the_classes(fitted, name, outputs):
    assert read_ensemble(fitted(name)[0]).outputs == outputs


@pytest.mark.parametrize("name", ["lightgbm, classes", "xgboost, classes"])
def test_a_booster_is_read_like_its_model(fitted, name):
    model, X, _ = fitted(name)
    booster = model.booster_ if "lightgbm" in name else model.get_booster()
    assert read_ensemble(booster).outputs == ("0", "1", "2")
    assert np.array_equal(raw_margin(read_ensemble(booster), X), raw_margin(read_ensemble(model), X))


def test_several_targets_of_a_classifier():
    from sklearn.ensemble import RandomForestClassifier

    X, y = table(missing=False)
    targets = np.column_stack([np.where(y > 1, "a", "b"), np.digitize(y, [0, 2])])
    forest = RandomForestClassifier(5, random_state=0).fit(X, targets)
    ensemble = read_ensemble(forest)
    assert ensemble.outputs == ("0:a", "0:b", "1:0", "1:1", "1:2")
    np.testing.assert_allclose(raw_margin(ensemble, X), np.hstack(forest.predict_proba(X)), rtol=0, atol=1e-14)


def test_trees_after_the_best_iteration_are_left_out():
    from lightgbm import LGBMRegressor, early_stopping
    from xgboost import XGBRegressor

    X, y = table(missing=False)
    noise = np.random.default_rng(0).normal(size=ROWS)
    light = LGBMRegressor(n_estimators=50, verbose=-1).fit(
        X, y, eval_set=[(X, noise)], callbacks=[early_stopping(5, verbose=False)]
    )
    extreme = XGBRegressor(n_estimators=50, early_stopping_rounds=5).fit(X, y, eval_set=[(X, noise)], verbose=False)
    for model in (light, extreme):
        ensemble = read_ensemble(model)
        assert len(ensemble.roots) < 10
        np.testing.assert_allclose(raw_margin(ensemble, X)[:, 0], model.predict(X), rtol=1e-6, atol=1e-6)


def test_a_leaf_without_training_weight_is_read():
    from sklearn.tree import DecisionTreeRegressor

    X = np.arange(8.0)[:, None]
    tree = DecisionTreeRegressor().fit(X, np.arange(8.0), sample_weight=[0, 0, 0, 0, 1, 1, 1, 1])
    values, base = tree_shap(read_ensemble(tree), X)
    np.testing.assert_allclose(base + values.sum(axis=1)[:, 0], tree.predict(X), rtol=0, atol=1e-14)


# --- what is not read -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("margin", [raw_margin, compiled_margin])
def test_the_largest_zero_is_lightgbms(margin):
    from lightgbm import LGBMRegressor

    X, y = table(missing=True)
    model = LGBMRegressor(n_estimators=3, verbose=-1, zero_as_missing=True).fit(X, y)
    rows = np.repeat([[1e-35], [1.00000001e-35], [1.00000002e-35], [-1.00000001e-35]], 6, axis=1)
    expected = model.predict(rows)
    assert expected[1] != expected[2], "the model's answer depends on the threshold"
    ensemble = read_ensemble(model)
    assert margin(ensemble, ensemble.prepare(rows))[:, 0] == pytest.approx(expected, abs=1e-12)


def test_other_models_are_none():
    from sklearn.ensemble import BaggingRegressor
    from sklearn.linear_model import LinearRegression
    from xgboost import XGBRegressor

    X, y = table(missing=False)
    linear_booster = XGBRegressor(booster="gblinear", n_estimators=2).fit(X, y)
    bagged_lines = BaggingRegressor(LinearRegression(), 2).fit(X, y)
    for model in (LinearRegression().fit(X, y), bagged_lines, linear_booster, object()):
        assert read_ensemble(model) is None


@pytest.mark.parametrize(("combined", "is_read"), [(1, True), (2, False)])
def test_a_catboost_model_whose_splits_combine_categories_is_left_to_catboost(combined, is_read):
    from catboost import CatBoostRegressor

    random = np.random.default_rng(0)
    X = [[str(one), str(two)] for one, two in random.integers(0, 8, (200, 2))]
    y = [float((int(one) + int(two)) % 2) for one, two in X]
    options = {"iterations": 20, "verbose": 0, "allow_writing_files": False, "random_seed": 0}
    model = CatBoostRegressor(**options, max_ctr_complexity=combined).fit(X, y, cat_features=[0, 1])
    assert (read_ensemble(model) is not None) == is_read


def test_an_initial_model_that_is_no_constant_is_refused():
    from sklearn.ensemble import GradientBoostingRegressor
    from sklearn.linear_model import LinearRegression

    model = GradientBoostingRegressor(n_estimators=2, init=LinearRegression()).fit(*table(missing=False))
    with pytest.raises(UnreadableTreesError, match=r"starts from a LinearRegression.*init=None"):
        read_ensemble(model)


def test_linear_leaves_are_refused():
    from lightgbm import LGBMRegressor

    model = LGBMRegressor(n_estimators=2, linear_tree=True, verbose=-1).fit(*table(missing=False))
    with pytest.raises(UnreadableTreesError, match=r"linear models.*linear_tree=False"):
        read_ensemble(model)


def test_categories_that_are_not_numbers_are_read_by_their_codes():
    import pandas as pd
    from sklearn.ensemble import HistGradientBoostingRegressor

    frame = pd.DataFrame({"size": np.arange(50.0), "colour": pd.Categorical(["red", "green"] * 25)})
    y = np.arange(50.0) + 30 * (frame["colour"] == "red")
    model = HistGradientBoostingRegressor(max_iter=2, categorical_features="from_dtype").fit(frame, y)
    coded = np.column_stack([frame["size"], frame["colour"] == "red"])  # green is 0, red is 1
    np.testing.assert_allclose(raw_margin(read_ensemble(model), coded)[:, 0], model.predict(frame), rtol=1e-14)


@pytest.mark.parametrize("library", ["lightgbm", "xgboost"])
def test_categories_of_a_data_frame_are_read_by_their_codes(library):
    import pandas as pd
    from lightgbm import LGBMRegressor
    from xgboost import XGBRegressor

    frame = pd.DataFrame({"size": np.arange(50.0), "grade": pd.Categorical([3, 7] * 25)})
    chosen = LGBMRegressor(verbose=-1) if library == "lightgbm" else XGBRegressor(enable_categorical=True)
    model = chosen.fit(frame, np.arange(50.0) + 20 * (frame["grade"] == 7))
    codes = np.column_stack([frame["size"], frame["grade"].cat.codes])
    np.testing.assert_allclose(raw_margin(read_ensemble(model), codes)[:, 0], model.predict(frame), atol=1e-4)


@pytest.mark.parametrize("name", ["forest", "boosting", "histogram", "lightgbm", "xgboost", "catboost"])
def test_a_model_that_is_not_fitted_is_refused(name):
    # A fresh object of the same class: those in CASES are fitted in place.
    model = type(CASES[name][0])()
    with pytest.raises(UnreadableTreesError, match="not fitted"):
        read_ensemble(model)


def test_reading_imports_neither_numba_nor_shap():
    import subprocess
    import sys

    script = (
        "import sys, json\n"
        "from sklearn.tree import DecisionTreeRegressor\n"
        "from mlops_assets.trees.margin import raw_margin\n"
        "from mlops_assets.trees.read import read_ensemble\n"
        "raw_margin(read_ensemble(DecisionTreeRegressor().fit([[0.0], [1.0]], [0, 1])), [[0.0]])\n"
        "print(json.dumps([name for name in ('numba', 'shap') if name in sys.modules]))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


@pytest.mark.parametrize("start", ["1E-320", "0", "1E-7", "1E-6", "5E-1", "9.99999E-1", "1"])
def test_a_base_score_of_all_or_nothing_is_moved_away_from_there_as_xgboost_does(start):
    rows = np.random.default_rng(0).normal(size=(60, 2))
    model = xgboost.XGBClassifier(n_estimators=1, max_depth=1).fit(rows, rows[:, 0] > 0).get_booster()
    document = json.loads(bytes(model.save_raw("json")))
    document["learner"]["learner_model_param"]["base_score"] = f"[{start}]"
    changed = xgboost.Booster(model_file=bytearray(json.dumps(document).encode()))
    moved = changed.predict(xgboost.DMatrix(rows), output_margin=True)
    document["learner"]["learner_model_param"]["base_score"] = "[5E-1]"
    plain = xgboost.Booster(model_file=bytearray(json.dumps(document).encode()))
    expected = moved - plain.predict(xgboost.DMatrix(rows), output_margin=True)
    document["learner"]["learner_model_param"]["base_score"] = f"[{start}]"
    np.testing.assert_allclose(xgboost_offset(document["learner"]), expected[:1], atol=1e-5)
