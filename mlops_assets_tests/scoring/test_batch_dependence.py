"""A model whose answers depend on the batch is dependence out; rounding is not."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from mlops_assets.scoring.batch_dependence import measure_batch_dependence

ROWS = pa.table({"x": np.random.default_rng(0).normal(size=60)})


def scored(function):
    return lambda rows: pa.record_batch({"prediction": function(rows["x"])})


@pytest.mark.parametrize(
    "function",
    [
        pytest.param(lambda x: pc.multiply(x, 2.0), id="by the row"),
        pytest.param(lambda x: pa.array((x.to_numpy() * (1 + 1e-12 * len(x))).astype("f8")), id="rounding"),
        pytest.param(lambda x: pa.array(np.where(x.to_numpy() > 0, "yes", "no")), id="text"),
        pytest.param(lambda x: pa.array(np.full(len(x), np.nan)), id="NaN"),
        pytest.param(lambda x: pa.array([[value, 1.0] for value in x.to_pylist()]), id="lists"),
    ],
)
def test_independent(function):
    assert measure_batch_dependence(scored(function), ROWS).different == 0


@pytest.mark.parametrize(
    "function",
    [
        pytest.param(lambda x: pc.subtract(x, pc.mean(x)), id="the batch's mean"),
        pytest.param(lambda x: pa.array(np.argsort(np.argsort(x.to_numpy()))), id="ranks"),
        pytest.param(lambda x: pa.array([f"{len(x)}"] * len(x)), id="text"),
        pytest.param(lambda x: pa.array(x.to_numpy() - x.to_numpy().max(), pa.float32()), id="float32"),
    ],
)
def test_dependent(function):
    dependence = measure_batch_dependence(scored(function), ROWS)
    assert dependence.rows == 60
    assert dependence.different > 30


def test_a_few_rows_say_nothing():
    assert measure_batch_dependence(scored(lambda x: pc.subtract(x, pc.mean(x))), ROWS.slice(0, 5)).rows == 0


def test_columns_that_come_and_go_are_a_dependence():
    def score(rows):
        return pa.record_batch({f"p{rows.num_rows}": rows["x"]})

    assert measure_batch_dependence(score, ROWS).different == 60
