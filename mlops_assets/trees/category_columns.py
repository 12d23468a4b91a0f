"""Columns of a data frame's categories as the codes that a booster counts, and rows that show what it makes of them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt


def are_categories(data: Any, places: Sequence[int], known: Sequence[Sequence[object]]) -> bool:
    """Whether the columns at `places`, and no others, are of categories: of those in `known`, in their order."""
    named = [place for place, dtype in enumerate(data.dtypes) if str(dtype) == "category"]
    if named != list(places):
        return False
    columns = (data.iloc[:, place].cat.categories for place in places)
    return all(list(column) == list(values) for column, values in zip(columns, known, strict=True))


def spread_categories(rows: npt.NDArray[Any], places: Sequence[int], counts: Sequence[int]) -> None:
    """Put a code, each in turn and a missing one, in place of what is no code; in place.

    Parameters
    ----------
    counts
        How many categories each of the columns at `places` has.
    """
    for place, count in zip(places, counts, strict=True):
        column = rows[:, place]
        is_code = (column >= 0) & (column < count) & (column == np.floor(column))
        turn = np.arange(len(rows)) % (count + 1)
        rows[:, place] = np.where(is_code, column, np.where(turn < count, turn, np.nan))


def make_frame(data: Any, rows: npt.NDArray[Any], places: Sequence[int]) -> Any:
    """A frame like `data` of these rows, with the codes at `places` as its categories."""
    frame = type(data)(rows, columns=data.columns)
    for place in places:
        categories = data.iloc[:, place].array
        codes = np.where(np.isnan(rows[:, place]), -1, rows[:, place]).astype(np.int64)
        frame.isetitem(place, type(categories).from_codes(codes, dtype=categories.dtype))
    return frame
