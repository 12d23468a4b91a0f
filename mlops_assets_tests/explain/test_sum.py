"""Models made of models: which sums are explained, which part is none, and that a row's values are its own."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neighbors import KNeighborsRegressor
from sklearn.svm import LinearSVC

from mlops_assets.errors import ExplanationError
from mlops_assets.explain.explainers.affine import read_affine, read_exponential
from mlops_assets.explain.explainers.choose import choose_explainer
from mlops_assets.explain.explainers.explainer import ExplainConfig

from .conftest import Save

FOREST = RandomForestRegressor(5, max_depth=4, random_state=0)
FORESTS = RandomForestClassifier(5, max_depth=4, random_state=0)


class Doubling(RegressorMixin, BaseEstimator):
    """Somebody's own composite, which nothing is known of."""

    def __init__(self, regressor: Any = None) -> None:
        self.regressor = regressor

    def fit(self, X: Any, y: Any) -> "Doubling":
        self.regressor_ = self.regressor.fit(X, y)
        self.n_features_in_ = X.shape[1]
        return self

    def predict(self, X: Any) -> Any:
        return 2 * self.regressor_.predict(X)


def _classes(numbers: pd.DataFrame) -> Any:
    return np.where(numbers["age"] * numbers["debt"] > 0, "yes", "no")


@pytest.mark.parametrize(
    "model",
    [
        VotingRegressor([("forest", FOREST), ("ridge", Ridge())]),
        TransformedTargetRegressor(FOREST, func=np.log, inverse_func=np.exp),
    ],
    ids=["vote", "logarithm"],
)
def test_a_row_has_the_same_values_alone_and_beside_others(save: Save, numbers: pd.DataFrame, model: Any) -> None:
    saved = save(model.fit(numbers, np.exp(numbers["age"])), numbers)
    explainer = choose_explainer(saved, numbers.columns, numbers.head(20))
    together = explainer.explain(numbers)
    assert explainer.KIND == "SumExplainer"
    for place in (0, 7, len(numbers) - 1):
        alone = explainer.explain(numbers.iloc[[place]])
        assert alone.values.tobytes() == together.values[place : place + 1].tobytes()
        assert alone.base.tobytes() == together.base[place : place + 1].tobytes()


def test_a_part_without_a_method_for_its_score_is_summed_alike_for_one_row(save: Save, numbers: pd.DataFrame) -> None:
    model = CalibratedClassifierCV(LinearSVC(random_state=0), ensemble=False).fit(numbers, _classes(numbers))
    explainer = choose_explainer(save(model, numbers), numbers.columns, numbers.head(20))
    together = explainer.predict(numbers)
    assert explainer.space == "log-odds"
    assert explainer.predict(numbers.iloc[[5]]).tobytes() == together[5:6].tobytes()


def test_the_reason_says_what_is_summed(save: Save, numbers: pd.DataFrame) -> None:
    model = VotingRegressor([("one", FOREST), ("two", FOREST), ("ridge", Ridge())]).fit(numbers, numbers["age"])
    explainer = choose_explainer(save(model, numbers), numbers.columns, numbers.head(20))
    parts = "a sum of 2 ensembles of trees and 1 part of single columns"
    assert explainer.reason == f"VotingRegressor is {parts}: exact, part by part"
    assert explainer.background_digest is not None


def test_trees_alone_need_no_background(save: Save, numbers: pd.DataFrame) -> None:
    model = VotingRegressor([("one", FOREST), ("two", FOREST)]).fit(numbers, numbers["age"])
    explainer = choose_explainer(save(model, numbers), numbers.columns, numbers.head(20))
    assert (explainer.KIND, explainer.background) == ("SumExplainer", None)


def test_the_part_that_is_no_sum_is_named_however_deep(save: Save, numbers: pd.DataFrame) -> None:
    inner = VotingRegressor([("near", KNeighborsRegressor()), ("ridge", Ridge())])
    model = VotingRegressor([("inner", inner), ("forest", FOREST)]).fit(numbers, numbers["age"])
    explainer = choose_explainer(save(model, numbers), numbers.columns, numbers.head(20))
    assert explainer.KIND == "PermutationExplainer"
    assert "its part 'inner' (VotingRegressor): its part 'near' (KNeighborsRegressor)" in explainer.reason


def test_a_composite_that_nobody_knows_is_explained_from_its_predictions(save: Save, numbers: pd.DataFrame) -> None:
    model = Doubling(LinearRegression()).fit(numbers, numbers["age"])
    explainer = choose_explainer(save(model, numbers), numbers.columns, numbers.head(20))
    explanation = explainer.explain(numbers.head(3))
    assert explainer.KIND == "PermutationExplainer"
    assert "SumExplainer does not apply: Doubling is not known to be a sum of parts" in explainer.reason
    np.testing.assert_allclose(explanation.prediction[:, 0], 2 * numbers["age"][:3], atol=1e-9)


def test_a_part_that_fails_is_a_reason(save: Save, numbers: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> Any:
        raise ValueError("nobody has looked at this")

    monkeypatch.setattr("mlops_assets.explain.explainers.decompose.read_ensemble", fail)
    model = VotingRegressor([("forest", FOREST)]).fit(numbers, numbers["age"])
    explainer = choose_explainer(save(model, numbers), numbers.columns, numbers.head(20))
    assert explainer.KIND == "PermutationExplainer"
    assert "SumExplainer failed: it raised ValueError" in explainer.reason


def test_interventional_values_are_asked_of_the_predictions(save: Save, numbers: pd.DataFrame) -> None:
    model = VotingRegressor([("forest", FOREST), ("ridge", Ridge())]).fit(numbers, numbers["age"])
    config = ExplainConfig(mode="interventional")
    explainer = choose_explainer(save(model, numbers), numbers.columns, numbers.head(10), config)
    assert explainer.KIND == "PermutationExplainer"
    assert "its parts are explained path dependent only" in explainer.reason


def test_it_can_be_asked_for_and_says_why_not(save: Save, numbers: pd.DataFrame) -> None:
    target = _classes(numbers)
    forests = VotingClassifier([("one", FORESTS), ("two", FORESTS)], voting="soft").fit(numbers, target)
    config = ExplainConfig(KIND="SumExplainer")
    explainer = choose_explainer(save(forests, numbers), numbers.columns, numbers.head(10), config)
    assert (explainer.space, explainer.outputs) == ("probability", ("yes",))
    hard = VotingClassifier([("one", FORESTS)]).fit(numbers, target)
    with pytest.raises(ExplanationError, match=r"it counts the votes of its parts \(voting='hard'\)"):
        choose_explainer(save(hard, numbers), numbers.columns, numbers.head(10), config)


def test_a_probability_that_is_asked_for_passes_a_margin_over(save: Save, numbers: pd.DataFrame) -> None:
    target = pd.cut(numbers["age"], 3, labels=["a", "b", "c"]).astype(str)
    model = save(OneVsRestClassifier(LogisticRegression()).fit(numbers, target), numbers)
    assert choose_explainer(model, numbers.columns, numbers.head(10)).space == "margin"
    config = ExplainConfig(space="probability")
    explainer = choose_explainer(model, numbers.columns, numbers.head(10), config)
    assert (explainer.KIND, explainer.space) == ("PermutationExplainer", "probability")
    assert "it explains a margin, from which no formula leads to a probability" in explainer.reason


def test_a_stack_is_the_weights_times_its_parts(save: Save, numbers: pd.DataFrame) -> None:
    model = StackingClassifier([("one", FORESTS), ("two", FORESTS)]).fit(numbers, _classes(numbers))
    explainer = choose_explainer(save(model, numbers), numbers.columns, numbers.head(10))
    weights = model.final_estimator_.coef_[0]
    parts = [
        choose_explainer(save(part, numbers), numbers.columns, numbers.head(10)).explain(numbers).values
        for part in model.estimators_
    ]
    expected = weights[0] * parts[0] + weights[1] * parts[1]
    np.testing.assert_allclose(explainer.explain(numbers).values, expected, atol=1e-14)


def test_what_is_linear_is_found_by_asking() -> None:
    def line(points: Any) -> Any:
        return points @ np.array([[2.0], [-3.0]]) + 7.0

    affine = read_affine(line, 2)
    assert affine is not None
    np.testing.assert_allclose(affine.weights, [[2.0], [-3.0]], rtol=1e-12)
    np.testing.assert_allclose(affine.constant, [7.0])


@pytest.mark.parametrize(
    "bent", [np.square, np.expm1, lambda y: np.clip(y, 0, None), lambda y: np.minimum(y, 1000.0), np.abs]
)
def test_what_is_bent_is_not(bent: Any) -> None:
    assert read_affine(bent, 1) is None
    assert read_exponential(bent, 1) is None


def test_an_exponential_is_found_whatever_its_base() -> None:
    found = read_exponential(lambda y: 5 * 10**y, 1)
    assert found is not None
    np.testing.assert_allclose(found.weights, [[np.log(10)]], rtol=1e-12)
    np.testing.assert_allclose(found.constant, [np.log(5)], rtol=1e-12)
    assert read_exponential(lambda y: np.maximum(np.exp(y), 1e-6), 1) is None
