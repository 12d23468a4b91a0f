"""A model in memory: how the rest of the package predicts, and what explainers may look into."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast

from mlops_assets.errors import ConfigurationError, MlopsAssetsError, PredictionError
from mlops_assets.models.native_input import to_native_input
from mlops_assets.models.reference import ModelReference

if TYPE_CHECKING:
    from mlflow.models import ModelSignature
    from mlflow.pyfunc import PyFuncModel

PredictMethod = Literal["predict", "predict_proba"]

_COLUMNS_NAMED = 20


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
        PredictionError
            The model failed; its own error is the cause.
        """
        ask = self._method(method)
        rows = to_native_input(inputs, self.native) if self.native is not None else inputs
        try:
            if method == "predict":
                return self.pyfunc.predict(rows, params=dict(params) if params else None)
            return ask(rows)
        except MlopsAssetsError:
            raise
        except Exception as error:
            # A model is anybody's code, and raises whatever it likes.
            raise self._failure(error, inputs) from error

    def _method(self, method: PredictMethod) -> Callable[[Any], Any]:
        if method == "predict":
            return self.pyfunc.predict
        probabilities = getattr(self.inner, "predict_proba", None)
        if probabilities is None:
            raise ConfigurationError(
                f"The model has no predict_proba, it is a {type(self.inner).__name__}",
                where=self.reference.uri,
                fix="Write `predict: {method: predict}` into its YAML, or set predict_method: predict in the Launchpad",
            )
        return cast(Callable[[Any], Any], probabilities)

    def _failure(self, error: Exception, inputs: Any) -> PredictionError:
        # The error's own message may hold values of the data; the event log shows it as the cause.
        columns = [str(name) for name in getattr(inputs, "columns", ())]
        given = f" {len(inputs)} rows" if hasattr(inputs, "__len__") else ""
        named = f" of the columns {', '.join(columns[:_COLUMNS_NAMED])}{', ...' * (len(columns) > _COLUMNS_NAMED)}"
        lacking = [str(name) for name in columns_with_nulls(inputs)]
        without = (
            f"; values are missing in {', '.join(lacking[:_COLUMNS_NAMED])}{', ...' * (len(lacking) > _COLUMNS_NAMED)}"
        )
        fill = "Fill the missing values if the model takes none. " if lacking else ""
        return PredictionError(
            f"The model failed to predict{given}{named if columns else ''} with {type(error).__name__}"
            f"{without if lacking else ''}",
            where=self.reference.uri,
            fix=fill
            + (
                "Read the model's own message, the cause in the event log, and compare these columns and their types "
                "with those it was trained on"
                if self.signature is not None
                else "It has no signature: name the columns it was trained on in its YAML, `inputs: {columns: [...]}`, "
                "or log it with an input_example"
            ),
        )


def columns_with_nulls(inputs: Any) -> list[Any]:
    """The columns of a DataFrame that lack values; none of what is no DataFrame."""
    return (
        [name for name, lacks in inputs.isna().any().items() if lacks]
        if hasattr(inputs, "isna") and hasattr(inputs, "columns")
        else []
    )
