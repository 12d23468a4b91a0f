"""Bars as rows of a table: cells with a coloured box, so that names and numbers stay text at the reader's own size.

Nothing here is markup: names and values stay as they are, and the template escapes them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from mlops_assets.explain.report.formatting import NAME_LENGTH, number, plural, shorten, signed


@dataclass(frozen=True)
class Bar:
    """A coloured box in a table cell, in percent of the cell's width."""

    kind: Literal["pos", "neg", "mark"]
    left: float
    width: float | None = None


@dataclass(frozen=True)
class BarRow:
    """A name, the value that it has in a row, a number, and the bar of that number."""

    name: str
    number: str
    bar: Bar
    value: str = ""


@dataclass(frozen=True)
class BarTable:
    """Horizontal bars; `falling` where each begins at the end of the one above."""

    KIND: ClassVar[str] = "bar_table"
    caption: str
    rows: tuple[BarRow, ...]
    falling: bool = False


def bars(names: Sequence[str], sizes: Sequence[float], caption: str, text: Callable[[float], str] = number) -> BarTable:
    """Horizontal bars from zero: one row per name, longest size = full width; `text` writes a size."""
    most = max([abs(size) for size in sizes], default=0.0) or 1.0
    rows = (
        BarRow(shorten(name, NAME_LENGTH), text(size), _bar(0.0, size / most, "pos"))
        for name, size in zip(names, sizes, strict=True)
    )
    return BarTable(caption, tuple(rows))


def waterfall(
    base: float,
    prediction: float,
    steps: Sequence[tuple[str, str, float]],
    residual: float,
    caption: str,
    top: int = 8,
    ends: tuple[str, str] = ("base value", "prediction"),
    base_change: float = 0.0,
) -> BarTable:
    """From base value to prediction, one step per input.

    Parameters
    ----------
    steps
        (name, the row's value as text, attribution); the largest `top` are shown, the others as one.
    residual
        What the attributions leave; shown where it can be seen.
    ends
        What the first and the last number are called.
    base_change
        Of a change: how much of it is the base value's; shown where it can be seen.
    """
    ordered = sorted(steps, key=lambda step: -abs(step[2]))
    shown, rest = list(ordered[:top]), ordered[top:]
    if rest:
        shown.append((plural(len(rest), "other input"), "", sum(step[2] for step in rest)))
    visible = 1e-6 * max(abs(prediction), abs(base), 1e-300)
    further = (("base value", "", base_change), ("residual", "", residual))
    shown += [step for step in further if abs(step[2]) > visible]
    levels = np.concatenate([[base], base + np.cumsum([step[2] for step in shown])])
    low, high = float(min(levels.min(), prediction)), float(max(levels.max(), prediction))
    span = (high - low) or 1.0
    rows = [BarRow(ends[0], number(base), Bar("mark", 99 * (base - low) / span))]
    for (name, value, size), start in zip(shown, levels[:-1], strict=True):
        bar = _bar((min(start, start + size) - low) / span, abs(size) / span, "pos" if size > 0 else "neg")
        rows.append(BarRow(shorten(name, NAME_LENGTH), signed(size), bar, shorten(value, 24)))
    rows.append(BarRow(ends[1], number(prediction), Bar("mark", 99 * (prediction - low) / span)))
    return BarTable(caption, tuple(rows), falling=True)


def _bar(left: float, width: float, kind: Literal["pos", "neg"]) -> Bar:
    return Bar(kind, 100 * left, 100 * max(width, 0.004))
