"""One real pyfunc model that remembers what MLflow hands it; its signature is set per test."""

import pytest
from mlflow.models import ModelSignature
from mlflow.pyfunc import load_model, save_model
from mlflow.pyfunc.model import PythonModel
from mlflow.types import Schema


class Recorder(PythonModel):
    """Returns one 0.0 per row and keeps its last input."""

    def predict(self, context, model_input, params=None):
        self.seen = model_input
        self.params = params
        rows = len(next(iter(model_input.values()))) if isinstance(model_input, dict) else len(model_input)
        return [0.0] * rows


class RecordedModel:
    """A loaded `PyFuncModel` round a `Recorder`."""

    def __init__(self, pyfunc):
        self.pyfunc = pyfunc

    def receives(self, data, inputs: Schema):
        """What the model sees when `PyFuncModel.predict` enforces `inputs` on `data`."""
        self.pyfunc.metadata.signature = ModelSignature(inputs=inputs)
        self.pyfunc.predict(data)
        return self.pyfunc.unwrap_python_model().seen


@pytest.fixture(scope="session")
def recorded_model(tmp_path_factory):
    path = tmp_path_factory.mktemp("recorder") / "model"
    save_model(path, python_model=Recorder(), pip_requirements=["scikit-learn"])
    return RecordedModel(load_model(str(path)))
