"""How predictions are explained: the group `explain` of a model's ``defs.yaml``."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, field_validator, model_validator

from mlops_assets.errors import did_you_mean
from mlops_assets.settings.background import BackgroundSettings
from mlops_assets.settings.budget import BudgetSettings
from mlops_assets.settings.changes import ChangesSettings
from mlops_assets.settings.described import SettingsGroup
from mlops_assets.settings.interactions import InteractionSettings
from mlops_assets.settings.reasons import ReasonsSettings

if TYPE_CHECKING:
    from mlops_assets.explain.explainers.explainer import ExplainConfig

# By name: their module imports NumPy. A test compares them.
EXPLAINERS = (
    *("ModelExplainer", "TreeExplainer", "LinearTreeExplainer", "LinearExplainer", "KernelMachineExplainer"),
    *("NetworkExplainer", "NeighboursExplainer", "NativeExplainer", "SumExplainer", "PermutationExplainer"),
)
WITHOUT_INTERACTIONS = (
    *("ModelExplainer", "LinearTreeExplainer", "KernelMachineExplainer", "NetworkExplainer", "NeighboursExplainer"),
    *("NativeExplainer", "PermutationExplainer"),
)


class ExplainSettings(SettingsGroup):
    """Defaults of the run config of `sample_explanations`, and the choice of the explainer."""

    KIND: str | None = Field(
        default=None,
        description="The explainer: ModelExplainer, TreeExplainer, LinearTreeExplainer, LinearExplainer, "
        "KernelMachineExplainer, NetworkExplainer, NeighboursExplainer, NativeExplainer, SumExplainer, "
        "PermutationExplainer, or your own as module.Class. Null: chosen by the model.",
        examples=["TreeExplainer", "my_project.explainers.MyExplainer"],
    )
    space: Literal["probability", "loss"] | None = Field(
        default=None,
        description="The scale on which attributions add up: probability, where the explainer gives it; loss: the loss "
        "of each row against `inputs.label` is explained (log loss of classes, squared error of numbers). Null: the "
        "explainer's own scale.",
        examples=["probability", "loss"],
    )
    output: str | None = Field(
        default=None,
        description="Where the model returns several columns: the one that is explained. Null: all of them if all are "
        "numbers, else the only one that is.",
        examples=["score"],
    )
    limit: int | None = Field(
        default=None, description="Explain only the first rows. Null: every row.", ge=1, examples=[1000]
    )
    sample: float | None = Field(
        default=None,
        description="Explain a seeded random sample: a fraction up to 1 (0.1), or a number of rows above 1 (5000). "
        "Null: every row.",
        gt=0,
        examples=[0.1, 5000],
    )
    where: str | None = Field(
        default=None,
        description="Explain only the rows that satisfy this condition on input columns and `explained_value`. Null: "
        "every row.",
        examples=["explained_value > 0.8 and age < 30"],
    )
    seed: int = Field(
        default=0,
        description="Seed of the background sample, of `sample`, and of explainers that sample.",
        examples=[7],
    )
    diff_rows: int = Field(
        default=500,
        description="Number of rows on which a new champion's explanations are compared with the previous champion's; "
        "0: no comparison.",
        ge=0,
        examples=[1000],
    )
    min_ndcg: float = Field(
        default=0.9,
        description="Warn when the nDCG between the feature rankings of the new and the previous champion is below "
        "this value (0 to 1; 1: the same ranking).",
        ge=0,
        le=1,
        examples=[0.8],
    )
    additivity: Literal["warn", "block"] = Field(
        default="warn",
        description="What happens when base value and attributions do not add up to the prediction beyond rounding: "
        "`warn`, or `block` the assets downstream.",
        examples=["block"],
    )
    mode: Literal["path_dependent", "interventional"] | None = Field(
        default=None,
        description="For trees. `path_dependent`: uses the training data's node counts in the model; `interventional`: "
        "compares with the background. Null: path_dependent, with a `background` interventional.",
        examples=["interventional"],
    )
    background: BackgroundSettings | None = Field(
        default=None,
        description="The table that rows are compared with; interventional values of trees use all of its rows, other "
        "explainers a seeded sample of `background_rows`. Null: a sample of the inputs.",
        examples=[{"path": "data/training.parquet"}],
    )
    batch_rows: int | None = Field(
        default=None,
        description="Approximate number of rows that are explained at once. Null: about 8 MiB of rows, at most 2,048.",
        ge=1,
        examples=[1000],
    )
    background_rows: int = Field(
        default=100,
        description="Number of rows in the background sample of the linear, permutation and interventional explainers.",
        ge=1,
        examples=[200],
    )
    budget: BudgetSettings | None = Field(
        default=None,
        description="What explaining may cost, for the explainers that ask the model. Null: two pairs of walks per "
        "background row, and all coalitions of up to six columns.",
        examples=[{"calls_per_row": 50000}],
    )
    interactions: InteractionSettings | int = Field(
        default=0,
        description="All pairs of some columns in a table sample_interactions: {strongest: 5} or {columns: [age, "
        "income]}. Or, for trees, the number of column pairs whose values are added to the ledger. 0: none.",
        examples=[{"strongest": 5}, 3],
    )
    reasons: ReasonsSettings | None = Field(
        default=None,
        description="The table reasons: why each row got its prediction, in words. Null: none; {}: the four largest "
        "attributions.",
        examples=[{"top": 4, "toward": "lower", "catalogue": "reasons.yaml"}],
    )
    changes: ChangesSettings | None = Field(
        default=None,
        description="The tables changes and change_summary: what another version says of the same rows, and which "
        "columns make the difference. Null: none; {}: compared with the champion before.",
        examples=[{"candidate": "Challenger", "segments": {"region": []}}],
    )

    @field_validator("KIND")
    @classmethod
    def _is_an_explainer(cls, kind: str | None) -> str | None:
        if kind is not None and "." not in kind and kind not in EXPLAINERS:
            raise ValueError(
                f"there is no explainer {kind!r}{did_you_mean(kind, EXPLAINERS)}; use one of {', '.join(EXPLAINERS)}, "
                "or your own class as module.Class"
            )
        return kind

    @field_validator("interactions", mode="before")
    @classmethod
    def _read_interactions(cls, value: Any) -> Any:
        # Here rather than by the union, whose message would name both of its sides.
        if isinstance(value, Mapping):
            return InteractionSettings.model_validate(value)
        if not isinstance(value, InteractionSettings) and (isinstance(value, bool) or not isinstance(value, int)):
            raise ValueError("explain.interactions is {strongest: 5}, {columns: [...]}, or a whole number of pairs")
        if isinstance(value, int) and value < 0:
            raise ValueError("explain.interactions is a number of pairs, 0 or more")
        return value

    @model_validator(mode="after")
    def _interactions_are_exact(self) -> "ExplainSettings":
        if self.interaction_table is None:
            return self
        if self.KIND in WITHOUT_INTERACTIONS:
            raise ValueError(
                f"explain.interactions needs exact interaction values, which {self.KIND} does not have; leave "
                "explain.KIND out, or interactions"
            )
        if self.background is not None or self.mode == "interventional":
            raise ValueError(
                "explain.interactions are path-dependent; leave out explain.background and mode: interventional, or "
                "interactions"
            )
        return self

    @model_validator(mode="after")
    def _loss_is_no_prediction(self) -> "ExplainSettings":
        if self.space != "loss":
            return self
        if self.mode == "path_dependent":
            raise ValueError("explain.space: loss compares with the background; leave explain.mode out")
        for name in ("interactions", "reasons", "changes"):
            if getattr(self, name):
                raise ValueError(
                    f"explain.{name} are of predictions, and explain.space: loss explains the loss; leave one of them "
                    "out, or name the same model in a second YAML"
                )
        return self

    @property
    def candidate_alias(self) -> str | None:
        """The alias of `changes.candidate`; None where there is none, or a version."""
        candidate = None if self.changes is None else self.changes.candidate
        return candidate if isinstance(candidate, str) else None

    @property
    def interaction_table(self) -> InteractionSettings | None:
        """What `sample_interactions` holds; None: there is no such table."""
        return self.interactions if isinstance(self.interactions, InteractionSettings) else None

    def config(self, seed: int | None = None, label: str | None = None) -> "ExplainConfig":
        """How to explain, as these settings say; `seed` takes precedence over theirs.

        Without the name of the `label` predictions are explained, whatever `space` says.
        """
        from mlops_assets.explain.explainers.explainer import ExplainConfig, default_mode

        space = None if self.space == "loss" and label is None else self.space
        return ExplainConfig(
            KIND=self.KIND,
            seed=self.seed if seed is None else seed,
            background_rows=self.background_rows,
            mode=self.mode or default_mode(self.background is not None),
            own_background=self.background is not None,
            interactions=self.interactions if isinstance(self.interactions, int) else 0,
            space=space,
            label=label if space == "loss" else None,
            output=self.output,
            calls_per_row=None if self.budget is None else self.budget.calls_per_row,
            seconds=None if self.budget is None else self.budget.seconds,
        )
