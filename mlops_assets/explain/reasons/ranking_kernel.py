"""The ranking of `strongest`, compiled: the same reasons, listed one after the other, in a third of the time."""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlops_assets.explain.reasons.rules import Toward
from mlops_assets.trees.arrays import Floats
from mlops_assets.trees.numba_kernels import compile_kernel

_TILE_ROWS = 256
"""What is ranked at once: some dozen kilobytes."""
_SIGNS: dict[Toward, float] = {"lower": -1.0, "higher": 1.0, "both": 0.0}

Places = NDArray[np.int32]


class ReasonLists:
    """The reasons of a batch of rows, one after the other, listed block by block.

    Parameters
    ----------
    rows
        How many there are.
    toward, top
        As of `find_strongest`.
    """

    def __init__(self, rows: int, toward: Toward, top: int) -> None:
        self._sign, self._top, self._count = _SIGNS[toward], top, 0
        self._numbers = np.empty((3, rows * top), np.int32)
        self._floats, self._stable = np.empty((2, rows * top)), np.empty(rows * top, np.bool_)

    def add(self, values: Floats, error: Floats, start: int) -> None:
        """List the reasons of the rows from the place `start` on; `values` and `error` are as of `find_strongest`."""
        self._count = _list_reasons(
            *(np.ascontiguousarray(values), self._sign, self._top, error, start),
            *(self._count, self._numbers, self._floats, self._stable),
        )

    @property
    def numbers(self) -> Places:
        """(3, reasons): the place of the row, the rank from 1 on, and which of the units it is."""
        return self._numbers[:, : self._count]

    @property
    def floats(self) -> Floats:
        """(2, reasons): its attribution, and which share that has of all absolute ones of the row."""
        return self._floats[:, : self._count]

    @property
    def stable(self) -> NDArray[np.bool_]:
        """(reasons,): whether the row's list is stable."""
        return self._stable[: self._count]


def pick_cells(cells: NDArray[Any], place: NDArray[np.int64], units: Places, rows: Places) -> NDArray[Any]:
    """`cells[place[units], rows]`, which NumPy takes several times as long for."""
    picked = np.empty(len(units), cells.dtype)
    _pick_cells(cells, place, np.ascontiguousarray(units), np.ascontiguousarray(rows), picked)
    return picked


@compile_kernel
def _pick_cells(
    cells: NDArray[Any], place: NDArray[np.int64], units: Places, rows: Places, picked: NDArray[Any]
) -> None:
    for reason in range(len(units)):
        picked[reason] = cells[place[units[reason]], rows[reason]]


@partial(compile_kernel, fastmath=False)
def _rank_tile(x: Floats, best: Floats, places: NDArray[np.int64], pushed: Floats) -> None:
    """Of each column of `x`, the greatest numbers above zero, and the first line that has each: without a branch, so
    that the processor ranks several columns at once.
    """
    best[:] = 0.0
    for unit in range(len(x)):
        numbers = x[unit]
        for i in range(_TILE_ROWS):
            pushed[i] = numbers[i]
        for rank in range(len(best)):
            here = best[rank]
            for i in range(_TILE_ROWS):
                old, new = here[i], pushed[i]
                here[i] = new if new > old else old
                pushed[i] = old if new > old else new
    for rank in range(len(places)):
        here, first = best[rank], places[rank]
        for unit in range(len(x) - 1, -1, -1):
            numbers = x[unit]
            for i in range(_TILE_ROWS):
                first[i] = unit if numbers[i] == here[i] else first[i]


@partial(compile_kernel, fastmath=False)
def _list_reasons(
    values: Floats, sign: float, top: int, error: Floats, start: int,
    count: int, numbers: Places, floats: Floats, stable: NDArray[np.bool_],
) -> int:  # fmt: skip
    """Write the columns of `ReasonLists` from the place `count` on; returns the place behind the last one.

    `sign` is 0 where absolute values are ranked.
    """
    units, rows = values.shape
    top = min(top, units)
    # One more than are listed: the next one may be as strong.
    best, places = np.empty((top + 1, _TILE_ROWS)), np.zeros((top, _TILE_ROWS), np.int64)
    x, pushed = np.zeros((units, _TILE_ROWS)), np.empty(_TILE_ROWS)
    size, nearest = np.empty(_TILE_ROWS), np.empty(_TILE_ROWS)
    for begin in range(0, rows, _TILE_ROWS):
        tile = min(_TILE_ROWS, rows - begin)
        size[:], nearest[:] = 0.0, -np.inf
        for unit in range(units):
            ranked = x[unit]
            for i in range(tile):
                value = values[unit, begin + i]
                size[i] += abs(value)
                ranked[i] = abs(value) if sign == 0 else sign * value
                below = ranked[i] if ranked[i] < 0 else -np.inf
                nearest[i] = below if below > nearest[i] else nearest[i]
        _rank_tile(x, best, places, pushed)
        for i in range(tile):
            wrong, row = error[begin + i], begin + i
            listed, is_stable = 0, np.isfinite(wrong)
            while listed < top and best[listed, i] > 0:
                is_stable = is_stable and best[listed, i] - best[listed + 1, i] > 2 * wrong
                listed += 1
            if sign != 0 and listed < top:
                is_stable = is_stable and nearest[i] < -wrong
            for rank in range(listed):
                unit = places[rank, i]
                if rank > 0 and best[rank, i] == best[rank - 1, i]:
                    # Of equal ones the first unit is before the others.
                    unit = places[rank - 1, i] + 1
                    while x[unit, i] != best[rank, i]:
                        unit += 1
                    places[rank, i] = unit
                numbers[0, count], numbers[1, count], numbers[2, count] = start + row, rank + 1, unit
                floats[0, count] = values[unit, row]
                floats[1, count] = abs(values[unit, row]) / size[i]
                stable[count] = is_stable
                count += 1
    return count
