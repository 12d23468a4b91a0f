"""Whether an explained prediction is the one that was published, across the spaces in which models add up."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from mlops_assets.arrow.batching import fixed_batches
from mlops_assets.explain.columns import EXPLAINED_VALUE
from mlops_assets.explain.spaces import to_response_scale
from mlops_assets.trees.arrays import Floats, Space

COMPARED_ROWS = 16_384

# Single precision: boosters compute in it, and so do the libraries' own conversions of margins to probabilities.
RELATIVE, ABSOLUTE = 1e-5, 1e-6


@dataclass(frozen=True)
class StoredAgreement:
    """The result of a comparison.

    Attributes
    ----------
    comparable
        False when the published columns cannot be computed from the explained ones; `how` says why.
    how
        What was compared with what.
    rows, different
        Rows compared, and rows that differ beyond single precision.
    largest_difference
        Largest absolute difference of the numbers compared; for labels, the share of different ones.
    """

    comparable: bool
    how: str
    rows: int = 0
    different: int = 0
    largest_difference: float = 0.0


def compare_with_stored(
    ledger: Iterable[pa.RecordBatch],
    predictions: Iterable[pa.RecordBatch],
    outputs: Sequence[str],
    space: Space,
    columns: Sequence[str],
) -> StoredAgreement:
    """Compare the ledger's `explained_value` with the published output `columns`, row by row, in bounded memory.

    Numbers are brought to the scale of the published ones (exponential, sigmoid, softmax); published labels are
    compared with the label that the explained scores imply. A label whose scores are tied within rounding counts as
    equal.

    Parameters
    ----------
    ledger
        One row per (key, output), row-major; covers the first rows of `predictions`.
    outputs, space
        The explainer's.
    columns
        The output columns of `predictions`.
    """
    if space in ("identity", "log") and set(outputs) <= set(columns):
        columns = outputs  # a column that was chosen to be explained, beside others
    rows = different = 0
    largest = 0.0
    how = "nothing"
    blocks = fixed_batches((batch.select([EXPLAINED_VALUE]) for batch in ledger), COMPARED_ROWS * len(outputs))
    published = fixed_batches((batch.select(list(columns)) for batch in predictions), COMPARED_ROWS)
    for block, batch in _together(blocks, published):
        explained = block.column(0).to_numpy(zero_copy_only=False).reshape(-1, len(outputs))
        part = batch.slice(0, len(explained))
        compared = _compare(explained[: part.num_rows], part, outputs, space)
        if compared is None and space == "margin" and _are_scores(part, outputs):
            return StoredAgreement(
                False,
                f"the margin of {', '.join(outputs)} has no formula back to {', '.join(columns)}; it was compared with "
                "the library's own margin when the explainer was chosen",
            )
        if compared is None:
            return StoredAgreement(False, f"{space} of {', '.join(outputs)} says nothing of {', '.join(columns)}")
        how, wrong, difference = compared
        rows += part.num_rows
        different += wrong
        largest = max(largest, difference)
    return StoredAgreement(True, how, rows, different, largest)


def _together(
    left: Iterator[pa.RecordBatch], right: Iterator[pa.RecordBatch]
) -> Iterator[tuple[pa.RecordBatch, pa.RecordBatch]]:
    # The ledger may cover fewer rows than the predictions; zip stops with the shorter one.
    return zip(left, right, strict=False)


def _compare(
    explained: Floats, published: pa.RecordBatch, outputs: Sequence[str], space: Space
) -> tuple[str, int, float] | None:
    numbers = to_response_scale(explained, space)
    expected = _numbers(published, outputs, space)
    if expected is not None:
        if expected.shape[1] == numbers.shape[1] + 1 == 2:
            numbers = np.column_stack([1 - numbers[:, 0], numbers[:, 0]])
        if expected.shape != numbers.shape:
            return None
        gap = np.abs(expected - numbers)
        wrong = ~(np.isclose(numbers, expected, RELATIVE, ABSOLUTE, equal_nan=True)).all(axis=1)
        finite = gap[np.isfinite(gap)]
        return "the numbers", int(wrong.sum()), float(finite.max()) if finite.size else 0.0
    if (
        published.num_columns != 1
        or space in ("identity", "log")
        or (space == "margin" and _are_scores(published, outputs))
    ):
        return None
    labels = np.asarray([_label(value, outputs) for value in published.column(0).to_pylist()])
    wrong = _wrong_labels(explained, labels, outputs, 0.5 if space == "probability" else 0.0)
    return "the label that the scores imply", int(wrong.sum()), float(wrong.mean()) if len(wrong) else 0.0


def _numbers(published: pa.RecordBatch, outputs: Sequence[str], space: Space) -> Floats | None:
    """The published columns as numbers, when they are numbers on a scale and not labels."""
    names = published.schema.names
    floating = all(pa.types.is_floating(kind) for kind in published.schema.types)
    probabilities = all(name.startswith("probability_") for name in names)
    regression = space in ("identity", "log")
    if not (probabilities or regression or (floating and len(names) >= len(outputs) and space != "margin")):
        return None
    if not all(pa.types.is_floating(kind) or pa.types.is_integer(kind) for kind in published.schema.types):
        return None
    columns = [column.to_numpy(zero_copy_only=False).astype(np.float64) for column in published.columns]
    if regression and len(names) == len(outputs) and set(names) == set(outputs):
        columns = [columns[names.index(output)] for output in outputs]
    return np.column_stack(columns)


def _are_scores(published: pa.RecordBatch, outputs: Sequence[str]) -> bool:
    """Whether a margin's published columns are numbers of a regression or scores, and not labels of classes."""
    numbers = all(pa.types.is_floating(kind) or pa.types.is_integer(kind) for kind in published.schema.types)
    named = set(outputs) <= set(published.schema.names) or outputs[0].startswith("prediction")
    return numbers and (named or published.num_columns > 1)


def _label(value: object, outputs: Sequence[str]) -> str:
    # XGBoost's multi:softmax numbers its classes in floats.
    numbered = isinstance(value, float) and value.is_integer() and str(value) not in outputs
    return str(int(value)) if numbered and isinstance(value, float) else str(value)


def _wrong_labels(explained: Floats, labels: np.ndarray, outputs: Sequence[str], threshold: float) -> np.ndarray:
    if explained.shape[1] == 1:
        positive = explained[:, 0] > threshold
        tied = np.isclose(explained[:, 0], threshold, rtol=0, atol=ABSOLUTE)
        return np.asarray((positive != (labels == outputs[0])) & ~tied)
    best = explained.argmax(axis=1)
    ordered = np.sort(explained, axis=1)
    tied = np.isclose(ordered[:, -1], ordered[:, -2], rtol=RELATIVE, atol=ABSOLUTE)
    return np.asarray((np.asarray(outputs)[best] != labels) & ~tied)
