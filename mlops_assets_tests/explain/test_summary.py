"""Global importances added up from a stream, and the bounded sample for plots."""

import numpy as np
import pyarrow as pa
import pytest

from mlops_assets.arrow.key_agreement import compare_keys, compare_subset
from mlops_assets.errors import ExplanationError
from mlops_assets.explain.ledger.summary import MODEL_EXPLANATIONS_SCHEMA, LedgerSummary, match_input_rows
from mlops_assets.explain.report.input_rows import rows_with_keys

FEATURES = ["age", "debt", "city"]


def _batch(output: str, values: np.ndarray, start: int = 0, version: int = 7) -> pa.RecordBatch:
    count = len(values)
    return pa.RecordBatch.from_pydict(
        {
            "patient": np.arange(start, start + count),
            "output": [output] * count,
            **{f"shap_{name}": values[:, place] for place, name in enumerate(FEATURES)},
            "model_version": np.full(count, version),
            "model_digest": ["d" * 64] * count,
        }
    )


@pytest.fixture
def values() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(1000, 3)) * [1.0, 3.0, 0.1] + [0.0, 0.0, 0.2]


def _batches(values: np.ndarray, size: int) -> list[pa.RecordBatch]:
    return [_batch("yes", values[start : start + size], start) for start in range(0, len(values), size)]


def test_means_and_ranks_are_those_of_the_whole_ledger(values: np.ndarray) -> None:
    table = LedgerSummary.from_batches(_batches(values, 64), FEATURES, native_importance={"yes": {"debt": 0.5}}).table()
    assert table.schema.equals(MODEL_EXPLANATIONS_SCHEMA)
    assert table.column("feature").to_pylist() == ["debt", "age", "city"]
    assert table.column("rank").to_pylist() == [1, 2, 3]
    np.testing.assert_allclose(table.column("mean_abs_shap").to_numpy(), np.abs(values).mean(axis=0)[[1, 0, 2]])
    np.testing.assert_allclose(table.column("mean_shap").to_numpy(), values.mean(axis=0)[[1, 0, 2]], rtol=1e-9)
    assert table.column("native_importance").to_pylist() == [0.5, None, None]
    assert set(table.column("model_version").to_pylist()) == {7}
    assert set(table.column("model_digest").to_pylist()) == {"d" * 64}


def test_every_output_has_its_own_ranks(values: np.ndarray) -> None:
    turned = values[:, [1, 0, 2]]
    table = LedgerSummary.from_batches([_batch("b", turned), _batch("a", values)], FEATURES, ["a", "b"]).table()
    assert table.column("output").to_pylist() == ["a"] * 3 + ["b"] * 3
    assert table.column("feature").to_pylist() == ["debt", "age", "city", "age", "debt", "city"]


def test_ties_go_by_the_signature_s_order() -> None:
    summary = LedgerSummary.from_batches([_batch("yes", np.ones((4, 3)))], FEATURES)
    assert summary.ranks("yes") == [1, 2, 3]


def test_the_sample_is_bounded_and_the_same_in_any_batches(values: np.ndarray) -> None:
    one, other = (
        LedgerSummary.from_batches(_batches(values, size), FEATURES, sample_rows=50).sample("yes") for size in (7, 1000)
    )
    assert one is not None
    assert other is not None
    assert one.num_rows == 50
    assert one.column("patient").to_pylist() == other.column("patient").to_pylist()
    assert np.ptp(one.column("patient").to_numpy()) > 800  # from the whole stream, not its beginning


def test_an_empty_ledger_gives_no_rows() -> None:
    summary = LedgerSummary.from_batches([_batch("yes", np.zeros((0, 3)))], FEATURES, ["yes"])
    assert (summary.table().num_rows, summary.rows) == (0, 0)


def test_rows_of_two_versions_are_not_added_up(values: np.ndarray) -> None:
    with pytest.raises(ExplanationError, match="several model versions"):
        LedgerSummary.from_batches([_batch("yes", values), _batch("yes", values, version=8)], FEATURES)


def test_a_ledger_without_a_feature_is_refused(values: np.ndarray) -> None:
    with pytest.raises(ExplanationError, match="shap_income"):
        LedgerSummary.from_batches([_batch("yes", values)], ["income"])


def test_the_inputs_of_the_sample_are_found_in_its_order(values: np.ndarray) -> None:
    sample = LedgerSummary.from_batches(_batches(values, 100), FEATURES, sample_rows=20).sample("yes")
    assert sample is not None
    inputs = pa.table({"patient": np.arange(1000)[::-1], "age": np.arange(1000)[::-1] * 2}).to_batches(max_chunksize=33)
    found = match_input_rows(inputs, sample, ["patient"], ["age"])
    assert found.column("age").to_pylist() == [2 * place for place in sample.column("patient").to_pylist()]


@pytest.mark.parametrize(
    "patients",
    [[2.0, float("nan"), 1.0], np.array([2, 1, 3], np.float16), pa.array([2, 1, 3], pa.decimal32(5, 0))],
    ids=["NaN", "half floats", "small decimals"],
)
def test_inputs_are_found_by_keys_of_any_type(patients) -> None:
    inputs = pa.table({"patient": patients, "age": [1, 2, 3]})
    found = match_input_rows(inputs.to_batches(2), inputs.take([2, 1, 0]), ["patient"], ["age"])
    assert found.column("age").to_pylist() == [3, 2, 1]
    keys = inputs.select(["patient"])
    assert rows_with_keys(inputs.to_batches(2), keys.slice(1), inputs.schema).num_rows == 2
    assert compare_keys(keys.to_batches(), keys.to_batches(), ["patient"]).agrees
    assert compare_subset(keys.to_batches(), keys.slice(1).to_batches(), ["patient"]).agrees


def test_a_sampled_row_that_is_not_among_the_inputs_is_an_error(values: np.ndarray) -> None:
    sample = LedgerSummary.from_batches([_batch("yes", values[:5])], FEATURES).sample("yes")
    assert sample is not None
    with pytest.raises(ExplanationError, match="2 of 5 sampled ledger rows"):
        match_input_rows(pa.table({"patient": [0, 1, 2], "age": [1, 1, 1]}).to_batches(), sample, ["patient"], ["age"])
