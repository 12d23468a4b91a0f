"""Delta tables as input, and as lazy datasets."""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from mlops_assets.arrow.input_table import InputTable, key_rows
from mlops_assets.errors import TableError
from mlops_assets.storage.location import Location
from mlops_assets.tables.delta.log import DataFile, DeltaVersion, open_version
from mlops_assets.tables.files import align_columns
from mlops_assets.tables.parquet_files import ParquetFiles
from mlops_assets.tables.parquet_writer import TYPES, table_schema
from mlops_assets.tables.reading import FilesRead


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

    Rows come in the order of `DeltaVersion.files`, and in each file in its order. Rows deleted since are left out.

    Raises
    ------
    TableError
        As `open_version`; or a file of the version was vacuumed.
    """
    snapshot = open_version(place, version, timestamp)
    schema = table_schema_of(snapshot)

    read = FilesRead([file.location for file in snapshot.files], ParquetFiles().count_rows)

    def batches(wanted: Sequence[str]) -> Iterator[pa.RecordBatch]:
        result = pa.schema([schema.field(name) for name in wanted])
        for number, file in enumerate(snapshot.files):
            read.begin(number)
            _refuse_vacuumed(file, snapshot)
            for batch in _without_deleted(ParquetFiles().batches(file.location, schema, wanted), file, snapshot):
                yield align_columns(batch, result, file.partition, file.location)

    def lazy(shown: pa.Schema) -> ds.Dataset:
        return dataset_of(snapshot, shown)

    return key_rows(
        schema,
        batches,
        uri=snapshot.uri,
        row_key=row_key,
        columns=columns,
        limit=limit,
        lazy=None if snapshot.deleted else lazy,
        # Rows that were deleted are still in their files.
        count=None if snapshot.deleted else read.count,
        share=read.share,
    )


def table_schema_of(snapshot: DeltaVersion) -> pa.Schema:
    """The types that the table was published with, where it was published here and is unchanged; else Delta's."""
    if len(snapshot.files) == 1 and not snapshot.partition_columns:
        _refuse_vacuumed(snapshot.files[0], snapshot)
        stored = ParquetFiles().schema(snapshot.files[0].location)
        if TYPES in (stored.metadata or {}) and stored.names == snapshot.schema.names:
            return table_schema(stored)
    return snapshot.schema


def dataset_of(snapshot: DeltaVersion, schema: pa.Schema) -> ds.Dataset:
    """The version as a lazy dataset of these columns.

    Raises
    ------
    TableError
        Rows were deleted and are still in their files: a lazy dataset cannot leave them out.
    """
    if snapshot.deleted:
        raise TableError(
            "Rows of the table were deleted without writing its files again (deletion vectors)",
            where=snapshot.uri,
            fix="Purge them (REORG TABLE ... APPLY (PURGE)), or materialize the asset that writes it",
        )
    if not snapshot.files:
        return ds.dataset(schema.empty_table())
    # Delta's times are microseconds; Spark may have stored them as INT96.
    file_format = ds.ParquetFileFormat(coerce_int96_timestamp_unit="us")
    fragments = []
    for file in snapshot.files:
        expression = pc.scalar(True)
        for name, value in file.partition.items():
            expression &= (pc.field(name) == value) if value.is_valid else pc.field(name).is_null()
        fragments.append(file_format.make_fragment(file.location.path, file.location.filesystem, expression))
    return ds.FileSystemDataset(fragments, schema, file_format, snapshot.files[0].location.filesystem)


def _without_deleted(
    batches: Iterator[pa.RecordBatch], file: DataFile, snapshot: DeltaVersion
) -> Iterator[pa.RecordBatch]:
    """The rows that were not deleted."""
    is_live = snapshot.deleted.get(file.inside)
    # A vector ends with its last deleted row.
    if is_live is None:
        yield from batches
        return
    start = 0
    for batch in batches:
        mask = is_live.slice(min(start, len(is_live)), batch.num_rows).to_numpy(zero_copy_only=False)
        start += batch.num_rows
        yield batch.filter(pa.array(np.append(mask, np.ones(batch.num_rows - len(mask), dtype=bool))))


def _refuse_vacuumed(file: DataFile, snapshot: DeltaVersion) -> None:
    if not file.location.exists():
        raise TableError(
            f"A file of version {snapshot.version} is gone: old versions were vacuumed, or the table is damaged",
            where=snapshot.uri,
            fix="Read a newer version",
        )
