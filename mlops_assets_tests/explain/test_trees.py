"""Tree models get shap's values, for every task, and rolled up to the input columns."""

import lightgbm
import numpy as np
import pandas as pd
import pytest
import shap
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import DecisionTreeClassifier

from mlops_assets.explain.choose import choose_explainer
from mlops_assets.explain.explainer import ExplainConfig
from mlops_assets.explain.trees import TreeExplainer

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


@pytest.mark.parametrize(("estimator", "space"), CLASSIFIERS, ids=_name)
def test_binary_classifications_are_explained_for_their_positive_class(
    save: Save, numbers: pd.DataFrame, estimator, space
) -> None:
    estimator.fit(numbers, np.where(numbers["age"] * numbers["debt"] > 0, "yes", "no"))
    explainer = choose_explainer(save(estimator, numbers), numbers.columns, numbers)
    explanation = explainer.explain(numbers)
    assert (explainer.kind, explainer.space, explainer.outputs) == ("TreeExplainer", space, ("yes",)), explainer.reason
    np.testing.assert_allclose(explanation.values, _shap_values(estimator, numbers)[:, :, -1:], atol=1e-6)
    reported = (
        explanation.prediction[:, 0] if space == "probability" else 1 / (1 + np.exp(-explanation.prediction[:, 0]))
    )
    np.testing.assert_allclose(reported, estimator.predict_proba(numbers)[:, 1], atol=1e-9)
    assert np.abs(explanation.residual).max() < 1e-6


@pytest.mark.parametrize(("estimator", "space"), CLASSIFIERS, ids=_name)
def test_multiclass_classifications_have_an_output_per_class(
    save: Save, numbers: pd.DataFrame, estimator, space
) -> None:
    estimator.fit(numbers, pd.cut(numbers["age"], 3, labels=["a", "b", "c"]).astype(str))
    explainer = choose_explainer(save(estimator, numbers), numbers.columns, numbers)
    explanation = explainer.explain(numbers.head(30))
    assert (explainer.kind, explainer.space, explainer.outputs) == ("TreeExplainer", space, ("a", "b", "c"))
    if not isinstance(estimator, GradientBoostingClassifier):  # which shap reads for two classes only
        theirs = _shap_values(estimator, numbers.head(30))
        np.testing.assert_allclose(explanation.values, theirs, atol=1e-6)
    assert np.abs(explanation.residual).max() < 1e-6


def test_interventional_values_are_those_of_shap_against_the_same_background(save: Save, numbers: pd.DataFrame) -> None:
    estimator = RandomForestRegressor(10, max_depth=4, random_state=0).fit(numbers, numbers["age"] * numbers["debt"])
    explainer = choose_explainer(
        save(estimator, numbers), numbers.columns, numbers.head(40), ExplainConfig(mode="interventional")
    )
    theirs = shap.TreeExplainer(estimator, numbers.head(40), feature_perturbation="interventional")
    assert explainer.background_digest is not None
    np.testing.assert_allclose(explainer.explain(numbers).values[:, :, 0], theirs.shap_values(numbers), atol=1e-9)


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
