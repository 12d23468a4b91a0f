"""What Dagster's event log says about a run: which assets it materialized, its checks, its errors, its times."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg

from mlops_assets.errors import user_error
from mlops_assets.naming import ModelNames


@dataclass(frozen=True)
class Materialization:
    """One asset that a run materialized.

    Attributes
    ----------
    metadata
        The values of its metadata, by key.
    data_version
        None where the event has none.
    """

    metadata: Mapping[str, Any]
    data_version: str | None


@dataclass(frozen=True)
class CheckCounts:
    """How many evaluations of asset checks passed and failed in a run."""

    passed: int
    failed: int


@dataclass(frozen=True)
class StepFailure:
    """A step that failed, and the first line of the error that its user should read."""

    step: str
    error: str


def concerns_model(instance: dg.DagsterInstance, run_id: str, names: ModelNames) -> bool:
    """Whether a run planned to materialize an asset of the model, whatever job it belongs to."""
    records = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED).records
    events = (record.event_log_entry.dagster_event for record in records)
    keys = (event.asset_key for event in events if event is not None)
    return any(key is not None and _belongs_to(key, names) for key in keys)


def read_materializations(instance: dg.DagsterInstance, run_id: str, names: ModelNames) -> dict[str, Materialization]:
    """The model's assets that a run materialized, by their names without the prefix, in the order of the events."""
    records = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION).records
    events = (record.asset_materialization for record in records)
    return {
        event.asset_key.path[1]: Materialization(
            {key: value.value for key, value in event.metadata.items()},
            (event.tags or {}).get("dagster/data_version"),
        )
        for event in events
        if event is not None and len(event.asset_key.path) == 2 and _belongs_to(event.asset_key, names)
    }


def count_checks(instance: dg.DagsterInstance, run_id: str, names: ModelNames) -> CheckCounts:
    """The evaluations of the checks of the model's assets in a run."""
    records = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION).records
    evaluations = (record.event_log_entry.asset_check_evaluation for record in records)
    results = [
        evaluation.passed
        for evaluation in evaluations
        if evaluation is not None and _belongs_to(evaluation.asset_key, names)
    ]
    return CheckCounts(passed=sum(results), failed=len(results) - sum(results))


def step_failures(events: Iterable[dg.DagsterEvent]) -> list[StepFailure]:
    """The steps that failed among `events`, each with the error that this package or the user's code raised."""
    failures = (event for event in events if event.is_step_failure)
    return [StepFailure(str(event.step_key), _error_line(event)) for event in failures]


def run_times(record: dg.RunRecord) -> tuple[float, float]:
    """When a finished run started and ended, in seconds since 1970; a run that never started began when it was made."""
    started = record.start_time or record.create_timestamp.timestamp()
    return started, record.end_time or record.update_timestamp.timestamp()


def first_line(text: str | None) -> str:
    """The first line of `text` that is not blank."""
    return next((line.strip() for line in (text or "").splitlines() if line.strip()), "(no message)")


def _error_line(event: dg.DagsterEvent) -> str:
    error = event.step_failure_data.error
    return first_line(user_error(error).message if error else None)


def _belongs_to(key: dg.AssetKey, names: ModelNames) -> bool:
    return key.path[0] == names.prefix
