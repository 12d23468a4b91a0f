"""The way from a table's rows to the matrix that a fitted estimator computes with, and back to the input columns."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from mlops_assets.errors import NotApplicableError
from mlops_assets.explain.explainers.column_sources import check_sources, trace_columns
from mlops_assets.explain.explainers.explainer import ExplanationSubject
from mlops_assets.explain.explainers.response import to_fitted_columns
from mlops_assets.models.booster_categories import to_codes
from mlops_assets.models.column_names import match_names
from mlops_assets.models.native_input import floats_of
from mlops_assets.trees.arrays import Floats
from mlops_assets.trees.input_columns import Sources, roll_up

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
    """

    estimator: Any
    sources: Sources
    features: int
    transform: "Callable[[pd.DataFrame], Any]"

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
        try:
            if hasattr(data, "dtypes") and data.ndim == 2:
                data = floats_of(to_codes(data, self.estimator))
            return np.asarray(data, dtype=np.float64)
        except (TypeError, ValueError) as error:
            texts = [str(name) for name, dtype in getattr(data, "dtypes", {}).items() if dtype.kind not in "biufmM"]
            named = f": {', '.join(texts[:5])}" if texts else f" ({type(error).__name__})"
            raise NotApplicableError(f"it takes columns that are not numeric{named}") from error

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

    Of a search (`GridSearchCV` and similar), the best estimator is read. `native` is the model's own by default.

    Raises
    ------
    NotApplicableError
        There is no native estimator, its columns are not the signature's, or its preprocessing mixes columns.
    """
    native = subject.model.native if native is None else native
    if native is None:
        if subject.model.python_model is None:
            raise NotApplicableError("the library's own model inside it is not known to this package")
        raise NotApplicableError("it is a custom Python model, which may do anything between its input and its output")
    if hasattr(native, "best_estimator_") and hasattr(native, "cv_results_"):
        native = native.best_estimator_
    outer = native
    rows = subject.background.head(_PROOF_ROWS)
    order = _order(outer, subject.features)
    if not _is_pipeline(native):
        fitted = partial(to_fitted_columns, estimator=outer, model=subject.model)
        return Design(native, order, len(subject.features), fitted)
    while _is_pipeline(native) and len(native.steps) == 1:
        native = native.steps[0][1]
    *earlier, (_, estimator) = native.steps if _is_pipeline(native) else [("", native)]
    steps = [step for _, step in earlier if step not in (None, "passthrough")]
    if _is_pipeline(estimator):
        raise NotApplicableError("its last step is a pipeline of its own")

    def transform(frame: "pd.DataFrame") -> Any:
        data = to_fitted_columns(frame, outer, subject.model)
        for step in steps:
            data = step.transform(data)
        return data

    data, sources = to_fitted_columns(rows, outer, subject.model), order
    for step in steps:
        data, sources = trace_columns(step, data, sources)
    check_sources(transform, rows, sources)
    return Design(estimator, sources, len(subject.features), transform)


def _is_pipeline(native: Any) -> bool:
    return type(native).__name__ == "Pipeline" and type(native).__module__ == "sklearn.pipeline"


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
    if names is None and width == len(features):
        return np.arange(width)
    if names is None:
        raise NotApplicableError(f"it was fitted on {width} columns, and the signature names {len(features)}")
    unknown = [str(name) for name in names if name not in features]
    raise NotApplicableError(
        f"it was fitted on columns that its signature does not name ({', '.join(map(repr, unknown[:5]))}"
        f"{', ...' if len(unknown) > 5 else ''})"
    )
