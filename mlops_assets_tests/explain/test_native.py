"""Boosters that are explained by their own library: categories as text, and pandas' categories."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from catboost import CatBoostClassifier, CatBoostRegressor, Pool

from mlops_assets.explain.explainers.choose import choose_explainer
from mlops_assets.explain.explainers.explainer import ExplainConfig
from mlops_assets.models.load import load_native
from mlops_assets.models.reference import ModelReference


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "city": rng.choice(["Oslo", "Rome", "Kyiv"], 200),
            "age": rng.uniform(18, 90, 200),
            "income": rng.normal(size=200),
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


@pytest.mark.parametrize("task", list(TARGETS))
def test_catboost_with_text_categories(task, people, tmp_path):
    kind, target, outputs, space = TARGETS[task]
    model = kind(iterations=20, depth=3, verbose=0, random_seed=0, cat_features=["city"], allow_writing_files=False)
    model.fit(people, target(people))
    explainer = choose_explainer(loaded(model, tmp_path / "model"), list(people.columns), people)
    assert (explainer.KIND, explainer.space, explainer.outputs) == ("NativeExplainer", space, outputs)
    found = explainer.explain(people)
    raw = np.asarray(model.predict(people, prediction_type="RawFormulaVal")).reshape(len(people), -1)
    np.testing.assert_allclose(found.prediction, raw)
    np.testing.assert_allclose(found.residual, 0, atol=1e-9 * max(1.0, np.abs(raw).max()))
    assert np.abs(found.values[:, 0]).mean() > 0.1
    np.testing.assert_allclose(found.values[:, 2], 0, atol=0.5 * np.abs(found.values).max())


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
    model = CatBoostRegressor(
        iterations=20,
        depth=4,
        verbose=0,
        cat_features=["city"],
        monotone_constraints={"age": 1},
        allow_writing_files=False,
    )
    model.fit(people, people.age + 10 * (people.city == "Rome") + people.income)
    data = {rows: Pool(people.head(rows), cat_features=["city"]) for rows in (3, 100)}
    few, many = (model.get_feature_importance(pool, type="ShapValues")[:3] for pool in data.values())
    assert np.abs(few - many).max() > 1e-6  # the reason: CatBoost weighs such trees by the rows that it is given
    explainer = choose_explainer(loaded(model, tmp_path / "model"), list(people.columns), people)
    assert explainer.KIND == "PermutationExplainer"
    assert "CatBoost then gives a row other contributions beside other rows" in explainer.reason


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
