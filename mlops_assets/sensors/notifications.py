"""Tell people what became of a run."""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

import dagster as dg

from mlops_assets.errors import MlopsAssetsError
from mlops_assets.metadata import COLUMN_SCHEMA, ROW_COUNT
from mlops_assets.naming import ModelNames
from mlops_assets.resources.notifier import Notifier
from mlops_assets.settings.groups import ReportingSensorSettings

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition


def notification_sensors(
    names: ModelNames,
    settings: ReportingSensorSettings,
    jobs: "Sequence[UnresolvedAssetJobDefinition]",
    *,
    automated: bool,
) -> list[dg.SensorDefinition]:
    """A sensor for success and one for failure of the model's jobs; they never fail a run.

    Runs that declarative automation starts belong to no job, so with `automation` they watch every run of the code
    location and tell those that concern this model's assets.
    """
    monitored = None if automated else list(jobs)
    of_its_own = {job.name for job in jobs}

    @dg.run_status_sensor(
        name=f"{names.slug}_success_notification",
        run_status=dg.DagsterRunStatus.SUCCESS,
        monitored_jobs=monitored,
        default_status=settings.default_status,
        minimum_interval_seconds=settings.interval_seconds,
        description="Tells that a run succeeded: rows and columns of the predictions, features of the explanations.",
    )
    def success(context: dg.RunStatusSensorContext, notifier: Notifier) -> None:
        name = context.dagster_run.job_name
        if name in of_its_own or _concerns(context, names):
            deliver(notifier, f"{names.model}: {_shown(name)} succeeded", _success(context, names), context.log)

    @dg.run_failure_sensor(
        name=f"{names.slug}_failure_notification",
        monitored_jobs=monitored,
        default_status=settings.default_status,
        minimum_interval_seconds=settings.interval_seconds,
        description="Tells that a run failed: the step, and the first line of the error.",
    )
    def failure(context: dg.RunFailureSensorContext, notifier: Notifier) -> None:
        name = context.dagster_run.job_name
        if name in of_its_own or _concerns(context, names):
            deliver(notifier, f"{names.model}: {_shown(name)} failed", _failure(context), context.log)

    return [success, failure]


def deliver(notifier: Notifier, title: str, message: str, log: logging.Logger) -> None:
    """Notify; whatever goes wrong is logged and goes no further, because the run is over and its result stands."""
    try:
        notifier.notify(title, message)
    except MlopsAssetsError as error:
        log.error(f"The notifier {type(notifier).__name__} failed: {error}")
    except Exception as error:  # noqa: BLE001 - a notifier is anybody's code, and must not fail what it reports on
        # Foreign messages often quote the URL that was called, with its token.
        log.error(
            f"The notifier {type(notifier).__name__} failed with a {type(error).__name__}, whose text may hold secrets"
        )


def _shown(job_name: str) -> str:
    # Dagster's own name for materializations that no job defines.
    return "a run outside its jobs" if job_name.startswith("__") else job_name


def _concerns(context: dg.RunStatusSensorContext, names: ModelNames) -> bool:
    records = context.instance.get_records_for_run(
        context.dagster_run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED
    ).records
    events = (record.event_log_entry.dagster_event for record in records)
    keys = (event.asset_key for event in events if event is not None)
    return any(key is not None and key.path[0] == names.prefix for key in keys)


def _success(context: dg.RunStatusSensorContext, names: ModelNames) -> str:
    lines = [f"Run {context.dagster_run.run_id}"]
    for event in _materializations(context):
        metadata = event.metadata
        if event.asset_key == names.key("predictions"):
            shape = f"{metadata[ROW_COUNT].value} rows"
            schema = metadata[COLUMN_SCHEMA]
            if isinstance(schema, dg.TableSchemaMetadataValue):
                shape += f" x {len(schema.schema.columns)} columns"
            lines.append(f"Predictions: {shape}, model version {metadata['model_version'].value}")
        if event.asset_key == names.key("model_explanations"):
            lines.append(
                f"Explanations: {metadata['features'].value} features; top: {metadata['top_features_text'].value}"
            )
    return "\n".join(lines)


def _materializations(context: dg.RunStatusSensorContext) -> list[dg.AssetMaterialization]:
    records = context.instance.get_records_for_run(
        context.dagster_run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION
    ).records
    found = [record.asset_materialization for record in records]
    return [materialization for materialization in found if materialization is not None]


def _failure(context: dg.RunFailureSensorContext) -> str:
    lines = [f"Run {context.dagster_run.run_id}"]
    for event in context.get_step_failure_events():
        error = event.step_failure_data.error
        while error is not None and error.cause is not None:
            error = error.cause
        lines.append(f"Step {event.step_key}: {_first_line(error.message if error else None)}")
    if len(lines) == 1:
        # No step failed: the process died, or the run never started.
        lines.append(_first_line(context.failure_event.message))
    return "\n".join(lines)


def _first_line(text: str | None) -> str:
    return next((line.strip() for line in (text or "").splitlines() if line.strip()), "(no message)")
