"""The tables `performance` and `performance_calibration`, and what a person reads of them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from mlops_assets.errors import list_some
from mlops_assets.performance.calibration import Bin
from mlops_assets.performance.evaluate import Evaluation, Result
from mlops_assets.performance.match import Matches
from mlops_assets.performance.outcomes import OutcomeCounts

PERFORMANCE = pa.schema(
    [
        pa.field("model_version", pa.int64(), nullable=False),
        ("compared_with", pa.int64()),
        ("partition", pa.string()),
        ("segment", pa.string()),
        ("segment_value", pa.string()),
        pa.field("metric", pa.string(), nullable=False),
        ("value", pa.float64()),
        ("low", pa.float64()),
        ("high", pa.float64()),
        pa.field("rows", pa.int64(), nullable=False),
        ("paired", pa.bool_()),
    ]
)
CALIBRATION = pa.schema(
    [
        pa.field("model_version", pa.int64(), nullable=False),
        pa.field("output", pa.string(), nullable=False),
        pa.field("bin", pa.int64(), nullable=False),
        pa.field("low", pa.float64(), nullable=False),
        pa.field("high", pa.float64(), nullable=False),
        pa.field("rows", pa.int64(), nullable=False),
        pa.field("predicted", pa.float64(), nullable=False),
        pa.field("observed", pa.float64(), nullable=False),
        ("observed_low", pa.float64()),
        ("observed_high", pa.float64()),
    ]
)
DESCRIPTIONS = {
    "model_version": "The version whose predictions were compared with outcomes.",
    "compared_with": "The version that it is compared with: value, low and high are then of the difference, this "
    "version minus that one. Null: the version's own metric.",
    "partition": "The partition of the predictions; null: all.",
    "segment": "The column of the segment; null: all rows.",
    "segment_value": "The value of that column.",
    "metric": "Name of the metric; docs/performance.md has their units.",
    "value": "The metric; null where these rows have none, such as an area under the curve of one class.",
    "low": "Lower end of the 95 % interval.",
    "high": "Upper end of the 95 % interval.",
    "rows": "Predictions with a known outcome that it is of.",
    "paired": "Of a comparison: whether both versions were measured on the same rows.",
}
CALIBRATION_DESCRIPTIONS = {
    "model_version": DESCRIPTIONS["model_version"],
    "output": "The class that the probability is of, or prediction.",
    "bin": "Number of the bin, from 1.",
    "low": "Lower edge of the bin.",
    "high": "Upper edge of the bin.",
    "rows": "Predictions in the bin whose outcome is known.",
    "predicted": "Mean prediction.",
    "observed": "Mean outcome; for a class the share of rows that are of it.",
    "observed_low": "Lower end of the 95 % interval of observed.",
    "observed_high": "Upper end of the 95 % interval of observed.",
}


@dataclass(frozen=True)
class PerformanceFacts:
    """What the table's metadata says beside its rows, for the checks.

    Attributes
    ----------
    version, before, candidate
        The last published version with outcomes, the one before, and a candidate's; None: there is none.
    task
        ``regression``, ``binary`` or ``multiclass``.
    classes
        Those of the predictions, as text; empty where any label is one.
    outcomes
        What was read of the outcomes.
    matched
        Predictions of all versions whose outcome is known.
    outcomes_without_prediction, predictions_without_outcome, predictions_not_finite, publications_left_out
        As in `Matches`.
    share_labels
        Some outcome is a label that was predicted as well; true of all other predictions.
    """

    version: int | None
    before: int | None
    candidate: int | None
    task: str
    classes: str
    outcomes: OutcomeCounts
    matched: int
    outcomes_without_prediction: int
    predictions_without_outcome: int
    predictions_not_finite: int
    publications_left_out: int
    share_labels: bool = True

    @classmethod
    def of(cls, evaluation: Evaluation, matches: Matches, counts: OutcomeCounts) -> "PerformanceFacts":
        """The facts of one evaluation."""
        return cls(
            evaluation.version,
            evaluation.before,
            evaluation.candidate,
            evaluation.problem.task,
            list_some([str(each) for each in evaluation.problem.classes]),
            counts,
            sum(len(each.rows) for each in matches.scores),
            matches.outcomes_without_prediction,
            matches.predictions_without_outcome,
            matches.not_finite,
            matches.other_problems,
            _share_labels(evaluation),
        )

    def to_extra(self) -> dict[str, str]:
        """As metadata of the table."""
        return {"performance": json.dumps(vars(self) | {"outcomes": vars(self.outcomes)})}

    @classmethod
    def from_extra(cls, extra: Mapping[str, str]) -> "PerformanceFacts":
        """The inverse of `to_extra`."""
        values = json.loads(extra["performance"])
        return cls(**values | {"outcomes": OutcomeCounts(**values["outcomes"])})

    def counted(self) -> dict[str, int]:
        """Every count by name, those of outcomes too."""
        return {
            "outcomes": self.outcomes.rows,
            "matched": self.matched,
            "outcomes_without_prediction": self.outcomes_without_prediction,
            "predictions_without_outcome": self.predictions_without_outcome,
            "outcomes_without_value": self.outcomes.without_value,
            "outcomes_of_wrong_type": self.outcomes.wrong_type,
            "outcomes_not_finite": self.outcomes.not_finite,
            "outcomes_of_unknown_class": self.outcomes.unknown_label,
            "outcomes_repeated": self.outcomes.repeated,
            "outcomes_superseded": self.outcomes.superseded,
            "predictions_not_finite": self.predictions_not_finite,
            "publications_left_out": self.publications_left_out,
        }


def _share_labels(evaluation: Evaluation) -> bool:
    if evaluation.problem.answer != "label" or evaluation.problem.classes:
        return True
    known = [rows for rows in evaluation.versions if len(rows.outcomes)]
    return not known or any(np.isin(rows.predictions[:, 0], rows.outcomes).any() for rows in known)


def performance_table(results: Sequence[Result]) -> pa.Table:
    """The results as they are published, in the order of groups and metrics."""
    rows = [
        (
            each.group.version,
            each.compared_with,
            each.group.partition,
            each.group.segment,
            each.group.segment_value,
            each.metric,
            each.value,
            each.interval.low,
            each.interval.high,
            each.rows,
            each.paired,
        )
        for each in results
    ]
    return _table(rows, PERFORMANCE)


def calibration_table(bins: Sequence[Bin]) -> pa.Table:
    """The bins as they are published."""
    rows = [
        (
            each.version,
            each.output,
            each.number,
            each.low,
            each.high,
            each.rows,
            each.predicted,
            each.observed,
            each.interval.low,
            each.interval.high,
        )
        for each in bins
    ]
    return _table(rows, CALIBRATION)


def _table(rows: Sequence[tuple[Any, ...]], schema: pa.Schema) -> pa.Table:
    columns = zip(*rows, strict=True) if rows else [()] * len(schema)
    return pa.table(
        [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)], schema=schema
    )


def overall_markdown(evaluation: Evaluation) -> str:
    """The metrics of the last version with their intervals, beside those of the version before, as a Markdown table.

    Another table compares a candidate with the last version.
    """
    if evaluation.version is None:
        return "No prediction has an outcome yet."
    tables = [_markdown_table(evaluation, evaluation.version, evaluation.before)]
    if evaluation.candidate is not None:
        tables.append("Candidate:\n\n" + _markdown_table(evaluation, evaluation.candidate, evaluation.version))
    return "\n\n".join(tables)


def _markdown_table(evaluation: Evaluation, version: int, other: int | None) -> str:
    own, others, changes = evaluation.overall(version), evaluation.overall(other), evaluation.differences(version)
    heads = ["metric", f"version {version}", "95 % interval"]
    if others:
        on = "same rows" if any(each.paired for each in changes.values()) else "other rows"
        heads += [f"version {other}", f"difference ({on})"]
    lines = ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
    for name, result in own.items():
        cells = [name, _number(result.value), _range(result)]
        if others:
            change = changes.get(name)
            difference = "" if change is None else f"{_number(change.value)} ({_range(change)})"
            cells += [_number(others[name].value) if name in others else "", difference]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _range(result: Result) -> str:
    low, high = result.interval.low, result.interval.high
    return "" if low is None or high is None else f"{low:.4g} to {high:.4g}"
