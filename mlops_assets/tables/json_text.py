"""JSON Lines with some members' values as text, so that a value of another kind is one row's matter."""

import io
import json
import re
from collections.abc import Callable, Iterable

_SIMPLE = r'"[^"\\\x00-\x1f]*"|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null'

Replace = Callable[[str], str | None]

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
        self._members: list[tuple[str, re.Pattern[str], str, Replace]] = [
            (f'"{name}"', re.compile(rf'("{re.escape(name)}"\s*:\s*)({_SIMPLE})(?=\s*[,}}])'), name, replace)
            for names, replace in ((sorted(columns), _simple_text), (sorted(values - columns), _simple_json))
            for name in names
        ]
        self._are_plain = not any(set(name) & set('"\\{') or name < " " for name in columns | values)
        self.met: set[str] = set()
        """The members of `columns` and `values` that some line had, of the lines that were read."""

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
        rewritten = self._rewrite_simple(line) if self._are_plain else None
        return self._rewrite_any(line) if rewritten is None else rewritten

    def _rewrite_simple(self, line: str) -> str | None:
        """A line of one object without nested ones and escapes, in which a quoted name before a colon is a member.

        None where it is not as simple as that.
        """
        if "\\" in line or line.count("{") != 1:
            return None
        for quoted, member, name, replace in self._members:
            count = line.count(quoted)
            if not count:
                continue
            found = member.search(line) if count == 1 else None
            text = replace(found[2]) if found is not None else None
            if found is None or text is None:
                return None
            self.met.add(name)
            line = f"{line[: found.start(2)]}{text}{line[found.end(2) :]}"
        return line

    def _rewrite_any(self, line: str) -> str:
        try:
            row = parse_line(line)
        except (ValueError, RecursionError):
            return line  # the reader says what is wrong with it
        if not isinstance(row, JsonObject):
            return line
        self.met |= (self._columns | self._values) & row.keys()
        for name in self._columns & row.keys():
            row[name] = _text(row[name])
        for name in self._values & row.keys():
            given = [value for member, value in row.pairs if member == name]
            row[name] = None if given == [None] else ", ".join(map(_json, given))
        return json.dumps(row, ensure_ascii=False) + "\n"


def _simple_text(given: str) -> str | None:
    """The JSON of `_text` of a value without parts; None where that takes a parser."""
    if given[0] == '"' or given == "null":
        return given
    if given in ("true", "false") or (given.lstrip("-").isdigit() and given != "-0"):
        return f'"{given}"'
    return f'"{_text(_Decimal(given))}"' if given != "-0" else None


def _simple_json(given: str) -> str | None:
    """The JSON of `_json` of a value without parts; None where that takes a parser."""
    if given == "null":
        return given
    if given[0] == '"':
        return f'"\\"{given[1:-1]}\\""'
    return f'"{given}"' if given != "-0" else None


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
        sign = "-" if not value and value.text.startswith("-") else ""
        return f"{sign}{int(value)}" if whole else value.text
    return json.dumps(value, ensure_ascii=False)


def _json(value: object) -> str:
    if isinstance(value, JsonObject):
        return "{" + ", ".join(f"{json.dumps(name)}: {_json(part)}" for name, part in value.pairs) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_json, value)) + "]"
    return value.text if isinstance(value, _Decimal) else json.dumps(value, ensure_ascii=False)
