"""The check of the explanations against those of the previous champion."""

from collections.abc import Callable
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.dataset as ds

from mlops_assets.arrow.provenance import Provenance
from mlops_assets.arrow.views import rows_of
from mlops_assets.checks.failures import log_failure
from mlops_assets.engines.engine import Engine
from mlops_assets.errors import ContractError, MlopsAssetsError, RegistryError
from mlops_assets.explain.compare.changes import ExplanationDiff
from mlops_assets.explain.compare.two_versions import ExplainedVersion, compare_explanations
from mlops_assets.explain.explainers.background_parts import draw_rows_of_parts
from mlops_assets.explain.explainers.sampling import draw_rows
from mlops_assets.io_managers.champion import ChampionIOManager
from mlops_assets.io_managers.progress import report_progress
from mlops_assets.io_managers.rows import parts_of
from mlops_assets.io_managers.run_partition import of_the_run
from mlops_assets.journal.journal import Journal, champion_versions
from mlops_assets.metadata import quote_markdown, table_metadata
from mlops_assets.models.loaded_model import LoadedModel
from mlops_assets.naming import CHAMPION_MODEL, INPUT_SAMPLES, MODEL_EXPLANATIONS, REGISTRY, ModelNames
from mlops_assets.redaction.errors import redact_errors
from mlops_assets.resources.registry import MlflowRegistry
from mlops_assets.settings.explain import ExplainSettings

CHANGE_COLUMNS = {
    "output": "string",
    "feature": "string",
    "old_rank": "int",
    "new_rank": "int",
    "mean_abs_change": "float",
    "sign_flips": "float",
}
CHANGES_SHOWN = 20


def model_explanations_checks(
    names: ModelNames, explain: ExplainSettings, engine: Callable[[], Engine]
) -> dg.AssetChecksDefinition:
    """`like_the_previous_champion` (a warning): what mattered before still matters."""
    key = names.key(MODEL_EXPLANATIONS)

    @dg.asset_check(
        asset=key,
        name="like_the_previous_champion",
        additional_ins={
            CHAMPION_MODEL: dg.AssetIn(key=names.key(CHAMPION_MODEL)),
            INPUT_SAMPLES: of_the_run(names, INPUT_SAMPLES),
        },
        required_resource_keys={REGISTRY, names.journal, names.champion_store, names.run_lock, names.tables},
        description="Explains the same rows with this champion and with the one before, and compares the rankings of "
        "features (nDCG, 1 is equal). If it fails: read the table of changes. A warning.",
    )
    @redact_errors
    @report_progress()
    def like_the_previous_champion(
        context: dg.AssetCheckExecutionContext, champion_model: LoadedModel, input_samples: ds.Dataset
    ) -> dg.AssetCheckResult:
        reference = champion_model.reference
        journal: Journal = getattr(context.resources, names.journal).open()
        earlier = [
            version
            for version in champion_versions(journal, names.model, reference.alias or "")
            if version != reference.version
        ]
        if not earlier or explain.diff_rows == 0:
            why = "switched off by explain.diff_rows" if earlier else "no earlier champion"
            return _not_compared(f"Not compared: {why}", {"version": reference.version})
        registry: MlflowRegistry = getattr(context.resources, REGISTRY)
        store: ChampionIOManager = getattr(context.resources, names.champion_store)
        metadata: dict[str, Any] = {"version": reference.version, "compared_with": earlier[-1]}
        try:
            previous = store.load(registry.pin(names.model, earlier[-1], store.trust))
            rows = _draw(context, names, input_samples, explain, engine)
            diff = _diff(previous, champion_model, rows, explain)
        except (RegistryError, ContractError) as error:
            return _not_compared(f"Not comparable: {error}", metadata)
        except MlopsAssetsError as error:
            failed = dg.AssetCheckResult(
                passed=False,
                severity=dg.AssetCheckSeverity.WARN,
                description=quote_markdown(str(error)),
                metadata=metadata,
            )
            return log_failure(context, failed)
        result = dg.AssetCheckResult(
            passed=diff.lowest_ndcg >= explain.min_ndcg,
            severity=dg.AssetCheckSeverity.WARN,
            description=f"The ranking of features keeps {diff.lowest_ndcg:.3g} (nDCG) of version {earlier[-1]}'s on "
            f"{diff.rows} rows; explain.min_ndcg is {explain.min_ndcg:g}"
            + ("" if diff.lowest_ndcg >= explain.min_ndcg else ". Read the table of changes: are they meant?"),
            metadata=metadata
            | {
                "rows_compared": diff.rows,
                "space": _spaces(diff),
                "lowest_ndcg": float(diff.lowest_ndcg),
                "threshold": explain.min_ndcg,
                "highest_churn_of_the_top": float(diff.highest_churn),
                "changes": table_metadata(_changes(diff), CHANGE_COLUMNS),
            },
        )
        return log_failure(context, result)

    return like_the_previous_champion


def _draw(
    context: dg.AssetCheckExecutionContext,
    names: ModelNames,
    samples: ds.Dataset,
    settings: ExplainSettings,
    engine: Callable[[], Engine],
) -> pa.Table:
    parts = parts_of(context, names, INPUT_SAMPLES)
    if parts:
        rows = draw_rows_of_parts(engine(), parts, settings.diff_rows, settings.seed, context.log.info).rows
    else:
        rows = draw_rows(rows_of(samples), settings.diff_rows, settings.seed)
    return (pa.Table.from_batches([], samples.schema) if rows is None else rows).replace_schema_metadata(
        samples.schema.metadata
    )


def _diff(old: LoadedModel, new: LoadedModel, rows: pa.Table, settings: ExplainSettings) -> ExplanationDiff:
    versions = [ExplainedVersion(model, model.signature.inputs if model.signature else None) for model in (old, new)]
    row_key = Provenance.of(rows.schema).row_key
    return compare_explanations(versions[0], versions[1], rows, row_key, settings.config())


def _spaces(diff: ExplanationDiff) -> str:
    """The unit of `mean_abs_change`, or why there is none."""
    if diff.spaces is None:
        return "(no rows)"
    old, new = diff.spaces
    return new if diff.has_one_scale else f"before {old}, now {new}: sizes are not compared"


def _changes(diff: ExplanationDiff) -> list[dict[str, Any]]:
    rows = [vars(change) for output in diff.outputs for change in output.features]
    return sorted(rows, key=lambda row: -(row["mean_abs_change"] or 0.0))[:CHANGES_SHOWN]


def _not_compared(why: str, metadata: dict[str, Any]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=True,
        severity=dg.AssetCheckSeverity.WARN,
        description=quote_markdown(why),
        metadata=metadata | {"compared_with": why},
    )
