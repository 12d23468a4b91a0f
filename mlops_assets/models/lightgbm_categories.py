"""The categories of a data frame that a LightGBM model keeps, and the columns that they belong to.

LightGBM keeps one list of categories for each column of pandas categories, in the order of the columns, and not which
columns these are: of ordered categories it learns as of numbers, and columns of plain numbers can be categorical too.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_assets.errors import PredictionError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class _Learned:
    """What LightGBM remembers of a column's training values: the smallest and the largest of its numbers or codes."""

    categorical: bool
    smallest: float
    largest: float

    def may_be_codes(self, count: int) -> bool:
        if self.largest < self.smallest:
            return True  # a constant column: nothing is remembered
        whole = self.smallest.is_integer() and self.largest.is_integer()
        return whole and self.smallest >= -1 and self.largest < count


def place_lightgbm_categories(
    model: Any, columns: "Sequence[pd.Series | None]"
) -> Mapping[int, Sequence[str | int | float | bool]]:
    """Column -> categories in the order of the model's codes.

    Parameters
    ----------
    model
        A Booster or LGBMModel.
    columns
        What is given for each of its columns; None: it is made of others, and is no category.

    Raises
    ------
    PredictionError
        The lists fit to no columns, or to several in more than one way.
    """
    booster = getattr(model, "booster_", model)
    lists = getattr(booster, "pandas_categorical", None)
    if not lists:
        return {}
    categories = [place for place, column in enumerate(columns) if column is not None and _kind(column) == "category"]
    if len(categories) == len(lists):
        return dict(zip(categories, lists, strict=True))  # as LightGBM itself would
    learned = _read_learned(booster)[: len(columns)]
    given = list(columns)[: len(learned)]
    fits = [[_fits(column, known, values) for column, known in zip(given, learned, strict=True)] for values in lists]
    # (list, column) -> the best ways to give this and the later lists to this and later columns: the more columns that
    # are categorical to LightGBM, the better.
    ways: dict[tuple[int, int], tuple[int, int, tuple[int, ...]]] = {}
    text = [column is not None and _kind(column) == "text" for column in given]

    def best(which: int, start: int) -> tuple[int, int, tuple[int, ...]]:
        """(categorical columns, number of such ways, one of them); no way: -1 columns."""
        if (which, start) in ways:
            return ways[which, start]
        if which == len(lists):
            result: tuple[int, int, tuple[int, ...]] = (-1, 0, ()) if any(text[start:]) else (0, 1, ())
        else:
            most, count = -1, 0
            chosen: tuple[int, ...] = ()
            for place in range(start, len(given)):
                if fits[which][place]:
                    found, ways_on, rest = best(which + 1, place + 1)
                    score = -1 if found < 0 else found + learned[place].categorical
                    if score > most:
                        most, count, chosen = score, ways_on, (place, *rest)
                    elif score == most >= 0:
                        count += ways_on
                if text[place]:
                    break  # text is of some list
            result = (most, count, chosen)
        ways[which, start] = result
        return result

    most, count, chosen = best(0, 0)
    if most < 0 or count > 1:
        names = ", ".join(str(name) for name in booster.feature_name())
        raise PredictionError(
            f"The LightGBM model keeps {len(lists)} lists of categories, which "
            + ("fit to none of its columns" if most < 0 else "may belong to one or another of its columns")
            + f": {names}",
            fix="Sign the model for the values that its categories name, in the order of its columns, or train it on "
            "codes with categorical_feature",
        )
    return dict(zip(chosen, lists, strict=True))


def _fits(column: "pd.Series | None", learned: _Learned, values: Sequence[Any]) -> bool:
    if column is None or not learned.may_be_codes(len(values)):
        return False
    kinds = {"text" if isinstance(value, str) else "bool" if isinstance(value, bool) else "number" for value in values}
    kind = _kind(column)
    if kind in ("text", "category"):
        return True
    # Whole numbers and booleans with missing values may come as floats or as objects.
    return kinds == {kind} or kind == "empty" or (kinds == {"bool"} and kind == "number")


def _kind(column: "pd.Series") -> str:
    import pandas as pd

    if isinstance(column.dtype, pd.CategoricalDtype):
        return "category"
    if isinstance(column.dtype, pd.StringDtype):
        return "text"
    if pd.api.types.is_object_dtype(column.dtype):
        first = next((value for value in column if not pd.isna(value)), None)
        if first is None:
            return "empty"
        return "text" if isinstance(first, str) else "bool" if isinstance(first, bool) else "number"
    return "bool" if pd.api.types.is_bool_dtype(column.dtype) else "number"


def _read_learned(booster: Any) -> list[_Learned]:
    """From the line `feature_infos` of its text: `[smallest:largest]`, `code:code:...` of categories, or `none`."""
    text = booster.model_to_string(num_iteration=1)
    line = next((line for line in text.split("\n", 40) if line.startswith("feature_infos=")), "feature_infos=")
    learned = []
    for info in line.partition("=")[2].split():
        if info == "none":
            learned.append(_Learned(False, math.inf, -math.inf))
        elif info.startswith("["):
            smallest, _, largest = info.strip("[]").partition(":")
            learned.append(_Learned(False, float(smallest), float(largest)))
        else:
            codes = [int(code) for code in info.split(":")]
            learned.append(_Learned(True, float(min(codes)), float(max(codes))))
    return learned
