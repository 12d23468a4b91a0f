"""Blocks of rows that are hashed together, where the rows themselves say where a block ends."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa

from mlops_assets.arrow.batching import join_batches
from mlops_assets.arrow.content_hash import BlockFeeder, feed_block, feed_schema
from mlops_assets.arrow.key_hash import key_hashes
from mlops_assets.arrow.plain_types import plain_array, plain_schema
from mlops_assets.errors import TableError

SPREAD = 4096
"""About so many rows make a block. Part of the definition, as are the other numbers: others make another hash."""
LEAST_SPREAD = 256
BLOCK_BYTES = 8 << 20
"""About so many bytes make a block of rows with many columns."""
LONGEST = 4
"""No block has more rows than `LONGEST` times the spread, whatever the keys are: one that would is cut."""
_NESTED_BITS = 128
"""What a value counts for whose type does not say how long it is."""


class Blocks:
    """Cuts rows into blocks, and hashes these.

    Parameters
    ----------
    schema
        Of the rows.

    Attributes
    ----------
    header
        Digest of the columns.
    held_rows
        Rows of the block that has not ended yet.

    Raises
    ------
    TableError
        A column has a type with no canonical form (a union).
    """

    def __init__(self, schema: pa.Schema) -> None:
        self._stored = schema
        self._schema = plain_schema(schema).remove_metadata()
        self.header = hash_schema(self._schema)
        self._spread = spread_of(self._schema)
        self._longest = self._spread * LONGEST
        self._held: list[pa.RecordBatch] = []
        self.held_rows = 0

    def ends(self, batch: pa.RecordBatch, row_key: Sequence[str], keys: np.ndarray | None) -> np.ndarray:
        """The places behind the rows that end a block by their keys."""
        if keys is None:
            keys = key_hashes([batch.column(name) for name in row_key], row_key)
        return np.flatnonzero((keys & np.uint64(self._spread - 1)) == 0) + 1

    def cut(self, batch: pa.RecordBatch, ends: Iterable[int]) -> list[bytes]:
        """Digests of the blocks that the next rows complete; the rows behind the last one are held."""
        batch = self._plain(batch)
        feeder: BlockFeeder | None = None
        digests: list[bytes] = []
        start = 0
        for end in self._all_ends(batch.num_rows, ends):
            sha = hashlib.sha256()
            if self._held:
                feed_block(sha, join_batches([*self._held, batch.slice(start, end - start)]))
                self._held, self.held_rows = [], 0
            else:
                feeder = feeder or BlockFeeder(batch)
                feeder.feed(sha, start, end)
            digests.append(sha.digest())
            start = end
        if start < batch.num_rows:
            self._held.append(batch.slice(start))
            self.held_rows += batch.num_rows - start
        return digests

    def _all_ends(self, rows: int, ends: Iterable[int]) -> Iterator[int]:
        """Where blocks end among the next rows: by a key, or because they are as long as a block may be."""
        start = -self.held_rows
        for end in map(int, ends):
            while end - start > self._longest:
                start += self._longest
                yield start
            yield end
            start = end
        while rows - start >= self._longest:
            start += self._longest
            yield start

    def rest(self) -> bytes:
        """The digest of the rows that are held; no bytes where there are none."""
        return self._digest(self._held) if self._held else b""

    def _digest(self, pieces: list[pa.RecordBatch]) -> bytes:
        sha = hashlib.sha256()
        feed_block(sha, join_batches(pieces))
        return sha.digest()

    def _plain(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        if batch.schema.equals(self._schema, check_metadata=True):
            return batch
        if not batch.schema.equals(self._stored) and hash_schema(plain_schema(batch.schema)) != self.header:
            raise TableError(
                "A batch's columns differ from those of the table it belongs to",
                fix=f"Hash each table by itself: expected {self._stored.names}, got {batch.schema.names}",
            )
        columns = [plain_array(column) for column in batch.columns]
        # What the types may still differ in, the names of list items, is no part of the hash.
        columns = [
            column if column.type.equals(kind) else column.cast(kind)
            for column, kind in zip(columns, self._schema.types, strict=True)
        ]
        return pa.RecordBatch.from_arrays(columns, schema=self._schema)


def spread_of(schema: pa.Schema) -> int:
    """About how many rows make a block: a power of two that follows from the plain types of the columns."""
    bits = sum(_bits(kind) for kind in schema.types)
    rows = BLOCK_BYTES * 8 // max(bits, 1)
    return int(min(SPREAD, max(LEAST_SPREAD, 1 << max(rows, 1).bit_length() - 1)))


def _bits(kind: pa.DataType) -> int:
    if pa.types.is_fixed_size_list(kind):
        return int(kind.list_size) * _bits(kind.value_type)
    if pa.types.is_struct(kind):
        return sum(_bits(kind.field(index).type) for index in range(kind.num_fields))
    if isinstance(kind, pa.BaseExtensionType):
        return _bits(kind.storage_type)
    if kind.num_fields or pa.types.is_null(kind):
        return _NESTED_BITS if kind.num_fields else 0
    try:
        return int(kind.bit_width)
    except ValueError:  # text and bytes
        return _NESTED_BITS


def hash_schema(schema: pa.Schema) -> bytes:
    """A digest of the names and types of plain columns."""
    sha = hashlib.sha256(b"mlops_assets table 1")
    feed_schema(sha, schema)
    return sha.digest()
