"""The reasons of each row in words, and beside the predictions."""

from dataclasses import replace
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.dataset as ds

from mlops_assets.arrow.content_hash import hash_of
from mlops_assets.arrow.provenance import Provenance, with_provenance
from mlops_assets.assets.engine_and_store import EngineAndStore
from mlops_assets.explain.columns import OUTPUT, shap_column
from mlops_assets.explain.ledger.provenance import LedgerProvenance
from mlops_assets.explain.reasons.reason_rows import ATTRIBUTION, CODE, FEATURE, RANK, SHARE, STABLE, TEXT, VALUE
from mlops_assets.explain.reasons.reasons_table import reasons_table
from mlops_assets.explain.reasons.rules import ReasonRules
from mlops_assets.explain.reasons.wide import join_reasons, wide_columns
from mlops_assets.explain.spaces import SPACES
from mlops_assets.io_managers.progress import report_progress
from mlops_assets.io_managers.rows import ROWS, Rows, destination_of, parts_of, rows_with_provenance
from mlops_assets.metadata import lineage_of_several, list_names
from mlops_assets.naming import (
    INPUT_SAMPLES,
    PREDICTIONS,
    PREDICTIONS_WITH_REASONS,
    REASONS,
    SAMPLE_EXPLANATIONS,
    ModelNames,
)
from mlops_assets.redaction.errors import redact_errors
from mlops_assets.scoring.prediction_columns import model_output_columns
from mlops_assets.settings.tables import OutputsSettings

CODE_VERSION = "1"

DESCRIPTION = """
Why each row got its prediction, in words: its first attributions, with codes and approved texts.

One row per explained row, output and rank: row key, `output`, `rank` (1 is the strongest), `feature` (an input column,
or a group of them), its `value` as text, `attribution`, `share`, `code` and `text` of the catalogue, and whether the
list is `stable`. Rows without any reason are left out. Use it for letters, decisions and reviews; `explain.reasons` in
the YAML says how many there are, and which way they point."""

JOINED_DESCRIPTION = """
Each prediction with its reasons side by side, so that nobody has to join them.

One row per prediction and explained output: row key, the model's outputs, `reason_1`, `reason_1_code`,
`reason_1_text` and so on, and whether the list is stable. Null where a row has fewer reasons or was not explained."""


def reasons_asset(
    names: ModelNames,
    rules: ReasonRules,
    outputs: OutputsSettings,
    engine_and_store: EngineAndStore,
    partitions: "dg.PartitionsDefinition[str] | None",
) -> dg.AssetsDefinition:
    """`reasons` of one model, which `explain.reasons` asks for."""
    ledger_key, inputs_key = names.key(SAMPLE_EXPLANATIONS), names.key(INPUT_SAMPLES)

    @dg.asset(
        key=names.key(REASONS),
        description=DESCRIPTION.strip(),
        ins={SAMPLE_EXPLANATIONS: dg.AssetIn(key=ledger_key), INPUT_SAMPLES: dg.AssetIn(key=inputs_key)},
        io_manager_key=names.tables,
        dagster_type=ROWS,
        partitions_def=partitions,
        required_resource_keys={names.run_lock, names.tables},
        pool=names.pool,
        group_name=names.group,
        kinds={"shap", outputs.format},
        # Another catalogue makes other reasons of the same ledger.
        code_version=f"{CODE_VERSION}-{rules.digest[:12]}",
    )
    @redact_errors
    @report_progress(names.key(REASONS))
    def reasons(
        context: dg.AssetExecutionContext, sample_explanations: ds.Dataset, input_samples: ds.Dataset
    ) -> dg.MaterializeResult[Rows]:
        ledger_parts = parts_of(context, names, SAMPLE_EXPLANATIONS)
        table = reasons_table(
            sample_explanations,
            input_samples,
            rules,
            engine_and_store.engine,
            ledger_parts=ledger_parts,
            input_parts=parts_of(context, names, INPUT_SAMPLES),
            target=destination_of(context, names, REASONS) if ledger_parts else None,
            log=context.log.info,
        )
        origin = LedgerProvenance.of(table.provenance)
        attributions = [shap_column(name) for name in origin.features]
        of_ledger = [(ledger_key, attributions)]
        both = [*of_ledger, (inputs_key, list(origin.features))]
        columns = {name: [(ledger_key, [name])] for name in (*table.provenance.row_key, OUTPUT)}
        depends = dict.fromkeys((RANK, FEATURE, ATTRIBUTION, SHARE, STABLE), of_ledger) | dict.fromkeys(
            (VALUE, CODE, TEXT), both
        )
        return dg.MaterializeResult(
            value=rows_with_provenance(table.rows, table.provenance),
            metadata={
                **lineage_of_several(columns | depends, own=columns),
                "reasons_at_most": rules.top,
                "toward": rules.toward,
                "catalogued": "no catalogue" if rules.catalogue is None else "yes",
                "without_own_entry": list_names(rules.uncatalogued(origin.features), none="(none)"),
                "columns_the_model_lacks": list_names(rules.unknown_columns(origin.features), none="(none)"),
                "space": origin.space,
                "space_meaning": SPACES[origin.space].meaning,
            },
            data_version=dg.DataVersion(table.provenance.data_version or ""),
        )

    return reasons


def predictions_with_reasons_asset(
    names: ModelNames, outputs: OutputsSettings, partitions: "dg.PartitionsDefinition[str] | None"
) -> dg.AssetsDefinition:
    """`predictions_with_reasons` of one model, which `explain.reasons.joined` asks for."""
    sources = {asset: names.key(asset) for asset in (PREDICTIONS, REASONS)}

    @dg.asset(
        key=names.key(PREDICTIONS_WITH_REASONS),
        description=JOINED_DESCRIPTION.strip(),
        ins={asset: dg.AssetIn(key=key) for asset, key in sources.items()},
        io_manager_key=names.tables,
        partitions_def=partitions,
        required_resource_keys={names.run_lock},
        pool=names.pool,
        group_name=names.group,
        kinds={"shap", outputs.format},
        code_version=CODE_VERSION,
    )
    @redact_errors
    def predictions_with_reasons(
        predictions: ds.Dataset, reasons: ds.Dataset
    ) -> dg.MaterializeResult[pa.RecordBatchReader]:
        scored, source = Provenance.of(predictions.schema), Provenance.of(reasons.schema)
        version = hash_of(CODE_VERSION, scored.data_version or "", source.data_version or "")
        rows = join_reasons(predictions, reasons)
        return dg.MaterializeResult(
            value=with_provenance(rows, replace(source, data_version=version)),
            metadata=_lineage(rows.schema, predictions.schema, source, sources),
            data_version=dg.DataVersion(version),
        )

    return predictions_with_reasons


def _lineage(
    joined: pa.Schema, predictions: pa.Schema, source: Provenance, sources: dict[str, dg.AssetKey]
) -> dict[str, Any]:
    """Each column's own table; the row key and the model are of both."""
    of_reasons = set(wide_columns(int(source.extra["reasons_top"])))
    scored, reasons = sources[PREDICTIONS], sources[REASONS]
    columns: dict[str, list[tuple[dg.AssetKey, list[str]]]] = {
        name: [(reasons, [FEATURE, CODE, TEXT, RANK, STABLE])] for name in joined.names if name in of_reasons
    }
    columns[OUTPUT] = [(reasons, [OUTPUT])]
    # Outputs keep their order; where a name is taken there is another one.
    outputs = [name for name in joined.names if name not in columns][len(source.row_key) : -2]
    for name, original in zip(outputs, model_output_columns(predictions, source.row_key), strict=True):
        columns[name] = [(scored, [original])]
    for name in (*source.row_key, "model_version", "model_digest"):
        columns[name] = [(scored, [name]), (reasons, [name])]
    return lineage_of_several(columns, own=columns)
