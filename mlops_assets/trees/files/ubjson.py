"""UBJSON as XGBoost writes it (`.ubj`): each length is compared with the bytes that are left before it is believed."""

import struct
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from mlops_assets.trees.files.documents import (
    STREAMED,
    Document,
    Limits,
    Numbers,
    TextDigest,
    Texts,
    Value,
    check_nesting,
    join_numbers,
)
from mlops_assets.trees.files.errors import NativeFileError

_TYPES: dict[bytes, npt.DTypeLike] = {
    b"i": np.dtype(">i1"),
    b"U": np.dtype(">u1"),
    b"I": np.dtype(">i2"),
    b"l": np.dtype(">i4"),
    b"L": np.dtype(">i8"),
    b"d": np.dtype(">f4"),
    b"D": np.dtype(">f8"),
}
_FORMATS = {b"i": ">b", b"U": ">B", b"I": ">h", b"l": ">i", b"L": ">q", b"d": ">f", b"D": ">d"}
_LITERALS: dict[bytes, bool | None] = {b"T": True, b"F": False, b"Z": None}
_LENGTHS = b"iUIlL"


def read_ubjson(data: bytes, take: Callable[[Document], None] | None = None) -> Document:
    """The object in `data`; each element of its array "trees" is handed to `take` instead.

    Raises
    ------
    NativeFileError
        As `read_json`.
    """
    reader = _Reader(data, take)
    value = reader.read(0, "")
    if reader.place != len(data) or not isinstance(value, dict):
        raise NativeFileError("is not one UBJSON object", where=f"byte {reader.place}")
    return value


class _Reader:
    def __init__(self, data: bytes, take: Callable[[Document], None] | None) -> None:
        self.data, self.place = data, 0
        self.limits = Limits(len(data), take)

    def read(self, depth: int, key: str) -> Value:
        check_nesting(depth, f"byte {self.place}")
        mark = self._mark()
        if mark == b"{":
            return self._object(depth)
        if mark == b"[":
            return self._array(depth, key)
        if mark == b"S":
            text = self._text()
            self.limits.spend(len(text), f"byte {self.place}")
            return text
        if mark in _LITERALS:
            return _LITERALS[mark]
        return self._number(mark)

    def _object(self, depth: int) -> Document:
        found: Document = {}
        while self.data[self.place : self.place + 1] != b"}":
            key = self._text()
            if key in found:
                raise self._error(f"has {key[:40]!r} twice")
            self.limits.spend(len(key), f"byte {self.place}")
            found[key] = self.read(depth + 1, key)
        self.place += 1
        return found

    def _array(self, depth: int, key: str) -> Value:
        mark = self._mark()
        if mark == b"$":
            return self._typed()
        if mark != b"#":
            raise self._error("has an array without a length, which XGBoost does not write")
        count, values = self._length(1), list[Value]()
        if key == STREAMED:
            for _ in range(count):
                self.limits.stream(lambda: self.read(depth + 1, ""), f"byte {self.place}")
            return []
        if count and self.data[self.place : self.place + 1] == b"S":
            digest = TextDigest()
            for _ in range(count):
                if self._mark() != b"S":
                    raise self._error("has an array of strings and other values")
                digest.add(self._text())
            return Texts(count, digest.value)
        for _ in range(count):
            value = self.read(depth + 1, "")
            self.limits.spend(0, f"byte {self.place}")
            values.append(int(value) if isinstance(value, bool) else value)
        numbers = [value for value in values if isinstance(value, int | float)]
        return join_numbers(numbers) if numbers and len(numbers) == len(values) else values

    def _typed(self) -> Numbers:
        mark = self._mark()
        if mark not in _TYPES or self._mark() != b"#":
            raise self._error("has an array of an unknown type")
        dtype: np.dtype[np.generic] = np.dtype(_TYPES[mark])
        count = self._length(dtype.itemsize)
        numbers = np.frombuffer(self.data, dtype, count, self.place)
        self.place += numbers.nbytes
        self.limits.spend(0, f"byte {self.place}")
        return numbers

    def _mark(self) -> bytes:
        mark = self.data[self.place : self.place + 1]
        self.place += 1
        return mark

    def _number(self, mark: bytes) -> int | float:
        form = _FORMATS.get(mark)
        if form is None or self.place + struct.calcsize(form) > len(self.data):
            self.place -= 1
            raise self._error("is not UBJSON")
        (number,) = struct.unpack_from(form, self.data, self.place)
        self.place += struct.calcsize(form)
        return float(number) if mark in b"dD" else int(number)

    def _length(self, each: int) -> int:
        mark = self._mark()
        if not mark or mark not in _LENGTHS:
            raise self._error("has a length that is no whole number")
        length = int(self._number(mark))
        if not 0 <= length * each <= len(self.data) - self.place:
            raise self._error(f"has the length {length}, more than the bytes behind it")
        return length

    def _text(self) -> str:
        length = self._length(1)
        text = self.data[self.place : self.place + length]
        self.place += length
        try:
            return text.decode()
        except UnicodeDecodeError as error:
            raise self._error("has a string that is not UTF-8") from error

    def _error(self, what: str) -> NativeFileError:
        return NativeFileError(what, where=f"byte {self.place}")
