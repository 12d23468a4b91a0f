"""The inputs sensor: a run when input files appear or change."""

from typing import TYPE_CHECKING

import dagster as dg

from mlops_assets.errors import TableError
from mlops_assets.family import Family
from mlops_assets.sensors.listing import listing_token
from mlops_assets.sensors.watch import last_run_key, watch
from mlops_assets.settings.groups import from_environment
from mlops_assets.storage.location import Location

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition


def inputs_sensor(family: Family, job: "UnresolvedAssetJobDefinition") -> dg.SensorDefinition:
    """Launches `job` when the listing of the input files changes: names, sizes, times or entity tags.

    The first tick launches a run only where nothing was ever scored: nobody knows from which listing published tables
    were made. Files should be switched into place whole; one that grows over several ticks is read again after each.
    """
    settings, name = family.settings.sensors.inputs, f"{family.slug}_inputs_sensor"

    @dg.sensor(
        name=name,
        job=job,
        default_status=settings.default_status,
        minimum_interval_seconds=settings.interval_seconds,
        description=f"Launches {job.name} when files of {family.settings.inputs.path} appear or change.",
    )
    def inputs(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        return watch(
            context,
            f"{family.model}/inputs",
            look=lambda: inputs_token(family),
            last_key=lambda: last_run_key(context.instance, name),
            published=lambda token: token if was_scored(context.instance, family) else None,
            act=lambda key, _: dg.RunRequest(run_key=key),
        )

    return inputs


def was_scored(instance: dg.DagsterInstance, family: Family) -> bool:
    """Whether any inputs were ever taken in."""
    return instance.get_latest_materialization_event(family.key("input_samples")) is not None


def inputs_token(family: Family) -> str:
    """The listing of the model's input files; see `listing_token`.

    Raises
    ------
    TableError
        There are none, or they cannot be listed. A store that is away may look like an empty one, so this is never
        taken for a change.
    """
    settings = family.settings.inputs
    place = Location.parse(
        settings.path or "", base=family.root, storage_options=from_environment(settings.storage_options)
    )
    token = listing_token(place, settings.format)
    if token is None:
        raise TableError("There are no input files", where=place.uri, fix="Put files there, or correct inputs.path")
    return token
