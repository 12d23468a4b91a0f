"""What runs are compared with, and when a change counts, as a model's ``defs.yaml`` says."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import dagster as dg
from pydantic import Field, field_validator, model_validator

from mlops_assets.naming import REFERENCE, ModelNames
from mlops_assets.settings.described import SettingsGroup
from mlops_assets.settings.table_keys import KEYS_OF_A_TABLE, DeltaVersion, StorageOptions, TableFormat
from mlops_assets.settings.tables import InputsSettings, check_asset_key

if TYPE_CHECKING:
    from mlops_assets.explain.drift.compare import DriftRules


class ReferenceSettings(SettingsGroup):
    """What a run is compared with: the run or partition before, one partition, a path or URL, or another asset."""

    previous: bool = Field(
        default=False,
        description="The last run before that read other rows or used another version; with partitions, the published "
        "partition before. Set exactly one of previous, partition, path and asset.",
        examples=[True],
    )
    partition: str | None = Field(
        default=None, description="Instead of previous: the key of one partition.", examples=["2026-01-31"]
    )
    path: str | None = Field(
        default=None,
        description="Instead of previous: file, folder or fsspec URL of a table, relative to the project's folder. Its "
        "inputs are compared, and no predictions.",
        examples=["data/training.parquet", "s3://bucket/training.parquet"],
    )
    asset: str | None = Field(
        default=None,
        description="Instead of a path: the key of an asset of your own, which its IO manager reads.",
        examples=["warehouse/training"],
    )
    format: TableFormat = None
    version: DeltaVersion = None
    storage_options: StorageOptions = None

    _check_asset = field_validator("asset")(check_asset_key)

    @model_validator(mode="after")
    def _one_reference(self) -> "ReferenceSettings":
        if self.previous + sum(each is not None for each in (self.partition, self.path, self.asset)) != 1:
            raise ValueError("monitor.reference needs exactly one of `previous: true`, `partition`, `path` and `asset`")
        if self.version is not None and self.format != "delta":
            raise ValueError("monitor.reference.version needs format: delta; no other table has versions")
        return self

    @property
    def is_table(self) -> bool:
        """Whether it is a table of its own, and no run's."""
        return self.path is not None or self.asset is not None

    def as_inputs(self) -> InputsSettings:
        """The table as one that is read."""
        return InputsSettings(**self.model_dump(include=KEYS_OF_A_TABLE))

    def asset_key(self, names: ModelNames) -> dg.AssetKey:
        """The user's own asset, or the external asset ``<model>/reference``."""
        return dg.AssetKey.from_user_string(self.asset) if self.asset else names.key(REFERENCE)


class ThresholdsSettings(SettingsGroup):
    """How large a change must be, beside being no chance, before a column counts as drifted."""

    psi: float = Field(
        default=0.1,
        description="Numbers, dates and times: population stability index over tenths of the reference.",
        ge=0,
        examples=[0.25],
    )
    jensen_shannon: float = Field(
        default=0.1,
        description="Text and truth values: Jensen-Shannon distance (0: the same; 1: no category in common).",
        ge=0,
        le=1,
        examples=[0.2],
    )
    missing: float = Field(
        default=0.05, description="Change of the share of missing values (0 to 1).", ge=0, le=1, examples=[0.01]
    )
    unseen: float = Field(
        default=0.01,
        description="Share of rows (0 to 1) with categories that the reference does not have.",
        ge=0,
        le=1,
        examples=[0.001],
    )


class MonitorSettings(SettingsGroup):
    """What has changed since a reference: the table drift, and its checks."""

    reference: ReferenceSettings = Field(
        default_factory=lambda: ReferenceSettings(previous=True),
        description="What a run is compared with. Without it: the run before; with partitions, the partition before.",
        examples=[{"previous": True}, {"path": "data/training.parquet"}],
    )
    segments: Sequence[str] = Field(
        default=(),
        description="Columns of input_samples; the rows of each of their values are compared as well. A column has up "
        "to 200 values in a table.",
        examples=[["country"]],
    )
    thresholds: ThresholdsSettings = Field(
        default_factory=ThresholdsSettings,
        description="How large a change must be to count.",
        examples=[{"psi": 0.25}],
    )
    false_alarm_rate: float = Field(
        default=0.05,
        description="How often, at most, the checks warn of a run in which nothing has changed, over all columns and "
        "segments together.",
        gt=0,
        lt=1,
        examples=[0.01],
    )

    @field_validator("segments")
    @classmethod
    def _each_once(cls, value: Sequence[str]) -> Sequence[str]:
        if len(set(value)) < len(value):
            raise ValueError("monitor.segments names a column twice")
        return value

    def rules(self) -> "DriftRules":
        """When a column counts as drifted."""
        from mlops_assets.explain.drift.compare import DriftRules

        return DriftRules(**self.thresholds.model_dump(), false_alarm_rate=self.false_alarm_rate)
