"""Permutation walks: exact sums, honest errors, types kept, and the same answer in any batch."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from mlflow.pyfunc.model import PythonModel
from sklearn.ensemble import RandomForestClassifier, StackingRegressor, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.svm import SVC, SVR

from mlops_assets.errors import ExplanationError
from mlops_assets.explain.explainers.choose import choose_explainer
from mlops_assets.explain.explainers.explainer import ExplainConfig, Explainer, Explanation
from mlops_assets.explain.explainers.masked_rows import MaskedRows
from mlops_assets.explain.explainers.permutation import PermutationExplainer
from mlops_assets.explain.explainers.same_bits import has_same_bits_alone

from .conftest import Save


def _wide(columns: int, rows: int = 60) -> pd.DataFrame:
    random = np.random.default_rng(5)
    return pd.DataFrame(random.normal(size=(rows, columns)), columns=[f"x{place}" for place in range(columns)])


class Products(PythonModel):
    """Interactions that no additive rule gets right."""

    def predict(self, context, model_input, params=None):
        values = model_input.to_numpy()
        return values[:, 0] * values[:, 1] + values[:, 2] * values[:, 3] * values[:, 4] + values[:, -1]


ASKED: list[int] = []


class Counted(Products):
    """Counts what it is asked."""

    def predict(self, context, model_input, params=None):
        ASKED.append(len(model_input))
        return super().predict(context, model_input)


class OfManyTypes(PythonModel):
    """Fails on a column whose type has changed."""

    def predict(self, context, model_input, params=None):
        assert model_input["age"].dtype == np.int64
        assert model_input["member"].dtype == bool
        assert model_input["city"].map(type).eq(str).all()
        return model_input["age"] * 1.0 + (model_input["city"] == "Wien") * 10.0 - model_input["member"] * 5.0


def _explainer(save: Save, model, rows: pd.DataFrame, **settings) -> Explainer:
    config = ExplainConfig(**{"KIND": "PermutationExplainer", **settings})
    return choose_explainer(save(model, rows), rows.columns, rows, config)


def _brute_force(predict, row: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Shapley values from all orders of all columns: the definition."""
    width, values = len(row), np.zeros(len(row))
    orders = list(permutations(range(width)))
    for order in orders:
        masked = background.copy()
        before = predict(masked).mean()
        for feature in order:
            masked[:, feature] = row[feature]
            after = predict(masked).mean()
            values[feature] += after - before
            before = after
    return values / len(orders)


def test_few_columns_are_explained_exactly(save: Save) -> None:
    rows = _wide(6, 12)
    explainer = _explainer(save, Products(), rows)
    explanation = explainer.explain(rows)

    def predict(values: np.ndarray):
        return Products().predict(None, pd.DataFrame(values))

    for place in range(3):
        expected = _brute_force(predict, rows.to_numpy()[place], rows.to_numpy())
        np.testing.assert_allclose(explanation.values[place, :, 0], expected, atol=1e-12)
    assert explanation.error is not None
    assert (explanation.error == 0).all()


def test_a_budget_is_kept_and_buys_exactness_where_it_covers_all_coalitions(save: Save) -> None:
    rows = _wide(8, 5)
    model, all_coalitions, made = save(Counted(), rows), 254 * 5, {}
    for budget in (70, 300, all_coalitions - 1, all_coalitions):
        explainer = choose_explainer(model, rows.columns, rows, ExplainConfig(calls_per_row=budget, seed=3))
        ASKED.clear()
        made[budget] = explainer.explain(rows.head(1))
        assert budget / 2 < sum(ASKED) - 1 <= budget
        assert (made[budget].error == 0).all() == (budget == all_coalitions)
    exact, sampled = made[all_coalitions], made[all_coalitions - 1]
    assert sampled.error is not None
    np.testing.assert_allclose(exact.residual, 0, atol=1e-12)
    assert np.abs(sampled.values - exact.values).max() < 4 * sampled.error.max()
    with pytest.raises(ExplanationError, match=r"explain.budget.calls_per_row.*Raise it to 70, or lower .* to 4"):
        choose_explainer(model, rows.columns, rows, ExplainConfig(calls_per_row=69))


def test_one_column_gets_the_whole_difference(save: Save) -> None:
    rows = _wide(1)
    explanation = _explainer(save, SVR().fit(rows, rows["x0"] ** 2), rows).explain(rows)
    np.testing.assert_allclose(explanation.values[:, 0], explanation.prediction - explanation.base)


def test_base_and_attributions_add_up_by_construction(save: Save) -> None:
    rows = _wide(9)
    explanation = _explainer(save, Products(), rows, background_rows=20, permutations=1).explain(rows.head(4))
    np.testing.assert_allclose(explanation.residual, 0, atol=1e-12)
    np.testing.assert_allclose(explanation.prediction[:, 0], Products().predict(None, rows.head(4)))


def test_antithetic_walks_get_the_interaction_of_two_columns_exactly(save: Save) -> None:
    rows = _wide(8)
    explainer = _explainer(save, Products(), rows, background_rows=15, permutations=1)
    assert explainer.background is not None
    first, second = explainer.background["x0"].to_numpy(), explainer.background["x1"].to_numpy()
    x, y = rows["x0"].to_numpy()[:6, None], rows["x1"].to_numpy()[:6, None]
    # The Shapley value of x in x * y: the mean of its effects before and after y is known.
    expected = ((x * y - first * y).mean(axis=1) + (x * second - first * second).mean(axis=1)) / 2
    np.testing.assert_allclose(explainer.explain(rows.head(6)).values[:, 0, 0], expected, atol=1e-12)


def test_more_permutations_come_nearer_to_the_truth_and_say_so(save: Save) -> None:
    rows = _wide(8)

    def predict(values: np.ndarray):
        return Products().predict(None, pd.DataFrame(values))

    few, many = (_explainer(save, Products(), rows, background_rows=10, permutations=count) for count in (2, 60))
    row = rows.head(1)
    assert few.background is not None
    reduced = [0, 1, 2, 3, 4, 7]  # the columns that matter: the definition stays affordable
    backs = few.background.to_numpy()[:, reduced]
    truth = _brute_force(predict, row.to_numpy()[0, reduced], backs)
    errors = []
    for explainer in (few, many):
        explanation = explainer.explain(row)
        assert explanation.error is not None
        gap = np.abs(explanation.values[0, reduced, 0] - truth).max()
        assert gap < 4 * explanation.error[0, 0]
        errors.append(explanation.error[0, 0])
    assert errors[1] < errors[0] / 3


def test_the_stated_error_is_the_spread_between_seeds(save: Save) -> None:
    rows = _wide(8)
    model, backs = save(Products(), rows), rows.head(10)
    made = [
        choose_explainer(model, rows.columns, backs, ExplainConfig(seed=seed, permutations=3)).explain(rows.tail(1))
        for seed in range(40)
    ]
    spread = np.std([explanation.values[0, :, 0] for explanation in made], axis=0, ddof=1).max()
    stated = np.mean([explanation.error for explanation in made])
    assert 0.7 < stated / spread < 1.5


def test_a_row_is_explained_alike_in_any_batch_and_at_any_position(save: Save) -> None:
    rows = _wide(8)
    explainer = _explainer(save, Products(), rows, background_rows=5)
    whole = explainer.explain(rows.head(10)).values
    alone = np.concatenate([explainer.explain(rows.iloc[[place]]).values for place in range(9, -1, -1)])[::-1]
    np.testing.assert_array_equal(alone, whole)


def test_another_seed_draws_other_permutations(save: Save) -> None:
    rows = _wide(8, 5)
    one, other = (_explainer(save, Products(), rows, seed=seed).explain(rows).values for seed in (0, 1))
    assert not np.array_equal(one, other)


def test_every_masked_row_keeps_the_types_of_the_signature(save: Save, people: pd.DataFrame) -> None:
    explainer = _explainer(save, OfManyTypes(), people[["age", "city", "member"]])
    explanation = explainer.explain(people.head(6))
    wien = (people["city"] == "Wien").to_numpy()
    assert explainer.KIND == "PermutationExplainer"
    np.testing.assert_allclose(explanation.values[:, 1, 0] - 10 * wien[:6], explanation.values[0, 1, 0] - 10 * wien[0])
    np.testing.assert_allclose(explanation.residual, 0, atol=1e-12)


def test_masked_rows_have_the_types_of_the_explained_ones_whatever_the_background_has() -> None:
    background = pd.DataFrame({"age": np.array([1, 2], dtype=np.int64), "city": ["a", "b"]})
    rows = pd.DataFrame({"age": np.array([3], dtype=np.int32), "city": pd.array(["c"], dtype="string")})
    made = MaskedRows(background, rows).rows(0, np.array([[True, False], [False, True]]), np.array([1, 0]))
    assert made.dtypes.to_dict() == rows.dtypes.to_dict()
    assert made.to_numpy().tolist() == [[3, "b"], [1, "c"]]


@pytest.mark.parametrize(
    ("estimator", "space"),
    [
        (KNeighborsClassifier(5), "probability"),
        (MLPClassifier((8,), max_iter=50, random_state=0), "probability"),
        (
            VotingClassifier([("a", LogisticRegression()), ("b", RandomForestClassifier(5))], voting="soft"),
            "probability",
        ),
        (SVC(), "margin"),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_classifiers_of_any_kind_are_explained_for_their_positive_class(
    save: Save, numbers: pd.DataFrame, estimator, space
) -> None:
    estimator.fit(numbers, np.where(numbers["age"] > 0, "yes", "no"))
    explainer = _explainer(save, estimator, numbers, background_rows=10)
    explanation = explainer.explain(numbers.head(5))
    asked = (
        estimator.decision_function(numbers.head(5))
        if space == "margin"
        else estimator.predict_proba(numbers.head(5))[:, 1]
    )
    assert (explainer.KIND, explainer.space, explainer.outputs) == ("PermutationExplainer", space, ("yes",))
    np.testing.assert_allclose(explanation.prediction[:, 0], asked)
    np.testing.assert_allclose(explanation.residual, 0, atol=1e-12)


@pytest.mark.parametrize(
    "estimator",
    [
        SVR(),
        MLPRegressor(hidden_layer_sizes=(8,), max_iter=50, random_state=0),
        StackingRegressor([("a", SVR())], cv=2),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_regressions_of_any_kind_are_explained(save: Save, numbers: pd.DataFrame, estimator) -> None:
    estimator.fit(numbers, numbers["age"] ** 2)
    explainer = _explainer(save, estimator, numbers, background_rows=10)
    explanation = explainer.explain(numbers.head(5))
    assert (explainer.KIND, explainer.space, explainer.outputs) == ("PermutationExplainer", "identity", ("prediction",))
    np.testing.assert_allclose(explanation.prediction[:, 0], estimator.predict(numbers.head(5)))


def test_multiclass_probabilities_have_an_output_per_class(save: Save, numbers: pd.DataFrame) -> None:
    estimator = KNeighborsClassifier(5).fit(numbers, pd.cut(numbers["age"], 3, labels=["a", "b", "c"]).astype(str))
    explainer = _explainer(save, estimator, numbers, background_rows=10)
    explanation = explainer.explain(numbers.head(5))
    assert explainer.outputs == ("a", "b", "c")
    np.testing.assert_allclose(explanation.prediction, estimator.predict_proba(numbers.head(5)))
    np.testing.assert_allclose(explanation.values.sum(axis=2), 0, atol=1e-12)


class Verdict(PythonModel):
    """Answers with texts alone."""

    def predict(self, context, model_input, params=None):
        return np.where(model_input["age"] > 0.3, "high", np.where(model_input["age"] < -0.3, "low", "middle"))


def test_labels_without_scores_are_explained_as_an_indicator_per_class(save: Save, numbers: pd.DataFrame) -> None:
    explainer = choose_explainer(save(Verdict(), numbers), numbers.columns, numbers)
    explanation = explainer.explain(numbers.head(5))
    assert (explainer.space, explainer.outputs) == ("probability", ("high", "low", "middle"))
    assert (explanation.prediction.sum(axis=1) == 1).all()
    np.testing.assert_allclose(explanation.values[:, 1:], 0, atol=1e-12)


def test_the_background_is_kept_with_a_digest_that_follows_its_values(save: Save, numbers: pd.DataFrame) -> None:
    model = save(SVR().fit(numbers, numbers["age"]), numbers)
    config = ExplainConfig(KIND="PermutationExplainer")
    one = choose_explainer(model, numbers.columns, numbers.head(20), config)
    same = choose_explainer(model, numbers.columns, numbers.head(20).copy(), config)
    other = choose_explainer(model, numbers.columns, numbers.tail(20), config)
    assert one.background is not None
    pd.testing.assert_frame_equal(one.background, numbers.head(20))
    assert one.background_digest == same.background_digest != other.background_digest


def test_walks_are_what_is_used_beyond_six_columns(save: Save) -> None:
    rows = _wide(7)
    explainer = _explainer(save, Products(), rows, background_rows=3)
    assert isinstance(explainer, PermutationExplainer)
    assert not explainer.exact
    assert "sampled" in explainer.reason


@pytest.mark.parametrize("columns", [3, 9])
def test_a_row_has_the_same_bits_alone_though_the_model_has_not(save: Save, columns: int) -> None:
    rows = _wide(columns).astype(np.float64)
    model = MLPRegressor(hidden_layer_sizes=(100,), max_iter=5, random_state=1).fit(rows, rows.x0)
    explainer = _explainer(save, model, rows, KIND="PermutationExplainer", permutations=1, background_rows=7)
    assert explainer.same_bits_alone
    assert has_same_bits_alone(explainer, rows)
    whole, alone = explainer.explain(rows), [explainer.explain(rows.iloc[[row]]) for row in range(len(rows))]
    for part in ("values", "base", "prediction", "error"):
        assert np.concatenate([getattr(one, part) for one in alone]).tobytes() == getattr(whole, part).tobytes()
    assert whole.prediction[:, 0] == pytest.approx(model.predict(rows))


def test_bits_that_depend_on_the_other_rows_are_seen(save: Save) -> None:
    rows = _wide(40).astype(np.float64)
    model = MLPRegressor(hidden_layer_sizes=(100,), max_iter=5, random_state=1).fit(rows, rows.x0)
    explainer = _explainer(save, model, rows, KIND="PermutationExplainer", permutations=1, background_rows=2)

    class Together(PermutationExplainer):
        def explain(self, inputs: pd.DataFrame) -> Explanation:
            numbers = np.asarray(inputs.to_numpy() @ np.linspace(0.1, 1, 40 * 50).reshape(40, 50)).sum(axis=1)
            numbers = numbers[:, None] + inputs.to_numpy().mean()
            return Explanation(np.zeros((len(inputs), 40, 1)), numbers, numbers)

    assert has_same_bits_alone(explainer, rows)
    explainer.__class__ = Together
    assert not has_same_bits_alone(explainer, rows)
