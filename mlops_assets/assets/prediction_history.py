"""The predictions of all runs, kept for the outcomes that come later."""

import dagster as dg
import pyarrow.dataset as ds

from mlops_assets.arrow.provenance import Provenance
from mlops_assets.io_managers.progress import report_progress
from mlops_assets.io_managers.tables import TableIOManager
from mlops_assets.naming import INPUT_SAMPLES, PREDICTION_HISTORY, PREDICTIONS, ModelNames
from mlops_assets.performance.history import PredictionHistory
from mlops_assets.redaction.errors import redact_errors
from mlops_assets.settings.outcomes import OutcomesSettings

CODE_VERSION = "1"

DESCRIPTION = """
The predictions that were published so far, those of earlier runs and versions too, for outcomes that come later.

A folder with one Parquet file per publication, in whatever format the tables are: row key, the model's outputs, the
segment columns of `outcomes.segments`, model version and digest. A run adds its predictions unless they are the newest
already; `outcomes.keep` in the YAML says how many are kept. `performance` reads them."""


def prediction_history_asset(
    names: ModelNames, settings: OutcomesSettings, partitions: "dg.PartitionsDefinition[str] | None"
) -> dg.AssetsDefinition:
    """`prediction_history` of one model, which `outcomes` asks for."""
    read = [PREDICTIONS, *([INPUT_SAMPLES] if settings.segments else [])]

    @dg.asset(
        key=names.key(PREDICTION_HISTORY),
        description=DESCRIPTION.strip(),
        ins={asset: dg.AssetIn(key=names.key(asset)) for asset in read},
        partitions_def=partitions,
        required_resource_keys={names.run_lock, names.tables},
        pool=names.pool,
        group_name=names.group,
        kinds={"parquet"},
        code_version=CODE_VERSION,
    )
    @redact_errors
    @report_progress(names.key(PREDICTION_HISTORY))
    def prediction_history(
        context: dg.AssetExecutionContext, predictions: ds.Dataset, **beside: ds.Dataset
    ) -> dg.MaterializeResult[None]:
        tables: TableIOManager = getattr(context.resources, names.tables)
        history = PredictionHistory(tables.place(PREDICTION_HISTORY))
        partition = context.partition_key if context.has_partition_key else None
        samples = beside.get(INPUT_SAMPLES)
        publication, new = history.add(predictions, samples, settings.segments, partition, settings.keep)
        return dg.MaterializeResult(
            metadata={
                "dagster/uri": history.folder.uri,
                "publication": publication.number,
                "model_version": publication.version,
                "added": "yes" if new else "no, it is the newest one already",
                "publications": len(history.publications()),
                "dagster/partition_row_count"
                if partition is not None
                else "dagster/row_count": predictions.count_rows(),
            },
            data_version=dg.DataVersion(Provenance.of(predictions.schema).data_version or ""),
        )

    return prediction_history
