"""What a section of a report consists of. Nothing here is markup: a template writes it, and escapes every text."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from mlops_assets.explain.report.bars import BarTable
from mlops_assets.explain.report.formatting import shorten
from mlops_assets.explain.report.marks import Chart

CELL = 200
"""The most characters of a cell."""


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of text."""

    KIND: ClassVar[str] = "paragraph"
    text: str


@dataclass(frozen=True)
class Lines:
    """A list of lines: a text that stands out, and what is said of it."""

    KIND: ClassVar[str] = "lines"
    lines: tuple[tuple[str, str], ...]
    numbered: bool = False


@dataclass(frozen=True)
class Facts:
    """Names with their values."""

    KIND: ClassVar[str] = "facts"
    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Tile:
    """One figure that is seen at once: what it is, its value, a few words on it."""

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Tiles:
    """Figures beside each other."""

    KIND: ClassVar[str] = "tiles"
    tiles: tuple[Tile, ...]


@dataclass(frozen=True)
class DataTable:
    """A table of texts; the columns at the places `numeric` are aligned right."""

    KIND: ClassVar[str] = "data_table"
    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    numeric: tuple[int, ...] = ()


@dataclass(frozen=True)
class Grid:
    """Blocks beside each other where there is room."""

    KIND: ClassVar[str] = "grid"
    blocks: "tuple[Block, ...]"


@dataclass(frozen=True)
class Part:
    """A part of a section, with a heading of its own."""

    KIND: ClassVar[str] = "part"
    title: str
    blocks: "tuple[Block, ...]"


@dataclass(frozen=True)
class Tabs:
    """Parts of which a screen shows one at a time, and paper all.

    Attributes
    ----------
    anchor
        Of the group, unique in a report: letters, digits and hyphens.
    legend
        What the parts are one each of, for example ``Output``.
    tabs
        Short name -> the part, at most `MOST`.
    """

    KIND: ClassVar[str] = "tabs"
    MOST: ClassVar[int] = 12
    anchor: str
    legend: str
    tabs: tuple[tuple[str, Part], ...]


Block: TypeAlias = Paragraph | Lines | Facts | Tiles | DataTable | BarTable | Chart | Grid | Part | Tabs


def data_table(
    caption: str,
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    numeric: tuple[int, ...] = (),
    optional: tuple[int, ...] = (),
) -> DataTable:
    """A table whose cells are shortened to `CELL` characters; `optional` columns without any text are left out."""
    places = [place for place in range(len(header)) if place not in optional or any(row[place] for row in rows)]
    return DataTable(
        caption,
        tuple(shorten(header[place], CELL) for place in places),
        tuple(tuple(shorten(row[place], CELL) for place in places) for row in rows),
        tuple(places.index(place) for place in numeric if place in places),
    )


def tabs_or_part(anchor: str, legend: str, tabs: Sequence[tuple[str, Part]]) -> tuple[Block, ...]:
    """Tabs; where there is one part only, that part; nothing without any."""
    if len(tabs) < 2:
        return tuple(part for _, part in tabs)
    return (Tabs(anchor, legend, tuple(tabs[: Tabs.MOST])),)
