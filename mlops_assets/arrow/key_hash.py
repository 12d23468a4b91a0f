"""64-bit hashes of row keys, a batch at a time, on Arrow's own buffers."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlops_assets.arrow.plain_types import plain_array
from mlops_assets.arrow.type_kinds import is_text
from mlops_assets.errors import TableError

_ODD = np.uint64(0x9E3779B97F4A7C15)
_NULL = np.uint64(0xD6E8FEB86659FD93)
_EVERY_BIT = np.uint64(0xFFFFFFFFFFFFFFFF)


def key_hashes(columns: Sequence[pa.Array], names: Sequence[str], where: str | None = None) -> np.ndarray:
    """One uint64 per row. Equal keys have equal hashes: all NaN are one value, as are -0.0 and 0.0, and all nulls.

    Raises
    ------
    TableError
        A column's type cannot identify a row (a list, a struct, ...).
    """
    combined: np.ndarray | None = None
    for column, name in zip(columns, names, strict=True):
        hashed = _column_hashes(canonical(column), name, where)
        combined = hashed if combined is None else _mix(combined * _ODD + hashed)
    if combined is None:
        raise TableError("A row key has no columns", where=where, fix="Name at least one in row_key")
    return combined


def canonical(array: pa.Array) -> pa.Array:
    """The same keys without encodings, floats with one NaN and one zero, in types that Arrow compares and groups."""
    array = _widened(plain_array(array))
    if pa.types.is_floating(array.type):
        values = array.to_numpy(zero_copy_only=False) + 0.0
        return pa.array(np.where(np.isnan(values), np.nan, values), array.type, mask=_nulls(array))
    return array


def _widened(array: pa.Array) -> pa.Array:
    kind = array.type
    if pa.types.is_float16(kind):
        return array.cast(pa.float32())
    if pa.types.is_decimal(kind) and kind.bit_width < 128:
        return array.cast(pa.decimal128(kind.precision, kind.scale))
    return array


def _nulls(array: pa.Array) -> np.ndarray:
    return np.asarray(array.is_null().to_numpy(zero_copy_only=False), dtype=bool)


def _mix(values: np.ndarray) -> np.ndarray:
    """The finaliser of splitmix64 (Steele, Lea, Flood 2014): every input bit reaches every output bit; a bijection.

    Overwrites `values`.
    """
    shifted = values >> np.uint64(30)
    values ^= shifted
    values *= np.uint64(0xBF58476D1CE4E5B9)
    values ^= np.right_shift(values, np.uint64(27), out=shifted)
    values *= np.uint64(0x94D049BB133111EB)
    values ^= np.right_shift(values, np.uint64(31), out=shifted)
    return values


def _column_hashes(array: pa.Array, name: str, where: str | None) -> np.ndarray:
    kind = array.type
    if pa.types.is_null(kind):
        return np.full(len(array), _NULL)
    if pa.types.is_boolean(kind):
        array, kind = array.cast(pa.uint8()), pa.uint8()
    if pa.types.is_fixed_size_binary(kind) and not pa.types.is_decimal(kind):
        array, kind = array.cast(pa.binary()), pa.binary()
    if is_text(kind):
        hashed = _bytes_hashes(array, large=pa.types.is_large_string(kind))
    elif pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        hashed = _bytes_hashes(array, large=pa.types.is_large_binary(kind))
    elif pa.types.is_primitive(kind) or pa.types.is_decimal(kind):
        hashed = _fixed_width_hashes(array)
    else:
        raise TableError(
            f"Row key column {name!r} has type {kind}, which cannot identify a row",
            where=where,
            fix="Use columns of numbers, text or times in row_key",
        )
    if array.null_count:
        hashed[_nulls(array)] = _NULL
    return hashed


def _fixed_width_hashes(array: pa.Array) -> np.ndarray:
    width = array.type.bit_width // 8
    word = min(width, 8)
    words = np.frombuffer(array.buffers()[1], dtype=f"<u{word}")
    per_row = width // word
    rows = words[array.offset * per_row : (array.offset + len(array)) * per_row].reshape(len(array), per_row)
    hashed = np.zeros(len(array), dtype=np.uint64)
    for part in range(per_row):
        hashed = _mix(hashed * _ODD + rows[:, part].astype(np.uint64) + _ODD)
    return hashed


def _bytes_hashes(array: pa.Array, *, large: bool) -> np.ndarray:
    """Eight bytes of every value at a time, for as long as there are values that go on."""
    _, offset_buffer, data = array.buffers()
    offsets = np.frombuffer(offset_buffer, dtype=np.int64 if large else np.int32)
    offsets = offsets[array.offset : array.offset + len(array) + 1].astype(np.int64)
    starts, lengths = offsets[:-1] - offsets[0], np.diff(offsets)
    if array.null_count:
        lengths = np.where(_nulls(array), 0, lengths)
    # Eight bytes more, so that a word can be read at the last byte.
    raw = np.zeros(int(offsets[-1] - offsets[0]) + 8, dtype=np.uint8)
    if len(raw) > 8:
        raw[:-8] = np.frombuffer(data, dtype=np.uint8)[offsets[0] : offsets[-1]]
    words = np.ndarray(shape=(len(raw) - 7,), dtype="<u8", buffer=raw.data, strides=(1,))
    hashed = _mix(lengths.astype(np.uint64) + _ODD)
    position, longest = 0, int(lengths.max(initial=0))
    # What all values have, without choosing among them; keys of one length, which are many, without looking them up.
    everywhere = int(lengths.min(initial=longest))
    stride = everywhere if everywhere == longest and not array.null_count else 0
    while position + 8 <= everywhere:
        word = words[position::stride][: len(lengths)] if stride else words[starts + position]
        hashed = _mix(hashed * _ODD + word)
        position += 8
    if stride and position < longest:
        mask = _EVERY_BIT >> np.uint64(64 - (longest - position) * 8)
        return _mix(hashed * _ODD + (words[position::stride][: len(lengths)] & mask))
    going_on = np.flatnonzero(lengths > position)
    while len(going_on):
        left = np.minimum(lengths[going_on] - position, 8).astype(np.uint64)
        mask = _EVERY_BIT >> (np.uint64(64) - left * np.uint64(8))
        word = words[starts[going_on] + position] & mask
        hashed[going_on] = _mix(hashed[going_on] * _ODD + word)
        position += 8
        going_on = going_on[lengths[going_on] > position]
    return hashed


def strictly_increasing(columns: Sequence[pa.Array], before: Sequence[pa.Array] | None) -> bool:
    """True when each row's key is greater than the one above it, in lexicographic order; False where that is unknown.

    `before` holds the last row of what came earlier, one array of length 1 per column.
    """
    if before is not None:
        columns = [pa.concat_arrays([last, column]) for last, column in zip(before, columns, strict=True)]
    if len(columns[0]) < 2:
        return all(column.null_count == 0 and _is_ordered(column.type) for column in columns)
    verdict: pa.Array | None = None
    for column in reversed(columns):
        if column.null_count or not _is_ordered(column.type):
            return False
        above, below = column.slice(0, len(column) - 1), column.slice(1)
        less = pc.less(above, below)
        verdict = less if verdict is None else pc.or_(less, pc.and_(pc.equal(above, below), verdict))
    return bool(pc.all(verdict).as_py())


def _is_ordered(kind: pa.DataType) -> bool:
    of = pa.types
    return bool(
        of.is_integer(kind)
        or of.is_floating(kind)
        or of.is_temporal(kind)
        or of.is_string(kind)
        or of.is_large_string(kind)
        or of.is_decimal(kind)
    )
