"""Checks of the ledger: a model whose own explanations do not add up warns, or blocks, and the batch is not lost."""

import mlflow.pyfunc
import numpy as np
import pandas as pd
import pytest
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema


class Sloppy(mlflow.pyfunc.PythonModel):
    """Explains itself, wrongly for rows whose x is above 2."""

    def predict(self, context, model_input, params=None):
        return (model_input["x"] * 2 + model_input["y"]).to_numpy()

    def explain_samples(self, inputs):
        wrong = np.where(inputs["x"] > 2, 0.5, 0.0)
        return pd.DataFrame({"x": inputs["x"] * 2 + wrong, "y": inputs["y"], "base_value": 0.0}, index=inputs.index)


@pytest.fixture
def sloppy(registry):
    registry.add_pyfunc(Sloppy(), signature=ModelSignature(Schema([ColSpec("double", "x"), ColSpec("double", "y")])))
    return pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0], "y": [0.0, 1.0, 0.0, 1.0]})


@pytest.mark.parametrize("additivity", ["warn", "block"])
def test_rows_that_do_not_add_up_are_counted_and_listed(additivity, sloppy, run):
    done = run(sloppy, trust={"allow_pickle": True}, explain={"additivity": additivity})
    assert done.success is (True if additivity == "warn" else None)
    assert len(done.table("sample_explanations")) == 4
    check = done.checks["sample_explanations", "additive"]
    assert not check.passed
    assert check.metadata["rows_beyond_tolerance"].value == 2
    assert [row.data["row_number"] for row in check.metadata["beyond"].records] == ["2", "3"]
    assert (("model_explanations", "like_the_previous_champion") in done.checks) is (additivity == "warn")
    assert done.metadata("sample_explanations")["explainer"] == "ModelExplainer"
