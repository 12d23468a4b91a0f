"""How a table of files is read, as a value that other processes open too: which rows of which files, and as what."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from secrets import token_hex

import pyarrow as pa
import pyarrow.dataset as ds

from mlops_assets.arrow.declared_types import declare_types
from mlops_assets.arrow.input_table import InputTable, key_rows
from mlops_assets.errors import TableError
from mlops_assets.storage.location import Location
from mlops_assets.tables.file_facts import file_facts, refuse_replaced, show_content
from mlops_assets.tables.file_format import FileFormat
from mlops_assets.tables.files import align_columns
from mlops_assets.tables.mixed_columns import share_columns
from mlops_assets.tables.reading import FilesRead


@dataclass(frozen=True)
class FilePart:
    """A file of a table, or some of its row groups.

    Attributes
    ----------
    location
        The file.
    name
        The same below the table.
    partition
        The values of columns that are not in the file.
    pieces
        Which of its row groups; None: all there are when it is read.
    live
        Which of their rows still count; rows beyond its end do. None: all.
    facts, digest
        What the file system and the file's footer said when it was planned, for whoever reads it later. None: whatever
        is there now is read.
    """

    location: Location
    name: str
    partition: Mapping[str, pa.Scalar] = field(default_factory=dict, hash=False)
    pieces: range | None = None
    live: pa.BooleanArray | None = field(default=None, hash=False)
    facts: str | None = None
    digest: bytes | None = None

    def look_up_facts(self) -> str | None:
        """What tells whether it is still the same file; None: its name is never given to another."""
        return file_facts(self.location)

    def check(self) -> None:
        """Refuse a file that is not there or not the planned one.

        Raises
        ------
        ConcurrentRunError
            It was replaced.
        TableError
            It is gone.
        """
        if self.facts is not None and self.look_up_facts() != self.facts:
            raise refuse_replaced(self.location)

    def describe(self) -> str:
        """All that its rows depend on; never the same text twice where nothing tells one content from another."""
        values = [(name, str(value.type), value.as_py()) for name, value in sorted(self.partition.items())]
        live = None if self.live is None else self.live.to_numpy(zero_copy_only=False).tobytes()
        is_known = self.digest is not None or self.facts is None or show_content(self.facts)
        known = (self.facts, self.digest) if is_known else token_hex()
        return repr((self.name, values, self.pieces, live and sha256(live).hexdigest(), known))

    def count_deleted(self, start: int, rows: int) -> int:
        """Of so many rows of the file from `start` on, how many do not count any more."""
        return 0 if self.live is None else self.live.slice(min(start, len(self.live)), rows).false_count

    def live_slice(self, start: int, stop: int) -> pa.BooleanArray | None:
        """`live` of these rows of the file; a copy, because a slice is sent with all that it is cut from."""
        if self.live is None or start >= len(self.live):
            return None
        return pa.array(self.live.slice(start, stop - start).to_numpy(zero_copy_only=False))

    def live_rows(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The rows that still count."""
        if self.live is None:
            yield from batches
            return
        start = 0
        for batch in batches:
            mask = self.live.slice(min(start, len(self.live)), batch.num_rows)
            start += batch.num_rows
            rest = pa.array([True] * (batch.num_rows - len(mask)), pa.bool_())
            yield batch.filter(pa.concat_arrays([mask, rest]))


@dataclass(frozen=True)
class ReadingPlan:
    """A table, or consecutive rows of one.

    Attributes
    ----------
    uri
        The whole table.
    reader
        The files' format.
    parts
        Files in order, or parts of files.
    schema
        All columns, those of folders' names behind the others.
    partitions
        The columns that are text because they are in folders' names.
    mixed
        The declared types of columns that files store as different types.
    row_key, columns, limit, types
        As of `TableSource`.
    names_files
        Whether errors count rows in their file: only reading all files before it would show where it begins.
    first_row
        The position of the first row in the whole table.
    rows
        How many there are, where that is known.
    """

    uri: str
    reader: FileFormat
    parts: tuple[FilePart, ...]
    schema: pa.Schema
    row_key: tuple[str, ...] | None
    columns: tuple[str, ...] | None
    limit: int | None = None
    types: Mapping[str, str] = field(default_factory=dict, hash=False)
    mixed: Mapping[str, pa.DataType] = field(default_factory=dict, hash=False)
    partitions: frozenset[str] = frozenset()
    names_files: bool = False
    first_row: int = 0
    rows: int | None = None

    def open(
        self,
        lazy: Callable[[pa.Schema], ds.Dataset] | None = None,
        count: Callable[[], int | None] | None = None,
    ) -> InputTable:
        """The rows as a table.

        Parameters
        ----------
        lazy
            The same as a lazy dataset of these columns.
        count
            The number of rows by the files' own bookkeeping, where `rows` does not say it.

        Raises
        ------
        TableError
            A column is asked for that is not there, or cannot become its declared type.
        """
        rows_of_files: list[int] = []
        read = FilesRead([part.location for part in self.parts], self.reader.count_rows)

        def batches(wanted: Sequence[str]) -> Iterator[pa.RecordBatch]:
            result = pa.schema([self.schema.field(name) for name in wanted])
            rows_of_files.clear()
            for number, part in enumerate(self.parts):
                read.begin(number)
                rows_of_files.append(0)
                for batch in self._rows_of(part, wanted, read.watch):
                    rows_of_files[-1] += batch.num_rows
                    shared = share_columns(batch, self.mixed)
                    yield align_columns(shared, result, part.partition, part.location)

        def place(position: int) -> tuple[int, str]:
            if not self.names_files or not rows_of_files:
                return self.first_row + position, self.uri
            return position - sum(rows_of_files[:-1]), self.parts[len(rows_of_files) - 1].location.uri

        def known_count() -> int | None:
            return self.rows

        table = key_rows(
            self.schema,
            batches,
            uri=self.uri,
            row_key=self.row_key,
            columns=self.columns,
            limit=self.limit,
            text_columns=frozenset(self.schema.names) if self.reader.name == "csv" else self.partitions,
            lazy=lazy,
            parts=lambda: tuple(rows_of_files),
            count=known_count if self.rows is not None else count or read.count,
            share=read.share if all(part.pieces is None for part in self.parts) else None,
            first_row=self.first_row,
            place=place,
        )
        return declare_types(table, self.types)

    def count_rows(self) -> int:
        """How many rows there are, by reading them with as few columns as possible.

        Raises
        ------
        TableError
            As reading all columns would.
        """
        wanted = self.schema.names[:1]
        return sum(batch.num_rows for part in self.parts for batch in self._rows_of(part, wanted, lambda _stream: None))

    def _rows_of(
        self, part: FilePart, wanted: Sequence[str], watch: Callable[[pa.NativeFile], None]
    ) -> Iterator[pa.RecordBatch]:
        part.check()
        try:
            batches = self.reader.batches(
                part.location, self.schema, wanted, watch, pieces=part.pieces, digest=part.digest
            )
            yield from part.live_rows(batches)
        except TableError:
            part.check()  # the file may be what it is only because it is another one
            raise
        if part.facts is not None:
            part.check()  # written to while it was read
