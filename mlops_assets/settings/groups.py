"""The settings of one registered model, as they stand in its ``defs.yaml``. Unknown keys are refused."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import dagster as dg
from pydantic import Field, model_validator

from mlops_assets.mistakes import ReadableModel

if TYPE_CHECKING:
    from mlops_assets.explain.explainers.explainer import ExplainConfig
    from mlops_assets.models.trust import TrustPolicy
    from mlops_assets.signatures.contract.contract import ContractPolicy

# A strategy: {KIND: Name or module.Class, ...its settings}
StrategySettings = dict[str, Any]


class TrustSettings(ReadableModel, dg.Model, dg.Resolvable):
    """What models may do when they are loaded; see the README's page on trust."""

    allow_pickle: bool = Field(default=False, description="Load models whose loading runs code that comes with them.")
    trusted_types: Sequence[str] = Field(default=(), description="Further types to trust in skops files.")
    allowed_flavors: Sequence[str] | None = Field(default=None, description="Null: every flavor.")
    pinned_digests: dict[int, str] | None = Field(
        default=None,
        description="Version -> SHA-256 of its files, as champion_model shows it. When given, no other version loads.",
    )
    required_tags: dict[str, str] = Field(
        default_factory=dict,
        description="Tags that the version must have in MLflow, for example {mlops_assets.validation: passed}.",
    )
    allowed_sources: Sequence[str] | None = Field(
        default=None, description="Addresses below which a version's files must be stored, s3://models/ for example."
    )

    @model_validator(mode="after")
    def _digests_and_sources(self) -> "TrustSettings":
        for version, digest in (self.pinned_digests or {}).items():
            if version < 1 or not re.fullmatch("[0-9a-f]{64}", digest):
                raise ValueError(f"trust.pinned_digests.{version}: a digest is 64 digits of 0-9 and a-f")
        if not all(source.strip() for source in self.allowed_sources or ()):
            raise ValueError("trust.allowed_sources: an address is empty")
        return self

    def policy(self) -> "TrustPolicy":
        """The policy that these settings describe."""
        from mlops_assets.models.trust import TrustPolicy

        return TrustPolicy(
            allow_pickle=self.allow_pickle,
            trusted_types=frozenset(self.trusted_types),
            allowed_flavors=frozenset(self.allowed_flavors) if self.allowed_flavors is not None else None,
            pinned_digests=self.pinned_digests,
            required_tags=self.required_tags,
            allowed_sources=tuple(self.allowed_sources) if self.allowed_sources is not None else None,
        )


class ContractSettings(ReadableModel, dg.Model, dg.Resolvable):
    """How strict the signature is with the data."""

    max_rejected: int | float = Field(
        default=0,
        description="Rows that may be refused before the run fails: a count, or a fraction such as 0.01.",
        ge=0,
    )
    missing: Literal["reject", "allow"] = Field(
        default="reject", description="Null or NaN in a required column: reject the row, or let the model see it."
    )
    iso_datetimes: bool = Field(default=False, description="Read ISO 8601 text as datetime where one is asked for.")
    show_values: bool = Field(
        default=False, description="Show refused values in the message; they are kept in the event log for ever."
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
        default="FULL", description="What a new champion's signature must keep, against the champion before, or all."
    )

    @model_validator(mode="after")
    def _count_or_fraction(self) -> "ContractSettings":
        if isinstance(self.max_rejected, float) and self.max_rejected > 1:
            raise ValueError("contract.max_rejected is a whole number, or a fraction between 0.0 and 1.0")
        return self

    def policy(self, text_columns: "frozenset[str]" = frozenset()) -> "ContractPolicy":
        """The policy that these settings describe.

        Parameters
        ----------
        text_columns
            The columns whose format stores text only: there text may stand for a number.
        """
        from mlops_assets.signatures.contract.contract import ContractPolicy

        return ContractPolicy(missing=self.missing, parse_iso_datetimes=self.iso_datetimes, text_columns=text_columns)


class PredictSettings(ReadableModel, dg.Model, dg.Resolvable):
    """Defaults of the run config of `predictions`."""

    method: Literal["predict", "predict_proba"] = Field(default="predict", description="Which method is asked.")
    params: dict[str, Any] = Field(
        default_factory=dict, description="Inference params, as the signature declares them."
    )
    batch_rows: int | None = Field(
        default=None,
        description="About so many rows are given to the model at once; null: about 8 MiB of them, 32,768 at most.",
        ge=1,
    )


class ResumeSettings(ReadableModel, dg.Model, dg.Resolvable):
    """Results are kept by what they were made from: a run that died, or tomorrow's run, finds them again."""

    enabled: bool = Field(default=True, description="Keep results of chunks, and use those that are there.")
    path: str | None = Field(
        default=None,
        description="Folder, relative to the project's. Null: in the state folder (MLOPS_ASSETS_HOME, .mlops_assets).",
    )
    max_age_days: float = Field(default=7.0, description="Results unused for so long are deleted.", gt=0)
    max_gib: float = Field(default=10.0, description="Beyond so many GiB the longest unused are deleted.", gt=0)


class ExplainSettings(ReadableModel, dg.Model, dg.Resolvable):
    """Defaults of the run config of `sample_explanations`, and the choice of the explainer."""

    KIND: str | None = Field(default=None, description="Null: chosen by the model. Or an explainer, or module.Class.")
    space: Literal["probability"] | None = Field(
        default=None,
        description="probability: attributions of it, where the explainer gives them. Null: its own scale.",
    )
    output: str | None = Field(
        default=None,
        description="Where the model returns several columns: the one that is explained, for example score. Null: all "
        "of them if all are numbers, else the only one that is.",
    )
    limit: int | None = Field(default=None, description="Explain only the first rows. Null: every row.", ge=1)
    sample: float | None = Field(
        default=None, description="Explain a seeded sample: a fraction up to 1, or a number of rows above 1.", gt=0
    )
    where: str | None = Field(
        default=None, description='Explain only rows that pass, for example "explained_value > 0.8".'
    )
    seed: int = Field(default=0, description="Seed of the background sample and of sampled methods.")
    diff_rows: int = Field(
        default=500, description="Rows on which a new champion's explanations are compared; 0: none.", ge=0
    )
    min_ndcg: float = Field(
        default=0.9, description="Warn when the ranking of features keeps less of the previous champion's.", ge=0, le=1
    )
    additivity: Literal["warn", "block"] = Field(
        default="warn", description="Rows whose residual is beyond rounding: warn, or stop what comes after."
    )
    mode: Literal["path_dependent", "interventional"] = Field(
        default="path_dependent", description="Trees: the training data's own covers, or against the background."
    )
    batch_rows: int | None = Field(
        default=None,
        description="About so many rows are explained at once; null: about 8 MiB of them, 2,048 at most.",
        ge=1,
    )
    background_rows: int = Field(default=100, description="Rows of the background sample.", ge=1)
    interactions: int = Field(
        default=0, description="Trees: pairs of columns with interaction values in the ledger; 0: none.", ge=0
    )

    def config(self, seed: int | None = None) -> "ExplainConfig":
        """How to explain, as these settings say; `seed` takes precedence over theirs."""
        from mlops_assets.explain.explainers.explainer import ExplainConfig

        return ExplainConfig(
            KIND=self.KIND,
            seed=self.seed if seed is None else seed,
            background_rows=self.background_rows,
            mode=self.mode,
            interactions=self.interactions,
            space=self.space,
            output=self.output,
        )


class SensorSettings(ReadableModel, dg.Model, dg.Resolvable):
    """One sensor: whether it runs without being switched on in the UI, and how often it looks."""

    status: Literal["RUNNING", "STOPPED"] = Field(
        default="STOPPED", description="Its status until somebody switches it in the UI."
    )
    interval_seconds: int = Field(default=60, description="Seconds between two ticks, at least.", ge=1)

    @property
    def default_status(self) -> dg.DefaultSensorStatus:
        return dg.DefaultSensorStatus[self.status]


class ReportingSensorSettings(SensorSettings):
    """A sensor that launches nothing, and runs unless it is stopped."""

    status: Literal["RUNNING", "STOPPED"] = Field(
        default="RUNNING", description="Its status until somebody switches it in the UI."
    )
    interval_seconds: int = Field(default=30, description="Seconds between two ticks, at least.", ge=1)


class LaunchingSensorSettings(SensorSettings):
    """A sensor that launches one of the model's jobs."""

    job: Literal["explanations", "inference"] = Field(
        default="explanations", description="Which job it launches: the whole family, or up to the predictions."
    )


class SensorsSettings(ReadableModel, dg.Model, dg.Resolvable):
    """The model's sensors. Those that launch runs are stopped until they are switched on, here or in the UI."""

    champion: LaunchingSensorSettings = Field(
        default_factory=LaunchingSensorSettings, description="Launches a run each time the alias moves."
    )
    inputs: LaunchingSensorSettings = Field(
        default_factory=LaunchingSensorSettings, description="Launches a run when input files appear or change."
    )
    new_version: SensorSettings = Field(
        default_factory=SensorSettings, description="Validates each newly registered version, away from the tables."
    )
    automation: SensorSettings = Field(
        default_factory=SensorSettings, description="With `automation` only: evaluates the assets' conditions."
    )
    notifications: ReportingSensorSettings = Field(
        default_factory=ReportingSensorSettings, description="Reports success and failure of runs."
    )
    tracking: ReportingSensorSettings = Field(
        default_factory=ReportingSensorSettings, description="With `tracking` only: closes MLflow runs."
    )


class JournalSettings(ReadableModel, dg.Model, dg.Resolvable):
    """Where it is recorded what the alias pointed at."""

    path: str | None = Field(
        default=None,
        description="Folder or URL, relative to the project's folder. Null: beside remote tables, else in the state "
        "folder (MLOPS_ASSETS_HOME, .mlops_assets).",
    )


class TrackingSettings(ReadableModel, dg.Model, dg.Resolvable):
    """Whether each Dagster run is also recorded as an MLflow run."""

    enabled: bool = Field(default=False, description="Record runs in MLflow.")
    experiment: str | None = Field(default=None, description="MLflow experiment; null: mlops_assets/<name>.")
