"""The champion sensor: a run each time the alias moves, and again where that run did not come to anything."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from mlops_assets.errors import AliasNotFoundError, MlopsAssetsError
from mlops_assets.models.registry_answers import time_of_registration
from mlops_assets.naming import INPUT_SAMPLES, REGISTRY, ModelNames
from mlops_assets.redaction.errors import redact_errors
from mlops_assets.resources.journal import ChampionJournal
from mlops_assets.resources.registry import MlflowRegistry
from mlops_assets.resources.shared import shared_resource
from mlops_assets.sensors.alerts import alert_stale
from mlops_assets.sensors.holds import reason_without_inputs
from mlops_assets.sensors.moves import is_same, plain_token, version_token
from mlops_assets.sensors.published import PublishedTables
from mlops_assets.sensors.reconcile import Situation
from mlops_assets.sensors.requests import (
    UNDER_WAY,
    is_under_way,
    last_runs,
    of_status,
    partitions_at_work,
    read_asked,
    unsettled,
)
from mlops_assets.sensors.watch import Look, Request, Watch, evaluate_tick, now, run_of_move, run_of_partition
from mlops_assets.settings.sensors import LaunchingSensorSettings
from mlops_assets.settings.tables import InputsSettings

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

SEEN_TAG = "mlops_assets/champion_seen"


def champion_sensor(
    names: ModelNames,
    alias: str,
    settings: LaunchingSensorSettings,
    journal: ChampionJournal,
    partitions: "dg.PartitionsDefinition[str] | None",
    inputs: InputsSettings,
    root: Path,
    job: "UnresolvedAssetJobDefinition",
    defaults: Mapping[str, dg.ResourceDefinition],
) -> dg.SensorDefinition:
    """Launches `job` on every move of the alias: promotion, rollback, deleted and set again. One registry call a tick.

    The run reads the alias itself when it starts, once. First sight of a champion launches a run, unless the published
    tables are this version's already, or a run is under way. Where the tables are not the champion's although a run was
    asked for, it is asked for again (see `reconcile`), and at last people are told. A reset cursor is restored from the
    runs that were asked for: no key is used twice. While the registry does not answer, or knows no such model, ticks
    are skipped, ever more rarely, and nothing is forgotten. Before there is any input file, no run is asked for. With
    partitions: a run for each of `partitions_to_rescore`.
    """
    name = names.champion_sensor

    @dg.sensor(
        name=name,
        job=job,
        default_status=settings.default_status,
        minimum_interval_seconds=settings.interval_seconds,
        description=f"Launches {job.name} each time {names.model}@{alias} points at another version, once per move. "
        "Switch it on to follow promotions and rollbacks.",
    )
    @redact_errors
    def champion(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        instance, subject = context.instance, f"{names.model}@{alias}"
        with shared_resource(context, REGISTRY, defaults) as registry:
            return evaluate_tick(
                context,
                Watch(
                    subject,
                    look=lambda: champion_token(registry, names.model, alias),
                    asked=lambda: read_asked(instance, subject),
                    published=lambda _: PublishedTables.read(instance, names, settings.job, all_of_them=False).champion,
                    situation=lambda look: (
                        champion_situation(instance, names, settings.job, name, look)
                        if partitions is None
                        else situation_of_partitions(instance, names, settings.job, name, look)
                    ),
                    act=lambda request: runs_of_move(instance, names, partitions, request, SEEN_TAG),
                    retries=settings.retries,
                    tell=alert_stale(context, names, defaults),
                    defer=lambda: UNDER_WAY if is_under_way(instance, names, name, now()) else "",
                    hold=lambda: reason_without_inputs(instance, names, inputs, root) if partitions is None else "",
                    noticed=lambda token: note_move(context, journal, alias, token),
                ),
            )

    return champion


def champion_situation(
    instance: dg.DagsterInstance, names: ModelNames, job: str, sensor_name: str, look: Look
) -> Situation:
    """Whether the tables that `job` publishes are made by the version that was seen, on one and the same input."""
    tables = PublishedTables.read(instance, names, job, all_of_them=look.was_asked)
    published = tables.champion
    if published is not None and is_same(published, look.token) and tables.are_of_one_input:
        return Situation(True)
    made_from = "several versions or inputs" if tables.are_there else ""
    if published is not None and not is_same(published, look.token):
        made_from = plain_token(published)
    under_way = is_under_way(instance, names, sensor_name, now())
    return unsettled(instance, last_runs(instance, look.move), now(), published=made_from, under_way=under_way)


def situation_of_partitions(
    instance: dg.DagsterInstance, names: ModelNames, job: str, sensor_name: str, look: Look
) -> Situation:
    """Whether the runs that a move asked for, one per partition, have succeeded.

    Where it asked for none, because a run was under way: whether the last tables are made by the version that was seen.
    """
    runs = last_runs(instance, look.move)
    if not runs and look.was_asked:
        published = PublishedTables.read(instance, names, job, all_of_them=False).champion
        if published is not None and not is_same(published, look.token):
            under_way = is_under_way(instance, names, sensor_name, now())
            return Situation(False, running=under_way, published=plain_token(published))
    ended_well = of_status(runs, dg.DagsterRunStatus.SUCCESS)
    if len(ended_well) == len(runs):
        return Situation(True)
    made_from = f"another version in {len(runs) - len(ended_well)} of {len(runs)} partitions"
    return unsettled(instance, runs, now(), published=made_from)


def runs_of_move(
    instance: dg.DagsterInstance,
    names: ModelNames,
    partitions: "dg.PartitionsDefinition[str] | None",
    request: Request,
    tag: str,
) -> dg.RunRequest | list[dg.RunRequest]:
    """What a move of an alias asks for: a run; with partitions one for each of `partitions_to_rescore`, and again for
    those whose run has failed. `tag` holds the version that was seen.
    """
    tags = {tag: plain_token(request.token)}
    if partitions is None:
        return run_of_move(request, tags)
    if request.is_first:
        keys = partitions_to_rescore(instance, names, partitions)
    else:
        failed = of_status(last_runs(instance, request.move), dg.DagsterRunStatus.FAILURE)
        keys = [partition for partition in failed if partition is not None]
    return [run_of_partition(request, partition, tags) for partition in keys]


def partitions_to_rescore(
    instance: dg.DagsterInstance, names: ModelNames, partitions: "dg.PartitionsDefinition[str]"
) -> list[str]:
    """The partitions that a new champion scores again at once: of time partitions the last one that was ever scored, of
    others every one that was. The rest show as stale and are a backfill in the UI away.

    A partition that is being scored counts: its run may have pinned the champion before."""
    scored = instance.get_materialized_partitions(names.key(INPUT_SAMPLES)) | partitions_at_work(instance, names)
    keys = [key for key in partitions.get_partition_keys(dynamic_partitions_store=instance) if key in scored]
    return keys[-1:] if isinstance(partitions, dg.TimeWindowPartitionsDefinition) else keys


def champion_token(registry: MlflowRegistry, model: str, alias: str) -> str | None:
    """The version that the alias points at, see `version_token`; None where the model has no such alias.

    One registry call, and a second one where there is no such alias.

    Raises
    ------
    RegistryError
        The registry does not answer, or has no such model.
    """
    try:
        version = registry.address().version(model, alias)
    except AliasNotFoundError:
        return None
    return version_token(int(version.version), time_of_registration(version))


def note_move(context: dg.SensorEvaluationContext, journal: ChampionJournal, alias: str, token: str | None) -> None:
    """Put a move into the journal; a journal that cannot be written is logged and holds up no run."""
    try:
        journal.open().note(alias, int(plain_token(token).removeprefix("v")) if token else None, None, "sensor")
    except (MlopsAssetsError, OSError) as error:
        context.log.error(f"The move could not be noted in the journal: {type(error).__name__}: {error}")
