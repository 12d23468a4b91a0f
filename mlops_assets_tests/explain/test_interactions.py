"""Interaction values: shap's own, the definition's own, rolled up, and in the ledger."""

from itertools import combinations
from math import factorial

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import shap
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_diabetes
from sklearn.ensemble import (
    GradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
    VotingRegressor,
)
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeRegressor

from mlops_assets.errors import ConfigurationError, ExplanationError
from mlops_assets.explain.compare.receipt import check_receipt
from mlops_assets.explain.explainers.choose import choose_explainer
from mlops_assets.explain.explainers.explainer import ExplainConfig, Explanation
from mlops_assets.explain.ledger.ledger import explain_batches, ledger_schema
from mlops_assets.explain.ledger.residuals import judge_residuals
from mlops_assets.trees.ensemble import TreeEnsemble
from mlops_assets.trees.read import read_ensemble
from mlops_assets.trees.shap_interactions import strongest_pairs, tree_interactions

from .conftest import REFERENCE, Save

PAIRS = list(combinations(range(4), 2))
WITH_THREE = ExplainConfig(interactions=3)


def _read(estimator) -> TreeEnsemble:
    ensemble = read_ensemble(estimator)
    assert ensemble is not None
    return ensemble


def _shap_interactions(estimator, X: np.ndarray, pairs: list[tuple[int, int]]) -> np.ndarray:
    """(n, pairs, outputs)."""
    values = np.asarray(shap.TreeExplainer(estimator).shap_interaction_values(X))
    values = values.reshape(len(X), X.shape[1], X.shape[1], -1)
    return np.stack([values[:, one, other] for one, other in pairs], axis=1)


MODELS = {
    "forest, regression": (
        RandomForestRegressor(10, max_depth=7, random_state=0),
        lambda rows: 10 * rows["age"] * rows["debt"] + rows["income"],
    ),
    "boosting, binary": (
        GradientBoostingClassifier(n_estimators=15, max_depth=4, random_state=0),
        lambda rows: (rows["age"] * rows["debt"] > 0).astype(int),
    ),
    "forest, three classes": (
        RandomForestClassifier(10, max_depth=6, random_state=0),
        lambda rows: pd.cut(rows["age"] + rows["debt"] * rows["tenure"], 3, labels=[0, 1, 2]).astype(int),
    ),
}


@pytest.mark.parametrize("name", list(MODELS))
def test_they_are_shap_s(numbers: pd.DataFrame, name) -> None:
    estimator, target = MODELS[name]
    X = numbers.to_numpy()
    estimator.fit(X, target(numbers))
    ours = tree_interactions(_read(estimator), X[:40], PAIRS)
    theirs = _shap_interactions(estimator, X[:40], PAIRS)
    assert np.abs(theirs).max() > 1e-2
    np.testing.assert_allclose(ours, theirs, atol=1e-6 * max(1.0, np.abs(theirs).max()))


def _known(tree, x: np.ndarray, coalition: set[int], node: int = 0) -> float:
    """The expected value of one tree when only the coalition's features of x are known."""
    if tree.children_left[node] < 0:
        return float(tree.value[node, 0, 0])
    one, two, feature = tree.children_left[node], tree.children_right[node], int(tree.feature[node])
    if feature in coalition:
        return _known(tree, x, coalition, one if np.float32(x[feature]) <= tree.threshold[node] else two)
    share = tree.weighted_n_node_samples[[one, two]] / tree.weighted_n_node_samples[node]
    return float(share[0] * _known(tree, x, coalition, one) + share[1] * _known(tree, x, coalition, two))


def _by_definition(tree, x: np.ndarray, one: int, other: int) -> float:
    """Half of the Shapley interaction index (Grabisch and Roubens 1999; Lundberg et al. 2020)."""
    features, total = len(x), 0.0
    rest = [feature for feature in range(features) if feature not in (one, other)]
    for size in range(len(rest) + 1):
        weight = factorial(size) * factorial(features - size - 2) / (2 * factorial(features - 1))
        for chosen in combinations(rest, size):
            base = set(chosen)
            total += weight * (
                _known(tree, x, base | {one, other})
                - _known(tree, x, base | {one})
                - _known(tree, x, base | {other})
                + _known(tree, x, base)
            )
    return total


@pytest.mark.parametrize("depth", [1, 2, 3, 9], ids="depth {}".format)
def test_they_are_the_definition_s(numbers: pd.DataFrame, depth) -> None:
    """The deepest tree splits on features again and again."""
    X = numbers.to_numpy()
    estimator = DecisionTreeRegressor(max_depth=depth, random_state=0).fit(X, X[:, 0] * X[:, 1] + X[:, 2] * X[:, 3])
    ours = tree_interactions(_read(estimator), X[:6], PAIRS)[:, :, 0]
    expected = [[_by_definition(estimator.tree_, x, one, other) for one, other in PAIRS] for x in X[:6]]
    assert (np.abs(expected).max() > 0) == (depth > 1)
    np.testing.assert_allclose(ours, expected, atol=1e-12)


def test_a_branch_that_no_training_row_took_divides_by_nothing() -> None:
    """x0 <= 0: 1; else x1 <= 0: 2, else 4; nobody went right at the root."""
    ensemble = TreeEnsemble(
        roots=np.array([0]),
        left=np.array([1, -1, 3, -1, -1], np.int32),
        right=np.array([2, -1, 4, -1, -1], np.int32),
        feature=np.array([0, 0, 1, 0, 0], np.int32),
        threshold=np.zeros(5),
        decision=np.zeros(5, np.uint8),
        cover=np.array([10.0, 10.0, 0.0, 0.0, 0.0]),
        value=np.array([[0.0], [1.0], [0.0], [2.0], [4.0]]),
        tree_output=np.array([0]),
        offset=np.zeros(1),
        outputs=("0",),
        space="identity",
        n_features=2,
    )
    # v(none) = v(1) = 1; v(0) = 3, the two leaves shared equally; v(0, 1) = 4 or 2.
    X = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0]])
    np.testing.assert_allclose(tree_interactions(ensemble, X, [(0, 1)])[:, 0, 0], [0.5, -0.5, 0.0], atol=1e-15)


def test_a_row_s_values_do_not_depend_on_the_rows_beside_it(numbers: pd.DataFrame) -> None:
    X = np.tile(numbers.to_numpy(), (10, 1))
    estimator = RandomForestRegressor(3, random_state=0).fit(numbers.to_numpy(), numbers["age"] * numbers["debt"])
    ensemble = _read(estimator)
    whole = tree_interactions(ensemble, X, PAIRS)
    for size in (1, 2, 7):
        parts = [tree_interactions(ensemble, X[low : low + size], PAIRS) for low in range(0, 28, size)]
        np.testing.assert_array_equal(np.concatenate(parts)[:28], whole[:28])
    np.testing.assert_array_equal(whole[-120:], whole[:120])


def test_a_column_does_not_interact_with_itself(numbers: pd.DataFrame) -> None:
    ensemble = _read(DecisionTreeRegressor().fit(numbers, numbers["age"]))
    with pytest.raises(ValueError, match="with itself"):
        tree_interactions(ensemble, numbers.to_numpy(), [(0, 0)])


def test_the_strongest_pairs_come_first(numbers: pd.DataFrame) -> None:
    X = numbers.to_numpy()
    estimator = RandomForestRegressor(20, random_state=0).fit(X, 5 * X[:, 1] * X[:, 3] + 2 * X[:, 0] * X[:, 2])
    found = strongest_pairs(_read(estimator), X, np.arange(4), 6)
    sample = X[np.linspace(0, 119, 50).astype(int)]
    sizes = np.abs(_shap_interactions(estimator, sample, PAIRS)).mean(axis=(0, 2))
    assert found == tuple(PAIRS[place] for place in np.argsort(-sizes))
    assert found[0] == (1, 3)


def test_equal_pairs_keep_the_signature_s_order(numbers: pd.DataFrame) -> None:
    """Trees of one split: nothing interacts."""
    estimator = GradientBoostingClassifier(max_depth=1, n_estimators=20).fit(numbers, numbers["age"] > 0)
    assert strongest_pairs(_read(estimator), numbers.to_numpy(), np.arange(4), 4) == ((0, 1), (0, 2), (0, 3), (1, 2))


def test_one_hot_columns_are_rolled_up(save: Save, people: pd.DataFrame, churned: pd.Series) -> None:
    rows = people.assign(income=people["income"].fillna(0.0))
    coded = ColumnTransformer(
        [("texts", OneHotEncoder(), ["city", "plan"])], remainder="passthrough", sparse_threshold=0
    )
    pipeline = make_pipeline(coded, GradientBoostingClassifier(n_estimators=20, random_state=0)).fit(rows, churned)
    explainer = choose_explainer(save(pipeline, rows), rows.columns, rows, WITH_THREE)
    found = explainer.explain(rows.head(20)).interactions
    assert found is not None
    assert len(explainer.interaction_pairs) == 3
    assert ("age", "city") in explainer.interaction_pairs
    columns = coded.get_feature_names_out()
    whole = np.asarray(shap.TreeExplainer(pipeline[-1]).shap_interaction_values(coded.transform(rows.head(20))))
    for place, pair in enumerate(explainer.interaction_pairs):
        own = [[number for number, name in enumerate(columns) if f"__{column}" in name] for column in pair]
        theirs = whole[:, own[0]][:, :, own[1]].sum(axis=(1, 2))
        np.testing.assert_allclose(found[:, place, 0], theirs, atol=1e-6)


def test_one_hot_columns_are_one_column_of_the_table(save: Save, people: pd.DataFrame, churned: pd.Series) -> None:
    """Pairs within a category belong to its main effect, as its columns are one."""
    rows = people.assign(income=people["income"].fillna(0.0))
    coded = ColumnTransformer(
        [("texts", OneHotEncoder(), ["city", "plan"])], remainder="passthrough", sparse_threshold=0
    )
    pipeline = make_pipeline(coded, GradientBoostingClassifier(n_estimators=20, random_state=0)).fit(rows, churned)
    explainer = choose_explainer(save(pipeline, rows), rows.columns, rows, ExplainConfig())
    found = explainer.interactions(rows.head(20), ["city", "age"])[:, :, 0]
    names = coded.get_feature_names_out()
    whole = np.asarray(shap.TreeExplainer(pipeline[-1]).shap_interaction_values(coded.transform(rows.head(20))))
    city, age = (np.array([f"__{column}" in name for name in names]) for column in ("city", "age"))
    rest = ~(city | age)
    blocks = [(city, city), (age, age), (city, rest), (age, rest), (city, age)]
    theirs = np.stack([whole[:, one][:, :, other].sum(axis=(1, 2)) for one, other in blocks], axis=1)
    np.testing.assert_allclose(found, theirs, atol=1e-6)


def test_a_sum_of_trees_and_lines_has_the_sum_of_their_interactions(save: Save, numbers: pd.DataFrame) -> None:
    target = numbers["age"] * numbers["debt"] + numbers["income"]
    trees = RandomForestRegressor(5, max_depth=5, random_state=0)
    vote = VotingRegressor([("trees", trees), ("line", LinearRegression())], weights=[3, 1]).fit(numbers, target)
    explainer = choose_explainer(save(vote, numbers), numbers.columns, numbers, ExplainConfig())
    assert explainer.KIND == "SumExplainer"
    found = explainer.interactions(numbers, ["debt", "age"])[:, :, 0]
    whole = np.asarray(shap.TreeExplainer(vote.named_estimators_["trees"]).shap_interaction_values(numbers))
    np.testing.assert_allclose(found[:, 4], 0.75 * whole[:, 0, 2], atol=1e-6)
    effects = explainer.explain(numbers).values[:, [2, 0], 0]
    np.testing.assert_allclose(found[:, :2] + found[:, 2:4] + found[:, 4:], effects, atol=1e-12)


@pytest.mark.parametrize("mode", ["path_dependent", "interventional"])
def test_explainers_without_interactions_say_so(save: Save, numbers: pd.DataFrame, mode) -> None:
    kind = LinearRegression if mode == "path_dependent" else DecisionTreeRegressor
    estimator = kind().fit(numbers, numbers["age"] * numbers["debt"])
    config = ExplainConfig(interactions=2, mode=mode)
    explainer = choose_explainer(save(estimator, numbers), numbers.columns, numbers.head(20), config)
    assert explainer.interaction_pairs == ()
    assert explainer.explain(numbers.head(2)).interactions is None
    assert "no interaction values: they are for path-dependent trees" in explainer.reason


def test_a_negative_number_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"explain\.interactions is -1"):
        ExplainConfig(interactions=-1)


def _frame(batch: pa.RecordBatch) -> pd.DataFrame:
    return batch.select(["age", "income", "debt", "tenure"]).to_pandas()


@pytest.fixture
def three_classes(save: Save, numbers: pd.DataFrame):
    estimator, target = MODELS["forest, three classes"]
    return choose_explainer(
        save(estimator.fit(numbers, target(numbers)), numbers), numbers.columns, numbers, WITH_THREE
    )


def test_the_ledger_has_a_column_per_pair(three_classes, numbers: pd.DataFrame) -> None:
    keyed = pa.Table.from_pandas(numbers.assign(patient=np.arange(120)), preserve_index=False)
    batches = keyed.to_batches(max_chunksize=50)
    ledger = pa.Table.from_batches(explain_batches(batches, three_classes, _frame, ["patient"], REFERENCE))
    names = [f"interaction_{one}__{other}" for one, other in three_classes.interaction_pairs]
    assert ledger.schema == ledger_schema(
        pa.schema([("patient", pa.int64())]),
        three_classes.features,
        output_type=three_classes.output_type,
        pairs=three_classes.interaction_pairs,
    )
    assert ledger.schema.names[10:] == [*names, "model_version", "model_digest"]
    assert [ledger.schema.field(name) for name in names] == [pa.field(name, pa.float64(), False) for name in names]
    expected = three_classes.explain(numbers).interactions
    for place, name in enumerate(names):
        np.testing.assert_array_equal(ledger[name].to_numpy(), expected[:, place].ravel())


def test_interactions_are_no_part_of_the_sum(three_classes, numbers: pd.DataFrame) -> None:
    plain = Explanation(*(vars(three_classes.explain(numbers))[name] for name in ("values", "base", "prediction")))
    np.testing.assert_array_equal(three_classes.explain(numbers).residual, plain.residual)
    keyed = pa.Table.from_pandas(numbers.assign(patient=np.arange(120)), preserve_index=False)
    made = explain_batches(keyed.to_batches(), three_classes, _frame, ["patient"], REFERENCE)
    assert judge_residuals(made, ["patient"]).passed


def test_a_receipt_of_a_ledger_with_them_matches(three_classes, numbers: pd.DataFrame) -> None:
    keyed = pa.Table.from_pandas(numbers.assign(patient=np.arange(120)), preserve_index=False)
    ledger = pa.Table.from_batches(explain_batches(keyed.to_batches(), three_classes, _frame, ["patient"], REFERENCE))
    (row,) = keyed.slice(7, 1).to_batches()
    receipt = check_receipt(ledger.slice(21, 3), row, three_classes, _frame, ["patient"], REFERENCE)
    assert (receipt.matches, len(receipt.lines)) == (True, 3)


def test_no_rows_have_no_interactions(three_classes, numbers: pd.DataFrame) -> None:
    assert three_classes.explain(numbers.head(0)).interactions.shape == (0, 3, 3)


def test_pairs_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="same interaction column"):
        ledger_schema(pa.schema([]), ["a", "a__b", "b__c", "c"], pairs=[("a", "b__c"), ("a__b", "c")])


def test_pairs_without_values_are_an_error(three_classes, numbers: pd.DataFrame, monkeypatch) -> None:
    explanation = three_classes.explain(numbers)
    without = Explanation(explanation.values, explanation.base, explanation.prediction)
    monkeypatch.setattr(three_classes, "explain", lambda _: without)
    keyed = pa.Table.from_pandas(numbers.assign(patient=np.arange(120)), preserve_index=False)
    with pytest.raises(ExplanationError, match="gives no values"):
        list(explain_batches(keyed.to_batches(), three_classes, _frame, ["patient"], REFERENCE))


def test_the_graph_publishes_them(registry, run) -> None:
    features, target = load_diabetes(return_X_y=True, as_frame=True)
    registry.add_sklearn(RandomForestRegressor(10, max_depth=5, random_state=0).fit(features, target), features)
    done = run(features, explain={"interactions": 3})
    assert done.success
    assert [name for name, check in done.checks.items() if not check.passed] == []
    ledger = done.table("sample_explanations")
    names = [name for name in ledger.columns if name.startswith("interaction_")]
    assert len(names) == 3
    assert (ledger[names].abs().mean() > 0).all()
    lineage = done.metadata("sample_explanations")["dagster/column_lineage"].deps_by_column[names[0]]
    assert names[0] == "interaction_" + "__".join(dep.column_name for dep in lineage)


def test_partitions_may_have_other_pairs(registry, run, tmp_path) -> None:
    """Each partition's ledger has the pairs that are strongest there; the summary is over both."""
    random = np.random.default_rng(0)
    rows = pd.DataFrame(random.normal(size=(400, 5)), columns=list("abcde"))
    target = np.where(rows["e"] > 0, rows["a"] * rows["b"], rows["c"] * rows["d"])
    registry.add_sklearn(RandomForestRegressor(10, max_depth=8, random_state=0).fit(rows, target), rows)
    for name, part in (("one", rows[rows["e"] > 0]), ("two", rows[rows["e"] < 0])):
        (tmp_path / name).mkdir()
        part.to_parquet(tmp_path / name / "rows.parquet", index=False)
        done = run(
            {"path": "{partition}/rows.parquet"},
            partition=name,
            partitions={"type": "static", "keys": ["one", "two"]},
            explain={"interactions": 1},
        )
        assert done.success
    own = [
        [column for column in pd.read_parquet(path).columns if column.startswith("interaction_")]
        for path in sorted((done.tables / "sample_explanations").iterdir())
    ]
    assert own == [["interaction_a__b"], ["interaction_c__d"]]
    assert done.metadata("model_explanations")["rows_explained"] == 400
