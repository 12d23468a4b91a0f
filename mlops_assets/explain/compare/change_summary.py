"""The summary of a published table of changes: in one pass, or part by part."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any, ClassVar, Self

import pyarrow as pa
import pyarrow.dataset as ds

from mlops_assets.arrow.batching import fixed_batches
from mlops_assets.arrow.content_hash import hash_of
from mlops_assets.arrow.provenance import Provenance
from mlops_assets.arrow.views import rows_of
from mlops_assets.engines.engine import Engine, stream_ends
from mlops_assets.engines.part_work import engine_that_reads
from mlops_assets.engines.tasks import Task, in_order
from mlops_assets.errors import ConfigurationError, ExplanationError, did_you_mean
from mlops_assets.explain.columns import OUTPUT
from mlops_assets.explain.compare.change_facts import SUMMARY_SCHEMA, ChangeFacts, summary_rows
from mlops_assets.explain.compare.change_rules import ChangeLimits, ChangeRules
from mlops_assets.explain.compare.change_sums import ChangeSums, summed_columns
from mlops_assets.explain.compare.changes_table import CHANGES
from mlops_assets.explain.compare.comparison import Comparison
from mlops_assets.explain.ledger.match_rows import match_rows
from mlops_assets.tables.staged_table import SourcePart
from mlops_assets.trees.arrays import Space

SUMMARY_VERSION = "1"
"""Part of the data version."""

_ROWS = 8_192


@dataclass(frozen=True)
class ChangesOrigin:
    """What a table of changes says of itself; see `Comparison`."""

    before: int
    after: int
    features: tuple[str, ...]
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]
    outputs: tuple[str, ...]
    thresholds: tuple[float, float] | None
    precision: str
    scored: str
    space: Space

    @classmethod
    def of_comparison(cls, comparison: Comparison) -> Self:
        """Of two versions."""
        return cls._parse(comparison.to_json())

    @classmethod
    def of(cls, provenance: Provenance) -> Self:
        """What the table's metadata holds.

        Raises
        ------
        ExplanationError
            It is no table of changes.
        """
        try:
            return cls._parse(provenance.extra[CHANGES])
        except (KeyError, ValueError, TypeError) as error:
            raise ExplanationError(
                "The table does not say which versions it compares", where="changes", fix="Materialize changes again"
            ) from error

    @classmethod
    def _parse(cls, text: str) -> Self:
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in json.loads(text).items()
        }
        return cls(**values)


@dataclass(frozen=True)
class SumChanges(Task[ChangeSums]):
    """Add up one part of a table of changes, beside the part of the inputs where there are segments."""

    doing: ClassVar[str] = "adding up changes"

    changes: SourcePart
    inputs: SourcePart | None
    features: tuple[str, ...]
    segments: Mapping[str, tuple[float, ...]]

    @property
    def rows(self) -> int | None:
        return self.changes.rows

    def run(self) -> ChangeSums:
        inputs = None if self.inputs is None else self.inputs.dataset()
        return sum_changes(self.changes.dataset(), inputs, self.features, self.segments)


def sum_changes(
    changes: ds.Dataset,
    inputs: ds.Dataset | None,
    features: Sequence[str],
    segments: Mapping[str, tuple[float, ...]],
) -> ChangeSums:
    """The sums of one table of changes, streaming; `inputs` is needed where there are segments."""
    sums = ChangeSums(tuple(features), segments)
    row_key = Provenance.of(changes.schema).row_key
    if not segments or inputs is None:
        for batch in fixed_batches(rows_of(changes, summed_columns(features)), _ROWS):
            sums.add(batch)
        return sums
    key = list(row_key)
    columns = list(dict.fromkeys((*key, *segments)))
    schema = pa.schema([inputs.schema.field(name) for name in columns])
    # Blocks of fixed sizes: the order in which numbers are added up follows from the tables alone.
    read = fixed_batches(rows_of(changes, [*key, *summed_columns(features)]), _ROWS)
    beside = fixed_batches(rows_of(inputs, columns), _ROWS)
    for rows, block, places in match_rows(read, beside, key, schema, "input_samples"):
        sums.add(rows, block.select(list(segments)).take(pa.array(places)))
    return sums


@dataclass(frozen=True)
class ChangeSummary:
    """What changes, for whom, and why.

    Attributes
    ----------
    origin
        The versions that are compared.
    facts
        Of all rows of each output, then of each segment.
    limits
        What may change at most.
    """

    origin: ChangesOrigin
    facts: tuple[ChangeFacts, ...]
    limits: ChangeLimits = field(default_factory=ChangeLimits)

    @property
    def overall(self) -> list[ChangeFacts]:
        """Of all rows, output by output."""
        return [facts for facts in self.facts if not facts.segment_column]

    def beyond_limits(self) -> list[str]:
        """In words, which limits are passed, by the output that passes each by most; or cannot be held."""
        words = []
        for name, most in self.limits.as_dict().items():
            if name == "max_swapped_share" and self.overall and self.origin.thresholds is None:
                words.append(f"{name} needs a threshold, and there is none: set explain.changes.decision_threshold")
                continue
            fact = name.removeprefix("max_")
            worst = max(self.overall, key=lambda facts: float(getattr(facts, fact)), default=None)
            value = 0.0 if worst is None else float(getattr(worst, fact))
            if worst is not None and not value <= most:
                words.append(f"{fact.replace('_', ' ')} of {worst.output} is {value:.4g}, above {name}, {most:g}")
        return words

    def measures(self) -> dict[str, float]:
        """The worst of the outputs, under the names of the columns of the summary."""
        names = ("changed_share", "swapped_share", "mean_abs_change", "max_abs_change", "mean_abs_difference")
        overall = self.overall
        measured = {name: max(float(getattr(facts, name)) for facts in overall) for name in names if overall}
        if self.origin.thresholds is None:
            measured.pop("swapped_share", None)
        return measured

    def causes(self, top: int) -> list[tuple[str, float, float]]:
        """(column, mean absolute, mean) part of the difference, summed over the outputs; the largest first."""
        sizes: dict[str, list[float]] = {}
        for facts in self.overall:
            for name, parts in facts.columns.items():
                known = sizes.setdefault(name, [0.0, 0.0])
                known[0] += parts[0]
                known[1] += parts[1]
        ranked = sorted(sizes.items(), key=lambda entry: -entry[1][0])
        return [(name, size, mean) for name, (size, mean) in ranked[:top]]

    def rows(self) -> Iterator[dict[str, Any]]:
        """Those of the table."""
        versions = self.origin.before, self.origin.after
        return summary_rows(self.facts, versions, swaps=self.origin.thresholds is not None)

    def table(self) -> pa.Table:
        """One row per output, segment and input column."""
        return pa.Table.from_pylist(list(self.rows()), SUMMARY_SCHEMA)

    def sentence(self) -> str:
        """All in one line."""
        if not self.overall:
            return "no row was compared"
        measures = self.measures()
        rows = self.overall[0].rows
        words = [f"{measures['changed_share']:.2%} of {rows} predictions change"]
        if "swapped_share" in measures:
            words.append(f"{measures['swapped_share']:.2%} change sides of the threshold")
        words.append(f"mean absolute change {measures['mean_abs_change']:.3g}")
        causes = ", ".join(f"{name} ({size:.3g})" for name, size, _ in self.causes(3))
        return "; ".join([*words, f"most by {causes}"])


def change_summary(
    changes: ds.Dataset,
    inputs: ds.Dataset,
    rules: ChangeRules,
    engine: Callable[[], Engine],
    *,
    change_parts: Sequence[SourcePart] = (),
    input_parts: Sequence[SourcePart] = (),
    log: Callable[[str], None] = lambda _line: None,
) -> tuple[ChangeSummary, Provenance]:
    """The summary of a published table of changes, and the provenance of the table that it becomes.

    Parameters
    ----------
    changes, inputs
        `changes`, and the `input_samples` that they are of, in which the segments are found.
    change_parts, input_parts
        The parts of both: then each is added up where it is.

    Raises
    ------
    ConfigurationError
        The inputs lack a column of the segments.
    ExplanationError
        A column has too many segments; the tables are not of the same rows.
    """
    source = Provenance.of(changes.schema)
    origin = ChangesOrigin.of(source)
    segments = dict(rules.segments)
    require_columns(segments, inputs.schema.names)
    if segments and source.inputs_version != Provenance.of(inputs.schema).data_version:
        raise ExplanationError(
            "The published input_samples are not those that changes were made of",
            where="change_summary",
            fix="Materialize changes and its summary again, together",
        )
    in_parts = change_parts and (not segments or len(change_parts) == len(input_parts))
    if in_parts:
        beside: Iterable[SourcePart | None] = input_parts if segments else [None] * len(change_parts)
        tasks = [
            SumChanges(one, other, origin.features, segments) for one, other in zip(change_parts, beside, strict=True)
        ]
        worker = engine_that_reads(engine(), change_parts, log)
        sums = reduce(ChangeSums.merge, in_order(stream_ends(worker, tasks, log)))
    else:
        sums = sum_changes(changes, inputs, origin.features, segments)
    chosen = json.dumps(sorted((name, list(edges)) for name, edges in segments.items()))
    version = hash_of("change summary", SUMMARY_VERSION, source.data_version or "", chosen)
    provenance = replace(source, row_key=(), data_version=version, inputs_version=source.data_version)
    return ChangeSummary(origin, sums.facts(), rules.limits), provenance


def read_summary(summary: ds.Dataset, limits: ChangeLimits) -> ChangeSummary:
    """What a published summary says of all rows; nothing of segments."""
    origin = ChangesOrigin.of(Provenance.of(summary.schema))
    of_output: dict[str, list[dict[str, Any]]] = {}
    for row in summary.to_table(filter=ds.field("segment_column").is_null()).to_pylist():
        of_output.setdefault(str(row[OUTPUT]), []).append(row)
    return ChangeSummary(origin, tuple(ChangeFacts.of_rows(rows) for rows in of_output.values()), limits)


def require_columns(segments: Mapping[str, object], columns: Sequence[str]) -> None:
    """Raises `ConfigurationError` where there is no column of that name to find the segments in."""
    for name in segments:
        if name not in columns:
            raise ConfigurationError(
                f"input_samples has no column {name!r}{did_you_mean(name, columns)}",
                where="explain.changes.segments",
                fix="Name columns that the signature or the row key has",
            )
