"""The inputs sensor: a run when input files appear or change."""

from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from mlops_assets.errors import TableError
from mlops_assets.naming import INPUT_SAMPLES, ModelNames
from mlops_assets.redaction.errors import redact_errors
from mlops_assets.sensors.listing import listing_token
from mlops_assets.sensors.watch import evaluate_tick, last_run_key
from mlops_assets.settings.sensors import LaunchingSensorSettings
from mlops_assets.settings.tables import InputsSettings

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition


def inputs_sensor(
    names: ModelNames,
    settings: LaunchingSensorSettings,
    inputs_settings: InputsSettings,
    root: Path,
    job: "UnresolvedAssetJobDefinition",
) -> dg.SensorDefinition:
    """Launches `job` when the listing of the input files changes: names, sizes, times or entity tags.

    The first tick launches a run only where nothing was ever scored: nobody knows from which listing published tables
    were made. Files should be switched into place whole; one that grows over several ticks is read again after each.
    """
    name = names.inputs_sensor
    shown = inputs_settings.shown_path

    @dg.sensor(
        name=name,
        job=job,
        default_status=settings.default_status,
        minimum_interval_seconds=settings.interval_seconds,
        description=f"Launches {job.name} when files of {shown} appear or change. Switch it on to score "
        "new data as it arrives.",
    )
    @redact_errors
    def inputs(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        return evaluate_tick(
            context,
            f"{names.name}/inputs",
            look=lambda: inputs_token(inputs_settings, root),
            last_key=lambda: last_run_key(context.instance, name),
            published=lambda token: token if was_scored(context.instance, names) else None,
            act=lambda key, _: dg.RunRequest(run_key=key),
        )

    return inputs


def was_scored(instance: dg.DagsterInstance, names: ModelNames) -> bool:
    """Whether any inputs were ever taken in."""
    return instance.get_latest_materialization_event(names.key(INPUT_SAMPLES)) is not None


def inputs_token(settings: InputsSettings, root: Path) -> str:
    """The listing of the model's input files; see `listing_token`.

    Raises
    ------
    TableError
        There are none, or they cannot be listed. A store that is away may look like an empty one, so this is never
        taken for a change.
    """
    place = settings.location(root)
    token = listing_token(place, settings.format)
    if token is None:
        raise TableError("There are no input files", where=place.uri, fix="Put files there, or correct inputs.path")
    return token
