"""How this room compiles its kernels with numba, and spreads them over cores."""

import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numba as nb  # noqa: TID253
import numpy as np
import numpy.typing as npt

LANES = 128
"""Rows that a kernel takes through a tree together; its tasks are whole blocks of these."""
ROWS_PER_TASK = 1024

_F = TypeVar("_F", bound=Callable[..., Any])
# NaN decides where a row goes: the rules for it must stay, so this is not all of fastmath.
_FAST: Any = {"contract", "reassoc", "nsz", "arcp"}


def inlined(function: _F) -> _F:
    """A part of a kernel: pasted into it, so that the compiler sees array shapes as constants."""
    return nb.njit(fastmath=_FAST, error_model="numpy", forceinline=True)(function)  # type: ignore[return-value]


def compiled(function: _F, *, signatures: Any = None, fastmath: Any = _FAST) -> _F:
    """A kernel: compiled on first use, runs without the interpreter's lock.

    Kept on disk beside its source, else in the user's cache folder (or in `NUMBA_CACHE_DIR`); where nothing can be
    written it is compiled again by every process.

    Parameters
    ----------
    signatures
        numba's, compiled when the module is imported; None: those that it is called with.
    fastmath
        What the compiler may do to arithmetic; False: nothing that changes a bit.
    """
    options = {"nogil": True, "fastmath": fastmath, "error_model": "numpy"}
    try:
        kernel: _F = nb.njit(signatures, cache=True, **options)(function)
    except RuntimeError:  # numba found no folder for its cache
        kernel = nb.njit(signatures, **options)(function)
    return kernel


def one_layout(array: npt.NDArray[Any], dtype: npt.DTypeLike | None = None) -> npt.NDArray[Any]:
    """The array as the kernels take it, contiguous and writable: for any other, numba would compile anew."""
    return np.require(array, dtype, ["C_CONTIGUOUS", "WRITEABLE"])


def on_all_cores(task: Callable[[int, int], None], rows: int) -> None:
    """Run task(low, high) over all rows, in whole blocks of `LANES`, on the cores that this process may use."""
    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    blocks = min(-(-rows // (LANES * threads)), ROWS_PER_TASK // LANES)
    bounds = [*range(0, rows, max(1, blocks) * LANES), rows]
    if len(bounds) <= 2 or threads == 1:
        for low, high in itertools.pairwise(bounds):
            task(low, high)
        return
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(task, bounds[:-1], bounds[1:]):
            pass
