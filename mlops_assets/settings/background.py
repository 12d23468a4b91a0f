"""The table that explanations compare with, as a model's ``defs.yaml`` says."""

import dagster as dg
from pydantic import Field, field_validator, model_validator

from mlops_assets.naming import EXPLAIN_BACKGROUND, ModelNames
from mlops_assets.settings.described import SettingsGroup
from mlops_assets.settings.table_keys import KEYS_OF_A_TABLE, DeltaVersion, StorageOptions, TableFormat
from mlops_assets.settings.tables import InputsSettings, check_asset_key


class BackgroundSettings(SettingsGroup):
    """The rows that each row is compared with: a path or URL, or another asset of the code location."""

    path: str | None = Field(
        default=None,
        description="File, folder or fsspec URL, relative to the project's folder. Set exactly one of path and asset.",
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
    def _one_source(self) -> "BackgroundSettings":
        if (self.path is None) == (self.asset is None):
            raise ValueError("explain.background needs exactly one of `path` and `asset`")
        if self.version is not None and self.format != "delta":
            raise ValueError("explain.background.version needs format: delta; no other table has versions")
        return self

    def as_inputs(self) -> InputsSettings:
        """The table as one that is read."""
        return InputsSettings(**self.model_dump(include=KEYS_OF_A_TABLE))

    def asset_key(self, names: ModelNames) -> dg.AssetKey:
        """The user's own asset, or the external asset ``<model>/background``."""
        return dg.AssetKey.from_user_string(self.asset) if self.asset else names.key(EXPLAIN_BACKGROUND)
