"""Is the model still good enough, and do outcomes say so of enough rows?"""

from collections.abc import Iterator

import dagster as dg
import pyarrow as pa

from mlops_assets.arrow.provenance import Provenance
from mlops_assets.checks.failures import end_with_reasons
from mlops_assets.io_managers.progress import report_progress
from mlops_assets.metadata import prefix_floats, quote_markdown
from mlops_assets.naming import PERFORMANCE, ModelNames
from mlops_assets.performance.tables import PerformanceFacts
from mlops_assets.performance.verdicts import Judged, judge_change, judge_floor
from mlops_assets.redaction.errors import redact_errors
from mlops_assets.settings.outcomes import OutcomesSettings

COUNT, FALL, FLOOR = "outcomes_count", "no_worse_than_before", "above_the_floor"


def performance_checks(names: ModelNames, settings: OutcomesSettings) -> dg.AssetChecksDefinition:
    """`outcomes_count` warns; `no_worse_than_before` and `above_the_floor` do what `on_fall` and `on_floor` say."""
    key = names.key(PERFORMANCE)
    specs = [
        dg.AssetCheckSpec(
            COUNT,
            asset=key,
            description="Counts outcomes that say nothing of a prediction: of unknown classes, of the wrong type, or "
            "none at all that has the row key of a prediction. If it fails: compare the column and the keys with the "
            "table of predictions.",
        ),
        dg.AssetCheckSpec(
            FALL,
            asset=key,
            blocking=settings.on_fall == "block",
            description="Compares the last version with the one before, on the rows that both predicted where there "
            "are enough. Fails where the 95 % interval of the difference is on the worse side of zero. If it fails: "
            "look at the segments in the table, and roll back.",
        ),
    ]
    if settings.floor:
        specs.append(
            dg.AssetCheckSpec(
                FLOOR,
                asset=key,
                blocking=settings.on_floor == "block",
                description="Compares the metrics of the last version with outcomes.floor. If it fails: look at the "
                "partitions and segments in the table, and at the inputs; then train again.",
            )
        )

    @dg.multi_asset_check(
        name=f"{names.slug}__performance_checks",
        specs=specs,
        ins={PERFORMANCE: dg.AssetIn(key=key)},
        required_resource_keys={names.run_lock, names.tables},
    )
    @redact_errors
    @report_progress()
    @end_with_reasons
    def performance_is_enough(
        _context: dg.AssetCheckExecutionContext, performance: pa.Table
    ) -> Iterator[dg.AssetCheckResult]:
        facts = PerformanceFacts.from_extra(Provenance.of(performance.schema).extra)
        rows = performance.to_pylist()
        yield _count(key, facts, settings)
        yield _result(key, FALL, judge_change(rows, facts, settings.watch, settings.min_rows), settings.on_fall)
        if settings.floor:
            yield _result(key, FLOOR, judge_floor(rows, facts, settings.floor, settings.min_rows), settings.on_floor)

    return performance_is_enough


def _result(key: dg.AssetKey, name: str, judged: Judged, on: str) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=name,
        asset_key=key,
        passed=judged.passed,
        severity=dg.AssetCheckSeverity.ERROR if on == "block" else dg.AssetCheckSeverity.WARN,
        description=judged.description,
        metadata={each.metric: each.detail for each in judged.verdicts},
    )


def _count(key: dg.AssetKey, facts: PerformanceFacts, settings: OutcomesSettings) -> dg.AssetCheckResult:
    read, counts = facts.outcomes, facts.counted()
    wrong = {
        f"are of a class that the predictions do not have, which are of {facts.classes}": read.unknown_label,
        "are no numbers": read.wrong_type,
        "are not finite": read.not_finite,
    }
    words = [f"{count} outcomes {what}" for what, count in wrong.items() if count]
    if read.never_positive:
        words.append(
            f"none of {read.never_positive} outcomes is {str(settings.positive)!r}, the positive class: is "
            "outcomes.positive written as in the outcomes?"
        )
    if read.usable and not facts.matched:
        words.append(
            f"none of {read.usable} row keys with an outcome was ever predicted: compare the values of the row key"
            + (", and of outcomes.partition with the keys of the partitions" if settings.partition else "")
        )
    if not facts.share_labels:
        words.append("no outcome is any of the labels that were predicted: are they written as the model writes them?")
    if facts.predictions_not_finite:
        words.append(f"{facts.predictions_not_finite} predictions with an outcome are not finite")
    if facts.publications_left_out:
        words.append(
            f"{facts.publications_left_out} publications of predictions have other columns than the newest one, and "
            "were left out"
        )
    return dg.AssetCheckResult(
        check_name=COUNT,
        asset_key=key,
        passed=not words,
        severity=dg.AssetCheckSeverity.WARN,
        # Labels are what a table holds.
        description=quote_markdown("; ".join(words))
        or f"{facts.matched} predictions have an outcome; {facts.outcomes_without_prediction} outcomes have no "
        f"prediction, {facts.predictions_without_outcome} predictions no outcome yet",
        metadata=prefix_floats(counts, "counts"),
    )
