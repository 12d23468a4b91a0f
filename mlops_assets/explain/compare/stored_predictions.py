"""Whether an explained prediction is the one that was published, across the spaces in which models add up."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from mlops_assets.arrow.batching import fixed_batches
from mlops_assets.explain.columns import EXPLAINED_VALUE
from mlops_assets.explain.compare.stored_labels import compare_several_labels
from mlops_assets.explain.decisions import ABSOLUTE, RELATIVE, Decision, label_places
from mlops_assets.explain.explainers.answer_numbers import flatten_lists
from mlops_assets.explain.spaces import to_response_scale
from mlops_assets.trees.arrays import Floats, Space

COMPARED_ROWS = 16_384


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

    def merged(self, later: "StoredAgreement") -> "StoredAgreement":
        """With that of the rows that come after these."""
        if not self.comparable or not later.comparable:
            return later if self.comparable else self
        return StoredAgreement(
            True,
            later.how if later.rows else self.how,
            self.rows + later.rows,
            self.different + later.different,
            max(self.largest_difference, later.largest_difference),
        )


def compare_with_stored(
    ledger: Iterable[pa.RecordBatch],
    predictions: Iterable[pa.RecordBatch],
    outputs: Sequence[str],
    space: Space,
    columns: Sequence[str],
    decision: Decision | None = None,
) -> StoredAgreement:
    """Compare the ledger's `explained_value` with the published output `columns`, row by row, in bounded memory.

    Numbers are brought to the scale of the published ones (exponential, sigmoid, softmax, its logarithm); published
    labels are compared with the label that the explained scores imply by the model's own rule. A label whose scores are
    tied within rounding counts as equal.

    Parameters
    ----------
    ledger
        One row per (key, output), row-major; covers the first rows of `predictions`.
    outputs, space
        The explainer's.
    columns
        The output columns of `predictions`.
    decision
        How the model's answer follows from its scores; None: as names and types of the columns say.
    """
    rows = different = 0
    largest = 0.0
    how = "nothing"
    blocks = fixed_batches((batch.select([EXPLAINED_VALUE]) for batch in ledger), COMPARED_ROWS * len(outputs))
    published = fixed_batches((batch.select(list(columns)) for batch in predictions), COMPARED_ROWS)
    for block, batch in _together(blocks, published):
        explained = block.column(0).to_numpy(zero_copy_only=False).reshape(-1, len(outputs))
        part = batch.slice(0, len(explained))
        answer = flatten_lists({name: part.column(name) for name in columns})
        if space in ("identity", "log") and set(outputs) <= set(answer):
            answer = {output: answer[output] for output in outputs}  # what was chosen to be explained, beside others
        compared = compare_several_labels(explained[: part.num_rows], answer, outputs, space) or _compare(
            explained[: part.num_rows], answer, outputs, space, decision
        )
        if compared is None:
            return StoredAgreement(False, f"{space} of {', '.join(outputs)} says nothing of {', '.join(columns)}")
        if isinstance(compared, str):
            return StoredAgreement(False, compared)
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
    explained: Floats, published: dict[str, pa.Array], outputs: Sequence[str], space: Space, decision: Decision | None
) -> tuple[str, int, float] | str | None:
    """(how, rows that differ, largest difference); a text or None where there is nothing to compare."""
    are_probabilities = all(name.startswith("probability_") for name in published)
    answer = decision.answer if decision is not None and not are_probabilities else None
    if answer != "labels":
        expected = _numbers(published, outputs, space, scores=answer is not None)
        numbers = _on_scale_of(explained, space, answer)
        if numbers is None:
            return None
        if expected is not None:
            if answer == "margin" and space == "softmax margin":
                expected = expected - expected.mean(axis=1, keepdims=True)
            return _compare_numbers(
                numbers, expected, "the logarithms" if answer == "log probability" else "the numbers"
            )
    if len(published) != 1 or space in ("identity", "log"):
        return None
    if decision is None and space == "margin" and _are_scores(published, outputs):
        return (
            f"no formula leads from the margin of {', '.join(outputs)} back to {', '.join(published)}; it was compared"
            " with the library's own margin when the explainer was chosen"
        )
    if decision is not None and not decision.follows:
        return f"the model's labels do not follow from the {decision.of} that is explained"
    return _compare_labels(explained, next(iter(published.values())), outputs, space, decision)


def _on_scale_of(explained: Floats, space: Space, answer: str | None) -> Floats | None:
    if answer == "margin":
        # Softmax margins are what they are up to a constant per row.
        centered = explained - explained.mean(axis=1, keepdims=True)
        return None if space == "probability" else centered if space == "softmax margin" else explained
    numbers = to_response_scale(explained, space)
    if answer == "log probability":
        both = np.column_stack([1 - numbers[:, 0], numbers[:, 0]]) if numbers.shape[1] == 1 else numbers
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(both))
    return numbers


def _compare_numbers(numbers: Floats, expected: Floats, how: str) -> tuple[str, int, float] | None:
    if expected.shape[1] == numbers.shape[1] + 1 == 2:
        numbers = np.column_stack([1 - numbers[:, 0], numbers[:, 0]])
    if expected.shape != numbers.shape:
        return None
    with np.errstate(invalid="ignore"):
        gap = np.abs(expected - numbers)
    wrong = ~(np.isclose(numbers, expected, RELATIVE, ABSOLUTE, equal_nan=True)).all(axis=1)
    finite = gap[np.isfinite(gap)]
    return how, int(wrong.sum()), float(finite.max()) if finite.size else 0.0


def _compare_labels(
    explained: Floats, published: pa.Array, outputs: Sequence[str], space: Space, decision: Decision | None
) -> tuple[str, int, float]:
    if decision is None:
        labels = outputs if len(outputs) > 1 else ("", outputs[0])
        decision = Decision(tuple(labels), of="probability" if space == "probability" else "margin")
        places = label_places(published, labels)
        if len(outputs) == 1:
            places = (places == 1).astype(np.intp)  # whatever the other class is called
        scores = explained
    else:
        places = label_places(published, decision.labels)
        if space == "margin" and decision.threshold is None:
            decision = replace(decision, of="margin")  # of a score that leads to no probability the sign decides
        scores = to_response_scale(explained, space) if decision.of == "probability" else explained
    wrong = decision.misses(scores, places)
    rule = "the label that the scores imply"
    if decision.threshold is not None:
        rule += f" from {decision.threshold:.6g} on"
    return rule, int(wrong.sum()), float(wrong.mean()) if len(wrong) else 0.0


def _are_scores(published: dict[str, pa.Array], outputs: Sequence[str]) -> bool:
    """Whether a margin's published columns are numbers of a regression or scores, and not labels of classes."""
    kinds = [column.type for column in published.values()]
    numbers = all(pa.types.is_floating(kind) or pa.types.is_integer(kind) for kind in kinds)
    return numbers and (set(outputs) <= set(published) or outputs[0].startswith("prediction"))


def _numbers(published: dict[str, pa.Array], outputs: Sequence[str], space: Space, *, scores: bool) -> Floats | None:
    """The published columns as numbers, when they are numbers on a scale and not labels."""
    kinds = [column.type for column in published.values()]
    floating = all(pa.types.is_floating(kind) for kind in kinds)
    probabilities = all(name.startswith("probability_") for name in published)
    regression = space in ("identity", "log")
    enough = floating and len(published) >= len(outputs) and (space != "margin" or scores)
    if not (probabilities or regression or enough):
        return None
    if not all(pa.types.is_floating(kind) or pa.types.is_integer(kind) for kind in kinds):
        return None
    columns = [column.to_numpy(zero_copy_only=False).astype(np.float64) for column in published.values()]
    return np.column_stack(columns)
