"""The points of a plot: their colours by rank, their places beside each other, and a few bytes for each."""

import numpy as np
import pyarrow as pa

from mlops_assets.explain.report.marks import Dots
from mlops_assets.trees.arrays import Floats, Ints

SHADES = ("#2166ac", "#5a7fb5", "#9a8fa8", "#c0757f", "#d6302f")  # low to high
GREY = "#737373"

_BINS = 70


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


def spread_out(effects: Floats) -> Floats:
    """(rows,): offsets from -1 to 1 that separate the points of a beeswarm which would cover each other."""
    span = float(np.ptp(effects)) if len(effects) else 0.0
    bins = np.floor((effects - (effects.min() if len(effects) else 0.0)) / (span or 1.0) * _BINS).astype(int)
    offsets = np.zeros(len(effects))
    most = max(int(np.bincount(bins).max()) if len(bins) else 1, 6)
    for one in np.unique(bins):
        inside = np.flatnonzero(bins == one)
        position = np.arange(len(inside))
        # Alternately above and below the line, outwards.
        offsets[inside] = np.where(position % 2 == 0, 1, -1) * ((position + 1) // 2) * (2 / most)
    return offsets


def dots(x: Floats, y: Floats, ranks: Floats | None = None) -> list[Dots]:
    """Points at `x` and `y`, one path per shade; grey without ranks. Points that are not finite are left out."""
    finite = np.isfinite(x) & np.isfinite(y)
    shades = np.full(len(x), -1)
    if ranks is not None:
        shades = np.where(np.isnan(ranks), -1, np.floor(np.nan_to_num(ranks) * (len(SHADES) - 0.001)).astype(int))
    return [
        Dots(GREY if shade < 0 else SHADES[shade], _path(*_tenths(x, y, finite & (shades == shade))))
        for shade in np.unique(shades[finite]).tolist()
    ]


def _tenths(x: Floats, y: Floats, chosen: np.ndarray) -> tuple[Ints, Ints]:
    return np.rint(10 * x[chosen]).astype(np.int64), np.rint(10 * y[chosen]).astype(np.int64)


def _path(x: Ints, y: Ints) -> str:
    """From point to point by the shortest numbers: relative, from left to right, in tenths of a unit."""
    order = np.lexsort((y, x))
    steps = zip(np.diff(x[order], prepend=0).tolist(), np.diff(y[order], prepend=0).tolist(), strict=True)
    moves = ((_decimal(across), _decimal(down)) for across, down in steps)
    return "".join(f"m{across}{'' if down.startswith('-') else ' '}{down}h0" for across, down in moves)


def _decimal(tenths: int) -> str:
    whole, tenth = divmod(abs(tenths), 10)
    sign = "-" if tenths < 0 else ""
    return f"{sign}{whole or ''}.{tenth}" if tenth else f"{sign}{whole}"
