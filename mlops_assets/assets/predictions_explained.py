"""Predictions beside their explanations, for those who would join them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.dataset as ds

from mlops_assets.arrow.content_hash import hash_of
from mlops_assets.arrow.provenance import Provenance, with_provenance
from mlops_assets.explain.ledger.joined import join_explanations, trace_joined_columns
from mlops_assets.explain.ledger.provenance import LedgerProvenance
from mlops_assets.explain.spaces import SPACES
from mlops_assets.metadata import lineage_of_several
from mlops_assets.naming import PREDICTIONS, PREDICTIONS_EXPLAINED, SAMPLE_EXPLANATIONS, ModelNames
from mlops_assets.redaction.errors import redact_errors
from mlops_assets.settings.tables import OutputsSettings

CODE_VERSION = "1"

DESCRIPTION = """
Predictions and explanations in one table, so that nobody has to join them.

One row per explained row and output: row key, the model's outputs, then the columns of `sample_explanations`, model
version and digest. Rows that were not explained are left out. Use it in reports and dashboards; it takes as much
storage as `sample_explanations`."""


def predictions_explained_asset(
    names: ModelNames, outputs: OutputsSettings, partitions: "dg.PartitionsDefinition[str] | None"
) -> dg.AssetsDefinition:
    """`predictions_explained` of one model, which `outputs.joined` asks for."""
    sources = {asset: names.key(asset) for asset in (PREDICTIONS, SAMPLE_EXPLANATIONS)}

    @dg.asset(
        key=names.key(PREDICTIONS_EXPLAINED),
        description=DESCRIPTION.strip(),
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
    def predictions_explained(
        predictions: ds.Dataset, sample_explanations: ds.Dataset
    ) -> dg.MaterializeResult[pa.RecordBatchReader]:
        scored, explained = Provenance.of(predictions.schema), Provenance.of(sample_explanations.schema)
        version = hash_of(CODE_VERSION, scored.data_version or "", explained.data_version or "")
        space = LedgerProvenance.of(explained).space
        joined = join_explanations(predictions, sample_explanations, explained.row_key)
        return dg.MaterializeResult(
            value=with_provenance(joined, replace(explained, data_version=version)),
            metadata={
                **_lineage(
                    trace_joined_columns(predictions.schema, sample_explanations.schema, explained.row_key),
                    *sources.values(),
                ),
                "space": space,
                "space_meaning": SPACES[space].meaning,
            },
            data_version=dg.DataVersion(version),
        )

    return predictions_explained


def _lineage(
    joined: Mapping[str, tuple[str | None, str | None]], predictions: dg.AssetKey, explanations: dg.AssetKey
) -> dict[str, Any]:
    """Each column's own table; the row key and the model are of both."""
    tables = (predictions, explanations)
    columns = {
        column: [(key, (name,)) for key, name in zip(tables, names, strict=True) if name is not None]
        for column, names in joined.items()
    }
    return lineage_of_several(columns, own=columns)
