"""Protocol Buffers' wire format, without a schema compiler: fields one by one, repeated numbers at once."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mlops_assets.trees.files.errors import NativeFileError

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_LONGEST_VARINT = 10


@dataclass(frozen=True)
class Field:
    """One field of a message, or a run of a repeated one.

    Attributes
    ----------
    number, wire
        Its number and wire type.
    value
        A number (`VARINT`), or where its content is: start and end in the data.
    """

    number: int
    wire: int
    value: int
    start: int
    end: int


def read_fields(data: bytes, start: int, end: int, where: str) -> Iterator[Field]:
    """The fields of the message in ``data[start:end]``.

    Raises
    ------
    NativeFileError
        A field ends behind its message, or is of a wire type that is no longer written.
    """
    at = start
    while at < end:
        tag, at = read_varint(data, at, end, where)
        number, wire = tag >> 3, tag & 7
        value, first = 0, at
        if wire == VARINT:
            value, at = read_varint(data, at, end, where)
        elif wire == BYTES:
            size, first = read_varint(data, at, end, where)
            at = first + size
        elif wire in (FIXED32, FIXED64):
            at += 4 if wire == FIXED32 else 8
        else:
            raise NativeFileError(f"has the wire type {wire}", where=f"{where}, byte {at}")
        if at > end or not number:
            raise NativeFileError("has a field that is longer than its message", where=f"{where}, byte {first}")
        yield Field(number, wire, value, first, at)


def read_varint(data: bytes, at: int, end: int, where: str) -> tuple[int, int]:
    """A number of variable length, and where the next field begins."""
    value = 0
    for place in range(at, min(at + _LONGEST_VARINT, end)):
        byte = data[place]
        value |= (byte & 127) << 7 * (place - at)
        if byte < 128:
            return value & (2**64 - 1), place + 1
    raise NativeFileError("has a number that does not end", where=f"{where}, byte {at}")


def unpack_varints(data: bytes, start: int, end: int, where: str) -> npt.NDArray[np.int64]:
    """All numbers of ``data[start:end]``, which holds nothing else."""
    raw = np.frombuffer(data, np.uint8, end - start, start)
    ends = np.flatnonzero(raw < 128)
    if len(raw) and (not len(ends) or ends[-1] != len(raw) - 1):
        raise NativeFileError("has a number that does not end", where=where)
    begins = np.concatenate([[0], ends[:-1] + 1]) if len(ends) else ends
    sizes = ends - begins + 1
    if len(sizes) and sizes.max() > _LONGEST_VARINT:
        raise NativeFileError("has a number that does not end", where=where)
    values = np.zeros(len(ends), np.uint64)
    for position in range(int(sizes.max(initial=0))):
        longer = sizes > position
        part = (raw[begins[longer] + position] & 127).astype(np.uint64)
        values[longer] |= part << np.uint64(7 * position)
    return values.view(np.int64)
