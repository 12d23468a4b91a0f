"""The marks that a chart consists of; a template draws them, and escapes their texts."""

from dataclasses import dataclass
from typing import ClassVar, Literal

Anchor = Literal["start", "middle", "end"]


@dataclass(frozen=True)
class Dots:
    """Round dots of one colour: an SVG path of lines without length."""

    colour: str
    path: str


@dataclass(frozen=True)
class Label:
    """A text in a chart."""

    x: float
    y: float
    text: str
    anchor: Anchor = "start"
    kind: Literal["", "soft", "title"] = ""


@dataclass(frozen=True)
class Rectangle:
    """A filled rectangle."""

    x: float
    y: float
    width: float
    height: float
    colour: str


@dataclass(frozen=True)
class Chart:
    """An SVG picture: `ruling` and `axis` are paths, `description` is the text alternative, `title` is above it."""

    KIND: ClassVar[str] = "chart"
    width: int
    height: int
    description: str
    ruling: str = ""
    axis: str = ""
    rectangles: tuple[Rectangle, ...] = ()
    dots: tuple[Dots, ...] = ()
    labels: tuple[Label, ...] = ()
    title: str = ""
