"""Categorical columns as CatBoost takes them: whole numbers or text, and none missing."""

from typing import TYPE_CHECKING, Any

import numpy as np

from mlops_assets.errors import PredictionError
from mlops_assets.models.booster_categories import name_rows

if TYPE_CHECKING:
    import pandas as pd


def find_categories(frame: "pd.DataFrame", model: Any) -> "dict[int, pd.Series]":
    """Position -> the column, for the columns that are categorical to a CatBoost model.

    Optional integers and booleans are plain ones: CatBoost takes no floats for categories.

    Raises
    ------
    PredictionError
        A value is missing: CatBoost has no place for it, in training neither.
    """
    columns = {}
    for place in model.get_cat_feature_indices() if model.is_fitted() else ():
        if place >= frame.shape[1]:
            continue
        column = frame.iloc[:, place]
        missing = column.isna().to_numpy(np.bool_)
        if missing.any():
            raise PredictionError(
                f"The column {frame.columns[place]!r} is missing in {name_rows(missing)}, and it is categorical: "
                "CatBoost takes no missing category",
                fix="Fill it with a text of its own (for example 'missing') before the model is trained and in the "
                "table; or have such rows rejected, as many as contract.max_rejected allows, by a signature in which "
                "the column is required and without contract.missing: allow",
            )
        columns[place] = _plain(column)
    return columns


def _plain(column: "pd.Series") -> "pd.Series":
    import pandas as pd

    kind = column.dtype.kind
    if isinstance(column.dtype, pd.CategoricalDtype) or kind not in "iufb":
        return column
    if kind == "f" and bool((column == column.round()).all()):
        return column.astype(np.int64)
    return column.astype({"i": np.int64, "u": np.uint64, "b": np.bool_}.get(kind, column.dtype))
