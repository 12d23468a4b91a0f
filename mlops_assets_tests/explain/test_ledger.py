"""The ledger: keys, order, provenance, selection; the same whatever the batches."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.svm import SVR

from mlops_assets.errors import ConfigurationError
from mlops_assets.explain.explainers.choose import choose_explainer
from mlops_assets.explain.explainers.explainer import ExplainConfig, Explainer, Explanation
from mlops_assets.explain.ledger.ledger import explain_batches, ledger_schema, schema_for
from mlops_assets.explain.ledger.selection import Selection

from .conftest import REFERENCE, Save


@pytest.fixture
def binary(save: Save, numbers: pd.DataFrame) -> Explainer:
    estimator = LogisticRegression().fit(numbers, np.where(numbers["age"] > 0, "yes", "no"))
    return choose_explainer(save(estimator, numbers), numbers.columns, numbers)


@pytest.fixture
def three_classes(save: Save, numbers: pd.DataFrame) -> Explainer:
    estimator = LogisticRegression().fit(numbers, pd.cut(numbers["age"], 3, labels=["a", "b", "c"]).astype(str))
    return choose_explainer(save(estimator, numbers), numbers.columns, numbers)


def _batches(numbers: pd.DataFrame, size: int = 50) -> Iterator[pa.RecordBatch]:
    keyed = numbers.assign(patient=[f"p{place:03}" for place in range(len(numbers))], visit=np.arange(len(numbers)) % 4)
    yield from pa.Table.from_pandas(keyed, preserve_index=False).to_batches(max_chunksize=size)


def _frame(batch: pa.RecordBatch):
    return batch.select(["age", "income", "debt", "tenure"]).to_pandas()


def _ledger(
    numbers: pd.DataFrame, explainer: Explainer, selection: Selection | None = None, size: int = 50
) -> pa.Table:
    key = ["patient", "visit"]
    schema = ledger_schema(
        pa.schema([("patient", pa.string()), ("visit", pa.int64())]),
        explainer.features,
        standard_error=explainer.sampled,
    )
    made = explain_batches(_batches(numbers, size), explainer, _frame, key, REFERENCE, selection)
    return pa.Table.from_batches(made, schema=schema)


def test_the_columns_are_those_of_the_design(binary: Explainer) -> None:
    schema = ledger_schema(pa.schema([("patient", pa.string())]), binary.features)
    assert schema.names == [
        "patient", "output", "space", "explained_value", "base_value", "residual", "shap_age", "shap_income",
        "shap_debt", "shap_tenure", "model_version", "model_digest",
    ]  # fmt: skip


def test_a_sampled_explainer_adds_its_standard_error(save: Save, numbers: pd.DataFrame) -> None:
    config = ExplainConfig(KIND="PermutationExplainer")
    model = save(SVR().fit(numbers, numbers["age"]), numbers)
    explainer = choose_explainer(model, numbers.columns, numbers.head(5), config)
    assert _ledger(numbers.head(3), explainer).column("standard_error").to_pylist() == [0.0, 0.0, 0.0]


def test_a_key_with_a_ledger_column_s_name_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"\['explained_value', 'shap_age'\]"):
        ledger_schema(pa.schema([("explained_value", pa.int64()), ("shap_age", pa.int64())]), ["age"])


def test_rows_keep_key_order_and_numbers(binary: Explainer, numbers: pd.DataFrame) -> None:
    ledger = _ledger(numbers, binary)
    explanation = binary.explain(numbers)
    assert ledger.column("patient").to_pylist() == [f"p{place:03}" for place in range(120)]
    assert set(ledger.column("output").to_pylist()) == {"yes"}
    np.testing.assert_allclose(ledger.column("shap_debt").to_numpy(), explanation.values[:, 2, 0])
    np.testing.assert_allclose(ledger.column("explained_value").to_numpy(), explanation.prediction[:, 0])
    np.testing.assert_allclose(ledger.column("base_value").to_numpy(), explanation.base[:, 0])
    assert set(ledger.column("model_version").to_pylist()) == {7}
    assert set(ledger.column("model_digest").to_pylist()) == {"d" * 64}


def test_the_outputs_of_a_row_stand_side_by_side(three_classes: Explainer, numbers: pd.DataFrame) -> None:
    ledger = _ledger(numbers.head(2), three_classes)
    assert ledger.column("patient").to_pylist() == ["p000"] * 3 + ["p001"] * 3
    assert ledger.column("output").to_pylist() == ["a", "b", "c"] * 2
    expected = three_classes.explain(numbers.head(2)).values[:, 1, :].ravel()
    np.testing.assert_allclose(ledger.column("shap_income").to_numpy(), expected)


def test_the_residual_is_what_is_left(three_classes: Explainer, numbers: pd.DataFrame) -> None:
    frame = _ledger(numbers, three_classes).to_pandas()
    rest = frame["explained_value"] - frame["base_value"] - frame.filter(like="shap_").sum(axis=1)
    np.testing.assert_allclose(frame["residual"], rest, atol=1e-14)


@pytest.mark.slow
@pytest.mark.parametrize(
    "selection",
    [
        Selection(),
        Selection(limit=17),
        Selection(sample=13, seed=3),
        Selection(sample=0.3, seed=3),
        Selection(where="explained_value > 0", sample=9, limit=5),
    ],
    ids=repr,
)
def test_batches_leave_no_trace(three_classes: Explainer, numbers: pd.DataFrame, selection: Selection) -> None:
    one, other = (_ledger(numbers, three_classes, selection, size).to_pandas() for size in (7, 120))
    assert len(one) > 0
    pd.testing.assert_frame_equal(one, other)


def test_the_limit_counts_rows_and_not_outputs(three_classes: Explainer, numbers: pd.DataFrame) -> None:
    ledger = _ledger(numbers, three_classes, Selection(limit=10))
    assert ledger.num_rows == 30
    assert ledger.column("patient").to_pylist()[-1] == "p009"


def test_every_row_says_its_space(binary: Explainer, three_classes: Explainer, numbers: pd.DataFrame) -> None:
    assert set(_ledger(numbers, binary).column("space").to_pylist()) == {"log-odds"}
    assert set(_ledger(numbers, three_classes).column("space").to_pylist()) == {"softmax margin"}


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        ([3, 1, 2], pa.int64()),
        ([0, 1], pa.int64()),
        ([True, False], pa.bool_()),
        ([1.0, 2.0, 4.0], pa.float64()),
        (["1", "02", "x"], pa.string()),
    ],
    ids=str,
)
def test_outputs_join_with_predicted_labels(save: Save, numbers: pd.DataFrame, labels, kind) -> None:
    target = np.array(labels)[np.arange(120) % len(labels)]
    model = save(LogisticRegression().fit(numbers, target), numbers)
    explainer = choose_explainer(model, numbers.columns, numbers)
    schema = schema_for(pa.schema([("patient", pa.string())]), explainer)
    made = explain_batches(_batches(numbers), explainer, _frame, ["patient"], REFERENCE)
    ledger = pa.Table.from_batches(made, schema=schema).to_pandas()
    assert schema.field("output").type == kind
    predictions = pd.DataFrame({"patient": ledger["patient"].unique(), "prediction": model.predict(numbers)})
    joined = predictions.merge(ledger, left_on=["patient", "prediction"], right_on=["patient", "output"])
    expected = 120 if len(labels) > 2 else (predictions["prediction"] == max(labels)).sum()
    assert len(joined) == expected > 0


@pytest.mark.parametrize("where", ["output == 1", "output == '1'", "output in (1,)", "output in ('1',)", "2 > output"])
def test_a_filter_takes_labels_as_they_are_and_as_text(save: Save, numbers: pd.DataFrame, where: str) -> None:
    estimator = LogisticRegression().fit(numbers, np.arange(120) % 3 + 1)
    explainer = choose_explainer(save(estimator, numbers), numbers.columns, numbers)
    made = explain_batches(_batches(numbers), explainer, _frame, ["patient"], REFERENCE, Selection(where=where))
    assert pa.Table.from_batches(made)["output"].to_pylist() == [1] * 120


def test_nothing_is_read_beyond_the_limit(binary: Explainer, numbers: pd.DataFrame) -> None:
    read = []

    def watched() -> Iterator[pa.RecordBatch]:
        for batch in _batches(numbers, 10):
            read.append(batch.num_rows)
            yield batch

    list(explain_batches(watched(), binary, _frame, ["patient"], REFERENCE, Selection(limit=15)))
    assert len(read) <= 3


def test_a_counted_sample_has_that_many_rows_in_table_order(binary: Explainer, numbers: pd.DataFrame) -> None:
    patients = _ledger(numbers, binary, Selection(sample=25, seed=1)).column("patient").to_pylist()
    assert len(patients) == 25
    assert patients == sorted(patients)
    assert patients != _ledger(numbers, binary, Selection(sample=25, seed=2)).column("patient").to_pylist()


def test_a_fraction_of_one_keeps_every_row(binary: Explainer, numbers: pd.DataFrame) -> None:
    assert _ledger(numbers, binary, Selection(sample=1.0)).num_rows == 120


@pytest.mark.parametrize("name", ["explained_value", "prediction"])
def test_a_filter_on_the_explained_value_keeps_the_outputs_that_pass(
    three_classes: Explainer, numbers: pd.DataFrame, name: str
) -> None:
    """By its name, or by the one that it had until 0.1."""
    whole = _ledger(numbers, three_classes).to_pandas()
    kept = _ledger(numbers, three_classes, Selection(where=f"{name} > 1 and output in ('a', 'c')")).to_pandas()
    expected = whole[(whole["explained_value"] > 1) & whole["output"].isin(["a", "c"])].reset_index(drop=True)
    assert 0 < len(expected) < len(whole)
    pd.testing.assert_frame_equal(kept, expected)


def test_a_filter_may_use_inputs_and_keys(binary: Explainer, numbers: pd.DataFrame) -> None:
    kept = _ledger(numbers, binary, Selection(where="age > 0.5 and visit == 2")).column("patient").to_pylist()
    expected = [f"p{place:03}" for place in np.flatnonzero((numbers["age"] > 0.5) & (np.arange(120) % 4 == 2))]
    assert kept == expected


def test_only_rows_that_pass_are_explained(binary: Explainer, numbers: pd.DataFrame, monkeypatch) -> None:
    explained, explain = [], binary.explain

    def watched(rows: pd.DataFrame) -> Explanation:
        explained.append(len(rows))
        return explain(rows)

    monkeypatch.setattr(binary, "explain", watched)
    kept = _ledger(numbers, binary, Selection(where="prediction > 1"))
    assert sum(explained) == kept.num_rows < 120


def test_a_filter_on_an_unknown_column_names_it(binary: Explainer, numbers: pd.DataFrame) -> None:
    with pytest.raises(ConfigurationError, match=r"'incom'.*did you mean 'income'"):
        _ledger(numbers, binary, Selection(where="incom > 3"))


@pytest.mark.parametrize("settings", [{"limit": -1}, {"sample": 0}, {"sample": 1.5}, {"sample": 0.0}, {"sample": True}])
def test_a_selection_out_of_range_is_refused(settings) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(settings))):
        Selection(**settings)


def test_no_rows_give_an_empty_ledger(binary: Explainer, numbers: pd.DataFrame) -> None:
    assert _ledger(numbers.head(0), binary).num_rows == 0


def test_few_rows_are_explained_at_once_whatever_the_batch(binary: Explainer, numbers: pd.DataFrame) -> None:
    binary.rows_per_call = 11
    made = list(explain_batches(_batches(numbers, 120), binary, _frame, ["patient"], REFERENCE))
    assert max(batch.num_rows for batch in made) == 11
    assert sum(batch.num_rows for batch in made) == 120


def test_a_regression_has_the_output_prediction(save: Save, numbers: pd.DataFrame) -> None:
    explainer = choose_explainer(
        save(LinearRegression().fit(numbers, numbers["age"]), numbers), numbers.columns, numbers
    )
    assert set(_ledger(numbers, explainer).column("output").to_pylist()) == {"prediction"}
