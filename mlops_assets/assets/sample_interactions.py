"""What pairs of columns do together, in each row that is explained."""

from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.dataset as ds

from mlops_assets.arrow.provenance import Provenance
from mlops_assets.assets.engine_and_store import EngineAndStore
from mlops_assets.errors import ExplanationError
from mlops_assets.explain.columns import interaction_column, main_column, others_column, shap_column
from mlops_assets.explain.ledger.interaction_columns import named_columns, strongest_columns
from mlops_assets.explain.ledger.interaction_sizes import InteractionSizes
from mlops_assets.explain.ledger.interaction_table import (
    CODE_VERSION,
    Interactions,
    InteractionTable,
    interaction_table,
)
from mlops_assets.explain.ledger.interaction_work import value_columns
from mlops_assets.explain.ledger.provenance import LedgerProvenance
from mlops_assets.explain.ledger.selection import Selection
from mlops_assets.explain.spaces import SPACES
from mlops_assets.io_managers.progress import report_progress
from mlops_assets.io_managers.rows import ROWS, Rows, destination_of, parts_of, rows_with_provenance, then
from mlops_assets.metadata import SPACE, lineage_of_several, list_names, pinned_model, table_metadata, work_metadata
from mlops_assets.models.loaded_model import LoadedModel
from mlops_assets.naming import (
    CHAMPION_MODEL,
    INPUT_SAMPLES,
    MODEL_EXPLANATIONS,
    MODEL_SIGNATURE,
    SAMPLE_EXPLANATIONS,
    SAMPLE_INTERACTIONS,
    ModelNames,
)
from mlops_assets.redaction.errors import redact_errors
from mlops_assets.settings.explain import ExplainSettings
from mlops_assets.settings.interactions import InteractionSettings
from mlops_assets.settings.tables import OutputsSettings

PAIRS_SHOWN = 20
_PAIR_COLUMNS = {"output": "string", "column": "string", "with": "string", "mean_abs_interaction": "float"}

DESCRIPTION = """
What pairs of input columns do together (SHAP interaction values), for the columns that `explain.interactions` chooses.

One row per row of `sample_explanations`, in its order: row key, `output`, `main_<column>` (what a column does alone),
`interaction_<column>__<other>` (half of what two do together; the other half is the other column's) and
`others_<column>` (its interactions with all columns that are not chosen). A column's values of these three kinds add up
to its `shap_<column>`. Exact, in the unit that `space` names."""


def sample_interactions_asset(
    names: ModelNames,
    explain: ExplainSettings,
    settings: InteractionSettings,
    outputs: OutputsSettings,
    engine_and_store: EngineAndStore,
    partitions: "dg.PartitionsDefinition[str] | None",
    *,
    show_values: bool,
) -> dg.AssetsDefinition:
    """`sample_interactions` of one model, which `explain.interactions` asks for."""
    read = [CHAMPION_MODEL, MODEL_SIGNATURE, INPUT_SAMPLES, SAMPLE_EXPLANATIONS]
    if settings.strongest is not None:
        read.append(MODEL_EXPLANATIONS)

    @dg.asset(
        key=names.key(SAMPLE_INTERACTIONS),
        description=DESCRIPTION.strip(),
        ins={asset: dg.AssetIn(key=names.key(asset)) for asset in read},
        dagster_type=ROWS,
        io_manager_key=names.tables,
        partitions_def=partitions,
        required_resource_keys={names.run_lock, names.tables},
        pool=names.pool,
        group_name=names.group,
        kinds={"shap", outputs.format},
        code_version=CODE_VERSION,
    )
    @redact_errors
    @report_progress(names.key(SAMPLE_INTERACTIONS))
    def sample_interactions(
        context: dg.AssetExecutionContext,
        champion_model: LoadedModel,
        model_signature: str,
        input_samples: ds.Dataset,
        sample_explanations: ds.Dataset,
        **summaries: ds.Dataset,
    ) -> dg.MaterializeResult[Rows]:
        ledger = Provenance.of(sample_explanations.schema)
        features = LedgerProvenance.of(ledger).features
        columns, chosen_by = _choose(settings, summaries.get(MODEL_EXPLANATIONS), ledger, features)
        parts = parts_of(context, names, INPUT_SAMPLES)
        made = interaction_table(
            champion_model,
            model_signature,
            input_samples,
            engine_and_store.engine,
            Interactions(columns, chosen_by, ledger, sample_explanations.count_rows(), _configured(explain)),
            batch_rows=explain.batch_rows,
            store=engine_and_store.store(),
            show_values=show_values,
            log=context.log.info,
            parts=parts,
            target=destination_of(context, names, SAMPLE_INTERACTIONS) if parts else None,
        )
        context.log.info(f"Interactions of {list_names(columns)}, {chosen_by}")

        def report_work() -> None:
            context.add_asset_metadata(
                {**work_metadata(made.run.tally.as_metadata()), **_strongest_pairs(made.sizes, made.explainer.outputs)}
            )

        stream = pa.RecordBatchReader.from_batches(made.schema, made.batches())
        rows = stream if made.staged is None else made.staged
        return dg.MaterializeResult(
            value=rows_with_provenance(then(rows, report_work), made.provenance),
            metadata=_metadata(names, made, champion_model, chosen_by),
            data_version=dg.DataVersion(made.provenance.data_version or ""),
        )

    return sample_interactions


def _choose(
    settings: InteractionSettings, summary: ds.Dataset | None, ledger: Provenance, features: tuple[str, ...]
) -> tuple[tuple[str, ...], str]:
    """The columns, and why these, in words."""
    if settings.columns is not None:
        return named_columns(settings.columns, features), "named in explain.interactions.columns"
    assert summary is not None
    assert settings.strongest is not None
    source = Provenance.of(summary.schema)
    if source.inputs_version != ledger.data_version:
        raise ExplanationError(
            "model_explanations is not the summary of this sample_explanations",
            where="sample_interactions",
            fix="Materialize sample_explanations, model_explanations and sample_interactions together",
        )
    columns = strongest_columns(summary.to_table(), features, settings.strongest)
    return columns, f"with the largest mean absolute attributions in model_explanations {source.data_version}"


def _configured(explain: ExplainSettings) -> Selection:
    sample = int(explain.sample) if explain.sample is not None and explain.sample > 1 else explain.sample
    return Selection(limit=explain.limit, sample=sample, where=explain.where, seed=explain.seed)


def _strongest_pairs(sizes: InteractionSizes, outputs: tuple[str, ...]) -> dict[str, Any]:
    return {"strongest_pairs": table_metadata(sizes.strongest(outputs, PAIRS_SHOWN)[: PAIRS_SHOWN * 4], _PAIR_COLUMNS)}


def _metadata(names: ModelNames, made: InteractionTable, model: LoadedModel, chosen_by: str) -> dict[str, Any]:
    reference, explainer, columns = model.reference, made.explainer, made.work.columns
    inputs, ledger = names.key(INPUT_SAMPLES), names.key(SAMPLE_EXPLANATIONS)
    own: dict[str, list[tuple[dg.AssetKey, tuple[str, ...]]]] = {
        name: [(inputs, (name,)), (ledger, (name,))] for name in made.provenance.row_key
    }
    depends = dict(own)
    every = [(inputs, tuple(explainer.features))]
    for column in columns:
        own[main_column(column)] = own[others_column(column)] = [(inputs, (column,)), (ledger, (shap_column(column),))]
    for one, other in made.sizes.pairs:
        own[interaction_column(one, other)] = [(inputs, (one, other))]
    values = value_columns(explainer.features, columns)
    own = {name: sources for name, sources in own.items() if name in {*values, *made.provenance.row_key}}
    depends |= dict.fromkeys(values, every)
    left_out = [name for name in explainer.features if name not in columns]
    return {
        **lineage_of_several(depends, own=own),
        "model": pinned_model(reference.name, reference.version, reference.digest),
        "model_version": reference.version,
        "model_digest": reference.digest,
        "explainer": explainer.KIND,
        "columns": list_names(columns),
        "columns_chosen": chosen_by,
        "columns_left_out": list_names(left_out, none="(none: others_ has no columns)"),
        SPACE: explainer.space,
        "space_meaning": SPACES[explainer.space].meaning,
        "selection": str(made.work.selection),
    }
