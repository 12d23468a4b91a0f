"""Rows as the numbers that a booster makes of them, and rows that show whether a kernel does as the booster does."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

COMPARED_ROWS = 256
"""Rows for which the library's answer is computed as well, once per model and kind of answer."""
_SPOILED_ROWS = 64
_WHOLE = 2.0**53


def plain_rows(data: Any, columns: int, categories: Sequence[Sequence[Any]] = ()) -> npt.NDArray[Any] | None:
    """The matrix (n, columns) of a table of numbers; None where the library should see the data itself.

    A data frame (of pandas; it is not imported) may have columns of categories, as many as `categories` has lists: each
    becomes the places of its values in the list that is for it, NaN where a value is not in there.
    """
    if isinstance(data, np.ndarray):
        is_plain = data.ndim == 2 and data.shape[1] == columns and data.dtype in (np.float32, np.float64)
        return data if is_plain and len(data) else None
    if type(data).__module__.partition(".")[0] != "pandas" or getattr(data, "ndim", 0) != 2:
        return None
    if data.shape[1] != columns or not len(data):
        return None
    dtypes = list(data.dtypes)
    named = [str(dtype) == "category" for dtype in dtypes]
    numbers = [is_named or _is_number(dtype) for is_named, dtype in zip(named, dtypes, strict=True)]
    if sum(named) != len(categories) or not all(numbers):
        return None
    if not categories:
        return np.asarray(data.to_numpy(dtype=_common_type(dtypes)))
    rows, lists = np.empty((len(data), columns), order="F"), iter(categories)
    for place, is_named in enumerate(named):
        column = data.iloc[:, place]
        if is_named:
            known = next(lists)
            if list(column.cat.categories) != list(known):
                column = column.cat.set_categories(known)
            codes = column.cat.codes.to_numpy()
            rows[:, place] = np.where(codes < 0, np.nan, codes)
        else:
            rows[:, place] = column.to_numpy()
    return rows


def are_exact(data: Any, rows: npt.NDArray[Any]) -> bool:
    """Whether whole numbers of 64 bits in `data`, if any, are the same as doubles in `rows`."""
    if isinstance(data, np.ndarray):
        return True
    wide = [place for place, dtype in enumerate(data.dtypes) if dtype.kind in "iu" and dtype.itemsize == 8]
    return all(bool((np.abs(rows[:, place]) < _WHOLE).all()) for place in wide)


def probe_rows(rows: npt.NDArray[Any], count: int, dtype: npt.DTypeLike = np.float64) -> npt.NDArray[Any]:
    """Some of the rows, those with missing values among them, and as many with a value that they do not have.

    What is put in their place: a missing value, zeros of both signs, a number that is no category, small and large
    ones.
    """
    head = np.asarray(rows[: count // 2], dtype)
    missing = np.flatnonzero(np.isnan(rows).any(axis=1))[: count // 4]
    if len(rows) > count:
        spread = np.linspace(count // 2, len(rows) - 1, count // 4).astype(np.intp)
        chosen = np.unique(np.concatenate([spread, missing]))
    else:
        chosen = np.arange(min(count // 2, len(rows)), len(rows))
    spoiled = head[np.arange(_SPOILED_ROWS) % len(head)].copy()
    values = [np.nan, 0.0, -0.0, 1e-35, -1.0, 1e6, 1e-300, -0.5, 1e30, -1e30]
    for number in range(_SPOILED_ROWS):
        spoiled[number, number % rows.shape[1] :: 7] = values[number % len(values)]
    return np.concatenate([head, np.asarray(rows[chosen], dtype), spoiled])


def choose_probe(X: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
    """Which rows of a matrix are summed both ways: the first, and some with missing values."""
    missing = np.flatnonzero(np.isnan(X[:, :]).any(axis=1))[: COMPARED_ROWS // 4]
    return np.unique(np.concatenate([np.arange(min(COMPARED_ROWS, len(X))), missing]))


def _is_number(dtype: object) -> bool:
    return isinstance(dtype, np.dtype) and dtype.kind in "fiub" and dtype.itemsize <= 8


def _common_type(dtypes: Sequence[np.dtype[Any]]) -> np.dtype[Any]:
    return np.result_type(*{*dtypes, np.dtype(np.float32)})
