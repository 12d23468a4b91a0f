"""Publishing as Parquet."""

import base64
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import ClassVar

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from mlops_assets.arrow.batching import fixed_batches
from mlops_assets.arrow.type_kinds import is_text
from mlops_assets.errors import TableError
from mlops_assets.storage.location import Location
from mlops_assets.tables.files import table_files, translate_read_errors
from mlops_assets.tables.parquet_files import ParquetFiles, scan_format
from mlops_assets.tables.table_writer import TableWriter, translate_write_errors

_SAMPLE_ROWS = 1024
TYPES = b"mlops_assets.arrow_schema"


class ParquetWriter(TableWriter):
    """One Parquet file per table; also reads a folder of that name, as a distributed engine writes it.

    Types come back as they were, nested ones too; dictionary-encoded columns come back plain. Where Parquet or Arrow's
    reader lacks a type (times in seconds, ``date64``; a fixed-size list that is null is written and not read,
    https://github.com/apache/arrow/issues/35692), the nearest one is stored and the table's own kept for `read`.
    """

    extension: ClassVar[str] = ".parquet"

    ROW_GROUP_ROWS: ClassVar[int] = 131_072
    ROW_GROUP_BYTES: ClassVar[int] = 128 << 20
    """Wide rows make smaller groups: about so many bytes in memory, judged by a table's first rows."""

    def _write_rows(
        self, batches: Iterable[pa.RecordBatch], schema: pa.Schema, sink: pa.NativeFile, target: Location
    ) -> tuple[int, str]:
        stored = self._stored_schema(schema)
        # Values of a number column seldom repeat: trying to encode them by dictionary costs four times the whole write.
        texts = [field.name for field in schema if is_text(field.type)]
        rows = 0
        with translate_write_errors(target):
            writer = pq.ParquetWriter(sink, stored, compression="snappy", use_dictionary=texts or False, version="2.6")
        try:
            for group in self._row_groups(batches):
                with translate_write_errors(target):
                    writer.write_batch(_cast(group, stored, target), row_group_size=self.ROW_GROUP_ROWS)
                rows += group.num_rows
        finally:
            with translate_write_errors(target):
                writer.close()
        return rows, ""

    def _row_groups(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        stream, begun, seen = iter(batches), [], 0
        while seen < _SAMPLE_ROWS and (batch := next(stream, None)) is not None:
            begun.append(batch)
            seen += batch.num_rows
        first = next(fixed_batches(begun, _SAMPLE_ROWS), None)
        if first is None:
            return
        row_bytes = max(1, pa.ipc.get_record_batch_size(first) // first.num_rows)
        samples = max(1, min(self.ROW_GROUP_ROWS, self.ROW_GROUP_BYTES // row_bytes) // _SAMPLE_ROWS)
        yield from fixed_batches(chain(begun, stream), samples * _SAMPLE_ROWS)

    def _dataset(self, target: Location) -> ds.Dataset:
        files = table_files(target, ParquetFiles())
        if target.is_local and len(files) == 1:
            # Opened once, so that one table is read to its end also when another one takes its place meanwhile: by its
            # path it would be opened at every scan, and the old footer's places sought in the new file.
            form, file = scan_format(), files[0].location
            with translate_read_errors(file):
                stream = pa.OSFile(file.path)
                stored = ParquetFiles().schema_of(stream, file)
            return ds.FileSystemDataset([form.make_fragment(stream)], table_schema(stored), form)
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


def _cast(batch: pa.RecordBatch, stored: pa.Schema, target: Location) -> pa.RecordBatch:
    """`batch` in the types of `stored`; a column with a value that has no place there is named."""
    columns = []
    for column, field in zip(batch.columns, stored, strict=True):
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
    return pa.RecordBatch.from_arrays(columns, schema=stored)


def table_schema(stored: pa.Schema) -> pa.Schema:
    """The schema of the table that a file with the schema `stored` was written from."""
    metadata = dict(stored.metadata or {})
    types = metadata.pop(TYPES, None)
    if types is None:
        return stored
    return pa.ipc.read_schema(pa.py_buffer(base64.b64decode(types))).with_metadata(metadata or None)


def with_types(stored: pa.Schema, schema: pa.Schema) -> pa.Schema:
    """`stored` with what `table_schema` needs to find `schema` again."""
    types = base64.b64encode(schema.remove_metadata().serialize().to_pybytes())
    return stored.with_metadata({**(schema.metadata or {}), TYPES: types})


def map_type(kind: pa.DataType, leaf: Callable[[pa.DataType], pa.DataType]) -> pa.DataType:
    """`kind` with `leaf` applied to what is not nested, at every depth; lists lose their fixed size."""

    def mapped(field: pa.Field) -> pa.Field:
        return field.with_type(map_type(field.type, leaf))

    if pa.types.is_map(kind):
        return pa.map_(mapped(kind.key_field), mapped(kind.item_field), keys_sorted=kind.keys_sorted)
    if pa.types.is_struct(kind):
        return pa.struct([mapped(kind.field(index)) for index in range(kind.num_fields)])
    if pa.types.is_large_list(kind):
        return pa.large_list(mapped(kind.value_field))
    if pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind):
        return pa.list_(mapped(kind.value_field))
    return leaf(kind)
