"""CatBoost with categories as text: by its trees where a split asks for one column, else by its own values."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from catboost import CatBoostClassifier, CatBoostRegressor, Pool

from mlops_assets.explain.explainers.choose import choose_explainer
from mlops_assets.explain.explainers.explainer import ExplainConfig
from mlops_assets.models.load import load_native
from mlops_assets.models.reference import ModelReference
from mlops_assets_tests.zoo.games import interventional, shapley


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "city": rng.choice(["Oslo", "Rome", "Kyiv"], 200),
            "age": rng.uniform(18, 90, 200),
            "income": rng.normal(size=200),
            "ticket": rng.integers(0, 4, 200),
        }
    )


def loaded(model, folder):
    import mlflow.catboost

    mlflow.catboost.save_model(model, folder, pip_requirements=["catboost"])
    return load_native(folder, ModelReference("m", 1, None, "0" * 64, ("catboost",), None, None, ""))


POISSON = partial(CatBoostRegressor, loss_function="Poisson")
TARGETS = {
    "counts": (POISSON, lambda f: np.exp(f.age / 60 + 3 * (f.city == "Rome")).round(), ("prediction",), "log"),
    "regression": (CatBoostRegressor, lambda f: f.age + 10 * (f.city == "Rome"), ("prediction",), "identity"),
    "binary": (CatBoostClassifier, lambda f: ((f.age > 50) ^ (f.city == "Rome")).astype(int), ("1",), "log-odds"),
    "multiclass": (
        CatBoostClassifier,
        lambda f: (f.city == "Oslo") + 2 * (f.age > 50),
        tuple("0123"),
        "softmax margin",
    ),
}


COLUMNS = ["city", "age", "income"]
TOGETHER = ["city", "ticket", "age"]


def fit(kind, frame, target, **settings):
    categories = [name for name in ("city", "ticket") if name in frame]
    usual = {"iterations": 20, "depth": 3, "verbose": 0, "random_seed": 0, "allow_writing_files": False}
    return kind(**{**usual, "cat_features": categories, **settings}).fit(frame, target)


@pytest.mark.parametrize("task", list(TARGETS))
def test_splits_of_one_column_are_explained_as_trees(task, people, tmp_path):
    kind, target, outputs, space = TARGETS[task]
    rows = people[COLUMNS]
    model = fit(kind, rows, target(people))
    explainer = choose_explainer(loaded(model, tmp_path / "model"), COLUMNS, rows)
    assert (explainer.KIND, explainer.space, explainer.outputs) == ("TreeExplainer", space, outputs)
    unseen = rows.head(40).assign(city=["Paris", *rows.city[1:40]])
    found = explainer.explain(unseen)
    raw = np.asarray(model.predict(unseen, prediction_type="RawFormulaVal")).reshape(len(unseen), -1)
    np.testing.assert_allclose(found.prediction, raw, atol=1e-12)
    np.testing.assert_allclose(found.base + found.values.sum(axis=1), raw, atol=1e-9 * max(1.0, np.abs(raw).max()))
    own = np.asarray(model.get_feature_importance(Pool(unseen, cat_features=["city"]), type="ShapValues"))
    own = own.reshape(len(unseen), -1, len(COLUMNS) + 1)[:, :, :-1].transpose(0, 2, 1)
    np.testing.assert_allclose(found.values, own, atol=1e-9 * np.abs(own).max())


@pytest.mark.parametrize("one_by_one", [1, 50], ids=["statistics", "one by one"])
def test_interventional_values_of_categories_are_those_of_all_subsets(one_by_one, people, tmp_path):
    rows = people[TOGETHER]
    target = people.age * (people.city == "Rome") + 20 * (people.ticket == 2)
    model = fit(CatBoostRegressor, rows, target, one_hot_max_size=one_by_one, max_ctr_complexity=1)
    background, few = rows.head(25), rows.tail(4).assign(city=["Paris", "Rome", "Oslo", "Kyiv"])
    config = ExplainConfig(mode="interventional")
    explainer = choose_explainer(loaded(model, tmp_path / "model"), TOGETHER, background, config)
    assert explainer.KIND == "TreeExplainer"
    found = explainer.explain(few)
    values, base = shapley(interventional(lambda frame: model.predict(frame)[:, None], few, background))
    np.testing.assert_allclose(found.values, values, rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.base, base, rtol=0, atol=1e-9)


@pytest.mark.parametrize("task", ["regression", "binary"])
def test_statistics_of_several_columns_are_explained_by_catboost(task, people, tmp_path):
    kind, target, outputs, space = TARGETS[task]
    rows = people[TOGETHER]
    moved = target(people) + (people.ticket == 1)
    model = fit(kind, rows, moved.clip(upper=1) if task == "binary" else moved, max_ctr_complexity=3, depth=4)
    explainer = choose_explainer(loaded(model, tmp_path / "model"), TOGETHER, rows)
    assert (explainer.KIND, explainer.space, explainer.outputs) == ("NativeExplainer", space, outputs)
    found = explainer.explain(rows)
    raw = np.asarray(model.predict(rows, prediction_type="RawFormulaVal")).reshape(len(rows), -1)
    np.testing.assert_allclose(found.prediction, raw)
    np.testing.assert_allclose(found.residual, 0, atol=1e-9 * max(1.0, np.abs(raw).max()))
    assert np.abs(found.values[:, 0]).mean() > 0.1


def test_trees_fitted_without_names(people, tmp_path):
    numbers = people[["age", "income"]]
    model = CatBoostRegressor(iterations=10, depth=3, verbose=0, allow_writing_files=False)
    model.fit(numbers.to_numpy(), numbers.age)
    assert choose_explainer(loaded(model, tmp_path / "m"), list(numbers.columns), numbers).KIND == "TreeExplainer"


def test_it_can_be_asked_for(people, tmp_path):
    numbers = people[["age", "income"]]
    model = CatBoostRegressor(iterations=10, depth=3, verbose=0, allow_writing_files=False).fit(numbers, numbers.age)
    chosen = choose_explainer(
        loaded(model, tmp_path / "model"), list(numbers.columns), numbers, ExplainConfig(KIND="NativeExplainer")
    )
    trees = choose_explainer(loaded(model, tmp_path / "again"), list(numbers.columns), numbers)
    assert (chosen.KIND, trees.KIND) == ("NativeExplainer", "TreeExplainer")
    np.testing.assert_allclose(chosen.explain(numbers).values, trees.explain(numbers).values, atol=1e-9)


def test_values_that_depend_on_the_rows_beside_are_not_taken(people, tmp_path):
    target = people.age + 10 * (people.city == "Rome") * (people.ticket == 1) + people.income
    settings = {"monotone_constraints": {"age": 1}, "depth": 4}
    rows = people[TOGETHER]
    model = fit(CatBoostRegressor, rows, target, max_ctr_complexity=3, **settings)
    data = {count: Pool(rows.head(count), cat_features=["city", "ticket"]) for count in (3, 100)}
    few, many = (model.get_feature_importance(pool, type="ShapValues")[:3] for pool in data.values())
    assert np.abs(few - many).max() > 1e-6  # the reason: CatBoost weighs such trees by the rows that it is given
    explainer = choose_explainer(loaded(model, tmp_path / "model"), TOGETHER, rows)
    assert explainer.KIND == "PermutationExplainer"
    assert "CatBoost then gives a row other contributions beside other rows" in explainer.reason
    one_column = fit(CatBoostRegressor, people[COLUMNS], target, **settings)
    assert choose_explainer(loaded(one_column, tmp_path / "one"), COLUMNS, people[COLUMNS]).KIND == "TreeExplainer"


@pytest.mark.parametrize("policy", ["Depthwise", "Lossguide"])
def test_leaf_wise_trees_are_read_because_catboost_s_own_values_may_not_add_up(policy, people, tmp_path):
    numbers = people[["age", "income"]]
    model = CatBoostRegressor(iterations=10, grow_policy=policy, verbose=0, allow_writing_files=False)
    model.fit(numbers, numbers.age * numbers.income)
    explainer = choose_explainer(loaded(model, tmp_path / "model"), list(numbers.columns), numbers)
    assert explainer.KIND == "TreeExplainer"
    found = explainer.explain(numbers)
    np.testing.assert_allclose(found.base + found.values.sum(axis=1), model.predict(numbers)[:, None], atol=1e-9)
    alone = explainer.explain(numbers.iloc[[7]])
    np.testing.assert_array_equal(alone.values[0], found.values[7])


def test_interventional_values_of_several_outputs(people, tmp_path):
    """shap 0.51 reads beyond its arrays there; CatBoost's own values are path dependent."""
    numbers = people[["age", "income"]]
    labels = np.column_stack([numbers.age > 40, numbers.age > 60, numbers.income > 0]).astype(int)
    model = CatBoostClassifier(
        iterations=5, depth=3, verbose=0, allow_writing_files=False, loss_function="MultiLogloss"
    ).fit(numbers, labels)
    config = ExplainConfig(mode="interventional")
    explainer = choose_explainer(loaded(model, tmp_path / "m"), list(numbers.columns), numbers.head(20), config)
    explanation = explainer.explain(numbers.head(3))
    assert explainer.KIND == "TreeExplainer"
    assert explanation.values.shape == (3, 2, 3)
    assert np.abs(explanation.residual).max() < 1e-12
