"""How this package compiles kernels with numba and runs them on all cores."""

import hashlib
import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numba as nb  # noqa: TID253
import numpy as np
import numpy.typing as npt
from numba.core.caching import FunctionCache  # noqa: TID253
from numba.core.runtime.nrt import rtsys  # noqa: TID253

LANES = 128
"""Rows that a kernel takes through a tree together; a task is a number of such blocks."""
ROWS_PER_TASK = 1024

_F = TypeVar("_F", bound=Callable[..., Any])
# NaN decides where a row goes and must keep its meaning, so this is not all of fastmath.
_FAST: Any = {"contract", "reassoc", "nsz", "arcp"}


@cache
def sources_digest(folder: Path = Path(__file__).parent) -> str:
    """SHA-256 (hex) over this package's modules, as they are when the first kernel is made."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def compile_inline(function: _F) -> _F:
    """Compile a part of a kernel: it is inlined, so that the compiler sees array shapes as constants."""
    return nb.njit(fastmath=_FAST, error_model="numpy", forceinline=True)(function)  # type: ignore[return-value]


def compile_kernel(function: _F, *, fastmath: Any = _FAST, allocates: bool = True) -> _F:
    """Compile a kernel on its first use; it runs without the interpreter's lock.

    The result is cached on disk beside its source, else in the user's cache folder (or in `NUMBA_CACHE_DIR`); where
    nothing can be written, every process compiles it again. numba finds it under the time and size of the kernel's own
    file, its processor and its own version; the kernel's name adds a digest of all files of this package, because a
    kernel is compiled with functions and constants of others.

    Parameters
    ----------
    fastmath
        What the compiler may do to arithmetic; False: nothing that changes a bit.
    allocates
        Whether it makes arrays. If not, nobody counts who has which array: numba counts at each call and for each view,
        in an instruction that takes as long as twenty others, and the count of what threads share goes from core to
        core.
    """
    function.__qualname__ = f"{function.__qualname__}_{sources_digest()[:16]}"
    njit: Any = nb.njit  # whose types lack an option
    kernel = njit(nogil=True, fastmath=fastmath, error_model="numpy", _nrt=allocates)(function)
    with suppress(RuntimeError):  # numba found no folder for its cache
        kernel._cache = _KernelCache(function, allocates)  # noqa: SLF001 - what njit(cache=True) sets to its own
    return kernel  # type: ignore[no-any-return]  # callable as the function is


class _KernelCache(FunctionCache):
    """numba's cache, which loads what is compiled without the modules that compile: these take longer than numba."""

    def __init__(self, function: Callable[..., Any], allocates: bool) -> None:
        super().__init__(function)  # type: ignore[no-untyped-call]  # numba has no types
        self._allocates = allocates

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        if self._allocates:
            rtsys.initialize(target_context)
        with self._guard_against_spurious_io_errors():
            return self._load_overload(sig, target_context)  # type: ignore[no-untyped-call]  # numba has no types


def as_kernel_array(array: npt.NDArray[Any], dtype: npt.DTypeLike | None = None) -> npt.NDArray[Any]:
    """The array, contiguous and writable, as the kernels take it: numba would compile again for any other layout."""
    return np.require(array, dtype, ["C_CONTIGUOUS", "WRITEABLE"])


def run_on_all_cores(task: Callable[[int, int], None], rows: int, rows_per_task: int = ROWS_PER_TASK) -> None:
    """Run task(low, high) over all rows, in whole blocks of `LANES`, on the cores that this process may use."""
    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    blocks = min(-(-rows // (LANES * threads)), rows_per_task // LANES)
    bounds = [*range(0, rows, max(1, blocks) * LANES), rows]
    if len(bounds) <= 2 or threads == 1:
        for low, high in itertools.pairwise(bounds):
            task(low, high)
        return
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(task, bounds[:-1], bounds[1:]):
            pass
