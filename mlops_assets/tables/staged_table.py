"""A table of several parts on its way: what a worker needs to read one and to write one, and what is published."""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.dataset as ds

from mlops_assets.arrow.provenance import Provenance
from mlops_assets.arrow.views import rows_between, rows_of
from mlops_assets.storage.location import Location
from mlops_assets.tables.part_size import part_size
from mlops_assets.tables.parts.part import PublishedPart, StagedPart
from mlops_assets.tables.parts.staging import Staging, note_use
from mlops_assets.tables.table_writer import TableWriter, Written

__all__ = ["Destination", "SourcePart", "StagedPart", "StagedTable"]


@dataclass(frozen=True)
class Destination:
    """Where the parts of one table are put until they are published. Can be pickled.

    Attributes
    ----------
    writer
        How they are written.
    staging
        Where.
    """

    writer: TableWriter
    staging: Staging

    def find(self, key: str) -> StagedPart | None:
        """A part that was finished earlier, by a run that died or in the published table; None: there is none."""
        return self.writer.find_part(self.staging, key)

    def dataset(self, part: StagedPart) -> ds.Dataset:
        """A part that was written."""
        place = self.staging.file(part)
        return self.writer.read_part(PublishedPart(place, 0, part.rows, part.bytes, part.key, part.facts))

    def rows(self, part: StagedPart, start: int, stop: int) -> Iterator[pa.RecordBatch]:
        """The rows of these positions of a part that was written; row groups without any of them are not read."""
        return rows_between(self.dataset(part), start, stop)

    def beside(self, name: str) -> Location:
        """The place of a small file of this name, which is kept for days, as finished parts are."""
        return self.staging.folder.child(name)

    def find_beside(self, name: str) -> Location | None:
        """The small file of this name, where it is there; notes that it was used, as `find` does of a part."""
        file = self.beside(name)
        return file if note_use(file) else None

    def write(
        self,
        key: str,
        rows: pa.RecordBatchReader,
        facts: Callable[[], Mapping[str, str]] = dict,
        watch: Callable[[pa.Table], None] | None = None,
    ) -> StagedPart:
        """Write one part, whole or not at all; `facts` are noted of it, and asked for when all rows were read.

        `watch`, where the writer `can_watch`, is shown each row group that is written.
        """
        if watch is None:
            return self.writer.write_part(self.staging, key, rows, facts)
        return self.writer.write_part(self.staging, key, rows, facts, watch)

    @property
    def can_watch(self) -> bool:
        """Whether the writer shows what it writes; a user's own one may not."""
        return "watch" in inspect.signature(self.writer.write_part).parameters


@dataclass(frozen=True)
class SourcePart:
    """A part of a published table, to be read by whoever works on it. Can be pickled.

    Attributes
    ----------
    writer
        What reads it.
    part
        Which one.
    schema
        Of the table.
    """

    writer: TableWriter
    part: PublishedPart
    schema: pa.Schema

    @classmethod
    def all_of(cls, writer: TableWriter, place: Location, *, of_one_file: bool = False) -> "tuple[SourcePart, ...]":
        """The parts of a table, in order; none of a table that is one file, is not there, or was not published here.

        `of_one_file`: of a table in one file, or that was published elsewhere, its files.
        """
        parts = writer.parts(place) if writer.exists(place) else ()
        if not parts or not (of_one_file or (len(parts) > 1 and all(part.key for part in parts))):
            return ()
        schema = writer.read(place).schema
        return tuple(cls(writer, part, schema) for part in parts)

    @property
    def rows(self) -> int:
        return self.part.rows

    @property
    def content(self) -> str:
        """A hash of everything that its rows depend on."""
        return self.part.key

    @property
    def row_key(self) -> tuple[str, ...]:
        """The columns that identify a row."""
        return Provenance.of(self.schema).row_key

    def dataset(self) -> ds.Dataset:
        """The part as a table of its own, with the provenance of the whole."""
        return self.writer.read_part(self.part).replace_schema(self.schema)

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """The rows in order, or these columns of them."""
        return rows_of(self.dataset(), columns)


@dataclass(frozen=True)
class StagedTable:
    """All parts of a table, written and not yet published.

    Attributes
    ----------
    destination
        Where they are.
    parts
        In order.
    schema
        Of the table; its metadata says where it comes from.
    """

    destination: Destination
    parts: tuple[StagedPart, ...]
    schema: pa.Schema

    @property
    def rows(self) -> int:
        return sum(part.rows for part in self.parts)

    @property
    def fits_in_one(self) -> bool:
        """Whether all parts together are no more than one part may be."""
        most = part_size()
        return self.rows <= most.rows and sum(part.bytes for part in self.parts) <= most.bytes

    def publish(self, switch_guard: AbstractContextManager[object] | None = None) -> Written:
        """Make the parts the table, in one moment."""
        return self.destination.writer.commit(
            self.destination.staging, self.parts, self.schema, switch_guard=switch_guard
        )

    def with_provenance(self, provenance: Provenance) -> "StagedTable":
        """The same rows; the table says where they come from."""
        return replace(self, schema=self.schema.with_metadata(provenance.to_metadata()))

    def reader(self) -> pa.RecordBatchReader:
        """The rows in order."""
        return pa.RecordBatchReader.from_batches(self.schema, self._batches())

    def _batches(self) -> Iterator[pa.RecordBatch]:
        for part in self.parts:
            for batch in rows_of(self.destination.dataset(part)):
                yield batch.replace_schema_metadata(self.schema.metadata)
