"""The columns of codes that an ensemble's splits compare, and where each of its thresholds is among them."""

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mlops_assets.trees.arrays import Floats, Indices, Ints
from mlops_assets.trees.ensemble import CATEGORICAL, MISSING_LEFT, ZERO_IS_MISSING, TreeEnsemble
from mlops_assets.trees.ranking import CATEGORIES, MISSING_GREATEST, MOST_RANKS, ZERO_MISSING

Numbers = Any
"""Of the columns' precision."""
_MOST_MEMBERS = 2**26
_CELLS = (16, 64, 256, 1024, 4096)
_STEPS_PER_TABLE = 1.5
"""Steps of a search in the time of looking up a cell."""


@dataclass
class RankedColumns:
    """Ranks the splits of an ensemble: which column a node compares, and with which number.

    Attributes
    ----------
    precision
        In which values are compared.
    strict
        Thresholds are the smallest values that go right, not the largest that go left.
    """

    ensemble: TreeEnsemble
    precision: np.dtype[Any]
    strict: bool

    def __post_init__(self) -> None:
        ensemble = self.ensemble
        inner = np.flatnonzero(ensemble.left >= 0)
        self.column = np.zeros(len(ensemble.left), np.int64)
        self.rank = np.zeros(len(ensemble.left), np.int64)
        kinds: list[int] = []
        counts: list[int] = []
        members: list[int] = []
        cuts: list[Numbers] = []
        tables: list[npt.NDArray[np.uint8]] = []
        cut_start, steps, column_start, categories = [], [], [0], []
        cells: list[Indices] = []
        cell_low, cell_scale = [], []
        self.feature = np.unique(ensemble.feature[inner]).astype(np.int64)
        order = inner[np.argsort(ensemble.feature[inner], kind="stable")]
        bounds = np.searchsorted(ensemble.feature[order], [*self.feature, ensemble.n_features])
        place = total = 0
        self.fits = True
        for begin, end in itertools.pairwise(bounds.tolist()):
            nodes = order[begin:end]
            in_sets = (ensemble.decision[nodes] & CATEGORICAL) != 0
            numeric, categorical = nodes[~in_sets], nodes[in_sets]
            thresholds = _round(ensemble.threshold[numeric] + 0.0, self.precision, self.strict)
            known, rank = np.unique(thresholds, return_inverse=True)
            self.rank[numeric] = rank
            step, before, low, scale = _divide(known)
            cut_start.append(total)
            steps.append(step)
            cuts.append(np.concatenate([known, np.full(2 * step, np.nan, known.dtype)]))
            total += len(cuts[-1])
            cells.append(before)
            cell_low.append(low)
            cell_scale.append(scale)
            flags = ensemble.decision[numeric] & (MISSING_LEFT | ZERO_IS_MISSING)
            for treatment in np.unique(flags).tolist():
                self.column[numeric[flags == treatment]] = len(kinds)
                kind = 0 if treatment & MISSING_LEFT else MISSING_GREATEST
                kinds.append(kind | (ZERO_MISSING if treatment & ZERO_IS_MISSING else 0))
                counts.append(len(known))
                members.append(0)
            categories.append(self._add_sets(categorical, kinds, counts, members, tables, place))
            place = sum(map(len, tables)) if len(categorical) else place
            column_start.append(len(kinds))
            if place > _MOST_MEMBERS:
                self.fits = False
                return
        self.cut_start, self.steps = np.array(cut_start, np.int64), np.array(steps, np.int64)
        self.cuts = np.concatenate([*cuts, np.zeros(1, self.precision)])
        self.cells = np.concatenate([*cells, np.zeros(1, np.int32)])
        self.cell_start = np.cumsum([0, *map(len, cells)], dtype=np.int64)
        self.cell_low, self.cell_scale = np.array(cell_low, self.precision), np.array(cell_scale, self.precision)
        self.column_start, self.kinds = np.array(column_start, np.int64), np.array(kinds, np.int64)
        self.counts, self.members = np.array(counts, np.int64), np.array(members, np.int64)
        self.categories = np.array(categories, np.int64)
        # Kernels read whole registers.
        self.table = np.concatenate([*tables, np.zeros(64, np.uint8)])
        self.fits = int(self.counts.max(initial=0)) < MOST_RANKS

    def _add_sets(
        self,
        nodes: Ints,
        kinds: list[int],
        counts: list[int],
        members: list[int],
        tables: list[npt.NDArray[np.uint8]],
        place: int,
    ) -> int:
        """A column for each set of categories that occurs at these nodes; how many categories are known."""
        if not len(nodes):
            return -1
        ensemble = self.ensemble
        starts, words = ensemble.set_start, ensemble.set_words
        sets = ensemble.threshold[nodes].astype(np.int64)
        width = 32 * int((starts[sets + 1] - starts[sets]).max())
        seen: dict[bytes, int] = {}
        for node, number in zip(nodes.tolist(), sets.tolist(), strict=True):
            goes_left = np.zeros(width + 2, np.uint8)
            bits = np.unpackbits(words[starts[number] : starts[number + 1]].view(np.uint8), bitorder="little")
            goes_left[: len(bits)] = bits
            goes_left[width + 1] = 1 if ensemble.decision[node] & MISSING_LEFT else 0
            key = goes_left.tobytes()
            if key not in seen:
                seen[key] = len(kinds)
                kinds.append(CATEGORIES)
                counts.append(1)
                members.append(place)
                tables.append(1 - goes_left)
                place += width + 2
                if place > _MOST_MEMBERS:
                    break
            self.column[node] = seen[key]
        return width


def _round(thresholds: Floats, precision: np.dtype[Any], strict: bool) -> Numbers:
    """Thresholds of a lower precision that send numbers of this precision the same way."""
    with np.errstate(over="ignore"):
        rounded = thresholds.astype(precision)
        too_far = rounded < thresholds if strict else rounded > thresholds
        away = precision.type(np.inf if strict else -np.inf)
        return np.where(too_far, np.nextafter(rounded, away), rounded)


def _divide(cuts: Numbers) -> tuple[int, Indices, Numbers, Numbers]:
    """Equal cells of the range of sorted numbers: a search's first step in one, the numbers before each, two factors.

    A value's cell is `(x - low) * scale` without its fraction, the first or last one at most. This never decreases with
    x: a number of an earlier cell than the value's is less, one of a later cell is greater.
    """
    finite, number = cuts[np.isfinite(cuts)], cuts.dtype.type
    low = finite[0] if len(finite) else number(0)
    with np.errstate(over="ignore", divide="ignore"):
        scales = {count: number(count) / (finite[-1] - low) if len(finite) else number(np.inf) for count in _CELLS}
    best = (float(len(cuts).bit_length()), 1, number(0))
    for count, scale in scales.items():
        if np.isfinite(scale) and scale > 0:
            steps = int(np.bincount(_cells_of(cuts, low, scale, count)).max()).bit_length()
            best = min(best, (steps + _STEPS_PER_TABLE, count, scale))
    _, count, scale = best
    cell = _cells_of(cuts, low, scale, count)
    before = np.searchsorted(cell, np.arange(count), side="left").astype(np.int32)
    most = int(np.bincount(cell, minlength=1).max(initial=0))
    return (1 << most.bit_length()) // 2, before, low, scale


def _cells_of(x: Numbers, low: Numbers, scale: Numbers, count: int) -> Ints:
    """As the kernel computes them, operation by operation."""
    with np.errstate(over="ignore", invalid="ignore"):
        place = (x - low) * scale
    place = np.where(place > 0, place, 0.0)
    return np.where(place < count - 1, place, count - 1).astype(np.int64)
