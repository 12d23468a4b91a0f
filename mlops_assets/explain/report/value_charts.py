"""Charts of values: how often they occur, and what effects they have."""

from collections.abc import Sequence

import numpy as np

from mlops_assets.explain.report.formatting import NAME_LENGTH, number, percent, shorten
from mlops_assets.explain.report.frame import make_frame, round_ticks
from mlops_assets.explain.report.marks import Chart, Rectangle
from mlops_assets.explain.report.points import SHADES, dots
from mlops_assets.trees.arrays import Floats

_BARS = 20
_TICK_LENGTH = 12


def histogram(values: Floats, name: str, title: str, limits: tuple[float, float] | None = None) -> Chart:
    """How many of the values lie where, in about twenty bars that begin at round numbers.

    Parameters
    ----------
    values
        (rows,): those that are not finite are left out.
    name
        What they are, with their unit.
    limits
        Of the axis; None: as far as the values reach.
    """
    finite = values[np.isfinite(values)]
    low, high = limits or (float(finite.min(initial=0.0)), float(finite.max(initial=0.0)))
    if limits is None and len(finite):
        low, high = float(finite.min()), float(finite.max())
    edges = _edges(low, high)
    counts, _ = np.histogram(finite, edges)
    frame = make_frame((float(edges[0]), float(edges[-1])), (0.0, float(counts.max(initial=4))), name, "rows")
    starts, tops = frame.x(edges), frame.y(counts.astype(np.float64))
    boxes = [
        Rectangle(
            float(start) + 0.5, float(top), max(float(end - start) - 1, 0.5), frame.bottom - float(top), SHADES[0]
        )
        for start, end, top, count in zip(starts[:-1], starts[1:], tops, counts, strict=True)
        if count
    ]
    description = f"{title}: no values"
    if len(finite):
        most = int(counts.argmax())
        description = (
            f"{title}: {len(finite):,} values from {number(float(finite.min()))} to {number(float(finite.max()))}, "
            f"half of them below {number(float(np.median(finite)))}; most, {percent(counts[most] / len(finite))}, "
            f"between {number(float(edges[most]))} and {number(float(edges[most + 1]))}"
        )
    axis = f"M{frame.left:.1f} {frame.bottom:.1f}H{frame.width - 10}"
    return Chart(
        frame.width,
        frame.height,
        description,
        frame.ruling,
        axis,
        rectangles=tuple(boxes),
        labels=frame.labels,
        title=title,
    )


def dependence(x: Floats, effects: Floats, name: str, description: str, unit: str, ticks: Sequence[str] = ()) -> Chart:
    """Attribution against input value, as points; `ticks` name the places 0, 1, ... of a text column."""
    known = x[np.isfinite(x)]
    across = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    if ticks:
        across = (-0.5, len(ticks) - 0.5)
    finite = effects[np.isfinite(effects)]
    down = (float(finite.min(initial=0.0)), float(finite.max(initial=0.0)))
    length = max(4, min(_TICK_LENGTH, 52 // max(len(ticks), 1)))
    named = [(float(place), shorten(text, length)) for place, text in enumerate(ticks)] if ticks else None
    frame = make_frame(across, down, name, f"effect ({unit})", named)
    zero = float(frame.y(np.zeros(())))
    axis = f"M{frame.left:.1f} {zero:.1f}H{frame.width - 10}"
    points = tuple(dots(frame.x(x), frame.y(effects)))
    title = f"By {shorten(name, NAME_LENGTH)}"
    return Chart(
        frame.width, frame.height, description, frame.ruling, axis, dots=points, labels=frame.labels, title=title
    )


def _edges(low: float, high: float) -> Floats:
    ticks = round_ticks(low, high, _BARS)
    if len(ticks) < 2:
        return np.linspace(low - 0.5, high + 0.5, 3) if np.isfinite(high - low) else np.array([low, 0.0, high])
    step = ticks[1] - ticks[0]
    first = ticks[0] if ticks[0] <= low else ticks[0] - step
    count = int(np.ceil((high - first) / step * (1 - 1e-12)))
    return np.asarray(first + step * np.arange(max(count, 1) + 1), np.float64)
