"""From a pinned version, its signature and rows to an explainer: the first step of each explanation."""

from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import pyarrow as pa

from mlops_assets.arrow.row_keys import rows_in_errors
from mlops_assets.errors import ExplanationError
from mlops_assets.explain.explainers.explainer import ExplainConfig, Explainer
from mlops_assets.explain.explainers.sampling import Reservoir
from mlops_assets.models.loaded_model import LoadedModel, PredictMethod

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.types import Schema

# Explainers take a seeded sample of `background_rows` from the pool; a larger pool costs only a pass over the rows.
_POOL = 10


@dataclass(frozen=True)
class PreparedExplainer:
    """An explainer and the way from a batch of conformed rows to what it takes."""

    explainer: Explainer
    inputs: "Schema | None"
    row_key: tuple[str, ...]
    label: str | None = field(default=None, kw_only=True)

    def to_frame(self, batch: pa.RecordBatch | pa.Table) -> "pd.DataFrame":
        """A batch as the frame that is explained: one column per input column of the signature, and the label."""
        if self.label is None or self.label not in batch.schema.names:
            return _frame(batch, self.inputs, self.row_key)
        frame = _frame(batch, self.inputs, (*self.row_key, self.label))
        labels = batch.column(self.label).to_pandas(integer_object_nulls=True)
        return frame.assign(**{self.label: labels.to_numpy()})


def draw_background_pool(batches: Iterable[pa.RecordBatch], config: ExplainConfig) -> pa.Table:
    """A seeded sample of the conformed rows, from which an explainer takes its background.

    Raises
    ------
    ExplanationError
        There is no row.
    """
    pool = Reservoir(pool_rows(config), config.seed)
    for batch in batches:
        pool.add(batch)
    return rows_of_pool(pool)


def pool_rows(config: ExplainConfig) -> int:
    """How many rows `draw_background_pool` draws at most."""
    return config.background_rows * _POOL


def rows_of_pool(pool: Reservoir) -> pa.Table:
    """What was drawn; errors as of `draw_background_pool`."""
    if pool.rows is None:
        raise ExplanationError(
            "There are no rows to explain", where="input_samples", fix="Give a table from which rows are accepted"
        )
    return pool.rows


def prepare_explainer(
    model: LoadedModel,
    inputs: "Schema | None",
    row_key: Iterable[str],
    background: pa.Table,
    config: ExplainConfig,
    own_failure: str = "",
) -> PreparedExplainer:
    """Choose the explainer for a pinned version.

    Parameters
    ----------
    inputs
        The signature's inputs, to which the rows conform.
    background
        Conformed rows: of `draw_background_pool`, or those stored beside a ledger.
    own_failure
        See `choose_explainer`.

    Raises
    ------
    ConfigurationError, ExplanationError
        See `choose_explainer`.
    """
    from mlops_assets.explain.explainers.choose import background_positions, choose_explainer

    key = tuple(row_key)
    frame = _frame(background, inputs, key if config.label is None else (*key, config.label))
    if inputs is not None and inputs.is_tensor_spec():
        native = model.native if _is_matrix(inputs, frame) else None
        model = _TensorModel(model.reference, model.pyfunc, native, model.python_model, model.signature, inputs=inputs)
    # A background of its own has another key, or none.
    names_rows = set(key) <= set(background.column_names)
    positions = background_positions(len(frame), config).tolist()
    with rows_in_errors(background, key, positions=positions) if names_rows else nullcontext():
        explainer = choose_explainer(model, list(frame.columns), frame, config, own_failure)
    return PreparedExplainer(explainer, inputs, key, label=config.label)


def prepare_for_rows(
    model: LoadedModel, inputs: "Schema | None", row_key: Iterable[str], rows: pa.Table, config: ExplainConfig
) -> PreparedExplainer:
    """As `prepare_explainer` with `rows` as the background, for few rows: an explainer that explains all of them.

    A model's own ``explain_samples`` that fails on some of them is passed over for all.
    """
    prepared = prepare_explainer(model, inputs, row_key, rows, config)
    try:
        if prepared.explainer.may_be_passed_over:
            prepared.explainer.explain(prepared.to_frame(rows))
    except ExplanationError as error:
        return prepare_explainer(model, inputs, row_key, rows, config, error.what)
    return prepared


def _frame(rows: pa.RecordBatch | pa.Table, inputs: "Schema | None", row_key: tuple[str, ...]) -> "pd.DataFrame":
    from mlops_assets.signatures.mlflow.model_input import to_model_input

    if inputs is not None and inputs.is_tensor_spec():
        features = [name for name in rows.schema.names if name not in row_key]
        return cast("pd.DataFrame", rows.select(features).to_pandas())
    return cast("pd.DataFrame", to_model_input(rows, inputs, row_key))


def _is_matrix(inputs: "Schema", frame: "pd.DataFrame") -> bool:
    """Whether the one tensor is a matrix, of which each input column is one column of numbers."""
    (spec, *others) = inputs.inputs
    if others or inputs.has_input_names() or len(getattr(spec, "shape", ())) != 2:
        return False
    return all(dtype.kind in "biuf" for dtype in frame.dtypes)


@dataclass(frozen=True)
class _TensorModel(LoadedModel):
    """A tensor model that takes the frame of its input columns, so that columns can be attributed to."""

    inputs: Any = None

    def predict(self, inputs: Any, params: Any = None, method: PredictMethod = "predict") -> Any:
        from mlops_assets.signatures.contract.arrow_types import arrow_schema
        from mlops_assets.signatures.mlflow.model_input import to_model_input

        if not hasattr(inputs, "columns"):  # a matrix already
            return super().predict(inputs, params, method)
        named = self.inputs.has_input_names()
        schema = pa.schema([arrow_schema(self.inputs).field(name) for name in inputs.columns]) if named else None
        batch = pa.RecordBatch.from_pandas(inputs, schema=schema, preserve_index=False)
        return super().predict(to_model_input(batch, self.inputs, ()), params, method)
