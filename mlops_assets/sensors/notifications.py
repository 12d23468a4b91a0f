"""Report the success and the failure of a model's runs to people."""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import dagster as dg

from mlops_assets.metadata import COLUMN_SCHEMA, ROW_COUNT
from mlops_assets.naming import MODEL_EXPLANATIONS, NOTIFIER, PREDICTIONS, ModelNames
from mlops_assets.redaction.errors import redact_errors
from mlops_assets.resources.notifier import deliver
from mlops_assets.resources.shared import shared_resource
from mlops_assets.sensors.run_events import concerns_model, first_line, read_materializations, step_failures
from mlops_assets.settings.sensors import ReportingSensorSettings

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition


def notification_sensors(
    names: ModelNames,
    settings: ReportingSensorSettings,
    jobs: "Collection[UnresolvedAssetJobDefinition]",
    defaults: Mapping[str, dg.ResourceDefinition],
    *,
    automated: bool,
) -> list[dg.SensorDefinition]:
    """A sensor for the success and one for the failure of the model's jobs; neither ever fails a run.

    Parameters
    ----------
    jobs
        The model's jobs.
    defaults
        In place of the shared resources that the code location lacks.
    automated
        Whether declarative automation launches runs. These belong to no job, so the sensors then watch every run of
        the code location and report those that concern the model's assets.
    """
    watched_jobs = None if automated else list(jobs)
    job_names = {job.name for job in jobs}

    def concerns(context: dg.RunStatusSensorContext) -> bool:
        run = context.dagster_run
        return run.job_name in job_names or concerns_model(context.instance, run.run_id, names)

    @dg.run_status_sensor(
        name=f"{names.slug}_success_notification",
        run_status=dg.DagsterRunStatus.SUCCESS,
        monitored_jobs=watched_jobs,
        default_status=settings.default_status,
        minimum_interval_seconds=settings.interval_seconds,
        description=f"Reports each successful run of {names.name} through the resource `notifier`: rows and columns of "
        "the predictions, the first features.",
    )
    @redact_errors
    def success(context: dg.RunStatusSensorContext) -> None:
        if concerns(context):
            title = f"{names.name}: {_describe_job(context)} succeeded"
            message = _describe_success(context, names)
            # Seen with the tick as well, whatever becomes of the message.
            context.log.info(f"{title}\n{message}")
            with shared_resource(context, NOTIFIER, defaults) as notifier:
                deliver(notifier, title, message, context.log)

    @dg.run_failure_sensor(
        name=f"{names.slug}_failure_notification",
        monitored_jobs=watched_jobs,
        default_status=settings.default_status,
        minimum_interval_seconds=settings.interval_seconds,
        description=f"Reports each failed run of {names.name} through the resource `notifier`: the step, and the first "
        "line of the error.",
    )
    @redact_errors
    def failure(context: dg.RunFailureSensorContext) -> None:
        if concerns(context):
            title = f"{names.name}: {_describe_job(context)} failed"
            message = _describe_failure(context)
            context.log.warning(f"{title}\n{message}")
            with shared_resource(context, NOTIFIER, defaults) as notifier:
                deliver(notifier, title, message, context.log)

    return [success, failure]


def _describe_job(context: dg.RunStatusSensorContext) -> str:
    name = context.dagster_run.job_name
    # Dagster's own name for materializations that no job defines.
    return "a run outside its jobs" if name.startswith("__") else name


def _describe_success(context: dg.RunStatusSensorContext, names: ModelNames) -> str:
    run_id = context.dagster_run.run_id
    lines = [f"Run {run_id}"]
    materializations = read_materializations(context.instance, run_id, names)
    if PREDICTIONS in materializations:
        metadata = materializations[PREDICTIONS].metadata
        shape = f"{metadata[ROW_COUNT]} rows"
        schema = metadata[COLUMN_SCHEMA]
        if isinstance(schema, dg.TableSchema):
            shape += f" x {len(schema.columns)} columns"
        lines.append(f"Predictions: {shape}, model version {metadata['model_version']}")
    if MODEL_EXPLANATIONS in materializations:
        metadata = materializations[MODEL_EXPLANATIONS].metadata
        lines.append(f"Explanations: {metadata['features']} features; top: {metadata['top_features_text']}")
    return "\n".join(lines)


def _describe_failure(context: dg.RunFailureSensorContext) -> str:
    failures = step_failures(context.get_step_failure_events())
    # Without a failed step the process died, or the run never started.
    lines = [f"Step {failure.step}: {failure.error}" for failure in failures] or [
        first_line(context.failure_event.message)
    ]
    return "\n".join([f"Run {context.dagster_run.run_id}", *lines])
