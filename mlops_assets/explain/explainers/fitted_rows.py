"""Rows of the signature's columns in the form in which an estimator was fitted."""

from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from mlops_assets.models.column_names import match_names
from mlops_assets.models.loaded_model import LoadedModel
from mlops_assets.models.native_input import copy_rows, floats_of, to_native_input

if TYPE_CHECKING:
    import pandas as pd


def to_fitted_columns(
    rows: "pd.DataFrame", estimator: object, model: LoadedModel | None = None, *, copy: bool = True
) -> "pd.DataFrame | NDArray[Any]":
    """The rows as the estimator was fitted: its own columns by name, or an array when it was fitted without names.

    What is returned is a copy, except for boosters (see `copy_rows`), and unless `copy` is False. A model of text gets
    its one column as a Series, missing values are marked as it knows them: see `to_native_input`. A `model` that was
    logged with numbers for names gets a frame with these.
    """
    named = rows if model is None else model.with_own_names(rows)
    has_numbers = named is not rows
    rows = to_native_input(named, estimator)
    if copy:
        rows = copy_rows(rows, estimator)
    names = getattr(estimator, "feature_names_in_", None)
    if rows.ndim == 1:
        return rows
    if names is None and not has_numbers:
        return floats_of(rows).to_numpy() if getattr(estimator, "n_features_in_", None) == rows.shape[1] else rows
    if names is None:
        return rows
    places = match_names(names, list(rows.columns))
    if places is not None:
        return rows if list(places) == list(range(rows.shape[1])) else rows.iloc[:, places]
    # Signed as an array, or under other names: by position.
    return floats_of(rows).to_numpy() if len(names) == rows.shape[1] else rows
