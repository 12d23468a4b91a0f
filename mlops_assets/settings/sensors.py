"""The settings of a model's sensors."""

from typing import Literal

import dagster as dg
from pydantic import Field

from mlops_assets.settings.described import SettingsGroup


class SensorSettings(SettingsGroup):
    """One sensor: whether it runs without being switched on in the UI, and how often it looks."""

    status: Literal["RUNNING", "STOPPED"] = Field(
        default="STOPPED",
        description="RUNNING or STOPPED, until somebody switches the sensor in the UI.",
        examples=["RUNNING"],
    )
    interval_seconds: int = Field(
        default=60, description="Minimum number of seconds between two evaluations.", ge=1, examples=[300]
    )

    @property
    def default_status(self) -> dg.DefaultSensorStatus:
        return dg.DefaultSensorStatus[self.status]


class ReportingSensorSettings(SensorSettings):
    """A sensor that launches nothing, and runs unless it is stopped."""

    status: Literal["RUNNING", "STOPPED"] = Field(
        default="RUNNING",
        description="RUNNING or STOPPED, until somebody switches the sensor in the UI.",
        examples=["STOPPED"],
    )
    interval_seconds: int = Field(
        default=30, description="Minimum number of seconds between two evaluations.", ge=1, examples=[60]
    )


class RepeatingSensorSettings(SensorSettings):
    """A sensor that asks again for a run that failed."""

    retries: int = Field(
        default=3,
        description="How often a run is asked for again where the one that was asked for did not do what it was to do: "
        "after 1, 4, 16 and then every 60 minutes. After that an alert `stale` is sent, once.",
        ge=0,
        le=100,
        examples=[5],
    )


class LaunchingSensorSettings(RepeatingSensorSettings):
    """A sensor that launches one of the model's jobs."""

    job: Literal["explanations", "inference"] = Field(
        default="explanations",
        description="The job that the sensor launches: `explanations` (all assets) or `inference` (up to the "
        "predictions).",
        examples=["inference"],
    )


class DeadRunsSettings(SettingsGroup):
    """When a run whose process cannot be seen counts as dead."""

    silent_minutes: float = Field(
        default=15,
        description="Minutes without a heartbeat after which a run counts as dead whose process cannot be seen, "
        "because it is on another machine. Longer than a run may be suspended or kept from running.",
        gt=1,
        examples=[60],
    )

    @property
    def silent_seconds(self) -> float:
        return self.silent_minutes * 60


class SensorsSettings(SettingsGroup):
    """The model's sensors. Those that launch runs are stopped until they are switched on, here or in the UI."""

    champion: LaunchingSensorSettings = Field(
        default_factory=LaunchingSensorSettings,
        description="Launches a run each time the alias moves.",
        examples=[{"status": "RUNNING", "interval_seconds": 60}],
    )
    inputs: LaunchingSensorSettings = Field(
        default_factory=LaunchingSensorSettings,
        description="Launches a run when input files appear or change.",
        examples=[{"status": "RUNNING", "job": "inference"}],
    )
    new_version: RepeatingSensorSettings = Field(
        default_factory=RepeatingSensorSettings,
        description="Validates each newly registered version without touching the published tables.",
        examples=[{"status": "RUNNING"}],
    )
    outcomes: RepeatingSensorSettings = Field(
        default_factory=RepeatingSensorSettings,
        description="Only with `outcomes.path`: launches the performance job when files of the outcomes appear or "
        "change.",
        examples=[{"status": "RUNNING"}],
    )
    candidate: RepeatingSensorSettings = Field(
        default_factory=RepeatingSensorSettings,
        description="Only with an alias in `explain.changes.candidate`: launches the changes job each time that alias "
        "moves.",
        examples=[{"status": "RUNNING"}],
    )
    automation: RepeatingSensorSettings = Field(
        default_factory=RepeatingSensorSettings,
        description="Only with `automation`: evaluates the automation conditions of the assets.",
        examples=[{"status": "RUNNING"}],
    )
    notifications: ReportingSensorSettings = Field(
        default_factory=ReportingSensorSettings,
        description="Sends a notification when a run succeeds or fails.",
        examples=[{"status": "STOPPED"}],
    )
    tracking: ReportingSensorSettings = Field(
        default_factory=ReportingSensorSettings,
        description="Only with `tracking`: records finished runs in MLflow.",
        examples=[{"interval_seconds": 60}],
    )
    dead_runs: DeadRunsSettings = Field(
        default_factory=DeadRunsSettings,
        description="The sensor that fails runs whose process is gone. It always runs, and can be switched off in the "
        "UI; YAML files of one code location share it.",
        examples=[{"silent_minutes": 60}],
    )

    def check(self, outcomes_path: str | None, candidate_alias: str | None) -> None:
        """Raise `ValueError` where a sensor runs that has nothing to watch."""
        if self.outcomes.status == "RUNNING" and not outcomes_path:
            raise ValueError("sensors.outcomes watches files, and there is no outcomes.path")
        if self.candidate.status == "RUNNING" and not candidate_alias:
            raise ValueError("sensors.candidate watches an alias, and explain.changes.candidate names none")
