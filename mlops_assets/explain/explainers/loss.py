"""The loss of a prediction against the row's label, attributed to the input columns.

A column with a negative attribution makes the loss smaller than it would be without it. What is explained is the loss
of one row: `squared error` of a number, or `log loss` (in nats) of the probability of the true class, as scikit-learn's
metrics of these names average it.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from mlops_assets.errors import ExplanationError
from mlops_assets.explain.explainers.explainer import Explainer, Explanation, ExplanationSubject
from mlops_assets.explain.explainers.linear import LinearExplainer
from mlops_assets.explain.explainers.loss_labels import LabelReader
from mlops_assets.explain.explainers.masked_rows import MaskedRows
from mlops_assets.explain.explainers.permutation import PermutationExplainer
from mlops_assets.explain.explainers.trees import TreeExplainer
from mlops_assets.trees.arrays import Floats
from mlops_assets.trees.rescaling import Target, target_slopes, target_values

if TYPE_CHECKING:
    import pandas as pd

Loss = Literal["log loss", "squared error"]
OUTPUTS: dict[Loss, str] = {"log loss": "log_loss", "squared error": "squared_error"}
"""The name of the one output."""

_WHERE = "explain.space"
_EPS = float(np.finfo(np.float64).eps)
_PAIRS = 1_000_000  # of an explained and a background row, at once


def explain_loss(subject: ExplanationSubject, of_prediction: Explainer) -> Explainer:
    """An explainer of the loss.

    Parameters
    ----------
    subject
        With the column of labels in its settings.
    of_prediction
        What was chosen to explain the predictions themselves, and agrees with them.

    Raises
    ------
    ExplanationError
        The model has no such loss: it predicts several numbers, or labels without probabilities.
    """
    label, kind = subject.config.label, subject.config.KIND
    assert label is not None  # the settings say so
    loss, reader = _loss_of(subject, of_prediction, label)
    target = _target_of(of_prediction, loss)
    if kind not in (None, PermutationExplainer.KIND) and (
        target is None or not isinstance(of_prediction, TreeExplainer | LinearExplainer)
    ):
        raise ExplanationError(
            f"{kind} has no values of the loss of this model",
            where=f"{_WHERE}, {subject.model.reference.uri}",
            fix="Leave explain.KIND out, or name PermutationExplainer",
        )
    explainer: Explainer
    if target is not None and isinstance(of_prediction, TreeExplainer):
        of_trees = of_prediction.subject  # perhaps a model inside the subject's own
        of_trees = replace(of_trees, config=replace(subject.config, mode="interventional"), table=subject.table)
        explainer = TreeLossExplainer(of_trees, target, reader)
    elif target is not None and isinstance(of_prediction, LinearExplainer):
        explainer = LinearLossExplainer(of_prediction, target, reader)
    else:
        explainer = LossMixtures(subject, loss, reader, of_prediction)
        explainer.reason += f"; {of_prediction.KIND} has no values of the loss ({of_prediction.reason})"
    explainer.space, explainer.outputs, explainer.interaction_pairs = loss, (OUTPUTS[loss],), ()
    explainer.without_interactions = "there are none of a loss"
    return explainer


def _loss_of(subject: ExplanationSubject, of_prediction: Explainer, label: str) -> tuple[Loss, LabelReader]:
    """The loss that belongs to the model's answer, and how labels are read."""
    response = subject.response
    if label in subject.features:
        raise ExplanationError(
            f"The label {label!r} is a column that the model reads",
            where="label",
            fix="Name the column with the true answers, which the model does not see",
        )
    if response.classes is not None:
        if response.space != "probability":
            raise _no_loss(subject, "the model predicts no probabilities")
        return "log loss", LabelReader(label, tuple(response.classes))
    if len(of_prediction.outputs) > 1 or len(response.outputs) > 1:
        raise _no_loss(subject, f"the model predicts {len(response.outputs)} numbers for a row")
    if of_prediction.space == "log-odds":  # a booster that knows no labels
        return "log loss", LabelReader(label, shares=True)
    return "squared error", LabelReader(label)


def _no_loss(subject: ExplanationSubject, why: str) -> ExplanationError:
    return ExplanationError(
        f"Values of the loss cannot be had: {why}",
        where=f"{_WHERE}, {subject.model.reference.uri}",
        fix="Leave explain.space and the label out, or name one output with explain.output",
    )


def _target_of(of_prediction: Explainer, loss: Loss) -> Target | None:
    """What is attributed in place of the margin; None where no formula leads from its attributions to the loss."""
    if len(of_prediction.outputs) > 1 or (isinstance(of_prediction, TreeExplainer) and not of_prediction.has_one_sum):
        return None
    if loss == "log loss":
        return "log loss" if of_prediction.space == "log-odds" else None
    return "squared error" if of_prediction.space == "identity" else None


class LinearLossExplainer(Explainer):
    """The loss of a linear model, exactly, against each row of the background.

    Between a row and a background row the margin's difference is a sum over the columns. Each part is multiplied by the
    loss's slope between the two margins, and the mean is taken over the background.
    """

    KIND: ClassVar[Literal["LinearExplainer"]] = "LinearExplainer"

    def __init__(self, of_prediction: LinearExplainer, target: Target, reader: LabelReader) -> None:
        assert of_prediction.background is not None  # it compares with one
        self._of_prediction, self._target, self._reader = of_prediction, target, reader
        self.features, self.precision = of_prediction.features, of_prediction.precision
        self.background, self.background_digest = of_prediction.background, of_prediction.background_digest
        compared = of_prediction.explain(of_prediction.background)
        self._margins, self._parts = compared.prediction[:, 0], compared.values[:, :, 0]
        self.rows_per_call = max(1, min(of_prediction.rows_per_call, _PAIRS // len(self._margins)))
        self.same_bits_alone = False
        self.variant = "loss"
        self.reason = f"{of_prediction.reason}; each difference of losses is divided in proportion to these"

    def predict(self, inputs: "pd.DataFrame") -> Floats:
        if not len(inputs):
            return np.zeros((0, 1))
        margins = self._of_prediction.predict(inputs)[:, 0]
        return target_values(self._target, margins, self._reader.read(inputs))[:, None]

    def explain(self, inputs: "pd.DataFrame") -> Explanation:
        if not len(inputs):
            return Explanation.empty(len(self.features), 1)
        labels = self._reader.read(inputs)
        of_margin = self._of_prediction.explain(inputs)
        margins = of_margin.prediction[:, 0]
        slopes = target_slopes(self._target, margins[:, None], self._margins[None], labels[:, None])
        rows = len(self._margins)
        # Not as a matrix product: a row's bits would depend on the rows beside it.
        shared = np.stack([(slopes * part).sum(axis=1) for part in self._parts.T], axis=1) / rows
        values = of_margin.values[:, :, 0] * (slopes.sum(axis=1) / rows)[:, None] - shared
        base = target_values(self._target, self._margins[None], labels[:, None]).mean(axis=1)
        return Explanation(values[:, :, None], base[:, None], target_values(self._target, margins, labels)[:, None])


class LossMixtures(PermutationExplainer):
    """The loss of any model, from its predictions of mixtures of the row and background rows: see its base."""

    KIND: ClassVar[Literal["PermutationExplainer"]] = "PermutationExplainer"

    def __init__(self, subject: ExplanationSubject, loss: Loss, reader: LabelReader, of_prediction: Explainer) -> None:
        # The model is not asked again about the same background.
        super().__init__(
            subject, of_prediction.background_answers if type(of_prediction) is PermutationExplainer else None
        )
        self._reader, self._losses_of = reader, _losses(loss)
        self._labels = np.zeros(0)
        self.variant = "loss"

    def predict(self, inputs: "pd.DataFrame") -> Floats:
        if not len(inputs):
            return np.zeros((0, 1))
        return self._losses_of(super().predict(inputs), self._reader.read(inputs))

    def explain(self, inputs: "pd.DataFrame") -> Explanation:
        self._labels = self._reader.read(inputs) if len(inputs) else np.zeros(0)
        return super().explain(inputs)

    def _starts(self, row: int) -> Floats:
        answers = self.background_answers
        return self._losses_of(answers, np.full(len(answers), self._labels[row]))

    def _ask(
        self, table: MaskedRows, row: int, own: Floats | None, from_row: NDArray[np.bool_], starts: NDArray[np.intp]
    ) -> tuple[Floats, Floats]:
        asked, answers = super()._ask(table, row, own, from_row, starts)
        label = self._labels[row : row + 1]
        losses = self._losses_of(answers, np.repeat(label, len(answers)))
        return (self._losses_of(asked[None], label)[0] if own is None else own), losses


class TreeLossExplainer(TreeExplainer):
    """The loss of trees whose sum is a number or the log-odds, exactly, against each row of the background.

    For each background row the difference of the losses is divided in proportion to the attributions of the difference
    of the sums: as shap's ``model_output="log_loss"``.
    """

    KIND: ClassVar[Literal["TreeExplainer"]] = "TreeExplainer"

    def __init__(self, subject: ExplanationSubject, target: Target, reader: LabelReader) -> None:
        self._wanted_target, self._reader = target, reader
        super().__init__(subject)
        self.reason += "; each difference of losses is divided in proportion to the attributions of the sum of trees"

    def _wanted(self, subject: ExplanationSubject) -> Target:
        return self._wanted_target

    def _labels(self, inputs: "pd.DataFrame") -> Floats:
        return self._reader.read(inputs)


def _losses(loss: Loss) -> Callable[[Floats, Floats], Floats]:
    """A function from answers (n, numbers) and labels (n,) to losses (n, 1)."""

    def squared_errors(answers: Floats, labels: Floats) -> Floats:
        return np.square(answers - labels[:, None])

    def log_losses(answers: Floats, labels: Floats) -> Floats:
        # As scikit-learn's log_loss: no probability is nearer to 0 or 1 than rounding.
        known = np.clip(answers, _EPS, 1 - _EPS)
        if known.shape[1] == 1:
            return np.asarray(-labels[:, None] * np.log(known) - (1 - labels[:, None]) * np.log1p(-known))
        return np.asarray(-np.log(np.take_along_axis(known, labels[:, None].astype(np.intp), axis=1)))

    return squared_errors if loss == "squared error" else log_losses
