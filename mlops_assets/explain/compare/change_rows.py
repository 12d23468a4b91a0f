"""The difference of two versions on the same rows, taken apart by input column, exactly."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest

import numpy as np
import pyarrow as pa

from mlops_assets.arrow.batching import fixed_batches
from mlops_assets.arrow.python_values import comparable_keys
from mlops_assets.errors import ExplanationError
from mlops_assets.explain.columns import EXPLAINED_VALUE, OUTPUT, SPACE, shap_column
from mlops_assets.explain.compare.comparison import (
    BASE_CHANGE,
    CHANGED,
    DIFFERENCE,
    DOWN,
    OF_VERSIONS,
    PREDICTION_AFTER,
    PREDICTION_BEFORE,
    PREDICTION_CHANGE,
    RESIDUAL_CHANGE,
    STANDARD_ERROR,
    SWAP,
    UP,
    VALUE_AFTER,
    VALUE_BEFORE,
    Comparison,
    change_column,
)
from mlops_assets.explain.decisions import ABSOLUTE, RELATIVE
from mlops_assets.explain.labels import to_labels
from mlops_assets.explain.ledger.provenance import LedgerProvenance
from mlops_assets.explain.ledger.stored import in_todays_columns
from mlops_assets.explain.spaces import to_response_scale
from mlops_assets.trees.arrays import Floats

_ROWS, _CELLS = 8_192, 2_000_000
_BASE, _RESIDUAL = "base_value", "residual"


def change_batches(
    comparison: Comparison, scored: Iterable[pa.RecordBatch], other: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """The changes of all rows, in batches of `Comparison.schema`.

    Of each row and output, the changes of base value, attributions and residual add up to the difference of the
    explained values, up to the rounding of the sum; a version has an attribution of zero of a column that it does not
    use.

    Parameters
    ----------
    scored, other
        Ledgers of the same rows in the same order, each with all outputs of its version.

    Raises
    ------
    ExplanationError
        They are of other rows, or lack outputs of a row.
    """
    names = comparison.of_scored.origin.outputs, comparison.other.origin.outputs
    most = max(1, min(_ROWS, _CELLS // (len(comparison.features) * max(map(len, names)))))
    left = fixed_batches(map(in_todays_columns, scored), most * len(names[0]))
    right = fixed_batches(map(in_todays_columns, other), most * len(names[1]))
    for one, two in zip_longest(left, right):
        blocks = _require_same_rows(comparison, one, two)
        yield _changes_of(comparison, *blocks)


def ledger_columns(comparison: Comparison, names: Sequence[str]) -> list[str]:
    """What `change_batches` reads of a ledger with these columns."""
    read = {*comparison.key.names, OUTPUT, EXPLAINED_VALUE, _BASE, _RESIDUAL, STANDARD_ERROR}
    read |= {shap_column(name) for name in comparison.features}
    return [name for name in names if name in read]


def _changes_of(comparison: Comparison, scored: pa.RecordBatch, other: pa.RecordBatch) -> pa.RecordBatch:
    mine = _Values(scored, comparison.of_scored.origin, comparison.outputs)
    its = _Values(other, comparison.other.origin, comparison.outputs)
    before, after = (mine, its) if comparison.scored == "before" else (its, mine)
    rows, outputs = mine.explained.shape
    schema, count = comparison.schema, rows * outputs
    change = after.prediction - before.prediction
    numbers = {
        PREDICTION_BEFORE: before.prediction,
        PREDICTION_AFTER: after.prediction,
        PREDICTION_CHANGE: change,
        VALUE_BEFORE: before.explained,
        VALUE_AFTER: after.explained,
        DIFFERENCE: after.explained - before.explained,
        BASE_CHANGE: after.column(_BASE) - before.column(_BASE),
        RESIDUAL_CHANGE: after.column(_RESIDUAL) - before.column(_RESIDUAL),
    }
    columns: dict[str, pa.Array] = {name: pa.array(values.ravel()) for name, values in numbers.items()}
    for feature in comparison.features:
        part = after.attribution(feature) - before.attribution(feature)
        columns[change_column(feature)] = pa.array(part.ravel())
    labels = to_labels(pa.array(comparison.outputs, pa.string()), comparison.of_scored.origin.output_type)
    columns[OUTPUT] = labels.take(pa.array(np.tile(np.arange(outputs), rows)))
    columns[SPACE] = pa.repeat(pa.scalar(comparison.before.origin.space, pa.string()), count)
    columns[CHANGED] = pa.array(_has_changed(change, before.prediction, comparison.rules.tolerance).ravel())
    columns[SWAP] = _swaps(before.prediction, after.prediction, comparison.thresholds)
    columns[STANDARD_ERROR] = _combine_errors(before.error, after.error, count)
    versions = (comparison.before, comparison.after)
    of_versions = (*(each.version for each in versions), *(each.digest for each in versions))
    for name, value in zip(OF_VERSIONS, of_versions, strict=True):
        columns[name] = pa.repeat(pa.scalar(value, schema.field(name).type), count)
    first = pa.array(np.repeat(np.arange(rows) * len(comparison.of_scored.origin.outputs), outputs))
    for kept in comparison.key:
        column = scored.column(kept.name).take(first)
        columns[kept.name] = column if column.type == kept.type else column.cast(kept.type)
    return pa.RecordBatch.from_arrays([columns[name] for name in schema.names], schema=schema)


class _Values:
    """The numbers of one version's block, each (rows, shared outputs)."""

    def __init__(self, block: pa.RecordBatch, origin: LedgerProvenance, outputs: Sequence[str]) -> None:
        self._block, self._outputs = block, len(origin.outputs)
        self._features = frozenset(origin.features)
        self._places = [origin.outputs.index(name) for name in outputs]
        whole = self._matrix(EXPLAINED_VALUE)
        self.explained = whole[:, self._places]
        # A softmax is one over all outputs of the model.
        self.prediction = to_response_scale(whole, origin.space)[:, self._places]

    def column(self, name: str) -> Floats:
        return self._matrix(name)[:, self._places]

    def attribution(self, feature: str) -> Floats:
        """Zero of a column that the version does not use."""
        return self.column(shap_column(feature)) if feature in self._features else np.zeros_like(self.explained)

    @property
    def error(self) -> Floats | None:
        return self.column(STANDARD_ERROR) if STANDARD_ERROR in self._block.schema.names else None

    def _matrix(self, name: str) -> Floats:
        values = self._block.column(name).to_numpy(zero_copy_only=False)
        return np.asarray(values, dtype=np.float64).reshape(-1, self._outputs)


def _has_changed(change: Floats, before: Floats, tolerance: float | None) -> np.ndarray:
    allowed = ABSOLUTE + RELATIVE * np.abs(before) if tolerance is None else tolerance
    # What is no number has changed.
    return np.asarray(~(np.abs(change) <= allowed))


def _swaps(before: Floats, after: Floats, thresholds: tuple[float, float] | None) -> pa.Array:
    if thresholds is None:
        return pa.nulls(before.size, pa.string())
    was, is_now = ((values >= at).ravel() for values, at in zip((before, after), thresholds, strict=True))
    return pa.array([UP, DOWN], pa.string()).take(pa.array(np.where(is_now, 0, 1), mask=was == is_now))


def _combine_errors(before: Floats | None, after: Floats | None, count: int) -> pa.Array:
    """Of the difference of two independent estimates; null where neither is one."""
    errors = [error for error in (before, after) if error is not None]
    if not errors:
        return pa.nulls(count, pa.float64())
    return pa.array(np.sqrt(sum(np.square(error) for error in errors)).ravel(), from_pandas=True)


def _require_same_rows(
    comparison: Comparison, scored: pa.RecordBatch | None, other: pa.RecordBatch | None
) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    mine, its = comparison.of_scored.origin.outputs, comparison.other.origin.outputs
    if scored is not None:
        rows = scored.num_rows // len(mine)
        expected = pa.array(mine, pa.string()).take(pa.array(np.tile(np.arange(len(mine)), rows)))
        if not scored.column(OUTPUT).equals(expected):
            raise ExplanationError(
                "The ledger lacks some of a row's outputs, which the filter has left out",
                where="changes",
                fix="Take `output` and `explained_value` out of explain.where, or leave explain.changes out",
            )
        if other is not None and rows * len(its) == other.num_rows:
            key = comparison.key.names
            one, two = (
                block.select(key).take(pa.array(np.arange(0, block.num_rows, len(names))))
                for block, names in ((scored, mine), (other, its))
            )
            same = all(left.equals(right) for left, right in zip(one.columns, two.columns, strict=True))
            # Arrow calls no NaN equal to another one, and no columns of two types.
            if same or comparable_keys(one, key) == comparable_keys(two, key):
                return scored, other
    raise ExplanationError(
        f"The explanations of versions {comparison.before.version} and {comparison.after.version} are of other rows",
        where="changes",
        fix="Materialize input_samples, sample_explanations and changes together",
    )
