"""The choice of an explainer: precedence, agreement with the model, and the settings."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from mlflow.pyfunc.model import PythonModel
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.preprocessing import StandardScaler

from mlops_assets.errors import ConfigurationError, ExplanationError
from mlops_assets.explain.explainers.choose import choose_explainer
from mlops_assets.explain.explainers.explainer import ExplainConfig, Explainer, Explanation, ExplanationSubject
from mlops_assets.explain.ledger.ledger import explain_batches
from mlops_assets.models.loaded_model import LoadedModel

from .conftest import REFERENCE, Save


class Nothing(Explainer):
    """A user's own strategy."""

    KIND = "Nothing"

    def __init__(self, subject: ExplanationSubject) -> None:
        self.features, self.outputs, self.space = subject.features, subject.response.outputs, "identity"
        self.reason = "there is nothing to say"

    def predict(self, inputs: pd.DataFrame) -> np.ndarray:
        return np.zeros((len(inputs), 1))

    def explain(self, inputs: pd.DataFrame) -> Explanation:
        none = np.zeros((len(inputs), 1))
        return Explanation(np.zeros((len(inputs), len(self.features), 1)), none, none)


class Broken(Nothing):
    """A user's own strategy that fails."""

    def __init__(self, subject: ExplanationSubject) -> None:
        raise ValueError(f"no reference for {subject.background.iloc[0, 0]!r}")


class Flat(Nothing):
    """A user's own strategy that forgets the outputs."""

    def explain(self, inputs: pd.DataFrame) -> Explanation:
        none = np.zeros(len(inputs))
        return Explanation(np.zeros((len(inputs), len(self.features))), none, none)


class Doubled:
    """A pyfunc that says something else than the estimator in its file."""

    def __init__(self, pyfunc: Any) -> None:
        self.pyfunc, self.metadata = pyfunc, pyfunc.metadata

    def predict(self, inputs: Any, params: Any = None) -> Any:
        return self.pyfunc.predict(inputs) * 2


def test_a_model_that_predicts_something_else_than_its_estimator_is_explained_from_its_predictions(
    save: Save, numbers: pd.DataFrame
) -> None:
    saved = save(LinearRegression().fit(numbers, numbers["age"] * 3), numbers)
    model = LoadedModel(REFERENCE, Doubled(saved.pyfunc), native=saved.native)  # type: ignore[arg-type]
    explainer = choose_explainer(model, numbers.columns, numbers.head(10))
    assert explainer.KIND == "PermutationExplainer"
    assert "LinearExplainer was dropped: base and attributions miss the model's predictions" in explainer.reason
    np.testing.assert_allclose(explainer.explain(numbers.head(3)).prediction[:, 0], 6 * numbers["age"][:3])


class Flipped(Doubled):
    """A pyfunc that reports the other class."""

    def predict(self, inputs: Any, params: Any = None) -> Any:
        return 1 - self.pyfunc.predict(inputs)


def test_a_model_that_reports_other_labels_than_its_estimator_is_found_out(save: Save, numbers: pd.DataFrame) -> None:
    saved = save(LogisticRegression().fit(numbers, (numbers["age"] > 0).astype(int)), numbers)
    model = LoadedModel(REFERENCE, Flipped(saved.pyfunc), native=saved.native)  # type: ignore[arg-type]
    explainer = choose_explainer(model, numbers.columns, numbers.head(10))
    assert explainer.KIND == "PermutationExplainer"
    assert "the model predicts another class than the explained one for 8 of 8 rows" in explainer.reason


def test_a_wrapped_estimator_is_explained_as_what_the_wrapper_makes_of_it(save: Save, numbers: pd.DataFrame) -> None:
    wrapped = TransformedTargetRegressor(LinearRegression(), transformer=StandardScaler())
    explainer = choose_explainer(save(wrapped.fit(numbers, numbers["age"]), numbers), numbers.columns, numbers.head(10))
    assert (explainer.KIND, explainer.space) == ("SumExplainer", "identity")
    np.testing.assert_allclose(explainer.explain(numbers.head(5)).prediction[:, 0], numbers["age"][:5], atol=1e-12)


def test_a_wrapped_estimator_is_not_taken_for_the_one_inside(save: Save, numbers: pd.DataFrame) -> None:
    wrapped = TransformedTargetRegressor(LinearRegression(), func=np.sqrt, inverse_func=np.square)
    saved = save(wrapped.fit(numbers, numbers["age"] ** 2), numbers)
    explainer = choose_explainer(saved, numbers.columns, numbers.head(10))
    assert explainer.KIND == "PermutationExplainer"
    assert "its target is transformed back by square, which is neither linear nor an exponential" in explainer.reason


def test_probabilities_saved_as_the_prediction_are_the_same_to_the_explainer(save: Save, numbers: pd.DataFrame) -> None:
    estimator = RandomForestClassifier(5, random_state=0).fit(numbers, numbers["age"] > 0)
    model = save(estimator, numbers, pyfunc_predict_fn="predict_proba")
    explainer = choose_explainer(model, numbers.columns, numbers)
    assert (explainer.KIND, explainer.outputs) == ("TreeExplainer", ("True",))


def test_an_estimator_fitted_without_names_is_explained_by_position(save: Save, numbers: pd.DataFrame) -> None:
    estimator = RandomForestRegressor(5, random_state=0).fit(numbers.to_numpy(), numbers["age"])
    explanation = choose_explainer(save(estimator, numbers), numbers.columns, numbers).explain(numbers)
    np.testing.assert_allclose(explanation.prediction[:, 0], estimator.predict(numbers.to_numpy()))
    assert np.abs(explanation.values).mean(axis=0).argmax() == 0


def test_a_classifier_inside_a_python_model_is_explained_exactly(save: Save, numbers: pd.DataFrame) -> None:
    class Labels(PythonModel):
        def __init__(self, model: Any) -> None:
            self.model = model

        def predict(self, context, model_input, params=None):
            return self.model.predict(model_input)

    estimator = LogisticRegression().fit(numbers, np.where(numbers["age"] > 0, "yes", "no"))
    explainer = choose_explainer(save(Labels(estimator), numbers), numbers.columns, numbers.head(10))
    explanation = explainer.explain(numbers.head(5))
    assert (explainer.KIND, explainer.space, explainer.outputs) == ("LinearExplainer", "log-odds", ("yes",))
    np.testing.assert_allclose(explanation.prediction[:, 0], estimator.decision_function(numbers.head(5)))


def test_a_python_model_with_a_rule_of_its_own_is_not_explained_by_the_classifier_inside(
    save: Save, numbers: pd.DataFrame
) -> None:
    class Cautious(PythonModel):
        def __init__(self, model: Any) -> None:
            self.model = model

        def predict(self, context, model_input, params=None):
            return np.where(self.model.predict_proba(model_input)[:, 1] > 0.95, "yes", "no")

    estimator = LogisticRegression(C=100).fit(numbers, np.where(numbers["age"] > 0, "yes", "no"))
    explainer = choose_explainer(save(Cautious(estimator), numbers), numbers.columns, numbers)
    prediction = explainer.explain(numbers.head(20)).prediction[:, 0]
    sure = estimator.predict_proba(numbers.head(20))[:, 1] > 0.95
    assert explainer.outputs == ("yes",)
    assert prediction.tolist() == sure.astype(float).tolist()


def test_a_python_model_that_returns_a_score_is_explained_as_that_number(save: Save, numbers: pd.DataFrame) -> None:
    class Score(PythonModel):
        def __init__(self, model: Any) -> None:
            self.model = model

        def predict(self, context, model_input, params=None):
            return self.model.predict_proba(model_input)[:, 1] * 1000

    estimator = LogisticRegression().fit(numbers, numbers["age"] > 0)
    explainer = choose_explainer(save(Score(estimator), numbers), numbers.columns, numbers.head(10))
    assert (explainer.space, explainer.outputs) == ("identity", ("prediction",))


def test_a_user_s_own_class_is_named_by_its_path(save: Save, numbers: pd.DataFrame) -> None:
    model = save(LinearRegression().fit(numbers, numbers["age"]), numbers)
    config = ExplainConfig(KIND=f"{__name__}.Nothing")
    explainer = choose_explainer(model, numbers.columns, numbers, config)
    assert type(explainer).__name__ == "Nothing"
    assert explainer.reason == "asked for by explain.KIND; there is nothing to say"


def test_an_unknown_kind_names_the_known_ones(save: Save, numbers: pd.DataFrame) -> None:
    model = save(LinearRegression().fit(numbers, numbers["age"]), numbers)
    with pytest.raises(ConfigurationError, match="did you mean 'TreeExplainer'"):
        choose_explainer(model, numbers.columns, numbers, ExplainConfig(KIND="TreeExplaner"))


def test_a_kind_that_does_not_fit_says_why(save: Save, numbers: pd.DataFrame) -> None:
    model = save(LinearRegression().fit(numbers, numbers["age"]), numbers)
    with pytest.raises(ExplanationError, match="TreeExplainer cannot explain this model: LinearRegression is not"):
        choose_explainer(model, numbers.columns, numbers, ExplainConfig(KIND="TreeExplainer"))


def test_the_background_is_thinned_by_seed(save: Save, numbers: pd.DataFrame) -> None:
    model = save(LinearRegression().fit(numbers, numbers["age"]), numbers)
    one, same, other = (
        choose_explainer(
            model, numbers.columns, numbers, ExplainConfig(background_rows=30, seed=seed)
        ).background_digest
        for seed in (1, 1, 2)
    )
    assert one == same != other


def test_no_background_is_an_error(save: Save, numbers: pd.DataFrame) -> None:
    model = save(LinearRegression().fit(numbers, numbers["age"]), numbers)
    with pytest.raises(ExplanationError, match="The background has no rows"):
        choose_explainer(model, numbers.columns, numbers.head(0))


def test_a_missing_column_is_named(save: Save, numbers: pd.DataFrame) -> None:
    explainer = choose_explainer(
        save(LinearRegression().fit(numbers, numbers["age"]), numbers), numbers.columns, numbers
    )
    with pytest.raises(ExplanationError, match=r"lack the columns \['debt'\]"):
        explainer.explain(numbers.drop(columns="debt"))


@pytest.mark.parametrize("settings", [{"background_rows": 0}, {"permutations": 0}, {"mode": "exact"}])
def test_settings_out_of_range_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(settings))):
        ExplainConfig(**settings)


def test_an_explainer_of_ones_own_that_fails_is_named_with_the_place_and_without_values(
    save: Save, numbers: pd.DataFrame
) -> None:
    model = save(LinearRegression().fit(numbers, numbers["age"]), numbers)
    config = ExplainConfig(KIND=f"{__name__}.Broken")
    with pytest.raises(ExplanationError, match=r"it raised ValueError \(in __init__\(\) of") as raised:
        choose_explainer(model, numbers.columns, numbers, config)
    assert "no reference for" not in str(raised.value)
    cause = raised.value.__cause__
    assert cause is not None
    assert isinstance(cause.__cause__, ValueError)


def test_attributions_of_another_shape_are_refused(save: Save, numbers: pd.DataFrame) -> None:
    model = save(LinearRegression().fit(numbers, numbers["age"]), numbers)
    explainer = choose_explainer(model, numbers.columns, numbers, ExplainConfig(KIND=f"{__name__}.Flat"))
    batch = pa.RecordBatch.from_pandas(numbers.head(3).assign(id=[1, 2, 3]))
    shape = rf"Flat gives values of the shape \(3, {numbers.shape[1]}\) for 3 rows"
    with pytest.raises(ExplanationError, match=shape):
        list(explain_batches([batch], explainer, pa.RecordBatch.to_pandas, ["id"], REFERENCE))
