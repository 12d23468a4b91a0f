"""Tree models get shap's values, for every task, and rolled up to the input columns."""

import lightgbm
import numpy as np
import pandas as pd
import pytest
import shap
from scipy.sparse import csr_matrix
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeClassifier

from mlops_assets.explain.explainers.choose import choose_explainer
from mlops_assets.explain.explainers.design import Design
from mlops_assets.explain.explainers.explainer import ExplainConfig
from mlops_assets.explain.explainers.trees import TreeExplainer

from .conftest import Save

REGRESSORS = [
    RandomForestRegressor(20, max_depth=6, random_state=0),
    GradientBoostingRegressor(n_estimators=20, random_state=0),
    HistGradientBoostingRegressor(max_iter=20, random_state=0),
    lightgbm.LGBMRegressor(n_estimators=20, verbose=-1),
]
CLASSIFIERS = [
    (DecisionTreeClassifier(max_depth=4, random_state=0), "probability"),
    (RandomForestClassifier(20, max_depth=6, random_state=0), "probability"),
    (ExtraTreesClassifier(20, max_depth=6, random_state=0), "probability"),
    (GradientBoostingClassifier(n_estimators=20, random_state=0), "log-odds"),
    (HistGradientBoostingClassifier(max_iter=20, random_state=0), "log-odds"),
    (lightgbm.LGBMClassifier(n_estimators=20, verbose=-1), "log-odds"),
]


def _name(value) -> str:
    return type(value).__name__


def _shap_values(estimator, rows: pd.DataFrame) -> np.ndarray:
    values = shap.TreeExplainer(estimator).shap_values(rows.to_numpy(), check_additivity=False)
    return np.asarray(values).reshape(len(rows), rows.shape[1], -1)


@pytest.mark.parametrize("estimator", REGRESSORS, ids=_name)
def test_regressions_get_the_values_of_shap(save: Save, numbers: pd.DataFrame, estimator) -> None:
    estimator.fit(numbers, 100 * numbers["age"] * numbers["debt"] + numbers["income"])
    explainer = choose_explainer(save(estimator, numbers), numbers.columns, numbers)
    explanation = explainer.explain(numbers)
    assert isinstance(explainer, TreeExplainer), explainer.reason
    assert (explainer.space, explainer.outputs) == ("identity", ("prediction",))
    scale = np.abs(explanation.prediction).max()
    np.testing.assert_allclose(explanation.values, _shap_values(estimator, numbers), atol=1e-6 * scale)
    np.testing.assert_allclose(explanation.prediction[:, 0], estimator.predict(numbers), rtol=1e-9)
    assert np.abs(explanation.residual).max() < 1e-6 * scale


@pytest.mark.slow
@pytest.mark.parametrize(("estimator", "space"), CLASSIFIERS, ids=_name)
def test_binary_classifications_are_explained_for_their_positive_class(
    save: Save, numbers: pd.DataFrame, estimator, space
) -> None:
    estimator.fit(numbers, np.where(numbers["age"] * numbers["debt"] > 0, "yes", "no"))
    explainer = choose_explainer(save(estimator, numbers), numbers.columns, numbers)
    explanation = explainer.explain(numbers)
    assert (explainer.KIND, explainer.space, explainer.outputs) == ("TreeExplainer", space, ("yes",)), explainer.reason
    np.testing.assert_allclose(explanation.values, _shap_values(estimator, numbers)[:, :, -1:], atol=1e-6)
    reported = (
        explanation.prediction[:, 0] if space == "probability" else 1 / (1 + np.exp(-explanation.prediction[:, 0]))
    )
    np.testing.assert_allclose(reported, estimator.predict_proba(numbers)[:, 1], atol=1e-9)
    assert np.abs(explanation.residual).max() < 1e-6


@pytest.mark.slow
@pytest.mark.parametrize(("estimator", "space"), CLASSIFIERS, ids=_name)
def test_multiclass_classifications_have_an_output_per_class(
    save: Save, numbers: pd.DataFrame, estimator, space
) -> None:
    estimator.fit(numbers, pd.cut(numbers["age"], 3, labels=["a", "b", "c"]).astype(str))
    explainer = choose_explainer(save(estimator, numbers), numbers.columns, numbers)
    explanation = explainer.explain(numbers.head(30))
    assert (explainer.KIND, explainer.outputs) == ("TreeExplainer", ("a", "b", "c"))
    assert explainer.space == {"log-odds": "softmax margin"}.get(space, space)
    if not isinstance(estimator, GradientBoostingClassifier):  # which shap reads for two classes only
        theirs = _shap_values(estimator, numbers.head(30))
        np.testing.assert_allclose(explanation.values, theirs, atol=1e-6)
    assert np.abs(explanation.residual).max() < 1e-6


def test_interventional_values_are_those_of_shap_against_the_same_background(save: Save, numbers: pd.DataFrame) -> None:
    estimator = RandomForestRegressor(10, max_depth=4, random_state=0).fit(numbers, numbers["age"] * numbers["debt"])
    explainer = choose_explainer(
        save(estimator, numbers), numbers.columns, numbers.head(40), ExplainConfig(mode="interventional")
    )
    assert (explainer.KIND, explainer.variant) == ("TreeExplainer", "interventional")
    theirs = shap.TreeExplainer(estimator, numbers.head(40), feature_perturbation="interventional")
    assert explainer.background_digest is not None
    # shap 0.51 holds Shapley's weights in single precision.
    np.testing.assert_allclose(explainer.explain(numbers).values[:, :, 0], theirs.shap_values(numbers), atol=1e-6)


def test_interventional_values_behind_one_hot_are_those_of_the_predictions_over_all_subsets(
    save: Save, people: pd.DataFrame
) -> None:
    """A category is known or not as a whole: no row is of two cities."""
    coded = ColumnTransformer([("texts", OneHotEncoder(), ["city", "plan"])], remainder="passthrough")
    rows = people[["city", "plan", "age", "income"]]
    target = rows["age"] * (rows["city"] == rows["city"].iloc[0]) + rows["income"].fillna(0)
    model = save(make_pipeline(coded, RandomForestRegressor(8, random_state=0)).fit(rows, target), rows)
    exact, asked = (
        choose_explainer(model, rows.columns, rows.head(30), ExplainConfig(KIND=kind, mode="interventional"))
        for kind in ("TreeExplainer", "PermutationExplainer")
    )
    np.testing.assert_allclose(exact.explain(rows).values, asked.explain(rows).values, atol=1e-9 * target.max())


def test_the_native_importance_is_the_library_s_own(save: Save, numbers: pd.DataFrame) -> None:
    estimator = RandomForestRegressor(10, random_state=0).fit(numbers, numbers["age"])
    explainer = choose_explainer(save(estimator, numbers), numbers.columns, numbers)
    assert explainer.native_importance == {
        "prediction": dict(zip(numbers.columns, estimator.feature_importances_.tolist(), strict=True))
    }


def test_integer_columns_are_no_obstacle(save: Save, people: pd.DataFrame) -> None:
    rows = people[["age", "member"]]
    estimator = RandomForestRegressor(5, random_state=0).fit(rows, rows["age"] * 2.0)
    explanation = choose_explainer(save(estimator, rows), rows.columns, rows).explain(rows)
    np.testing.assert_allclose(explanation.prediction[:, 0], estimator.predict(rows))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("objective", "space", "outputs"),
    [
        ("regression", "identity", ("prediction",)),
        ("poisson", "log", ("prediction",)),
        ("binary", "log-odds", ("1",)),
        ("multiclass", "softmax margin", ("0", "1", "2")),
    ],
)
def test_a_booster_without_labels_is_explained_in_its_raw_score(
    save: Save, numbers: pd.DataFrame, objective, space, outputs
) -> None:
    classes = pd.cut(numbers["age"], 3, labels=[0, 1, 2]).astype(int)
    target = {"binary": (classes > 0).astype(int), "multiclass": classes}.get(objective, numbers["age"].abs())
    settings = {"objective": objective, "verbose": -1, **({"num_class": 3} if objective == "multiclass" else {})}
    booster = lightgbm.train(settings, lightgbm.Dataset(numbers, target), 10)
    explainer = choose_explainer(save(booster, numbers), numbers.columns, numbers)
    explanation = explainer.explain(numbers)
    assert (explainer.KIND, explainer.space, explainer.outputs) == ("TreeExplainer", space, outputs)
    raw = np.asarray(booster.predict(numbers, raw_score=True)).reshape(len(numbers), -1)
    np.testing.assert_allclose(explanation.prediction, raw, atol=1e-9)
    np.testing.assert_allclose(explanation.base + explanation.values.sum(axis=1), raw, atol=1e-9)


def test_boosted_trees_behind_sparse_one_hot_are_taken_apart(
    save: Save, people: pd.DataFrame, churned: pd.Series
) -> None:
    coded = ColumnTransformer(
        [("texts", OneHotEncoder(), ["city", "plan"])], remainder="passthrough", sparse_threshold=1
    )
    pipeline = make_pipeline(coded, lightgbm.LGBMClassifier(n_estimators=10, verbose=-1)).fit(people, churned)
    explainer = choose_explainer(save(pipeline, people), people.columns, people)
    explanation = explainer.explain(people)
    assert (explainer.KIND, explainer.outputs) == ("TreeExplainer", ("yes",)), explainer.reason
    np.testing.assert_allclose(1 / (1 + np.exp(-explanation.prediction[:, 0])), pipeline.predict_proba(people)[:, 1])


def test_to_xgboost_what_a_sparse_matrix_does_not_store_is_missing() -> None:
    class Booster:
        """Stands for any estimator of that library."""

    Booster.__module__ = "xgboost.sklearn"
    sparse = csr_matrix(np.array([[0.0, 2.0], [3.0, 0.0]]))
    design = Design(Booster(), np.arange(2), 2, lambda rows: rows)
    np.testing.assert_array_equal(design.matrix(sparse), [[np.nan, 2.0], [3.0, np.nan]])


def test_interventional_values_that_shap_cannot_give(save: Save, numbers: pd.DataFrame) -> None:
    estimator = GradientBoostingClassifier(n_estimators=3).fit(numbers, pd.cut(numbers["age"], 3, labels=[0, 1, 2]))
    explainer = choose_explainer(
        save(estimator, numbers), numbers.columns, numbers.head(20), ExplainConfig(mode="interventional")
    )
    explanation = explainer.explain(numbers)
    assert (explainer.KIND, explainer.space) == ("TreeExplainer", "softmax margin")
    assert np.abs(explanation.residual).max() < 1e-12
    base = explainer.explain(numbers.head(20)).prediction.mean(axis=0)
    np.testing.assert_allclose(explanation.base, np.tile(base, (len(numbers), 1)))
