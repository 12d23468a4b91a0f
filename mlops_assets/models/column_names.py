"""The names of the columns that a model was fitted on, compared as its library has renamed them."""

from collections.abc import Sequence
from typing import Any


def fitted_names(estimator: Any) -> tuple[str, ...] | None:
    """The names of the columns that an estimator was fitted on; None where it was fitted without names."""
    part: Any
    for part in (estimator, getattr(estimator, "best_estimator_", None)):
        names = getattr(part, "feature_names_in_", None)
        if names is None:
            # xgboost.Booster, catboost's models, lightgbm's Booster
            names = getattr(part, "feature_names", None) or getattr(part, "feature_names_", None)
        if names is None and callable(getattr(part, "feature_name", None)):
            names = part.feature_name()
        if names is not None and not callable(names) and len(names) and not _are_positions(names):
            return tuple(str(name) for name in names)
    return None


def match_names(fitted: Sequence[object], given: Sequence[object]) -> list[int] | None:
    """Where each fitted column is among the given ones; None where one of them is not.

    LightGBM writes `_` for each blank of a name. Such a name counts where no column has the name as it is written, and
    only one is renamed to it.
    """
    names = [str(name) for name in given]
    places = {name: place for place, name in enumerate(names)}
    renamed: dict[str, int | None] = {}
    for place, name in enumerate(names):
        short = name.replace(" ", "_")
        renamed[short] = None if short in renamed else place
    found = [places.get(str(name), renamed.get(str(name))) for name in fitted]
    known = [place for place in found if place is not None]
    return known if len(known) == len(found) == len(set(known)) else None


def _are_positions(names: Sequence[object]) -> bool:
    """LightGBM calls columns without names Column_0, CatBoost 0, XGBoost f0."""
    return any(
        all(str(name) == f"{prefix}{place}" for place, name in enumerate(names)) for prefix in ("Column_", "", "f")
    )
