"""A stream cut into chunks that are found again: in yesterday's table, in a run that died, on another machine."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from mlops_assets.arrow.batching import join_batches, split_batches
from mlops_assets.arrow.content_hash import ContentHash
from mlops_assets.arrow.key_hash import key_hashes

_TEXT_BYTES = 32
_NESTED_BYTES = 256
_CHUNK_BYTES, _MOST_BYTES, _LEAST_ROWS, _FEWEST_ROWS = 8 << 20, 64 << 20, 2_048, 64


@dataclass(frozen=True)
class Chunk:
    """Consecutive rows, and the SHA-256 of what they say."""

    rows: pa.RecordBatch
    content: str


def bytes_per_row(schema: pa.Schema) -> int:
    """About so many bytes a row has in memory, judged by the types alone: the same for every table of this schema."""
    return sum(_type_bytes(kind) for kind in schema.types) or 1


def _type_bytes(kind: pa.DataType) -> int:
    if pa.types.is_fixed_size_list(kind):
        return int(kind.list_size) * _type_bytes(kind.value_type)
    if pa.types.is_nested(kind):
        return _NESTED_BYTES
    try:
        return max(1, int(kind.bit_width) // 8)
    except ValueError:
        return _TEXT_BYTES


def chunk_rows_of(schema: pa.Schema, most: int) -> int:
    """How many rows of `schema` are one chunk: about 8 MiB, at most `most`, and of wide rows up to 64 MiB.

    A chunk costs a fixed time per column, whatever the number of its rows: to hash it, to make a data frame of it, to
    call the model. So a chunk of wide rows does not become ever shorter.
    """
    size = bytes_per_row(schema)
    few = min(_LEAST_ROWS, _MOST_BYTES // size)
    return min(most, max(_FEWEST_ROWS, few, _CHUNK_BYTES // size))


def chunks(
    batches: Iterable[pa.RecordBatch], row_key: Sequence[str], rows: int, parts: Sequence[int] = ()
) -> Iterator[Chunk]:
    """Cut a stream into chunks of about `rows` rows, where the rows themselves say.

    Guarantees
    ----------
    - Every row once and in order; a chunk has at most twice `rows` rows.
    - The cuts follow from the row keys and `parts` alone, never from how the stream was batched. Rows put in or taken
      out anywhere change the chunks there; a few rows further on the old cuts are met again (content-defined chunking,
      Muthitacharoen, Chen and Mazieres 2001).

    Parameters
    ----------
    row_key
        The columns that identify a row, by whose hash is cut.
    parts
        Rows of each part of the table, a file for example: no chunk crosses from one into the next.
    """
    for batch in cut_rows(batches, row_key, rows, parts):
        yield Chunk(batch, content_of(batch))


def content_of(rows: pa.RecordBatch) -> str:
    """`Chunk.content` of these rows."""
    content = ContentHash(rows.schema)
    content.update(rows)
    return content.hexdigest()


def cut_rows(
    batches: Iterable[pa.RecordBatch], row_key: Sequence[str], rows: int, parts: Sequence[int] = ()
) -> Iterator[pa.RecordBatch]:
    """The rows of `chunks`, which are not hashed."""
    pending: list[pa.RecordBatch] = []
    for batch, ends_chunk in cut_batches(batches, row_key, rows, parts):
        pending.append(batch)
        if ends_chunk:
            yield join_batches(pending)
            pending = []
    if pending:
        yield join_batches(pending)


def cut_batches(
    batches: Iterable[pa.RecordBatch], row_key: Sequence[str], rows: int, parts: Sequence[int] = ()
) -> Iterator[tuple[pa.RecordBatch, bool]]:
    """The rows of `chunks` in batches, each with whether a chunk ends with it; nothing is copied."""
    least, most = max(1, rows // 2), max(1, rows * 2)
    spread = np.uint64(max(1, rows - least))
    ends = iter(np.cumsum(np.asarray(parts, dtype=np.int64)).tolist())
    end = next(ends, None)
    pending_rows = position = 0
    for batch in split_batches(batches):
        keys = key_hashes([batch.column(name) for name in row_key], row_key)
        marks = np.flatnonzero(keys % spread == 0) + 1
        start = 0
        while start < batch.num_rows:
            while end is not None and end <= position:
                end = next(ends, None)
            # The first mark that leaves the chunk long enough, else its greatest length; never beyond a part.
            first = start + max(1, least - pending_rows)
            place = int(np.searchsorted(marks, first))
            stop = int(marks[place]) if place < len(marks) else batch.num_rows + 1
            stop = min(stop, start + most - pending_rows)
            if end is not None:
                stop = min(stop, start + end - position)
            cut = stop <= batch.num_rows
            stop = min(stop, batch.num_rows)
            yield batch.slice(start, stop - start), cut
            pending_rows = 0 if cut else pending_rows + stop - start
            position += stop - start
            start = stop
