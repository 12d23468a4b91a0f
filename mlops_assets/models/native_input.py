"""Conformed rows in the form in which a native model was fitted: text as one column, missing values by its own mark.

`mlops_assets.signatures.mlflow.model_input` gives every model the same frame. What a library makes of missing values
and of a frame of text differs; this is the last step before a native model, for predictions and explanations alike.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from typing import TYPE_CHECKING, Any, TypeGuard

from mlops_assets.errors import PredictionError
from mlops_assets.models.booster_categories import as_categories, replace_columns
from mlops_assets.models.catboost_categories import find_categories
from mlops_assets.models.inner_boosters import BOOSTERS, frame_library

if TYPE_CHECKING:
    import pandas as pd

_VECTORIZERS = ("CountVectorizer", "TfidfVectorizer", "HashingVectorizer")


def to_native_input(rows: Any, estimator: object) -> Any:
    """`rows` as `estimator` takes them; what is no DataFrame is returned unchanged.

    - A model that starts with a text vectorizer takes the one column as a Series: it would take a frame for the list of
      its columns' names.
    - Missing values of object columns (None) become NaN where the model was fitted on NaN: an imputer of text, or an
      encoder that has NaN among its categories and not None.
    - Optional integers and booleans with missing values become floats with NaN for XGBoost, LightGBM, CatBoost and
      scikit-learn, whatever surrounds them; not where an encoder or imputer knows booleans as objects.
    - What named a category becomes one of the data frame that XGBoost or LightGBM was fitted on, behind a preprocessing
      as well.

    Raises
    ------
    PredictionError
        A text model was given several columns; or a value is no category that its booster takes.
    """
    if not _is_frame(rows):
        return rows
    if takes_text(estimator):
        if rows.shape[1] != 1:
            names = ", ".join(map(str, rows.columns))
            raise PredictionError(
                f"The model takes one column of text, and was given {rows.shape[1]}: {names}",
                fix="Name the one in the model's YAML, `inputs: {columns: [...]}`, and sign the model for it alone",
            )
        return rows.iloc[:, 0]
    library = frame_library(estimator)
    if library == "catboost":
        return optional_as_floats(rows, find_categories(rows, estimator))
    if library in BOOSTERS:
        return optional_as_floats(as_categories(rows, estimator))
    if library == "sklearn":
        rows = _optional_as_sklearn_takes_it(rows, estimator)
        return as_categories(_none_as_nan(rows) if _marks_text_with_nan(estimator) else rows, estimator)
    return rows


def copy_rows(rows: Any, estimator: object = None) -> Any:
    """A copy of rows for a model to work on: other people's code, and scikit-learn's ``copy=False``, works in place.

    Boosters leave what they are given as it is: `rows` itself for those.
    """
    if frame_library(estimator) in BOOSTERS:
        return rows
    if isinstance(rows, dict):
        return {name: copy_rows(value) for name, value in rows.items()}
    if isinstance(rows, list):
        return deepcopy(rows)
    copy = getattr(rows, "copy", None)
    return copy() if callable(copy) else rows


def takes_text(estimator: object) -> bool:
    """Whether a model starts with a vectorizer of text, and so takes one column of it."""
    for part in _first_steps(estimator):
        if type(part).__name__ in _VECTORIZERS and type(part).__module__.startswith("sklearn."):
            return True
    return False


def floats_of(frame: "pd.DataFrame") -> "pd.DataFrame":
    """`frame` with pandas' nullable numbers and booleans as float64, NaN where they are missing."""
    import numpy as np
    import pandas as pd

    nullable = [
        place
        for place, dtype in enumerate(frame.dtypes)
        if isinstance(dtype, pd.api.extensions.ExtensionDtype) and pd.api.types.is_numeric_dtype(dtype)
    ]
    if not nullable:
        return frame
    columns = {
        place: frame.iloc[:, place].to_numpy(dtype=np.float64, na_value=np.nan)
        if place in nullable
        else frame.iloc[:, place]
        for place in range(frame.shape[1])
    }
    converted = pd.DataFrame(columns, index=frame.index)
    converted.columns = frame.columns
    return converted


def _is_frame(rows: Any) -> "TypeGuard[pd.DataFrame]":
    import pandas as pd

    return isinstance(rows, pd.DataFrame)


def optional_as_floats(frame: "pd.DataFrame", kept: "Mapping[int, pd.Series] | None" = None) -> "pd.DataFrame":
    """`frame` with optional numbers, booleans among objects, and columns of nothing as float64, missing ones as NaN.

    At the positions in `kept` are those columns instead, as they are.
    """
    import pandas as pd

    converted = floats_of(frame)
    columns: dict[int, Any] = dict(kept or {})
    for place, dtype in enumerate(converted.dtypes):
        if place not in columns and pd.api.types.is_object_dtype(dtype) and _are_booleans(converted.iloc[:, place]):
            columns[place] = converted.iloc[:, place].astype("float64")
    return replace_columns(converted, columns)


def _optional_as_sklearn_takes_it(frame: "pd.DataFrame", estimator: object) -> "pd.DataFrame":
    # A column without a value may be one of text.
    objects = [name for name, dtype in frame.dtypes.items() if dtype.kind == "O"]
    keeps = _knows_booleans(estimator) if objects else False
    booleans = [name for name in objects if not keeps and frame[name].notna().any() and _are_booleans(frame[name])]
    return floats_of(frame.astype(dict.fromkeys(booleans, "float64")) if booleans else frame)


def _are_booleans(column: "pd.Series") -> bool:
    # Where a slice of an optional column happens to have no missing value, it is a column of objects all the same.
    return all(isinstance(value, bool) for value in column.dropna())


def _knows_booleans(estimator: object) -> bool:
    """Whether a part was fitted on booleans among objects: an encoder's category, an imputer's most frequent value."""
    for part in _all_parts(estimator):
        for known in (*(getattr(part, "categories_", None) or ()), getattr(part, "statistics_", None)):
            if _holds_objects(known) and any(isinstance(value, bool) for value in known):
                return True
    return False


def _none_as_nan(frame: "pd.DataFrame") -> "pd.DataFrame":
    import numpy as np

    missing = [name for name, dtype in frame.dtypes.items() if dtype.kind == "O" and frame[name].isna().any()]
    if not missing:
        return frame
    return frame.assign(**{str(name): frame[name].where(frame[name].notna(), np.nan) for name in missing})


def _marks_text_with_nan(estimator: object) -> bool:
    marked = False
    for part in _all_parts(estimator):
        for known in getattr(part, "categories_", None) or ():
            if not _holds_objects(known):
                continue
            if any(value is None for value in known):
                return False
            marked = marked or any(is_nan(value) for value in known)
        if type(part).__name__ == "SimpleImputer" and is_nan(part.missing_values):
            marked = marked or _holds_objects(getattr(part, "statistics_", None))
    return marked


def _holds_objects(values: object) -> bool:
    return getattr(getattr(values, "dtype", None), "kind", "") == "O"


def _first_steps(estimator: object) -> Iterator[object]:
    while estimator is not None:
        yield estimator
        steps = getattr(estimator, "steps", None)
        kept = [step for _, step in steps if step not in (None, "passthrough")] if isinstance(steps, list) else []
        estimator = kept[0] if kept else getattr(estimator, "best_estimator_", None)


def _all_parts(estimator: Any) -> "Iterator[Any]":
    yield estimator
    named = [
        *(getattr(estimator, "steps", None) or ()),
        *(getattr(estimator, "transformers_", None) or ()),
        *(getattr(estimator, "transformer_list", None) or ()),
    ]
    parts = [one[1] for one in named] + [getattr(estimator, name, None) for name in ("best_estimator_", "regressor_")]
    for part in parts:
        if part is not None and not isinstance(part, str):
            yield from _all_parts(part)


def is_nan(value: object) -> bool:
    """Whether a value is a float NaN (numpy's included)."""
    return isinstance(value, float) and math.isnan(value)


def has_missing(values: Iterable[Any]) -> bool:
    """Whether None or NaN is among the values."""
    return any(value is None or is_nan(value) for value in values)
