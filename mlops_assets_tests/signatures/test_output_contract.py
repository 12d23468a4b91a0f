"""Predictions against the output signature."""

import numpy as np
import pyarrow as pa
import pytest
from mlflow.types import ColSpec, Schema, TensorSpec

from mlops_assets.signatures.contract.output_contract import OutputContract

NAN = float("nan")
SCORES = Schema([ColSpec("double", "score"), ColSpec("long", "label", required=False)])


def judged(outputs, columns):
    batch = pa.record_batch(columns)
    contract = OutputContract(outputs, batch.schema)
    return contract.describe(contract.reasons(batch) + contract.reasons(batch.slice(1)))


@pytest.mark.parametrize(
    ("outputs", "columns"),
    [
        (SCORES, {"score": [0.5, 1.0], "label": [1, None]}),
        (SCORES, {"label": pa.array([1, 2], pa.int32()), "score": pa.array([0.5, 1.0], pa.float32())}),
        (SCORES, {"score": [0.5, 1.0]}),
        (Schema([ColSpec("long")]), {"prediction": [1, 2]}),
        (Schema([TensorSpec(np.dtype("int64"), (-1,))]), {"prediction": [1, 2]}),
        (Schema([TensorSpec(np.dtype("float64"), (-1, 2))]), {"prediction_0": [0.5, 1.0], "prediction_1": [0.5, 0.0]}),
        (Schema([TensorSpec(np.dtype("float64"), (-1, 2))]), {"prediction": [[0.5, 1.0], [0.0, 1.0]]}),
        (None, {"anything": ["a", "b"]}),
    ],
)
def test_predictions_that_keep_the_contract(outputs, columns):
    assert judged(outputs, columns) == []


@pytest.mark.parametrize(
    ("outputs", "columns", "problems"),
    [
        (
            SCORES,
            {"scores": [0.5, 1.0]},
            [
                "column 'score' is missing (did you mean 'scores'?)",
                "column 'scores' is not in the output signature (did you mean 'score'?)",
            ],
        ),
        (SCORES, {"score": ["a", "b"]}, ["column 'score': string cannot become double"]),
        (SCORES, {"score": [0.5, NAN]}, ["column 'score': missing_value in 2 rows"]),
        (SCORES, {"score": [1, 2**60]}, ["column 'score': not_exact in 2 rows"]),
        (
            Schema([TensorSpec(np.dtype("float64"), (-1, 2))]),
            {"p": [[0.5, 1.0], [0.0]]},
            ["column 'p': shape_mismatch in 2 rows"],
        ),
    ],
)
def test_what_breaks_the_contract_is_said_by_column(outputs, columns, problems):
    said = judged(outputs, columns)
    assert len(said) == len(problems)
    for sentence, problem in zip(said, problems, strict=True):
        assert sentence.startswith(problem)


def test_another_number_of_unnamed_columns():
    (problem,) = OutputContract(Schema([ColSpec("double")]), pa.schema(dict.fromkeys("ab", pa.float64()))).problems
    assert "takes 1 columns in their order, the table has 2" in problem
