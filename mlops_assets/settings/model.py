"""All settings of one registered model: the attributes of its ``defs.yaml``, and the rules that tie groups together."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal, Self

import dagster as dg
from pydantic import Field, ValidationInfo, field_validator, model_validator

from mlops_assets.errors import ConfigurationError, list_some
from mlops_assets.models.registry import check_alias_or_version
from mlops_assets.naming import ModelNames
from mlops_assets.settings.described import SettingsGroup
from mlops_assets.settings.explain import ExplainSettings
from mlops_assets.settings.groups import (
    ContractSettings,
    JournalSettings,
    PredictSettings,
    ResumeSettings,
    StrategySettings,
    TrackingSettings,
)
from mlops_assets.settings.monitor import MonitorSettings
from mlops_assets.settings.outcomes import OutcomesSettings
from mlops_assets.settings.partitions import PartitionsSettings
from mlops_assets.settings.promotion import PromotionSettings
from mlops_assets.settings.retention import RetentionSettings
from mlops_assets.settings.sensors import SensorsSettings
from mlops_assets.settings.tables import InputsSettings, OutputsSettings
from mlops_assets.settings.trust import TrustSettings
from mlops_assets.storage.partition_paths import PathTemplate


def _keep_text(context: dg.ResolutionContext, value: Any) -> Any:
    """An alias or version; Dagster's templates would turn the text '3' into the number 3 without a word."""
    if isinstance(value, str):
        check_alias_or_version(value)
    return context.resolve_value(value)


class ModelSettings(SettingsGroup):
    """The settings of one registered model. Unknown keys are refused, wrong values with the key and what is allowed."""

    # `model` in YAML: on the class that name belongs to dg.Resolvable.
    registered_model: str = Field(
        alias="model",
        description="Name of the registered model in MLflow.",
        min_length=1,
        max_length=256,
        examples=["churn"],
    )
    name: str | None = Field(
        default=None,
        description="What asset keys, jobs, sensors and the group are named after. Null: the registered model's name. "
        "Set it where two YAMLs score the same model: a champion and a challenger, or one model on two tables.",
        min_length=1,
        max_length=200,
        examples=["churn_challenger"],
    )
    alias_or_version: Annotated[
        str | int, dg.Resolver(_keep_text, model_field_type=str | int, inject_before_resolve=False)
    ] = Field(
        default="Champion",
        description="A registry alias (text) or a version (whole number), resolved once per run.",
        examples=["Champion", 3],
    )
    inputs: InputsSettings = Field(
        description="The table to score.", examples=[{"path": "data/customers.parquet", "row_key": ["customer_id"]}]
    )
    outputs: OutputsSettings = Field(
        default_factory=OutputsSettings,
        validate_default=True,
        description="Where the tables are written; without it, Parquet files below tables/<name>.",
        examples=[{"path": "tables/churn"}],
    )
    partitions: PartitionsSettings | str | None = Field(
        default=None,
        description="Partitions of the tables: {type: daily | hourly | monthly, start: 2024-01-01}, {type: static, "
        "keys: [north, south]} or {type: dynamic}; inputs.path then contains {partition}. Null: not partitioned.",
        examples=[{"type": "daily", "start": "2024-01-01"}],
    )
    signer: StrategySettings = Field(
        default_factory=lambda: {"KIND": "InferSigner"},
        description="How a model without a signature gets one. KIND: InferSigner, ExampleSigner, ManualSigner, "
        "RecordedSigner, or your own as module.Class.",
        examples=[{"KIND": "InferSigner", "sample_rows": 1000}],
    )
    loader: StrategySettings = Field(
        default_factory=lambda: {"KIND": "AutoLoader"},
        description="How a model version is loaded. KIND: AutoLoader, BuiltinLoader, CustomLoader, or your own as "
        "module.Class.",
        examples=[{"KIND": "BuiltinLoader"}],
    )
    trust: TrustSettings = Field(
        default_factory=TrustSettings,
        description="Which models may be loaded.",
        examples=[{"allow_pickle": False, "allowed_flavors": ["sklearn"]}],
    )
    contract: ContractSettings = Field(
        default_factory=ContractSettings,
        description="How strictly the signature is applied to the data.",
        examples=[{"max_rejected": 0.01, "missing": "allow"}],
    )
    predict: PredictSettings = Field(
        default_factory=PredictSettings,
        description="Defaults for predictions; editable per run in the Launchpad.",
        examples=[{"method": "predict_proba"}],
    )
    explain: ExplainSettings = Field(
        default_factory=ExplainSettings,
        description="Defaults for explanations; limit, sample, where and seed are editable per run in the Launchpad.",
        examples=[{"limit": 1000, "seed": 7}],
    )
    outcomes: OutcomesSettings | None = Field(
        default=None,
        description="What came of the rows that were predicted: the tables performance and performance_calibration. "
        "Null: none.",
        examples=[{"path": "data/outcomes.parquet", "column": "churned", "floor": {"roc_auc": 0.8}}],
    )
    monitor: MonitorSettings | None = Field(
        default=None,
        description="The table drift: what has changed in inputs, predictions and attributions since a reference. "
        "Null: none; {}: since the run before, or the partition before.",
        examples=[{"reference": {"path": "data/training.parquet"}, "segments": ["country"]}],
    )
    engine: StrategySettings = Field(
        default_factory=lambda: {"KIND": "LocalEngine"},
        description="Where the model predicts and explains. KIND: LocalEngine, SparkEngine, or your own as "
        "module.Class.",
        examples=[{"KIND": "LocalEngine", "workers": "auto"}, {"KIND": "SparkEngine", "master": "local[4]"}],
    )
    resume: ResumeSettings = Field(
        default_factory=ResumeSettings,
        description="Results that are kept for the next run.",
        examples=[{"max_age_days": 30}],
    )
    sensors: SensorsSettings = Field(
        default_factory=SensorsSettings,
        description="Status and interval of each sensor.",
        examples=[{"champion": {"status": "RUNNING"}}],
    )
    automation: Literal["eager"] | None = Field(
        default=None,
        description="eager: declarative automation instead of the champion sensor. Null: none.",
        examples=["eager"],
    )
    journal: JournalSettings = Field(
        default_factory=JournalSettings,
        description="Where the moves of the alias are recorded.",
        examples=[{"path": "s3://bucket/journal"}],
    )
    promotion: PromotionSettings | None = Field(
        default=None,
        description="Jobs that move the alias: to a version that has passed validation and is approved of, and back. "
        "Null: none; {}: with one approval.",
        examples=[{"required_approvals": 2, "four_eyes": True}],
    )
    tracking: TrackingSettings = Field(
        default_factory=TrackingSettings,
        description="Whether runs are recorded in MLflow.",
        examples=[{"enabled": True}],
    )
    retention: RetentionSettings | None = Field(
        default=None,
        description="Which runs of the model are kept. Null: all, for ever.",
        examples=[{"runs": 1000}],
    )
    executor: Literal["in_process", "multiprocess"] = Field(
        default="in_process",
        description="in_process: all steps in one process, which pays for imports once; multiprocess: each step in its "
        "own process.",
        examples=["multiprocess"],
    )
    owners: Sequence[str] = Field(
        default=(),
        description="Dagster owners of the assets: team:name or an e-mail address.",
        examples=[["team:risk", "ann@example.com"]],
    )

    @field_validator("owners")
    @classmethod
    def _check_owners(cls, value: Sequence[str]) -> Sequence[str]:
        for owner in value:
            try:
                dg.AssetSpec("any", owners=[owner])
            except dg.DagsterError as error:
                raise ValueError(f"owners holds {owner!r}; write an e-mail address, or team:name") from error
        return value

    @field_validator("alias_or_version")
    @classmethod
    def _check_alias_or_version(cls, value: str | int) -> str | int:
        try:
            check_alias_or_version(value)
        except ConfigurationError as error:
            raise ValueError(str(error)) from error
        return value

    @field_validator("outputs")
    @classmethod
    def _fill_in_path(cls, value: OutputsSettings, info: ValidationInfo) -> OutputsSettings:
        if value.path is not None or not info.data.get("registered_model"):
            return value
        names = ModelNames(info.data["registered_model"], info.data.get("name"))
        return value.model_copy(update={"path": f"tables/{names.prefix}"})

    @field_validator("partitions", mode="before")
    @classmethod
    def _read_partitions(cls, value: Any) -> Any:
        # Here rather than by the union, whose message would name both of its sides.
        if value is None:
            return None
        return PartitionsSettings.model_validate({"type": value} if isinstance(value, str) else value)

    @model_validator(mode="after")
    def _partitions_fit_automation(self) -> Self:
        if self.partitioning is not None and self.automation:
            raise ValueError("automation does not know partitions; leave it out and use sensors.champion and .inputs")
        return self

    @model_validator(mode="after")
    def _partitions_fit_inputs(self) -> Self:
        path = self.inputs.path
        if self.partitioning is None:
            if path is not None and PathTemplate(path).is_partitioned:
                raise ValueError(f"inputs.path is {path}, and there are no partitions; set partitions")
            return self
        if self.inputs.database:
            raise ValueError("partitions need inputs.path or inputs.asset; inputs is a database")
        if self.inputs.version is not None:
            raise ValueError("inputs.version counts one table's versions; with partitions use inputs.timestamp")
        if path is not None:
            try:
                self.partitioning.check(path)
            except ConfigurationError as error:
                raise ValueError(f"inputs.path: {error}") from error
        return self

    @model_validator(mode="after")
    def _partitions_need_named_columns(self) -> Self:
        pairs = self.explain.interaction_table
        if self.partitioning is not None and pairs is not None and pairs.columns is None:
            raise ValueError(
                "explain.interactions.strongest would be other columns in each partition; with partitions name them: "
                "explain.interactions.columns"
            )
        return self

    @model_validator(mode="after")
    def _loss_needs_label(self) -> Self:
        if self.explain.space == "loss" and self.inputs.label is None:
            raise ValueError("explain.space: loss needs inputs.label, the column with the true answers")
        return self

    @model_validator(mode="after")
    def _upsert_needs_row_key(self) -> Self:
        if self.outputs.mode == "upsert" and not self.inputs.row_key:
            raise ValueError("outputs.mode: upsert needs inputs.row_key: a generated row_number identifies no row")
        return self

    @model_validator(mode="after")
    def _row_key_fits_tables(self) -> Self:
        if self.explain.reasons is not None:
            from mlops_assets.explain.reasons.reason_rows import REASON_COLUMNS

            self._require_other_names("reasons", REASON_COLUMNS)
        if self.explain.changes is not None:
            from mlops_assets.explain.compare.comparison import OWN_COLUMNS

            self._require_other_names("changes", OWN_COLUMNS)
        return self

    def _require_other_names(self, table: str, columns: Iterable[str]) -> None:
        if taken := sorted(set(self.inputs.row_key or ()) & set(columns)):
            raise ValueError(f"inputs.row_key: the table of {table} has columns called {', '.join(taken)} itself")

    @model_validator(mode="after")
    def _outcomes_fit(self) -> Self:
        if self.outcomes is None:
            return self
        if self.outcomes.partition is not None and self.partitioning is None:
            raise ValueError("outcomes.partition names a column of partition keys, and there are no partitions")
        own, key = self.outcomes.row_key, self.inputs.row_key
        if own is not None and len(own) != len(key or ("row_number",)):
            raise ValueError("outcomes.row_key names as many columns as inputs.row_key, in its order")
        return self

    @model_validator(mode="after")
    def _reference_partition_exists(self) -> Self:
        key = None if self.monitor is None else self.monitor.reference.partition
        if key is None:
            return self
        if self.partitioning is None:
            raise ValueError(f"monitor.reference.partition is {key!r}, and there are no partitions; set partitions")
        if self.partitioning.keys is not None and key not in self.partitioning.keys:
            known = list_some(self.partitioning.keys)
            raise ValueError(f"monitor.reference.partition is {key!r}, which is not among partitions.keys: {known}")
        return self

    @model_validator(mode="after")
    def _champion_sensor_or_automation(self) -> Self:
        champion = self.sensors.champion.status == "RUNNING"
        if champion and self.automation:
            raise ValueError(
                "automation and sensors.champion.status: RUNNING would both launch a run when the alias moves; keep one"
            )
        if isinstance(self.alias_or_version, int) and (champion or self.automation):
            raise ValueError("alias_or_version is a version, which never moves; sensors.champion needs an alias")
        return self

    @model_validator(mode="after")
    def _promotion_needs_alias(self) -> Self:
        if self.promotion is not None and self.alias is None:
            raise ValueError("alias_or_version is a version, which nothing is promoted to; promotion needs an alias")
        return self

    @model_validator(mode="after")
    def _sensors_have_something_to_watch(self) -> Self:
        self.sensors.check(None if self.outcomes is None else self.outcomes.path, self.explain.candidate_alias)
        if self.sensors.inputs.status != "RUNNING":
            return self
        if self.inputs.asset:
            raise ValueError("sensors.inputs watches files, and inputs is an asset; use that asset's own automation")
        if self.inputs.is_pinned:
            raise ValueError("sensors.inputs watches for changes, and a version of a Delta table never changes")
        if self.inputs.database:
            raise ValueError(
                "sensors.inputs watches files, and inputs is a database; use sensors.champion, a schedule, or an asset"
            )
        return self

    @property
    def names(self) -> ModelNames:
        """The names of what belongs to this model."""
        return ModelNames(self.registered_model, self.name)

    @property
    def alias(self) -> str | None:
        """The alias that is resolved in each run; None where the settings name a version."""
        return self.alias_or_version if isinstance(self.alias_or_version, str) else None

    @property
    def partitioning(self) -> PartitionsSettings | None:
        """`partitions`, whichever way they were written."""
        assert not isinstance(self.partitions, str)
        return self.partitions

    @property
    def partitions_def(self) -> "dg.PartitionsDefinition[str] | None":
        """How the samples, `predictions` and `sample_explanations` are partitioned; None: not at all."""
        return self.partitioning.definition(self.names.slug) if self.partitioning else None
