"""Hashes of what a table says, whatever carries it."""

import hashlib
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlops_assets.arrow.batching import fixed_batches
from mlops_assets.arrow.plain_types import plain_batch, plain_schema
from mlops_assets.errors import TableError

BLOCK_ROWS = 16_384
"""Rows are hashed in blocks of this size, column by column. Part of the definition: another size is another hash."""


class ContentHash:
    """SHA-256 of a table's content, fed batch by batch.

    Equal for equal column names, types, rows, row order, values and nulls. Blind to how they are carried: batch
    boundaries, chunks, slices, dictionary encoding, values under nulls, the payload of a NaN, nullability flags,
    metadata, the names of list items, the file format. ``string`` and ``large_string`` are different types; -0.0 is
    not 0.0.

    Parameters
    ----------
    schema
        The table's columns, also when there are no rows.

    Raises
    ------
    TableError
        A column has a type with no canonical form (a union).

    Examples
    --------
    >>> table = pa.table({"a": [1, 2, 3]})
    >>> whole, parts = ContentHash(table.schema), ContentHash(table.schema)
    >>> for batch in table.to_batches():
    ...     whole.update(batch)
    >>> for batch in table.to_batches(max_chunksize=2):
    ...     parts.update(batch)
    >>> whole.hexdigest() == parts.hexdigest()
    True
    """

    def __init__(self, schema: pa.Schema) -> None:
        self._stored = schema
        self._schema = plain_schema(schema).remove_metadata()
        self._sha = hashlib.sha256()
        self._pending: list[pa.RecordBatch] = []
        self._pending_rows = 0
        self.rows = 0
        """Rows seen so far."""
        feed_schema(self._sha, self._schema)

    def update(self, batch: pa.RecordBatch) -> None:
        """Add the next rows.

        Raises
        ------
        TableError
            The batch has other columns than the schema.
        """
        if not batch.schema.equals(self._stored, check_metadata=False):
            raise TableError(
                "A batch's columns differ from those of the table it belongs to",
                fix=f"Hash each table by itself: expected {self._stored.names}, got {batch.schema.names}",
            )
        self.rows += batch.num_rows
        self._pending.append(plain_batch(batch.replace_schema_metadata(None), self._schema))
        self._pending_rows += batch.num_rows
        if self._pending_rows >= BLOCK_ROWS:
            *blocks, last = fixed_batches(self._pending, BLOCK_ROWS)
            if last.num_rows == BLOCK_ROWS:
                blocks.append(last)
                self._pending = []
            else:
                self._pending = [last]
            self._pending_rows = sum(each.num_rows for each in self._pending)
            for block in blocks:
                feed_block(self._sha, block)

    def hexdigest(self) -> str:
        """The hash of the rows so far, 64 hex digits; more rows may follow."""
        sha = self._sha.copy()
        for block in fixed_batches(self._pending, BLOCK_ROWS):
            feed_block(sha, block)
        return sha.hexdigest()


def hash_of(*parts: str) -> str:
    """SHA-256 (hex) over the parts, each with its length: ``("ab", "c")`` and ``("a", "bc")`` differ."""
    sha = hashlib.sha256()
    for part in parts:
        _feed(sha, part.encode())
    return sha.hexdigest()


def feed_schema(sha: "hashlib._Hash", schema: pa.Schema) -> None:
    """Feed the names and types of a plain schema to a hash, without what does not change a value.

    Raises
    ------
    TableError
        A column has a type with no canonical form (a union).
    """
    _feed(sha, len(schema).to_bytes(8, "little"))
    texts: dict[pa.DataType, str] = {}
    for name, kind in zip(schema.names, schema.types, strict=True):
        # Few types in many columns; only of those without parts is the text decided by being equal.
        text = texts.get(kind) if not kind.num_fields else None
        if text is None:
            text = _type_text(kind, name)
            if not kind.num_fields:
                texts[kind] = text
        _feed(sha, name.encode())
        _feed(sha, text.encode())


def _feed(sha: "hashlib._Hash", data: bytes | memoryview | np.ndarray) -> None:
    view = memoryview(data.data if isinstance(data, np.ndarray) else data)
    view = view.cast("B") if view.nbytes else memoryview(b"")
    sha.update(view.nbytes.to_bytes(8, "little"))
    sha.update(view)


_NO_BYTES = (0).to_bytes(8, "little")
"""What `_feed` makes of an empty piece."""
_PLAIN_NUMBERS = frozenset(
    {pa.DoubleArray, pa.FloatArray}
    | {pa.Int8Array, pa.Int16Array, pa.Int32Array, pa.Int64Array}
    | {pa.UInt8Array, pa.UInt16Array, pa.UInt32Array, pa.UInt64Array}
)


def feed_block(sha: "hashlib._Hash", block: pa.RecordBatch) -> None:
    """Feed the rows of a plain batch to a hash, column by column."""
    sha.update(block.num_rows.to_bytes(8, "little"))
    for column in block.columns:
        # A table may have thousands of columns, and its blocks few rows: the common kind without the general way.
        if column.null_count or type(column) not in _PLAIN_NUMBERS or not len(column):
            for piece in _pieces(column):
                _feed(sha, piece)
            continue
        sha.update(_NO_BYTES)
        numbers = fixed_width_bytes(column)
        values = memoryview(numbers.data if isinstance(numbers, np.ndarray) else numbers).cast("B")
        sha.update(values.nbytes.to_bytes(8, "little"))
        sha.update(values)


class BlockFeeder:
    """Feeds any rows of one plain batch to a hash as `feed_block` would, which is faster for many blocks.

    Parameters
    ----------
    batch
        The rows.
    """

    def __init__(self, batch: pa.RecordBatch) -> None:
        self._batch = batch
        self._raw: list[tuple[int, memoryview] | None] = []
        for column in batch.columns:
            if column.null_count or type(column) not in _PLAIN_NUMBERS or not len(column):
                self._raw.append(None)
                continue
            numbers = fixed_width_bytes(column)
            view = memoryview(numbers.data if isinstance(numbers, np.ndarray) else numbers).cast("B")
            self._raw.append((column.type.bit_width // 8, view))

    def feed(self, sha: "hashlib._Hash", start: int, stop: int) -> None:
        """Feed the rows from `start` to the one before `stop`."""
        rows = stop - start
        sha.update(rows.to_bytes(8, "little"))
        for place, raw in enumerate(self._raw):
            if raw is None:
                for piece in _pieces(self._batch.column(place).slice(start, rows)):
                    _feed(sha, piece)
                continue
            width, view = raw
            sha.update(_NO_BYTES + (rows * width).to_bytes(8, "little"))
            sha.update(view[start * width : stop * width])


def _pieces(array: pa.Array) -> Iterator[bytes | memoryview | np.ndarray]:
    """The array's content as byte strings: which slots are valid, then the valid values, depth first."""
    kind = array.type
    if pa.types.is_null(kind):
        return
    if array.null_count:
        yield np.packbits(array.is_valid().to_numpy(zero_copy_only=False))
        # Only valid slots from here on, so that nothing under a null is ever looked at.
        array = array.drop_null()
    else:
        yield b""
    if isinstance(array, pa.ExtensionArray):
        yield from _pieces(array.storage)
    elif pa.types.is_boolean(kind):
        yield np.packbits(array.to_numpy(zero_copy_only=False))
    elif pa.types.is_struct(kind):
        for index in range(kind.num_fields):
            yield from _pieces(array.field(index))
    elif pa.types.is_map(kind):
        # Unlike a list's values, a map's keys and items are those of the array before it was sliced.
        ends = array.offsets.to_numpy()[: len(array) + 1] if len(array) else np.zeros(1, dtype=np.int32)
        yield np.diff(ends).astype("<i8")
        yield from _pieces(array.keys.slice(ends[0], ends[-1] - ends[0]))
        yield from _pieces(array.items.slice(ends[0], ends[-1] - ends[0]))
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        yield _little_endian(pc.list_value_length(array))
        yield from _pieces(array.flatten())
    elif pa.types.is_fixed_size_list(kind):
        yield from _pieces(array.flatten())
    elif _is_variable(kind):
        yield _little_endian(pc.binary_length(array))
        yield value_bytes(array)
    else:
        yield fixed_width_bytes(array)


def _is_variable(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
    )


def _little_endian(lengths: pa.Array) -> np.ndarray:
    return np.asarray(lengths.to_numpy(zero_copy_only=False), dtype="<i8")


def value_bytes(array: pa.Array) -> memoryview:
    """The bytes of a text or binary array without nulls, end to end."""
    _, offsets, values = array.buffers()
    if not len(array) or values is None:
        return memoryview(b"")
    large = pa.types.is_large_string(array.type) or pa.types.is_large_binary(array.type)
    ends = np.frombuffer(offsets, dtype=np.int64 if large else np.int32)
    return memoryview(values)[ends[array.offset] : ends[array.offset + len(array)]]


def fixed_width_bytes(array: pa.Array) -> memoryview | np.ndarray:
    """The bytes of an array of fixed-width values without nulls; every NaN as the same one."""
    if not len(array):
        return memoryview(b"")
    width = array.type.bit_width // 8
    raw = memoryview(array.buffers()[1])[array.offset * width : (array.offset + len(array)) * width]
    if pa.types.is_floating(array.type):
        values = np.frombuffer(raw, dtype=f"<f{width}")
        if np.isnan(values.min()):  # the least of numbers with a NaN among them is NaN
            return np.where(np.isnan(values), np.array(np.nan, values.dtype), values)
    return raw


def _type_text(kind: pa.DataType, column: str) -> str:
    """A type's name without what does not change a value: the names and nullability of list items."""
    if isinstance(kind, pa.BaseExtensionType):
        return f"{kind.extension_name}<{_type_text(kind.storage_type, column)}>"
    if pa.types.is_struct(kind):
        fields = (kind.field(index) for index in range(kind.num_fields))
        return f"struct<{','.join(f'{len(each.name)}:{each.name}:{_type_text(each.type, column)}' for each in fields)}>"
    if pa.types.is_map(kind):
        return f"map<{_type_text(kind.key_type, column)},{_type_text(kind.item_type, column)}>"
    if pa.types.is_fixed_size_list(kind):
        return f"fixed_size_list<{_type_text(kind.value_type, column)}>[{kind.list_size}]"
    if pa.types.is_large_list(kind):
        return f"large_list<{_type_text(kind.value_type, column)}>"
    if pa.types.is_list(kind):
        return f"list<{_type_text(kind.value_type, column)}>"
    if pa.types.is_union(kind):
        raise TableError(f"Column {column!r} is a union, which has no content hash", fix="Split it into columns")
    return str(kind)
