"""Publishing as Parquet."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from itertools import chain
from typing import ClassVar

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from pyarrow import fs as arrow_fs

from mlops_assets.arrow.batching import batch_groups, fixed_batches, join_batches, table_of_batches
from mlops_assets.arrow.plain_types import plain_batch, plain_schema
from mlops_assets.errors import TableError
from mlops_assets.storage.location import Location
from mlops_assets.tables.column_storage import ColumnStorage
from mlops_assets.tables.files import table_files, translate_read_errors
from mlops_assets.tables.parquet_files import ParquetFiles, scan_format
from mlops_assets.tables.parts.manifest import (
    MANIFEST,
    ListedPart,
    Manifest,
    read_manifest,
    refuse_changed,
    write_manifest,
)
from mlops_assets.tables.parts.part import PublishedPart, StagedPart, part_name, part_record
from mlops_assets.tables.parts.staging import (
    Staging,
    find_staged,
    forget_staged,
    local_staging,
    stage,
    staging_folder,
    sweep_staging,
)
from mlops_assets.tables.parts.switch import (
    can_switch,
    link_parts,
    refuse_foreign_folder,
    replace_by_folder,
    sweep_versions,
    version_folder,
)
from mlops_assets.tables.stored_types import map_type, table_schema, with_types
from mlops_assets.tables.table_writer import (
    STALE,
    TableWriter,
    Written,
    select_from,
    translate_write_errors,
    with_metadata,
)
from mlops_assets.tables.word_columns import arrow_schema, number_words, plain_but_words, with_words

_SAMPLE_ROWS = 1024


class ParquetWriter(TableWriter):
    """One Parquet file per table, or a folder of that name with the table's parts in order.

    The name of a table in parts is a link to a hidden folder beside it: see `mlops_assets.tables.parts.switch`. A
    folder that a distributed engine wrote is read as well, and never replaced.

    Types come back as they were, nested ones too; dictionary-encoded columns come back plain. Where Parquet or Arrow's
    reader lacks a type (times in seconds, ``date64``; a fixed-size list that is null is written and not read,
    https://github.com/apache/arrow/issues/35692), the nearest one is stored and the table's own kept for `read`.
    """

    extension: ClassVar[str] = ".parquet"
    knows_parts: ClassVar[bool] = True

    ROW_GROUP_ROWS: ClassVar[int] = 131_072
    ROW_GROUP_BYTES: ClassVar[int] = 128 << 20
    """Wide rows make smaller groups: about so many bytes in memory, judged by a table's first rows."""

    def can_stage(self, place: Location) -> bool:
        return can_switch(self.path_of(place))

    def staging(self, place: Location) -> Staging:
        target = self.path_of(place)
        return local_staging(target, version_folder(target))

    def write_part(
        self,
        staging: Staging,
        key: str,
        reader: pa.RecordBatchReader,
        facts: Callable[[], Mapping[str, str]] = dict,
        watch: Callable[[pa.Table], None] | None = None,
    ) -> StagedPart:
        schema = with_metadata(plain_schema(reader.schema), {})
        self._refuse_unwritable(schema, staging.target)
        plain = (self._plain(batch, schema) for batch in reader)

        def write(sink: pa.NativeFile) -> None:
            self._write_file(plain, schema, sink, staging.target, lambda: part_record(key, facts()), watch)

        return self._stage(staging, key, write)

    def _stage(self, staging: Staging, key: str, write: Callable[[pa.NativeFile], None]) -> StagedPart:
        return stage(staging, key, write)

    def find_part(self, staging: Staging, key: str) -> StagedPart | None:
        return find_staged(staging, key)

    def commit(
        self,
        staging: Staging,
        parts: Sequence[StagedPart],
        schema: pa.Schema,
        extra: Sequence[Mapping[str, str]] | None = None,
        switch_guard: AbstractContextManager[object] | None = None,
    ) -> Written:
        target = staging.target
        schema = with_metadata(plain_schema(schema), {})
        self._refuse_unwritable(schema, target)
        refuse_foreign_folder(target)
        listed = list_parts(
            parts, extra, [f"{part_name(number, part.key)}.parquet" for number, part in enumerate(parts)]
        )
        with replace_by_folder(target) as (folder, switch):
            link_parts(
                [(staging.file(part), folder.child(entry.name)) for part, entry in zip(parts, listed, strict=True)]
            )
            manifest = folder.child(MANIFEST)
            with manifest.open_draft() as sink:
                write_manifest(self._stored_schema(schema), listed, sink)
            size = manifest.size() + sum(part.bytes for part in parts)
            with switch_guard or nullcontext():
                switch()
        sweep_versions(target)
        forget_staged(staging, {part.name for part in parts})
        return Written(target.uri, sum(part.rows for part in parts), schema, size)

    def parts(self, place: Location) -> tuple[PublishedPart, ...]:
        target = self.path_of(place)
        if not target.exists():
            raise TableError("No such table", where=target.uri, fix="Materialize the asset that writes it")
        folder, manifest = self._manifest(target)
        if manifest is not None:
            return manifest.published(folder)
        read = ParquetFiles()
        files = [file.location for file in table_files(target, read)]
        return tuple(PublishedPart(file, at, read.count_rows(file), file.size()) for at, file in enumerate(files))

    def read_part(self, part: PublishedPart, columns: Sequence[str] | None = None) -> ds.Dataset:
        return select_from(_file_dataset(part.location), part.location.uri, columns)

    def read_whole(self, place: Location) -> pa.Table:
        target = self.path_of(place)
        if target.kind() != arrow_fs.FileType.File:
            return super().read_whole(place)
        # A lazy dataset takes longer to open and to scan than a small file to read.
        stored = ParquetFiles().read_whole(target)
        schema = table_schema(stored.schema)
        return stored.replace_schema_metadata(schema.metadata) if stored.schema.equals(schema) else stored.cast(schema)

    def sweep(self, place: Location, older_than: timedelta = STALE) -> tuple[str, ...]:
        target = self.path_of(place)
        staged = sweep_staging(staging_folder(target)) if target.is_local else ()
        return (*super().sweep(place, older_than), *sweep_versions(target), *staged)

    def _after_switch(self, target: Location, companion: str) -> None:
        sweep_versions(target)

    def _manifest(self, target: Location) -> tuple[Location, Manifest | None]:
        """The folder of the table's parts, looked up once, and the list of them; None: a table without a list."""
        while True:
            version = version_folder(target)
            folder = version or target
            manifest = folder.child(MANIFEST)
            try:
                if version is None and not (target.kind() == arrow_fs.FileType.Directory and manifest.exists()):
                    return target, None
                return folder, read_manifest(manifest)
            except TableError:
                # Replaced since it was looked up, and removed.
                if version_folder(target) == version:
                    raise

    def _plain(self, batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
        return plain_but_words(batch, schema)

    def _write_rows(
        self, batches: Iterable[pa.RecordBatch], schema: pa.Schema, sink: pa.NativeFile, target: Location
    ) -> tuple[int, str]:
        return self._write_file(batches, schema, sink, target), ""

    def _write_file(
        self,
        batches: Iterable[pa.RecordBatch],
        schema: pa.Schema,
        sink: pa.NativeFile,
        target: Location,
        footer: Callable[[], Mapping[bytes, bytes]] = dict,
        watch: Callable[[pa.Table], None] | None = None,
    ) -> int:
        """Write all rows to `sink`, with what `footer` returns when they are written; returns how many there were.

        `watch` as of `write_part`.
        """
        stored = self._stored_schema(schema)
        rows, groups = 0, self._row_groups(batches)
        first = next(groups, None)
        encoded = stored if first is None else with_words(stored, first.schema)
        storage = ColumnStorage.of(first)
        with translate_write_errors(target):
            writer = pq.ParquetWriter(
                sink,
                encoded.remove_metadata(),
                compression=storage.codecs,
                use_dictionary=storage.dictionary,
                write_statistics=storage.statistics,
                version="2.6",
                store_schema=False,
            )
        try:
            for group in chain([] if first is None else [first], groups):
                with translate_write_errors(target):
                    writer.write_table(_cast(group, encoded, target), row_group_size=self.ROW_GROUP_ROWS)
                rows += group.num_rows
                if watch is not None:
                    watch(group)
            writer.add_key_value_metadata({**(stored.metadata or {}), **arrow_schema(stored), **footer()})
        finally:
            with translate_write_errors(target):
                writer.close()
        return rows

    def _row_groups(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
        stream, begun, seen = iter(batches), [], 0
        while seen < _SAMPLE_ROWS and (batch := next(stream, None)) is not None:
            begun.append(batch)
            seen += batch.num_rows
        first = next(fixed_batches(begun, _SAMPLE_ROWS), None)
        if first is None:
            return
        plain = plain_batch(first, plain_schema(first.schema))
        row_bytes = max(1, pa.ipc.get_record_batch_size(plain) // first.num_rows)
        samples = max(1, min(self.ROW_GROUP_ROWS, self.ROW_GROUP_BYTES // row_bytes) // _SAMPLE_ROWS)
        # Arrow fills pages by so many rows of an array at once: of other pieces it would make other pages.
        groups = batch_groups(chain(begun, stream), samples * _SAMPLE_ROWS, _SAMPLE_ROWS)
        yield from map(number_words, map(_join_nested, groups))

    def _dataset(self, target: Location) -> ds.Dataset:
        folder, manifest = self._manifest(target)
        if manifest is not None:
            parts = manifest.published(folder)
            refuse_changed(parts)
            # The list itself is a file without rows: so a table without parts is no special case.
            paths = [folder.child(MANIFEST).path, *(part.location.path for part in parts)]
            return ds.dataset(
                paths, schema=table_schema(manifest.schema), format=scan_format(), filesystem=folder.filesystem
            )
        files = table_files(target, ParquetFiles())
        if len(files) == 1:
            return _file_dataset(files[0].location)
        schema = table_schema(ParquetFiles().schema(files[0].location))
        return ds.dataset(
            [file.location.path for file in files], schema=schema, format=scan_format(), filesystem=target.filesystem
        )

    def _stored_schema(self, schema: pa.Schema) -> pa.Schema:
        """The types in the file, with those of the table kept in its metadata where they differ."""
        fields = [field.with_type(map_type(field.type, self._stored_leaf)) for field in schema]
        stored = pa.schema(fields, schema.metadata)
        return stored if stored.equals(schema) else with_types(stored, schema)

    def _stored_leaf(self, kind: pa.DataType) -> pa.DataType:
        """What is stored for a type that is not nested."""
        if pa.types.is_timestamp(kind) and kind.unit == "s":
            return pa.timestamp("ms", kind.tz)
        if kind == pa.time32("s"):
            return pa.time32("ms")
        if pa.types.is_date64(kind):
            return pa.date32()
        return kind

    def _can_hold(self, kind: pa.DataType) -> bool:
        return not (pa.types.is_union(kind) or pa.types.is_interval(kind))


def _file_dataset(file: Location) -> ds.Dataset:
    """One file as a lazy dataset of the table that it was written from."""
    form = scan_format()
    if not file.is_local:
        schema = table_schema(ParquetFiles().schema(file))
        return ds.dataset([file.path], schema=schema, format=form, filesystem=file.filesystem)
    # Opened once, so that one table is read to its end also when another one takes its place meanwhile: by its
    # path it would be opened at every scan, and the old footer's places sought in the new file.
    with translate_read_errors(file):
        stream = pa.OSFile(file.path)
        stored = ParquetFiles().schema_of(stream, file)
    return ds.FileSystemDataset([form.make_fragment(stream)], table_schema(stored), form)


def list_parts(
    parts: Sequence[StagedPart], extra: Sequence[Mapping[str, str]] | None, names: Sequence[str]
) -> list[ListedPart]:
    """What a manifest says of these parts, which are published under `names`."""
    further = extra if extra is not None else [{}] * len(parts)
    return [
        ListedPart(name, part.key, part.rows, part.bytes, {**part.facts, **more})
        for name, part, more in zip(names, parts, further, strict=True)
    ]


def _join_nested(group: list[pa.RecordBatch]) -> pa.Table:
    """A row group in pieces; in one piece are the columns that Arrow does not write row by row."""
    table = table_of_batches(group)
    kinds = zip(table.schema.names, table.schema.types, strict=True)
    nested = [name for name, kind in kinds if kind.num_fields or pa.types.is_dictionary(kind)]
    if len(group) == 1 or not nested:
        return table
    joined = join_batches([batch.select(nested) for batch in group])
    columns = [joined.column(name) if name in nested else table.column(name) for name in table.schema.names]
    return pa.Table.from_arrays(columns, schema=table.schema)


def _cast(table: pa.Table, stored: pa.Schema, target: Location) -> pa.Table:
    """`table` in the types of `stored`; a column with a value that has no place there is named."""
    columns = []
    for column, field in zip(table.columns, stored, strict=True):
        if column.null_count and not field.nullable:
            raise TableError(
                f"Column {field.name!r} is declared without nulls and has some, so it cannot be written as parquet",
                where=target.uri,
                fix="Fill the column, or declare it nullable",
            )
        try:
            columns.append(column if column.type == field.type else column.cast(field.type))
        except pa.ArrowInvalid:
            # Without its cause, which quotes the value.
            raise TableError(
                f"Column {field.name!r} is {column.type} and holds a value that {field.type} cannot hold",
                where=target.uri,
                fix="Round the column, or publish in another format",
            ) from None
    return pa.Table.from_arrays(columns, schema=stored)
