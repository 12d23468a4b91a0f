"""The partitions of a model's tables: what ``partitions:`` says in ``defs.yaml``, as Dagster's definition."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Literal
from zoneinfo import ZoneInfo

import dagster as dg
from pydantic import Field, field_validator, model_validator

from mlops_assets.settings.described import SettingsGroup
from mlops_assets.storage.partition_paths import PathTemplate

Kind = Literal["daily", "hourly", "monthly", "static", "dynamic"]
TIMES: Mapping[str, Callable[..., dg.TimeWindowPartitionsDefinition]] = {
    "daily": dg.DailyPartitionsDefinition,
    "hourly": dg.HourlyPartitionsDefinition,
    "monthly": dg.MonthlyPartitionsDefinition,
}
# The directive of the time that tells two partitions apart, and the example of a start.
_SMALLEST = {"daily": "d", "hourly": "H", "monthly": "m"}
_OF_TIMES, _OF_STATIC, _OF_DYNAMIC = ("start", "end", "timezone"), ("keys",), ("name",)


class PartitionsSettings(SettingsGroup):
    """How the tables are cut; each partition is one file, and one run."""

    type: Kind = Field(
        description="`daily`, `hourly` or `monthly`: by time; `static`: a fixed list of keys; `dynamic`: keys that are "
        "added at run time.",
        examples=["daily", "static"],
    )
    start: str | None = Field(
        default=None,
        description="By time: the first partition. Required there.",
        examples=["2024-01-31", "2024-01-31T06:00"],
    )
    end: str | None = Field(
        default=None,
        description="By time: the first partition that no longer exists. Null: up to the last one that is complete.",
        examples=["2026-01-01"],
    )
    timezone: str = Field(
        default="UTC",
        description="By time: the IANA time zone in which days, hours and months begin.",
        examples=["Europe/Oslo"],
    )
    keys: Sequence[str] | None = Field(
        default=None, description="Static: the partition keys. Required there.", examples=[["north", "south"]]
    )
    name: str | None = Field(
        default=None,
        description="Dynamic: the name under which Dagster keeps the keys; definitions with the same name share them. "
        "Null: <model>_partitions.",
        examples=["customers"],
    )

    @field_validator("start", "end", mode="before")
    @classmethod
    def _as_text(cls, value: object) -> object:
        """YAML readers take 2026-01-01 for a date."""
        return value.isoformat() if isinstance(value, date) else value

    @model_validator(mode="after")
    def _fits_its_type(self) -> "PartitionsSettings":
        timed = self.type in TIMES
        allowed = _OF_TIMES if timed else _OF_STATIC if self.type == "static" else _OF_DYNAMIC
        foreign = sorted((self.model_fields_set - {"type"}) - set(allowed))
        if foreign:
            raise ValueError(f"{self.type} partitions have no {', '.join(foreign)}; they have {', '.join(allowed)}")
        if timed and self.start is None:
            raise ValueError(f"{self.type} partitions need a start: {{type: {self.type}, start: 2024-01-01}}")
        if self.type == "static" and not (self.keys and all(self.keys)):
            raise ValueError("static partitions need keys: {type: static, keys: [north, south]}")
        try:
            self.definition("any")
        except (dg.DagsterInvalidDefinitionError, dg.DagsterInvariantViolationError) as error:
            raise ValueError(str(error).splitlines()[0]) from error
        return self

    def definition(self, slug: str) -> "dg.PartitionsDefinition[str]":
        """Dagster's partitions; keys are Dagster's own (``2024-01-31``, ``2024-01-31-06:00``)."""
        if self.type == "static":
            return dg.StaticPartitionsDefinition(list(self.keys or ()))
        if self.type == "dynamic":
            return dg.DynamicPartitionsDefinition(name=self.name or f"{slug}_partitions")
        start, end = self._time("start", self.start), self._time("end", self.end)
        assert start is not None
        if end is not None and end <= start:
            raise ValueError(f"partitions end at {self.end}, which is not after their start at {self.start}")
        return TIMES[self.type](start_date=start, end_date=end, timezone=self.timezone)

    def template(self, path: str) -> PathTemplate:
        """`path` as the partitions' template, unchecked."""
        definition = self.definition("any")
        return PathTemplate(path, definition.fmt if isinstance(definition, dg.TimeWindowPartitionsDefinition) else None)

    def check(self, path: str) -> None:
        """Refuse a path under which two partitions would share a file.

        Raises
        ------
        ConfigurationError
            See `PathTemplate.check`; or a static key cannot be part of a path.
        """
        template = self.template(path)
        template.check(_SMALLEST.get(self.type))
        for key in self.keys or ():
            template.path(key)

    def _time(self, field: str, written: str | None) -> datetime | None:
        if written is None:
            return None
        try:
            zone = ZoneInfo(self.timezone)
        except (LookupError, ValueError, OSError) as error:
            raise ValueError(f"There is no timezone {self.timezone!r}; use a name such as Europe/Oslo") from error
        try:
            time = datetime.fromisoformat(written)
        except ValueError as error:
            raise ValueError(f"partitions.{field} is {written!r}, and not a date such as 2024-01-31") from error
        if time.tzinfo is not None:
            raise ValueError(f"partitions.{field} has an offset; leave it out, the zone is partitions.timezone")
        whole = {
            "hourly": time.replace(minute=0, second=0, microsecond=0),
            "daily": time.replace(hour=0, minute=0, second=0, microsecond=0),
            "monthly": time.replace(day=1, hour=0, minute=0, second=0, microsecond=0),
        }[self.type]
        if time != whole:
            raise ValueError(
                f"partitions.{field} is {written}, where no {self.type} partition begins; "
                f"the one before begins at {whole.isoformat()}"
            )
        return time.replace(tzinfo=zone)
