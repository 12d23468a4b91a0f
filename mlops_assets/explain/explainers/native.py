"""Contributions that a library computes itself, exactly: for boosters whose trees this package does not read."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from mlops_assets.errors import NotApplicableError
from mlops_assets.explain.explainers.agreement import name_outputs, settle_space
from mlops_assets.explain.explainers.design import Design, read_design
from mlops_assets.explain.explainers.explainer import Explainer, Explanation, ExplanationSubject
from mlops_assets.explain.explainers.library_margins import (
    ask_margin,
    xgboost_booster,
    xgboost_iterations,
    xgboost_matrix,
)
from mlops_assets.trees.arrays import Floats, Space
from mlops_assets.trees.read_boosters import xgboost_space
from mlops_assets.trees.read_catboost import catboost_space, counts_given_rows

if TYPE_CHECKING:
    import pandas as pd

_CELLS = 1_000_000
_SPACE_ROWS = 8


class NativeExplainer(Explainer):
    """SHAP values from the library's own exact algorithm.

    CatBoost (``ShapValues``), where statistics of several columns, texts or embeddings keep its trees from
    `TreeExplainer`; and XGBoost (``pred_contribs``) where it is asked for. Space: that of the model's objective, as
    `TreeExplainer` has it.
    """

    KIND: ClassVar[Literal["NativeExplainer"]] = "NativeExplainer"

    def __init__(self, subject: ExplanationSubject) -> None:
        self._design: Design = read_design(subject)
        estimator = self._design.estimator
        library = type(estimator).__module__.partition(".")[0]
        if subject.config.mode == "interventional":
            raise NotApplicableError("its library's contributions are path dependent only")
        if library not in _ASK:
            raise NotApplicableError(f"{type(estimator).__name__} computes no exact contributions itself")
        if library == "catboost" and counts_given_rows(estimator):
            raise NotApplicableError(
                "some of its leaves have a value and no training rows: CatBoost then gives a row other contributions "
                "beside other rows"
            )
        self._contributions = _ASK[library]
        self.features = subject.features
        margin = self.own_margin(subject.background.head(_SPACE_ROWS))
        self.space = self._settled(_SPACE_OF[library](estimator), margin, subject)
        self.outputs = name_outputs(subject, self.space, margin.shape[1])
        if library == "xgboost":
            self.precision = np.dtype(np.float32)
        self.rows_per_call = max(64, _CELLS // max(1, len(self._design.sources) * len(self.outputs)))
        self.same_bits_alone = False
        importance = self._design.importance()
        if importance is not None:
            self.native_importance = {
                output: dict(zip(self.features, importance, strict=True)) for output in self.outputs
            }
        self.reason = f"{type(estimator).__name__} computes its exact contributions itself"

    def _settled(self, claimed: Space, margin: Floats, subject: ExplanationSubject) -> Space:
        answers = subject.response.of(subject.background.head(_SPACE_ROWS))
        return settle_space(claimed, margin, answers, subject.response.space)

    def predict(self, inputs: "pd.DataFrame") -> Floats:
        if not len(inputs):
            return np.zeros((0, len(self.outputs)))
        return self.own_margin(inputs)

    def own_margin(self, inputs: "pd.DataFrame") -> Floats:
        margin = ask_margin(self._design.estimator, self._design.transform(self.columns(inputs)))
        assert margin is not None  # of both libraries
        return margin

    def explain(self, inputs: "pd.DataFrame") -> Explanation:
        if not len(inputs):
            return Explanation.empty(len(self.features), len(self.outputs))
        data = self._design.transform(self.columns(inputs))
        contributions = np.asarray(self._contributions(self._design.estimator, data), np.float64)
        # (n, columns + 1) for one output, (n, outputs, columns + 1) for several; the last place is the base.
        contributions = contributions.reshape(len(inputs), -1, contributions.shape[-1])
        values = self._design.roll_up(np.ascontiguousarray(contributions[:, :, :-1].transpose(0, 2, 1)))
        return Explanation(values, np.ascontiguousarray(contributions[:, :, -1]), self.predict(inputs))


def _catboost_contributions(model: Any, data: Any) -> Any:
    from catboost import Pool

    pool = Pool(
        data,
        cat_features=model.get_cat_feature_indices(),
        text_features=model.get_text_feature_indices(),
        embedding_features=model.get_embedding_feature_indices(),
    )
    return model.get_feature_importance(pool, type="ShapValues")


def _xgboost_contributions(model: Any, data: Any) -> Any:
    matrix = xgboost_matrix(model, data)
    return xgboost_booster(model).predict(matrix, pred_contribs=True, iteration_range=xgboost_iterations(model))


def _xgboost_space(model: Any) -> Space:
    return xgboost_space(xgboost_booster(model))


_SPACE_OF: dict[str, Callable[[Any], Space]] = {"catboost": catboost_space, "xgboost": _xgboost_space}
_ASK: dict[str, Callable[[Any, Any], Any]] = {"catboost": _catboost_contributions, "xgboost": _xgboost_contributions}
