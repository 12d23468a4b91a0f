"""The settings of what is kept of a model's runs."""

import dagster as dg
from pydantic import Field, field_validator

from mlops_assets.settings.described import SettingsGroup


class RetentionSettings(SettingsGroup):
    """How many of a model's runs are kept."""

    runs: int = Field(
        description="Finished runs that are kept of each job, with their materializations and logs. What an asset or a "
        "partition shows is kept as well.",
        ge=1,
        examples=[1000],
    )
    cron: str = Field(
        default="23 * * * *", description="When old runs are deleted, in cron's words.", examples=["0 3 * * *"]
    )
    most: int = Field(default=500, description="Runs that are deleted at a time, at most.", ge=1, examples=[100])

    @field_validator("cron")
    @classmethod
    def _check_cron(cls, value: str) -> str:
        try:
            dg.ScheduleDefinition(job_name="any", cron_schedule=value)
        except dg.DagsterError as error:
            raise ValueError(f"cron is {value!r}; write five fields, such as '0 3 * * *' for each night") from error
        return value
