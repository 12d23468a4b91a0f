"""Kernel machines in closed form: a radial kernel is a product over the columns, and its values are an integral."""

from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from mlops_assets.errors import NotApplicableError
from mlops_assets.explain.explainers.agreement import name_outputs
from mlops_assets.explain.explainers.design import Design, read_design
from mlops_assets.explain.explainers.explainer import Explainer, Explanation, ExplanationSubject
from mlops_assets.explain.explainers.kernel_models import read_kernel_sum
from mlops_assets.explain.explainers.sampling import frame_digest
from mlops_assets.trees.arrays import Floats
from mlops_assets.trees.quadrature import gauss_legendre

if TYPE_CHECKING:
    import pandas as pd

_NUMBERS = 2_000_000  # factors of background rows held at once
_STEPS = 1_000_000_000  # of one call; about half a second


class KernelMachineExplainer(Explainer):
    """Exact interventional SHAP values of kernel machines, alone or behind a traceable preprocessing.

    Support vector machines (regression, two classes, one class), kernel ridge and Gaussian process regression of
    scikit-learn with a radial kernel, of kernel ridge also a Laplacian one: a weighted sum of products of one factor
    per input column. What replacing a background row's columns changes of a product is, averaged over all orders, an
    integral of a polynomial, which Gauss-Legendre points give exactly (Mohammadi, Chau and Muandet 2025,
    arXiv 2505.16516, have another recursion for the same values). The mean over all background rows is taken.

    Space: `identity` for regressions, `margin` for classifiers.
    """

    KIND: ClassVar[Literal["KernelMachineExplainer"]] = "KernelMachineExplainer"

    def __init__(self, subject: ExplanationSubject) -> None:
        self._design: Design = read_design(subject)
        estimator = self._design.estimator
        self._sum = read_kernel_sum(estimator)
        self.features, self.space = subject.features, self._sum.space
        self.outputs = name_outputs(subject, self.space, self._sum.alpha.shape[1])
        columns = len(self._design.sources)
        if self._sum.centers.shape[1] != columns or self._sum.alpha.shape[1] != len(self.outputs):
            raise NotApplicableError(
                f"its kernels have {self._sum.centers.shape[1]} columns and {self._sum.alpha.shape[1]} outputs, not"
                f" {columns} and {len(self.outputs)}"
            )
        self.background = subject.background
        self.background_digest = frame_digest(subject.background)
        self._rows = self._matrix(subject.background)
        # What libsvm says of a row has the same bits beside any others; what linear algebra says has not.
        self._at_once = type(estimator).__module__.startswith("sklearn.svm")
        self.same_bits_alone = True
        self._base = self._predict(subject.background).mean(axis=0)
        terms, players = len(self._sum.alpha), len(self.features)
        self._points, self._weights = gauss_legendre(max(1, -(-players // 2)))
        steps = len(self._rows) * terms * players * len(self._points)
        self.rows_per_call = max(1, min(4096, _STEPS // max(1, steps)))
        self._block = max(1, _NUMBERS // max(1, len(self._rows) * players))
        self.cost_of_row = f"{terms:,} kernels x {len(self._rows):,} background rows" if steps > _STEPS // 4096 else ""
        self.reason = f"{type(estimator).__name__} is a sum of kernels that are products over its columns: exact"

    def predict(self, inputs: "pd.DataFrame") -> Floats:
        return self._predict(self.columns(inputs)) if len(inputs) else np.zeros((0, len(self.outputs)))

    def own_margin(self, inputs: "pd.DataFrame") -> Floats:
        return self.predict(inputs)

    def explain(self, inputs: "pd.DataFrame") -> Explanation:
        from mlops_assets.explain.explainers.product_kernel import add_products

        if not len(inputs):
            return Explanation.empty(len(self.features), len(self.outputs))
        rows = self.columns(inputs)
        prediction, X = self._predict(rows), self._matrix(rows)
        values = np.zeros((len(X), len(self.features), len(self.outputs)))
        alpha = self._sum.alpha / len(self._rows)
        for start in range(0, len(alpha), self._block):
            terms = slice(start, start + self._block)
            back = self._factors(self._rows, terms)
            weights = np.ascontiguousarray(alpha[terms])
            for place in range(len(X)):
                own = self._factors(X[place : place + 1], terms)[0]
                add_products(own, back, weights, self._points, self._weights, values[place])
        return Explanation(values, np.broadcast_to(self._base, prediction.shape).copy(), prediction)

    def _factors(self, X: Floats, terms: slice) -> Floats:
        """(n, terms, features): an input column's factor in each term, of all columns that come from it."""
        exponents = self._sum.exponents(X, terms)
        if self._design.is_direct:
            return np.exp(-exponents)
        rolled = np.zeros((*exponents.shape[:2], len(self.features)))
        for column, source in enumerate(self._design.sources):
            rolled[:, :, source] += exponents[:, :, column]
        return np.exp(-rolled)

    def _matrix(self, rows: "pd.DataFrame") -> Floats:
        return self._design.matrix(self._design.transform(rows))

    def _predict(self, rows: "pd.DataFrame") -> Floats:
        # The estimator's own arithmetic, so that the residual is a finding and no identity.
        estimator: Any = self._design.estimator
        ask = getattr(estimator, "decision_function", None) or estimator.predict
        data = self._design.transform(rows)
        if self._at_once:
            return np.asarray(ask(data), dtype=np.float64).reshape(len(rows), -1)
        places = (slice(place, place + 1) for place in range(len(rows)))
        alone = (data.iloc[place] if hasattr(data, "iloc") else data[place] for place in places)
        return np.concatenate([np.asarray(ask(row), dtype=np.float64).reshape(1, -1) for row in alone])
