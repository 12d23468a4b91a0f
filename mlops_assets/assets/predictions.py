"""Predictions beside their row keys."""

import json
from collections.abc import Mapping
from enum import Enum
from typing import Any

import dagster as dg
import pyarrow.dataset as ds
from pydantic import Field

from mlops_assets.assets.engine_and_store import EngineAndStore
from mlops_assets.io_managers.progress import report_progress
from mlops_assets.io_managers.rows import ROWS, Rows, destination_of, parts_of, rows_with_provenance, then
from mlops_assets.metadata import (
    EXACT_STATISTICS,
    MOST_NAME,
    MOST_STATISTICS_BYTES,
    STATISTICS,
    lineage_metadata,
    pinned_model,
    table_metadata,
    work_metadata,
)
from mlops_assets.models.loaded_model import LoadedModel
from mlops_assets.naming import CHAMPION_MODEL, INPUT_SAMPLES, MODEL_SIGNATURE, PREDICTIONS, ModelNames
from mlops_assets.redaction.errors import redact_errors
from mlops_assets.scoring.prediction_columns import model_output_columns
from mlops_assets.scoring.score_table import CODE_VERSION, score_table
from mlops_assets.scoring.statistics import ColumnStatistics
from mlops_assets.settings.groups import PredictSettings
from mlops_assets.settings.tables import OutputsSettings

STATISTICS_COLUMNS = {
    "column": "string",
    "mean": "float",
    "std": "float",
    "min": "float",
    "max": "float",
    "null_count": "int",
    "not_finite_count": "int",
    "labels": "string",
}
# Columns whose mean is a number of its own, which the UI plots over time; the table has every column.
MOST_PLOTTED = 10


class PredictMethod(Enum):
    """Which method of the model is asked."""

    predict = "predict"
    predict_proba = "predict_proba"


def predictions_asset(
    names: ModelNames,
    defaults: PredictSettings,
    outputs: OutputsSettings,
    engine_and_store: EngineAndStore,
    partitions: "dg.PartitionsDefinition[str] | None",
    *,
    show_values: bool = False,
) -> dg.AssetsDefinition:
    """`predictions` of one model; `show_values`: a failure of the model names row keys."""

    class PredictConfig(dg.Config):
        """How a run predicts."""

        params: dict[str, Any] = Field(
            default=defaults.params, description="Inference params, validated by the signature's params schema."
        )
        predict_method: PredictMethod = Field(
            default=PredictMethod(defaults.method), description="predict, or predict_proba where the model has it."
        )

    @dg.asset(
        key=names.key(PREDICTIONS),
        ins={asset: dg.AssetIn(key=names.key(asset)) for asset in (CHAMPION_MODEL, MODEL_SIGNATURE, INPUT_SAMPLES)},
        io_manager_key=names.tables,
        dagster_type=ROWS,
        partitions_def=partitions,
        required_resource_keys={names.run_lock, names.tables},
        pool=names.pool,
        group_name=names.group,
        kinds={"mlflow", outputs.format},
        code_version=CODE_VERSION,
    )
    @redact_errors
    @report_progress(names.key(PREDICTIONS))
    def predictions(
        context: dg.AssetExecutionContext,
        config: PredictConfig,
        champion_model: LoadedModel,
        model_signature: str,
        input_samples: ds.Dataset,
    ) -> dg.MaterializeResult[Rows]:
        """The champion's prediction for every row of `input_samples`.

        One row per accepted row, in the same order: row key, the model's outputs, model version and digest. Join it to
        your table on the row key, and to `sample_explanations` for the reasons. Equal to the model's own `predict`; the
        same model, rows and params give the same bytes.
        """
        parts = parts_of(context, names, INPUT_SAMPLES)
        scored = score_table(
            champion_model,
            model_signature,
            input_samples,
            engine_and_store.engine(),
            name=names.model,
            method=config.predict_method.value,
            params=config.params,
            batch_rows=defaults.batch_rows,
            store=engine_and_store.store(),
            show_values=show_values,
            log=context.log.info,
            parts=parts,
            target=destination_of(context, names, PREDICTIONS) if parts else None,
        )
        rows, provenance = scored.rows, scored.provenance
        keys = {name: [name] for name in provenance.row_key}
        features = [name for name in input_samples.schema.names if name not in keys]
        depends = keys | dict.fromkeys(model_output_columns(rows.schema, provenance.row_key), features)

        def report_statistics() -> None:
            context.add_asset_metadata(_statistics(scored.statistics))
            context.add_asset_metadata(work_metadata(scored.tally.as_metadata()))

        return dg.MaterializeResult(
            value=rows_with_provenance(then(rows, report_statistics), provenance),
            metadata={
                **lineage_metadata(depends, names.key(INPUT_SAMPLES), own=keys),
                "model": pinned_model(names.model, champion_model.reference.version, champion_model.reference.digest),
                "model_version": champion_model.reference.version,
                "model_digest": champion_model.reference.digest,
                "predict_method": config.predict_method.value,
            },
            data_version=dg.DataVersion(scored.data_version),
        )

    return predictions


def _statistics(columns: Mapping[str, ColumnStatistics]) -> dict[str, Any]:
    measured = {name: statistics.as_floats() for name, statistics in columns.items()}
    rows = [{"column": name, **values, "labels": _labels(values)} for name, values in measured.items()]
    means = {f"{name}/mean": values["mean"] for name, values in measured.items() if "mean" in values}
    return {
        STATISTICS: table_metadata(rows, STATISTICS_COLUMNS),
        EXACT_STATISTICS: json.dumps(_exact(measured)),
        **{name: mean for name, mean in list(means.items())[:MOST_PLOTTED] if len(name) <= MOST_NAME},
    }


def _exact(measured: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """The measures of the first columns, as many as an event has room for; without labels as long as a sentence."""
    exact: dict[str, float] = {}
    room = MOST_STATISTICS_BYTES
    for name, values in measured.items():
        of_column = {f"{name}/{measure}": value for measure, value in values.items() if len(measure) <= MOST_NAME}
        room -= len(json.dumps(of_column))
        if room < 0:
            break
        exact |= of_column
    return exact


def _labels(values: Mapping[str, float]) -> str | None:
    shares = {name[len("share[") : -1]: value for name, value in values.items() if name.startswith("share[")}
    return ", ".join(f"{label}: {share:.1%}" for label, share in shares.items()) or None
