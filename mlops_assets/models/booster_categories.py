"""Columns of text or numbers as the categories of a data frame that a booster was fitted on.

A signature knows no categories: a frame with pandas categories is signed as what they name (text, whole numbers,
doubles, booleans), and its rows come back as such. XGBoost and LightGBM keep the categories that they were fitted on
and refuse anything else in these columns.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlops_assets.errors import PredictionError
from mlops_assets.models.inner_boosters import find_boosters, frame_library, trace_names
from mlops_assets.models.lightgbm_categories import place_lightgbm_categories
from mlops_assets.models.xgboost_categories import read_xgboost_categories

if TYPE_CHECKING:
    import pandas as pd

_ROWS_NAMED = 5


def as_categories(frame: "pd.DataFrame", estimator: object) -> "pd.DataFrame":
    """`frame` with pandas categories in the columns where the booster in `estimator` was fitted on such.

    The categories are those of the fitted booster, in its order, whatever rows are beside a row. Missing values stay
    missing. A value that was no category in training is a missing value to LightGBM, as it is wherever LightGBM is
    given a data frame. A column that is of categories already is coded by the booster's.

    Raises
    ------
    PredictionError
        A value that was no category in training, for XGBoost: it refuses such rows. Text in a column for which the
        booster keeps no categories. Categories of which nothing says to which column they belong.
    """
    import pandas as pd

    # Several boosters in one estimator (a vote, one for each target or fold) were fitted on the same columns: the first
    # that keeps categories stands for all.
    booster: Any = None
    known: Mapping[int, Any] = {}
    for part in find_boosters(estimator):
        if frame_library(part) in ("lightgbm", "xgboost"):
            booster, known = part, _known_categories(frame, estimator, part)
        if known:
            break
    if booster is None:
        return frame
    library = frame_library(booster)
    if booster is estimator:
        for place, dtype in enumerate(frame.dtypes):
            is_text = pd.api.types.is_object_dtype(dtype) or isinstance(dtype, pd.StringDtype)
            if is_text and place not in known and _holds_text(frame.iloc[:, place]):
                raise _no_categories(frame.columns[place], library)
    return replace_columns(
        frame,
        {
            place: _to_categories(frame.iloc[:, place], pd.Index(values), frame.columns[place], library)
            for place, values in known.items()
        },
    )


def to_codes(frame: "pd.DataFrame", estimator: object) -> "pd.DataFrame":
    """`frame` with the number of each category in place of it, as the booster `estimator` counts them; NaN: missing.

    Of another estimator, or without categories, `frame` itself.

    Raises
    ------
    PredictionError
        See `as_categories`.
    """
    import pandas as pd

    named = any(isinstance(dtype, pd.CategoricalDtype) for dtype in frame.dtypes)
    if not named or frame_library(estimator) not in ("lightgbm", "xgboost"):
        return frame
    coded = as_categories(frame, estimator)
    codes = {
        place: np.where(codes < 0, np.nan, codes.astype(np.float64))
        for place, dtype in enumerate(coded.dtypes)
        if isinstance(dtype, pd.CategoricalDtype)
        for codes in [coded.iloc[:, place].cat.codes.to_numpy()]
    }
    return replace_columns(coded, codes)


def name_rows(chosen: NDArray[np.bool_]) -> str:
    """How many rows are chosen, and the first of them, counted from 1."""
    rows = (np.flatnonzero(chosen) + 1).tolist()
    named = ", ".join(map(str, rows[:_ROWS_NAMED])) + (", ..." if len(rows) > _ROWS_NAMED else "")
    return f"{len(rows)} of {len(chosen)} rows (number {named})"


def _known_categories(frame: "pd.DataFrame", estimator: object, booster: Any) -> Mapping[int, Any]:
    """Position in `frame` -> the categories that the booster keeps for the column."""
    if frame_library(booster) == "xgboost":
        stored: Mapping[int, Any] = read_xgboost_categories(booster)
        places = trace_names(estimator, booster, list(frame.columns)) if stored else []
    elif getattr(getattr(booster, "booster_", booster), "pandas_categorical", None):
        places = trace_names(estimator, booster, list(frame.columns))
        columns = [None if place is None else frame.iloc[:, place] for place in places]
        stored = place_lightgbm_categories(booster, columns)
    else:
        return {}
    known = {}
    for column, values in stored.items():
        place = places[column] if column < len(places) else None
        if place is not None:
            known[place] = values
    return known


def _to_categories(column: "pd.Series", categories: "pd.Index", name: object, library: str) -> Any:
    import pandas as pd

    if isinstance(column.dtype, pd.CategoricalDtype) and column.cat.categories.equals(categories):
        return column.array
    missing = column.isna().to_numpy(np.bool_)
    codes = np.full(len(column), -1, np.int64)
    codes[~missing] = _codes_of(column.array[~missing], categories)
    strangers = (codes < 0) & ~missing
    if strangers.any() and library == "xgboost":
        raise PredictionError(
            f"The column {name!r} holds values in {name_rows(strangers)} that are none of the {len(categories)} "
            "categories the model was fitted on",
            fix="Train the model with these categories, or set values that mean nothing to null",
        )
    return pd.Categorical.from_codes(codes, categories=categories)


def _codes_of(given: Any, categories: "pd.Index") -> NDArray[np.int64]:
    """The place of each value among the categories, -1 where it is none; equal numbers are equal in any type."""
    import pandas as pd

    given = np.asarray(given) if given.dtype.kind in "iufb" else np.asarray(given, dtype=object)
    if categories.dtype.kind in "iufb" and given.dtype.kind in "Ob":
        texts = [isinstance(value, str) for value in given]
        if any(texts):
            # Written as text: the signature calls the column so.
            named = {str(value): place for place, value in enumerate(categories.tolist())}
            return np.array([named.get(str(value), -1) for value in given], np.int64)
    if categories.dtype.kind == "b":
        places = {bool(value): place for place, value in enumerate(categories.tolist())}
        return np.array([places.get(value, -1) for value in given], np.int64)
    return np.asarray(categories.get_indexer(pd.Index(given).infer_objects()), np.int64)


def replace_columns(frame: "pd.DataFrame", columns: Mapping[int, Any]) -> "pd.DataFrame":
    """`frame` with the columns at these positions replaced; its index and names stay."""
    import pandas as pd

    if not columns:
        return frame
    changed = pd.DataFrame(
        {place: columns[place] if place in columns else frame.iloc[:, place] for place in range(frame.shape[1])},
        index=frame.index,
    )
    changed.columns = frame.columns
    return changed


def _holds_text(column: "pd.Series") -> bool:
    return any(isinstance(value, str) for value in column)


def _no_categories(name: object, library: str) -> PredictionError:
    if library == "xgboost":
        return PredictionError(
            f"The column {name!r} is text, and the XGBoost model keeps no categories for it",
            fix="Fit it on a DataFrame whose column is of pandas categories, with XGBoost 3.1 or newer (older ones "
            "keep none), or sign and give it the numbers that it was fitted on",
        )
    return PredictionError(
        f"The column {name!r} is text, and the LightGBM model keeps no categories for it",
        fix="Fit it on a DataFrame whose column is of pandas categories, or sign and give it the numbers that it was "
        "fitted on",
    )
