"""The first and the last rows of a part, kept beside it: what is hashed together with those of its neighbours.

They are a few thousand rows; without them two row groups of each part would be decoded again.
"""

from collections.abc import Iterator

import pyarrow as pa

from mlops_assets.arrow.hash_blocks import LONGEST, spread_of
from mlops_assets.arrow.part_hash import PartDigest
from mlops_assets.arrow.plain_types import plain_schema
from mlops_assets.storage.location import Location
from mlops_assets.storage.os_errors import translate_os_errors


class PartEdges:
    """Keeps the first and the last rows of a part while it streams by.

    Parameters
    ----------
    schema
        Of the rows.
    """

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self._most = 2 * LONGEST * spread_of(plain_schema(schema))
        self._first: list[pa.RecordBatch] = []
        self._last: list[pa.RecordBatch] = []
        self._first_rows = self._last_rows = 0

    def add(self, batch: pa.RecordBatch) -> None:
        """The next rows."""
        if self._first_rows < self._most:
            self._first.append(batch.slice(0, self._most - self._first_rows))
            self._first_rows += self._first[-1].num_rows
        self._last.append(batch)
        self._last_rows += batch.num_rows
        while self._last_rows - self._last[0].num_rows >= self._most:
            self._last_rows -= self._last.pop(0).num_rows

    def write(self, digest: PartDigest, file: Location) -> None:
        """Write the rows that no block of the part holds; nothing where there are more of them than were kept."""
        if digest.head_rows > self._first_rows or digest.tail_rows > self._last_rows:
            return
        head = pa.Table.from_batches(self._first, self._schema).slice(0, digest.head_rows)
        tail = pa.Table.from_batches(self._last, self._schema).slice(self._last_rows - digest.tail_rows)
        with file.open_draft() as sink, translate_os_errors(file), pa.ipc.new_stream(sink, self._schema) as writer:
            for rows in (head, tail):
                writer.write_table(rows)


def edge_rows(file: Location, digest: PartDigest, start: int, stop: int) -> Iterator[pa.RecordBatch] | None:
    """The rows of these positions of a part, where they are its first or its last ones and were kept; else None."""
    if (start, stop) == (0, digest.head_rows):
        skipped = 0
    elif (start, stop) == (digest.rows - digest.tail_rows, digest.rows):
        skipped = digest.head_rows
    else:
        return None
    if not file.exists():
        return None
    with file.filesystem.open_input_stream(file.path, compression=None) as source, pa.ipc.open_stream(source) as rows:
        kept: pa.Table = rows.read_all()
    batches: list[pa.RecordBatch] = kept.slice(skipped, stop - start).to_batches()
    return iter(batches)
