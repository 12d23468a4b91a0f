"""How deep the lines of a JSON Lines file are nested, and how wide they are together, before Arrow reads them."""

import re
import secrets
from typing import Any

import numpy as np
import pyarrow as pa

from mlops_assets.errors import TableError
from mlops_assets.storage.location import Location
from mlops_assets.tables.files import DEEPEST

LONGEST_LINE = 32 << 20
_PIECE = 8 << 20
# Of what is parsed at once; and how many of its lines are looked at, of the longest and of any.
_MOST_CELLS, _LOOKED_AT = 1 << 28, 100
_NAME = re.compile(rb'"((?:[^"\\]|\\.)*)"\s*:')
_TOKENS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[{]|[\]}]', re.DOTALL)
_OPENERS = np.zeros(256, np.uint8)
_OPENERS[[ord("{"), ord("[")]] = 1


class ShallowLines:
    """A stream of JSON Lines that Arrow can read from; reading fails at a line that is nested too deep.

    Few lines have more brackets than levels are allowed: only those are looked at token by token.
    """

    def __init__(self, stream: pa.NativeFile, file: Location) -> None:
        self._stream, self._file = stream, file
        self._begun: list[bytes] = []
        self._lines, self.closed = 0, False

    def read(self, size: int = -1) -> bytes:
        data = bytes(self._stream.read(size) if size >= 0 else self._stream.read())
        self._check(data)
        return data

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return int(self._stream.tell())

    def close(self) -> None:
        """The stream stays open: it is not ours."""
        self.closed = True

    def _check(self, data: bytes) -> None:
        for start in range(0, len(data), _PIECE):
            self._check_piece(data[start : start + _PIECE])

    def _check_piece(self, data: bytes) -> None:
        end = data.rfind(b"\n") + 1
        if not end:
            self._begun.append(data)
        else:
            self._check_lines(b"".join((*self._begun, data[:end])))
            self._begun = [data[end:]]
        if (length := sum(map(len, self._begun))) > LONGEST_LINE:
            raise TableError(
                f"Line {self._lines + 1} is longer than {LONGEST_LINE >> 20} MiB",
                where=self._file.uri,
                fix="Write shorter lines",
            )
        # A last line may have no end: what Arrow is given must be checked before.
        if length and not end:
            self._check_line(b"".join(self._begun), self._lines + 1)
        elif length:
            self._check_line(self._begun[0], self._lines + 1)

    def _check_lines(self, data: bytes) -> None:
        codes = np.frombuffer(data, np.uint8)
        ends = np.flatnonzero(codes == ord("\n"))
        starts = np.concatenate(([0], ends[:-1] + 1))
        opened = np.add.reduceat(_OPENERS[codes], starts, dtype=np.int64)
        for at in np.flatnonzero(opened > DEEPEST).tolist():
            self._check_line(data[starts[at] : ends[at]], self._lines + at + 1)
        self._check_cells(data, starts, ends)
        self._lines += len(ends)

    def _check_cells(self, data: bytes, starts: "np.ndarray[Any, Any]", ends: "np.ndarray[Any, Any]") -> None:
        """Each name is a column of all lines: a megabyte of lines of other names each would be thirty gigabytes."""
        if data.count(b":") * len(ends) <= _MOST_CELLS:
            return
        longest = np.argsort(starts - ends, kind="stable")[:_LOOKED_AT]
        chance = [secrets.randbelow(len(ends)) for _ in range(_LOOKED_AT)]
        names = [_names(data[starts[at] : ends[at]]) for at in [*longest.tolist(), *chance]]
        most, different = max(map(len, names)), len(set().union(*names))
        if different > 2 * most:
            different = len(_names(data))
        if different * len(ends) > _MOST_CELLS:
            raise TableError(
                f"The {len(ends):,} lines after line {self._lines} have {different:,} different names, each of which "
                f"is a column of them all: more than {_MOST_CELLS:,} values at once",
                where=self._file.uri,
                fix="Write the names as values, in a list of objects with a name and a value each",
            )

    def _check_line(self, line: bytes, number: int) -> None:
        if line.count(b"{") + line.count(b"[") <= DEEPEST:
            return
        depth = 0
        for token in _TOKENS.finditer(line):
            character = line[token.start()]
            depth += (character in b"{[") - (character in b"}]")
            if depth > DEEPEST:
                raise TableError(
                    f"Line {number} is nested more than {DEEPEST} levels deep",
                    where=self._file.uri,
                    fix=f"Write objects and lists inside each other in at most {DEEPEST} levels",
                )


def _names(text: bytes) -> set[bytes]:
    return set(_NAME.findall(text))
