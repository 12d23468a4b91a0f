"""Of which columns interactions are computed, as a model's ``defs.yaml`` says."""

from pydantic import Field, model_validator

from mlops_assets.settings.described import SettingsGroup


class InteractionSettings(SettingsGroup):
    """The table `sample_interactions`: all pairs of some input columns, in each row that is explained."""

    strongest: int | None = Field(
        default=None,
        description="So many input columns, those with the largest mean absolute attribution in model_explanations. "
        "Set exactly one of strongest and columns.",
        ge=2,
        le=50,
        examples=[5],
    )
    columns: list[str] | None = Field(
        default=None,
        description="These input columns of the model.",
        min_length=2,
        max_length=50,
        examples=[["age", "income", "tenure"]],
    )

    @model_validator(mode="after")
    def _one_choice(self) -> "InteractionSettings":
        if (self.strongest is None) == (self.columns is None):
            raise ValueError("explain.interactions needs exactly one of `strongest` and `columns`")
        if self.columns is not None and len(set(self.columns)) < len(self.columns):
            raise ValueError("explain.interactions.columns names a column twice")
        return self
