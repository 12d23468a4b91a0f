"""Two versions on the same rows: what moved, by how much, and whether the ranking holds."""

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from sklearn.metrics import ndcg_score

from mlops_assets.errors import ExplanationError
from mlops_assets.explain.compare.diff import compare_ledgers, compare_rankings
from mlops_assets.explain.ledger.stored import StoredLedger
from mlops_assets.explain.ledger.summary import LedgerSummary
from mlops_assets.explain.ranking import ndcg
from mlops_assets_tests.explain.old_ledgers import as_of_0_1, small_ledger

FEATURES = ["age", "debt", "city"]


def _ledger(values: np.ndarray, *, outputs=("yes",), features=FEATURES, start: int = 0, size: int = 7):
    """(rows, features) values, the same for every output."""
    count = len(values) * len(outputs)
    table = pa.table(
        {
            "patient": np.repeat(np.arange(start, start + len(values)), len(outputs)),
            "output": list(outputs) * len(values),
            **{f"shap_{name}": np.repeat(values[:, place], len(outputs)) for place, name in enumerate(features)},
            "model_version": np.full(count, 1),
            "model_digest": ["d"] * count,
        }
    )
    return table.to_batches(max_chunksize=size)


@pytest.fixture
def values() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(50, 3)) * [3.0, 2.0, 1.0]


def test_a_version_does_not_differ_from_itself(values: np.ndarray) -> None:
    found = compare_ledgers(_ledger(values), _ledger(values, size=13), ["patient"])
    (output,) = found.outputs
    assert (found.rows, output.ndcg, output.churn) == (50, 1.0, 0.0)
    assert [change.feature for change in output.features] == FEATURES
    assert {(change.mean_abs_change, change.sign_flips, change.rank_change) for change in output.features} == {
        (0, 0, 0)
    }


def test_the_change_is_measured_row_by_row(values: np.ndarray) -> None:
    after = values * [1.0, -1.0, 1.0] + [0.5, 0.0, 0.0]
    changes = {
        change.feature: change
        for change in compare_ledgers(_ledger(values), _ledger(after), ["patient"]).outputs[0].features
    }
    assert changes["age"].mean_abs_change == pytest.approx(0.5)
    assert changes["debt"].sign_flips == 1.0
    assert changes["debt"].mean_sign_flipped
    assert changes["debt"].mean_abs_change == pytest.approx(2 * np.abs(values[:, 1]).mean())
    assert changes["city"].mean_abs_change == 0.0


def test_ranks_and_the_top_are_compared(values: np.ndarray) -> None:
    output = compare_ledgers(_ledger(values), _ledger(values * [0.1, 1.0, 1.0]), ["patient"], top_k=1).outputs[0]
    assert (output.entered, output.left, output.churn) == (("debt",), ("age",), 1.0)
    assert {change.feature: (change.old_rank, change.new_rank) for change in output.features} == {
        "debt": (1 + 1, 1), "city": (3, 2), "age": (1, 3),
    }  # fmt: skip


def test_ndcg_is_scikit_learn_s() -> None:
    random = np.random.default_rng(1)
    for _ in range(20):
        gains, scores = random.random(8), random.random(8)
        ranks = np.empty(8)
        ranks[np.argsort(-scores)] = np.arange(1, 9)
        assert ndcg(gains, ranks) == pytest.approx(ndcg_score([gains], [scores]))
        assert ndcg(gains, ranks) <= 1


def test_nothing_worth_anything_is_in_the_best_order() -> None:
    assert ndcg(np.zeros(3), np.array([1.0, 2.0, 3.0])) == 1.0


def test_what_only_one_version_has_is_named_and_left_out(values: np.ndarray) -> None:
    old = _ledger(values, outputs=("a", "b"), features=["age", "debt", "city"])
    new = _ledger(values, outputs=("b", "c"), features=["age", "debt", "plan"])
    found = compare_ledgers(old, new, ["patient"])
    assert (found.added_features, found.removed_features) == (("plan",), ("city",))
    assert (found.added_outputs, found.removed_outputs) == (("c",), ("a",))
    assert [(output.output, [change.feature for change in output.features]) for output in found.outputs] == [
        ("b", ["age", "debt"])
    ]
    assert found.rows == 50


def test_other_rows_are_an_error_that_names_the_first(values: np.ndarray) -> None:
    with pytest.raises(ExplanationError, match=r"part at the row \{'patient': 0, 'output': 'yes'\}"):
        compare_ledgers(_ledger(values), _ledger(values, start=1), ["patient"])


def test_fewer_rows_are_an_error(values: np.ndarray) -> None:
    with pytest.raises(ExplanationError, match="more rows than the other"):
        compare_ledgers(_ledger(values), _ledger(values[:-1]), ["patient"])


def test_ledgers_without_a_common_output_are_an_error(values: np.ndarray) -> None:
    with pytest.raises(ExplanationError, match="no output in common"):
        compare_ledgers(_ledger(values, outputs=("a",)), _ledger(values, outputs=("b",)), ["patient"])


def test_global_tables_give_the_same_ranking_as_the_ledgers(values: np.ndarray) -> None:
    after = values * [0.1, -1.0, 1.0]
    tables = [LedgerSummary.from_batches(_ledger(each), FEATURES).table() for each in (values, after)]
    one = compare_rankings(*tables).outputs[0]
    other = compare_ledgers(_ledger(values), _ledger(after), ["patient"]).outputs[0]
    assert one.ndcg == pytest.approx(other.ndcg)
    assert [(c.feature, c.old_rank, c.new_rank, c.mean_sign_flipped) for c in one.features] == [
        (c.feature, c.old_rank, c.new_rank, c.mean_sign_flipped) for c in other.features
    ]
    assert {change.mean_abs_change for change in one.features} == {None}


def test_two_empty_ledgers_do_not_differ() -> None:
    assert compare_ledgers([], [], ["patient"]).lowest_ndcg == 1.0


def test_ledgers_on_different_scales_are_compared_by_rank_and_sign_alone() -> None:
    old, new = small_ledger([1, 2]), small_ledger([1, 2], space="log-odds")
    diff = compare_ledgers(old.to_batches(), new.to_batches(), ["id"])
    assert diff.spaces == ("softmax margin", "log-odds")
    assert {change.mean_abs_change for output in diff.outputs for change in output.features} == {None}
    assert {change.sign_flips for output in diff.outputs for change in output.features} == {0.0}
    assert not diff.has_one_scale
    same = compare_ledgers(old.to_batches(), old.to_batches(), ["id"])
    assert (same.spaces, same.has_one_scale) == (("softmax margin", "softmax margin"), True)


def test_global_tables_of_two_releases_are_compared_by_the_names_of_outputs() -> None:
    summary = LedgerSummary.from_batches(StoredLedger.of(ds.dataset(small_ledger([1, 2]))).rows(), ("a", "b"))
    diff = compare_rankings(summary.table(), summary.table(pa.int64()))
    assert [output.output for output in diff.outputs] == ["0", "1", "2"]
    assert (diff.added_outputs, diff.lowest_ndcg) == ((), 1.0)


def test_a_ledger_of_0_1_is_compared_with_one_of_today() -> None:
    ledger = small_ledger([1, 2])
    diff = compare_ledgers(as_of_0_1(ledger).to_batches(), ledger.to_batches(), ["id"])
    assert (diff.spaces, diff.has_one_scale, diff.rows, diff.lowest_ndcg) == (None, True, 6, 1.0)
    assert {change.mean_abs_change for output in diff.outputs for change in output.features} == {0.0}
