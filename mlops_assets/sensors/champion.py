"""The champion sensor: a run each time the alias moves."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import dagster as dg

from mlops_assets.errors import MlopsAssetsError
from mlops_assets.naming import INPUT_SAMPLES, PREDICTIONS, REGISTRY, ModelNames
from mlops_assets.redaction.errors import redact_errors
from mlops_assets.resources.journal import ChampionJournal
from mlops_assets.resources.registry import MlflowRegistry
from mlops_assets.resources.shared import shared_resource
from mlops_assets.sensors.watch import evaluate_tick, last_run_key, run_of_partition
from mlops_assets.settings.sensors import LaunchingSensorSettings

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

SEEN_TAG = "mlops_assets/champion_seen"


def champion_sensor(
    names: ModelNames,
    alias: str,
    settings: LaunchingSensorSettings,
    journal: ChampionJournal,
    partitions: "dg.PartitionsDefinition[str] | None",
    job: "UnresolvedAssetJobDefinition",
    defaults: Mapping[str, dg.ResourceDefinition],
) -> dg.SensorDefinition:
    """Launches `job` on every move of the alias: promotion, rollback, deleted and set again. One registry call a tick.

    The run reads the alias itself when it starts, once. First sight of a champion launches a run, unless the published
    predictions are this version's already. A reset cursor is restored from the last run that this sensor launched: it
    repeats nothing, also no run that failed. While the registry does not answer, or knows no such model, ticks are
    skipped, ever more rarely, and nothing is forgotten. With partitions: a run for each of `partitions_to_rescore`.
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
        with shared_resource(context, REGISTRY, defaults) as registry:
            return evaluate_tick(
                context,
                f"{names.model}@{alias}",
                look=lambda: champion_token(registry, names.model, alias),
                last_key=lambda: last_run_key(context.instance, name),
                published=lambda _: published_token(context.instance, names),
                act=lambda key, token: _runs(context.instance, names, partitions, key, {SEEN_TAG: token}),
                noticed=lambda token: note_move(context, journal, alias, token),
            )

    return champion


def _runs(
    instance: dg.DagsterInstance,
    names: ModelNames,
    partitions: "dg.PartitionsDefinition[str] | None",
    key: str,
    tags: dict[str, str],
) -> dg.RunRequest | list[dg.RunRequest]:
    if partitions is None:
        return dg.RunRequest(run_key=key, tags=tags)
    return [run_of_partition(key, partition, tags) for partition in partitions_to_rescore(instance, names, partitions)]


def partitions_to_rescore(
    instance: dg.DagsterInstance, names: ModelNames, partitions: "dg.PartitionsDefinition[str]"
) -> list[str]:
    """The partitions that a new champion scores again at once: of time partitions the last one that was ever scored, of
    others every one that was. The rest show as stale and are a backfill in the UI away."""
    scored = instance.get_materialized_partitions(names.key(INPUT_SAMPLES))
    keys = [key for key in partitions.get_partition_keys(dynamic_partitions_store=instance) if key in scored]
    return keys[-1:] if isinstance(partitions, dg.TimeWindowPartitionsDefinition) else keys


def champion_token(registry: MlflowRegistry, model: str, alias: str) -> str | None:
    """``v<version>`` that the alias points at, None where the model has no such alias; one registry call.

    Raises
    ------
    RegistryError
        The registry does not answer, or has no such model.
    """
    version = registry.address().model(model).aliases.get(alias)
    return None if version is None else f"v{int(version)}"


def published_token(instance: dg.DagsterInstance, names: ModelNames) -> str | None:
    """``v<version>`` that made the published predictions, as their last materialization says."""
    event = instance.get_latest_materialization_event(names.key(PREDICTIONS))
    materialization = event.asset_materialization if event else None
    version = materialization.metadata.get("model_version") if materialization else None
    return f"v{version.value}" if version else None


def note_move(context: dg.SensorEvaluationContext, journal: ChampionJournal, alias: str, token: str | None) -> None:
    """Put a move into the journal; a journal that cannot be written is logged and holds up no run."""
    try:
        journal.open().note(alias, int(token.removeprefix("v")) if token else None, None, "sensor")
    except (MlopsAssetsError, OSError) as error:
        context.log.error(f"The move could not be noted in the journal: {type(error).__name__}: {error}")
