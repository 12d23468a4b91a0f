"""The fitted estimator inside a custom Python model, and the names of its preprocessing's columns."""

import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np

from mlops_assets.errors import MlopsAssetsError, NotApplicableError
from mlops_assets.explain.explainers.design import Design, read_design
from mlops_assets.explain.explainers.explainer import ExplanationSubject
from mlops_assets.models.prediction_failure import call_model, name_failure

_NAMES = re.compile(
    r"(^|_)(model|pipeline|pipe|estimator|clf|classifier|regressor|reg|forest|booster|learner|predictor|search|grid)(_|$)"
)
_GETTER = re.compile(r"^(get|load|unwrap)_")
_DEPTH = 3
# Where a search, a transformed target, a threshold and a frozen estimator keep what they have fitted.
_WRAPPED = ("best_estimator_", "regressor_", "estimator_", "estimator")


@dataclass(frozen=True)
class TransformedColumns:
    """The columns that a pipeline's preprocessing makes.

    Attributes
    ----------
    design
        The pipeline, traced to the input columns.
    names
        Of its columns; empty where a step gives none.
    """

    design: Design
    names: tuple[str, ...]

    @cached_property
    def known(self) -> frozenset[str]:
        """All names of the columns, with and without their steps' prefixes."""
        return frozenset(name for name, place in self._places.items() if place is not None)

    @cached_property
    def _places(self) -> dict[str, int | None]:
        known: dict[str, int | None] = {name: place for place, name in enumerate(self.names)}
        for place, name in enumerate(self.names):
            short = name
            while "__" in short:
                short = short.partition("__")[2]
                # A short name of two columns names neither.
                known[short] = None if short in known and known[short] != place else place
        return known

    def places(self, columns: list[Any]) -> list[int] | None:
        """Which column each of `columns` names, with or without its step's prefix; None where one is unknown."""
        places = [self._places.get(str(column)) for column in columns]
        found = [place for place in places if place is not None]
        return found if len(found) == len(set(found)) == len(places) else None


def find_inner_models(model: Any) -> Iterator[Any]:
    """The fitted estimators that a Python model keeps: in attributes, properties, dicts, wrappers, behind getters.

    Those in its attributes come first, those that getters (methods without arguments such as ``get_internal_model()``)
    return last. What a property or getter raises only means that nothing is found there.
    """
    yield from _find(model, _DEPTH, set())


def read_transformed_columns(subject: ExplanationSubject, model: Any) -> tuple[tuple[TransformedColumns, ...], str]:
    """The columns of each pipeline inside a model; or none, and why they cannot be summed to its input columns."""
    found, reasons = [], []
    for candidate in _pipelines(subject, model):
        try:
            design = read_design(subject, candidate)
        except NotApplicableError as error:
            reasons.append(error.what)
            continue
        except Exception as error:  # noqa: BLE001 - what a foreign pipeline's transform() raises is a reason, too
            reasons.append(f"its preprocessing cannot be followed ({type(error).__name__})")
            continue
        try:
            names = tuple(map(str, candidate[:-1].get_feature_names_out()))
        except Exception:  # noqa: BLE001 - a step without names: its columns are known by their number
            names = ()
        found.append(TransformedColumns(design, names if len(names) == len(design.sources) else ()))
    if found:
        return tuple(found), ""
    return (), "; ".join(dict.fromkeys(reasons)) or "no scikit-learn pipeline can be reached in the model"


def _pipelines(subject: ExplanationSubject, model: Any) -> Iterator[Any]:
    outer = [subject.model.native] if subject.model.native is not None else []
    for candidate in (*outer, *find_inner_models(model)):
        yield from _unwrap_pipelines(candidate, _DEPTH)


def _unwrap_pipelines(estimator: Any, depth: int) -> Iterator[Any]:
    """The pipelines that an estimator is, or that scikit-learn's meta-estimators wrap; nested ones as one."""
    if hasattr(estimator, "steps") and hasattr(estimator, "named_steps"):
        yield estimator
        *earlier, (_, last) = estimator.steps
        for inner in _unwrap_pipelines(last, depth - 1) if depth else ():
            steps = [step for _, step in (*earlier, *inner.steps)]
            yield type(estimator)([(f"step{place}", step) for place, step in enumerate(steps)])
        return
    for name in _WRAPPED if depth else ():
        inner = getattr(estimator, name, None)
        if inner is not None and not isinstance(inner, type | str):
            yield from _unwrap_pipelines(inner, depth - 1)


def _find(holder: Any, depth: int, seen: set[int]) -> Iterator[Any]:
    if id(holder) in seen or depth < 0:
        return
    seen.add(id(holder))
    for value in _held(holder):
        if _is_fitted_estimator(value):
            if id(value) not in seen:
                seen.add(id(value))
                yield value
        elif isinstance(value, Mapping | list | tuple) or _is_wrapper(value):
            yield from _find(value, depth - 1, seen)


def _held(holder: Any) -> Iterator[Any]:
    if isinstance(holder, Mapping):
        yield from holder.values()
        return
    if isinstance(holder, list | tuple):
        yield from holder
        return
    attributes = dict(getattr(holder, "__dict__", {}))
    # What is called model or pipeline first: it is more likely the one that predicts.
    yield from (attributes[name] for name in sorted(attributes, key=lambda name: not _NAMES.search(name)))
    for name in dir(type(holder)):
        if name.startswith("__") or name in attributes or not _NAMES.search(name):
            continue
        member = inspect.getattr_static(type(holder), name)
        is_method = inspect.isfunction(member) or isinstance(member, classmethod | staticmethod)
        if is_method and not _GETTER.search(name.lstrip("_")):
            continue
        try:
            value = call_model(partial(_get, holder, name, calls=is_method), _nothing_there)
        except MlopsAssetsError:
            continue
        yield value


def _get(holder: Any, name: str, *, calls: bool) -> Any:
    value = getattr(holder, name)
    if not calls:
        return value
    inspect.signature(value).bind()  # a getter takes no arguments
    return value()


def _nothing_there(error: BaseException) -> NotApplicableError:
    """Whatever a getter of the user raises, nothing is found there."""
    return NotApplicableError(f"a getter {name_failure(error)}")


def _is_wrapper(value: Any) -> bool:
    """An object of somebody's own class, which may hold the model."""
    module = type(value).__module__.partition(".")[0]
    own = module not in ("builtins", "numpy", "pandas", "collections", "functools", "logging", "threading", "mlflow")
    return own and hasattr(value, "__dict__") and not isinstance(value, type)


def _is_fitted_estimator(value: Any) -> bool:
    return (
        not isinstance(value, type)
        and callable(getattr(value, "predict", None))
        and (callable(getattr(value, "get_params", None)) or _is_booster(value))
    )


def _is_booster(value: Any) -> bool:
    """Whether this is a native model of XGBoost or LightGBM, which has no parameters as scikit-learn's have."""
    return type(value).__name__ == "Booster" and type(value).__module__.partition(".")[0] in ("xgboost", "lightgbm")


def sum_by_source(transformed: TransformedColumns, places: list[int], numbers: list[float]) -> list[float | None]:
    """(features,): the numbers of the named transformed columns, summed; None where an input has none of them."""
    sums: list[float | None] = [None] * transformed.design.features
    for place, number in zip(places, numbers, strict=True):
        source = int(transformed.design.sources[place])
        sums[source] = (sums[source] or 0.0) + number
    return sums


def all_finite(numbers: list[float]) -> bool:
    """Whether none is NaN or infinite."""
    return bool(np.isfinite(np.asarray(numbers, dtype=np.float64)).all())
