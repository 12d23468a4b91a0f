"""Do the parts add up to the difference of two versions, and does no more change than may?"""

from collections.abc import Callable, Iterator
from typing import Any

import dagster as dg
import pyarrow.dataset as ds

from mlops_assets.arrow.provenance import Provenance
from mlops_assets.arrow.views import rows_of
from mlops_assets.checks.failures import end_with_reasons
from mlops_assets.engines.engine import Engine
from mlops_assets.explain.compare.change_rules import ChangeLimits
from mlops_assets.explain.compare.change_summary import ChangesOrigin, ChangeSummary, read_summary
from mlops_assets.explain.compare.change_verdict import (
    compared_columns,
    judge_changes,
    judge_changes_in_parts,
    judged_columns,
)
from mlops_assets.explain.compare.sum_verdict import SumVerdict
from mlops_assets.explain.ledger.stored import StoredLedger
from mlops_assets.io_managers.progress import report_progress
from mlops_assets.io_managers.rows import parts_of
from mlops_assets.io_managers.run_partition import of_the_run
from mlops_assets.metadata import quote_markdown, table_metadata
from mlops_assets.naming import CHANGE_SUMMARY, CHANGES, SAMPLE_EXPLANATIONS, ModelNames
from mlops_assets.redaction.errors import redact_errors
from mlops_assets.settings.explain import ExplainSettings

PARTS_ADD_UP, WITHIN_LIMITS = "parts_add_up", "within_limits"


def changes_checks(
    names: ModelNames, explain: ExplainSettings, engine: Callable[[], Engine]
) -> list[dg.AssetChecksDefinition]:
    """`parts_add_up` of `changes` (as `explain.additivity` says), `within_limits` of `change_summary` (a warning)."""
    assert explain.changes is not None
    blocks = explain.additivity == "block"
    return [_parts_add_up(names, engine, blocks=blocks), _within_limits(names, explain.changes.rules().limits)]


def _parts_add_up(names: ModelNames, engine: Callable[[], Engine], *, blocks: bool) -> dg.AssetChecksDefinition:
    key = names.key(CHANGES)

    @dg.multi_asset_check(
        name=f"{names.slug}__changes_checks",
        specs=[
            dg.AssetCheckSpec(
                PARTS_ADD_UP,
                asset=key,
                additional_deps=[names.key(SAMPLE_EXPLANATIONS)],
                blocking=True,
                description="Adds the changes of base value and columns of each row and compares the sum with the "
                "difference; compares keys and values with sample_explanations. If it fails: materialize both "
                "together. Stops the run with explain.additivity: block, else warns.",
            )
        ],
        ins={asset: of_the_run(names, asset) for asset in (CHANGES, SAMPLE_EXPLANATIONS)},
        required_resource_keys={names.run_lock, names.tables},
    )
    @redact_errors
    @report_progress()
    @end_with_reasons
    def changes_are_sound(
        context: dg.AssetCheckExecutionContext, changes: ds.Dataset, sample_explanations: ds.Dataset
    ) -> Iterator[dg.AssetCheckResult]:
        source = Provenance.of(changes.schema)
        origin = ChangesOrigin.of(source)
        made, explained = (parts_of(context, names, asset) for asset in (CHANGES, SAMPLE_EXPLANATIONS))
        if origin.before == origin.after:
            verdict = SumVerdict(rows=changes.count_rows())
        elif made and len(made) == len(explained):
            verdict = judge_changes_in_parts(engine(), explained, made, origin, context.log.info)
        else:
            ledger = StoredLedger.of(sample_explanations).rows(compared_columns(source.row_key))
            rows = rows_of(changes, judged_columns(source.row_key, origin))
            verdict = judge_changes(ledger, rows, source.row_key, origin)
        yield _sums(verdict, source, origin, key, blocks=blocks)

    return changes_are_sound


def _sums(
    verdict: SumVerdict, source: Provenance, origin: ChangesOrigin, key: dg.AssetKey, *, blocks: bool
) -> dg.AssetCheckResult:
    metadata: dict[str, Any] = {
        "rows": verdict.rows,
        "ledger_rows": verdict.ledger_rows,
        "sums_beyond_tolerance": verdict.beyond,
        "largest_miss": verdict.largest,
        "largest_miss_in_tolerances": verdict.largest_ratio,
    }
    if verdict.listed:
        texts = dict.fromkeys((*source.row_key, "output"), "string")
        metadata["beyond"] = table_metadata(verdict.listed, texts | {"missing": "float", "tolerance": "float"})
    return dg.AssetCheckResult(
        check_name=PARTS_ADD_UP,
        asset_key=key,
        passed=verdict.passed,
        severity=dg.AssetCheckSeverity.ERROR if blocks else dg.AssetCheckSeverity.WARN,
        description=_describe(verdict, origin),
        metadata=metadata,
    )


def _describe(verdict: SumVerdict, origin: ChangesOrigin) -> str:
    if origin.before == origin.after:
        return "There is no other version: nothing was compared"
    if not verdict.are_the_same_rows:
        return (
            f"{verdict.rows} rows of changes and {verdict.ledger_rows} of sample_explanations do not say the same, key "
            "by key. Materialize both together"
        )
    if verdict.beyond:
        return (
            f"The parts miss the difference in {verdict.beyond} of {verdict.rows} rows, by at most "
            f"{verdict.largest:.3g}. The table lists some; an explainer that does not fit its model leaves such "
            "residuals: see sample_explanations.additive, and leave explain.KIND out"
        )
    return f"Base value and columns give the difference within rounding in all {verdict.rows} rows"


def _within_limits(names: ModelNames, limits: ChangeLimits) -> dg.AssetChecksDefinition:
    key = names.key(CHANGE_SUMMARY)

    @dg.multi_asset_check(
        name=f"{names.slug}__change_summary_checks",
        specs=[
            dg.AssetCheckSpec(
                WITHIN_LIMITS,
                asset=key,
                description="Compares the shares of changed and of swapped rows and the mean absolute change with the "
                "limits of explain.changes. If it fails: read change_summary for whom and why. A warning.",
            )
        ],
        ins={CHANGE_SUMMARY: of_the_run(names, CHANGE_SUMMARY)},
        required_resource_keys={names.run_lock, names.tables},
    )
    @redact_errors
    @report_progress()
    @end_with_reasons
    def change_is_within_limits(
        _context: dg.AssetCheckExecutionContext, change_summary: ds.Dataset
    ) -> Iterator[dg.AssetCheckResult]:
        summary = read_summary(change_summary, limits)
        beyond = summary.beyond_limits()
        yield dg.AssetCheckResult(
            check_name=WITHIN_LIMITS,
            asset_key=key,
            passed=not beyond,
            severity=dg.AssetCheckSeverity.WARN,
            description=_words(summary, beyond),
            metadata={**summary.measures(), **limits.as_dict()},
        )

    return change_is_within_limits


def _words(summary: ChangeSummary, beyond: list[str]) -> str:
    if beyond:
        return quote_markdown("; ".join(beyond))
    if not summary.limits.as_dict():
        return "explain.changes sets no limits"
    return quote_markdown(f"Within the limits: {summary.sentence()}")
