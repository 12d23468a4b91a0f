"""The way from a table's rows to the matrix that a fitted estimator computes with, and back to the input columns."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from mlops_assets.errors import NotApplicableError
from mlops_assets.explain.explainers.category_codes import as_category_codes
from mlops_assets.explain.explainers.column_sources import check_sources, trace_columns
from mlops_assets.explain.explainers.explainer import ExplanationSubject
from mlops_assets.explain.explainers.fitted_rows import to_fitted_columns
from mlops_assets.models.booster_categories import to_codes
from mlops_assets.models.column_names import match_names
from mlops_assets.models.native_input import floats_of
from mlops_assets.trees.arrays import Floats
from mlops_assets.trees.catboost_codes import CatboostCodes
from mlops_assets.trees.input_columns import Sources, is_direct, roll_up
from mlops_assets.trees.read_catboost_categories import read_catboost_codes

if TYPE_CHECKING:
    import pandas as pd

_PROOF_ROWS = 8


@dataclass(frozen=True)
class Design:
    """A fitted estimator behind its preprocessing.

    Attributes
    ----------
    estimator
        The last step, without the preprocessing.
    sources
        (columns,): which input column each column of its matrix comes from.
    features
        How many input columns there are.
    transform
        Rows -> what the estimator is given: a frame, an array or a sparse matrix.
    look
        The same, where nothing works on it: it may be the rows themselves. None: there is a preprocessing.
    """

    estimator: Any
    sources: Sources
    features: int
    transform: "Callable[[pd.DataFrame], Any]"
    look: "Callable[[pd.DataFrame], Any] | None" = None

    def matrix_of(self, rows: "pd.DataFrame") -> Floats:
        """`matrix` of what the estimator is given for these rows; it may be a view of them, and is not to be changed.

        Raises
        ------
        NotApplicableError
            A column is not numeric.
        """
        return self.matrix((self.look or self.transform)(rows))

    def matrix(self, data: Any) -> Floats:
        """What the estimator is given, as (n, columns) float64; categories as the numbers that a booster has for them.

        Raises
        ------
        NotApplicableError
            A column is not numeric.
        """
        if hasattr(data, "toarray"):
            if type(self.estimator).__module__.startswith("xgboost"):
                # To XGBoost a cell that a sparse matrix does not store is missing, not zero.
                stored = data.tocoo()
                dense = np.full(data.shape, np.nan)
                dense[stored.row, stored.col] = stored.data
                return dense
            return np.asarray(data.toarray(), dtype=np.float64)
        data = as_category_codes(self.estimator, data)
        if self._catboost_codes is not None:
            data = self._catboost_codes.encode(data) if hasattr(data, "dtypes") else None
            if data is None:
                raise NotApplicableError("it takes categories that are neither text nor whole numbers")
        try:
            if hasattr(data, "dtypes") and data.ndim == 2:
                data = floats_of(to_codes(data, self.estimator))
            return np.asarray(data, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise NotApplicableError("it takes columns that are not numeric") from error

    @cached_property
    def _catboost_codes(self) -> CatboostCodes | None:
        if type(self.estimator).__module__.startswith("catboost"):
            return read_catboost_codes(self.estimator)
        # A model that is read without its library knows them.
        codes: CatboostCodes | None = getattr(self.estimator, "category_codes", None)
        return codes if isinstance(codes, CatboostCodes) else None

    @property
    def is_direct(self) -> bool:
        """Whether the estimator's columns are the input columns, in their order."""
        return is_direct(self.sources, self.features)

    def roll_up(self, values: Floats) -> Floats:
        """(n, columns, outputs) -> (n, features, outputs), with every row's sum preserved."""
        return roll_up(values, self.sources, self.features)

    def importance(self) -> list[float] | None:
        """(features,): the estimator's own importance, summed over the columns of each feature; None without one."""
        importances = getattr(self.estimator, "feature_importances_", None)
        if importances is None or np.shape(importances) != self.sources.shape:
            return None
        summed = self.roll_up(np.asarray(importances, dtype=np.float64)[None, :, None])[0, :, 0]
        return [float(size) for size in summed]


def read_design(subject: ExplanationSubject, native: Any = None) -> Design:
    """Split a native estimator into its preprocessing and its last step, and trace that step's columns to the inputs.

    What only wraps an estimator (a search, a threshold, a frozen estimator) is taken off. `native` is the model's own
    by default.

    Raises
    ------
    NotApplicableError
        There is no native estimator, its columns are not the signature's, or its preprocessing mixes columns.
    """
    native = subject.model.native if native is None else native
    if native is None:
        if subject.model.python_model is None:
            raise NotApplicableError("its signature is a tensor, whose columns are not those it was fitted on")
        raise NotApplicableError("it is a custom Python model, which may do anything between its input and its output")
    outer = unwrap(native)
    order = _order(outer, subject.features)
    fitted = partial(to_fitted_columns, estimator=outer, model=subject.model)
    whole = Design(outer, order, len(subject.features), fitted, partial(fitted, copy=False))
    return enter_pipelines(whole, subject.background)


def enter_pipelines(design: Design, background: "pd.DataFrame") -> Design:
    """The same for the estimator of a design, whatever wraps it and however pipelines are nested in each other.

    Raises
    ------
    NotApplicableError
        A preprocessing mixes columns.
    """
    estimator, steps = design.estimator, []
    while True:
        inner = unwrap(estimator)
        if inner is estimator and _is_pipeline(estimator):
            *earlier, (_, inner) = estimator.steps
            steps += [step for _, step in earlier if step not in (None, "passthrough")]
        elif inner is estimator and _selects_columns(estimator):
            steps.append(estimator)
            inner = estimator.estimator_
        if inner is estimator:
            break
        estimator = inner
    if not steps:
        return replace(design, estimator=estimator)

    def transform(frame: "pd.DataFrame") -> Any:
        data = design.transform(frame)
        for step in steps:
            data = step.transform(data)
        return data

    rows = background.head(_PROOF_ROWS)
    data, sources = design.transform(rows), design.sources
    for step in steps:
        data, sources = trace_columns(step, data, sources)
    check_sources(transform, rows, sources)
    return Design(estimator, sources, design.features, transform)


def unwrap(estimator: Any) -> Any:
    """The estimator that another one of scikit-learn's only wraps: of a search the best one, what is frozen, what gets
    another threshold, what was fitted on labels of its own making or on the inliers alone.
    """
    while type(estimator).__module__.partition(".")[0] == "sklearn":
        name = _WRAPPED_AS.get(type(estimator).__name__, "best_estimator_" if hasattr(estimator, "cv_results_") else "")
        inner = getattr(estimator, name, None) if name else None
        if inner is None:
            break
        estimator = inner
    return estimator


def last_estimator(estimator: Any) -> Any:
    """The one that predicts: behind wrappers, at the end of pipelines."""
    inner = unwrap(estimator)
    return last_estimator(inner.steps[-1][1]) if _is_pipeline(inner) else inner


_WRAPPED_AS = {
    "FrozenEstimator": "estimator",
    "FixedThresholdClassifier": "estimator_",
    "TunedThresholdClassifierCV": "estimator_",
    "SelfTrainingClassifier": "estimator_",
    "RANSACRegressor": "estimator_",
}


def _is_pipeline(native: Any) -> bool:
    return type(native).__name__ == "Pipeline" and type(native).__module__ == "sklearn.pipeline"


def _selects_columns(native: Any) -> bool:
    """Recursive feature elimination: it predicts with an estimator of some columns."""
    return type(native).__name__ in ("RFE", "RFECV") and hasattr(native, "estimator_")


def _order(estimator: Any, features: tuple[str, ...]) -> Sources:
    """Which signature column is the estimator's first, second, ... column."""
    names = getattr(estimator, "feature_names_in_", None)
    if names is None:
        # CatBoost's name for it; a loaded one has lost its n_features_in_, and calls columns without names 0, 1, ...
        catboost_names = getattr(estimator, "feature_names_", None)
        if catboost_names is not None and list(catboost_names) == [str(place) for place in range(len(features))]:
            return np.arange(len(features))
        names = catboost_names
    places = match_names(names, features) if names is not None else None
    if places is not None:
        return np.array(places, dtype=np.intp)
    width = getattr(estimator, "n_features_in_", len(features))
    if width == len(features):  # without names, or signed as an array or under other names: by position
        return np.arange(width)
    if names is None:
        raise NotApplicableError(f"it was fitted on {width} columns, and the signature names {len(features)}")
    unknown = [str(name) for name in names if name not in features]
    raise NotApplicableError(
        f"it was fitted on columns that its signature does not name ({', '.join(map(repr, unknown[:5]))}"
        f"{', ...' if len(unknown) > 5 else ''})"
    )
