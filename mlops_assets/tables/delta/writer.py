"""Publishing as a Delta table: each publish is one commit, and the versions before stay readable."""

import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import ClassVar

import pyarrow as pa
import pyarrow.dataset as ds
from pyarrow import fs as arrow_fs

from mlops_assets.arrow.plain_types import plain_batch, plain_schema
from mlops_assets.arrow.provenance import PREFIX
from mlops_assets.errors import ConcurrentRunError, TableError
from mlops_assets.storage.durability import flush_to_disk
from mlops_assets.storage.location import Location
from mlops_assets.storage.os_errors import translate_os_errors
from mlops_assets.tables.delta.log import NewFile, commit, has_table, open_version, refers_to
from mlops_assets.tables.delta.reader import (
    MANIFEST_PREFIX,
    dataset_of,
    manifest_of,
    published_parts,
    refuse_deleted,
    table_schema_of,
)
from mlops_assets.tables.delta.staging import find_remote, remote_staging, stage_remote
from mlops_assets.tables.delta.store import file_in, table_url
from mlops_assets.tables.parquet_files import ParquetFiles
from mlops_assets.tables.parquet_writer import ParquetWriter, list_parts
from mlops_assets.tables.parts.manifest import write_manifest
from mlops_assets.tables.parts.part import PublishedPart, StagedPart, part_name
from mlops_assets.tables.parts.staging import Staging, find_staged, forget_staged, local_staging, stage
from mlops_assets.tables.parts.switch import link_parts
from mlops_assets.tables.stored_types import map_type, with_types
from mlops_assets.tables.table_writer import Written, with_metadata

_MOST_DIGITS = 38
_OURS = PREFIX.encode()
_NEAREST: Mapping[pa.DataType, pa.DataType] = {
    pa.uint8(): pa.int16(),
    pa.uint16(): pa.int32(),
    pa.uint32(): pa.int64(),
    pa.uint64(): pa.decimal128(20, 0),
    pa.float16(): pa.float32(),
    pa.date64(): pa.date32(),
    pa.time32("s"): pa.int32(),
    pa.time32("ms"): pa.int32(),
}


class DeltaWriter(ParquetWriter):
    """One Delta table per place, in one Parquet file or in parts that are committed in their order.

    Each publish is exactly one commit, also of rows that are there already: the history shows every publish. What the
    schema's metadata says of the origin (names with ``mlops_assets.``) is in the commit info, and all of it in the
    file. Nothing is vacuumed here: old versions stay until the user does so.

    Types that Delta lacks are stored as the nearest one that holds every value, and come back as they were: unsigned
    integers as wider signed ones (``uint64`` as a decimal), times of day and durations as integers, ``float16`` as
    ``float32``, any zone as UTC. Nanoseconds are stored as microseconds, and refused where that would lose something.
    """

    extension: ClassVar[str] = ""

    def can_stage(self, place: Location) -> bool:
        return True

    def staging(self, place: Location) -> Staging:
        target = self.path_of(place)
        table_url(target)
        _refuse_file(target)
        if target.is_local:
            return local_staging(target, target if target.exists() else None)
        names = [file.inside for file in open_version(target).files] if has_table(target) else []
        return remote_staging(target, names)

    def _stage(self, staging: Staging, key: str, write: Callable[[pa.NativeFile], None]) -> StagedPart:
        return stage(staging, key, write) if staging.folder.is_local else stage_remote(staging, key, write)

    def find_part(self, staging: Staging, key: str) -> StagedPart | None:
        return find_staged(staging, key) if staging.folder.is_local else find_remote(staging, key)

    def commit(
        self,
        staging: Staging,
        parts: Sequence[StagedPart],
        schema: pa.Schema,
        extra: Sequence[Mapping[str, str]] | None = None,
        switch_guard: AbstractContextManager[object] | None = None,
    ) -> Written:
        """As `TableWriter.commit`, in one commit: first a file without rows that lists the parts, then the parts."""
        target = staging.target
        schema = with_metadata(plain_schema(schema), {})
        self._refuse_unwritable(schema, target)
        token = secrets.token_hex(16)
        manifest = file_in(target, f"{MANIFEST_PREFIX}{token}.parquet")
        names = [part.name for part in parts]
        if target.is_local:
            ending = f"-{token}-c000.snappy.parquet"
            names = [f"{part_name(number, part.key)}{ending}" for number, part in enumerate(parts)]
        listed = list_parts(parts, extra, names)
        with ExitStack() as undo, ExitStack() as switch:
            with _draft(target, manifest) as sink:
                write_manifest(self._stored_schema(schema), listed, sink)
                size = sink.tell()
            undo.callback(manifest.remove)
            if target.is_local:
                for name in names:
                    undo.callback(file_in(target, name).remove)
                link_parts((staging.file(part), file_in(target, name)) for part, name in zip(parts, names, strict=True))
                flush_to_disk(target.path)
            if switch_guard is not None:
                switch.enter_context(switch_guard)
            if not target.is_local:
                _refuse_taken(target, names)
            files = [NewFile(manifest.name, size, 0), *(NewFile(part.name, part.bytes, part.rows) for part in listed)]
            version = self._commit(target, files, schema, undo)
        if target.is_local:
            forget_staged(staging, {part.name for part in parts})
        rows = sum(part.rows for part in parts)
        return Written(target.uri, rows, schema, size + sum(part.bytes for part in parts), version)

    def _commit(self, target: Location, files: Sequence[NewFile], schema: pa.Schema, undo: ExitStack) -> int:
        """Commit, and forget how to undo what was written, unless it is certain that no version names it."""
        provenance = {
            key.decode(): value.decode() for key, value in (schema.metadata or {}).items() if key.startswith(_OURS)
        }
        try:
            version = commit(target, files, _delta_schema(self._stored_schema(schema)), provenance)
        except BaseException:
            # A store that does not answer may have taken the commit: a file that a version names is never removed.
            if refers_to(target, files[0].name):
                undo.pop_all()
            raise
        undo.pop_all()
        return version

    def parts(self, place: Location) -> tuple[PublishedPart, ...]:
        version = open_version(self.path_of(place))
        manifest = manifest_of(version)
        if manifest is not None:
            return published_parts(manifest, version)
        refuse_deleted(version)
        files, read = [file.location for file in version.files], ParquetFiles()
        return tuple(
            PublishedPart(file, number, read.count_rows(file), file.filesystem.get_file_info(file.path).size)
            for number, file in enumerate(files)
        )

    def exists(self, place: Location) -> bool:
        return has_table(self.path_of(place))

    def write(
        self,
        reader: pa.RecordBatchReader,
        place: Location,
        metadata: Mapping[str, str] | None = None,
        switch_guard: AbstractContextManager[object] | None = None,
    ) -> Written:
        """As `TableWriter.write`: what is "in place" at the end is a commit.

        A write that fails removes its file. What a killed process leaves belongs to no version: locally a hidden file
        beside the table, which `sweep` removes.
        """
        target = self.path_of(place)
        table_url(target)
        schema = with_metadata(plain_schema(reader.schema), metadata or {})
        self._refuse_unwritable(schema, target)
        _refuse_file(target)
        name = f"part-00000-{secrets.token_hex(16)}-c000.snappy.parquet"
        file = file_in(target, name)
        with ExitStack() as undo, ExitStack() as switch:
            with _draft(target, file) as sink:
                plain = (plain_batch(batch, schema) for batch in reader)
                rows, _ = self._write_rows(plain, schema, sink, target)
                size = sink.tell()
                if switch_guard is not None:
                    switch.enter_context(switch_guard)
            undo.callback(file.remove)
            version = self._commit(target, [NewFile(name, size, rows)], schema, undo)
        return Written(target.uri, rows, schema, size, version)

    def _dataset(self, target: Location) -> ds.Dataset:
        version = open_version(target)
        return dataset_of(version, table_schema_of(version))

    def _stored_schema(self, schema: pa.Schema) -> pa.Schema:
        fields = [field.with_type(map_type(field.type, self._stored_leaf)) for field in schema]
        # Always with the table's own types: they show that the file was written here.
        return with_types(pa.schema(fields), schema)

    def _stored_leaf(self, kind: pa.DataType) -> pa.DataType:
        of = pa.types
        if kind in _NEAREST:
            return _NEAREST[kind]
        if of.is_timestamp(kind):
            return pa.timestamp("us", "UTC" if kind.tz else None)
        if of.is_time64(kind) or of.is_duration(kind):
            return pa.int64()
        if of.is_decimal(kind):
            return pa.decimal128(*_digits(kind))
        if of.is_fixed_size_binary(kind):
            return pa.binary()
        return kind

    def _refuse_unwritable(self, schema: pa.Schema, target: Location) -> None:
        if clashing := _clashing(schema.names):
            raise TableError(
                f"Delta does not distinguish names that differ in case alone: {', '.join(map(repr, clashing))}",
                where=target.uri,
                fix="Rename the columns, or publish as Parquet",
            )
        super()._refuse_unwritable(schema, target)

    def _can_hold(self, kind: pa.DataType) -> bool:
        if pa.types.is_nested(kind):
            fields = [kind.field(index) for index in range(kind.num_fields)]
            names = _clashing([field.name for field in fields]) if pa.types.is_struct(kind) else []
            return bool(fields) and not names and all(self._can_hold(field.type) for field in fields)
        if pa.types.is_decimal(kind):
            return _digits(kind)[0] <= _MOST_DIGITS
        return super()._can_hold(kind)


def _refuse_file(target: Location) -> None:
    if target.is_local and target.kind() == arrow_fs.FileType.File:
        raise TableError("There is a file where the table's folder should be", where=target.uri, fix="Remove it")


def _refuse_taken(target: Location, names: Sequence[str]) -> None:
    """Refuse parts that the current version has already: one commit cannot remove and add a file."""
    taken = {file.inside for file in open_version(target).files} if has_table(target) else set()
    if not taken.isdisjoint(names):
        raise ConcurrentRunError(
            "Another run has published the table since this one began to write it",
            where=target.uri,
            fix="Run again; the table is as the other run left it",
        )


@contextmanager
def _draft(target: Location, file: Location) -> Iterator[pa.NativeFile]:
    """A stream of the rows before they are the table's `file`; nothing is left of them when the block fails."""
    if target.is_local:
        with target.open_draft(target=file) as sink:
            yield sink
        return
    # No version names it yet, so it is not read; an upload that dies is never seen as a file.
    try:
        with translate_os_errors(file):
            sink = file.filesystem.open_output_stream(file.path, compression=None)
        try:
            yield sink
        finally:
            with translate_os_errors(file):
                sink.close()
    except BaseException:
        file.remove()
        raise


def _digits(kind: pa.DataType) -> tuple[int, int]:
    """Precision and scale without a scale below zero, which Delta lacks."""
    return kind.precision - min(kind.scale, 0), max(kind.scale, 0)


def _clashing(names: Sequence[str]) -> list[str]:
    counts = Counter(name.lower() for name in names)
    return [name for name in names if counts[name.lower()] > 1]


def _delta_schema(stored: pa.Schema) -> pa.Schema:
    """The columns as the log declares them: one of nulls alone has no type there, a file of integers can hold it."""

    def leaf(kind: pa.DataType) -> pa.DataType:
        return pa.int32() if pa.types.is_null(kind) else kind

    return pa.schema([field.with_type(map_type(field.type, leaf)).remove_metadata() for field in stored])
