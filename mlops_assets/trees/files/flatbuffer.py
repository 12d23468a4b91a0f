"""FlatBuffers, read without a schema compiler: each offset is compared with the buffer's end before it is followed."""

import struct
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from mlops_assets.trees.files.errors import NativeFileError, UncheckableFileError

_FORMATS = {"bool": "<B", "byte": "<b", "int": "<i", "float": "<f", "double": "<d"}


class Buffer:
    """The bytes of one FlatBuffer, and how many of them may still be read: parts that are shared count each time."""

    def __init__(self, data: bytes, where: str) -> None:
        self.data, self.where = data, where
        self._left = 4 * len(data) + 4096

    def root(self) -> "Table":
        """The first table."""
        return Table(self, self.follow(0), self.where)

    def unpack(self, form: str, at: int) -> float:
        """One number."""
        if not 0 <= at <= len(self.data) - struct.calcsize(form):
            raise NativeFileError("points behind its end", where=f"{self.where}, byte {at}")
        number: float = struct.unpack_from(form, self.data, at)[0]
        return number

    def follow(self, at: int) -> int:
        """Where an offset leads."""
        target = at + int(self.unpack("<I", at))
        if target > len(self.data) - 4 or target == at:
            raise NativeFileError("points behind its end", where=f"{self.where}, byte {at}")
        return target

    def spend(self, size: int, at: int) -> None:
        """Count bytes that are read."""
        self._left -= size
        if self._left < 0:
            raise NativeFileError("uses its parts more than once", where=f"{self.where}, byte {at}")


class Table:
    """A table; fields are numbered in the order of the schema."""

    def __init__(self, buffer: Buffer, place: int, where: str) -> None:
        self._buffer, self._place, self.where = buffer, place, where
        start = place - int(buffer.unpack("<i", place))
        if start < 0:
            raise NativeFileError("points before its beginning", where=where)
        size, length = int(buffer.unpack("<H", start)), int(buffer.unpack("<H", start + 2))
        if size < 4 or size % 2 or start + size > len(buffer.data) or place + length > len(buffer.data) or length < 4:
            raise NativeFileError("has a table that is larger than its buffer", where=where)
        self._start, self._fields, self._length = start, (size - 4) // 2, length
        buffer.spend(4 + length, place)

    def check_fields(self, known: int) -> "Table":
        """Raise `UncheckableFileError` where there are more fields than a schema has."""
        if any(self._offset(field) for field in range(known, self._fields)):
            raise UncheckableFileError("has fields that are not known here", where=self.where)
        return self

    def _offset(self, field: int) -> int:
        return int(self._buffer.unpack("<H", self._start + 4 + 2 * field)) if field < self._fields else 0

    def _at(self, field: int, size: int) -> int | None:
        offset = self._offset(field)
        if offset and not 4 <= offset <= self._length - size:
            raise NativeFileError("has a field outside of its table", where=f"{self.where}, field {field}")
        return self._place + offset if offset else None

    def number(self, field: int, kind: str, default: float = 0) -> float:
        """A number: ``bool``, ``byte``, ``int``, ``float`` or ``double``."""
        form = _FORMATS[kind]
        at = self._at(field, struct.calcsize(form))
        return default if at is None else self._buffer.unpack(form, at)

    def table(self, field: int, where: str) -> "Table | None":
        """A table, where there is one."""
        at = self._at(field, 4)
        return None if at is None else Table(self._buffer, self._buffer.follow(at), where)

    def vector(self, field: int, dtype: npt.DTypeLike, where: str) -> npt.NDArray[np.generic]:
        """A vector of numbers or structs; empty where there is none."""
        form: np.dtype[np.generic] = np.dtype(dtype)
        at = self._at(field, 4)
        if at is None:
            return np.zeros(0, form)
        start = self._buffer.follow(at)
        count = int(self._buffer.unpack("<I", start))
        if count * form.itemsize > len(self._buffer.data) - start - 4:
            raise NativeFileError(f"has the length {count}, more than the bytes behind it", where=where)
        self._buffer.spend(4 + count * form.itemsize, start)
        numbers: npt.NDArray[np.generic] = np.frombuffer(self._buffer.data, form, count, start + 4)
        return numbers

    def text(self, field: int, where: str) -> bytes | None:
        """A string, where there is one."""
        if self._at(field, 4) is None:
            return None
        return self.vector(field, np.uint8, where).tobytes()

    def offsets(self, field: int, where: str) -> Iterator[int]:
        """Where the elements of a vector of tables or strings are."""
        at = self._at(field, 4)
        if at is None:
            return
        start = self._buffer.follow(at) + 4
        for number in range(len(self.vector(field, "<u4", where))):
            yield self._buffer.follow(start + 4 * number)

    def tables(self, field: int, where: str) -> Iterator["Table"]:
        """The tables of a vector of them."""
        for number, place in enumerate(self.offsets(field, where)):
            yield Table(self._buffer, place, f"{where} {number}")

    def text_at(self, place: int, where: str) -> bytes:
        """A string of a vector of them."""
        size = int(self._buffer.unpack("<I", place))
        if size > len(self._buffer.data) - place - 4:
            raise NativeFileError(f"has the length {size}, more than the bytes behind it", where=where)
        self._buffer.spend(4 + size, place)
        return self._buffer.data[place + 4 : place + 4 + size]
