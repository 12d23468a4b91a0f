"""One registered MLflow model as a Dagster component: its assets, checks, jobs and sensors from one YAML."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import dagster as dg
from pydantic import Field, field_validator, model_validator

from mlops_assets.code_location.same_names import only_once
from mlops_assets.errors import ConfigurationError
from mlops_assets.family import Family
from mlops_assets.models.registry import check_alias_or_version
from mlops_assets.settings.groups import (
    ContractSettings,
    ExplainSettings,
    JournalSettings,
    PredictSettings,
    ResumeSettings,
    SensorsSettings,
    StrategySettings,
    TrackingSettings,
    TrustSettings,
)
from mlops_assets.settings.partitions import PartitionsSettings
from mlops_assets.settings.tables import InputsSettings, OutputsSettings
from mlops_assets.state import project_root
from mlops_assets.storage.partition_paths import PathTemplate


def _as_written(context: dg.ResolutionContext, value: Any) -> Any:
    """An alias or version; Dagster's templates would turn the text '3' into the number 3 without a word."""
    if isinstance(value, str):
        check_alias_or_version(value)
    return context.resolve_value(value)


class MlflowModelComponent(dg.Component, dg.Model, dg.Resolvable):
    """A registered MLflow model and a table, made into contract-checked predictions and exact explanations.

    Assets, under the model's name: champion_model, model_signature, input_samples, rejected_samples, predictions,
    sample_explanations, model_explanations. Jobs: `<model>_inference_job` and `<model>_explanations_job`.
    """

    # `model` in YAML: on the class that name belongs to dg.Resolvable.
    registered_model: str = Field(alias="model", description="Name of the registered model.", min_length=1)
    alias_or_version: Annotated[
        str | int, dg.Resolver(_as_written, model_field_type=str | int, inject_before_resolve=False)
    ] = Field(default="Champion", description="An alias (text) or a version (a number); resolved once per run.")
    inputs: InputsSettings = Field(description="The table to score.")
    outputs: OutputsSettings = Field(description="Where the tables go.")
    partitions: PartitionsSettings | str | None = Field(
        default=None,
        description="Cuts the tables: {type: daily | hourly | monthly, start: 2024-01-01}, {type: static, keys: [..]} "
        "or {type: dynamic}; inputs.path then holds {partition}. Null: one table.",
    )
    signer: StrategySettings = Field(
        default_factory=lambda: {"KIND": "InferSigner"},
        description="Makes a signature for a model that has none: {KIND: InferSigner}, or your own as module.Class.",
    )
    loader: StrategySettings = Field(
        default_factory=lambda: {"KIND": "AutoLoader"},
        description="{KIND: AutoLoader | BuiltinLoader | CustomLoader}, or your own as module.Class.",
    )
    trust: TrustSettings = Field(default_factory=TrustSettings, description="What models may do when loaded.")
    contract: ContractSettings = Field(default_factory=ContractSettings, description="How strict the signature is.")
    predict: PredictSettings = Field(default_factory=PredictSettings, description="Defaults for predictions.")
    explain: ExplainSettings = Field(default_factory=ExplainSettings, description="Defaults for explanations.")
    engine: StrategySettings = Field(
        default_factory=lambda: {"KIND": "LocalEngine"},
        description="Where predicting and explaining happen: {KIND: LocalEngine, workers: auto}, {KIND: SparkEngine, "
        "master: ... | remote: ...}, or your own as module.Class.",
    )
    resume: ResumeSettings = Field(default_factory=ResumeSettings, description="Results kept for the next run.")
    sensors: SensorsSettings = Field(default_factory=SensorsSettings, description="Status and interval of each sensor.")
    automation: Literal["eager"] | None = Field(
        default=None, description="eager: declarative automation in place of the champion sensor. Never both."
    )
    journal: JournalSettings = Field(default_factory=JournalSettings, description="The record of the alias's moves.")
    tracking: TrackingSettings = Field(default_factory=TrackingSettings, description="Record runs in MLflow.")
    executor: Literal["in_process", "multiprocess"] = Field(
        default="in_process", description="in_process pays the imports once; multiprocess isolates the steps."
    )
    owners: Sequence[str] = Field(
        default=(), description="Dagster owners of the assets: team:name or an e-mail address."
    )

    @field_validator("alias_or_version")
    @classmethod
    def _alias_or_version(cls, value: str | int) -> str | int:
        try:
            check_alias_or_version(value)
        except ConfigurationError as error:
            raise ValueError(str(error)) from error
        return value

    @field_validator("partitions", mode="before")
    @classmethod
    def _partitions(cls, value: Any) -> Any:
        # Here rather than by the union, whose message would tell of both of its sides.
        return value if value is None else PartitionsSettings.model_validate(_long_form(value))

    @model_validator(mode="after")
    def _the_path_has_the_partition(self) -> "MlflowModelComponent":
        path = self.inputs.path
        if self.partitioning is not None and self.automation:
            raise ValueError("automation does not know partitions; leave it out and use sensors.champion and .inputs")
        if self.partitioning is not None and self.inputs.database:
            raise ValueError("partitions need inputs.path or inputs.asset; inputs is a database")
        if self.partitioning is not None and path is not None:
            try:
                self.partitioning.check(path)
            except ConfigurationError as error:
                raise ValueError(f"inputs.path: {error}") from error
        elif path is not None and PathTemplate(path).is_partitioned:
            raise ValueError(f"inputs.path is {path}, and there are no partitions; set partitions")
        return self

    @property
    def partitioning(self) -> PartitionsSettings | None:
        """`partitions`, whichever way it was written."""
        assert not isinstance(self.partitions, str)
        return self.partitions

    @model_validator(mode="after")
    def _rows_to_update_have_a_key(self) -> "MlflowModelComponent":
        if self.outputs.mode == "upsert" and not self.inputs.row_key:
            raise ValueError("outputs.mode: upsert needs inputs.row_key: a generated row_number identifies no row")
        return self

    @model_validator(mode="after")
    def _one_way_to_run_itself(self) -> "MlflowModelComponent":
        champion = self.sensors.champion.status == "RUNNING"
        if champion and self.automation:
            raise ValueError(
                "automation and sensors.champion.status: RUNNING would both launch a run when the alias moves; keep one"
            )
        if isinstance(self.alias_or_version, int) and (champion or self.automation):
            raise ValueError("alias_or_version is a version, which never moves; sensors.champion needs an alias")
        if self.sensors.inputs.status == "RUNNING" and self.inputs.asset:
            raise ValueError("sensors.inputs watches files, and inputs is an asset; use that asset's own automation")
        if self.sensors.inputs.status == "RUNNING" and self.inputs.is_pinned:
            raise ValueError("sensors.inputs watches for changes, and a version of a Delta table never changes")
        if self.inputs.version is not None and self.partitioning is not None:
            raise ValueError("inputs.version counts one table's versions; with partitions use inputs.timestamp")
        if self.sensors.inputs.status == "RUNNING" and self.inputs.database:
            raise ValueError(
                "sensors.inputs watches files, and inputs is a database; use sensors.champion, a schedule, or an asset"
            )
        return self

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The definitions of this model; relative paths start at the project's folder.

        Raises
        ------
        ConfigurationError
            Another YAML of the code location has this model, or one whose jobs and assets would have the same names.
        """
        with only_once(self.registered_model, context):
            return self.definitions(Path(context.project_root))

    def definitions(self, root: Path | None = None) -> dg.Definitions:
        """The same without a component context, to be merged into your own `dg.Definitions`.

        The resources ``mlflow_registry`` and ``notifier`` are the code location's; `default_resources` makes them.

        Parameters
        ----------
        root
            Where relative paths start; None: the project's folder.

        Raises
        ------
        ConfigurationError
            A strategy's KIND cannot be found.
        """
        from mlops_assets.model_definitions import family_definitions

        return family_definitions(Family(self, root or project_root()))


def build_model_definitions(model: str, root: Path | None = None, **settings: Any) -> dg.Definitions:
    """The definitions of one registered model in plain Python: the keys of ``defs.yaml`` as arguments.

    Examples
    --------
    >>> defs = build_model_definitions(
    ...     model="churn",
    ...     inputs={"path": "customers.parquet", "row_key": ["customer_id"]},
    ...     outputs={"path": "tables/churn"},
    ... )
    >>> sorted(job.name for job in defs.jobs)
    ['churn_explanations_job', 'churn_inference_job']
    """
    return MlflowModelComponent.model_validate({"model": model, **settings}).definitions(root)


def _long_form(value: Any) -> Any:
    return {"type": value} if isinstance(value, str) else value
