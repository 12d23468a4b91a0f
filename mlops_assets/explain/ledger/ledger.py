"""The ledger: one row per explained row and output, with key, base value, attributions, residual and provenance."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlops_assets.arrow.row_keys import rows_in_errors
from mlops_assets.errors import ConfigurationError, ExplanationError
from mlops_assets.explain.columns import (
    EXPLAINED_VALUE,
    OLD_EXPLAINED_VALUE,
    OUTPUT,
    SPACE,
    interaction_column,
    shap_column,
)
from mlops_assets.explain.explainers.explainer import Explainer, Explanation
from mlops_assets.explain.labels import to_labels, to_names
from mlops_assets.explain.ledger.selection import Selection
from mlops_assets.models.prediction_failure import advise, call_model, name_failure
from mlops_assets.models.reference import ModelReference

if TYPE_CHECKING:
    import pandas as pd

_VALUE_NAMES = frozenset({EXPLAINED_VALUE, OLD_EXPLAINED_VALUE})
_FILTERED = _VALUE_NAMES | {OUTPUT}
_VALUES = ((SPACE, pa.string()), (EXPLAINED_VALUE, pa.float64()), ("base_value", pa.float64()))
_TEXT = pa.string()
MODEL_DIGEST = "model_digest"
_AFTER = (("model_version", pa.int64()), (MODEL_DIGEST, pa.string()))


def ledger_schema(
    key_schema: pa.Schema,
    features: Sequence[str],
    *,
    output_type: pa.DataType = _TEXT,
    standard_error: bool = False,
    pairs: Sequence[tuple[str, str]] = (),
) -> pa.Schema:
    """The columns of a ledger.

    Row key columns (types unchanged), ``output`` (of the class labels' type), ``space``, ``explained_value`` on that
    scale, ``base_value``, ``residual``, ``standard_error`` for sampled explainers, ``shap_<input column>`` in the
    signature's order, ``interaction_<column>__<column>`` for each of `pairs` (half of the interaction, in SHAP's
    convention; no part of the sum), ``model_version``, ``model_digest``.
    No column but the key and ``standard_error`` is ever null.

    Raises
    ------
    ConfigurationError
        A row key column has the name of one of the others, or the columns of two pairs have the same name.
    """
    interactions = [interaction_column(*pair) for pair in pairs]
    if len(set(interactions)) < len(interactions):
        raise ConfigurationError(
            "Two pairs of input columns would have the same interaction column",
            where="explain.interactions",
            fix="Ask for fewer pairs, or avoid double underscores in the names of the model's columns",
        )
    columns = [
        (OUTPUT, output_type),
        *_VALUES,
        ("residual", pa.float64()),
        *([("standard_error", pa.float64())] if standard_error else []),
        *((shap_column(feature), pa.float64()) for feature in features),
        *((name, pa.float64()) for name in interactions),
        *_AFTER,
    ]
    conflicts = sorted(set(key_schema.names) & {name for name, _ in columns})
    if conflicts:
        raise ConfigurationError(
            f"The row key columns {conflicts} have names that the ledger uses itself",
            where="inputs.row_key",
            fix="Rename them, or use another row key",
        )
    keys = [pa.field(field.name, field.type, field.nullable) for field in key_schema]
    return pa.schema([*keys, *(pa.field(name, kind, name == "standard_error") for name, kind in columns)])


def schema_for(key_schema: pa.Schema, explainer: Explainer) -> pa.Schema:
    """The columns of the ledger that `explainer` makes; errors as of `ledger_schema`."""
    return ledger_schema(
        key_schema,
        explainer.features,
        output_type=explainer.output_type,
        standard_error=explainer.sampled,
        pairs=explainer.interaction_pairs,
    )


def explain_batches(
    batches: Iterable[pa.RecordBatch],
    explainer: Explainer,
    to_frame: "Callable[[pa.RecordBatch], pd.DataFrame]",
    row_key: Sequence[str],
    reference: ModelReference,
    selection: Selection | None = None,
) -> Iterator[pa.RecordBatch]:
    """Explain a stream of rows.

    Parameters
    ----------
    batches
        Input rows: the row key columns and the explainer's features.
    explainer
        From `choose_explainer`.
    to_frame
        A batch as the DataFrame that the model takes.
    row_key
        The key columns, carried unchanged.
    reference
        The pinned version, for provenance.
    selection
        Which rows; every row when None.

    Yields
    ------
    Batches of `ledger_schema`, in the inputs' order, the outputs of one row side by side. At most
    `explainer.rows_per_call` input rows are explained at once, so memory grows with neither rows nor batch size.

    Raises
    ------
    ConfigurationError
        The row filter names an unknown column.
    ExplanationError
        The explainer fails on a batch.
    """
    selection = selection if selection is not None else Selection()
    for batch in selection.select(batches, make_row_mask(selection, explainer, to_frame, row_key)):
        yield from explain_rows(batch, explainer, to_frame, row_key, reference, selection)


def explain_rows(
    rows: pa.RecordBatch,
    explainer: Explainer,
    to_frame: "Callable[[pa.RecordBatch], pd.DataFrame]",
    row_key: Sequence[str],
    reference: ModelReference,
    selection: Selection,
) -> Iterator[pa.RecordBatch]:
    """The ledger of rows that are chosen already; only the outputs that pass the selection's filter, and no rows
    without the label that it needs.

    Parameters, what is yielded and errors as for `explain_batches`.
    """
    if selection.label is not None:
        rows = rows.filter(_has_label(rows, selection.label))
    for start in range(0, rows.num_rows, explainer.rows_per_call):
        part = rows.slice(start, explainer.rows_per_call)
        with rows_in_errors(part, row_key):
            explanation = call_model(partial(explainer.explain, to_frame(part)), partial(failure_of, explainer, part))
            _require_shapes(explanation, explainer, part.num_rows)
        ledger = _ledger(part, explanation, explainer, row_key, reference)
        if selection.row_filter is not None:
            ledger = ledger.filter(selection.row_filter.mask(filter_columns(part, ledger, explainer, row_key)))
        if ledger.num_rows:
            yield ledger


def failure_of(explainer: Explainer, rows: pa.RecordBatch, error: BaseException) -> ExplanationError:
    """That an explainer failed on these rows, and what to do."""
    is_last = explainer.KIND == "PermutationExplainer"
    other = "" if is_last else "; `explain: {KIND: PermutationExplainer}` needs nothing but predictions"
    return ExplanationError(
        f"{explainer.KIND} failed to explain {rows.num_rows} rows {name_failure(error)}",
        where="sample_explanations",
        fix=advise(error) or "Read the library's own message, the cause in the event log" + other,
    )


def _require_shapes(explanation: Explanation, explainer: Explainer, rows: int) -> None:
    """An explainer may be anybody's."""
    features, outputs = len(explainer.features), len(explainer.outputs)
    expected = {"values": (rows, features, outputs), "base": (rows, outputs), "prediction": (rows, outputs)}
    for name, shape in expected.items():
        found = np.shape(getattr(explanation, name))
        if found != shape:
            raise ExplanationError(
                f"{explainer.KIND} gives {name} of the shape {found} for {rows} rows, {features} features and "
                f"{outputs} outputs",
                where="sample_explanations",
                fix=f"Return {name} of the shape {shape} from explain(), or name other features or outputs",
            )


def _ledger(
    rows: pa.RecordBatch,
    explanation: Explanation,
    explainer: Explainer,
    row_key: Sequence[str],
    reference: ModelReference,
) -> pa.RecordBatch:
    count = rows.num_rows * len(explainer.outputs)
    key_schema = pa.schema([rows.schema.field(name) for name in row_key])
    pairs = explainer.interaction_pairs
    schema = schema_for(key_schema, explainer)
    columns = columns_of_rows(rows, explainer, row_key)
    columns += [pa.array(part.ravel()) for part in (explanation.prediction, explanation.base, explanation.residual)]
    if explainer.sampled:
        error = explanation.error
        columns.append(pa.nulls(count, pa.float64()) if error is None else pa.array(error.ravel(), from_pandas=True))
    # (features, rows x outputs), each feature's run contiguous.
    by_feature = np.ascontiguousarray(explanation.values.transpose(1, 0, 2)).reshape(len(explainer.features), count)
    columns += [pa.array(run) for run in by_feature]
    if pairs:
        if explanation.interactions is None:
            raise ExplanationError(f"{explainer.KIND} has interaction pairs and gives no values for them")
        by_pair = np.ascontiguousarray(explanation.interactions.transpose(1, 0, 2)).reshape(len(pairs), count)
        columns += [pa.array(run) for run in by_pair]
    columns += columns_of_model(reference, count)
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def columns_of_rows(rows: pa.RecordBatch, explainer: Explainer, row_key: Sequence[str]) -> list[pa.Array]:
    """What a ledger begins with: the key of each row, once per output, then `output` and `space`."""
    outputs = len(explainer.outputs)
    repeated = pa.array(np.repeat(np.arange(rows.num_rows), outputs))
    labels = to_labels(pa.array(explainer.outputs, pa.string()), explainer.output_type)
    return [
        *(rows.column(name).take(repeated) for name in row_key),
        labels.take(pa.array(np.tile(np.arange(outputs), rows.num_rows))),
        pa.repeat(pa.scalar(explainer.space, pa.string()), rows.num_rows * outputs),
    ]


def columns_of_model(reference: ModelReference, count: int) -> list[pa.Array]:
    """What a ledger ends with: the version and the digest."""
    return [
        pa.repeat(pa.scalar(reference.version, pa.int64()), count),
        pa.repeat(pa.scalar(reference.digest, pa.string()), count),
    ]


def make_row_mask(
    selection: Selection,
    explainer: Explainer,
    to_frame: "Callable[[pa.RecordBatch], pd.DataFrame]",
    row_key: Sequence[str],
) -> Callable[[pa.RecordBatch], pa.BooleanArray] | None:
    """A function from input rows to whether they have a label and one of their outputs passes the filter, without
    explaining them; None: there is no filter.
    """
    of_outputs, label = _output_mask(selection, explainer, to_frame, row_key), selection.label
    if label is None:
        return of_outputs

    def mask_rows(batch: pa.RecordBatch) -> pa.BooleanArray:
        labelled = _has_label(batch, label)
        if of_outputs is None or not batch.num_rows:
            return labelled
        # Of a row without a label there is no loss that a filter could look at.
        return pc.replace_with_mask(labelled, labelled, of_outputs(batch.filter(labelled)))

    return mask_rows


def _has_label(rows: pa.RecordBatch, label: str) -> pa.BooleanArray:
    if label not in rows.schema.names:
        raise ExplanationError(
            f"The table has no column {label!r}", where="label", fix="Name a column of the table that is explained"
        )
    return pc.invert(pc.is_null(rows.column(label), nan_is_null=True))


def _output_mask(
    selection: Selection,
    explainer: Explainer,
    to_frame: "Callable[[pa.RecordBatch], pd.DataFrame]",
    row_key: Sequence[str],
) -> Callable[[pa.RecordBatch], pa.BooleanArray] | None:
    row_filter = selection.row_filter
    if row_filter is None:
        return None
    ambiguous = sorted(_FILTERED & row_filter.columns & {*explainer.features, *row_key})
    if ambiguous:
        raise ConfigurationError(
            f"The row filter's {ambiguous} could be the ledger's or the table's own",
            where="explain.where",
            fix=f"Write `{EXPLAINED_VALUE}` for the explained value, or filter by another column",
        )
    row_filter.check_columns(frozenset({*_FILTERED, *explainer.features, *row_key}))

    def mask_rows(batch: pa.RecordBatch) -> pa.BooleanArray:
        if batch.num_rows == 0:
            return pa.array([], pa.bool_())
        predicted = None
        if row_filter.columns & _VALUE_NAMES:
            parts = []
            for start in range(0, batch.num_rows, explainer.rows_per_call):
                part = batch.slice(start, explainer.rows_per_call)
                with rows_in_errors(part, row_key):
                    parts.append(
                        call_model(partial(explainer.predict, to_frame(part)), partial(failure_of, explainer, part))
                    )
            predicted = np.concatenate(parts)
        any_passes = None
        for place, output in enumerate(explainer.outputs):
            columns = {name: batch.column(name) for name in row_filter.columns - _FILTERED}
            if predicted is not None:
                columns |= dict.fromkeys(_VALUE_NAMES, pa.array(predicted[:, place]))
            columns[OUTPUT] = pa.repeat(pa.scalar(output), batch.num_rows)
            mask = row_filter.mask(columns)
            any_passes = mask if any_passes is None else pc.or_(any_passes, mask)
        return any_passes

    return mask_rows


def filter_columns(
    rows: pa.RecordBatch, ledger: pa.RecordBatch, explainer: Explainer, row_key: Sequence[str]
) -> dict[str, pa.Array]:
    """What a row filter may name, for each row of the ledger; of that, `output` and `explained_value` are read."""
    repeated = pa.array(np.repeat(np.arange(rows.num_rows), len(explainer.outputs)))
    columns = {name: rows.column(name).take(repeated) for name in (*row_key, *explainer.features)}
    values = dict.fromkeys(_VALUE_NAMES, ledger.column(EXPLAINED_VALUE))
    return {**columns, **values, OUTPUT: to_names(ledger.column(OUTPUT))}
