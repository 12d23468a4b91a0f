"""Would the reasons be others if the numbers were a little less exact, and has each a text of its own?"""

from collections.abc import Iterator

import dagster as dg
import pyarrow.dataset as ds

from mlops_assets.arrow.provenance import Provenance
from mlops_assets.arrow.views import rows_of
from mlops_assets.checks.failures import end_with_reasons
from mlops_assets.explain.ledger.provenance import LedgerProvenance
from mlops_assets.explain.reasons.list_counts import ListCounts
from mlops_assets.explain.reasons.reason_rows import RANK, STABLE
from mlops_assets.explain.reasons.rules import ReasonRules
from mlops_assets.io_managers.progress import report_progress
from mlops_assets.io_managers.rows import parts_of
from mlops_assets.io_managers.run_partition import of_the_run
from mlops_assets.metadata import list_names
from mlops_assets.naming import REASONS, ModelNames
from mlops_assets.redaction.errors import redact_errors


def reasons_checks(names: ModelNames, rules: ReasonRules, max_unstable: float) -> dg.AssetChecksDefinition:
    """`lists_are_stable` and `every_reason_has_a_text`, which warn."""
    key = names.key(REASONS)

    @dg.multi_asset_check(
        name=f"{names.slug}__reasons_checks",
        specs=[
            dg.AssetCheckSpec(
                "lists_are_stable",
                asset=key,
                description="Counts the lists of reasons that attributions within the error of the method could "
                "change: equal or almost equal ones, sampled ones. If it fails: explain with an exact method, list "
                "fewer reasons, or group columns that say the same.",
            ),
            dg.AssetCheckSpec(
                "every_reason_has_a_text",
                asset=key,
                description="Compares the catalogue and the groups with the model's input columns. If it fails: add "
                "entries for the columns that share the text `otherwise`, and remove what the model does not have.",
            ),
        ],
        ins={REASONS: of_the_run(names, REASONS)},
        required_resource_keys={names.run_lock, names.tables},
    )
    @redact_errors
    @report_progress()
    @end_with_reasons
    def reasons_are_sound(context: dg.AssetCheckExecutionContext, reasons: ds.Dataset) -> Iterator[dg.AssetCheckResult]:
        counts = ListCounts.of_facts(part.part.facts for part in parts_of(context, names, REASONS))
        if counts is None:
            counts = ListCounts()
            for batch in rows_of(reasons, [RANK, STABLE]):
                counts.add(batch)
        yield _stable(key, counts.lists, counts.unstable, max_unstable)
        yield _catalogued(key, rules, LedgerProvenance.of(Provenance.of(reasons.schema)).features)

    return reasons_are_sound


def _stable(key: dg.AssetKey, lists: int, unstable: int, most: float) -> dg.AssetCheckResult:
    share = unstable / lists if lists else 0.0
    return dg.AssetCheckResult(
        check_name="lists_are_stable",
        asset_key=key,
        passed=share <= most,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{unstable} of {lists} lists of reasons could be others within the error of their attributions"
        + ("" if share <= most else f", which is more than explain.reasons.max_unstable, {most:g}"),
        metadata={"lists": lists, "unstable_lists": unstable, "unstable_share": share, "max_unstable": most},
    )


def _catalogued(key: dg.AssetKey, rules: ReasonRules, features: tuple[str, ...]) -> dg.AssetCheckResult:
    lacking, unknown = rules.uncatalogued(features), rules.unknown_columns(features)
    if not (lacking or unknown):
        words = (
            "There is no catalogue, so reasons have no texts"
            if rules.catalogue is None
            else f"All {len(rules.units(features).names)} columns and groups have an entry in the catalogue"
        )
    else:
        counts = {
            "columns or groups have no entry in the catalogue and share the text `otherwise`": len(lacking),
            "names in the groups and the catalogue are no columns of the model": len(unknown),
        }
        words = "; ".join(f"{count} {what}" for what, count in counts.items() if count)
    return dg.AssetCheckResult(
        check_name="every_reason_has_a_text",
        asset_key=key,
        passed=not (lacking or unknown),
        severity=dg.AssetCheckSeverity.WARN,
        description=words,
        metadata={
            "without_own_entry": list_names(lacking, none="(none)"),
            "columns_the_model_lacks": list_names(unknown, none="(none)"),
        },
    )
