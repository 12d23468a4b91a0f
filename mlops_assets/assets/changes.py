"""What another version says of the same rows, which columns make the difference, and whom it affects."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import dagster as dg
import pyarrow as pa
import pyarrow.dataset as ds

from mlops_assets.arrow.provenance import with_provenance
from mlops_assets.assets.background import read_background
from mlops_assets.assets.engine_and_store import EngineAndStore
from mlops_assets.assets.explanation_pictures import causes_picture
from mlops_assets.errors import AliasNotFoundError, VersionNotFoundError
from mlops_assets.explain.columns import EXPLAINED_VALUE, OUTPUT, shap_column
from mlops_assets.explain.compare.change_rules import ChangeRules
from mlops_assets.explain.compare.change_summary import SUMMARY_VERSION, ChangeSummary, change_summary
from mlops_assets.explain.compare.changes_table import CHANGES_VERSION, OtherVersion, changes_table
from mlops_assets.explain.compare.comparison import (
    BASE_CHANGE,
    DIFFERENCE,
    PREDICTION_AFTER,
    PREDICTION_BEFORE,
    PREDICTION_CHANGE,
    RESIDUAL_CHANGE,
    VALUE_AFTER,
    VALUE_BEFORE,
    Comparison,
    change_column,
)
from mlops_assets.explain.spaces import SPACES
from mlops_assets.io_managers.champion import ChampionIOManager
from mlops_assets.io_managers.progress import report_progress
from mlops_assets.io_managers.rows import ROWS, Rows, destination_of, parts_of, rows_with_provenance
from mlops_assets.journal.journal import Journal, earlier_version
from mlops_assets.metadata import (
    SPACE,
    VERSION_AFTER,
    lineage_of_several,
    list_names,
    prefix_floats,
    strip_markup,
    table_metadata,
)
from mlops_assets.models.reference import ModelReference
from mlops_assets.naming import (
    CHAMPION_MODEL,
    CHANGE_SUMMARY,
    CHANGES,
    EXPLAIN_BACKGROUND,
    INPUT_SAMPLES,
    MODEL_SIGNATURE,
    REGISTRY,
    SAMPLE_EXPLANATIONS,
    ModelNames,
)
from mlops_assets.redaction.errors import redact_errors
from mlops_assets.resources.registry import MlflowRegistry
from mlops_assets.settings.changes import ChangesSettings
from mlops_assets.settings.explain import ExplainSettings
from mlops_assets.settings.groups import ContractSettings
from mlops_assets.settings.tables import OutputsSettings

CAUSES_SHOWN = 10
FACT_COLUMNS = {
    "output": "string",
    "segment_column": "string",
    "segment": "string",
    "rows": "int",
    "changed_share": "float",
    "swapped_up": "int",
    "swapped_down": "int",
    "mean_before": "float",
    "mean_after": "float",
    "mean_abs_change": "float",
    "most_by": "string",
}

DESCRIPTION = """
Two versions on the same rows: both predictions, their difference, and each input column's exact part of it.

One row per explained row and output that both versions have: row key, `prediction_before` and `_after`, whether that is
a change and a swap of the decision, `difference` (of the explained values, in `space`), `base_change` and one
`change_<column>` per input column, which add up to it. Use it to see for whom a new version decides differently, and
why. `explain.changes` in the YAML names the other version."""

SUMMARY_DESCRIPTION = """
Who is affected by the change of the version, and which columns cause it.

One row per output, segment and input column: rows, changed rows, swaps up and down at the decision threshold, means
before and after; `rank`, mean absolute and mean part of each column. Rows with null in `segment_column` are of all
rows. Read it before a candidate is promoted; `within_limits` compares it with the limits of explain.changes."""


@dataclass(frozen=True)
class ChangesSource:
    """What the assets of changes are made with.

    Attributes
    ----------
    explain, contract
        How the other version is explained, and how a background of its own is read.
    outputs, engine_and_store, partitions, root
        As for the ledger.
    """

    explain: ExplainSettings
    contract: ContractSettings
    outputs: OutputsSettings
    engine_and_store: EngineAndStore
    partitions: "dg.PartitionsDefinition[str] | None"
    root: Path

    @property
    def settings(self) -> ChangesSettings:
        """Of the comparison."""
        return self.explain.changes or ChangesSettings()

    @property
    def rules(self) -> ChangeRules:
        """How versions are compared."""
        return self.settings.rules()


def changes_assets(names: ModelNames, source: ChangesSource) -> list[dg.AssetsDefinition]:
    """`changes` and `change_summary` of one model; none where `explain.changes` does not ask for them."""
    if source.explain.changes is None:
        return []
    return [_changes(names, source), _change_summary(names, source)]


def _changes(names: ModelNames, source: ChangesSource) -> dg.AssetsDefinition:
    read = (CHAMPION_MODEL, MODEL_SIGNATURE, INPUT_SAMPLES, SAMPLE_EXPLANATIONS)
    background, rules = source.explain.background, source.rules
    ins = {asset: dg.AssetIn(key=names.key(asset)) for asset in read}
    if background is not None:
        reader = names.background_reader if background.path else None
        ins[EXPLAIN_BACKGROUND] = dg.AssetIn(key=background.asset_key(names), input_manager_key=reader)

    @dg.asset(
        key=names.key(CHANGES),
        description=DESCRIPTION.strip(),
        ins=ins,
        io_manager_key=names.tables,
        dagster_type=ROWS,
        partitions_def=source.partitions,
        required_resource_keys={names.run_lock, names.tables, names.journal, names.champion_store, REGISTRY},
        pool=names.pool,
        group_name=names.group,
        kinds={"shap", source.outputs.format},
        code_version=f"{CHANGES_VERSION}-{rules.digest[:12]}",
    )
    @redact_errors
    @report_progress(names.key(CHANGES))
    def changes(
        context: dg.AssetExecutionContext,
        champion_model: ModelReference,
        model_signature: str,
        input_samples: ds.Dataset,
        sample_explanations: ds.Dataset,
        **tables: Any,
    ) -> dg.MaterializeResult[Rows]:
        reference, why_not = _find_other(context, names, source.settings, champion_model)
        other = None
        if reference is not None:
            other = _open_other(context, names, source, reference, model_signature, tables)
        else:
            context.log.warning(f"Nothing is compared: {why_not}")
        ledger_parts = parts_of(context, names, SAMPLE_EXPLANATIONS)
        table = changes_table(
            sample_explanations,
            input_samples,
            other,
            rules,
            source.engine_and_store.engine,
            batch_rows=source.explain.batch_rows,
            store=source.engine_and_store.store(),
            show_values=source.contract.show_values,
            log=context.log.info,
            ledger_parts=ledger_parts,
            input_parts=parts_of(context, names, INPUT_SAMPLES),
            target=destination_of(context, names, CHANGES) if ledger_parts else None,
        )
        return dg.MaterializeResult(
            value=rows_with_provenance(table.rows, table.provenance),
            metadata={
                **_lineage(names, table.comparison),
                **_versions(table.comparison, why_not if other is None else ""),
            },
            data_version=dg.DataVersion(table.provenance.data_version or ""),
        )

    return changes


def _change_summary(names: ModelNames, source: ChangesSource) -> dg.AssetsDefinition:
    rules = source.rules

    @dg.asset(
        key=names.key(CHANGE_SUMMARY),
        description=SUMMARY_DESCRIPTION.strip(),
        ins={asset: dg.AssetIn(key=names.key(asset)) for asset in (CHANGES, INPUT_SAMPLES)},
        io_manager_key=names.tables,
        partitions_def=source.partitions,
        required_resource_keys={names.run_lock, names.tables},
        pool=names.pool,
        group_name=names.group,
        kinds={"shap", source.outputs.format},
        code_version=SUMMARY_VERSION,
    )
    @redact_errors
    @report_progress(names.key(CHANGE_SUMMARY))
    def change_summary_of_the_run(
        context: dg.AssetExecutionContext, changes: ds.Dataset, input_samples: ds.Dataset
    ) -> dg.MaterializeResult[pa.RecordBatchReader]:
        summary, provenance = change_summary(
            changes,
            input_samples,
            rules,
            source.engine_and_store.engine,
            change_parts=parts_of(context, names, CHANGES),
            input_parts=parts_of(context, names, INPUT_SAMPLES),
            log=context.log.info,
        )
        origin = summary.origin
        versions = f"Version {origin.after} after {origin.before}: " if origin.after != origin.before else ""
        context.log.info(f"{versions}{summary.sentence()}")
        table = summary.table()
        return dg.MaterializeResult(
            value=with_provenance(table.to_reader(), provenance),
            metadata={
                "summary": strip_markup(summary.sentence()),
                "version_before": summary.origin.before,
                VERSION_AFTER: summary.origin.after,
                SPACE: summary.origin.space,
                **describe_changes(summary),
            },
            data_version=dg.DataVersion(provenance.data_version or ""),
        )

    return change_summary_of_the_run


def describe_changes(summary: ChangeSummary) -> dict[str, Any]:
    """A summary as metadata: flat numbers, the groups of rows, the columns as a picture."""
    rows = [
        {
            **{name: getattr(each, name) for name in FACT_COLUMNS if name != "most_by"},
            "segment": strip_markup(each.segment),
            "segment_column": strip_markup(each.segment_column),
            "most_by": strip_markup(", ".join(name for name, *_ in each.ranked()[:3])),
        }
        for each in summary.facts
    ]
    metadata: dict[str, Any] = {
        "threshold": "(none)" if summary.origin.thresholds is None else f"{summary.origin.thresholds[1]:g}",
        "affected": table_metadata(rows, FACT_COLUMNS),
        **prefix_floats(summary.measures(), "changes"),
    }
    if summary.facts:
        metadata["causes"] = causes_picture(summary.causes(CAUSES_SHOWN), summary.origin.space)
    return metadata


def _find_other(
    context: dg.AssetExecutionContext, names: ModelNames, settings: ChangesSettings, scored: ModelReference
) -> tuple[ModelReference | None, str]:
    """The version to compare with; None, and why there is none."""
    registry: MlflowRegistry = getattr(context.resources, REGISTRY)
    store: ChampionIOManager = getattr(context.resources, names.champion_store)
    asked = settings.against if settings.candidate is None else settings.candidate
    if asked is None:
        journal: Journal = getattr(context.resources, names.journal).open()
        earlier = earlier_version(journal, scored.alias or "", scored.version)
        if earlier is None:
            return None, "the journal knows no champion before this version"
        try:
            return registry.pin(names.model, earlier, store.trust), ""
        except VersionNotFoundError:
            return None, f"version {earlier}, the champion before, is no longer registered"
    try:
        other = registry.pin(names.model, asked, store.trust)
    except AliasNotFoundError:
        return None, f"the alias {asked!r} points at no version"
    if other.version == scored.version:
        return None, f"{asked!r} is version {other.version}, which is the scored one"
    return other, ""


def _open_other(
    context: dg.AssetExecutionContext,
    names: ModelNames,
    source: ChangesSource,
    reference: ModelReference,
    signature: str,
    tables: Mapping[str, Any],
) -> OtherVersion:
    from mlops_assets.signatures.mlflow.signature_json import signature_to_json

    store: ChampionIOManager = getattr(context.resources, names.champion_store)
    model = store.load(reference)
    # A version without a signature is signed as the scored one was.
    own = signature if model.signature is None else signature_to_json(model.signature)
    background = source.explain.background
    rows = None
    if background is not None:
        rows = read_background(names, background, tables[EXPLAIN_BACKGROUND], own, source.contract, source.root)
    role: Literal["before", "after"] = "before" if source.settings.candidate is None else "after"
    return OtherVersion(model, own, role, rows)


def _versions(comparison: Comparison, why_not: str) -> dict[str, Any]:
    space = comparison.before.origin.space
    compared = {"not_compared": why_not} if why_not else {}
    thresholds = comparison.thresholds
    return {
        **compared,
        "version_before": comparison.before.version,
        VERSION_AFTER: comparison.after.version,
        "only_before": list_names(comparison.only_before, none="(none)"),
        "only_after": list_names(comparison.only_after, none="(none)"),
        "explainer_before": comparison.before.origin.explainer,
        "explainer_after": comparison.after.origin.explainer,
        "threshold": "(none)" if thresholds is None else f"{thresholds[0]:g} before, {thresholds[1]:g} after",
        SPACE: space,
        "space_meaning": SPACES[space].meaning,
    }


def _lineage(names: ModelNames, comparison: Comparison) -> dict[str, Any]:
    ledger, inputs = names.key(SAMPLE_EXPLANATIONS), names.key(INPUT_SAMPLES)
    own: dict[str, list[tuple[dg.AssetKey, list[str]]]] = {
        name: [(ledger, [name])] for name in (*comparison.key.names, OUTPUT)
    }
    depends = dict(own)
    read = [name for name in comparison.features if name in set(comparison.of_scored.origin.features)]
    values = (PREDICTION_BEFORE, PREDICTION_AFTER, PREDICTION_CHANGE, VALUE_BEFORE, VALUE_AFTER, DIFFERENCE)
    for name in values:
        own[name] = depends[name] = [(ledger, [EXPLAINED_VALUE]), (inputs, read)]
    own[BASE_CHANGE] = depends[BASE_CHANGE] = [(ledger, ["base_value"])]
    own[RESIDUAL_CHANGE] = depends[RESIDUAL_CHANGE] = [(ledger, ["residual"])]
    for name in read:
        own[change_column(name)] = [(ledger, [shap_column(name)]), (inputs, [name])]
        depends[change_column(name)] = [(ledger, [shap_column(name)]), (inputs, read)]
    return lineage_of_several(depends, own=own)
