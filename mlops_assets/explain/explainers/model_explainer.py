"""Models that explain themselves: they take precedence, and their answers are checked like every other explanation."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

import numpy as np

from mlops_assets.errors import ExplanationError, NotApplicableError
from mlops_assets.explain.columns import shap_column
from mlops_assets.explain.explainers.explainer import Explainer, Explanation, ExplanationSubject
from mlops_assets.explain.explainers.inner_models import read_transformed_columns
from mlops_assets.explain.explainers.model_importance import find_self_explaining_model
from mlops_assets.explain.explainers.own_answers import read_own_answer, split_base
from mlops_assets.explain.explainers.sampling import frame_digest
from mlops_assets.explain.spaces import from_probability
from mlops_assets.models.prediction_failure import advise, call_model
from mlops_assets.trees.arrays import Floats, Space

if TYPE_CHECKING:
    import pandas as pd


_ADDITIVE = 1e-4
_FIRST_LABEL = 1_000_003


class ModelExplainer(Explainer):
    """The attributions that a model's own ``explain_samples(inputs)`` returns.

    The Python model is asked first, then its ``.model``. The answer is one of

    * a DataFrame with a column per input (or ``shap_<input>``), and optionally ``base_value``; its index is that of the
      inputs, in any order. Where the index was lost, rows are matched by position if there are as many, and only if
      base and attributions then give the predictions;
    * an array (n, features), or (n, features, outputs);
    * an object with ``values`` and ``base_values``, such as ``shap.Explanation``.

    Where the model keeps a scikit-learn pipeline (see `find_inner_models`), the columns may also be those of its
    preprocessing, by their names (with or without a step's prefix) or their number; they are rolled up to the inputs.

    The base is ``base_value``, ``base_values`` or the model's ``explain_base`` (a number, one per output, or a
    function of the inputs). Where the model names none it is the median over the background of prediction minus
    attributions: a constant if they are additive; if not, the residuals show it.
    ``explain_space`` names the scale, by default that of the model's predictions.
    """

    KIND: ClassVar[Literal["ModelExplainer"]] = "ModelExplainer"

    def __init__(self, subject: ExplanationSubject) -> None:
        self._model = find_self_explaining_model(subject)
        if self._model is None or not callable(getattr(self._model, "explain_samples", None)):
            raise NotApplicableError("it has no explain_samples(inputs) of its own")
        self.features, self.outputs = subject.features, subject.response.outputs
        self._response = subject.response
        space = getattr(self._model, "explain_space", subject.response.space)
        if space not in get_args(Space):
            raise ExplanationError(
                f"The model's explain_space is {space!r}", where=self._where, fix=f"Use one of {list(get_args(Space))}"
            )
        self.space = space
        self.reason = f"{type(self._model).__name__} brings its own explain_samples(inputs)"
        self.may_be_passed_over = subject.config.KIND is None
        self._median: Floats | None = None
        self._transformed, self._why_not = read_transformed_columns(subject, self._model)
        values, base = self._ask(subject.background)
        if base is None:
            self.background, self.background_digest = subject.background, frame_digest(subject.background)
            self._median = np.median(self._predict(subject.background) - values.sum(axis=1), axis=0)

    def predict(self, inputs: "pd.DataFrame") -> Floats:
        if not len(inputs):
            return np.zeros((0, len(self.outputs)))
        # A softmax margin is what the probabilities say of it only up to the constant that the attributions have.
        return self.explain(inputs).prediction if self._is_relative else self._predict(self.columns(inputs))

    def explain(self, inputs: "pd.DataFrame") -> Explanation:
        rows = self.columns(inputs)
        if len(rows) == 0:
            return Explanation.empty(len(self.features), len(self.outputs))
        values, base = self._ask(rows)
        if base is None:
            if self._median is None:
                raise ExplanationError("The model's explain_samples() gave a base value once and then no more")
            base = np.broadcast_to(self._median, (len(rows), len(self.outputs))).copy()
        predicted = self._predict(rows)
        if self._is_relative:
            additive = base + values.sum(axis=1)
            predicted = predicted + (additive - predicted).mean(axis=1, keepdims=True)
        return Explanation(values, base, predicted)

    @property
    def _is_relative(self) -> bool:
        return self.space == "softmax margin" and self._response.space == "probability"

    @property
    def _where(self) -> str:
        return f"{type(self._model).__name__}.explain_samples"

    def _predict(self, rows: "pd.DataFrame") -> Floats:
        predicted = self._response.of(rows)
        if self.space == self._response.space:
            return predicted
        if self.space == "log":
            return np.log(predicted)
        if self.space in ("log-odds", "softmax margin") and self._response.space == "probability":
            return from_probability(predicted, self.space)
        raise ExplanationError(
            f"The model explains itself as {self.space}, but predicts as {self._response.space}", where=self._where
        )

    def _ask(self, rows: "pd.DataFrame") -> tuple[Floats, Floats | None]:
        """Attributions (n, features, outputs) and base (n, outputs) or None, checked."""
        # Numbered otherwise than from 0, so that an index that is lost does not look like the inputs'.
        rows = rows.set_axis(range(_FIRST_LABEL, _FIRST_LABEL + len(rows)))
        answer, base = call_model(
            lambda: read_own_answer(self._model.explain_samples(rows.copy()), len(rows), self.outputs), self._failure
        )
        frames = answer if isinstance(answer, list) else []
        index_lost = any(not _has_index_of(frame, rows) for frame in frames)
        if frames:
            parts = [self._aligned(frame, rows) for frame in frames]
            values = np.concatenate([part for part, _ in parts], axis=2)
            if all(given is not None for _, given in parts):
                base = np.column_stack([given for _, given in parts])
            values = self._shaped(values, len(rows), rolled=True)
        else:
            values = self._shaped(answer, len(rows))
        if base is None:
            base = self._own_base(rows)
        numbers = None if base is None else self._base(base, len(rows))
        if index_lost:
            self._check_positions(values, numbers, rows)
        return values, numbers

    def _own_base(self, rows: "pd.DataFrame") -> Any:
        def ask() -> Any:
            base = getattr(self._model, "explain_base", None)
            return np.reshape(base(rows.copy()), (len(rows), -1)) if callable(base) else base

        return call_model(ask, partial(self._failure, name="explain_base"))

    def _failure(self, error: BaseException, name: str = "explain_samples") -> ExplanationError:
        # The error's own message may hold values of the data.
        called = f"{name}()" if name == "explain_samples" else name
        ended = "ended the process" if isinstance(error, SystemExit) else f"raised {type(error).__name__}"
        return ExplanationError(
            f"{called} {ended}", where=self._where, fix=advise(error) or "Correct the model's method"
        )

    def _check_positions(self, values: Floats, base: Floats | None, rows: "pd.DataFrame") -> None:
        """Rows without their index are taken by position only where the sums then are the predictions."""
        unexplained = self._predict(rows) - values.sum(axis=1)
        expected = base if base is not None else self._median
        if expected is None:
            expected = np.median(unexplained, axis=0)
        scale = max(float(np.abs(self._predict(rows)).max(initial=0.0)), np.finfo(np.float64).tiny)
        gap = float(np.abs(unexplained - expected).max(initial=0.0)) / scale
        if not gap <= _ADDITIVE:
            raise ExplanationError(
                "The attributions' index is not the inputs' index, and by position they miss the predictions by"
                f" {gap:.2g} of their size",
                where=self._where,
                fix="Return a DataFrame with index=inputs.index",
            )

    def _aligned(self, answer: "pd.DataFrame", rows: "pd.DataFrame") -> tuple[Floats, Any]:
        """(n, features, 1) of the columns of one output, in the rows' order; and the base among them."""
        if _has_index_of(answer, rows):
            answer = answer.loc[rows.index] if not answer.index.equals(rows.index) else answer
        elif len(answer) != len(rows):
            raise ExplanationError(
                "The attributions' index is not the inputs' index, and there are"
                f" {len(answer)} of them for {len(rows)} rows",
                where=self._where,
                fix="Return a DataFrame with index=inputs.index",
            )
        names = list(self.features)
        prefixed = [shap_column(name) for name in names]
        known = [{*names}, {*prefixed}, *(set(answer.columns) & columns.known for columns in self._transformed)]
        base, answer = split_base(answer, set().union(*known))
        if set(answer.columns) != set(names):
            for columns in self._transformed:
                places = columns.places(list(answer.columns))
                if places is not None and len(places) == len(columns.design.sources):
                    in_order = answer.iloc[:, np.argsort(places)].to_numpy()
                    return columns.design.roll_up(self._numbers(in_order, columns.names)[:, :, None]), base
        if set(prefixed) & set(answer.columns):
            names = prefixed
        missing = [name for name in names if name not in answer.columns]
        wanted = set(names)
        unknown = [str(name) for name in answer.columns if name not in wanted]
        twice = [str(name) for name in answer.columns[answer.columns.duplicated()]]
        if missing or unknown or twice:
            wrong = [f"have several columns called {', '.join(dict.fromkeys(twice))}"] * bool(twice)
            if missing or unknown:
                wrong.append(f"lack the columns {missing[:20]} and have the unknown columns {unknown[:20]}")
            raise ExplanationError(
                f"The attributions {' and '.join(wrong)}" + (f"; {self._why_not}" if self._why_not and unknown else ""),
                where=self._where,
                fix="Return one column per input column, and optionally base_value",
            )
        return self._numbers(answer[names].to_numpy(), self.features)[:, :, None], base

    def _shaped(self, answer: Any, rows: int, *, rolled: bool = False) -> Floats:
        """(n, features, outputs); an array of transformed columns is rolled up unless that is done."""
        values = self._numbers(np.asarray(answer), ())
        if values.ndim == 2:
            values = values[:, :, None]
        if values.ndim == 3 and len(self.outputs) == 1 and values.shape[2] == 2:
            values = values[:, :, 1:]  # both classes of a binary model: the positive one is explained
        expected = (rows, len(self.features), len(self.outputs))
        if values.shape != expected and not rolled:
            for columns in self._transformed:
                if values.shape == (rows, len(columns.design.sources), len(self.outputs)):
                    values = columns.design.roll_up(values)
                    break
        if values.shape != expected:
            raise ExplanationError(
                f"The attributions have the shape {values.shape}, not (rows, features, outputs) = {expected}",
                where=self._where,
                fix="Return one attribution per row, input column and output",
            )
        self._numbers(values, self.features)
        return values

    def _numbers(self, values: np.ndarray[Any, Any], names: Sequence[str]) -> Floats:
        """As float64; checked to be finite where the columns (the second axis) have names."""
        if values.dtype == object and all(isinstance(value, int | float | np.number) for value in values.flat):
            values = values.astype(np.float64)
        if values.dtype.kind not in "biuf":
            kinds = {type(value).__name__ for value in values.ravel().tolist()}
            raise ExplanationError(
                f"explain_samples() returned a single {', '.join(kinds)}"
                if values.ndim == 0
                else f"The attributions hold {' and '.join(sorted(kinds))}, not numbers alone",
                where=self._where,
                fix="Return one number per row and input column",
            )
        values = values.astype(np.float64)
        if names and not np.isfinite(values).all():
            bad = sorted({names[place] for place in np.nonzero(~np.isfinite(values))[1].tolist()})
            raise ExplanationError(f"The attributions of {bad[:20]} are not finite", where=self._where)
        return values

    def _base(self, base: Any, rows: int) -> Floats:
        """(rows, outputs) of a number, one per output, or all of them; a binary model may give both classes."""
        try:
            numbers = np.asarray(base, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise ExplanationError("The base value is not a number", where=self._where) from error
        if numbers.shape == (rows,) and len(self.outputs) == 1:
            numbers = numbers[:, None]
        if numbers.ndim and numbers.shape[-1] == 2 and len(self.outputs) == 1:
            numbers = numbers[..., 1:]
        try:
            numbers = np.broadcast_to(numbers, (rows, len(self.outputs))).copy()
        except ValueError as error:
            raise ExplanationError(f"The base has the shape {numbers.shape}", where=self._where) from error
        if not np.isfinite(numbers).all():
            raise ExplanationError("The base value is not finite", where=self._where)
        return numbers


def _has_index_of(answer: "pd.DataFrame", rows: "pd.DataFrame") -> bool:
    """Whether the answer's index names the rows, in any order."""
    if answer.index.equals(rows.index):
        return True
    return bool(answer.index.is_unique and len(answer) == len(rows) and rows.index.isin(answer.index).all())
