"""Whether a model takes missing values, read from the fitted model itself.

The contract rejects rows with null or NaN where the signature requires a value. `propose_missing` looks for a reason to
let the model see them: an imputer, an encoder with a category for them, an estimator that has learned what to do.

Read against scikit-learn 1.9, xgboost 3.2, lightgbm 4.7 and catboost 1.2.10.
"""

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from mlops_assets.models.loaded_model import LoadedModel
from mlops_assets.models.native_input import has_missing, is_nan


@dataclass(frozen=True)
class MissingProposal:
    """What to write as `contract.missing`, and why.

    Attributes
    ----------
    missing
        ``allow``: the model handles null and NaN. ``reject``: it does not, or nothing in it says that it does.
    reason
        One sentence without a full stop, which names the part of the model that decides.
    """

    missing: Literal["allow", "reject"]
    reason: str


@dataclass(frozen=True)
class _Step:
    """What becomes of missing values in one step: it replaces them, passes them on, or cannot take them."""

    effect: Literal["replaces", "passes", "refuses"]
    reason: str


def propose_missing(model: LoadedModel | object, columns: Collection[str] | None = None) -> MissingProposal:
    """`contract.missing` for a model, from what is fitted inside it.

    Nothing is predicted and nothing is loaded: the model has been, under the trust policy.

    Parameters
    ----------
    model
        As a loader returns it, or a library's own fitted object.
    columns
        The input columns that have missing values; None: any may. A branch of a `ColumnTransformer` that none of them
        enters does not count.

    Examples
    --------
    >>> from sklearn.ensemble import HistGradientBoostingClassifier
    >>> propose_missing(HistGradientBoostingClassifier())
    MissingProposal(missing='allow', reason='HistGradientBoostingClassifier takes missing values as they are')
    """
    native = model
    if isinstance(model, LoadedModel):
        native = model.native
        if native is None:
            name = type(model.python_model or model.pyfunc).__name__
            return MissingProposal(
                "reject",
                f"{name} is a custom Python model, which may do anything with missing values; allow them if you know "
                "that it handles them",
            )
    step = _judge(native, None if columns is None else frozenset(columns))
    if step.effect == "passes":
        return MissingProposal("reject", f"nothing in the model replaces missing values: {step.reason}")
    return MissingProposal("allow" if step.effect == "replaces" else "reject", step.reason)


def propose_where_known(model: LoadedModel, columns: Collection[str]) -> MissingProposal | None:
    """`propose_missing` of a library's own model; None for a custom Python model, of which nothing is known."""
    return None if model.native is None else propose_missing(model, columns)


def _judge(estimator: Any, columns: "frozenset[str] | None") -> _Step:
    if estimator is None or estimator == "passthrough":
        return _Step("passes", "its columns pass through")
    for find in ("best_estimator_", "regressor_"):  # a search, a transformed target
        if hasattr(estimator, find):
            return _judge(getattr(estimator, find), columns)
    name, library = type(estimator).__name__, type(estimator).__module__.partition(".")[0]
    if hasattr(estimator, "steps") and hasattr(estimator, "named_steps"):
        return _judge_pipeline([step for _, step in estimator.steps], columns)
    rule = _RULES.get(name) if library == "sklearn" else _BOOSTERS.get(library)
    if rule is not None:
        return rule(estimator, columns)
    return _judge_by_tags(estimator)


def _judge_pipeline(steps: Iterable[Any], columns: "frozenset[str] | None") -> _Step:
    step = _Step("passes", "it has no steps")
    for part in steps:
        step = _judge(part, columns)
        if step.effect != "passes":
            return step
        columns = None  # the next step's columns have other names
    return step


def _judge_branches(parts: "Iterable[tuple[Any, frozenset[str] | None]]") -> _Step:
    """Branches side by side: all have to take missing values, and none may leave one behind."""
    judged = [_judge(part, columns) for part, columns in parts if part != "drop"]
    for effect in ("refuses", "passes"):
        for step in judged:
            if step.effect == effect:
                return step
    reasons = dict.fromkeys(step.reason for step in judged)
    return _Step("replaces", " and ".join(reasons)) if judged else _Step("replaces", "the columns are dropped")


def _column_transformer(transformer: Any, columns: "frozenset[str] | None") -> _Step:
    names = list(getattr(transformer, "feature_names_in_", ()))
    parts = []
    for _, part, selected in getattr(transformer, "transformers_", transformer.transformers):
        entering = _select(selected, names)
        if columns is None or entering is None or entering & columns:
            within = columns if entering is None or columns is None else entering & columns
            parts.append((part, within))
    return _judge_branches(parts)


def _select(selected: Any, names: list[str]) -> "frozenset[str] | None":
    """The names of a branch's columns; None where they are not known."""
    if isinstance(selected, str):
        return frozenset([selected])
    if isinstance(selected, slice):
        chosen: list[Any] = list(range(len(names)))[selected] if not isinstance(selected.start, str) else []
        return frozenset(names[place] for place in chosen) if chosen else None
    if isinstance(selected, int):
        selected = [selected]
    if not isinstance(selected, Iterable):
        return None
    chosen = list(selected)
    if chosen and all(isinstance(one, bool) for one in chosen):
        chosen = [place for place, kept in enumerate(chosen) if kept]
    if all(isinstance(one, str) for one in chosen):
        return frozenset(chosen)
    try:
        return frozenset(names[int(one)] for one in chosen)
    except (IndexError, TypeError, ValueError):
        return None


def _feature_union(union: Any, columns: "frozenset[str] | None") -> _Step:
    return _judge_branches((part, columns) for _, part in union.transformer_list)


def _imputer(imputer: Any, columns: "frozenset[str] | None") -> _Step:
    name = type(imputer).__name__
    if name == "MissingIndicator" and imputer.features == "missing-only" and imputer.error_on_new:
        known = [int(place) for place in imputer.features_]
        names = list(getattr(imputer, "feature_names_in_", ()))
        within = columns is not None and names and columns <= {names[place] for place in known}
        if len(known) < imputer.n_features_in_ and not within:
            return _Step("refuses", "MissingIndicator was fitted with fewer columns that have missing values")
    if is_nan(imputer.missing_values) or imputer.missing_values is None:
        verb = "marks" if name == "MissingIndicator" else "replaces"
        return _Step("replaces", f"{name} {verb} missing values")
    return _Step("refuses", f"{name} replaces {type(imputer.missing_values).__name__} values, not null or NaN")


def _encoder(encoder: Any, _: "frozenset[str] | None") -> _Step:
    name = type(encoder).__name__
    ignores = getattr(encoder, "handle_unknown", "error") != "error"
    categories = list(getattr(encoder, "categories_", ()))
    if ignores or (categories and all(has_missing(known) for known in categories)):
        how = "as any category that it does not know" if ignores else "as a category of their own"
        return _Step("replaces", f"{name} takes missing values {how}")
    return _Step("refuses", f"{name} was fitted without missing values and has handle_unknown='error'")


def _target_encoder(encoder: Any, _: "frozenset[str] | None") -> _Step:
    return _Step("replaces", f"{type(encoder).__name__} takes missing values as a category")


def _function(transformer: Any, _: "frozenset[str] | None") -> _Step:
    if transformer.func is None:
        return _Step("passes", "its columns pass through")
    return _Step("refuses", "a FunctionTransformer may do anything with missing values")


def _judge_by_tags(estimator: Any) -> _Step:
    """What an estimator of scikit-learn's interface declares of itself."""
    name = type(estimator).__name__
    try:
        from sklearn.utils import get_tags

        allows = bool(get_tags(estimator).input_tags.allow_nan)
    except (ImportError, AttributeError, TypeError):
        return _Step("refuses", f"{name} does not say whether it takes missing values")
    if getattr(estimator, "monotonic_cst", None) is not None and type(estimator).__module__.startswith(
        ("sklearn.tree", "sklearn.ensemble._forest")
    ):
        return _Step("refuses", f"{name} with monotonic constraints refuses missing values")
    if not allows:
        return _Step("refuses", f"{name} refuses missing values")
    if hasattr(estimator, "transform") and not hasattr(estimator, "predict"):
        return _Step("passes", f"{name} passes them on")
    return _Step("replaces", f"{name} takes missing values as they are")


def _xgboost(model: Any, _: "frozenset[str] | None") -> _Step:
    if getattr(model, "booster", None) == "gblinear":
        return _Step("refuses", "XGBoost's linear booster would take a missing value for a zero")
    marker = getattr(model, "missing", math.nan)
    if marker is not None and not is_nan(marker):
        return _Step("refuses", "XGBoost was told that another value than NaN means missing")
    return _Step("replaces", "XGBoost has learned a direction for missing values at each split")


def _lightgbm(model: Any, _: "frozenset[str] | None") -> _Step:
    booster = getattr(model, "booster_", model) if not hasattr(model, "model_to_string") else model
    params: Mapping[str, Any] = getattr(booster, "params", None) or {}
    if str(params.get("use_missing", True)).lower() in ("false", "0", "-"):
        return _Step("refuses", "LightGBM was trained with use_missing=false and would take NaN for a zero")
    return _Step("replaces", "LightGBM has learned a direction for missing values at each split")


def _catboost(model: Any, columns: "frozenset[str] | None") -> _Step:
    mode = model.get_all_params().get("nan_mode", "Min") if model.is_fitted() else model.get_param("nan_mode")
    if mode == "Forbidden":
        return _Step("refuses", "CatBoost was trained with nan_mode=Forbidden")
    names = list(model.feature_names_ or ())
    categorical = {names[place] for place in model.get_cat_feature_indices() if place < len(names)}
    missing = sorted(categorical if columns is None else categorical & columns)
    if missing:
        return _Step("refuses", f"CatBoost refuses missing values in categorical columns ({', '.join(missing[:5])})")
    return _Step("replaces", f"CatBoost takes missing values as its nan_mode={mode or 'Min'} says")


_Rule = Callable[[Any, "frozenset[str] | None"], _Step]
_RULES: dict[str, _Rule] = {
    **dict.fromkeys(("SimpleImputer", "KNNImputer", "IterativeImputer", "MissingIndicator"), _imputer),
    **dict.fromkeys(("OneHotEncoder", "OrdinalEncoder"), _encoder),
    "TargetEncoder": _target_encoder,
    "FunctionTransformer": _function,
    "ColumnTransformer": _column_transformer,
    "FeatureUnion": _feature_union,
}
_BOOSTERS: dict[str, _Rule] = {"xgboost": _xgboost, "lightgbm": _lightgbm, "catboost": _catboost}
