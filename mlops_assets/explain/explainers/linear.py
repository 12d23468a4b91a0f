"""Linear models in closed form: an input's attribution is coefficient times distance from the background's mean."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from mlops_assets.errors import NotApplicableError
from mlops_assets.explain.explainers.agreement import name_outputs, settle_space
from mlops_assets.explain.explainers.design import Design, read_design
from mlops_assets.explain.explainers.explainer import Explainer, Explanation, ExplanationSubject
from mlops_assets.explain.explainers.interaction_effects import without_pairs
from mlops_assets.explain.explainers.library_margins import ask_margin
from mlops_assets.explain.explainers.linear_booster import LinearBooster, read_linear_booster
from mlops_assets.explain.explainers.sampling import frame_digest
from mlops_assets.trees.arrays import Floats, Space

if TYPE_CHECKING:
    import pandas as pd

_CELLS = 2_000_000
_SPACE_ROWS = 8

# What a linear predictor means, per family of scikit-learn estimators; each is checked on rows before it is trusted.
_LOG_ODDS = ("LogisticRegression", "LogisticRegressionCV", "LinearDiscriminantAnalysis")
_MARGIN = (
    "LinearSVC", "SVC", "NuSVC", "OneClassSVM", "SGDOneClassSVM",
    "RidgeClassifier", "RidgeClassifierCV", "Perceptron", "PassiveAggressiveClassifier",
)  # fmt: skip
_LOG_LINK = ("PoissonRegressor", "GammaRegressor")


class LinearExplainer(Explainer):
    """Exact interventional SHAP values of a linear model, alone or behind a traceable preprocessing.

    Models of scikit-learn, and XGBoost's linear booster (`gblinear`).

    For a linear predictor ``b + sum_j w_j x_j`` they are ``w_j (x_j - E[x_j])`` with the expectation over the
    background (Lundberg and Lee 2017, corollary 1; Štrumbelj and Kononenko 2014).

    Space: `identity` for regressions, `log` for models with a log link; for logistic regression and discriminant
    analysis `log-odds` of two classes and `softmax margin` of more; `margin` for classifiers without probabilities.
    """

    KIND: ClassVar[Literal["LinearExplainer"]] = "LinearExplainer"

    def __init__(self, subject: ExplanationSubject) -> None:
        self._design: Design = read_design(subject)
        estimator = self._design.estimator
        self._booster = read_linear_booster(estimator)
        if self._booster is None:
            weights, intercept = read_coefficients(estimator)
            self.space = linear_space(estimator)
        else:
            weights, intercept = self._booster.weights, self._booster.intercept
            self.space, self.precision = self._settled(self._booster, subject), np.dtype(np.float32)
        self.features = subject.features
        self.outputs = name_outputs(subject, self.space, len(weights))
        if weights.shape != (len(self.outputs), len(self._design.sources)):
            raise NotApplicableError(
                f"its coefficients have the shape {weights.shape} for {len(self.outputs)} outputs and"
                f" {len(self._design.sources)} columns"
            )
        self._weights = weights.T  # (columns, outputs)
        self.background = subject.background
        self.background_digest = frame_digest(subject.background)
        self._mean = self._matrix(self._design.transform(subject.background)).mean(axis=0)
        self._base = intercept + self._mean @ self._weights
        self.rows_per_call = max(1, _CELLS // max(1, self._weights.size))
        self.same_bits_alone = False
        total = self._design.roll_up(np.abs(self._weights)[None])[0]
        self.native_importance = {
            output: dict(zip(self.features, total[:, place].tolist(), strict=True))
            for place, output in enumerate(self.outputs)
        }
        self.without_interactions = ""
        self.reason = f"{type(estimator).__name__} is linear in its columns: exact in closed form"

    def explain(self, inputs: "pd.DataFrame") -> Explanation:
        parts = []
        columns = self.columns(inputs)
        for start in range(0, len(columns), self.rows_per_call):
            parts.append(self._explain(columns.iloc[start : start + self.rows_per_call]))
        if not parts:
            return Explanation.empty(len(self.features), len(self.outputs))
        return Explanation(
            np.concatenate([part.values for part in parts]),
            np.concatenate([part.base for part in parts]),
            np.concatenate([part.prediction for part in parts]),
        )

    def predict(self, inputs: "pd.DataFrame") -> Floats:
        return self._predict(self._design.transform(self.columns(inputs))) if len(inputs) else self._none()

    def interactions(self, inputs: "pd.DataFrame", columns: Sequence[str]) -> Floats:
        return without_pairs(self.explain(inputs).values, self.features, columns)

    def own_margin(self, inputs: "pd.DataFrame") -> Floats:
        return self.predict(inputs)

    def _explain(self, columns: "pd.DataFrame") -> Explanation:
        data = self._design.transform(columns)
        distance = self._matrix(data) - self._mean
        values = self._design.roll_up(distance[:, :, None] * self._weights[None])
        base = np.broadcast_to(self._base, (len(columns), len(self.outputs))).copy()
        return Explanation(values, base, self._predict(data))

    def _predict(self, data: Any) -> Floats:
        # The estimator's own arithmetic, so that the residual is a finding and no identity.
        estimator = self._design.estimator
        if self._booster is not None:
            margin = ask_margin(estimator, data)
            assert margin is not None  # XGBoost gives its own
            return margin
        ask = getattr(estimator, "decision_function", None) or estimator.predict
        predicted = np.asarray(ask(data), dtype=np.float64)
        predicted = predicted.reshape(predicted.shape[0], -1)
        return np.log(predicted) if self.space == "log" else predicted

    def _matrix(self, data: Any) -> Floats:
        matrix = self._design.matrix(data)
        return matrix if self._booster is None else self._booster.clean(matrix)

    def _settled(self, booster: LinearBooster, subject: ExplanationSubject) -> Space:
        rows = subject.background.head(_SPACE_ROWS)
        margin = ask_margin(self._design.estimator, self._design.transform(rows))
        assert margin is not None  # XGBoost gives its own
        return settle_space(booster.space, margin, subject.response.of(rows), subject.response.space)

    def _none(self) -> Floats:
        return np.zeros((0, len(self.outputs)))


def linear_space(estimator: Any) -> Space:
    """The scale of a linear estimator's predictor ``X @ coef_ + intercept_``."""
    name = type(estimator).__name__
    if name in _LOG_ODDS or (name == "SGDClassifier" and estimator.loss == "log_loss"):
        if len(estimator.classes_) == 2:
            return "log-odds"
        # One against the rest scales its probabilities to add up to 1: they follow from no single score.
        return "margin" if name == "SGDClassifier" else "softmax margin"
    if name in _MARGIN or name == "SGDClassifier":
        return "margin"
    if name in _LOG_LINK:
        return "log"
    if name == "TweedieRegressor":
        log = estimator.link == "log" or (estimator.link == "auto" and estimator.power > 0)
        return "log" if log else "identity"
    return "identity"


def read_coefficients(estimator: Any) -> tuple[Floats, Floats]:
    """(outputs, columns) coefficients and (outputs,) intercepts of a scikit-learn estimator that is linear.

    Raises
    ------
    NotApplicableError
        It is not linear in its columns, or nothing is known of it.
    """
    module, name = type(estimator).__module__, type(estimator).__name__
    linear = module.startswith(("sklearn.linear_model", "sklearn.discriminant_analysis", "sklearn.cross_decomposition"))
    if module.startswith("sklearn.svm"):
        linear = name in ("LinearSVC", "LinearSVR") or getattr(estimator, "kernel", "") == "linear"
    # One-against-one machines of several classes have coefficients per pair of classes.
    linear = linear and not (name in ("SVC", "NuSVC") and len(estimator.classes_) > 2)
    weights = getattr(estimator, "coef_", None) if linear else None
    intercept = getattr(estimator, "intercept_", None)
    if name == "SGDOneClassSVM" and hasattr(estimator, "offset_"):
        intercept = -estimator.offset_
    if weights is None or intercept is None:
        raise NotApplicableError(f"{name} is not a linear model of scikit-learn or XGBoost")
    weights = weights.toarray() if hasattr(weights, "toarray") else weights
    weights = np.atleast_2d(np.asarray(weights, dtype=np.float64))
    intercept = np.asarray(intercept, dtype=np.float64)
    if module.startswith("sklearn.cross_decomposition"):
        # Its intercept is that of centered columns.
        intercept = np.asarray(estimator.predict(np.zeros((1, weights.shape[1]))), dtype=np.float64).ravel()
    return weights, np.broadcast_to(intercept, (len(weights),))
