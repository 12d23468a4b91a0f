"""Models made of parts that are explained exactly: the parts' attributions, weighted as the model weighs the parts."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from mlops_assets.errors import NotApplicableError
from mlops_assets.explain.explainers.composites import REFUSED, RULES
from mlops_assets.explain.explainers.decompose import Decomposer, evaluate
from mlops_assets.explain.explainers.design import read_design
from mlops_assets.explain.explainers.explainer import Explainer, Explanation, ExplanationSubject
from mlops_assets.explain.explainers.interaction_effects import chosen_groups, without_pairs
from mlops_assets.explain.explainers.multi_output import explained_classes
from mlops_assets.explain.explainers.parts import PartsSum, TreeLeaf
from mlops_assets.explain.explainers.sampling import frame_digest
from mlops_assets.trees.arrays import Floats
from mlops_assets.trees.interaction_slots import InteractionSlots

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

_CELLS = 1_000_000
_PROOF_ROWS = 8


class SumExplainer(Explainer):
    """Exact SHAP values of a scikit-learn estimator that adds up what others say.

    Voting, bagging, stacking with a linear final estimator, several outputs, chains of linear regressions, transformed
    targets, calibration by one sigmoid, one against the rest, naive Bayes, and pipelines inside all of these: where the
    model is a sum of trees and of functions of single columns on some scale, its Shapley values are the same sum of
    theirs. Trees are path dependent; functions of single columns are compared with the background.

    Space: that of the sum; see `Space`.

    Attributes
    ----------
    parts
        The sum.
    """

    KIND: ClassVar[Literal["SumExplainer"]] = "SumExplainer"

    def __init__(self, subject: ExplanationSubject) -> None:
        if subject.config.mode == "interventional":
            raise NotApplicableError("its parts are explained path dependent only")
        design = read_design(subject)
        _require_parts(design.estimator)
        decomposer = Decomposer(subject.background, RULES, REFUSED)
        parts = decomposer.of(design, "score")
        self._estimator, self._transform = design.estimator, design.transform
        self.features, self.outputs = subject.features, subject.response.outputs
        self.parts = self._explained(parts, subject)
        self.space, self.precision = parts.space, parts.precision
        self._response = subject.response
        if any(term.leaf.uses_background for term in parts.terms):
            self.background = subject.background
            self.background_digest = frame_digest(subject.background)
        widest = max(len(term.design.sources) * term.leaf.outputs for term in parts.terms)
        self.rows_per_call = max(64, _CELLS // max(1, widest))
        self.same_bits_alone = False
        self.reason = f"{type(design.estimator).__name__} is a sum of {_describe(parts)}: exact, part by part"
        self.without_interactions = ""
        self._job_rows: int | None = None
        self._decide = self._library_margin(subject.background.head(_PROOF_ROWS))

    def _library_margin(self, rows: "pd.DataFrame") -> "Callable[[pd.DataFrame], Floats] | None":
        """The decision function, where it is what is explained."""
        ask = getattr(self._estimator, "decision_function", None)
        if ask is None or self.space not in ("log-odds", "softmax margin", "margin"):
            return None

        def decide(columns: "pd.DataFrame") -> Floats:
            return np.asarray(ask(self._transform(columns)), np.float64).reshape(len(columns), -1)

        margin, ours = decide(rows), evaluate(self.parts, rows)
        return decide if margin.shape == ours.shape and np.allclose(margin, ours, rtol=1e-6) else None

    def _explained(self, parts: PartsSum, subject: ExplanationSubject) -> PartsSum:
        """The outputs that are explained: of two classes the second."""
        if parts.outputs == 2 and len(self.outputs) == 1:
            return parts.choose([1])
        if parts.outputs != len(self.outputs):
            places = explained_classes(subject.model.native)
            if len(places) != len(self.outputs) or max(places, default=0) >= parts.outputs:
                raise NotApplicableError(f"its parts have {parts.outputs} outputs, the model {len(self.outputs)}")
            return parts.choose(places)
        return parts

    def expect(self, rows: int) -> None:
        from mlops_assets.trees.shap_values import is_compiled

        self._job_rows = rows
        trees = [term.leaf.ensemble for term in self.parts.terms if isinstance(term.leaf, TreeLeaf)]
        if trees:
            self.variant = "".join("c" if is_compiled(ensemble, rows) else "p" for ensemble in trees)

    def predict(self, inputs: "pd.DataFrame") -> Floats:
        if not len(inputs):
            return np.zeros((0, len(self.outputs)))
        columns = self.columns(inputs)
        # The model's own arithmetic where it has a method for this scale, so that the residual is a finding.
        if self.space == self._response.space:
            return self._response.of(columns)
        if self.space == "log":
            return np.asarray(np.log(self._response.of(columns)))
        if self._decide is not None:
            return self._decide(columns)
        return evaluate(self.parts, columns)

    def own_margin(self, inputs: "pd.DataFrame") -> Floats:
        # Where there is no decision function, each part was compared with what it says itself.
        return self.predict(inputs)

    def explain(self, inputs: "pd.DataFrame") -> Explanation:
        if not len(inputs):
            return Explanation.empty(len(self.features), len(self.outputs))
        columns = self.columns(inputs)
        values = np.zeros((len(columns), len(self.features), len(self.outputs)))
        base = self.parts.constant.copy()
        for term in self.parts.terms:
            X = term.design.matrix(term.design.transform(columns))
            attributions, start = term.leaf.attribute(X, self._job_rows)
            values += term.design.roll_up(attributions) @ term.weights
            base += start @ term.weights
        return Explanation(values, np.tile(base, (len(columns), 1)), self.predict(columns))

    def interactions(self, inputs: "pd.DataFrame", columns: Sequence[str]) -> Floats:
        from mlops_assets.trees.interaction_values import interaction_values

        rows, chosen = self.columns(inputs), chosen_groups(self.features, columns)
        values = np.zeros((len(rows), InteractionSlots(len(columns)).size, len(self.outputs)))
        for term in self.parts.terms if len(rows) else ():
            X = term.design.matrix(term.design.transform(rows))
            if isinstance(term.leaf, TreeLeaf):
                groups = chosen[term.design.sources]
                # There may be hundreds of ensembles.
                added = interaction_values(term.leaf.ensemble, X, groups, len(columns), by_tables=False)
            else:
                attributions, _ = term.leaf.attribute(X, self._job_rows)
                added = without_pairs(term.design.roll_up(attributions), self.features, columns)
            values += added @ term.weights
        return values


def _require_parts(estimator: Any) -> None:
    """What is trees or linear as a whole is the business of other explainers."""
    name, module = type(estimator).__name__, type(estimator).__module__
    known = name in RULES or name in REFUSED or module.startswith(("sklearn.naive_bayes", "sklearn.dummy"))
    if not known or module.partition(".")[0] != "sklearn":
        raise NotApplicableError(f"{name} is not known to be a sum of parts")


def _describe(parts: PartsSum) -> str:
    trees = sum(isinstance(term.leaf, TreeLeaf) for term in parts.terms)
    others = len(parts.terms) - trees
    words = [f"{trees} {'ensembles' if trees > 1 else 'ensemble'} of trees"] * bool(trees)
    words += [f"{others} {'parts' if others > 1 else 'part'} of single columns"] * bool(others)
    return " and ".join(words)
