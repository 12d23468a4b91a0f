"""Parts of tables: those that workers have written, and those that are published."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow.parquet as pq

from mlops_assets.storage.location import Location

RECORD = b"mlops_assets.part"
"""In the footer of a part: its key and its facts, as JSON."""

_DIGITS, _MOST_OF_FIVE = 5, 99_999


@dataclass(frozen=True)
class StagedPart:
    """A part that is written, whole, and not published yet.

    Attributes
    ----------
    name
        Of its file in the staging.
    key
        What it was made from: parts of the same key hold the same rows.
    facts
        Small texts that are kept with it, for whoever finds it again and for the next asset.
    """

    name: str
    key: str
    rows: int
    bytes: int
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PublishedPart:
    """A part of a published table, in the version that was current when it was asked for.

    Attributes
    ----------
    location
        Its own file: a table that is published meanwhile has others.
    number
        Its place in the order of the table's parts, from 0.
    key, facts
        As in `StagedPart`; empty for a table in one file, and for parts that were not written here.
    """

    location: Location
    number: int
    rows: int
    bytes: int
    key: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)


def name_of_key(key: str) -> str:
    """A key as part of a file's name: 32 hexadecimal digits."""
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def part_name(number: int, key: str) -> str:
    """The name of a published part, without an extension; names sort as the numbers do, however many there are."""
    # 'a' sorts behind the digits.
    place = f"{number:0{_DIGITS}d}" if number <= _MOST_OF_FIVE else f"a{number:09d}"
    return f"part-{place}-{published_mark(key)}"


def published_mark(key: str) -> str:
    """What the name of a published part has of its key, between the second hyphen and what may follow."""
    return name_of_key(key)[:16]


def mark_of_name(name: str) -> str:
    """The `published_mark` in the name of a file; something else where it is no part."""
    return "".join(name.partition(".")[0].split("-")[2:3])


def part_record(key: str, facts: Mapping[str, str]) -> dict[bytes, bytes]:
    """What a part's footer says of it."""
    record = {"key": key, "facts": dict(sorted(facts.items()))}
    return {RECORD: json.dumps(record, ensure_ascii=False).encode()}


def read_part_record(name: str, file: Location) -> StagedPart | None:
    """The part that a file holds, by its footer alone; None where it is not there, damaged, or no part.

    A staged part may be deleted at any time, and one that cannot be read is made again.
    """
    try:
        with file.filesystem.open_input_file(file.path) as stream:
            size, footer = stream.size(), pq.read_metadata(stream)
        record = json.loads((footer.metadata or {})[RECORD])
        return StagedPart(name, record["key"], footer.num_rows, size, record["facts"])
    except (OSError, ValueError, KeyError):
        return None
