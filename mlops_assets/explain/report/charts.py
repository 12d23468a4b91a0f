"""Charts of features as the marks of an SVG picture: beeswarm, stacked bars."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from mlops_assets.explain.report.formatting import NAME_LENGTH, number, shorten
from mlops_assets.explain.report.frame import round_ticks
from mlops_assets.explain.report.marks import Anchor, Chart, Dots, Label, Rectangle
from mlops_assets.explain.report.points import GREY, SHADES, dots, spread_out
from mlops_assets.trees.arrays import Floats

# Distinguishable without colour vision too (Okabe and Ito 2008).
_OUTPUT_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#999999")
_LEGEND_COLUMNS = 4


@dataclass(frozen=True)
class Layout:
    """Where a chart puts names and bands, in units of about a pixel.

    Attributes
    ----------
    width
        Of the chart.
    name_width
        Of the column of names; with 0, each name is written above its band.
    name_length
        The most characters of a name.
    band
        Height per name.
    top
        Free space above the bands.
    ticks
        About how many numbers the axis has.
    """

    width: int
    name_width: int
    name_length: int
    band: int
    top: int
    ticks: int


# Close to a phone's width, so that the text keeps its size there.
PHONE = Layout(width=380, name_width=0, name_length=NAME_LENGTH, band=34, top=14, ticks=4)
DESK = Layout(width=700, name_width=186, name_length=26, band=34, top=34, ticks=7)


@dataclass
class _Drawing:
    """A chart in the making."""

    layout: Layout
    low: float
    high: float
    bands: int
    ruling: str = ""
    labels: list[Label] = field(default_factory=list)
    dots: list[Dots] = field(default_factory=list)
    rectangles: list[Rectangle] = field(default_factory=list)

    @property
    def left(self) -> int:
        return self.layout.name_width + 8

    @property
    def bottom(self) -> int:
        return self.layout.top + self.layout.band * self.bands

    def across(self, values: Floats) -> Floats:
        """The horizontal positions of values."""
        return self.left + (values - self.low) / (self.high - self.low) * (self.layout.width - 8 - self.left)

    def middle(self, place: int) -> float:
        """The vertical position of the marks of a band."""
        above = 20 if self.layout.name_width == 0 else self.layout.band / 2
        return self.layout.top + self.layout.band * place + above

    def add_name(self, place: int, name: str, size: str = "") -> None:
        middle = self.middle(place)
        name = shorten(name, self.layout.name_length)
        if self.layout.name_width == 0:
            self.labels.append(Label(4, middle - 11, name))
        else:
            self.labels.append(Label(self.layout.name_width, middle + (-2 if size else 4), name, "end"))
            self.labels += [Label(self.layout.name_width, middle + 11, size, "end", "soft")] if size else []

    def add_axis(self, unit: str) -> None:
        for tick in round_ticks(self.low, self.high, self.layout.ticks):
            x = float(self.across(np.array(tick)))
            self.ruling += f"M{x:.1f} {self.layout.top - 4}V{self.bottom + 4}"
            anchor: Anchor = "start" if x < self.left + 12 else "end" if x > self.layout.width - 20 else "middle"
            self.labels.append(Label(x, self.bottom + 18, number(tick), anchor))
        self.labels.append(Label((self.left + self.layout.width - 8) / 2, self.bottom + 34, unit, "middle"))

    def add_legend(self, entries: Sequence[tuple[str, str]]) -> None:
        step = (self.layout.width - self.left) / _LEGEND_COLUMNS
        for place, (colour, text) in enumerate(entries):
            row, column = divmod(place, _LEGEND_COLUMNS)
            x, y = self.left + column * step, self.bottom + 54 + 18 * row
            self.rectangles.append(Rectangle(x, y - 9, 10, 10, colour))
            self.labels.append(Label(x + 15, y, shorten(text, 18)))

    def chart(self, description: str) -> Chart:
        zero = float(self.across(np.zeros(())))
        height = max([self.bottom + 34, *(label.y for label in self.labels)]) + 6
        return Chart(
            self.layout.width,
            int(height),
            description,
            self.ruling,
            f"M{zero:.1f} {self.layout.top - 4}V{self.bottom + 4}",
            tuple(self.rectangles),
            tuple(self.dots),
            tuple(self.labels),
        )


def beeswarm(
    names: Sequence[str],
    effects: Floats,
    ranks: Sequence[Floats | None],
    description: str,
    unit: str,
    *,
    layout: Layout = PHONE,
    title: str = "",
    sizes: Sequence[str] = (),
    legend: bool = False,
) -> Chart:
    """One band of points per feature.

    Parameters
    ----------
    names
        (features,).
    effects
        (rows, features): attributions.
    ranks
        Per feature (rows,): 0 for the lowest to 1 for the highest input value, NaN for neither; or None.
    description
        The text alternative.
    unit
        Of the axis.
    sizes
        (features,): a number below each name; shown where names are beside their bands.
    legend
        Explain the colours below.
    """
    drawing = _Drawing(layout, *_range(effects), len(names))
    for place, name in enumerate(names):
        drawing.add_name(place, name, sizes[place] if sizes else "")
        column = effects[:, place][np.isfinite(effects[:, place])]
        column_ranks = ranks[place]
        if column_ranks is not None:
            column_ranks = column_ranks[np.isfinite(effects[:, place])]
        offsets = spread_out(column) * (0.4 * layout.band if layout.name_width else 8)
        drawing.dots += dots(drawing.across(column), drawing.middle(place) + offsets, column_ranks)
    drawing.add_axis(unit)
    if title:
        drawing.labels.append(Label(drawing.left, 18, shorten(title, 80), kind="title"))
    if legend:
        drawing.add_legend([(SHADES[0], "low value"), (SHADES[-1], "high value"), (GREY, "text or missing")])
    return drawing.chart(description)


def stacked_bars(
    names: Sequence[str],
    sizes: Floats,
    outputs: Sequence[str],
    description: str,
    unit: str,
    *,
    layout: Layout = DESK,
    title: str = "",
) -> Chart:
    """One bar per feature from zero, a part per output; the last colour is shared by the outputs that are left.

    Parameters
    ----------
    sizes
        (features, outputs): not negative.
    """
    totals = sizes.sum(axis=1)
    # Room for the number at the end of the longest bar.
    drawing = _Drawing(layout, 0.0, 1.12 * float(totals.max(initial=0.0)) or 1.0, len(names))
    shown = min(len(outputs), len(_OUTPUT_COLOURS))
    parts = np.column_stack([sizes[:, : shown - 1], sizes[:, shown - 1 :].sum(axis=1)]) if shown else sizes
    edges = drawing.across(np.cumsum(np.column_stack([np.zeros(len(names)), parts]), axis=1))
    for place, name in enumerate(names):
        drawing.add_name(place, name)
        y = drawing.middle(place) - 0.35 * layout.band
        for part, (start, end) in enumerate(zip(edges[place][:-1].tolist(), edges[place][1:].tolist(), strict=True)):
            colour = _OUTPUT_COLOURS[part]
            drawing.rectangles.append(Rectangle(start, y, end - start, 0.7 * layout.band, colour))
        end = float(edges[place][-1])
        drawing.labels.append(Label(end + 4, drawing.middle(place) + 4, number(float(totals[place]), 3)))
    drawing.add_axis(unit)
    if title:
        drawing.labels.append(Label(drawing.left, 18, shorten(title, 80), kind="title"))
    if shown > 1:
        labels = list(outputs[:shown])
        if len(outputs) > shown:
            labels[-1] = "other outputs"
        drawing.add_legend(list(zip(_OUTPUT_COLOURS, labels, strict=False)))
    return drawing.chart(description)


def _range(effects: Floats) -> tuple[float, float]:
    """The lowest and the highest effect, zero between them."""
    finite = effects[np.isfinite(effects)]
    low, high = float(finite.min(initial=0.0)), float(finite.max(initial=0.0))
    return (low, high) if high > low else (low - 1.0, high + 1.0)
