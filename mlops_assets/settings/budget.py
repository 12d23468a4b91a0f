"""What explaining may cost."""

from pydantic import Field, model_validator

from mlops_assets.settings.described import SettingsGroup


class BudgetSettings(SettingsGroup):
    """Limits of what explaining costs; at least one is set."""

    calls_per_row: int | None = Field(
        default=None,
        description="Number of predictions that the explanation of a row may cost, besides its own. If it covers all "
        "coalitions of the columns, values are exact; else it sets the number of walks. Null: no such limit.",
        ge=1,
        examples=[50000],
    )
    seconds: float | None = Field(
        default=None,
        description="Time limit for all rows: a run that would take longer fails as soon as the first rows show it. It "
        "never changes a result. Null: no such limit.",
        gt=0,
        examples=[3600],
    )

    @model_validator(mode="after")
    def _sets_a_limit(self) -> "BudgetSettings":
        if self.calls_per_row is None and self.seconds is None:
            raise ValueError("explain.budget needs calls_per_row or seconds")
        return self
