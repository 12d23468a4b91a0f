"""Models that explain themselves come first, and their answers are held to the common form."""

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from mlflow.pyfunc.model import PythonModel
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from mlops_assets.errors import ExplanationError
from mlops_assets.explain.explainers.choose import choose_explainer
from mlops_assets.explain.explainers.explainer import ExplainConfig

from .conftest import Save

WEIGHTS = np.array([3.0, 0.0, -1.0, 0.5])


class Explains(PythonModel):
    """A weighted sum that says itself what each column did; `shape` bends the answer."""

    def __init__(self, shape: Any = None) -> None:
        self.shape = shape

    def predict(self, context, model_input, params=None):
        return model_input.to_numpy() @ WEIGHTS + 2.0

    def explain_samples(self, inputs):
        values = pd.DataFrame(inputs.to_numpy() * WEIGHTS, columns=inputs.columns, index=inputs.index)
        return self.shape(values) if self.shape else values

    def explain_model(self):
        return {"age": 3.0, "debt": 1.0}


class WithBase(Explains):
    explain_base = 2.0


class Inside(PythonModel):
    """Keeps the model that explains itself in `.model`."""

    def __init__(self) -> None:
        self.model = Explains()

    def predict(self, context, model_input, params=None):
        return self.model.predict(None, model_input)


def _explain(save: Save, model: Any, rows: pd.DataFrame) -> Any:
    return choose_explainer(save(model, rows), rows.columns, rows)


@pytest.mark.parametrize("model", [Explains(), WithBase(), Inside()], ids=lambda model: type(model).__name__)
def test_the_model_s_own_attributions_are_taken(save: Save, numbers: pd.DataFrame, model) -> None:
    explainer = _explain(save, model, numbers)
    explanation = explainer.explain(numbers)
    assert explainer.KIND == "ModelExplainer"
    np.testing.assert_allclose(explanation.values[:, :, 0], numbers.to_numpy() * WEIGHTS)
    np.testing.assert_allclose(explanation.base, 2.0)
    np.testing.assert_allclose(explanation.residual, 0, atol=1e-12)


def test_its_global_importance_is_the_native_one(save: Save, numbers: pd.DataFrame) -> None:
    assert _explain(save, Explains(), numbers).native_importance == {"prediction": {"age": 3.0, "debt": 1.0}}


@pytest.mark.parametrize(
    "shape",
    [
        lambda values: values.to_numpy(),
        lambda values: values.to_numpy()[:, :, None],
        lambda values: values.add_prefix("shap_"),
        lambda values: values.assign(base_value=2.0),
        lambda values: values.iloc[::-1],
        lambda values: values[values.columns[::-1]],
    ],
    ids=["array", "array of outputs", "prefixed", "with base", "rows turned", "columns turned"],
)
def test_every_form_of_answer_is_aligned(save: Save, numbers: pd.DataFrame, shape) -> None:
    explanation = _explain(save, Explains(shape), numbers).explain(numbers)
    np.testing.assert_allclose(explanation.values[:, :, 0], numbers.to_numpy() * WEIGHTS)
    np.testing.assert_allclose(explanation.base, 2.0)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (lambda values: values.iloc[:-1], "index is not the inputs' index"),
        (lambda values: values.to_numpy()[:-1], r"shape \(99, 4, 1\)"),
        (lambda values: values.drop(columns="debt"), r"lack the columns \['debt'\]"),
        (lambda values: values.rename(columns={"debt": "dept"}), r"unknown columns \['dept'\]"),
        (lambda values: values.assign(income=np.nan), r"\['income'\] are not finite"),
        (lambda values: values.astype(str), "not numbers"),
        (lambda values: values.assign(base_value=np.inf), "base value is not finite"),
    ],
)
def test_an_answer_of_the_wrong_form_says_what_is_wrong(save: Save, numbers: pd.DataFrame, shape, message) -> None:
    model = save(Explains(shape), numbers)
    with pytest.raises(ExplanationError, match=message):
        choose_explainer(model, numbers.columns, numbers, ExplainConfig(KIND="ModelExplainer"))
    chosen = choose_explainer(model, numbers.columns, numbers)
    assert chosen.KIND == "PermutationExplainer"
    assert re.search(f"explain_samples\\(\\) was passed over: .*{message}", chosen.reason)


class OfAPipeline(PythonModel):
    """Explains itself in the columns of its pipeline's preprocessing."""

    def __init__(self, model: Any, named: bool) -> None:
        self.model, self.named = model, named

    def predict(self, context, model_input, params=None):
        return self.model.predict(model_input)

    def explain_samples(self, inputs):
        made = self.model[:-1].transform(inputs)
        values = np.asarray(made.toarray() if hasattr(made, "toarray") else made) * self.model[-1].coef_
        names = self.model[:-1].get_feature_names_out()
        return pd.DataFrame(values, columns=names, index=inputs.index) if self.named else values


@pytest.mark.parametrize("named", [True, False], ids=["named columns", "array"])
def test_attributions_of_transformed_columns_are_rolled_up(save: Save, people: pd.DataFrame, named: bool) -> None:
    rows = people[["age", "city", "plan"]]
    coded = ColumnTransformer([("texts", OneHotEncoder(), ["city", "plan"])], remainder="passthrough")
    pipeline = make_pipeline(coded, LinearRegression()).fit(rows, rows["age"] + 5 * (rows["city"] == "Wien"))
    explainer = _explain(save, OfAPipeline(pipeline, named), rows)
    explanation = explainer.explain(rows)
    assert explainer.KIND == "ModelExplainer"
    np.testing.assert_allclose(explanation.values[:, 0, 0], rows["age"] * pipeline[-1].coef_[-1])
    cities = dict(zip(pipeline[0].named_transformers_["texts"].categories_[0], pipeline[-1].coef_, strict=False))
    np.testing.assert_allclose(explanation.values[:, 1, 0], rows["city"].map(cities))
    np.testing.assert_allclose(explanation.base, pipeline[-1].intercept_)
    np.testing.assert_allclose(explanation.residual, 0, atol=1e-10)


def test_attributions_that_do_not_add_up_leave_a_residual(save: Save, numbers: pd.DataFrame) -> None:
    explanation = _explain(save, Explains(lambda values: values * 0.5), numbers).explain(numbers)
    assert np.abs(explanation.residual).max() > 0.5


def test_it_can_be_passed_over_by_kind(save: Save, numbers: pd.DataFrame) -> None:
    model = save(Explains(), numbers)
    explainer = choose_explainer(model, numbers.columns, numbers, ExplainConfig(KIND="PermutationExplainer"))
    assert explainer.KIND == "PermutationExplainer"
