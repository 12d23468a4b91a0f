"""Delta tables as input, and as lazy datasets."""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from mlops_assets.arrow.input_table import InputTable, keyed
from mlops_assets.errors import TableError
from mlops_assets.storage.location import Location
from mlops_assets.tables.delta.log import DataFile, DeltaVersion, open_version
from mlops_assets.tables.files import aligned
from mlops_assets.tables.parquet_files import ParquetFiles
from mlops_assets.tables.parquet_writer import TYPES, own_schema


def delta_table(
    place: Location,
    *,
    version: int | None = None,
    timestamp: str | None = None,
    row_key: Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    limit: int | None = None,
) -> InputTable:
    """A Delta table, or one of its versions, as an input table; its `uri` ends in the version that is read.

    Rows come in the order of `DeltaVersion.files`, and as they stand in each. Rows deleted since are not among them.

    Raises
    ------
    TableError
        As `open_version`; or a file of the version was vacuumed.
    """
    opened = open_version(place, version, timestamp)
    schema = own_schema_of(opened)

    def batches(wanted: Sequence[str]) -> Iterator[pa.RecordBatch]:
        result = pa.schema([schema.field(name) for name in wanted])
        for file in opened.files:
            _refuse_vacuumed(file, opened)
            for batch in _left(ParquetFiles().batches(file.location, schema, wanted), file, opened):
                yield aligned(batch, result, file.partition, file.location)

    def lazy(shown: pa.Schema) -> ds.Dataset:
        return dataset_of(opened, shown)

    return keyed(
        schema,
        batches,
        uri=opened.uri,
        row_key=row_key,
        columns=columns,
        limit=limit,
        lazy=None if opened.deleted else lazy,
    )


def own_schema_of(opened: DeltaVersion) -> pa.Schema:
    """The types that the table was published with, where it was published here and is unchanged; else Delta's."""
    if len(opened.files) == 1 and not opened.partition_columns:
        _refuse_vacuumed(opened.files[0], opened)
        stored = ParquetFiles().schema(opened.files[0].location)
        if TYPES in (stored.metadata or {}) and stored.names == opened.schema.names:
            return own_schema(stored)
    return opened.schema


def dataset_of(opened: DeltaVersion, schema: pa.Schema) -> ds.Dataset:
    """The version as a lazy dataset of these columns.

    Raises
    ------
    TableError
        Rows were deleted and still stand in their files: a lazy dataset cannot leave them out.
    """
    if opened.deleted:
        raise TableError(
            "Rows of the table were deleted without writing its files again (deletion vectors)",
            where=opened.uri,
            fix="Purge them (REORG TABLE ... APPLY (PURGE)), or materialize the asset that writes it",
        )
    if not opened.files:
        return ds.dataset(schema.empty_table())
    file_format = ds.ParquetFileFormat()
    fragments = []
    for file in opened.files:
        expression = pc.scalar(True)
        for name, value in file.partition.items():
            expression &= (pc.field(name) == value) if value.is_valid else pc.field(name).is_null()
        fragments.append(file_format.make_fragment(file.location.path, file.location.filesystem, expression))
    return ds.FileSystemDataset(fragments, schema, file_format, opened.files[0].location.filesystem)


def _left(batches: Iterator[pa.RecordBatch], file: DataFile, opened: DeltaVersion) -> Iterator[pa.RecordBatch]:
    """The rows that were not deleted."""
    kept = opened.deleted.get(file.inside)
    # A vector ends with its last deleted row.
    if kept is None:
        yield from batches
        return
    start = 0
    for batch in batches:
        mask = kept.slice(min(start, len(kept)), batch.num_rows).to_numpy(zero_copy_only=False)
        start += batch.num_rows
        yield batch.filter(pa.array(np.append(mask, np.ones(batch.num_rows - len(mask), dtype=bool))))


def _refuse_vacuumed(file: DataFile, opened: DeltaVersion) -> None:
    if not file.location.exists():
        raise TableError(
            f"A file of version {opened.version} is gone: old versions were vacuumed, or the table is damaged",
            where=opened.uri,
            fix="Read a newer version",
        )
