"""How many rows of a Parquet file are decoded at a time: its size says little of how large they become.

A value of a megabyte that is in a dictionary once, and in a hundred thousand rows as its number, takes as many bytes as
a word does, and decoded a hundred gigabytes. So the numbers of values in the footer, and the longest text of each
dictionary, decide about it before anything is decoded.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mlops_assets.arrow.batching import BATCH_ROWS
from mlops_assets.errors import TableError
from mlops_assets.storage.location import Location

MOST_BATCH_BYTES = 256 << 20
"""Of the rows that are decoded together."""
LONGEST_VALUE = 256 << 20
"""Of the texts or the list of one row in one column."""
MOST_EXPANSION, LITTLE = 10_000, 16 << 30
"""Of a whole file: how much larger than it is its rows may be, and how large they may be in any case."""
_DICTIONARIES = {"PLAIN_DICTIONARY", "RLE_DICTIONARY"}
_TEXT, _EACH = "BYTE_ARRAY", 16


def rows_at_a_time(
    parquet: pq.ParquetFile,
    stream: pa.NativeFile,
    names: Sequence[str],
    file: Location,
    groups: range | None = None,
) -> int:
    """So many rows of every row group as fit into `MOST_BATCH_BYTES`, at least one, by the columns of these names.

    Parameters
    ----------
    groups
        The row groups that are read; None: all of them.

    Numbers are as long as they look, and do not count.

    Raises
    ------
    TableError
        One row is longer than `LONGEST_VALUE`, or the file expands to more than `MOST_EXPANSION` times its size.
    """
    chosen = set(names)
    columns = (parquet.schema.column(at) for at in range(len(parquet.schema)))
    leaves = [(at, column) for at, column in enumerate(columns) if column.path.partition(".")[0] in chosen]
    watched = [at for at, column in leaves if column.physical_type == _TEXT or column.max_repetition_level > 0]
    every_group = range(parquet.metadata.num_row_groups)
    asked = every_group if groups is None else groups
    decoded = _estimate(parquet, stream, watched, asked, file)
    most = max(LITTLE, MOST_EXPANSION * stream.size())
    # A file that takes too much has a group that takes more than its share: only then are the others looked at.
    if decoded.bytes * len(every_group) > most * len(asked):
        whole = decoded if groups is None else _estimate(parquet, stream, watched, every_group, file)
        # One long text among many short ones: only counting them shows it.
        if whole.bytes > most and (total := whole.count_bytes()) > most:
            raise TableError(
                f"The file's rows take {total / 2**30:,.0f} GiB once they are decoded, more than {MOST_EXPANSION:,} "
                "times its size",
                where=file.uri,
                fix="If that is meant, write the table in several files, or leave columns out with inputs.columns",
            )
    return decoded.rows_at_a_time


@dataclass(frozen=True)
class _Decoded:
    """What some row groups take once they are decoded, at most.

    Attributes
    ----------
    by_dictionary
        The column chunks that may take less.
    """

    rows_at_a_time: int
    bytes: float
    by_dictionary: "Sequence[_Chunk]"

    def count_bytes(self) -> float:
        too_much = sum(chunk.bytes_of_value * chunk.values - chunk.count_bytes() for chunk in self.by_dictionary)
        return self.bytes - float(too_much)


def _estimate(
    parquet: pq.ParquetFile, stream: pa.NativeFile, watched: Sequence[int], groups: range, file: Location
) -> _Decoded:
    rows, total, by_dictionary = BATCH_ROWS, 0.0, []
    for group in groups:
        count, bytes_of_row = parquet.metadata.row_group(group).num_rows, 0.0
        for at in watched if count else ():
            chunk = _Chunk(parquet, stream, group, at)
            bytes_of_row += chunk.bytes_of_value * max(chunk.values / count, 1)
            if bytes_of_row > LONGEST_VALUE:
                raise _too_long(chunk, bytes_of_row, file)
            if chunk.is_by_dictionary:
                by_dictionary.append(chunk)
        rows = min(rows, max(1, int(MOST_BATCH_BYTES // max(bytes_of_row, 1))))
        total += bytes_of_row * count
    return _Decoded(rows, total, by_dictionary)


def _too_long(chunk: "_Chunk", length: float, file: Location) -> TableError:
    return TableError(
        f"Each row takes {length / 2**20:,.0f} MiB once it is decoded, with the column {chunk.name!r}, and "
        f"{LONGEST_VALUE >> 20} MiB are the most that is read",
        where=file.uri,
        fix="Write shorter texts and lists, or leave the column out with inputs.columns",
    )


class _Chunk:
    """A column of one row group.

    Attributes
    ----------
    values
        How many there are, those in lists too.
    bytes_of_value
        What one takes decoded: on average, or as the longest of its dictionary.
    is_by_dictionary
        Whether it is the latter.
    """

    def __init__(self, parquet: pq.ParquetFile, stream: pa.NativeFile, group: int, at: int) -> None:
        self._parquet, self._stream, self._group = parquet, stream, group
        self._path = parquet.schema.column(at).path
        self.name = self._path.partition(".")[0]
        chunk = parquet.metadata.row_group(group).column(at)
        self.values, stored = chunk.num_values, chunk.total_uncompressed_size
        is_text = chunk.physical_type == _TEXT
        self.bytes_of_value = float(_EACH + (stored / max(self.values, 1) if is_text else 0))
        # Of little that is stored, even as many copies are few.
        self.is_by_dictionary = bool(
            is_text and not _DICTIONARIES.isdisjoint(chunk.encodings) and stored * self.values > MOST_BATCH_BYTES
        )
        if self.is_by_dictionary:
            self.bytes_of_value = max(self.bytes_of_value, self._longest_in_dictionary())

    def _longest_in_dictionary(self) -> int:
        """0 where Arrow decodes it without one."""
        for arrays in self._batches(1):
            lengths = (pc.max(pc.binary_length(each.dictionary)).as_py() for each in _dictionaries(arrays))
            return max((length or 0 for length in lengths), default=0)
        return 0

    def count_bytes(self) -> int:
        """Of all values, by their numbers in the dictionary."""
        return sum(
            pc.sum(pc.binary_length(each.dictionary).cast(pa.int64()).take(each.indices)).as_py() or 0
            for arrays in self._batches(BATCH_ROWS)
            for each in _dictionaries(arrays)
        )

    def _batches(self, rows: int) -> Iterator[list[pa.Array]]:
        opened = pq.ParquetFile(
            self._stream,
            metadata=self._parquet.metadata,
            read_dictionary=[self._path],
            buffer_size=1 << 20,
            pre_buffer=False,
        )
        for batch in opened.iter_batches(rows, row_groups=[self._group], columns=[self._path]):
            yield batch.columns


def _dictionaries(arrays: Sequence[pa.Array]) -> Iterator[pa.DictionaryArray]:
    for array in arrays:
        if isinstance(array, pa.DictionaryArray):
            yield array
        elif pa.types.is_struct(array.type):
            yield from _dictionaries([array.field(at) for at in range(array.type.num_fields)])
        elif pa.types.is_map(array.type):
            yield from _dictionaries([array.keys, array.items])
        elif pa.types.is_nested(array.type):
            yield from _dictionaries([array.values])
