"""The booster inside an estimator, and which input column reaches each of its columns unchanged."""

from collections.abc import Iterator, Sequence
from typing import Any

from mlops_assets.models.column_names import fitted_names, match_names

BOOSTERS = ("xgboost", "lightgbm", "catboost")


def library_of(estimator: object) -> str:
    """The package that an estimator's class is from."""
    return type(estimator).__module__.partition(".")[0]


def find_booster(estimator: object) -> Any | None:
    """The booster that an estimator ends in: itself, the last step of a pipeline, the best of a search, one of several.

    Several boosters in one estimator (a vote, one for each target or fold) were fitted on the same columns: the first
    of them stands for all.
    """
    for part in _ends(estimator, set()):
        if library_of(part) in BOOSTERS:
            return part
    return None


def trace_names(estimator: object, booster: Any, given: Sequence[object]) -> list[int | None]:
    """For each column of `booster`: where it is among the columns given to `estimator`; None where it was made of some.

    Behind a preprocessing, the name says so: scikit-learn's ColumnTransformer calls a column that it passes through by
    its own name, or by this name behind that of the part, as in ``remainder__city``.
    """
    names = fitted_names(booster)
    if not _has_steps(estimator):
        matched = match_names(names, given) if names is not None else None
        if matched is None:
            return list(range(len(given))) if booster is estimator or names is None else []
        return list(matched)
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
        for part in list(several)[:1] if isinstance(several, list) else []:
            yield from _ends(part, seen)


def _has_steps(estimator: object) -> bool:
    for _ in range(2):
        if isinstance(getattr(estimator, "steps", None), list):
            return len(estimator.steps) > 1  # type: ignore[attr-defined]  # a Pipeline, seen by its steps
        estimator = getattr(estimator, "best_estimator_", None)
    return False
