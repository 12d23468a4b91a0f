"""Trees whose leaves are linear models: exact Shapley values against each row of the background."""

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from mlops_assets.errors import NotApplicableError
from mlops_assets.explain.explainers.agreement import name_outputs, settle_space
from mlops_assets.explain.explainers.design import Design, read_design
from mlops_assets.explain.explainers.explainer import Explainer, Explanation, ExplanationSubject
from mlops_assets.explain.explainers.library_margins import ask_margin
from mlops_assets.explain.explainers.readable import read_trees
from mlops_assets.explain.explainers.sampling import frame_digest
from mlops_assets.trees.arrays import Floats
from mlops_assets.trees.read_linear_trees import read_linear_trees

if TYPE_CHECKING:
    import pandas as pd

_PAIRS = 4_000_000  # of two rows in a tree, in one call; about a second
_FLAGS = 16_000_000  # rows times nodes, held at once
_SPACE_ROWS = 8


class LinearTreeExplainer(Explainer):
    """Exact interventional SHAP values of LightGBM's `linear_tree`, alone or behind a traceable preprocessing.

    A leaf is a linear model of some columns, and a constant where one of these is missing. For each background row, the
    leaves that a mixture of both rows may reach, and what they say there, have Shapley values in closed form; the mean
    over all background rows is taken.

    Space: as of other boosting: `identity`, `log`, `log-odds`, `softmax margin` or `margin`, by the objective.
    """

    KIND: ClassVar[Literal["LinearTreeExplainer"]] = "LinearTreeExplainer"

    def __init__(self, subject: ExplanationSubject) -> None:
        self._design: Design = read_design(subject)
        estimator = self._design.estimator
        self._trees = read_trees(read_linear_trees, estimator, "trees with linear leaves")
        self.features = subject.features
        self.background = subject.background
        self.background_digest = frame_digest(subject.background)
        self._others = np.ascontiguousarray(self._matrix(subject.background))
        self._goes_left = self._trees.goes_left(self._others)
        margin = self._trees.margin(self._others)
        self._base = margin.mean(axis=0)
        answers = subject.response.of(subject.background.head(_SPACE_ROWS))
        self.space = settle_space(self._trees.space, margin[:_SPACE_ROWS], answers, subject.response.space)
        self.outputs = name_outputs(subject, self.space, len(self._trees.outputs))
        if len(self.outputs) != len(self._trees.outputs):
            raise NotApplicableError(
                f"its trees have {len(self._trees.outputs)} outputs where the model has {len(self.outputs)}"
            )
        pairs, nodes = len(self._others) * len(self._trees.trees.roots), len(self._trees.trees.left)
        self.rows_per_call = max(1, min(4096, _PAIRS // pairs, _FLAGS // nodes))
        self.same_bits_alone = True
        self.cost_of_row = f"{pairs:,} paths of two rows through a tree"
        self.reason = f"{type(estimator).__name__} is made of trees with linear leaves: exact, against the background"

    def predict(self, inputs: "pd.DataFrame") -> Floats:
        return self._trees.margin(self._matrix(self.columns(inputs)))

    def own_margin(self, inputs: "pd.DataFrame") -> Floats | None:
        return ask_margin(self._design.estimator, self._design.transform(self.columns(inputs)))

    def explain(self, inputs: "pd.DataFrame") -> Explanation:
        X = self._matrix(self.columns(inputs))
        values = np.zeros((len(X), len(self.features), len(self.outputs)))
        for low in range(0, len(X), self.rows_per_call):
            part = slice(low, low + self.rows_per_call)
            self._trees.add_pairs(X[part], self._others, self._goes_left, self._design.sources, values[part])
        values /= len(self._others)
        prediction = self._trees.margin(X)
        return Explanation(values, np.broadcast_to(self._base, prediction.shape).copy(), prediction)

    def _matrix(self, rows: "pd.DataFrame") -> Floats:
        return self._trees.trees.prepare(self._design.matrix_of(rows))
