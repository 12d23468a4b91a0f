"""Tell people what became of a run."""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

import dagster as dg

from mlops_assets.family import Family
from mlops_assets.resources.notifier import Notifier

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition


def notification_sensors(family: Family, jobs: "Sequence[UnresolvedAssetJobDefinition]") -> list[dg.SensorDefinition]:
    """A sensor for success and one for failure of the model's jobs; both run by default, and never fail a run."""

    @dg.run_status_sensor(
        name=f"{family.slug}_success_notification",
        run_status=dg.DagsterRunStatus.SUCCESS,
        monitored_jobs=list(jobs),
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells that a run succeeded: rows and columns of the predictions, features of the explanations.",
    )
    def success(context: dg.RunStatusSensorContext, notifier: Notifier) -> None:
        deliver(
            notifier,
            f"{family.model}: {context.dagster_run.job_name} succeeded",
            _success(context),
            context.log,
        )

    @dg.run_failure_sensor(
        name=f"{family.slug}_failure_notification",
        monitored_jobs=list(jobs),
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells that a run failed: the step, and the first line of the error.",
    )
    def failure(context: dg.RunFailureSensorContext, notifier: Notifier) -> None:
        deliver(notifier, f"{family.model}: {context.dagster_run.job_name} failed", _failure(context), context.log)

    return [success, failure]


def deliver(notifier: Notifier, title: str, message: str, log: logging.Logger) -> None:
    """Notify; whatever goes wrong is logged and goes no further, because the run is over and its result stands."""
    try:
        notifier.notify(title, message)
    except Exception as error:  # noqa: BLE001 - a notifier is anybody's code, and must not fail what it reports on
        log.error(f"The notifier {type(notifier).__name__} failed: {type(error).__name__}: {error}")


def _success(context: dg.RunStatusSensorContext) -> str:
    lines = [f"Run {context.dagster_run.run_id}"]
    for event in _materializations(context):
        name, metadata = event.asset_key.path[-1], event.metadata
        if name == "predictions":
            rows = metadata["dagster/row_count"].value
            version, schema = metadata["model_version"].value, metadata["dagster/column_schema"]
            shape = f"{rows} rows"
            if isinstance(schema, dg.TableSchemaMetadataValue):
                shape += f" x {len(schema.schema.columns)} columns"
            lines.append(f"Predictions: {shape}, model version {version}")
        if name == "model_explanations":
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
        first = error.message.strip().splitlines()[0] if error else "(no message)"
        lines.append(f"Step {event.step_key}: {first}")
    if len(lines) == 1:
        lines.append((context.failure_event.message or "(no message)").strip().splitlines()[0])
    return "\n".join(lines)
