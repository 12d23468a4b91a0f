"""What an asset hands over as its table: a stream, or parts that are written already."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import dagster as dg
import pyarrow as pa

from mlops_assets.arrow.provenance import Provenance, with_provenance
from mlops_assets.io_managers.tables import TableIOManager
from mlops_assets.naming import ModelNames
from mlops_assets.scoring.apply_contract import RowsAside
from mlops_assets.tables.part_size import part_size
from mlops_assets.tables.staged_table import Destination, SourcePart, StagedTable

Rows: TypeAlias = pa.RecordBatchReader | StagedTable

AnyContext: TypeAlias = dg.AssetExecutionContext | dg.AssetCheckExecutionContext

ROWS = dg.DagsterType(
    type_check_fn=lambda _context, value: isinstance(value, pa.RecordBatchReader | StagedTable),
    name="Rows",
    typing_type=pa.RecordBatchReader,
    description="A table as a stream of Arrow batches, or as parts that wait to be published.",
)
"""The type of an asset's output: an IO manager of this package takes either, another one is given a stream."""


def rows_with_provenance(rows: Rows | RowsAside, provenance: Provenance) -> Rows:
    """The rows as they are published; their schema says where they come from.

    Parts that are together no larger than one become one file, as every small table is.
    """
    if isinstance(rows, StagedTable) and not rows.fits_in_one:
        return rows.with_provenance(provenance)
    stream = rows if isinstance(rows, pa.RecordBatchReader) else rows.reader()
    return with_provenance(stream, provenance)


def then(rows: Rows, end: Callable[[], None]) -> Rows:
    """The same rows; `end` is called when all of them were made."""
    if isinstance(rows, StagedTable):
        end()
        return rows

    def batches() -> Iterator[pa.RecordBatch]:
        yield from rows
        end()

    return pa.RecordBatchReader.from_batches(rows.schema, batches())


def can_stage(context: AnyContext, names: ModelNames, assets: Sequence[str]) -> bool:
    """Whether all of these tables can be written in parts; nothing is made for it."""
    tables = _tables(context, names)
    return tables is not None and all(tables.can_stage(asset, _partition(context)) for asset in assets)


def destinations_of(context: AnyContext, names: ModelNames, assets: Sequence[str]) -> list[Destination]:
    """Where workers put the parts of these tables of the run's partition; empty where one of them is not written so."""
    found = [destination_of(context, names, asset) for asset in assets]
    return [each for each in found if each is not None] if None not in found else []


def destination_of(context: AnyContext, names: ModelNames, asset: str) -> Destination | None:
    """Where workers put the parts of a table of the run's partition; None where it is not written so."""
    tables = _tables(context, names)
    return None if tables is None else tables.destination(asset, _partition(context))


def parts_of(context: AnyContext, names: ModelNames, asset: str) -> tuple[SourcePart, ...]:
    """The parts of a published table of the run's partition; none where it is read as a whole."""
    tables = _tables(context, names)
    partition = _partition(context)
    return () if tables is None else tables.parts(asset, partition)


def pieces_of(context: AnyContext, names: ModelNames, asset: str, partitions: Sequence[str]) -> tuple[SourcePart, ...]:
    """The parts of these partitions of a published table, in order, where they are together larger than one part."""
    tables = _tables(context, names)
    pieces = () if tables is None else tuple(piece for key in partitions for piece in tables.pieces(asset, key))
    return pieces if sum(piece.rows for piece in pieces) > part_size().rows else ()


def _tables(context: AnyContext, names: ModelNames) -> TableIOManager | None:
    tables = getattr(context.resources, names.tables)
    return tables if isinstance(tables, TableIOManager) else None


def _partition(context: AnyContext) -> str | None:
    return context.partition_key if context.has_partition_key else None
