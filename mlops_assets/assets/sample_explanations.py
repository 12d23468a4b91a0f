"""Why each row got its prediction."""

from collections.abc import Iterator
from dataclasses import replace
from enum import Enum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pyarrow as pa
import pyarrow.dataset as ds
from pydantic import Field

from mlops_assets.arrow.provenance import Provenance, with_provenance
from mlops_assets.assets.background import read_background
from mlops_assets.assets.engine_and_store import EngineAndStore
from mlops_assets.errors import ConfigurationError
from mlops_assets.explain.columns import interaction_column, shap_column
from mlops_assets.explain.ledger.explain_table import CODE_VERSION, explain_table
from mlops_assets.explain.ledger.selection import Selection
from mlops_assets.explain.report.contents import OUTPUTS_SHOWN
from mlops_assets.explain.report.facts_while_written import FactsOfPart
from mlops_assets.explain.spaces import SPACES
from mlops_assets.io_managers.ledger_notes import keep_notes
from mlops_assets.io_managers.progress import report_progress
from mlops_assets.io_managers.rows import ROWS, Rows, destination_of, parts_of, rows_with_provenance, then
from mlops_assets.metadata import lineage_metadata, list_names, pinned_model, work_metadata
from mlops_assets.models.loaded_model import LoadedModel
from mlops_assets.naming import (
    BACKGROUND,
    CHAMPION_MODEL,
    EXPLAIN_BACKGROUND,
    INPUT_SAMPLES,
    MODEL_SIGNATURE,
    SAMPLE_EXPLANATIONS,
    ModelNames,
)
from mlops_assets.redaction.errors import redact_errors
from mlops_assets.settings.background import BackgroundSettings
from mlops_assets.settings.explain import ExplainSettings
from mlops_assets.settings.groups import ContractSettings
from mlops_assets.settings.tables import OutputsSettings

if TYPE_CHECKING:
    import pandas as pd

LEDGER_DESCRIPTION = """
Why each row got its prediction: how much each input column adds to it (SHAP values).

One row per explained row and output (class, or output column; of two classes the positive one): row key, `base_value`,
one `shap_<column>` per input column, `residual`, `explained_value`. base_value + all shap_ columns + residual =
explained_value, on the scale that `space` names; `space_meaning` in the metadata leads back to the prediction. Join it
to `predictions` on the row key. Every row by default; limit, sample and filter are in the Launchpad."""

BACKGROUND_DESCRIPTION = """
The rows with which the explainer compares each row: the background of linear, sampled and interventional explanations.

One row per background row, in the columns of `input_samples`: at most `explain.background_rows`, drawn with the run's
seed; or all rows of `explain.background`, where trees are compared with it. Use it to recompute an explanation, as
`mlops-assets verify` does. It is made together with `sample_explanations`, and only where the method needs a
background: path-dependent explanations of trees need none."""


class ExplainSpace(Enum):
    """The scale that a run may ask for."""

    probability = "probability"
    loss = "loss"


def sample_explanations_assets(
    names: ModelNames,
    defaults: ExplainSettings,
    outputs: OutputsSettings,
    engine_and_store: EngineAndStore,
    partitions: "dg.PartitionsDefinition[str] | None",
    contract: ContractSettings,
    root: Path,
    label: str | None,
    *,
    profiled: bool = False,
) -> dg.AssetsDefinition:
    """`sample_explanations` of one model, and the background that they compare with: made in one step.

    `contract`: how the signature is applied to a background of its own, and whether a failure names row keys. `label`:
    the column with the true answers. `profiled`: a profile is made of the ledger.
    """
    background, show_values = defaults.background, contract.show_values

    class ExplainRunConfig(dg.Config):
        """Which rows a run explains, and with what seed."""

        limit: int | None = Field(default=defaults.limit, description="Explain only the first rows. Null: every row.")
        sample: float | None = Field(
            default=defaults.sample,
            description="Explain a seeded sample: a fraction up to 1, or a number of rows above 1.",
        )
        where: str | None = Field(
            default=defaults.where,
            description="Explain only rows that pass, for example: explained_value > 0.8 and age < 30.",
        )
        seed: int = Field(default=defaults.seed, description="Seed of the background sample and of sampled methods.")

        space: ExplainSpace | None = Field(
            default=None if defaults.space is None else ExplainSpace(defaults.space),
            description="probability: attributions of it, where the explainer gives them; loss: of each row's loss "
            "against inputs.label. Null: its own scale.",
        )

        def selection(self) -> Selection:
            sample = int(self.sample) if self.sample is not None and self.sample > 1 else self.sample
            return Selection(limit=self.limit, sample=sample, where=self.where, seed=self.seed)

    @dg.multi_asset(
        name=names.op(SAMPLE_EXPLANATIONS),
        ins={asset: dg.AssetIn(key=names.key(asset)) for asset in (CHAMPION_MODEL, MODEL_SIGNATURE, INPUT_SAMPLES)}
        | _background_input(names, background),
        outs={
            asset: dg.AssetOut(
                key=names.key(asset),
                description=description.strip(),
                dagster_type=ROWS,
                io_manager_key=names.tables,
                is_required=asset == SAMPLE_EXPLANATIONS,
                group_name=names.group,
                kinds={"shap", outputs.format},
                code_version=CODE_VERSION,
            )
            for asset, description in (
                (BACKGROUND, BACKGROUND_DESCRIPTION),
                (SAMPLE_EXPLANATIONS, LEDGER_DESCRIPTION),
            )
        },
        required_resource_keys={names.run_lock, names.tables},
        pool=names.pool,
        partitions_def=partitions,
    )
    @redact_errors
    @report_progress(names.key(SAMPLE_EXPLANATIONS))
    def sample_explanations(
        context: dg.AssetExecutionContext,
        config: ExplainRunConfig,
        champion_model: LoadedModel,
        model_signature: str,
        input_samples: ds.Dataset,
        **tables: Any,
    ) -> Iterator[dg.MaterializeResult[Rows]]:
        reference = champion_model.reference
        asked = defaults.model_copy(update={"space": None if config.space is None else config.space.value})
        if asked.space == "loss" and label is None:
            raise ConfigurationError(
                "Values of the loss need the true answers",
                where="explain.space",
                fix="Name their column in the YAML, as `inputs: {label: COLUMN}`",
            )
        parts = parts_of(context, names, INPUT_SAMPLES)
        compared = None
        if background is not None:
            loaded = tables[EXPLAIN_BACKGROUND]
            compared = read_background(names, background, loaded, model_signature, contract, root)
        explained = explain_table(
            champion_model,
            model_signature,
            input_samples,
            engine_and_store.engine,
            name=names.model,
            settings=asked.config(config.seed, label),
            selection=config.selection(),
            batch_rows=defaults.batch_rows,
            store=engine_and_store.store(),
            show_values=show_values,
            log=context.log.info,
            parts=parts,
            target=destination_of(context, names, SAMPLE_EXPLANATIONS) if parts else None,
            background=compared,
            observe=partial(FactsOfPart, profiled, OUTPUTS_SHOWN),
        )
        explainer, provenance = explained.explainer, explained.provenance
        if explainer.background is not None:
            source = names.key(INPUT_SAMPLES) if background is None else background.asset_key(names)
            yield _background(names, explainer.background, explainer.background_digest, provenance, source)

        def report_work() -> None:
            context.add_asset_metadata(
                work_metadata(explained.run.tally.as_metadata()), asset_key=names.key(SAMPLE_EXPLANATIONS)
            )

        keys = {name: (name,) for name in provenance.row_key}
        depends: dict[str, tuple[str, ...]] = {shap_column(name): explainer.features for name in explainer.features}
        own: dict[str, tuple[str, ...]] = {shap_column(name): (name,) for name in explainer.features}
        pairs = {interaction_column(*pair): tuple(pair) for pair in explainer.interaction_pairs}
        if explained.staged is not None:
            keep_notes(context, names, explained.data_version, explained.staged.parts, explained.notes)
        stream = pa.RecordBatchReader.from_batches(explained.schema, explained.batches())
        rows = stream if explained.staged is None else explained.staged
        yield dg.MaterializeResult(
            asset_key=names.key(SAMPLE_EXPLANATIONS),
            value=rows_with_provenance(then(rows, report_work), provenance),
            metadata={
                **lineage_metadata(
                    {**keys, **depends, **pairs}, names.key(INPUT_SAMPLES), own={**keys, **own, **pairs}
                ),
                "model": pinned_model(reference.name, reference.version, reference.digest),
                "model_version": reference.version,
                "model_digest": reference.digest,
                "explainer": explainer.KIND,
                "explainer_reason": explainer.reason,
                "space": explainer.space,
                "space_meaning": SPACES[explainer.space].meaning,
                "outputs": list_names(explainer.outputs),
                "background_digest": explainer.background_digest or "(none: the method needs no background)",
                "selection": str(explained.work.selection),
            },
            data_version=dg.DataVersion(explained.data_version),
        )

    return sample_explanations


def _background_input(names: ModelNames, background: BackgroundSettings | None) -> dict[str, dg.AssetIn]:
    if background is None:
        return {}
    reader = names.background_reader if background.path else None
    return {EXPLAIN_BACKGROUND: dg.AssetIn(key=background.asset_key(names), input_manager_key=reader)}


def _background(
    names: ModelNames, rows: "pd.DataFrame", digest: str | None, provenance: Provenance, source: dg.AssetKey
) -> dg.MaterializeResult[pa.RecordBatchReader]:
    table = pa.Table.from_pandas(rows, preserve_index=False)
    own = {name: (name,) for name in table.column_names}
    return dg.MaterializeResult(
        asset_key=names.key(BACKGROUND),
        value=with_provenance(table.to_reader(), replace(provenance, row_key=(), extra={})),
        metadata={
            **lineage_metadata(own, source, own=own),
            "background_digest": digest or "",
        },
        data_version=dg.DataVersion(provenance.data_version or ""),
    )
