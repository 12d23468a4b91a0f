"""Text columns as the categories of a data frame that a booster was fitted on.

A signature knows text and no categories: a frame with pandas categories is signed as text, and comes back as text. XGBoost
and LightGBM refuse text; both keep the categories that they were fitted on, and code a column by their names.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mlops_assets.errors import PredictionError

if TYPE_CHECKING:
    import pandas as pd


def as_categories(frame: "pd.DataFrame", estimator: object) -> "pd.DataFrame":
    """`frame` with its text columns as pandas categories, where `estimator` is a booster that was fitted on such.

    Missing values stay missing. Text that was no category in training is a missing value to LightGBM, as it is wherever
    LightGBM is given a data frame.

    Raises
    ------
    PredictionError
        Text that was no category in training, for XGBoost: it refuses such rows.
    """
    import pandas as pd

    text = [name for name, dtype in frame.dtypes.items() if pd.api.types.is_object_dtype(dtype) or dtype == "string"]
    known = _categories_of(estimator, list(frame.columns)) if text else {}
    columns: dict[str, Any] = {}
    for name in text:
        if name not in known:
            continue
        strangers = ~(frame[name].isin(list(known[name])) | frame[name].isna())
        if strangers.any() and _library(estimator) == "xgboost":
            raise PredictionError(
                f"The column {name!r} holds text in {int(strangers.sum())} of {len(frame)} rows that is none of the "
                f"{len(known[name])} categories the model was fitted on",
                fix="Train the model with these categories, or set values that mean nothing to null",
            )
        columns[str(name)] = pd.Categorical(frame[name], categories=list(known[name]))
    return frame.assign(**columns) if columns else frame


def _library(estimator: object) -> str:
    return type(estimator).__module__.partition(".")[0]


def _categories_of(estimator: Any, names: Sequence[object]) -> Mapping[object, Sequence[str]]:
    """Column -> categories of text, in the order of the model's codes."""
    library = _library(estimator)
    if library == "xgboost":
        return _xgboost_categories(estimator.get_booster() if hasattr(estimator, "get_booster") else estimator, names)
    if library == "lightgbm":
        return _lightgbm_categories(getattr(estimator, "booster_", estimator), names)
    return {}


def _xgboost_categories(booster: Any, names: Sequence[object]) -> Mapping[object, Sequence[str]]:
    exported = getattr(booster, "get_categories", None)
    if exported is None or "c" not in (booster.feature_types or ()):
        return {}
    columns = exported(export_to_arrow=True).to_arrow() or ()
    return {
        name: categories.to_pylist()
        for name, (_, categories) in zip(names, columns, strict=False)
        if categories is not None and all(isinstance(value, str) for value in categories.to_pylist())
    }


def _lightgbm_categories(booster: Any, names: Sequence[object]) -> Mapping[object, Sequence[str]]:
    """LightGBM keeps one list of categories for each categorical column, in the order of the columns."""
    lists = getattr(booster, "pandas_categorical", None)
    if not lists:
        return {}
    # Its dump says which columns these are: those whose values are listed.
    infos = booster.dump_model(num_iteration=1)["feature_infos"]
    categorical = [name for name in booster.feature_name() if (infos.get(name) or {}).get("values")]
    if len(categorical) != len(lists):
        return {}
    places = {name: place for place, name in enumerate(booster.feature_name())}
    return {
        names[places[name]]: values
        for name, values in zip(categorical, lists, strict=True)
        if places[name] < len(names) and all(isinstance(value, str) for value in values)
    }
