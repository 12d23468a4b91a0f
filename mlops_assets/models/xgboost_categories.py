"""The categories of a data frame that an XGBoost model keeps (from XGBoost 3.1)."""

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from mlops_assets.errors import PredictionError

if TYPE_CHECKING:
    import pandas as pd


def read_xgboost_categories(model: Any) -> "Mapping[int, pd.Index]":
    """Column -> categories in the order of the model's codes, in the type in which XGBoost compares them.

    Raises
    ------
    PredictionError
        XGBoost has stored them incompletely.
    """
    import pandas as pd

    if (known := getattr(model, "column_categories", None)) is not None:  # read without its library
        return {place: _index(values, place) for place, values in known.items()}
    booster = model.get_booster() if hasattr(model, "get_booster") else model
    exported = getattr(booster, "get_categories", None)
    if exported is None or "c" not in (booster.feature_types or ()):
        return {}
    columns = exported(export_to_arrow=True).to_arrow() or ()
    categories: dict[int, pd.Index] = {}
    for place, (name, stored) in enumerate(columns):
        if stored is None:
            continue
        if str(stored.type) in ("string", "large_string"):
            categories[place] = pd.Index(_ascii(stored, name), dtype=object)
        else:
            categories[place] = pd.Index(np.asarray(stored.to_pylist(), stored.type.to_pandas_dtype()))
    return categories


def asks_with_categories(rows: Any, model: object) -> bool:
    """Whether `rows` are a frame with categories for a Booster: MLflow 3.17's flavor asks it without them."""
    import pandas as pd

    booster = type(model).__name__ == "Booster" and type(model).__module__.partition(".")[0] == "xgboost"
    return (
        booster
        and isinstance(rows, pd.DataFrame)
        and any(isinstance(dtype, pd.CategoricalDtype) for dtype in rows.dtypes)
    )


def predict_with_categories(booster: Any, rows: "pd.DataFrame", params: Mapping[str, Any]) -> Any:
    """A Booster's prediction for a frame with categories, with those of MLflow's `params` that it knows."""
    from xgboost import DMatrix

    known = inspect.signature(booster.predict).parameters
    options = {name: value for name, value in params.items() if name in known}

    def ask_library(frame: "pd.DataFrame") -> Any:
        return booster.predict(DMatrix(frame, enable_categorical=True), **options)

    # A copy whose trees the kernel may add up has a way of its own.
    ask_copy = getattr(booster, "predict_frame", None)
    answer = None if options or ask_copy is None else ask_copy(rows, ask_library)
    return ask_library(rows) if answer is None else answer


def _ascii(categories: Any, name: object) -> list[str]:
    """XGBoost 3.2.0 counts characters where it stores bytes: names beyond ASCII are cut."""
    try:
        values: list[str] = categories.to_pylist()
    except UnicodeDecodeError:
        values = ["\ufffd"]
    if not all(value.isascii() for value in values):
        raise _incomplete(name)
    return values


def _index(values: "tuple[object, ...]", place: int) -> "pd.Index":
    import pandas as pd

    if not values:
        raise _incomplete(place)
    return pd.Index(list(values), dtype=object if isinstance(values[0], str) else None)


def _incomplete(name: object) -> PredictionError:
    return PredictionError(
        f"XGBoost stored categories of the column {name!r} incompletely, because they hold letters beyond ASCII",
        fix="Train the model on names in ASCII, or behind an encoder in a scikit-learn Pipeline",
    )
