"""A table that comes as one stream, put aside in pieces of the size of a part, which workers open like files."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa

from mlops_assets.arrow.batching import first_rows, fixed_batches
from mlops_assets.arrow.input_table import InputTable
from mlops_assets.arrow.read_ahead import read_ahead
from mlops_assets.engines.chunks import bytes_per_row, cut_batches
from mlops_assets.storage.location import Location
from mlops_assets.storage.os_errors import translate_os_errors
from mlops_assets.tables.part_size import part_size

SPOOL_VERSION = 1
"""Goes up with every change of how rows are put aside."""
_READ_BYTES, _WRITTEN_ROWS = 1 << 20, 16_384


@dataclass(frozen=True)
class SpooledSplit:
    """Consecutive rows of a stream, in a file of this run's own.

    Attributes
    ----------
    number, identity, rows, first_row
        As of `InputSplit`; the identity is a hash of the rows and of what is known of the table.
    location
        The file.
    """

    number: int
    identity: str
    rows: int
    first_row: int
    location: Location
    schema: pa.Schema = field(repr=False)
    row_key: tuple[str, ...]
    text_columns: frozenset[str]
    uri: str
    lacks_first_row: bool = False

    def count_rows(self) -> int:
        return self.rows

    def starting_at(self, first_row: int) -> "SpooledSplit":
        return replace(self, first_row=first_row)

    def open(self) -> InputTable:
        """Its rows as a table like the one they are of."""

        def batches() -> Iterator[pa.RecordBatch]:
            with (
                translate_os_errors(self.location),
                self.location.filesystem.open_input_stream(self.location.path, compression=None) as source,
                pa.ipc.open_stream(source) as rows,
            ):
                yield from rows

        def place(position: int) -> tuple[int, str]:
            return self.first_row + position, self.uri

        return InputTable(self.schema, self.row_key, self.text_columns, self.uri, batches, _place=place)


def spool_in_parts(table: InputTable, folder: Path, limit: int | None = None) -> InputTable:
    """A table that can be cut, with the rows of one that cannot: they are read once, now.

    Rows that are together no more than a part stay in memory, and the table is one piece. Others are in files of
    `folder`, cut where their keys say: rows put in or taken out anywhere change the pieces there alone.

    Parameters
    ----------
    folder
        Of this run, on a disk with room for all rows; whoever made it removes it.
    limit
        Only the first rows.

    Raises
    ------
    TableError
        As reading the table does; the disk is full.
    """
    source = table.raw or table
    batches = read_ahead(first_rows(source.batches(), limit))
    most, held, rows, size = part_size(), [], 0, 0
    for batch in batches:
        held.append(batch)
        rows += batch.num_rows
        size += batch.nbytes
        if rows > most.rows or size > most.bytes:
            return _cut(table, _write_splits(source, _held_first(held, batches), folder))

    def kept() -> Iterator[pa.RecordBatch]:
        yield from held

    in_memory = replace(source, _open=kept, _lazy=None, _splits=tuple)
    return in_memory if table.raw is None else replace(table, raw=in_memory, _splits=tuple)


def _cut(table: InputTable, splits: tuple[SpooledSplit, ...]) -> InputTable:
    return replace(table, _splits=lambda: splits)


def _held_first(held: list[pa.RecordBatch], rest: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    while held:
        yield held.pop(0)
    yield from rest


def _write_splits(source: InputTable, batches: Iterator[pa.RecordBatch], folder: Path) -> tuple[SpooledSplit, ...]:
    most = part_size()
    rows_of_part = max(1, min(most.rows, most.bytes // bytes_per_row(source.schema)))
    known = repr([SPOOL_VERSION, pa.__version__, _describe(source.schema), source.row_key, sorted(source.text_columns)])
    splits: list[SpooledSplit] = []
    pieces = cut_batches(batches, source.row_key, rows_of_part)
    first = 0
    for number, piece in enumerate(iter(lambda: next(pieces, None), None)):
        file = folder / f"{number:05d}.arrows"
        rows = _write_file(file, source.schema, piece, pieces)
        identity = hashlib.sha256(f"{known} {_hash_file(file)}".encode()).hexdigest()
        location = Location.parse(file)
        splits.append(
            SpooledSplit(
                number, identity, rows, first, location, source.schema, source.row_key, source.text_columns, source.uri
            )
        )
        first += rows
    return tuple(splits)


def _write_file(
    file: Path, schema: pa.Schema, piece: tuple[pa.RecordBatch, bool], pieces: Iterator[tuple[pa.RecordBatch, bool]]
) -> int:
    """Write the rows up to the next cut; returns how many they are."""
    place = Location.parse(file)
    rows = 0
    with translate_os_errors(place):
        sink = pa.OSFile(str(file), "wb")
    with sink, pa.ipc.new_stream(sink, schema) as writer:
        # The same bytes wherever the stream's batches were cut.
        for batch in fixed_batches(_up_to_cut(piece, pieces), _WRITTEN_ROWS):
            with translate_os_errors(place):
                writer.write_batch(batch)
            rows += int(batch.num_rows)
    return rows


def _up_to_cut(
    piece: tuple[pa.RecordBatch, bool], pieces: Iterator[tuple[pa.RecordBatch, bool]]
) -> Iterator[pa.RecordBatch]:
    batch, is_last = piece
    yield batch
    while not is_last and (following := next(pieces, None)) is not None:
        batch, is_last = following
        yield batch


def _hash_file(file: Path) -> str:
    total = hashlib.sha256()
    with file.open("rb", buffering=0) as written:
        while piece := written.read(_READ_BYTES):
            total.update(piece)
    return total.hexdigest()


def _describe(schema: pa.Schema) -> list[tuple[str, str, bool]]:
    return [(each.name, str(each.type), each.nullable) for each in schema]
