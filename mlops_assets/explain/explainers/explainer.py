"""The interface of explainers, and the values that they take and return."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
import pyarrow as pa

from mlops_assets.errors import ConfigurationError, ExplanationError
from mlops_assets.explain.decisions import Decision
from mlops_assets.models.loaded_model import LoadedModel
from mlops_assets.strategies import Strategy
from mlops_assets.trees.arrays import Floats, Space

if TYPE_CHECKING:
    import pandas as pd

    from mlops_assets.explain.explainers.response import Response

TreeMode = Literal["path_dependent", "interventional"]


def default_mode(own_background: bool) -> TreeMode:
    """For trees, where nothing is said: what the background is for, where it is a table of its own."""
    return "interventional" if own_background else "path_dependent"


@dataclass(frozen=True)
class ExplainConfig:
    """How to explain.

    Attributes
    ----------
    KIND
        `ModelExplainer`, `TreeExplainer`, `LinearTreeExplainer`, `LinearExplainer`, `KernelMachineExplainer`,
        `NetworkExplainer`, `NeighboursExplainer`, `NativeExplainer`, `SumExplainer`, `PermutationExplainer`, or a
        user's own subclass of `Explainer` as ``module.Class``; None chooses automatically.
    seed
        Of everything that is drawn: the background rows and the permutations.
    background_rows
        The most background rows that an explainer compares with.
    permutations
        For the permutation explainer: pairs of walks (a permutation and its reverse) per row *and background row*.
        Two are the least that give an estimate of the error.
    calls_per_row
        The most predictions that an explanation of a row may cost, besides its own: all coalitions are asked about
        where they are no more, else it takes the place of `permutations`. None: no such limit.
    seconds
        The most that explaining all rows may take: what would take longer is refused once that is known. No result
        depends on it. None: no such limit.
    mode
        For trees: `path_dependent` (the training data's own covers, no background) or `interventional`.
    space
        The scale that the attributions must have: `probability`, or an error; `loss`: what is explained is the loss of
        the prediction against the row's label, and trees are always compared with the background; None: the explainer's
        own.
    label
        The column with the true answers, which is none of the model's: where `space` is `loss`.
    interactions
        For how many pairs of input columns interaction values are given; path-dependent trees only.
    output
        Of several columns that a model returns, the one that is explained; None: see `read_response`.
    own_background
        The background is a table of its own, not a sample of the rows: explainers may compare with all of it.
    """

    KIND: str | None = None
    seed: int = 0
    background_rows: int = 100
    permutations: int = 2
    mode: TreeMode = "path_dependent"
    interactions: int = 0
    space: Literal["probability", "loss"] | None = None
    output: str | None = None
    own_background: bool = False
    calls_per_row: int | None = None
    seconds: float | None = None
    label: str | None = None

    def __post_init__(self) -> None:
        if self.mode not in ("path_dependent", "interventional"):
            raise ConfigurationError(f"explain.mode is {self.mode!r}", fix="Use 'path_dependent' or 'interventional'")
        if self.space not in (None, "probability", "loss"):
            raise ConfigurationError(
                f"explain.space is {self.space!r}",
                fix="Use probability or loss, or null for the scale that fits the explainer",
            )
        if (self.space == "loss") != (self.label is not None):
            raise ConfigurationError(
                "space is loss, and no label is named"
                if self.label is None
                else f"label is {self.label!r}, and space is not loss",
                where="label",
                fix="Set both space `loss` and label, the column with the true answers, or neither",
            )
        if self.space == "loss" and self.interactions:
            raise ConfigurationError(
                "There are no interaction values of a loss", where="explain.interactions", fix="Leave interactions out"
            )
        counts = {"background_rows": self.background_rows, "permutations": self.permutations}
        if self.calls_per_row is not None:
            counts["budget.calls_per_row"] = self.calls_per_row
        for name, value in counts.items():
            if value < 1:
                raise ConfigurationError(f"explain.{name} is {value}", fix="Use a whole number of at least 1")
        if self.interactions < 0:
            raise ConfigurationError(f"explain.interactions is {self.interactions}", fix="Use 0 or a number of pairs")

    def of_predictions(self) -> "ExplainConfig":
        """The same settings for the predictions themselves, where they ask for the loss."""
        return replace(self, space=None, label=None) if self.space == "loss" else self

    def as_dict(self) -> dict[str, str | int | None]:
        """The settings as JSON can hold them; one that was added later and is not set is left out.

        What was made before it existed keeps its bytes and its name in the store of results.
        """
        settings = asdict(self)
        if self.output is None:
            del settings["output"]
        if not self.own_background:
            del settings["own_background"]
        if self.calls_per_row is None:
            del settings["calls_per_row"]
        if self.label is None:
            del settings["label"]
        del settings["seconds"]  # no result depends on it
        return settings


@dataclass(frozen=True)
class ExplanationSubject:
    """What an explainer is made for.

    Attributes
    ----------
    model
        The pinned version.
    features
        The signature's input columns, in its order.
    background
        At most `config.background_rows` rows of these columns, typed as the signature says.
    whole_background
        All of them, where the background is a table of its own, else `background`.
    config
        The settings.
    response
        What the model answers, as numbers: the function that is explained where nothing better is known.
    table
        See `whole_background`.
    """

    model: LoadedModel
    features: tuple[str, ...]
    background: "pd.DataFrame"
    config: ExplainConfig
    response: "Response"
    table: "pd.DataFrame | None" = None

    @property
    def whole_background(self) -> "pd.DataFrame":
        return self.background if self.table is None else self.table


@dataclass(frozen=True)
class Explanation:
    """The attributions of one batch of n rows; `prediction == base + values.sum(axis=1)` up to the method's residual.

    Attributes
    ----------
    values
        (n, features, outputs), float64: per column of the signature's inputs, in its order.
    base
        (n, outputs), float64: the prediction with nothing known of the row.
    prediction
        (n, outputs), float64, in the explainer's `space`.
    error
        (n, outputs), float64: for sampled methods the largest standard error among the row's attributions; None for
        exact methods.
    total
        (n, outputs): the sum of `values` over the features, in their order; None where the method does not add it up.
    interactions
        (n, pairs, outputs), float64: the interaction values of the explainer's `interaction_pairs`, no part of the sum:
        each is already shared out among `values`. None where there are no pairs.
    """

    values: Floats
    base: Floats
    prediction: Floats
    error: Floats | None = None
    interactions: Floats | None = None
    total: Floats | None = None

    @classmethod
    def empty(cls, features: int, outputs: int, pairs: int = 0) -> Self:
        """The explanation of no rows."""
        numbers = np.zeros((0, outputs))
        interactions = np.zeros((0, pairs, outputs)) if pairs else None
        return cls(np.zeros((0, features, outputs)), numbers, numbers, interactions=interactions)

    @property
    def residual(self) -> Floats:
        """(n, outputs): what the attributions leave unexplained."""
        total = self.values.sum(axis=1) if self.total is None else self.total
        return np.asarray(self.prediction - self.base - total)


class Explainer(Strategy, ABC):
    """A way to attribute a model's predictions to its input columns.

    A subclass is made as ``Class(subject)``, raises `NotApplicableError` where it cannot explain the model, and is
    chosen by its `KIND`. What it returns for a row depends on that row (and the settings) alone, never on the rest of
    its batch.

    Attributes
    ----------
    reason
        Why it was chosen, as one sentence.
    space
        The scale of `prediction`, `base` and attributions; see `Space`.
    features, outputs
        Names of the axes of `Explanation.values`. A regression has the output ``prediction`` (or its signature's
        output names), a binary classification its positive class, a multiclass one every class.
    background
        The rows compared with, to be stored beside the ledger; None where the method needs none.
    background_digest
        SHA-256 (hex) of `background`; None likewise.
    native_importance
        Output -> feature -> the model's own global importance; None where it has none.
    precision
        The floating-point type that the model computes in; residuals are judged by it.
    sampled
        The method draws: `Explanation.error` is given, and the ledger has a column for it.
    interaction_pairs
        Pairs of `features` whose interaction values `explain` gives; the strongest first.
    without_interactions
        Why `interactions` cannot be asked for, as the end of a sentence; empty: it can.
    rows_per_call
        How many rows `explain` should be given at once.
    rows_per_chunk
        About how many rows are kept as one result: what a killed run loses should be seconds of explaining.
    same_bits_alone
        Whether what `explain` returns for a row has the same bits whatever rows are passed with it. Then costly work
        is cut between any two rows, else between calls of `rows_per_call`. None: it is tried on a few rows.
    cost_of_row
        What one row costs, for a message: ``800 predictions of the model``.
    output_type
        The type of the class labels that `outputs` names, for the ledger; set by `choose_explainer`.
    preparation
        What was done before the first row and how long it took, for the log; empty: nothing worth a word.
    variant
        Which of several implementations computes the values, where they differ in the last bits.
    decision
        How what the model predicts follows from the explained values, where the columns of predictions do not say it;
        set by `choose_explainer`.
    may_be_passed_over
        Nobody asked for it by its `KIND`, and it may yet fail on rows: another one then explains all of them.
    """

    reason: str
    space: Space
    features: tuple[str, ...]
    outputs: tuple[str, ...]
    background: "pd.DataFrame | None" = None
    background_digest: str | None = None
    native_importance: Mapping[str, Mapping[str, float]] | None = None
    precision: np.dtype[np.floating] = np.dtype(np.float64)
    sampled: bool = False
    interaction_pairs: tuple[tuple[str, str], ...] = ()
    without_interactions: str = "exact ones are known of path-dependent trees, linear models and sums of these"
    rows_per_call: int = 4096
    rows_per_chunk: int = 2048
    same_bits_alone: bool | None = None
    cost_of_row: str = ""
    preparation: str = ""
    variant: str = ""
    may_be_passed_over: bool = False
    output_type: pa.DataType = pa.string()
    decision: Decision | None = None

    @abstractmethod
    def __init__(self, subject: ExplanationSubject) -> None: ...

    def expect(self, rows: int) -> None:
        """Called once before `explain` with the approximate number of rows in all processes together."""
        return

    @abstractmethod
    def explain(self, inputs: "pd.DataFrame") -> Explanation:
        """Attribute the predictions of `inputs`: a frame that holds at least `features`, typed as the signature says.

        Raises
        ------
        ExplanationError
            A column is missing, or the model's answer has another shape than it had before.
        """

    @abstractmethod
    def predict(self, inputs: "pd.DataFrame") -> Floats:
        """(n, outputs): the prediction of `explain`, without the cost of the attributions."""

    def interactions(self, inputs: "pd.DataFrame", columns: Sequence[str]) -> Floats:
        """Main effects and interaction values of some of `features`.

        Returns
        -------
        (n, slots, outputs), float64, in the order of `InteractionSlots`: the main effects of `columns`, of each the
        interactions with all other features together, and the interaction of each pair. Half of an interaction belongs
        to each of its two columns: what a column has of the three adds up to its attribution.

        Raises
        ------
        ExplanationError
            See `without_interactions`.
        """
        raise ExplanationError(
            f"{self.KIND} has no interaction values: {self.without_interactions}",
            where="explain.interactions",
            fix="Leave explain.interactions out for this model, or explain it with TreeExplainer, LinearExplainer or "
            "SumExplainer where one of these applies",
        )

    def own_margin(self, inputs: "pd.DataFrame") -> "Floats | None":
        """(n, outputs): what the model's library itself adds up for `inputs`, in `space`; None where it gives no such.

        Where the space is a `margin`, from which no formula leads to the prediction, this is what the attributions are
        compared with.
        """
        return None

    def columns(self, inputs: "pd.DataFrame") -> "pd.DataFrame":
        """`inputs` with exactly the explained columns, in order; `inputs` itself where these are all.

        Raises
        ------
        ExplanationError
            One is missing.
        """
        if tuple(inputs.columns) == self.features:
            return inputs
        missing = [name for name in self.features if name not in inputs.columns]
        if missing:
            raise ExplanationError(
                f"The rows to explain lack the columns {missing}", where="inputs", fix="Pass the signature's columns"
            )
        return inputs[list(self.features)]
