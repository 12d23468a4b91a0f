"""scikit-learn models behind MLflow's pyfunc, asked for any of their methods."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow.pyfunc import PyFuncModel


class SklearnImplementation:
    """What a `PyFuncModel` calls; as MLflow's own for scikit-learn does, `predict` accepts params and ignores them."""

    def __init__(self, estimator: Any) -> None:
        self._estimator = estimator

    def __getattr__(self, name: str) -> Any:
        # The other methods that a model may have been saved with as its `pyfunc_predict_fn`.
        return getattr(self._estimator, name)

    def get_raw_model(self) -> Any:
        return self._estimator

    def predict(self, data: Any, params: Mapping[str, Any] | None = None) -> Any:
        return self._estimator.predict(data)


def load_with_method(folder: Path, method: str) -> "PyFuncModel":
    """A saved scikit-learn model whose ``predict_fn`` MLflow saves and does not load (seen in 3.17).

    MLflow knows `predict_proba`, `predict_log_proba`, `predict_joint_log_proba` and `score`; a model may also have
    been logged with `decision_function` or `score_samples`.
    """
    import mlflow.sklearn
    from mlflow.models import Model
    from mlflow.pyfunc import PyFuncModel

    estimator = mlflow.sklearn.load_model(str(folder))
    getattr(estimator, method)  # an AttributeError here is the model's own
    return PyFuncModel(Model.load(str(folder)), SklearnImplementation(estimator), predict_fn=method)
