"""Receipts: the row is explained again, and any difference from the ledger is told."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.svm import SVR

from mlops_assets.errors import ExplanationError
from mlops_assets.explain.compare.receipt import Receipt, check_receipt
from mlops_assets.explain.explainers.choose import choose_explainer
from mlops_assets.explain.explainers.explainer import ExplainConfig, Explainer
from mlops_assets.explain.ledger.ledger import explain_batches
from mlops_assets_tests.explain.old_ledgers import as_of_0_1

from .conftest import REFERENCE, Save


@pytest.fixture
def inputs(numbers: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(
        numbers.assign(patient=[f"p{place}" for place in range(len(numbers))]), preserve_index=False
    )


@pytest.fixture
def explainer(save: Save, numbers: pd.DataFrame) -> Explainer:
    estimator = LinearRegression().fit(numbers, numbers["age"] * 3 - numbers["debt"])
    return choose_explainer(save(estimator, numbers), numbers.columns, numbers)


def _frame(batch: pa.RecordBatch):
    return batch.select(["age", "income", "debt", "tenure"]).to_pandas()


def _stored(inputs: pa.Table, explainer: Explainer, patient: str) -> pa.Table:
    ledger = pa.Table.from_batches(explain_batches(inputs.to_batches(), explainer, _frame, ["patient"], REFERENCE))
    return ledger.filter(pa.compute.equal(ledger["patient"], patient))


def _row(inputs: pa.Table, patient: str) -> pa.RecordBatch:
    return inputs.filter(pa.compute.equal(inputs["patient"], patient)).combine_chunks().to_batches()[0]


def _check(inputs: pa.Table, explainer: Explainer, stored: pa.Table, patient: str = "p5", **options) -> Receipt:
    return check_receipt(stored, _row(inputs, patient), explainer, _frame, ["patient"], REFERENCE, **options)


def test_an_untouched_row_matches(inputs: pa.Table, explainer: Explainer) -> None:
    receipt = _check(inputs, explainer, _stored(inputs, explainer, "p5"))
    assert receipt.matches
    assert receipt.lines[0].largest_difference <= receipt.lines[0].allowed < 1e-8


def test_a_sampled_explanation_can_be_recomputed(save: Save, inputs: pa.Table, numbers: pd.DataFrame) -> None:
    wide = numbers.assign(a=1.0, b=numbers["age"] ** 2, c=numbers["debt"], d=0.5)
    config = ExplainConfig(KIND="PermutationExplainer")
    explainer = choose_explainer(save(SVR().fit(wide, wide["b"]), wide), wide.columns, wide.head(5), config)

    def frame(batch: pa.RecordBatch):
        return batch.select(list(wide.columns)).to_pandas()

    table = pa.Table.from_pandas(wide.assign(patient=np.arange(120)), preserve_index=False).slice(0, 4)
    ledger = pa.Table.from_batches(explain_batches(table.to_batches(), explainer, frame, ["patient"], REFERENCE))
    row = table.slice(2, 1).combine_chunks().to_batches()[0]
    assert explainer.KIND == "PermutationExplainer"
    assert check_receipt(ledger.slice(2, 1), row, explainer, frame, ["patient"], REFERENCE).matches


def test_a_changed_number_is_told(inputs: pa.Table, explainer: Explainer) -> None:
    stored = _stored(inputs, explainer, "p5")
    place = stored.schema.get_field_index("shap_debt")
    changed = stored.set_column(place, "shap_debt", pa.array([stored["shap_debt"][0].as_py() + 0.01]))
    receipt = _check(inputs, explainer, changed)
    assert not receipt.matches
    assert receipt.lines[0].different == ("shap_debt",)
    assert "NOT the same as stored" in receipt.to_text()
    assert "shap_debt differ by up to 0.01" in receipt.to_text()


def test_another_version_is_told(inputs: pa.Table, explainer: Explainer) -> None:
    stored = _stored(inputs, explainer, "p5")
    place = stored.schema.get_field_index("model_version")
    receipt = _check(inputs, explainer, stored.set_column(place, "model_version", pa.array([3])))
    assert receipt.problems == ("model_version is 3 in the ledger, and 7 for the model that was loaded",)


def test_another_background_is_told(inputs: pa.Table, explainer: Explainer) -> None:
    receipt = _check(inputs, explainer, _stored(inputs, explainer, "p5"), background_digest="0" * 64)
    assert receipt.problems == ("the background rows are not those that the ledger was made with",)


def test_the_account_tells_the_row_in_sentences(inputs: pa.Table, explainer: Explainer) -> None:
    stored = _stored(inputs, explainer, "p5")
    account = _check(inputs, explainer, stored).to_text(top=2)
    effect = stored["shap_age"][0].as_py()
    assert "Receipt for the row patient = p5" in account
    assert "Model: churn, version 7" in account
    assert f"Digest: {'d' * 64}" in account
    assert f"explained value {stored['explained_value'][0].as_py():.6g}" in account
    assert f"age {'raised' if effect > 0 else 'lowered'} it by {abs(effect):.6g}." in account
    assert "The other 2 inputs together" in account
    assert "the same as stored" in account
    assert "Unit of all numbers: the prediction itself: prediction = value" in account


def test_a_row_of_an_earlier_release_is_checked(inputs: pa.Table, explainer: Explainer) -> None:
    stored = as_of_0_1(_stored(inputs, explainer, "p5"))
    assert "prediction" in stored.column_names
    receipt = _check(inputs, explainer, stored)
    assert receipt.matches
    place = stored.schema.get_field_index("prediction")
    changed = stored.set_column(place, "prediction", pa.array([stored["prediction"][0].as_py() + 0.01]))
    assert _check(inputs, explainer, changed).lines[0].different == ("explained_value",)


def test_the_account_holds_input_values_only_when_they_are_given(inputs: pa.Table, explainer: Explainer) -> None:
    receipt = _check(inputs, explainer, _stored(inputs, explainer, "p5"))
    value = _row(inputs, "p5").column("age")[0].as_py()
    assert str(value) not in receipt.to_text()
    assert f"age = {value}" in receipt.to_text(values={"age": value})


def test_a_key_that_is_not_stored_is_an_error(inputs: pa.Table, explainer: Explainer) -> None:
    with pytest.raises(ExplanationError, match="one row, not for 0 stored"):
        _check(inputs, explainer, _stored(inputs, explainer, "nobody"))


def test_the_input_row_of_another_key_is_an_error(inputs: pa.Table, explainer: Explainer) -> None:
    with pytest.raises(ExplanationError, match=r"'p5'.*'p6'"):
        _check(inputs, explainer, _stored(inputs, explainer, "p5"), patient="p6")
