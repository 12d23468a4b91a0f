"""The table that is scored, as an external asset: somebody else writes it, and each run observes what it read."""

import dagster as dg
import pyarrow as pa

from mlops_assets.arrow.input_table import InputTable
from mlops_assets.metadata import COLUMN_SCHEMA, URI, schema_metadata, table_metadata
from mlops_assets.naming import ModelNames
from mlops_assets.scoring.column_descriptions import describe_inputs
from mlops_assets.settings.model import ModelSettings
from mlops_assets.settings.tables import InputsSettings

# The tag by which Dagster knows an external asset's version.
DATA_VERSION_TAG = "dagster/data_version"


def inputs_asset_spec(settings: ModelSettings) -> dg.AssetSpec:
    """`inputs` of one model, as far as its YAML says what it is: nothing is read."""
    names, inputs = settings.names, settings.inputs
    key = f"the row key is {', '.join(inputs.row_key)}" if inputs.row_key else "its index or row number is the row key"
    place = describe_place(inputs)
    return dg.AssetSpec(
        inputs.asset_key(names),
        description=f"The table that {names.model} scores: one row per case; {key}. External: somebody else writes "
        f"{place}. Each run reads it anew and observes its columns. Rows that do not fit the signature are in "
        "rejected_samples.",
        group_name=names.group,
        kinds={kind_of_table(inputs)},
        partitions_def=settings.partitions_def,
        metadata=place_metadata(inputs),
    )


def observe_inputs(
    context: dg.AssetExecutionContext,
    names: ModelNames,
    settings: InputsSettings,
    table: InputTable,
    ignored: tuple[str, ...],
    rows: int,
) -> None:
    """Note columns, place and number of the rows that were read; what others say of its version stays as it is.

    Parameters
    ----------
    table
        As it was read.
    ignored
        Columns that the model does not read.
    """
    if not settings.is_read:
        return
    key = settings.asset_key(names)
    partition = context.partition_key if context.has_partition_key else None
    schema: pa.Schema = table.schema
    descriptions = describe_inputs(schema.names, table.row_key, ignored, settings.carried)
    columns = [{"column": field.name, "type": field.type, "what": descriptions[field.name]} for field in schema]
    version = _reported_version(context.instance, key, partition)
    context.log_event(
        dg.AssetObservation(
            key,
            description=f"{rows} rows were read",
            partition=partition,
            metadata={
                COLUMN_SCHEMA: schema_metadata(schema, descriptions),
                # Of an observation the page shows no column schema: seen in dagster-webserver 1.13.27.
                "columns": table_metadata(columns, {"column": "string", "type": "string", "what": "string"}),
                URI: table.uri,
                "rows_read": rows,
            },
            tags={DATA_VERSION_TAG: version} if version is not None else {},
        )
    )


def _reported_version(instance: dg.DagsterInstance, key: dg.AssetKey, partition: str | None) -> str | None:
    """The data version that was reported last; an observation without it would count as another version."""
    records = dg.AssetRecordsFilter(key, asset_partitions=None if partition is None else [partition])
    newest = [*instance.fetch_observations(records, 1).records, *instance.fetch_materializations(records, 1).records]
    if not newest:
        return None
    record = max(newest, key=lambda record: record.storage_id)
    event = record.asset_observation or record.asset_materialization
    return (event.tags or {}).get(DATA_VERSION_TAG) if event is not None else None


def describe_place(settings: InputsSettings) -> str:
    """Which table is read, as its settings say: a path, an asset, or a table of a database."""
    if settings.asset:
        return f"the asset {settings.asset}"
    return settings.shown_path or _database_place(settings)


def place_metadata(settings: InputsSettings) -> dict[str, str]:
    """The path, the table or the query, for the page of an external asset."""
    if settings.path:
        return {"path": describe_place(settings)}
    table = settings.table
    if table is None:
        return {"query": settings.query or ""}
    return {"table": table if isinstance(table, str) else f"{table.database_schema}.{table.table}"}


def kind_of_table(settings: InputsSettings) -> str:
    """What Dagster shows an external asset as."""
    return "sql" if settings.database else settings.format or "table"


def _database_place(settings: InputsSettings) -> str:
    return "the result of a query" if settings.table is None else f"the table {place_metadata(settings)['table']}"
