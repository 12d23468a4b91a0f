"""Delta tables as input, and as lazy datasets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from mlops_assets.arrow.input_table import InputTable
from mlops_assets.errors import TableError
from mlops_assets.storage.location import Location
from mlops_assets.tables.delta.log import DataFile, DeltaVersion, open_version
from mlops_assets.tables.parquet_files import ParquetFiles
from mlops_assets.tables.parts.manifest import Manifest, read_manifest, refuse_changed
from mlops_assets.tables.parts.part import PublishedPart
from mlops_assets.tables.reading_plan import FilePart, ReadingPlan
from mlops_assets.tables.splits import open_plan
from mlops_assets.tables.stored_types import TYPES, table_schema

MANIFEST_PREFIX = "manifest-"
"""How the name of the first file of a table in parts begins."""


def delta_table(
    place: Location,
    *,
    version: int | None = None,
    timestamp: str | None = None,
    row_key: Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    limit: int | None = None,
    types: Mapping[str, str] | None = None,
) -> InputTable:
    """A Delta table, or one of its versions, as an input table; its `uri` ends in the version that is read.

    Rows come in the order of `DeltaVersion.files`, and in each file in its order. Rows deleted since are left out.

    Raises
    ------
    TableError
        As `open_version`; or a file of the version was vacuumed.
    """
    snapshot = open_version(place, version, timestamp)
    plan = ReadingPlan(
        snapshot.uri,
        ParquetFiles(),
        tuple(_part_of(file, snapshot) for file in snapshot.files),
        table_schema_of(snapshot),
        None if row_key is None else tuple(row_key),
        None if columns is None else tuple(columns),
        limit,
        types or {},
    )

    def lazy(shown: pa.Schema) -> ds.Dataset:
        return dataset_of(snapshot, shown)

    # Rows that were deleted are still in their files.
    if snapshot.deleted:
        return open_plan(plan, count=lambda: None)
    return open_plan(plan, lazy)


@dataclass(frozen=True)
class DeltaPart(FilePart):
    """A data file of a version: never written again under its name, but perhaps removed.

    Attributes
    ----------
    version, table_uri
        By which an error names the version.
    """

    version: int = -1
    table_uri: str = ""

    def look_up_facts(self) -> None:
        """None."""

    def check(self) -> None:
        if not self.location.exists():
            raise TableError(
                f"A file of version {self.version} is gone: old versions were vacuumed, or the table is damaged",
                where=self.table_uri,
                fix="Read a newer version",
            )


def _part_of(file: DataFile, snapshot: DeltaVersion) -> DeltaPart:
    live = snapshot.deleted.get(file.inside)
    return DeltaPart(
        file.location, file.inside, file.partition, live=live, version=snapshot.version, table_uri=snapshot.uri
    )


def table_schema_of(snapshot: DeltaVersion) -> pa.Schema:
    """The types that the table was published with, where it was published here and is unchanged; else Delta's."""
    if len(snapshot.files) == 1 and not snapshot.partition_columns:
        _part_of(snapshot.files[0], snapshot).check()
        stored = ParquetFiles().schema(snapshot.files[0].location)
        if TYPES in (stored.metadata or {}) and stored.names == snapshot.schema.names:
            return table_schema(stored)
    manifest = manifest_of(snapshot)
    return snapshot.schema if manifest is None else table_schema(manifest.schema)


def manifest_of(snapshot: DeltaVersion) -> Manifest | None:
    """The list of the parts that the version was published in; None where it is not exactly these any more.

    Raises
    ------
    TableError
        A part is gone, or is not what it was.
    """
    names = [file.inside for file in snapshot.files]
    if not names or not names[0].startswith(MANIFEST_PREFIX) or snapshot.deleted or snapshot.partition_columns:
        return None
    _part_of(snapshot.files[0], snapshot).check()
    manifest = read_manifest(snapshot.files[0].location)
    if manifest is None or [part.name for part in manifest.parts] != names[1:]:
        return None
    if snapshot.place.is_local:
        # A store would be asked for each file.
        refuse_changed(published_parts(manifest, snapshot))
    return manifest


def published_parts(manifest: Manifest, snapshot: DeltaVersion) -> tuple[PublishedPart, ...]:
    """The parts of a version that was published in parts, in order."""
    return tuple(
        PublishedPart(file.location, number, part.rows, part.bytes, part.key, part.facts)
        for number, (file, part) in enumerate(zip(snapshot.files[1:], manifest.parts, strict=True))
    )


def refuse_deleted(snapshot: DeltaVersion) -> None:
    """Refuse a version whose files hold rows that are deleted."""
    if snapshot.deleted:
        raise TableError(
            "Rows of the table were deleted without writing its files again (deletion vectors)",
            where=snapshot.uri,
            fix="Purge them (REORG TABLE ... APPLY (PURGE)), or materialize the asset that writes it",
        )


def dataset_of(snapshot: DeltaVersion, schema: pa.Schema) -> ds.Dataset:
    """The version as a lazy dataset of these columns.

    Raises
    ------
    TableError
        Rows were deleted and are still in their files: a lazy dataset cannot leave them out.
    """
    refuse_deleted(snapshot)
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
