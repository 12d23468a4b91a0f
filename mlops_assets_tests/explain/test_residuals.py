"""Residuals are judged by what floating-point numbers can hold."""

import numpy as np
import pyarrow as pa
import pytest

from mlops_assets.explain.ledger.residuals import judge_residuals, residual_tolerance


def _ledger(residuals: list[float], *, prediction: float = 100.0, shap: float = 1.0) -> pa.RecordBatch:
    count = len(residuals)
    return pa.RecordBatch.from_pydict(
        {
            "patient": [f"p{place}" for place in range(count)],
            "output": ["prediction"] * count,
            "explained_value": [prediction] * count,
            "base_value": [prediction - 2 * shap] * count,
            "residual": residuals,
            "shap_age": [shap] * count,
            "shap_debt": [shap] * count,
        }
    )


def test_rounding_passes_and_more_does_not() -> None:
    verdict = judge_residuals([_ledger([1e-12, 0.0]), _ledger([-1e-6])], ["patient"])
    assert (verdict.rows, verdict.beyond, verdict.passed) == (3, 1, False)
    assert verdict.largest == pytest.approx(1e-6)
    assert [row["patient"] for row in verdict.listed] == ["p0"]
    assert verdict.listed[0]["residual"] == -1e-6


def test_a_float32_model_is_held_to_float32() -> None:
    ledger = _ledger([1e-3])
    assert judge_residuals([ledger], ["patient"], np.float32).passed
    assert not judge_residuals([ledger], ["patient"], np.float64).passed


def test_small_predictions_are_held_to_their_own_size() -> None:
    assert not judge_residuals([_ledger([1e-12], prediction=1e-6, shap=1e-7)], ["patient"]).passed


def test_attributions_that_cancel_count_with_their_own_size() -> None:
    assert judge_residuals([_ledger([1e-3], prediction=0.0, shap=1e8)], ["patient"]).passed


@pytest.mark.parametrize("residual", [np.nan, np.inf])
def test_a_residual_that_is_no_number_is_beyond(residual: float) -> None:
    verdict = judge_residuals([_ledger([residual])], ["patient"])
    assert (verdict.beyond, verdict.largest_ratio) == (1, np.inf)


def test_only_the_first_rows_are_listed() -> None:
    verdict = judge_residuals([_ledger([1.0] * 9)] * 3, ["patient"], listed=5)
    assert (verdict.beyond, len(verdict.listed)) == (27, 5)


def test_all_zeros_add_up() -> None:
    assert judge_residuals([_ledger([0.0], prediction=0.0, shap=0.0)], ["patient"]).passed


def test_the_tolerance_grows_with_size_and_terms() -> None:
    one = residual_tolerance(1.0, 1.0, 1)
    assert residual_tolerance(10.0, 10.0, 1) == pytest.approx(10 * one)
    assert residual_tolerance(1.0, 1.0, 100) == pytest.approx(10 * one)
