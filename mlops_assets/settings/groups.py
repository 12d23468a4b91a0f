"""The settings of one registered model, as they stand in its ``defs.yaml``. Unknown keys are refused."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from mlops_assets.settings.described import SettingsGroup

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_assets.signatures.contract.contract import ContractPolicy

# A strategy: {KIND: Name or module.Class, ...its settings}
StrategySettings = dict[str, Any]


class ContractSettings(SettingsGroup):
    """How strict the signature is with the data."""

    max_rejected: int | float = Field(
        default=0,
        description="How many rows the contract may reject before the run fails: a count (100), or a fraction of the "
        "rows between 0.0 and 1.0 (0.01).",
        ge=0,
        examples=[0, 100, 0.01],
    )
    missing: Literal["reject", "allow"] = Field(
        default="reject",
        description="Null or NaN in a required column: `reject` rejects the row; `allow` passes it to the model, for "
        "models that impute.",
        examples=["allow"],
    )
    iso_datetimes: bool = Field(
        default=False,
        description="Whether ISO 8601 text such as 2026-01-31T06:00:00 is read as a datetime where the signature asks "
        "for one.",
        examples=[True],
    )
    show_values: bool = Field(
        default=False,
        description="Whether error messages show rejected values, and the first row keys where the model fails. "
        "Messages stay in Dagster's event log, so leave this false for personal data.",
        examples=[True],
    )
    compatibility: Literal[
        "NONE",
        "BACKWARD",
        "FORWARD",
        "FULL",
        "BACKWARD_TRANSITIVE",
        "FORWARD_TRANSITIVE",
        "FULL_TRANSITIVE",
    ] = Field(
        default="FULL",
        description="What a new champion's signature must keep. BACKWARD: it accepts the data of the version before; "
        "FORWARD: the version before accepts its data; FULL: both; ..._TRANSITIVE: against all earlier "
        "champions; NONE: no check.",
        examples=["BACKWARD"],
    )

    @model_validator(mode="after")
    def _count_or_fraction(self) -> "ContractSettings":
        if isinstance(self.max_rejected, float) and self.max_rejected > 1:
            raise ValueError("contract.max_rejected is a whole number, or a fraction between 0.0 and 1.0")
        return self

    def policy(
        self,
        text_columns: "frozenset[str]" = frozenset(),
        types: "Mapping[str, pa.DataType] | None" = None,
        carried: tuple[str, ...] = (),
    ) -> "ContractPolicy":
        """The policy that these settings describe.

        Parameters
        ----------
        text_columns
            The columns whose format stores text only: there text may stand for a number.
        types
            Columns that are converted to a declared type first.
        carried
            Columns that are kept beside the model's inputs.
        """
        from mlops_assets.signatures.contract.contract import ContractPolicy

        return ContractPolicy(self.missing, self.iso_datetimes, text_columns, types or {}, carried)


class PredictSettings(SettingsGroup):
    """Defaults of the run config of `predictions`."""

    method: Literal["predict", "predict_proba"] = Field(
        default="predict",
        description="The method that is called: `predict`, or `predict_proba` for class probabilities where the model "
        "has it.",
        examples=["predict_proba"],
    )
    params: dict[str, Any] = Field(
        default_factory=dict,
        description="Inference params, as the params schema of the signature declares them.",
        examples=[{"threshold": 0.4}],
    )
    batch_rows: int | None = Field(
        default=None,
        description="Approximate number of rows per call of the model. Null: about 8 MiB of rows, at most 32,768.",
        ge=1,
        examples=[10000],
    )


class ResumeSettings(SettingsGroup):
    """Results are kept by what they were made from: a run that died, or tomorrow's run, finds them again."""

    enabled: bool = Field(
        default=True, description="Whether results of finished chunks are kept and reused.", examples=[False]
    )
    path: str | None = Field(
        default=None,
        description="Folder for kept results, relative to the project's folder. Null: in the state folder "
        "(MLOPS_ASSETS_HOME, else .mlops_assets).",
        examples=["cache/chunks"],
    )
    max_age_days: float = Field(
        default=7.0, description="Results that no run used for this many days are deleted.", gt=0, examples=[30.0]
    )
    max_gib: float = Field(
        default=10.0,
        description="Size limit in GiB; beyond it the least recently used results are deleted.",
        gt=0,
        examples=[50.0],
    )


class JournalSettings(SettingsGroup):
    """Where it is recorded what the alias pointed at."""

    path: str | None = Field(
        default=None,
        description="Folder or URL, relative to the project's folder. Null: beside the tables where these are remote, "
        "else in the state folder (MLOPS_ASSETS_HOME, else .mlops_assets).",
        examples=["s3://bucket/journal"],
    )


class TrackingSettings(SettingsGroup):
    """Whether each Dagster run is also recorded as an MLflow run."""

    enabled: bool = Field(
        default=False, description="Whether each Dagster run is also recorded as an MLflow run.", examples=[True]
    )
    experiment: str | None = Field(
        default=None,
        description="Name of the MLflow experiment. Null: mlops_assets/<name>.",
        examples=["churn/scoring"],
    )
