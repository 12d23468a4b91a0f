"""JSON as XGBoost writes it: arrays of numbers become NumPy arrays, everything else plain values."""

import re
from collections.abc import Callable

import numpy as np

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
from mlops_assets.trees.files.numbers import parse

_SPACE = re.compile(rb"[ \t\r\n]*")
_NUMBERS = re.compile(rb"\[([-+0-9.eENaInfity, \t\r\n]*)\]")
_NUMBER = re.compile(rb"-?(?:\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|Infinity)|NaN")
_WHOLE = re.compile(rb"-?\d{1,18}")
_STRING = re.compile(rb'"([^"\\\x00-\x1f]*(?:\\["\\/bfnrtu][^"\\\x00-\x1f]*)*)"')
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)")
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_LITERALS: dict[bytes, bool | None] = {b"true": True, b"false": False, b"null": None}


def read_json(data: bytes, take: Callable[[Document], None] | None = None) -> Document:
    """The object in `data`; each element of its array "trees" is handed to `take` instead.

    Raises
    ------
    NativeFileError
        It is not JSON, is too deep, has a name twice, or would take far more memory than its size.
    """
    reader = _Reader(data, take)
    value = reader.read(0, "")
    if reader.skip() != len(data) or not isinstance(value, dict):
        raise NativeFileError("is not one JSON object", where=f"byte {reader.place}")
    return value


class _Reader:
    def __init__(self, data: bytes, take: Callable[[Document], None] | None) -> None:
        self.data, self.place = data, 0
        self.limits = Limits(len(data), take)

    def skip(self) -> int:
        found = _SPACE.match(self.data, self.place)
        self.place = found.end() if found else self.place
        return self.place

    def read(self, depth: int, key: str) -> Value:
        check_nesting(depth, f"byte {self.place}")
        start = self.data[self.skip() : self.place + 1]
        if start == b"{":
            return self._object(depth)
        if start == b"[":
            numbers = self._numbers()
            return numbers if numbers is not None else self._array(depth, key)
        if start == b'"':
            text = self._string()
            self.limits.spend(len(text), f"byte {self.place}")
            return text
        return self._scalar()

    def _object(self, depth: int) -> Document:
        found: Document = {}
        self.place += 1
        while self._next(b"}", not found):
            self.skip()
            key = self._string()
            if key in found or "\\" in key:
                raise self._error(f"has {key[:40]!r} twice")
            if self.data[self.skip() : self.place + 1] != b":":
                raise self._error("is not JSON")
            self.place += 1
            self.limits.spend(len(key), f"byte {self.place}")
            found[key] = self.read(depth + 1, key)
        return found

    def _array(self, depth: int, key: str) -> Value:
        self.place += 1
        values: list[Value] = []
        count, texts, digest = 0, 0, TextDigest()
        while self._next(b"]", count == 0):
            count += 1
            self.skip()
            if key == STREAMED:
                self.limits.stream(lambda: self.read(depth + 1, ""), f"byte {self.place}")
            elif self.data[self.place : self.place + 1] == b'"':
                digest.add(self._string())
                texts += 1
            else:
                value = self.read(depth + 1, "")
                self.limits.spend(0, f"byte {self.place}")
                values.append(int(value) if isinstance(value, bool) else value)
        if texts and texts != count:
            raise self._error("has an array of strings and other values")
        if texts:
            return Texts(texts, digest.value)
        numbers = [value for value in values if isinstance(value, int | float)]
        return join_numbers(numbers) if numbers and len(numbers) == len(values) else values

    def _next(self, end: bytes, first: bool) -> bool:
        """Whether another member follows; passes the comma before it, or the bracket behind all."""
        mark = self.data[self.skip() : self.place + 1]
        if mark == end:
            self.place += 1
            return False
        if first:
            return True
        if mark != b",":
            raise self._error("is not JSON")
        self.place += 1
        return True

    def _numbers(self) -> Numbers | None:
        found = _NUMBERS.match(self.data, self.place)
        if found is None:
            return None
        text = found[1].strip()
        where = f"byte {self.place}"
        self.place = found.end()
        whole = not text.translate(None, b"-0123456789, \t\r\n")
        if text.endswith((b",", b"-")) or b"- " in text or b"-," in text or (whole and b"+" in text):
            raise NativeFileError("has an array with something else among its numbers", where=where)
        try:
            numbers = parse(text, np.int64 if whole else np.float64, ",")
        except ValueError as error:
            raise NativeFileError("has an array with something else among its numbers", where=where) from error
        if whole and numbers.size and int(np.abs(numbers).max()) >= 2**62:
            raise NativeFileError("has a whole number of more than 62 bits", where=where)
        self.limits.spend(numbers.nbytes // 8, where)
        return numbers

    def _string(self) -> str:
        found = _STRING.match(self.data, self.place)
        if found is None:
            raise self._error("is not JSON")
        self.place = found.end()
        try:
            text = found[1].decode()
            return _ESCAPE.sub(_unescape, text) if "\\" in text else text
        except (UnicodeDecodeError, KeyError, ValueError) as error:
            raise self._error("has a string that cannot be read") from error

    def _scalar(self) -> Value:
        for text, literal in _LITERALS.items():
            if self.data.startswith(text, self.place):
                self.place += len(text)
                return literal
        found = _NUMBER.match(self.data, self.place)
        if found is None:
            raise self._error("is not JSON")
        self.place = found.end()
        return int(found[0]) if _WHOLE.fullmatch(found[0]) else float(found[0])

    def _error(self, what: str) -> NativeFileError:
        return NativeFileError(what, where=f"byte {self.place}")


def _unescape(found: re.Match[str]) -> str:
    code = found[1]
    return chr(int(code[1:], 16)) if code.startswith("u") else _ESCAPES[code]
