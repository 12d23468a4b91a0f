"""A model in memory: how the rest of the package predicts, and what explainers may look into."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from mlops_assets.errors import ConfigurationError
from mlops_assets.models.reference import ModelReference

if TYPE_CHECKING:
    from mlflow.models import ModelSignature
    from mlflow.pyfunc import PyFuncModel

PredictMethod = Literal["predict", "predict_proba"]


class Source(Protocol):
    """Where a model comes from, as `ModelSource` is: a value that loads the same version in another process."""

    @property
    def loader(self) -> object: ...

    def load(self, reference: ModelReference) -> "LoadedModel": ...


@dataclass(frozen=True)
class LoadedModel:
    """A pinned version, deserialized.

    Pickled, it is where it comes from: the process that reads the pickle fetches, verifies, trusts and loads the
    version itself, once (`ModelSource.load`).

    Attributes
    ----------
    reference
        What was pinned.
    pyfunc
        MLflow's view of it. This package's loaders switch its enforcement of inputs off, because rows have passed the
        contract, which is stricter; see `mlops_assets.signatures.mlflow.enforcement`.
    native
        The flavor's own object (a scikit-learn estimator, a Booster, ...); None for a custom Python model.
    python_model
        The `mlflow.pyfunc.PythonModel` inside a custom model; None otherwise.
    recorded
        The signature as it was loaded; None takes that of `pyfunc`.
    source
        Where it was loaded from; None where somebody made this object by hand.
    """

    reference: ModelReference
    pyfunc: "PyFuncModel"
    native: object | None = None
    python_model: object | None = None
    recorded: "ModelSignature | None" = None
    source: Source | None = field(default=None, compare=False, repr=False)

    def __reduce__(self) -> tuple[Any, ...]:
        if self.source is None:
            raise ConfigurationError(
                "The model was not loaded from a registry, so no other process can load it", where=self.reference.uri
            )
        return self.source.load, (self.reference,)

    @property
    def strategies(self) -> tuple[object, ...]:
        """What may be the user's own code on the way to a prediction."""
        return (self.source.loader,) if self.source is not None else ()

    @property
    def signature(self) -> "ModelSignature | None":
        """The signature recorded with the model."""
        return self.recorded if self.recorded is not None else self.pyfunc.metadata.signature

    @property
    def inner(self) -> object:
        """The object that knows the model best: the native one, else the Python model's `.model`, else itself."""
        # `is None` throughout: an estimator has a length, an array has no truth.
        candidates = (self.native, getattr(self.python_model, "model", None), self.python_model)
        return next((candidate for candidate in candidates if candidate is not None), self.pyfunc)

    def predict(self, inputs: Any, params: Mapping[str, Any] | None = None, method: PredictMethod = "predict") -> Any:
        """What the model says of `inputs` (a pandas DataFrame, an ndarray or what its signature takes), unaltered.

        Raises
        ------
        ConfigurationError
            `predict_proba` is asked of a model that has none.
        """
        if method == "predict":
            return self.pyfunc.predict(inputs, params=dict(params) if params else None)
        probabilities = getattr(self.inner, "predict_proba", None)
        if probabilities is None:
            raise ConfigurationError(
                f"The model has no predict_proba, it is a {type(self.inner).__name__}",
                where=self.reference.uri,
                fix="Use predict_method: predict",
            )
        return probabilities(inputs)
