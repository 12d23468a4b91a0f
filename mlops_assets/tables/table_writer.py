"""How tables are published: whole or absent, the same bytes for the same rows."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

import pyarrow as pa
import pyarrow.dataset as ds
from pyarrow import fs as arrow_fs

from mlops_assets.arrow.plain_types import plain_batch, plain_schema
from mlops_assets.arrow.views import first_of
from mlops_assets.errors import TableError, describe_without_values, list_some
from mlops_assets.progress.report import track
from mlops_assets.storage.location import Location
from mlops_assets.storage.os_errors import translate_os_errors
from mlops_assets.tables.parts.part import PublishedPart, StagedPart
from mlops_assets.tables.parts.staging import Staging
from mlops_assets.tables.parts.switch import version_folder

STALE = timedelta(days=1)


@dataclass(frozen=True)
class Written:
    """A table that was published.

    Attributes
    ----------
    uri
        Where, without credentials.
    rows, bytes
        How many rows, and the size of the file; None: there is none.
    schema
        As it comes back, metadata included.
    version
        Its number, where the format keeps the tables before (Delta).
    """

    uri: str
    rows: int
    schema: pa.Schema
    bytes: int | None
    version: int | None = None


class TableWriter(ABC):
    """How one format is published and read back: a strategy.

    A place is a table's address without extension, for example ``<outputs.path>/predictions``.
    """

    extension: ClassVar[str]
    knows_parts: ClassVar[bool] = False
    """Whether a table of this format may be in parts, which `parts` lists."""

    def path_of(self, place: Location) -> Location:
        """The table's file: the place with the format's extension."""
        return place.append(self.extension)

    def exists(self, place: Location) -> bool:
        return self.path_of(place).exists()

    def write(
        self,
        reader: pa.RecordBatchReader,
        place: Location,
        metadata: Mapping[str, str] | None = None,
        switch_guard: AbstractContextManager[object] | None = None,
    ) -> Written:
        """Publish the rows of `reader`, replacing the table at `place`.

        Guarantees
        ----------
        - Whole or absent: any exception, also one that `reader` raises half way, leaves the previous table untouched.
        - The same rows, schema and metadata give the same bytes, wherever the batches were cut.
        - Memory holds one row group, not the table. No rows make a table with no rows.

        Parameters
        ----------
        metadata
            Key-value metadata, merged over that of the reader's schema.
        switch_guard
            Entered when all rows are written, left when the new table is in place; refuses the switch by an exception.

        Raises
        ------
        TableError
            The format cannot hold a column, or the place cannot be written to.
        """
        target = self.path_of(place)
        schema = with_metadata(plain_schema(reader.schema), metadata or {})
        self._refuse_unwritable(schema, target)
        if target.kind() == arrow_fs.FileType.Directory and version_folder(target) is None:
            raise TableError(
                "The table is a folder here and cannot be replaced by a file",
                where=target.uri,
                fix="Remove the folder, or write to another path",
            )
        plain = (self._plain(batch, schema) for batch in reader)
        with ExitStack() as switch:
            with target.open_draft() as sink:
                with track(f"writing {target.name}", behind=True) as stage:
                    rows, content = self._write_rows(stage.count_batches(plain), schema, sink, target)
                size = sink.tell()
                if switch_guard is not None:
                    switch.enter_context(switch_guard)
                companion = self._before_switch(content, target, schema, switch)
            self._after_switch(target, companion)
        return Written(target.uri, rows, schema, size)

    def read(self, place: Location, columns: Sequence[str] | None = None, limit: int | None = None) -> ds.Dataset:
        """The published table as a lazy dataset, its metadata in ``dataset.schema.metadata``.

        With a `limit` the first rows are read at once, in order.

        Raises
        ------
        TableError
            No such table, a damaged one, or one without a column asked for.
        """
        target = self.path_of(place)
        if not target.exists():
            raise TableError("No such table", where=target.uri, fix="Materialize the asset that writes it")
        dataset = self._dataset(target)
        return select_from(dataset, target.uri, columns, limit)

    def read_whole(self, place: Location) -> pa.Table:
        """The published table in memory, with the schema of `read`; for small tables: on one thread.

        Raises
        ------
        TableError
            As `read`.
        """
        # So few rows take less time to read than threads to start.
        return self.read(place).to_table(use_threads=False)

    def sweep(self, place: Location, older_than: timedelta = STALE) -> tuple[str, ...]:
        """Remove the hidden files that killed writers left beside the table; see `Location.sweep`."""
        return self.path_of(place).sweep(older_than)

    def can_stage(self, place: Location) -> bool:
        """Whether a table at this place can be written as several parts, by several processes."""
        return False

    def staging(self, place: Location) -> Staging:
        """The place for the finished parts of the next table at `place`; it is made.

        What a run that was killed had finished is there for a week. Keep it from being collected with
        `Staging.mark_in_use` while parts are written and found, until they are committed.
        """
        raise self._one_file(place)

    def write_part(
        self,
        staging: Staging,
        key: str,
        reader: pa.RecordBatchReader,
        facts: Callable[[], Mapping[str, str]] = dict,
        watch: Callable[[pa.Table], None] | None = None,
    ) -> StagedPart:
        """Write one part, in any process that reaches the place: whole or absent.

        Guarantees
        ----------
        - The same rows, schema, key and facts give the same bytes. Two writers of one key do no harm.
        - Memory holds one row group.

        Parameters
        ----------
        key
            What all of the part's rows follow from: `find_part` takes parts of the same key for the same.
        reader
            Its rows; what its schema's metadata says is in the part alone, the table's is given to `commit`.
        facts
            Called when all rows are written: small texts that are kept with the part.
        watch
            Called with each row group that is written, cut where a reader will find it; texts may be numbers into a
            list of words. `Destination.can_watch` asks whether a writer knows it.

        Raises
        ------
        TableError
            As `write`.
        """
        raise self._one_file(staging.target)

    def find_part(self, staging: Staging, key: str) -> StagedPart | None:
        """The finished part of this key, which a run that was killed has left or which is part of the table now."""
        raise self._one_file(staging.target)

    def commit(
        self,
        staging: Staging,
        parts: Sequence[StagedPart],
        schema: pa.Schema,
        extra: Sequence[Mapping[str, str]] | None = None,
        switch_guard: AbstractContextManager[object] | None = None,
    ) -> Written:
        """Publish these parts, in this order, as the table: in one step, without reading a row.

        Guarantees
        ----------
        - Old or new: whoever dies, and whenever, leaves the previous table or this one, and the parts where
          `find_part` finds them.
        - A reader who began with the previous table gets its rows or an error, never rows of both.

        Parameters
        ----------
        schema
            The table's, with its metadata.
        extra
            For each part, further facts of `PublishedPart.facts`.
        switch_guard
            As in `write`.

        Raises
        ------
        TableError
            A part is gone, or the place cannot be written to.
        """
        raise self._one_file(staging.target)

    def parts(self, place: Location) -> tuple[PublishedPart, ...]:
        """The parts of the published table, in order; of a table in one file, that file.

        Raises
        ------
        TableError
            No such table, or a damaged one.
        """
        raise self._one_file(place)

    def read_part(self, part: PublishedPart, columns: Sequence[str] | None = None) -> ds.Dataset:
        """One part as a lazy dataset, with the table's columns and types, in any process that reaches the place.

        Raises
        ------
        TableError
            The part is gone, because the table was replaced meanwhile, or damaged.
        """
        raise self._one_file(part.location)

    def _one_file(self, place: Location) -> TableError:
        return TableError(
            f"Tables are written as one file by {type(self).__name__}, not in parts",
            where=place.uri,
            fix="Write the table with `write`, or publish as Parquet or Delta",
        )

    def _plain(self, batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
        """The rows in the types of `schema`, or as the format writes them faster to the same bytes."""
        return plain_batch(batch, schema)

    @abstractmethod
    def _write_rows(
        self, batches: Iterable[pa.RecordBatch], schema: pa.Schema, sink: pa.NativeFile, target: Location
    ) -> tuple[int, str]:
        """Write all of `batches` (of `_plain`) to `sink`, and leave it open.

        Returns the number of rows, and what `_before_switch` needs to know of the content; empty for nothing.
        """

    def _before_switch(
        self,
        content: str,
        target: Location,
        schema: pa.Schema,
        switch: ExitStack,
    ) -> str:
        """Write what must be beside `target` before the draft becomes it, and return its name; empty for nothing.

        What is entered into `switch` is left after `_after_switch`.
        """
        return ""

    def _after_switch(self, target: Location, companion: str) -> None:
        """Remove what the previous table had beside it; `companion` is what `_before_switch` returned."""
        return

    @abstractmethod
    def _dataset(self, target: Location) -> ds.Dataset: ...

    def _refuse_unwritable(self, schema: pa.Schema, target: Location) -> None:
        names = [field.name for field in schema if not self._can_hold(field.type)]
        if names:
            listed = ", ".join(f"{name!r} ({schema.field(name).type})" for name in names)
            raise TableError(
                f"{self.extension or 'Delta'} cannot hold the columns {listed}",
                where=target.uri,
                fix="Leave them out, change their types, or publish as Parquet",
            )

    @abstractmethod
    def _can_hold(self, kind: pa.DataType) -> bool: ...


def select_from(
    dataset: ds.Dataset, uri: str, columns: Sequence[str] | None = None, limit: int | None = None
) -> ds.Dataset:
    """Some columns and the first rows of a published table; `limit` rows are read at once.

    Raises
    ------
    TableError
        A column is not there.
    """
    if columns is not None:
        present = set(dataset.schema.names)
        missing = [name for name in columns if name not in present]
        if missing:
            raise TableError(
                f"Columns {', '.join(map(repr, missing))} not in the table",
                where=uri,
                fix=f"Use its columns: {list_some(dataset.schema.names)}",
            )
        fields = [dataset.schema.field(name) for name in columns]
        dataset = dataset.replace_schema(pa.schema(fields, dataset.schema.metadata))
    if limit is not None:
        dataset = ds.dataset(first_of(dataset, limit))
    return dataset


@contextmanager
def translate_write_errors(target: Location) -> Iterator[None]:
    """Turn what Arrow or the disk refuse while writing into an error that names the table."""
    try:
        with translate_os_errors(target):
            yield
    except (ValueError, pa.ArrowNotImplementedError) as error:
        raise TableError(
            f"The rows cannot be written as {target.name.rpartition('.')[2]}: {describe_without_values(error)}",
            where=target.uri,
            fix="Correct what the message names, or publish in another format",
        ) from error


def with_metadata(schema: pa.Schema, metadata: Mapping[str, str]) -> pa.Schema:
    """`schema` with `metadata` merged over its own."""
    merged = {**(schema.metadata or {}), **{key.encode(): value.encode() for key, value in metadata.items()}}
    # Sorted: the order in which a mapping was filled must not change the file's bytes.
    return schema.with_metadata(dict(sorted(merged.items())) or None)
