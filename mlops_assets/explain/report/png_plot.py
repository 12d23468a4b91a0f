"""Small plots for asset pages and reports: our own drawing on matplotlib's Agg, without pyplot and its global state."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from mlops_assets.explain.columns import shap_column
from mlops_assets.explain.ledger.summary import LedgerSummary
from mlops_assets.trees.arrays import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH = 7.0  # inches, at 100 dots each: readable at 700 pixels
_TEXT, _GRID, _BAR = "#222222", "#dddddd", "#3b6ea5"
_LOW, _HIGH, _UNKNOWN = (0.13, 0.40, 0.67), (0.84, 0.19, 0.15), (0.45, 0.45, 0.45)
# Distinguishable without colour vision too (Okabe and Ito 2008).
_CLASSES = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#999999")


def summary_plot_png(
    summary: LedgerSummary,
    *,
    inputs: pa.Table | None = None,
    space: str = "identity",
    title: str = "",
    top: int = 12,
) -> bytes:
    """The most important features as a picture of at most 60 KB, 700 pixels wide.

    One output: a beeswarm, one point per sampled row. Several: bars of the mean absolute attribution, stacked by
    output.

    Parameters
    ----------
    summary
        Of a ledger.
    inputs
        The input rows of ``summary.sample(output)``, in its order (see `matching_rows`), for the points' colours from
        low to high; texts stay grey, and so does everything when None.
    space
        The unit of the attributions: `Explainer.space`.
    title
        One line above.
    top
        How many features are shown.

    Returns
    -------
    A PNG.
    """
    features, outputs = summary.features, summary.outputs
    weights = np.column_stack([summary.mean_abs(output) for output in outputs] or [np.zeros(len(features))])
    order = np.argsort(-weights.sum(axis=1), kind="stable")[:top]
    sample = summary.sample(outputs[0]) if len(outputs) == 1 else None
    figure, axes = _figure(len(order))
    unit = {"identity": "the prediction's unit", "log": "log of the prediction"}.get(space, space)
    if sample is not None and sample.num_rows:
        _beeswarm(axes, [features[place] for place in order], sample, inputs)
        axes.set_xlabel(f"effect on the prediction ({unit})", color=_TEXT, fontsize=9)
        labels = [f"{shorten(features[place])}\n{weights[place, 0]:.3g}" for place in order]
        if inputs is not None:
            _colour_key(figure)
    else:
        _bars(axes, weights[order], outputs)
        axes.set_xlabel(f"mean absolute effect on the prediction ({unit})", color=_TEXT, fontsize=9)
        labels = [shorten(features[place]) for place in order]
    axes.set_yticks(range(len(order)), labels, fontsize=8, color=_TEXT, parse_math=False)
    axes.set_ylim(len(order) - 0.4, -0.6)
    if title:
        axes.set_title(shorten(title, 80), fontsize=10, color=_TEXT, loc="left", parse_math=False)
    return _png(figure)


def shorten(text: str, length: int = 26) -> str:
    """A name that fits beside a plot, its end kept: long names tend to differ there."""
    text = " ".join(str(text).split())
    return text if len(text) <= length else f"{text[: length // 2 - 1]}…{text[-(length - length // 2) :]}"


def _figure(rows: int) -> "tuple[Figure, Axes]":
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDTH, 1.1 + 0.34 * max(rows, 1)), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.grid(axis="x", color=_GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(left=False, colors=_TEXT, labelsize=8)
    return figure, axes


def _png(figure: "Figure") -> bytes:
    from PIL import Image

    raw = io.BytesIO()
    # No software or date in it: the same ledger gives the same bytes.
    figure.savefig(raw, format="png", metadata={"Software": None})
    picture = Image.open(raw).convert("RGB").quantize(colors=64, dither=Image.Dither.NONE)
    small = io.BytesIO()
    picture.save(small, format="PNG", optimize=True)
    return small.getvalue()


def _bars(axes: "Axes", weights: Floats, outputs: Sequence[str]) -> None:
    rows, left = range(len(weights)), np.zeros(len(weights))
    shown = min(weights.shape[1], len(_CLASSES))
    for place in range(shown):
        last = place == shown - 1 and weights.shape[1] > shown
        widths = weights[:, place:].sum(axis=1) if last else weights[:, place]
        label = "other outputs" if last else shorten(outputs[place] if outputs else "")
        colour = _CLASSES[place] if shown > 1 else _BAR
        axes.barh(rows, widths, left=left, height=0.7, color=colour, label=label)
        left += widths
    for row, total in zip(rows, left, strict=True):
        axes.text(total, row, f" {total:.3g}", va="center", fontsize=7.5, color=_TEXT)
    axes.margins(x=0.12)
    axes.set_xlim(left=0)
    if shown > 1:
        legend = axes.legend(fontsize=8, frameon=False, loc="lower right")
        for text in legend.get_texts():
            text.set_parse_math(False)


def _beeswarm(axes: "Axes", features: Sequence[str], sample: pa.Table, inputs: pa.Table | None) -> None:
    axes.axvline(0.0, color="#888888", linewidth=0.8)
    for row, feature in enumerate(features):
        effects = sample.column(shap_column(feature)).to_numpy()
        colours = np.tile(_UNKNOWN, (len(effects), 1)) if inputs is None else value_colours(inputs.column(feature))
        axes.scatter(effects, row + _swarm(effects), s=7, c=colours, linewidths=0, alpha=0.85)
    axes.margins(x=0.04)


def _swarm(effects: Floats) -> Floats:
    """(rows,): offsets within +-0.38 that spread the points which would lie on each other."""
    span = float(np.ptp(effects)) or 1.0
    bins = np.floor((effects - effects.min()) / span * 60).astype(np.int64)
    offsets = np.zeros(len(effects))
    _, counts = np.unique(bins, return_counts=True)
    most = max(int(counts.max()), 6)
    for one in np.unique(bins):
        inside = np.flatnonzero(bins == one)
        rank = np.arange(len(inside))
        # Alternately above and below the line, outwards.
        offsets[inside] = np.where(rank % 2 == 0, 1, -1) * ((rank + 1) // 2) * (0.76 / most)
    return offsets


def value_colours(column: pa.ChunkedArray) -> Floats:
    """(rows, 3): from low (blue) to high (red) by rank; grey where there is no order or no value."""
    colours = np.tile(np.array(_UNKNOWN), (len(column), 1))
    kind = column.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
        return colours
    numbers = column.cast(pa.float64(), safe=False).to_numpy()
    known = np.isfinite(numbers)
    if known.any():
        distinct, ranks = np.unique(numbers[known], return_inverse=True)
        share = (ranks / max(len(distinct) - 1, 1))[:, None]
        colours[known] = (1 - share) * np.array(_LOW) + share * np.array(_HIGH)
    return colours


def _colour_key(figure: "Figure") -> None:
    from matplotlib.lines import Line2D

    marks = [
        Line2D([], [], marker="o", linestyle="", color=colour, markersize=5, label=label)
        for colour, label in ((_LOW, "low value"), (_HIGH, "high value"), (_UNKNOWN, "text or missing"))
    ]
    figure.legend(handles=marks, loc="outside lower right", ncols=3, fontsize=7.5, frameon=False)
