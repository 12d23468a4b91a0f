"""What a report is about, collected from the published tables."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds

from mlops_assets.arrow.provenance import Provenance
from mlops_assets.arrow.python_values import comparable_key
from mlops_assets.arrow.views import rows_of
from mlops_assets.explain.compare.changes import ExplanationDiff
from mlops_assets.explain.ledger.interaction_sizes import InteractionSizes
from mlops_assets.explain.ledger.provenance import PARTITIONS, LedgerProvenance
from mlops_assets.explain.ledger.residuals import ResidualVerdict
from mlops_assets.explain.ledger.stored import StoredLedger
from mlops_assets.explain.ledger.summary import LedgerSummary, match_input_rows
from mlops_assets.explain.reasons.rules import ReasonRules
from mlops_assets.explain.report.example_reasons import find_reasons
from mlops_assets.explain.report.example_rows import LARGEST_RESIDUAL, ExampleRow
from mlops_assets.explain.report.formatting import shorten
from mlops_assets.explain.report.ledger_facts import LedgerFacts
from mlops_assets.explain.report.prediction_sample import PredictionSample, sample_predictions
from mlops_assets.explain.report.section import Section
from mlops_assets.trees.arrays import Space

OUTPUTS_SHOWN = 4
"""How many outputs a report explains in detail; the others are named."""
REJECTED_SHOWN = 50
"""How many of the rows that the contract refused a report shows."""
REJECTED_COUNTED = 10_000
"""Of how many of these rows the reasons are counted."""
REASONS_COLUMN = "reasons"
"""Of the rows that the contract refused."""

Examples = Mapping[str, Sequence[ExampleRow]]


@dataclass(frozen=True)
class ReportContents:
    """What a report is about.

    Attributes
    ----------
    title
        For example ``breast_cancer, version 3``.
    facts
        What the model is and how it was explained, in order: name, version, digest, explainer and reason, ...
    model, source
        The registered model, and which table was scored; empty where that is not known.
    settings
        That the explainer was made with.
    summary
        Of the whole ledger, with its sample.
    space
        `Explainer.space`.
    row_key
        Key columns of the ledger.
    inputs
        Output -> the input rows of ``summary.sample(output)``, in its order (`match_input_rows`); without them there
        are no dependence plots, and the points have no colour.
    examples
        Output -> rows shown as waterfalls (`pick_example_rows`).
    example_inputs
        Row key values (see `comparable_key`) -> the input values of these rows.
    example_reasons
        Output -> the reasons of each of its examples, as rows of the table of reasons.
    predictions
        A sample of what was predicted.
    residuals
        The verdict on additivity.
    accepted
        How many rows were scored.
    rejected, rejected_count
        Some of the rows that the contract refused, with their reasons as a column, and how many there are.
    rejection_reasons
        That column of more of these rows.
    difference, compared_with
        Against another version, and its name.
    interactions
        How strong the interactions of pairs are, where they are published.
    sections
        What others say of the same version: what changed, drift, performance.
    """

    title: str
    facts: Mapping[str, str]
    summary: LedgerSummary
    space: Space
    row_key: Sequence[str]
    model: str = ""
    source: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[str, pa.Table] = field(default_factory=dict)
    examples: Mapping[str, Sequence[ExampleRow]] = field(default_factory=dict)
    example_inputs: Mapping[tuple[Any, ...], Mapping[str, Any]] = field(default_factory=dict)
    example_reasons: Mapping[str, Sequence[Sequence[Mapping[str, Any]]]] = field(default_factory=dict)
    predictions: PredictionSample | None = None
    residuals: ResidualVerdict | None = None
    accepted: int | None = None
    rejected: pa.Table | None = None
    rejected_count: int = 0
    rejection_reasons: Sequence[Any] | None = None
    difference: ExplanationDiff | None = None
    compared_with: str = ""
    interactions: InteractionSizes | None = None
    sections: Sequence[Section] = ()


def collect_contents(
    ledger: StoredLedger,
    ledger_facts: LedgerFacts,
    inputs: ds.Dataset | None,
    rejected: ds.Dataset | None = None,
    interactions: InteractionSizes | None = None,
    rules: ReasonRules | None = None,
    *,
    accepted: int | None = None,
    scored: str = "",
    sections: Sequence[Section] = (),
) -> ReportContents:
    """The contents of the report on a published ledger.

    Parameters
    ----------
    ledger_facts
        What the whole ledger says.
    inputs
        The rows that were explained, where they are still published.
    rejected
        The rows that the contract refused, where they are published.
    interactions
        See `ReportContents`.
    rules
        Of the reasons; None: the model has none.
    accepted, scored, sections
        See `ReportContents`; `scored` is its `source`.

    Raises
    ------
    ExplanationError
        The table is not a ledger, or a row that it explains is not among the inputs.
    """
    source = ledger.provenance
    origin = LedgerProvenance.of(source)
    summary, verdict = ledger_facts.summary, ledger_facts.residuals.verdict()
    examples = ledger_facts.examples.examples()
    if verdict.passed:
        # A residual within rounding says nothing of its row.
        examples = {
            output: [each for each in shown if each.why != LARGEST_RESIDUAL] for output, shown in examples.items()
        }
    version = (source.model_uri or "").rpartition("/")[2]
    return ReportContents(
        title=f"{source.model}, version {version}",
        model=source.model or "",
        source=scored,
        settings={name: json.dumps(value) for name, value in origin.settings.as_dict().items()},
        facts={
            "Model": source.model or "",
            "Version": source.model_uri or "",
            "Digest": source.model_digest or "",
            "Explained by": f"{origin.explainer}: {origin.reason}",
            "Rows": origin.selection,
            **_partitions(source),
            "Signature": source.signature_hash or "",
            "Inputs' version": source.inputs_version or "",
            "Ledger's version": source.data_version or "",
            "Background": origin.background_digest or "none: the explainer compares with no rows",
        },
        summary=summary,
        space=origin.space,
        row_key=source.row_key,
        inputs={} if inputs is None else _sampled_inputs(summary, inputs, source.row_key),
        examples=examples,
        example_inputs={} if inputs is None else _example_inputs(ledger, summary, inputs, source.row_key, examples),
        example_reasons={} if inputs is None or rules is None else _example_reasons(ledger, rules, inputs, examples),
        predictions=sample_predictions(ledger_facts, source.row_key, origin.space, origin.decision),
        residuals=verdict,
        accepted=accepted,
        rejected=None if rejected is None else rejected.head(REJECTED_SHOWN),
        rejected_count=0 if rejected is None else rejected.count_rows(),
        rejection_reasons=None if rejected is None else _rejection_reasons(rejected),
        interactions=interactions,
        sections=sections,
    )


def _partitions(source: Provenance) -> dict[str, str]:
    keys = json.loads(source.extra.get(PARTITIONS, "[]"))
    return {"Partitions": f"{len(keys):,}: {shorten(', '.join(keys), 400)}"} if keys else {}


def _rejection_reasons(rejected: ds.Dataset) -> list[Any]:
    if REASONS_COLUMN not in rejected.schema.names:
        return []
    reasons: list[Any] = rejected.head(REJECTED_COUNTED, columns=[REASONS_COLUMN]).column(0).to_pylist()
    return reasons


def _sampled_inputs(summary: LedgerSummary, inputs: ds.Dataset, row_key: Sequence[str]) -> dict[str, pa.Table]:
    samples = {output: summary.sample(output) for output in summary.outputs[:OUTPUTS_SHOWN]}
    return {
        output: match_input_rows(rows_of(inputs), sample, row_key, summary.features)
        for output, sample in samples.items()
        if sample is not None
    }


def _example_inputs(
    ledger: StoredLedger, summary: LedgerSummary, inputs: ds.Dataset, row_key: Sequence[str], examples: Examples
) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Row key values (see `comparable_key`) -> the input values of the example rows, which several outputs may show."""
    rows = [example.row for shown in examples.values() for example in shown]
    keys = {comparable_key(row[name] for name in row_key): {name: row[name] for name in row_key} for row in rows}
    if not keys:
        return {}
    values = match_input_rows(
        rows_of(inputs), pa.Table.from_pylist(list(keys.values()), ledger.key_schema()), row_key, summary.features
    )
    return dict(zip(keys, values.to_pylist(), strict=True))


def _example_reasons(
    ledger: StoredLedger, rules: ReasonRules, inputs: ds.Dataset, examples: Examples
) -> dict[str, list[list[dict[str, Any]]]]:
    rows = [example.row for shown in examples.values() for example in shown]
    reasons = iter(find_reasons(ledger, rules, rows, inputs))
    return {output: [next(reasons) for _ in shown] for output, shown in examples.items()}
