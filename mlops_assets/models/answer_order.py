"""Rows of a pandas answer in the order of the rows that were asked about."""

from typing import TYPE_CHECKING, Any

import numpy as np

from mlops_assets.errors import PredictionError

if TYPE_CHECKING:
    import pandas as pd

_ROWS_SHOWN = 5


def in_order_of(values: Any, given: "pd.Index") -> Any:
    """`values`, put into the order of `given` where they are pandas' own and their index names these rows.

    Pieces that were predicted one by one and put together count from 0 again and again; such an index, and one of other
    labels, says nothing.

    Raises
    ------
    PredictionError
        The index names some of the rows twice and others not at all, or not all of them.
    """
    import pandas as pd

    if not isinstance(values, pd.Series | pd.DataFrame):
        return values
    index = values.index.infer_objects() if values.index.dtype == object else values.index
    if index.equals(given) or isinstance(index, pd.MultiIndex) or not _are_alike(index, given):
        return values
    named = index.isin(given)
    if not named.all() or not given.is_unique:
        return values
    places = given.get_indexer(index)
    if len(values) == len(given) and index.is_unique:
        return values.iloc[np.argsort(places)]
    if _counts_pieces(index, given):
        return values
    counts = np.bincount(places, minlength=len(given))
    absent, twice = np.flatnonzero(counts == 0), np.flatnonzero(counts > 1)
    if not len(absent) and not len(twice):
        return values
    found = [f"{_places(absent)} not at all"] if len(absent) else []
    found += [f"{_places(twice)} more than once"] if len(twice) else []
    raise PredictionError(
        f"The model returned {len(values)} values for {len(given)} rows, whose index names {' and '.join(found)}",
        fix="Return one value per row with the index of the rows it was given, or with a new one: "
        "answer.reset_index(drop=True)",
    )


def _are_alike(index: "pd.Index", given: "pd.Index") -> bool:
    kinds = [getattr(each.dtype, "kind", "O") for each in (index, given)]
    return kinds[0] == kinds[1] or set(kinds) <= set("iuf")


def _counts_pieces(index: "pd.Index", given: "pd.Index") -> bool:
    """Whether the index counts from 0, several times."""
    if len(index) != len(given) or getattr(index.dtype, "kind", "O") not in "iuf":
        return False
    numbers = index.to_numpy()
    return bool(numbers[0] == 0 and ((np.diff(numbers) == 1) | (numbers[1:] == 0)).all())


def _places(places: np.ndarray) -> str:
    shown = ", ".join(map(str, places[:_ROWS_SHOWN].tolist()))
    more = f" and {len(places) - _ROWS_SHOWN} more" if len(places) > _ROWS_SHOWN else ""
    return f"row{'s' * (len(places) > 1)} {shown}{more} (counted from 0)"
