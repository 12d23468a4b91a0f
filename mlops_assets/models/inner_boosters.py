"""The booster inside an estimator, and which input column reaches each of its columns unchanged."""

from collections.abc import Iterator, Sequence
from typing import Any

from mlops_assets.models.column_names import fitted_names, match_names

_FILE_MODELS = "mlops_assets.trees.file_models"
BOOSTERS = ("xgboost", "lightgbm", "catboost")


def library_of(estimator: object) -> str:
    """The package that an estimator's class is from."""
    return type(estimator).__module__.partition(".")[0]


def frame_library(estimator: object) -> str:
    """The package whose data frames an estimator takes: its own, or that of a booster which is read without it."""
    kind: Any = type(estimator)
    own = kind.BOOSTER_LIBRARY if kind.__module__ == _FILE_MODELS else ""
    return own or library_of(estimator)


def find_boosters(estimator: object) -> Iterator[Any]:
    """The fitted boosters that an estimator ends in: itself, the last step of a pipeline, the best of a search, and
    those of a vote, a stack, a calibration, and one for each target or fold.
    """
    for part in _ends(estimator, set()):
        if frame_library(part) in BOOSTERS and _is_fitted(part):
            yield part


def _is_fitted(booster: Any) -> bool:
    """False of what only says how the others were to be fitted, as a MultiOutputRegressor keeps it."""
    for name in ("__sklearn_is_fitted__", "is_fitted"):
        if hasattr(booster, name):
            return bool(getattr(booster, name)())
    return True


def trace_names(estimator: object, booster: Any, given: Sequence[object]) -> list[int | None]:
    """For each column of `booster`: where it is among the columns given to `estimator`; None where it was made of some.

    Behind a preprocessing, the name says so: scikit-learn's ColumnTransformer calls a column that it passes through by
    its own name, or by this name behind that of the part, as in ``remainder__city``.
    """
    names = fitted_names(booster)
    if not _has_steps(estimator):
        matched = match_names(names, given) if names is not None else None
        if matched is not None:
            return list(matched)
        if booster is estimator or names is None:
            return list(range(len(given)))
    places: dict[str, int] = {str(name).replace(" ", "_"): place for place, name in enumerate(given)}
    found: list[int | None] = []
    for name in names or ():
        short = name.replace(" ", "_")
        while short not in places and "__" in short:
            short = short.partition("__")[2]
        found.append(places.get(short))
    return found


def _ends(estimator: Any, seen: set[int]) -> Iterator[Any]:
    if estimator is None or isinstance(estimator, str) or id(estimator) in seen:
        return
    seen.add(id(estimator))
    yield estimator
    if library_of(estimator) in BOOSTERS:
        return
    steps = getattr(estimator, "steps", None)
    if isinstance(steps, list) and steps:
        yield from _ends(steps[-1][1], seen)
    for name in ("best_estimator_", "regressor_", "estimator_", "estimator"):
        yield from _ends(getattr(estimator, name, None), seen)
    for name in ("calibrated_classifiers_", "estimators_"):
        several = getattr(estimator, name, None)
        # A forest has hundreds of trees, and no booster.
        if isinstance(several, list) and several and not type(several[0]).__module__.startswith("sklearn.tree"):
            for part in several:
                yield from _ends(part, seen)


def _has_steps(estimator: object) -> bool:
    for _ in range(2):
        if isinstance(getattr(estimator, "steps", None), list):
            return len(estimator.steps) > 1  # type: ignore[attr-defined]  # a Pipeline, seen by its steps
        estimator = getattr(estimator, "best_estimator_", None)
    return False
