"""JSON Lines with some members' values as text, so that a value of another kind is one row's matter."""

import io
import json
from collections.abc import Iterable

_MOST_DIGITS = 400


class _Decimal(float):
    """A number with a point or an exponent, that knows how it was written."""

    text: str

    def __new__(cls, text: str) -> "_Decimal":
        number = super().__new__(cls, text)
        number.text = text
        return number


class JsonObject(dict[str, object]):
    """An object that knows whether a member occurs twice; as a dict it has the last."""

    def __init__(self, pairs: list[tuple[str, object]]) -> None:
        super().__init__(pairs)
        self.pairs = pairs


def parse_line(line: str) -> object:
    """A line's value, its objects as `JsonObject`; ValueError where it is not JSON."""
    try:
        return json.loads(line, parse_float=_Decimal, object_pairs_hook=JsonObject)
    except json.JSONDecodeError:
        raise
    except ValueError:
        # Python makes no integers of more than 4300 digits.
        return json.loads(line, parse_float=_Decimal, parse_int=_read_integer, object_pairs_hook=JsonObject)


def _read_integer(text: str) -> "int | _Decimal":
    return int(text) if len(text) <= _MOST_DIGITS else _Decimal(text)


class JsonValuesAsText(io.RawIOBase):
    """A file whose lines are objects as in `lines`, except for some members.

    Those in `columns` are text: what stands in quotes, or the value as it is written. Those in `values` are the JSON
    text of the value, with its quotes; of a member that an object has twice, both.
    """

    def __init__(self, lines: Iterable[str], columns: frozenset[str], values: frozenset[str] = frozenset()) -> None:
        self._lines, self._columns, self._values = iter(lines), columns, values
        self._rest = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        parts, length = [self._rest], len(self._rest)
        while size < 0 or length < size:
            line = next(self._lines, None)
            if line is None:
                break
            parts.append(_encode(self._rewrite(line)))
            length += len(parts[-1])
        whole = b"".join(parts)
        if size < 0:
            size = len(whole)
        self._rest = whole[size:]
        return whole[:size]

    def _rewrite(self, line: str) -> str:
        try:
            row = parse_line(line)
        except (ValueError, RecursionError):
            return line  # the reader says what is wrong with it
        if not isinstance(row, JsonObject):
            return line
        for name in self._columns & row.keys():
            row[name] = _text(row[name])
        for name in self._values & row.keys():
            given = [value for member, value in row.pairs if member == name]
            row[name] = None if given == [None] else ", ".join(map(_json, given))
        return json.dumps(row, ensure_ascii=False) + "\n"


def _encode(line: str) -> bytes:
    """The line with the bytes that it had, also where they are no UTF-8: whoever reads it says so."""
    try:
        return line.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        return line.encode(errors="surrogatepass")


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, _Decimal):
        # 3.0 is the integer 3 to JSON.
        whole = value.is_integer() and abs(value) < 2**53
        return str(int(value)) if whole else value.text
    return json.dumps(value, ensure_ascii=False)


def _json(value: object) -> str:
    if isinstance(value, JsonObject):
        return "{" + ", ".join(f"{json.dumps(name)}: {_json(part)}" for name, part in value.pairs) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_json, value)) + "]"
    return value.text if isinstance(value, _Decimal) else json.dumps(value, ensure_ascii=False)
