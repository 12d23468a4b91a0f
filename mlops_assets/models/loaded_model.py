"""A model in memory: how the rest of the package predicts, and what explainers may look into."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast

from mlops_assets.errors import ConfigurationError, MlopsAssetsError, PredictionError
from mlops_assets.models.answers import read_answer
from mlops_assets.models.native_input import copy_rows, optional_as_floats, to_native_input
from mlops_assets.models.prediction_failure import (
    advise,
    call_model,
    count_rows,
    describe_failure,
    describe_place,
    name_failure,
)
from mlops_assets.models.reference import ModelReference
from mlops_assets.models.xgboost_categories import asks_with_categories, predict_with_categories
from mlops_assets.signatures.mlflow.text_names import own_names, with_text_names

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from mlflow.models import ModelSignature
    from mlflow.pyfunc import PyFuncModel
    from mlflow.types import Schema

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
        """The signature recorded with the model, its names as text."""
        recorded = self._raw_signature
        return None if recorded is None else with_text_names(recorded)

    @property
    def _raw_signature(self) -> "ModelSignature | None":
        return self.recorded if self.recorded is not None else self.pyfunc.metadata.signature

    def with_own_names(self, inputs: Any) -> Any:
        """A frame with the column names that the model was logged with, where those are numbers; else as it is."""
        import pandas as pd

        names = own_names(self._raw_signature)
        if not names or not isinstance(inputs, pd.DataFrame):
            return inputs
        return inputs.set_axis([names.get(str(name), name) for name in inputs.columns], axis="columns")

    @property
    def inner(self) -> object:
        """The object that knows the model best: the native one, else the Python model's `.model`, else itself."""
        # `is None` throughout: an estimator has a length, an array has no truth.
        candidates = (self.native, getattr(self.python_model, "model", None), self.python_model)
        return next((candidate for candidate in candidates if candidate is not None), self.pyfunc)

    @property
    def predict_fn(self) -> str:
        """The method that `pyfunc.predict` calls: what the model was logged with as its ``pyfunc_predict_fn``."""
        flavors = getattr(getattr(self.pyfunc, "metadata", None), "flavors", None) or {}
        return str(flavors.get("python_function", {}).get("predict_fn", "predict"))

    def predict(self, inputs: Any, params: Mapping[str, Any] | None = None, method: PredictMethod = "predict") -> Any:
        """What the model says of `inputs` (a pandas DataFrame, an ndarray or what its signature takes), unaltered.

        `inputs` stay as they are, whatever the model does to the rows that it is given.

        Raises
        ------
        ConfigurationError
            `predict_proba` is asked of a model that has none.
        PredictionError
            The model failed; its own error is the cause.
        """
        import pandas as pd

        ask = self._method(method)
        given = self.with_own_names(inputs)
        rows = given
        if self.native is not None:
            # It looks into an estimator of any make.
            prepare = partial(to_native_input, given, self.native)
            rows = call_model(prepare, lambda error: self._failure(error, given))

        def call(rows: Any) -> Any:
            given = copy_rows(rows, self.native)
            if method != "predict":
                return ask(given)
            if asks_with_categories(given, self.native):
                return predict_with_categories(self.native, given, params or {})
            return self.pyfunc.predict(given, params=dict(params) if params else None)

        try:
            return call_model(lambda: call(rows), lambda error: self._failure(error, rows))
        except PredictionError as error:
            other = _in_another_form(rows, error.__cause__) if isinstance(rows, pd.DataFrame) else None
            if other is None:
                raise
            with suppress(MlopsAssetsError):
                return call_model(lambda: call(other), lambda error: self._failure(error, other))
            raise

    def answer(
        self,
        inputs: Any,
        params: Mapping[str, Any] | None = None,
        method: PredictMethod = "predict",
        outputs: "Schema | None" = None,
    ) -> "dict[str, pa.Array]":
        """What the model says of `inputs`, as named columns in the order of the rows: see `read_answer`.

        Parameters
        ----------
        outputs
            Names for what has none; None: those of the recorded signature.

        Raises
        ------
        ConfigurationError, PredictionError
            As `predict`; or the answer cannot be put beside its rows.
        """
        import pandas as pd

        raw = self.predict(inputs, params, method)
        classes = getattr(self.inner, "classes_", None) if method == "predict_proba" else None
        schema = outputs if outputs is not None else self.signature.outputs if self.signature is not None else None
        index = inputs.index if isinstance(inputs, pd.DataFrame | pd.Series) else None
        asked = self.predict_fn if method == "predict" else method
        names = declared_output_names(schema)

        def read() -> "dict[str, pa.Array]":
            return read_answer(raw, count_rows(inputs) or 0, names, method, classes, index, asked)

        return call_model(read, lambda error: self._unreadable(error, raw))

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

    def _unreadable(self, error: BaseException, answer: object) -> PredictionError:
        # The library's message may quote a value.
        kind = f"{type(answer).__module__.partition('.')[0]}.{type(answer).__name__}"
        return PredictionError(
            f"The model's answer, a {kind}, cannot be read {name_failure(error)} ({describe_place(error)})",
            where=self.reference.uri,
            fix=advise(error) or "Return a NumPy array, a pandas Series or DataFrame, or a list",
        )

    def _failure(self, error: BaseException, inputs: Any) -> MlopsAssetsError:
        return describe_failure(error, inputs, self.reference.uri, self.signature, self.inner)


def _in_another_form(rows: "pd.DataFrame", cause: BaseException | None) -> "pd.DataFrame | None":
    """The rows as a model takes them that failed on them with `cause`; None where they have no other form."""
    if isinstance(cause, KeyError) and all(str(name).isdecimal() for name in rows.columns):
        # It asks for columns by number, and has no signature that says so.
        return rows.set_axis([int(str(name)) for name in rows.columns], axis="columns")
    # Estimators inside a wrapper refuse objects and pandas' NA, and take NaN for what is missing.
    floats = optional_as_floats(rows) if isinstance(cause, Exception) else rows
    return None if floats is rows else floats


def declared_output_names(outputs: "Schema | None") -> Sequence[str]:
    """The names that a signature gives its outputs; empty where it gives none."""
    return [str(name) for name in outputs.input_names()] if outputs is not None and outputs.has_input_names() else []
