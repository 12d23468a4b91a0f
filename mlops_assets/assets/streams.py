"""A bounded sample of the inputs and the model's answers to it, for signing."""

from typing import Any

import dagster as dg
import pyarrow as pa

from mlops_assets.errors import TableError
from mlops_assets.family import Family
from mlops_assets.io_managers.champion import ChampionIOManager
from mlops_assets.models.reference import ModelReference
from mlops_assets.tables.arrow_like import from_arrow_like
from mlops_assets.tables.input_table import InputTable
from mlops_assets.tables.provenance import Provenance

SIGNING_ROWS = 10_000


def input_table(family: Family, loaded: object) -> InputTable:
    """The inputs as a keyed table, whether they were read by this package or handed over by the user's own asset."""
    if isinstance(loaded, InputTable):
        return loaded
    settings = family.settings.inputs
    return from_arrow_like(
        loaded,
        row_key=settings.row_key,
        columns=settings.columns,
        limit=settings.limit,
        uri=family.inputs_key.to_user_string(),
    )


def with_provenance(reader: pa.RecordBatchReader, provenance: Provenance) -> pa.RecordBatchReader:
    """The same stream; its schema says where it comes from."""
    schema = reader.schema.with_metadata(provenance.to_metadata())
    return pa.RecordBatchReader.from_batches(schema, (batch.cast(schema) for batch in reader))


def signing_sample(context: dg.AssetExecutionContext, family: Family, reference: ModelReference) -> tuple[Any, Any]:
    """The first rows of the inputs without their key, and what the model returns for them.

    Raises
    ------
    TableError
        There are no rows to sign from.
    """
    if family.settings.inputs.path:
        table = getattr(context.resources, family.inputs_reader).open()
    else:
        table = input_table(family, context.load_asset_value(family.inputs_key))
    batches, rows = [], 0
    for batch in table.batches():
        batches.append(batch.slice(0, SIGNING_ROWS - rows))
        rows += batches[-1].num_rows
        if rows >= SIGNING_ROWS:
            break
    if not rows:
        raise TableError("There are no rows to make a signature from", where=table.uri, fix="Give a table with rows")
    sample = pa.Table.from_batches(batches).drop_columns(list(table.row_key)).to_pandas()
    store: ChampionIOManager = getattr(context.resources, family.champion_store)
    return sample, store.load(reference).predict(sample)
