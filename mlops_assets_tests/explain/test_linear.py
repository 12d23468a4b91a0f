"""Closed-form attributions are shap's interventional ones."""

import numpy as np
import pandas as pd
import pytest
import shap
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import Lasso, LinearRegression, LogisticRegression, PoissonRegressor, Ridge, RidgeClassifier
from sklearn.svm import LinearSVC

from mlops_assets.explain.explainers.choose import choose_explainer
from mlops_assets.explain.explainers.linear import LinearExplainer

from .conftest import Save


def _shap(model, background: pd.DataFrame, rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    theirs = shap.LinearExplainer(model, shap.maskers.Independent(background, max_samples=len(background)))
    explanation = theirs(rows)
    return explanation.values.reshape(len(rows), rows.shape[1], -1), np.atleast_1d(explanation.base_values[0])


@pytest.mark.parametrize("kind", [LinearRegression, Ridge, Lasso])
def test_regressions_get_the_values_of_shap(save: Save, numbers: pd.DataFrame, kind) -> None:
    estimator = kind().fit(numbers, numbers["age"] * 3 - numbers["debt"] + 10)
    explainer = choose_explainer(save(estimator, numbers), numbers.columns, numbers.head(100))
    explanation = explainer.explain(numbers)
    values, base = _shap(estimator, numbers.head(100), numbers)
    assert isinstance(explainer, LinearExplainer)
    assert (explainer.space, explainer.outputs) == ("identity", ("prediction",))
    np.testing.assert_allclose(explanation.values, values, atol=1e-9)
    np.testing.assert_allclose(explanation.base[0], base, atol=1e-9)
    np.testing.assert_allclose(explanation.prediction[:, 0], estimator.predict(numbers), rtol=1e-12)
    assert np.abs(explanation.residual).max() < 1e-12


def test_a_binary_logistic_regression_is_explained_for_its_positive_class_in_log_odds(
    save: Save, numbers: pd.DataFrame
) -> None:
    estimator = LogisticRegression().fit(numbers, np.where(numbers["age"] + numbers["debt"] > 0, "yes", "no"))
    explainer = choose_explainer(save(estimator, numbers), numbers.columns, numbers.head(100))
    explanation = explainer.explain(numbers)
    values, base = _shap(estimator, numbers.head(100), numbers)
    assert (explainer.KIND, explainer.space, explainer.outputs) == ("LinearExplainer", "log-odds", ("yes",))
    np.testing.assert_allclose(explanation.values, values, atol=1e-9)
    np.testing.assert_allclose(explanation.base[0], base, atol=1e-9)
    np.testing.assert_allclose(1 / (1 + np.exp(-explanation.prediction[:, 0])), estimator.predict_proba(numbers)[:, 1])


def test_a_multiclass_logistic_regression_has_an_output_per_class(save: Save, numbers: pd.DataFrame) -> None:
    estimator = LogisticRegression().fit(numbers, pd.cut(numbers["age"], 3, labels=[10, 20, 30]).astype(int))
    explainer = choose_explainer(save(estimator, numbers), numbers.columns, numbers.head(100))
    explanation = explainer.explain(numbers)
    values, _ = _shap(estimator, numbers.head(100), numbers)
    assert explainer.outputs == ("10", "20", "30")
    np.testing.assert_allclose(explanation.values, values, atol=1e-9)


def test_several_targets_have_an_output_each(save: Save, numbers: pd.DataFrame) -> None:
    targets = pd.DataFrame({"a": numbers["age"] * 2, "b": numbers["debt"] - numbers["tenure"]})
    explainer = choose_explainer(save(LinearRegression().fit(numbers, targets), numbers), numbers.columns, numbers)
    explanation = explainer.explain(numbers)
    assert explainer.outputs == ("prediction_0", "prediction_1")
    np.testing.assert_allclose(
        explanation.values[:, 0, 0], 2 * (numbers["age"] - numbers["age"][:100].mean()), atol=0.2
    )
    np.testing.assert_allclose(explanation.base + explanation.values.sum(axis=1), targets, atol=1e-9)


@pytest.mark.parametrize(
    ("estimator", "space"),
    [
        (PoissonRegressor(), "log"),
        (LinearSVC(), "margin"),
        (RidgeClassifier(), "margin"),
        (LinearDiscriminantAnalysis(), "log-odds"),
    ],
)
def test_the_space_is_the_one_in_which_the_model_adds_up(save: Save, numbers: pd.DataFrame, estimator, space) -> None:
    estimator.fit(numbers, (numbers["age"] > 0).astype(int))
    explainer = choose_explainer(save(estimator, numbers), numbers.columns, numbers)
    explanation = explainer.explain(numbers)
    reported = {"log": lambda: np.log(estimator.predict(numbers))}.get(
        space, lambda: estimator.decision_function(numbers)
    )()
    assert (explainer.KIND, explainer.space) == ("LinearExplainer", space)
    np.testing.assert_allclose(explanation.base[:, 0] + explanation.values[:, :, 0].sum(axis=1), reported, atol=1e-9)


def test_columns_in_another_order_than_the_model_was_fitted_on_keep_their_own_values(
    save: Save, numbers: pd.DataFrame
) -> None:
    estimator = LinearRegression().fit(numbers, numbers["age"] * 5)
    model = save(estimator, numbers)
    turned = numbers[["tenure", "debt", "income", "age"]]
    explanation = choose_explainer(model, list(turned.columns), turned).explain(turned)
    assert np.abs(explanation.values[:, 3, 0]).mean() > 1
    assert np.abs(explanation.values[:, :3, 0]).max() < 1e-9


def test_rows_are_explained_alike_in_any_batch(save: Save, numbers: pd.DataFrame) -> None:
    explainer = choose_explainer(
        save(LinearRegression().fit(numbers, numbers["age"]), numbers), numbers.columns, numbers.head(50)
    )
    whole = explainer.explain(numbers).values
    parts = [explainer.explain(numbers.iloc[start : start + 7]).values for start in range(0, 120, 7)]
    np.testing.assert_allclose(np.concatenate(parts), whole, rtol=1e-12, atol=1e-14)


def test_no_rows_give_empty_axes(save: Save, numbers: pd.DataFrame) -> None:
    explainer = choose_explainer(
        save(LinearRegression().fit(numbers, numbers["age"]), numbers), numbers.columns, numbers
    )
    explanation = explainer.explain(numbers.head(0))
    assert (explanation.values.shape, explanation.base.shape) == ((0, 4, 1), (0, 1))


def test_the_native_importance_is_the_size_of_the_coefficients(save: Save, numbers: pd.DataFrame) -> None:
    estimator = LinearRegression().fit(numbers, numbers["age"] * 3 - numbers["debt"])
    explainer = choose_explainer(save(estimator, numbers), numbers.columns, numbers)
    assert explainer.native_importance is not None
    assert explainer.native_importance["prediction"] == pytest.approx(
        {"age": 3.0, "income": 0.0, "debt": 1.0, "tenure": 0.0}, abs=1e-9
    )
