"""A hash of what a table says that does not depend on where it was cut: into batches, parts or files.

Rows are hashed in blocks, and the rows themselves say where a block ends: a row whose key has a certain hash is the
last one of its block. So whoever hashes a part finds the same blocks as whoever hashes the whole, but for the rows
before the part's first such row and those after its last one: these belong to blocks that span parts, and are hashed
together afterwards. The table's hash is a hash of the hashes of all blocks.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from mlops_assets.arrow.hash_blocks import Blocks, hash_schema
from mlops_assets.arrow.plain_types import plain_schema
from mlops_assets.errors import TableError


@dataclass(frozen=True)
class PartDigest:
    """What the hash of a table needs to know of one part; about two kilobytes for 250 000 rows.

    Attributes
    ----------
    rows
        Rows of the part.
    head_rows
        Rows up to the first one that ends a block by its key, that row included; 0 where there is none.
    tail_rows
        Rows behind the last complete block; all rows where no row ends a block by its key.
    head
        Digests of the first `head_rows` rows as if they began a block.
    tail
        Digests of the last `tail_rows` rows as if they ended a block.
    blocks
        Digests of what lies between.
    header
        Digest of the columns.
    """

    rows: int
    head_rows: int
    tail_rows: int
    head: bytes
    tail: bytes
    blocks: tuple[bytes, ...]
    header: bytes

    @property
    def content(self) -> str:
        """The hash of this part alone, 64 hex digits: the `table_hash` of a table that has no other part."""
        return _hash_of_digests(self.header, (self.head, *self.blocks, self.tail))


@dataclass(frozen=True)
class Boundary:
    """Rows that are hashed together although they are in different parts.

    Attributes
    ----------
    ranges
        (number of the part, first row, row behind the last one), in order; at least two parts.
    """

    ranges: tuple[tuple[int, int, int], ...]

    @property
    def rows(self) -> int:
        return sum(stop - start for _, start, stop in self.ranges)


class PartHash:
    """Hashes the rows of one part, batch by batch.

    Parameters
    ----------
    schema
        The table's columns, those of `row_key` among them.
    row_key
        The columns that identify a row: they decide where blocks end.

    Raises
    ------
    TableError
        A column has a type with no canonical form (a union).

    Examples
    --------
    >>> rows = pa.record_batch({"id": [1, 2, 3, 4]})
    >>> one, other = PartHash(rows.schema, ["id"]), PartHash(rows.schema, ["id"])
    >>> one.update(rows.slice(0, 1))
    >>> other.update(rows.slice(1))
    >>> digests = [one.finish(), other.finish()]
    >>> [boundary.ranges for boundary in boundaries(digests)]
    [((0, 0, 1), (1, 0, 3))]
    >>> together = hash_boundary(rows.schema, [rows.slice(0, 1), rows.slice(1)])
    >>> whole = TableHash(rows.schema, ["id"])
    >>> whole.update(rows)
    >>> table_hash(rows.schema, digests, [together]) == whole.hexdigest()
    True
    """

    def __init__(self, schema: pa.Schema, row_key: Sequence[str]) -> None:
        self._blocks = Blocks(schema)
        self._row_key = tuple(row_key)
        self._head_rows = 0
        self._head: list[bytes] = []
        self._between: list[bytes] = []
        self.rows = 0
        """Rows seen so far."""

    def update(self, batch: pa.RecordBatch, keys: np.ndarray | None = None) -> None:
        """Add the next rows.

        Parameters
        ----------
        keys
            `key_hashes` of the rows' own keys, where they are known already.

        Raises
        ------
        TableError
            The batch has other columns than the schema.
        """
        ends = self._blocks.ends(batch, self._row_key, keys)
        before, self.rows = self.rows, self.rows + batch.num_rows
        if self._head_rows or not len(ends):
            self._between += self._blocks.cut(batch, ends)
            return
        first = int(ends[0])
        self._head = [*self._between, *self._blocks.cut(batch.slice(0, first), ends[:1])]
        self._head_rows = before + first
        self._between = self._blocks.cut(batch.slice(first), ends[1:] - first)

    def finish(self) -> PartDigest:
        """What was found; more rows may follow."""
        if self._head_rows:
            tail_rows, tail, between = self._blocks.held_rows, self._blocks.rest(), tuple(self._between)
        else:
            tail_rows, tail, between = self.rows, b"".join([*self._between, self._blocks.rest()]), ()
        head = b"".join(self._head)
        return PartDigest(self.rows, self._head_rows, tail_rows, head, tail, between, self._blocks.header)


class TableHash:
    """The same hash as `table_hash`, of a table that one process reads from the first row to the last.

    Parameters
    ----------
    schema, row_key
        As of `PartHash`.

    Raises
    ------
    TableError
        A column has a type with no canonical form (a union).

    Examples
    --------
    >>> content = TableHash(pa.schema([("id", pa.int64())]), ["id"])
    >>> content.update(pa.record_batch({"id": [1, 2, 3]}))
    >>> (content.rows, len(content.hexdigest()))
    (3, 64)
    """

    def __init__(self, schema: pa.Schema, row_key: Sequence[str]) -> None:
        self._blocks = Blocks(schema)
        self._row_key = tuple(row_key)
        self._sha = hashlib.sha256(self._blocks.header)
        self.rows = 0
        """Rows seen so far."""

    def update(self, batch: pa.RecordBatch, keys: np.ndarray | None = None) -> None:
        """Add the next rows; parameters and errors as of `PartHash.update`."""
        for digest in self._blocks.cut(batch, self._blocks.ends(batch, self._row_key, keys)):
            self._sha.update(digest)
        self.rows += batch.num_rows

    def hexdigest(self) -> str:
        """The hash of the rows so far, 64 hex digits; more rows may follow."""
        sha = self._sha.copy()
        sha.update(self._blocks.rest())
        return sha.hexdigest()


def boundaries(digests: Sequence[PartDigest]) -> list[Boundary]:
    """The rows of which `hash_boundary` must be called, in the order in which `table_hash` expects what it returns.

    Parameters
    ----------
    digests
        Of all parts of a table, in order.
    """
    return [each for each in _known_and_unknown(digests) if isinstance(each, Boundary)]


def hash_boundary(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> tuple[bytes, ...]:
    """Hash the rows of one `Boundary`.

    Parameters
    ----------
    schema
        The table's.
    batches
        Exactly the rows of the boundary, in order.
    """
    blocks = Blocks(schema)
    digests = [digest for batch in batches for digest in blocks.cut(batch, ())]
    rest = blocks.rest()
    return (*digests, rest) if rest else tuple(digests)


def table_hash(schema: pa.Schema, digests: Sequence[PartDigest], boundary_hashes: Sequence[Sequence[bytes]]) -> str:
    """The hash of a table, 64 hex digits.

    Equal for equal column names, types, rows, row order, values and nulls, and the same row key; blind to how they are
    carried, as `ContentHash` is, and to the places where the table was cut into parts.

    Parameters
    ----------
    schema
        The table's columns, also when there are no parts.
    digests
        Of all parts, in order.
    boundary_hashes
        What `hash_boundary` returned for each of `boundaries`, in their order.

    Raises
    ------
    TableError
        A part has other columns than the schema.
    """
    header = hash_schema(plain_schema(schema))
    for number, digest in enumerate(digests):
        if digest.header != header:
            raise TableError(
                f"Part {number} of a table has other columns than the table",
                fix=f"Give all parts of the table these columns, in this order: {', '.join(map(repr, schema.names))}",
            )
    pieces = list(_known_and_unknown(digests))
    if sum(isinstance(each, Boundary) for each in pieces) != len(boundary_hashes):
        raise ValueError("One sequence of digests is needed for each of the table's boundaries")
    hashed = iter(boundary_hashes)
    return _hash_of_digests(header, (b"".join(next(hashed)) if isinstance(p, Boundary) else p for p in pieces))


def _known_and_unknown(digests: Sequence[PartDigest]) -> Iterator[bytes | Boundary]:
    """The digests of a table's blocks in order, and between them what nobody could hash who saw one part only."""
    open_ranges: list[tuple[int, int, int]] = []  # rows of the block that has not ended yet
    open_digests = b""  # and their digests if it ended now, where they are of one part

    def end_block() -> Iterator[bytes | Boundary]:
        if open_ranges:
            yield open_digests if len(open_ranges) == 1 else Boundary(tuple(open_ranges))

    for number, part in enumerate(digests):
        if not part.rows:
            continue
        if part.head_rows:
            if open_ranges:
                open_ranges.append((number, 0, part.head_rows))
                yield from end_block()
            else:
                yield part.head
            yield from part.blocks
            open_ranges = []
        if part.tail_rows:
            open_ranges.append((number, part.rows - part.tail_rows, part.rows))
            open_digests = part.tail
    yield from end_block()


def _hash_of_digests(header: bytes, digests: Iterable[bytes]) -> str:
    return hashlib.sha256(header + b"".join(digests)).hexdigest()
