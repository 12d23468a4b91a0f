"""The check of the interactions against the ledger."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import dagster as dg
import pyarrow.dataset as ds

from mlops_assets.arrow.provenance import Provenance
from mlops_assets.arrow.views import rows_of
from mlops_assets.checks.failures import end_with_reasons
from mlops_assets.engines.engine import Engine
from mlops_assets.explain.compare.interaction_sums import (
    judge_sums,
    judge_sums_in_parts,
    ledger_columns,
)
from mlops_assets.explain.compare.sum_verdict import SumVerdict
from mlops_assets.explain.ledger.interaction_table import COLUMNS
from mlops_assets.explain.ledger.stored import StoredLedger
from mlops_assets.io_managers.progress import report_progress
from mlops_assets.io_managers.rows import parts_of
from mlops_assets.io_managers.run_partition import of_the_run
from mlops_assets.metadata import SPACE, table_metadata
from mlops_assets.naming import SAMPLE_EXPLANATIONS, SAMPLE_INTERACTIONS, ModelNames
from mlops_assets.redaction.errors import redact_errors
from mlops_assets.settings.explain import ExplainSettings

NAME = "add_up_to_the_attributions"


def interaction_checks(
    names: ModelNames, explain: ExplainSettings, engine: Callable[[], Engine]
) -> dg.AssetChecksDefinition:
    """`add_up_to_the_attributions` (as `explain.additivity` says): each column's values give its attribution."""
    key, blocks = names.key(SAMPLE_INTERACTIONS), explain.additivity == "block"

    @dg.multi_asset_check(
        name=f"{names.slug}__sample_interactions_checks",
        specs=[
            dg.AssetCheckSpec(
                NAME,
                asset=key,
                additional_deps=[names.key(SAMPLE_EXPLANATIONS)],
                blocking=True,
                description="Adds main effect, interactions and others_ of each column in each row, and compares the "
                "sum with the column's attribution in sample_explanations, key by key. If it fails: materialize both "
                "together. Stops the run with explain.additivity: block, else warns.",
            )
        ],
        ins={
            SAMPLE_INTERACTIONS: of_the_run(names, SAMPLE_INTERACTIONS),
            SAMPLE_EXPLANATIONS: of_the_run(names, SAMPLE_EXPLANATIONS),
        },
        required_resource_keys={names.run_lock, names.tables},
    )
    @redact_errors
    @report_progress()
    @end_with_reasons
    def interactions_are_sound(
        context: dg.AssetCheckExecutionContext, sample_interactions: ds.Dataset, sample_explanations: ds.Dataset
    ) -> Iterator[dg.AssetCheckResult]:
        source = Provenance.of(sample_interactions.schema)
        columns = tuple(json.loads(source.extra[COLUMNS]))
        made, explained = (parts_of(context, names, asset) for asset in (SAMPLE_INTERACTIONS, SAMPLE_EXPLANATIONS))
        if made and len(made) == len(explained):
            verdict = judge_sums_in_parts(engine(), explained, made, columns, context.log.info)
        else:
            ledger = StoredLedger.of(sample_explanations).rows(ledger_columns(source.row_key, columns))
            verdict = judge_sums(ledger, rows_of(sample_interactions), source.row_key, columns)
        yield _result(verdict, source, key, blocks=blocks)

    return interactions_are_sound


def _result(verdict: SumVerdict, source: Provenance, key: dg.AssetKey, *, blocks: bool) -> dg.AssetCheckResult:
    metadata: dict[str, Any] = {
        "rows": verdict.rows,
        "ledger_rows": verdict.ledger_rows,
        "sums_beyond_tolerance": verdict.beyond,
        "largest_difference": verdict.largest,
        "largest_difference_in_tolerances": verdict.largest_ratio,
        SPACE: source.extra.get("space", ""),
    }
    if verdict.listed:
        texts = dict.fromkeys((*source.row_key, "output", "column"), "string")
        metadata["beyond"] = table_metadata(verdict.listed, texts | {"difference": "float", "tolerance": "float"})
    return dg.AssetCheckResult(
        check_name=NAME,
        asset_key=key,
        passed=verdict.passed,
        severity=dg.AssetCheckSeverity.ERROR if blocks else dg.AssetCheckSeverity.WARN,
        description=_describe(verdict),
        metadata=metadata,
    )


def _describe(verdict: SumVerdict) -> str:
    if not verdict.are_the_same_rows:
        return (
            f"{verdict.rows} rows of sample_interactions and {verdict.ledger_rows} of sample_explanations are not the "
            "same, key by key. Materialize both together"
        )
    if verdict.beyond:
        return (
            f"{verdict.beyond} sums of main effect and interactions miss the attribution, by at most "
            f"{verdict.largest:.3g}. The table lists some. Materialize sample_explanations and sample_interactions "
            "together; if it recurs, report it as a defect of mlops_assets"
        )
    return f"Main effects and interactions give the attributions within rounding in all {verdict.rows} rows"
