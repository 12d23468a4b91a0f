"""Have inputs and predictions changed since the reference, and does the change of the mean prediction add up?"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg
import pyarrow.dataset as ds

from mlops_assets.arrow.provenance import Provenance
from mlops_assets.checks.failures import end_with_reasons
from mlops_assets.explain.drift.drift_table import (
    MOST_GAP,
    NO_REFERENCE,
    NOT_DECOMPOSED,
    REFERENCE_NAME,
    largest_gap,
)
from mlops_assets.explain.drift.profile import ALL_ROWS
from mlops_assets.io_managers.progress import report_progress
from mlops_assets.io_managers.run_partition import of_the_run
from mlops_assets.metadata import list_names, quote_markdown, strongest_columns
from mlops_assets.naming import DRIFT, ModelNames
from mlops_assets.redaction.errors import redact_errors


def drift_checks(names: ModelNames, false_alarm_rate: float) -> dg.AssetChecksDefinition:
    """`inputs_have_not_drifted`, `predictions_have_not_drifted` and `changes_add_up`, which warn."""
    key = names.key(DRIFT)
    help_text = (
        "If it fails: look at the columns it names, the strongest first, and ask where they come from. Thresholds "
        "and reference are in `monitor`."
    )

    @dg.multi_asset_check(
        name=f"{names.slug}__drift_checks",
        specs=[
            dg.AssetCheckSpec(
                "inputs_have_not_drifted",
                asset=key,
                description=f"Compares the distribution of each input column with the reference. {help_text}",
            ),
            dg.AssetCheckSpec(
                "predictions_have_not_drifted",
                asset=key,
                description=f"Compares the distribution of what the model returned with the reference. {help_text}",
            ),
            dg.AssetCheckSpec(
                "changes_add_up",
                asset=key,
                description="Adds up the changes of the mean attributions, of the base value and of the residual, and "
                "compares the sum with the change of the mean explained value. If it fails: the ledger does not add "
                "up, which its check `additive` shows as well.",
            ),
        ],
        ins={DRIFT: of_the_run(names, DRIFT)},
        required_resource_keys={names.run_lock, names.tables},
    )
    @redact_errors
    @report_progress()
    @end_with_reasons
    def drift_is_small(_context: dg.AssetCheckExecutionContext, drift: ds.Dataset) -> Iterator[dg.AssetCheckResult]:
        extra = Provenance.of(drift.schema).extra
        reference = extra.get(REFERENCE_NAME, "")
        rows = drift.to_table().to_pylist()
        for role in ("input", "prediction"):
            yield _unchanged(key, role, [row for row in rows if row["role"] == role], reference, false_alarm_rate)
        yield _adds_up(key, rows, extra.get(NOT_DECOMPOSED, ""))

    return drift_is_small


def _unchanged(
    key: dg.AssetKey, role: str, rows: Sequence[Mapping[str, Any]], reference: str, rate: float
) -> dg.AssetCheckResult:
    compared = [row for row in rows if row["rank"] is not None]
    drifted = sorted((row for row in compared if row["drifted"]), key=lambda row: row["rank"])
    strongest = sorted(drifted or compared, key=lambda row: row["rank"])[:10]
    of_segments = len({row["segment"] for row in compared} - {ALL_ROWS})
    columns = len({row["column_name"] for row in compared})
    if not compared:
        nothing = reference.removeprefix(NO_REFERENCE)
        words = (
            f"Nothing was compared: {nothing}"
            if nothing != reference
            else f"No {role} column was compared with {reference}"
        )
    elif not drifted:
        words = f"None of {columns} {role} columns has drifted from {reference}"
    else:
        named = list_names(dict.fromkeys(_name(row) for row in drifted))
        words = f"{len(drifted)} of {len(compared)} compared {role} columns have drifted from {reference}: {named}"
    return dg.AssetCheckResult(
        check_name=f"{role}s_have_not_drifted",
        asset_key=key,
        passed=not drifted,
        severity=dg.AssetCheckSeverity.WARN,
        # Names of columns, values of segments, and the reference as somebody has named it.
        description=quote_markdown(words),
        metadata={
            "columns": columns,
            "segments": of_segments,
            "drifted": list_names(dict.fromkeys(_name(row) for row in drifted), none="(none)"),
            "drifted_columns": len(drifted),
            "false_alarm_rate": rate,
            "strongest": strongest_columns(strongest),
        },
    )


def _name(row: Mapping[str, Any]) -> str:
    return row["column_name"] if row["segment"] == ALL_ROWS else f"{row['column_name']} ({row['segment']})"


def _adds_up(key: dg.AssetKey, rows: Sequence[Mapping[str, Any]], refusal: str) -> dg.AssetCheckResult:
    gap = largest_gap(rows)
    passed = gap is None or gap <= MOST_GAP
    if gap is None:
        words = f"The change of the mean prediction is not decomposed: {refusal or 'no row was explained'}"
    else:
        words = (
            f"The parts differ from the change of the mean explained value by {gap:.2g} of the scale of their means"
            + ("" if passed else f", which is more than {MOST_GAP:g}")
        )
    return dg.AssetCheckResult(
        check_name="changes_add_up",
        asset_key=key,
        passed=passed,
        severity=dg.AssetCheckSeverity.WARN,
        description=words,
        metadata={"largest_gap": 0.0 if gap is None else gap, "most_gap": MOST_GAP},
    )
