"""Where outcomes come from and what is expected of predictions, as a model's ``defs.yaml`` says."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import dagster as dg
from pydantic import Field, field_validator, model_validator

from mlops_assets.errors import did_you_mean
from mlops_assets.naming import OUTCOMES, PREDICTION_HISTORY, ModelNames
from mlops_assets.performance.metrics import METRICS
from mlops_assets.settings.described import SettingsGroup
from mlops_assets.settings.table_keys import (
    Database,
    SqlQuery,
    SqlTable,
    StorageOptions,
    TableFormat,
    check_source,
)
from mlops_assets.settings.tables import InputsSettings, check_asset_key

if TYPE_CHECKING:
    from mlops_assets.performance.outcome_rows import OutcomeColumns
    from mlops_assets.performance.problem import Asked


ROW_NUMBER = "row_number"
"""The key of rows that are numbered, as `mlops_assets.arrow.input_table` calls it."""


class CandidateSettings(SettingsGroup):
    """Another YAML of the same registered model, whose versions are compared with this one's."""

    name: str = Field(description="Its `name`.", min_length=1, examples=["churn_challenger"])
    path: str | None = Field(
        default=None,
        description="Its `outputs.path`, in the same storage as this one's. Null: tables/<name>.",
        examples=["tables/churn_challenger"],
    )

    def history_key(self) -> dg.AssetKey:
        """The asset that keeps its predictions."""
        return ModelNames(self.name).key(PREDICTION_HISTORY)

    def folder(self) -> str:
        """Where its tables are, as it is written."""
        return self.path or f"tables/{ModelNames(self.name).prefix}"


class OutcomesSettings(SettingsGroup):
    """What came of the rows that were predicted: a path or URL, a table or query of a database, or another asset of
    the code location.
    """

    path: str | None = Field(
        default=None,
        description="File, folder or fsspec URL, relative to the project's folder. Set exactly one of path, asset and "
        "database.",
        examples=["data/outcomes.parquet", "s3://bucket/outcomes"],
    )
    asset: str | None = Field(
        default=None,
        description="Instead of a path: the key of an asset of your own, which its IO manager reads.",
        examples=["warehouse/outcomes"],
    )
    database: Database = None
    table: SqlTable = None
    query: SqlQuery = None
    format: TableFormat = None
    storage_options: StorageOptions = None
    column: str = Field(description="The column with the outcome.", min_length=1, examples=["churned"])
    row_key: Sequence[str] | None = Field(
        default=None,
        description="The columns that identify a row, in the order of inputs.row_key. Null: they have the same names "
        "(row_number where inputs.row_key is null).",
        examples=[["customer"]],
    )
    at: str | None = Field(
        default=None,
        description="The column with the time at which an outcome was observed: of several outcomes of a row key the "
        "newest counts. Null: a row key has one outcome.",
        examples=["observed_at"],
    )
    partition: str | None = Field(
        default=None,
        description="With partitions: the column with the key of the partition that an outcome belongs to. Null: it "
        "counts for every partition in which its row key was predicted.",
        examples=["month"],
    )
    segments: Sequence[str] = Field(
        default=(),
        description="Columns of the model's inputs or of the outcomes: metrics are given for each of their values too.",
        examples=[["region", "product"]],
    )
    task: Literal["regression", "binary", "multiclass"] | None = Field(
        default=None,
        description="What the predictions are. Null: probabilities and labels are classes, other numbers a regression. "
        "binary makes a column of numbers the score of the positive class.",
        examples=["binary"],
    )
    output: str | None = Field(
        default=None,
        description="Where the model returns several columns: the one that outcomes are of. Null: the only one.",
        examples=["score"],
    )
    positive: str | int | bool | None = Field(
        default=None,
        description="The positive class of two. Null: the model's second one, 1 or true.",
        examples=["churned"],
    )
    decision_threshold: float = Field(
        default=0.5,
        description="The positive class is predicted from this score on; precision, recall and accuracy are those of "
        "these decisions.",
        examples=[0.3],
    )
    floor: dict[str, float] = Field(
        default_factory=dict,
        description="Metric -> the worst value that is accepted: the lowest, and of errors and losses the highest.",
        examples=[{"roc_auc": 0.8}, {"mae": 10.0}],
    )
    on_floor: Literal["warn", "block"] = Field(
        default="warn",
        description="What happens below the floor: `warn`, or `block`, which fails the run.",
        examples=["block"],
    )
    watch: Sequence[str] = Field(
        default=(),
        description="Metrics whose fall against the version before is reported where it is beyond chance. Empty: rmse, "
        "roc_auc or log_loss, and accuracy where there are labels only.",
        examples=[["roc_auc", "brier"]],
    )
    on_fall: Literal["warn", "block"] = Field(
        default="warn",
        description="What happens on such a fall: `warn`, or `block`, which fails the run.",
        examples=["block"],
    )
    min_rows: int = Field(
        default=30,
        description="Nothing is judged on fewer rows with known outcomes.",
        ge=2,
        examples=[200],
    )
    candidate: CandidateSettings | None = Field(
        default=None,
        description="Another YAML of the same model with another alias or version: its newest version is compared with "
        "this one's on the rows that both predicted. It needs `outcomes` as well. Null: none.",
        examples=[{"name": "churn_challenger"}],
    )
    keep: int | None = Field(
        default=None,
        description="The number of publications of the predictions (of each partition) that are kept for outcomes to "
        "come. Null: all.",
        ge=1,
        examples=[100],
    )

    _check_asset = field_validator("asset")(check_asset_key)

    @model_validator(mode="after")
    def _one_source(self) -> "OutcomesSettings":
        check_source(self, "outcomes", {"format": self.format, "storage_options": self.storage_options})
        return self

    @property
    def is_read(self) -> bool:
        """Whether this package reads the table itself; else it is the user's own asset."""
        return self.asset is None

    @field_validator("floor", "watch")
    @classmethod
    def _are_metrics(cls, value: Any) -> Any:
        for name in value:
            if name not in METRICS:
                raise ValueError(f"there is no metric {name!r}{did_you_mean(name, METRICS)}; use {', '.join(METRICS)}")
        return value

    @field_validator("floor")
    @classmethod
    def _are_finite(cls, value: dict[str, float]) -> dict[str, float]:
        for name, bound in value.items():
            if not math.isfinite(bound):
                raise ValueError(f"{name} is {bound}, which is no bound; write a number")
        return value

    @field_validator("watch")
    @classmethod
    def _have_a_direction(cls, value: Sequence[str]) -> Sequence[str]:
        if "mean_error" in value:
            raise ValueError(
                "mean_error is neither better high nor low; put it under outcomes.floor, as the largest bias"
            )
        return value

    @field_validator("segments", "row_key")
    @classmethod
    def _each_once(cls, value: Sequence[str] | None) -> Sequence[str] | None:
        if value is not None and len(set(value)) < len(value):
            raise ValueError("a column is named twice")
        return value

    @model_validator(mode="after")
    def _fits_the_task(self) -> "OutcomesSettings":
        for name in (*self.floor, *self.watch):
            if self.task is not None and self.task not in METRICS[name].tasks:
                raise ValueError(f"{name} is no metric of outcomes.task {self.task}")
        return self

    def as_inputs(self, row_key: Sequence[str] | None) -> InputsSettings:
        """The table as one that is read; `row_key`: that of the inputs, None where their rows are numbered.

        Rows of outcomes are never numbered: they are seldom all, and in the order of the inputs.
        """
        return InputsSettings(
            path=self.path,
            asset=self.asset,
            database=self.database,
            table=self.table,
            query=self.query,
            format=self.format,
            row_key=self.row_key or row_key or (ROW_NUMBER,),
            storage_options=self.storage_options,
        )

    def asset_key(self, names: ModelNames) -> dg.AssetKey:
        """The user's own asset, or the external asset ``<model>/outcomes``."""
        return dg.AssetKey.from_user_string(self.asset) if self.asset else names.key(OUTCOMES)

    def columns(self) -> "OutcomeColumns":
        """Which columns of the table say what."""
        from mlops_assets.performance.outcome_rows import OutcomeColumns

        return OutcomeColumns(self.column, self.at, self.partition, tuple(self.segments))

    def asked(self) -> "Asked":
        """What is said of the problem."""
        from mlops_assets.performance.problem import Asked

        positive = None if self.positive is None else str(self.positive)
        return Asked(self.task, self.output, positive, self.decision_threshold)
