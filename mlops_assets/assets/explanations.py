"""Why each row got its prediction, and which features matter."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from pydantic import Field

from mlops_assets.arrow.content_hash import hash_of
from mlops_assets.arrow.provenance import Provenance
from mlops_assets.arrow.views import rows_of
from mlops_assets.assets.engine_and_store import EXPLAINED_ROWS, chunk_store, engine_of
from mlops_assets.assets.progress import with_progress
from mlops_assets.assets.report import publish_report
from mlops_assets.assets.streams import with_provenance
from mlops_assets.engines.engine import Rows, Run, results
from mlops_assets.explain.columns import interaction_column, shap_column
from mlops_assets.explain.explainers.explainer import ExplainConfig, Explainer
from mlops_assets.explain.explainers.setup import draw_background_pool
from mlops_assets.explain.ledger.partitioned import join_partitions
from mlops_assets.explain.ledger.provenance import LedgerProvenance
from mlops_assets.explain.ledger.selection import Selection
from mlops_assets.explain.ledger.work import ExplainWork
from mlops_assets.family import Family
from mlops_assets.io_managers.tables import TableIOManager
from mlops_assets.metadata import ALLOW_MISSING, COLUMN_LINEAGE, lineage, picture, plain_text, table
from mlops_assets.models.loaded_model import LoadedModel
from mlops_assets.models.reference import ModelReference
from mlops_assets.naming import BACKGROUND

if TYPE_CHECKING:
    from mlops_assets.explain.ledger.summary import LedgerSummary

CODE_VERSION = "1"
TOP_FEATURES = 10
PARTITIONS_SHOWN = 20

MODEL_EXPLANATIONS_DESCRIPTION = """
Which features matter, per output: mean |SHAP| and mean SHAP over the ledger, rank, the model's own importance.

One row per output and feature. `rank` 1 is the feature with the largest mean |SHAP|; ties keep the signature's order.
`native_importance` is null where the model has none. A pure function of the ledger; of a partitioned one: of all
partitions that the pinned version has explained so far."""


def sample_explanations_asset(family: Family) -> dg.AssetsDefinition:
    """`sample_explanations` of one model."""
    defaults = family.settings.explain

    class ExplainRunConfig(dg.Config):
        """Which rows a run explains, and with what seed."""

        limit: int | None = Field(default=defaults.limit, description="Explain only the first rows. Null: every row.")
        sample: float | None = Field(
            default=defaults.sample,
            description="Explain a seeded sample: a fraction up to 1, or a number of rows above 1.",
        )
        where: str | None = Field(
            default=defaults.where,
            description="Explain only rows that pass, for example: prediction > 0.8 and age < 30.",
        )
        seed: int = Field(default=defaults.seed, description="Seed of the background sample and of sampled methods.")

        def selection(self) -> Selection:
            sample = int(self.sample) if self.sample is not None and self.sample > 1 else self.sample
            return Selection(limit=self.limit, sample=sample, where=self.where, seed=self.seed)

    @dg.asset(
        key=family.key("sample_explanations"),
        ins={name: dg.AssetIn(key=family.key(name)) for name in ("champion_model", "model_signature", "input_samples")},
        io_manager_key=family.tables,
        required_resource_keys={family.tables, family.turn},
        pool=family.pool,
        partitions_def=family.partitions,
        group_name=family.group,
        kinds={"shap", family.settings.outputs.format},
        code_version=CODE_VERSION,
    )
    def sample_explanations(
        context: dg.AssetExecutionContext,
        config: ExplainRunConfig,
        champion_model: LoadedModel,
        model_signature: str,
        input_samples: ds.Dataset,
    ) -> dg.MaterializeResult[pa.RecordBatchReader]:
        """The ledger: why each row got its prediction, one row per input row and output.

        Row key, output, prediction, base value, residual, one `shap_<column>` per column of the signature's inputs,
        model version and digest. base_value + the sum of the attributions + residual = prediction, in the space that
        the metadata names. A binary classification is explained for its positive class. Every row by default, in the
        order of `input_samples`; streams. The same inputs, model and seed give the same bytes.
        """
        from mlops_assets.signatures.mlflow.signature_json import signature_hash

        reference, source = champion_model.reference, Provenance.of(input_samples.schema)

        settings = ExplainConfig(
            KIND=defaults.KIND,
            seed=config.seed,
            background_rows=defaults.background_rows,
            mode=defaults.mode,
            interactions=defaults.interactions,
        )
        pool = draw_background_pool(rows_of(input_samples), settings)
        selection = config.selection()
        key = pa.schema([input_samples.schema.field(name) for name in source.row_key])
        count = input_samples.count_rows()
        rows = count if selection.limit is None else min(count, selection.limit)
        work = ExplainWork(champion_model, model_signature, key, pool, settings, selection, rows)
        explainer = work.explainer
        chosen = {**asdict(settings), "selection": repr(selection)}
        version = hash_of(
            CODE_VERSION,
            reference.digest,
            str(reference.version),
            signature_hash(model_signature),
            source.data_version or "",
            json.dumps(chosen, sort_keys=True),
        )
        provenance = Provenance(
            row_key=source.row_key,
            model=family.model,
            model_uri=reference.uri,
            model_digest=reference.digest,
            signature_hash=signature_hash(model_signature),
            inputs_version=source.data_version,
            data_version=version,
            extra=LedgerProvenance.describe(explainer, selection, settings).to_extra(),
        )
        publish_background(
            getattr(context.resources, family.tables), explainer, provenance, family.run_partition(context)
        )
        run = Run(
            work,
            Rows.of(
                input_samples, defaults.batch_rows, EXPLAINED_ROWS, None if selection.every_row else work.select_rows
            ),
            chunk_store(family),
            tell=context.log.info,
        )

        def ledger() -> Iterator[pa.RecordBatch]:
            whole = input_samples.count_rows() * len(explainer.outputs)
            yield from with_progress(results(engine_of(family), run), context.log, "explained", whole)
            context.add_asset_metadata(run.tally.as_metadata())

        shap_columns = {shap_column(name): explainer.features for name in explainer.features}
        shap_columns |= {interaction_column(*pair): pair for pair in explainer.interaction_pairs}
        reader = pa.RecordBatchReader.from_batches(work.schema, ledger())
        return dg.MaterializeResult(
            value=with_provenance(reader, provenance),
            metadata={
                COLUMN_LINEAGE: lineage(
                    {**shap_columns, **{name: [name] for name in source.row_key}}, family.key("input_samples")
                ),
                "model_version": reference.version,
                "model_digest": reference.digest,
                "explainer": explainer.KIND,
                "explainer_reason": explainer.reason,
                "space": explainer.space,
                "outputs": ", ".join(explainer.outputs),
                "background_digest": explainer.background_digest or "(none: the method needs no background)",
                "selection": str(selection),
            },
            data_version=dg.DataVersion(version),
        )

    return sample_explanations


def publish_background(
    tables: TableIOManager, explainer: Explainer, provenance: Provenance, partition: str | None = None
) -> None:
    """Store the rows that an explainer compares with beside the ledger, so that a receipt can be checked later."""
    if explainer.background is None:
        return
    background = pa.Table.from_pandas(explainer.background, preserve_index=False)
    stream = with_provenance(background.to_reader(), replace(provenance, row_key=(), extra={}))
    tables.publish(BACKGROUND, stream, partition)


def model_explanations_asset(family: Family) -> dg.AssetsDefinition:
    """`model_explanations` of one model."""

    ledger = family.key("sample_explanations")
    asset: Callable[..., Callable[[Callable[..., Any]], dg.AssetsDefinition]] = partial(
        dg.asset,
        key=family.key("model_explanations"),
        io_manager_key=family.tables,
        required_resource_keys={family.tables, family.turn},
        pool=family.pool,
        group_name=family.group,
        kinds={"shap", family.settings.outputs.format},
        code_version=CODE_VERSION,
        description=MODEL_EXPLANATIONS_DESCRIPTION.strip(),
    )
    if family.partitions is None:

        @asset(ins={"sample_explanations": dg.AssetIn(key=ledger)})
        def model_explanations(
            context: dg.AssetExecutionContext, sample_explanations: ds.Dataset
        ) -> dg.MaterializeResult[pa.RecordBatchReader]:
            return _summarised(context, family, sample_explanations)

        return model_explanations

    @asset(
        ins={
            "champion_model": dg.AssetIn(key=family.key("champion_model")),
            "sample_explanations": dg.AssetIn(key=ledger, metadata={ALLOW_MISSING: True}),
        }
    )
    def model_explanations_of_partitions(
        context: dg.AssetExecutionContext,
        champion_model: ModelReference,
        sample_explanations: dict[str, ds.Dataset],
    ) -> dg.MaterializeResult[pa.RecordBatchReader]:
        whole, left_out = join_partitions(sample_explanations, champion_model)
        context.add_asset_metadata(
            {
                "partitions_summarised": len(sample_explanations) - len(left_out),
                "partitions_of_other_versions": ", ".join(left_out[:PARTITIONS_SHOWN]) or "(none)",
            }
        )
        return _summarised(context, family, whole)

    return model_explanations_of_partitions


def _summarised(
    context: dg.AssetExecutionContext, family: Family, ledger: ds.Dataset
) -> dg.MaterializeResult[pa.RecordBatchReader]:
    from mlops_assets.explain.ledger.summary import LedgerSummary

    source = Provenance.of(ledger.schema)
    origin = LedgerProvenance.of(source)
    summary = LedgerSummary.from_batches(
        rows_of(ledger),
        origin.features,
        origin.outputs,
        native_importance=origin.native_importance,
    )
    found = summary.table()
    version = hash_of(CODE_VERSION, source.data_version or "")
    provenance = Provenance(
        model=source.model,
        model_uri=source.model_uri,
        model_digest=source.model_digest,
        signature_hash=source.signature_hash,
        inputs_version=source.data_version,
        data_version=version,
    )
    tables: TableIOManager = getattr(context.resources, family.tables)
    inputs = _explained_inputs(tables, source)
    report = publish_report(tables, ledger, summary, inputs)
    top = top_features(found)
    columns = {
        "output": "string",
        "rank": "int",
        "feature": "string",
        "mean_abs_shap": "float",
        "mean_shap": "float",
    }
    return dg.MaterializeResult(
        value=with_provenance(found.to_reader(), provenance),
        metadata={
            "summary_plot": picture(_summary_plot(summary, inputs, source), f"SHAP summary of {family.model}"),
            "report": dg.MetadataValue.path(report.address) if report.is_local else report.uri,
            COLUMN_LINEAGE: lineage(
                {
                    name: [shap_column(feature) for feature in origin.features]
                    for name in ("mean_abs_shap", "mean_shap", "rank")
                },
                family.key("sample_explanations"),
            ),
            "top_features": table(top, columns),
            "top_features_text": ", ".join(dict.fromkeys(plain_text(str(row["feature"])) for row in top[:5])),
            "features": len(origin.features),
            "rows_explained": summary.rows,
            "space": origin.space,
        },
        data_version=dg.DataVersion(version),
    )


def _explained_inputs(tables: TableIOManager, source: Provenance) -> ds.Dataset | None:
    """The rows that the ledger explains, while they are the published ones: they colour the plots."""
    if not tables.exists("input_samples"):
        return None
    inputs = tables.read("input_samples")
    return inputs if Provenance.of(inputs.schema).data_version == source.inputs_version else None


def _summary_plot(summary: "LedgerSummary", inputs: ds.Dataset | None, source: Provenance) -> bytes:
    """A beeswarm for one output, coloured by the inputs where they are at hand; else bars."""
    from mlops_assets.explain.ledger.summary import match_input_rows
    from mlops_assets.explain.report.summary_plot import summary_plot_svg

    sample = summary.sample(summary.outputs[0]) if len(summary.outputs) == 1 else None
    colours = None
    if sample is not None and inputs is not None:
        colours = match_input_rows(rows_of(inputs), sample, source.row_key, summary.features)
    return summary_plot_svg(summary, inputs=colours, space=LedgerProvenance.of(source).space, title=source.model or "")


def top_features(explanations: pa.Table) -> list[dict[str, Any]]:
    """The first `TOP_FEATURES` ranks of each output, as plain rows in order of rank."""
    rows: list[dict[str, Any]] = explanations.filter(pc.less_equal(explanations["rank"], TOP_FEATURES)).to_pylist()
    return sorted(rows, key=lambda row: (row["output"], row["rank"]))
