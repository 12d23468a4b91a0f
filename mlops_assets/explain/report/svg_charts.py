"""Charts as HTML and inline SVG: no script, no picture files, readable on a phone, on paper and by a screen reader.

Bars are table cells with a coloured box, so that names and numbers stay text at the reader's own size. Points are
SVG paths. Everything that comes from a model or a table goes through `escape`.
"""

import html
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from mlops_assets.explain.report.png_plot import shorten
from mlops_assets.trees.arrays import Floats

_WIDTH = 380  # units: close to a phone's pixels, so that the text keeps its size there
_SHADES = ("#2166ac", "#5a7fb5", "#9a8fa8", "#c0757f", "#d6302f")  # low to high
_GREY = "#737373"
_NAME = 48


def escape(value: Any, length: int | None = None) -> str:
    """Any value as text that HTML shows and does not interpret."""
    text = number(value) if isinstance(value, float) else str(value)
    return html.escape(shorten(text, length) if length else text, quote=True)


def number(value: float, digits: int = 4) -> str:
    """So many significant digits, with a proper minus sign."""
    return f"{value:.{digits}g}".replace("-", "\N{MINUS SIGN}")


def table(header: Sequence[str], rows: Sequence[Sequence[Any]], caption: str, numeric: Sequence[int] = ()) -> str:
    """A table of escaped cells; `numeric` columns are aligned right."""

    def row(cells: Sequence[Any], tag: str) -> str:
        scope = " scope=col" if tag == "th" else ""
        made = (
            f"<{tag}{scope}{' class=n' if place in numeric else ''}>{escape(cell, 200)}</{tag}>"
            for place, cell in enumerate(cells)
        )
        return f"<tr>{''.join(made)}</tr>"

    body = "".join(row(cells, "td") for cells in rows)
    return (
        f"<div class=wide><table><caption>{escape(caption)}</caption><thead>{row(header, 'th')}</thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


def bars(names: Sequence[str], sizes: Sequence[float], caption: str) -> str:
    """Horizontal bars from zero: one row per name, longest size = full width."""
    most = max([abs(size) for size in sizes], default=0.0) or 1.0
    rows = "".join(
        f"<tr><th scope=row>{escape(name, _NAME)}</th><td class=n>{number(size)}</td>"
        f"<td class=bar>{_box(0.0, size / most, 'pos')}</td></tr>"
        for name, size in zip(names, sizes, strict=True)
    )
    return f"<table class=bars><caption>{escape(caption)}</caption><tbody>{rows}</tbody></table>"


def waterfall(
    base: float, prediction: float, steps: Sequence[tuple[str, str, float]], residual: float, caption: str, top: int = 8
) -> str:
    """From base value to prediction, one step per input.

    Parameters
    ----------
    steps
        (name, the row's value as text, attribution); the largest `top` are shown, the others as one.
    residual
        What the attributions leave; shown where it can be seen.
    """
    ordered = sorted(steps, key=lambda step: -abs(step[2]))
    shown, rest = list(ordered[:top]), ordered[top:]
    if rest:
        shown.append((f"{len(rest)} other inputs", "", sum(step[2] for step in rest)))
    if abs(residual) > 1e-6 * max(abs(prediction), abs(base), 1e-300):
        shown.append(("residual", "", residual))
    reached = np.concatenate([[base], base + np.cumsum([step[2] for step in shown])])
    low, high = float(min(reached.min(), prediction)), float(max(reached.max(), prediction))
    span = (high - low) or 1.0
    rows = [_step("base value", "", base, _mark((base - low) / span))]
    for (name, value, size), start in zip(shown, reached[:-1], strict=True):
        left = (min(start, start + size) - low) / span
        rows.append(_step(name, value, size, _box(left, abs(size) / span, "pos" if size > 0 else "neg"), sign=True))
    rows.append(_step("prediction", "", prediction, _mark((prediction - low) / span)))
    return f"<table class='bars fall'><caption>{escape(caption)}</caption><tbody>{''.join(rows)}</tbody></table>"


def beeswarm(names: Sequence[str], values: Floats, colours: Sequence[Floats | None], label: str, unit: str) -> str:
    """One band of points per feature.

    Parameters
    ----------
    names
        (features,).
    values
        (rows, features): attributions.
    colours
        Per feature (rows,): 0 for the lowest to 1 for the highest input value, NaN for neither; or None.
    label
        What a screen reader says instead.
    unit
        Of the axis.
    """
    band, top = 34, 14
    height = top + band * len(names) + 34
    low, high = _range(values)

    def across(effects: Floats) -> Floats:
        return 8 + (effects - low) / (high - low) * (_WIDTH - 16)

    zero = float(across(np.zeros(1))[0])
    parts = [f'<path d="M{zero:.1f} 4V{height - 30}" class=axis />']
    for place, name in enumerate(names):
        middle = top + band * place + 20
        parts.append(f"<text x=4 y={middle - 11}>{escape(name, _NAME)}</text>")
        effects = values[:, place]
        parts += _points(across(effects), middle + _spread(effects) * 8, colours[place])
    parts += _axis(low, high, height, unit)
    return _figure(parts, height, label)


def dependence(x: Floats, effects: Floats, name: str, label: str, ticks: Sequence[str] = ()) -> str:
    """Attribution against input value, as points; `ticks` name the places 0, 1, ... of a text column."""
    height, left, bottom = 220, 52, 34
    low, high = _range(effects[:, None])
    start, stop = (float(np.nanmin(x)), float(np.nanmax(x))) if np.isfinite(x).any() else (0.0, 1.0)
    if ticks:
        start, stop = -0.5, len(ticks) - 0.5
    span = (stop - start) or 1.0
    across = left + (x - start) / span * (_WIDTH - left - 12)
    down = 12 + (high - effects) / (high - low) * (height - bottom - 20)
    zero = 12 + high / (high - low) * (height - bottom - 20)
    parts = [f'<path d="M{left} {zero:.1f}H{_WIDTH - 8}" class=axis />']
    parts += _points(across, down, None, known=np.isfinite(x))
    for text, place in ((number(high, 3), 16), (number(low, 3), height - bottom - 6)):
        parts.append(f"<text x={left - 6} y={place} class=end>{escape(text)}</text>")
    named = list(enumerate(ticks)) if ticks else [(start, number(start)), (stop, number(stop))]
    for at, text in named:
        where = left + (at - start) / span * (_WIDTH - left - 12)
        anchor = "start" if where < left + 20 else "end" if where > _WIDTH - 40 else "middle"
        parts.append(f"<text x={where:.1f} y={height - 20} text-anchor={anchor}>{escape(text, 12)}</text>")
    parts.append(f"<text x={(_WIDTH + left) / 2} y={height - 4} text-anchor=middle>{escape(name, _NAME)}</text>")
    return _figure(parts, height, label)


def value_ranks(column: pa.ChunkedArray) -> Floats | None:
    """(rows,): 0 for the lowest to 1 for the highest value, NaN where there is none; None for texts."""
    kind = column.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
        return None
    values = column.cast(pa.float64(), safe=False).to_numpy()
    ranks = np.full(len(values), np.nan)
    known = np.isfinite(values)
    if known.any():
        distinct, places = np.unique(values[known], return_inverse=True)
        ranks[known] = places / max(len(distinct) - 1, 1)
    return ranks


def _step(name: str, value: str, size: float, cell: str, sign: bool = False) -> str:
    shown = f"{'+' if sign and size > 0 else ''}{number(size)}"
    said = f" <span class=v>= {escape(value, 24)}</span>" if value else ""
    return f"<tr><th scope=row>{escape(name, _NAME)}{said}</th><td class=n>{shown}</td><td class=bar>{cell}</td></tr>"


def _box(left: float, width: float, kind: str) -> str:
    return f'<i class={kind} style="margin-left:{100 * left:.2f}%;width:{100 * max(width, 0.004):.2f}%"></i>'


def _mark(left: float) -> str:
    return f'<i class=mark style="margin-left:{99 * left:.2f}%"></i>'


def _points(across: Floats, down: Floats, colours: Floats | None, known: Any = None) -> list[str]:
    """Round dots as paths of lines without length: a few bytes per point, one path per shade."""
    keep = np.ones(len(across), dtype=bool) if known is None else known
    shades = np.full(len(across), -1)
    if colours is not None:
        shades = np.where(np.isnan(colours), -1, np.floor(np.nan_to_num(colours) * (len(_SHADES) - 0.001)).astype(int))
    made = []
    for shade in np.unique(shades[keep]).tolist():
        own = keep & (shades == shade)
        path = "".join(f"M{x:.1f} {y:.1f}h0" for x, y in zip(across[own], down[own], strict=True))
        made.append(f'<path d="{path}" stroke="{_GREY if shade < 0 else _SHADES[shade]}" class=dots />')
    return made


def _spread(effects: Floats) -> Floats:
    """(rows,): -1 to 1, apart where points would lie on each other."""
    span = float(np.ptp(effects)) if len(effects) else 0.0
    bins = np.floor((effects - (effects.min() if len(effects) else 0.0)) / (span or 1.0) * 70).astype(int)
    offsets = np.zeros(len(effects))
    most = max(int(np.bincount(bins).max()) if len(bins) else 1, 6)
    for one in np.unique(bins):
        inside = np.flatnonzero(bins == one)
        rank = np.arange(len(inside))
        offsets[inside] = np.where(rank % 2 == 0, 1, -1) * ((rank + 1) // 2) * (2 / most)
    return offsets


def _range(values: Floats) -> tuple[float, float]:
    low, high = (min(float(values.min()), 0.0), max(float(values.max()), 0.0)) if values.size else (0.0, 1.0)
    return (low, high) if high > low else (low - 1.0, high + 1.0)


def _axis(low: float, high: float, height: int, unit: str) -> list[str]:
    return [
        f"<text x=8 y={height - 18}>{number(low)}</text>",
        f"<text x={_WIDTH - 8} y={height - 18} class=end>{number(high)}</text>",
        f"<text x={_WIDTH / 2} y={height - 4} text-anchor=middle>{escape(unit)}</text>",
    ]


def _figure(parts: Sequence[str], height: int, label: str) -> str:
    return (
        f'<figure><svg viewBox="0 0 {_WIDTH} {height}" role=img aria-label="{escape(label)}">'
        f"<title>{escape(label)}</title>{''.join(parts)}</svg></figure>"
    )
