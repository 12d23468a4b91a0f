"""Paths with a place for the partition: from a partition's key to its file, and back."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import unquote

from mlops_assets.errors import ConfigurationError

_PLACEHOLDER = re.compile(r"\{partition(?::([^{}]*))?\}")
_DIRECTIVE = re.compile(r"%(.)", re.DOTALL)
# Those of strftime that read the same in every locale and can be read back.
_DIGITS = {"Y": 4, "y": 2, "m": 2, "d": 2, "H": 2, "M": 2, "S": 2, "j": 3}
_KEY = "key"


@dataclass(frozen=True)
class PathTemplate:
    """A path such as ``data/{partition}/in.parquet`` or ``data/{partition:%Y/%m/%d}.parquet``.

    ``{partition}`` stands for the key as it is, one part of the path. ``{partition:...}`` is for time partitions: the
    start of the partition, in the partitions' own time zone, as ``strftime`` writes it with the directives %Y %y %m %d
    %H %M %S %j. There may be several places. What else is in braces is left alone.

    Attributes
    ----------
    text
        A local path or a URL.
    key_format
        How the keys of time partitions are written (``%Y-%m-%d``); None: keys are names, not times.

    Examples
    --------
    >>> template = PathTemplate("data/{partition:%Y/%m}/day={partition:%d}.csv", "%Y-%m-%d")
    >>> template.path("2024-03-09")
    'data/2024/03/day=09.csv'
    >>> template.key_of("2024/03/day=09.csv")
    '2024-03-09'
    >>> template.keys_of(["2024/03/day=09.csv", "2024/03/day=10.csv", "2024/README"])
    {'2024-03-09': ('2024/03/day=09.csv',), '2024-03-10': ('2024/03/day=10.csv',)}
    """

    text: str
    key_format: str | None = None

    @property
    def is_partitioned(self) -> bool:
        """Whether the path has any place for the partition."""
        return _PLACEHOLDER.search(self.text) is not None

    def path(self, key: str) -> str:
        """The path of one partition.

        Raises
        ------
        ConfigurationError
            The key is not a time of `key_format`, or is more or less than one part of a path.
        """

        def filled(place: re.Match[str]) -> str:
            if place[1] is not None:
                return self._start(key).strftime(place[1])
            if key in ("", ".", "..") or re.search(r"[/\\\0]", key):
                raise ConfigurationError(
                    f"The partition {key!r} cannot be put into a path",
                    where=self.text,
                    fix="Use keys without slashes, backslashes and the names '.' and '..'",
                )
            return key

        return _PLACEHOLDER.sub(filled, self.text)

    @property
    def folder(self) -> str:
        """The folder that holds the files of all partitions: the path up to its first part with a placeholder."""
        folder = self._head
        return folder if folder.endswith("://") or folder == "/" else folder.rstrip("/")

    @property
    def _head(self) -> str:
        """`folder` with its slash, as it is written."""
        fixed = self.text[: placeholder.start()] if (placeholder := _PLACEHOLDER.search(self.text)) else self.text
        return fixed[: fixed.rfind("/") + 1]

    def key_of(self, name: str) -> str | None:
        """The partition that a file belongs to; None: to none.

        Parameters
        ----------
        name
            Relative to `folder`. Also a file at any depth below a partition's own folder.
        """
        match = re.fullmatch(self._pattern(), name)
        if match is None:
            return None
        parts = match.groupdict()
        key = parts.get(_KEY) or self._key_at(parts)
        try:
            path = self.path(key) if key else None
        except ConfigurationError:
            return None
        # The way back must be the way: a 31st of February, or a key in one place and another time in the next.
        whole = self._head + name
        return key if path is not None and (whole == path or whole.startswith(path.rstrip("/") + "/")) else None

    def keys_of(self, names: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """Which partitions files belong to: key -> names, both sorted; files of no partition are left out."""
        files_by_key: dict[str, list[str]] = {}
        for name in names:
            if key := self.key_of(name):
                files_by_key.setdefault(key, []).append(name)
        return {key: tuple(sorted(files_by_key[key])) for key in sorted(files_by_key)}

    def check(self, smallest: str | None) -> None:
        """Refuse a template under which two partitions share a path.

        Parameters
        ----------
        smallest
            The directive of the smallest time that separates partitions: ``H``, ``d`` or ``m``; None: keys are names.

        Raises
        ------
        ConfigurationError
            There is no place for the partition, a time is asked of names, a directive is unknown or one is missing.
        """
        if not self.is_partitioned:
            raise ConfigurationError(
                "The path has no place for the partition, so every partition would read the same rows",
                where=self.text,
                fix="Write {partition} into it, for example data/{partition}.parquet",
            )
        formats = [place[1] for place in _PLACEHOLDER.finditer(self.text)]
        if smallest is None:
            if any(written is not None for written in formats):
                raise ConfigurationError(
                    "A time format needs daily, hourly or monthly partitions",
                    where=self.text,
                    fix="Write {partition} alone",
                )
            return
        used = {letter for written in formats if written for letter in _DIRECTIVE.findall(written)} - {"%"}
        if unknown := sorted(used - set(_DIGITS)):
            raise ConfigurationError(
                f"%{', %'.join(unknown)} cannot be used in a path",
                where=self.text,
                fix=f"Use %{', %'.join(_DIGITS)}",
            )
        day = {"d", "m"} <= used or "j" in used
        distinguishes = {"m": "m" in used, "d": day, "H": day and "H" in used}[smallest] and bool(used & {"Y", "y"})
        if None not in formats and not distinguishes:
            raise ConfigurationError(
                "Several partitions would share this path",
                where=self.text,
                fix={
                    "m": "Name the year and the month, as in {partition:%Y-%m}",
                    "d": "Name the year, the month and the day, as in {partition:%Y-%m-%d}",
                    "H": "Name the date and the hour, as in {partition:%Y-%m-%d/%H}",
                }[smallest],
            )

    def _start(self, key: str) -> datetime:
        for written in (self.key_format, f"{self.key_format}%z"):  # Dagster's key of an hour that a clock shows twice
            try:
                return datetime.strptime(key, written or "")
            except ValueError:
                continue
        raise ConfigurationError(
            f"The partition {key!r} is not a time written as {self.key_format}",
            where=self.text,
            fix="Use {partition} alone, or time partitions",
        )

    def _key_at(self, parts: dict[str, str | None]) -> str | None:
        texts = {name: text for name, text in parts.items() if text is not None}
        try:
            time = datetime.strptime(" ".join(texts.values()), " ".join(f"%{name}" for name in texts))
        except ValueError:
            return None
        return time.strftime(self.key_format) if self.key_format else None

    def _pattern(self) -> str:
        """A regular expression over names below `folder`; a directive that occurs again must say the same again."""
        seen: set[str] = set()

        def group(name: str, content: str) -> str:
            if name in seen:
                return f"(?P={name})"
            seen.add(name)
            return f"(?P<{name}>{content})"

        def pieces() -> Iterator[str]:
            start = len(self._head)
            for place in _PLACEHOLDER.finditer(self.text):
                yield re.escape(self.text[start : place.start()])
                start = place.end()
                if place[1] is None:
                    yield group(_KEY, "[^/]+")
                    continue
                for at, text in enumerate(_DIRECTIVE.split(place[1])):
                    if at % 2 and text != "%":
                        yield group(text, rf"\d{{{_DIGITS[text]}}}")
                    else:
                        yield re.escape(text)
            yield re.escape(self.text[start:].rstrip("/"))

        return "".join(pieces()) + "(?:/.*)?"


def file_name(key: str) -> str:
    """A partition's key as the name of a file: itself, with percent signs for what a file system or a URL would not
    take, so that different keys have different names in one folder.

    Examples
    --------
    >>> file_name("2024-01-31"), file_name("north/east"), file_name("..")
    ('2024-01-31', 'north%2Feast', '%2E.')
    >>> file_name("10:30"), file_name("a::b")  # fsspec takes two colons for its own
    ('10:30', 'a%3A%3Ab')
    """
    if not key:
        raise ConfigurationError("A partition has no name", fix="Give every partition a key")
    name = re.sub(r"[^\w\-.:=@+, ]|::+", lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), key)
    return f"%{ord(name[0]):02X}{name[1:]}" if name[0] in "._ " else name


def key_of_file_name(name: str) -> str:
    """The inverse of `file_name`."""
    return unquote(name)
