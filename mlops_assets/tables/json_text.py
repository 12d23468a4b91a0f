"""JSON Lines with some members' values as text, so that a value of another kind is one row's matter."""

import io
import json
from collections.abc import Iterable


class _Decimal(float):
    """A number with a point or an exponent, that knows how it was written."""

    text: str

    def __new__(cls, text: str) -> "_Decimal":
        number = super().__new__(cls, text)
        number.text = text
        return number


class JsonValuesAsText(io.RawIOBase):
    """A file whose lines are objects as in `lines`, except that the members in `columns` are text (or null)."""

    def __init__(self, lines: Iterable[str], columns: frozenset[str]) -> None:
        self._lines, self._columns = iter(lines), columns
        self._rest = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        parts, length = [self._rest], len(self._rest)
        while size < 0 or length < size:
            line = next(self._lines, None)
            if line is None:
                break
            parts.append(self._rewrite(line).encode())
            length += len(parts[-1])
        whole = b"".join(parts)
        if size < 0:
            size = len(whole)
        self._rest = whole[size:]
        return whole[:size]

    def _rewrite(self, line: str) -> str:
        try:
            row = json.loads(line, parse_float=_Decimal)
        except ValueError:
            return line  # the reader says what is wrong with it
        if not isinstance(row, dict):
            return line
        for name in self._columns & row.keys():
            row[name] = _text(row[name])
        return json.dumps(row, ensure_ascii=False) + "\n"


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, _Decimal):
        # 3.0 is the integer 3 to JSON.
        whole = value.is_integer() and abs(value) < 2**53
        return str(int(value)) if whole else value.text
    return json.dumps(value, ensure_ascii=False)
