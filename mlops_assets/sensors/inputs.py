"""The inputs sensor: a run when input files appear or change, and again where that run did not come to anything."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from mlops_assets.naming import ModelNames
from mlops_assets.redaction.errors import redact_errors
from mlops_assets.sensors.alerts import alert_stale
from mlops_assets.sensors.holds import inputs_token, reason_without_champion, was_scored
from mlops_assets.sensors.moves import Asked, is_same, short_token
from mlops_assets.sensors.published import PublishedTables
from mlops_assets.sensors.reconcile import Situation
from mlops_assets.sensors.requests import UNDER_WAY, is_under_way, last_runs, of_status, read_asked, unsettled
from mlops_assets.sensors.watch import Look, Watch, evaluate_tick, now, run_of_move
from mlops_assets.settings.sensors import LaunchingSensorSettings
from mlops_assets.settings.tables import InputsSettings

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition


def inputs_sensor(
    names: ModelNames,
    settings: LaunchingSensorSettings,
    inputs_settings: InputsSettings,
    alias_or_version: str | int,
    root: Path,
    job: "UnresolvedAssetJobDefinition",
    defaults: Mapping[str, dg.ResourceDefinition],
) -> dg.SensorDefinition:
    """Launches `job` when the listing of the input files changes: names, sizes, times or entity tags.

    Tables know from which files they were made. Where these are not the ones that are there, a run is asked for, at
    first sight too, and again if it fails (see `reconcile`). The champion sensor, where it is on, goes first: the run
    of the first champion reads these files as well. An empty folder is nothing to run on, and no error; nor is a model
    without a champion, for which no run is asked for. Files should be switched into place whole; one that grows over
    several ticks is read again after each.
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
        instance, subject = context.instance, f"{names.name}/inputs"

        def asked() -> Asked:
            return read_asked(instance, subject)

        return evaluate_tick(
            context,
            Watch(
                subject,
                look=lambda: inputs_token(inputs_settings, root),
                asked=asked,
                published=lambda token: published_listing(instance, names, token, asked),
                situation=lambda look: inputs_situation(instance, names, settings.job, name, look),
                act=lambda request: run_of_move(request, {}),
                retries=settings.retries,
                tell=alert_stale(context, names, defaults),
                defer=lambda: _reason_to_wait(instance, names, name),
                hold=lambda: reason_without_champion(context, names, alias_or_version, defaults),
                gives_way=True,
                forgets=False,
            ),
        )

    return inputs


def inputs_situation(
    instance: dg.DagsterInstance, names: ModelNames, job: str, sensor_name: str, look: Look
) -> Situation:
    """Whether the tables that `job` publishes are made from the files that were seen."""
    tables = PublishedTables.read(instance, names, job, all_of_them=look.was_asked)
    published = tables.listing
    if tables.are_there and tables.are_of_one_input and published is not None and is_same(published, look.token):
        return Situation(True)
    runs = last_runs(instance, look.move)
    failed = of_status(runs, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
    if tables.are_there and tables.are_of_one_input and published is None and not failed:
        # A run by hand that left rows out, or one of an earlier release.
        return Situation(None)
    made_from = f"the files {short_token(published)}" if published else "other files" if tables.are_there else ""
    under_way = is_under_way(instance, names, sensor_name, now())
    return unsettled(instance, runs, now(), published=made_from, under_way=under_way)


def published_listing(
    instance: dg.DagsterInstance, names: ModelNames, token: str | None, asked: Callable[[], Asked]
) -> str | None:
    """The listing that the published rows were read from.

    `token` where rows are published, nobody knows theirs, and nothing was ever asked for.
    """
    listing = PublishedTables.read(instance, names, "inference").listing
    if listing is None and was_scored(instance, names) and not asked().moves:
        return token
    return listing


def _reason_to_wait(instance: dg.DagsterInstance, names: ModelNames, sensor_name: str) -> str:
    if is_under_way(instance, names, sensor_name, now()):
        return UNDER_WAY
    if instance.schedule_storage is None:
        # In memory: nothing ticks by itself.
        return ""
    states = instance.all_instigator_state()
    is_on = any(state.instigator_name == names.champion_sensor and state.is_running for state in states)
    return "the run of the champion sensor will read it" if is_on else ""
