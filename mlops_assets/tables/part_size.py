"""How large a part of a table is: one rule for inputs and for what is published."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

PART_ROWS = 262_144
PART_BYTES = 64 << 20
"""Uncompressed, by the footer, where a format says so; else of the file."""

Thing = TypeVar("Thing")


class PartSize(NamedTuple):
    """A part is full once it has so many rows or so many bytes."""

    rows: int
    bytes: int


def part_size() -> PartSize:
    """The rule. Tests set the two numbers of this module; nothing else reads them."""
    return PartSize(PART_ROWS, PART_BYTES)


@dataclass(frozen=True)
class Piece:
    """What is never cut: a row group, or a file of a format that has none.

    Attributes
    ----------
    rows
        None where only reading it would show that.
    """

    rows: int | None
    bytes: int


def group_pieces(pieces: Iterable[tuple[Piece, Thing]]) -> Iterator[list[tuple[Piece, Thing]]]:
    """Consecutive pieces, each with what it is a piece of, in groups that are as large as a part.

    A group is full as soon as it reaches the size of a part, so that what comes after a table's last piece changes the
    last group alone.
    """
    most = part_size()
    group: list[tuple[Piece, Thing]] = []
    rows = size = 0
    for piece, thing in pieces:
        group.append((piece, thing))
        rows += piece.rows or 0
        size += piece.bytes
        if rows >= most.rows or size >= most.bytes:
            yield group
            group, rows, size = [], 0, 0
    if group:
        yield group
