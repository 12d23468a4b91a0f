"""A library without any explainer of its own: statsmodels, through permutation walks over its predictions."""

from importlib import import_module

import numpy as np
import pandas as pd

from mlops_assets.explain.explainers.choose import choose_explainer

from .conftest import Save

# The library has no type information: imported by name, it needs no exception from the type checker.
sm, smf = import_module("statsmodels.api"), import_module("statsmodels.formula.api")


def test_a_linear_model_gets_its_coefficients(save: Save, numbers: pd.DataFrame) -> None:
    fitted = sm.OLS(numbers["age"] * 3 - numbers["debt"], numbers).fit()
    explainer = choose_explainer(save(fitted, numbers), numbers.columns, numbers.head(30))
    explanation = explainer.explain(numbers.head(10))
    expected = (numbers.head(10) - numbers.head(30).mean()) * [3.0, 0.0, -1.0, 0.0]
    assert (explainer.KIND, explainer.outputs) == ("PermutationExplainer", ("prediction",))
    np.testing.assert_allclose(explanation.values[:, :, 0], expected, atol=1e-9)


def test_a_formula_with_texts_keeps_its_types(save: Save, people: pd.DataFrame, churned: pd.Series) -> None:
    rows = people.fillna({"income": 50.0})
    formula = "churned ~ age + C(city) + member"
    fitted = smf.glm(formula, rows.assign(churned=(churned == "yes").astype(int)), family=sm.families.Binomial()).fit()
    explanation = choose_explainer(save(fitted, rows), rows.columns, rows.head(30)).explain(rows.head(5))
    np.testing.assert_allclose(explanation.prediction[:, 0], fitted.predict(rows.head(5)))
    np.testing.assert_allclose(explanation.residual, 0, atol=1e-12)
    np.testing.assert_allclose(explanation.values[:, [1, 3]], 0, atol=1e-12)  # income and plan are not in the formula
