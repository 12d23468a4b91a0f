"""The ranking of `strongest`, compiled: the same reasons, listed one after the other, in a third of the time."""

from functools import partial

import numpy as np
from numpy.typing import NDArray

from mlops_assets.explain.reasons.rules import Toward
from mlops_assets.trees.arrays import Floats, Ints
from mlops_assets.trees.numba_kernels import compile_kernel

_TILE_ROWS = 256
"""What is ranked at once: some dozen kilobytes."""


def list_reasons(values: Floats, toward: Toward, top: int, error: Floats) -> tuple[Ints, Floats, NDArray[np.bool_]]:
    """The reasons of each row, one after the other.

    Parameters
    ----------
    values, toward, top, error
        As of `find_strongest`.

    Returns
    -------
    numbers
        (3, reasons): the place of the row, the rank from 1 on, and which of the units it is.
    floats
        (2, reasons): its attribution, and which share that has of all absolute ones of the row.
    stable
        (reasons,): whether the row's list is stable.
    """
    top, most = min(top, len(values)), values.shape[1] * min(top, len(values))
    numbers = np.empty((3, most), np.int64)
    floats, stable = np.empty((2, most)), np.empty(most, np.bool_)
    sign = {"lower": -1.0, "higher": 1.0, "both": 0.0}[toward]
    count = _list_reasons(np.ascontiguousarray(values), sign, top, error, numbers, floats, stable)
    return numbers[:, :count], floats[:, :count], stable[:count]


@partial(compile_kernel, fastmath=False)
def _list_reasons(
    values: Floats, sign: float, top: int, error: Floats, numbers: Ints, floats: Floats, stable: NDArray[np.bool_]
) -> int:
    """Write the columns of `list_reasons`; `sign` is 0 where absolute values are ranked."""
    units, rows = values.shape
    best, places = np.empty((top + 1, _TILE_ROWS)), np.empty((top + 1, _TILE_ROWS), np.int64)
    x, unit_of_x = np.empty(_TILE_ROWS), np.empty(_TILE_ROWS, np.int64)
    size, nearest = np.empty(_TILE_ROWS), np.empty(_TILE_ROWS)
    count = 0
    for begin in range(0, rows, _TILE_ROWS):
        tile = min(_TILE_ROWS, rows - begin)
        best[:], places[:] = -np.inf, units
        size[:], nearest[:] = 0.0, -np.inf
        for unit in range(units):
            for i in range(tile):
                value = values[unit, begin + i]
                size[i] += abs(value)
                x[i] = abs(value) if sign == 0 else sign * value
                nearest[i] = max(nearest[i], x[i] if x[i] < 0 else -np.inf)
                unit_of_x[i] = unit
            for rank in range(top + 1):
                for i in range(tile):
                    # Of equal ones the first unit is before the others.
                    wins = x[i] > best[rank, i] or (x[i] == best[rank, i] and unit_of_x[i] < places[rank, i])
                    low, high = best[rank, i], x[i]
                    low_unit, high_unit = places[rank, i], unit_of_x[i]
                    best[rank, i], x[i] = high if wins else low, low if wins else high
                    places[rank, i] = high_unit if wins else low_unit
                    unit_of_x[i] = low_unit if wins else high_unit
        for i in range(tile):
            wrong, row = error[begin + i], begin + i
            listed, is_stable = 0, np.isfinite(wrong)
            while listed < top and best[listed, i] > 0:
                is_stable = is_stable and best[listed, i] - max(best[listed + 1, i], 0.0) > 2 * wrong
                listed += 1
            if sign != 0 and listed < top:
                is_stable = is_stable and nearest[i] < -wrong
            for rank in range(listed):
                unit = places[rank, i]
                numbers[0, count], numbers[1, count], numbers[2, count] = row, rank + 1, unit
                floats[0, count] = values[unit, row]
                floats[1, count] = abs(values[unit, row]) / size[i]
                stable[count] = is_stable
                count += 1
    return count
