"""MLflow's enforcement, not paid twice."""

import mlflow.pyfunc
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema

from mlops_assets.signatures.contract.contract import Contract
from mlops_assets.signatures.mlflow.enforcement import stop_enforcing_inputs
from mlops_assets.signatures.mlflow.model_input import to_model_input
from mlops_assets_tests.signatures.conftest import Recorder
from mlops_assets_tests.signatures.same import same

SIGNATURE = ModelSignature(
    Schema([ColSpec("long", "n", required=False), ColSpec("double", "x")]),
    Schema([ColSpec("double", "prediction")]),
    ParamSchema([ParamSpec("k", "long", 3)]),
)


@pytest.fixture
def model(tmp_path):
    mlflow.pyfunc.save_model(tmp_path / "m", python_model=Recorder(), signature=SIGNATURE, pip_requirements=["mlflow"])
    return mlflow.pyfunc.load_model(str(tmp_path / "m"))


def with_nulls():
    batch = pa.record_batch({"n": [1, None], "x": [1.0, 2.0]})
    return to_model_input(Contract(SIGNATURE.inputs, batch.schema).apply(batch).accepted, SIGNATURE.inputs)


def test_mlflow_refuses_an_optional_long_with_nulls(model):
    with pytest.raises(MlflowException) as refusal:
        model.predict(with_nulls())
    assert refusal.value.error_code == "INVALID_PARAMETER_VALUE"


@pytest.mark.parametrize("dtype", ["Int64", "Int32", "float64", "object"])
def test_mlflow_has_no_form_of_an_optional_long_with_nulls(dtype, model):
    """So what a custom model sees of such a column is ours to say: Int64, which alone holds every integer and NA."""
    with pytest.raises((MlflowException, ValueError)):
        model.predict(pd.DataFrame({"n": pd.Series([1, None]).astype(dtype), "x": [1.0, 2.0]}))


def test_the_model_sees_conformed_rows_as_they_are(model):
    assert stop_enforcing_inputs(model) == SIGNATURE
    data = with_nulls()
    model.predict(data)
    seen = model.unwrap_python_model().seen
    assert seen is data
    assert seen["n"].dtype == "Int64"


def test_params_are_still_validated(model):
    stop_enforcing_inputs(model)
    model.predict(with_nulls())
    assert model.unwrap_python_model().params == {"k": 3}
    with pytest.raises(MlflowException) as refusal:
        model.predict(with_nulls(), params={"k": "text"})
    assert refusal.value.error_code == "INVALID_PARAMETER_VALUE"


def test_outputs_and_params_stay_in_the_metadata(model):
    stop_enforcing_inputs(model)
    assert model.metadata.signature == ModelSignature(outputs=SIGNATURE.outputs, params=SIGNATURE.params)


def test_a_model_without_signature_is_left_alone(recorded_model):
    recorded_model.pyfunc.metadata.signature = None
    assert stop_enforcing_inputs(recorded_model.pyfunc) is None
    data = pd.DataFrame({"a": [1]})
    recorded_model.pyfunc.predict(data)
    assert recorded_model.pyfunc.unwrap_python_model().seen is data


def test_native_flavors_predict_the_same(tmp_path):
    import mlflow.sklearn
    from sklearn.linear_model import LinearRegression

    frame = pd.DataFrame({"a": [1.0, 2.0, 4.0], "b": [0.0, 1.0, 0.0]})
    estimator = LinearRegression().fit(frame, [1.0, 2.0, 3.0])
    signature = ModelSignature(Schema([ColSpec("double", "a"), ColSpec("double", "b")]))
    mlflow.sklearn.save_model(estimator, tmp_path / "m", signature=signature, pip_requirements=["scikit-learn"])
    model = mlflow.pyfunc.load_model(str(tmp_path / "m"))
    enforced = model.predict(frame)
    stop_enforcing_inputs(model)
    assert same(np.asarray(model.predict(frame)), np.asarray(enforced))


def test_a_signature_from_type_hints_checks_its_own_input(tmp_path):
    class Lengths(mlflow.pyfunc.PythonModel):
        def predict(self, model_input: list[str]) -> list[int]:
            return [len(text) for text in model_input]

    mlflow.pyfunc.save_model(tmp_path / "m", python_model=Lengths(), pip_requirements=["mlflow"])
    model = mlflow.pyfunc.load_model(str(tmp_path / "m"))
    recorded = stop_enforcing_inputs(model)
    assert model.metadata.signature is recorded
    assert model.predict(["a", "bcd"]) == [1, 3]
