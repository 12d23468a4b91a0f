"""The champion sensor: a run each time the alias moves."""

from typing import TYPE_CHECKING

import dagster as dg

from mlops_assets.errors import MlopsAssetsError
from mlops_assets.family import Family
from mlops_assets.naming import REGISTRY
from mlops_assets.resources.journal import journal_resource
from mlops_assets.resources.registry import MlflowRegistry
from mlops_assets.sensors.watch import last_run_key, run_of_partition, watch

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

SEEN_TAG = "mlops_assets/champion_seen"


def champion_sensor(family: Family, alias: str, job: "UnresolvedAssetJobDefinition") -> dg.SensorDefinition:
    """Launches `job` on every move of the alias: promotion, rollback, deleted and set again. One registry call a tick.

    The run reads the alias itself when it starts, once. First sight of a champion launches a run, unless the published
    predictions are this version's already. A reset cursor is restored from the last run that this sensor launched: it
    repeats nothing, also no run that failed. While the registry does not answer, or knows no such model, ticks are
    skipped, ever more rarely, and nothing is forgotten. With partitions: a run for each of `partitions_to_rescore`.
    """
    settings, name = family.settings.sensors.champion, f"{family.slug}_champion_sensor"

    @dg.sensor(
        name=name,
        job=job,
        required_resource_keys={REGISTRY},
        default_status=settings.default_status,
        minimum_interval_seconds=settings.interval_seconds,
        description=f"Launches {job.name} each time {family.model}@{alias} points at another version.",
    )
    def champion(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        return watch(
            context,
            f"{family.model}@{alias}",
            look=lambda: champion_token(getattr(context.resources, REGISTRY), family.model, alias),
            last_key=lambda: last_run_key(context.instance, name),
            published=lambda _: published_token(context.instance, family),
            act=lambda key, token: _runs(context.instance, family, key, {SEEN_TAG: token}),
            noticed=lambda token: note_move(context, family, alias, token),
        )

    return champion


def _runs(
    instance: dg.DagsterInstance, family: Family, key: str, tags: dict[str, str]
) -> dg.RunRequest | list[dg.RunRequest]:
    if family.partitions is None:
        return dg.RunRequest(run_key=key, tags=tags)
    return [run_of_partition(key, partition, tags) for partition in partitions_to_rescore(instance, family)]


def partitions_to_rescore(instance: dg.DagsterInstance, family: Family) -> list[str]:
    """The partitions that a new champion scores again at once: of time partitions the last one that was ever scored, of
    others every one that was. The rest show as stale and are a backfill in the UI away."""
    assert family.partitions is not None
    scored = instance.get_materialized_partitions(family.key("input_samples"))
    keys = [key for key in family.partitions.get_partition_keys(dynamic_partitions_store=instance) if key in scored]
    return keys[-1:] if isinstance(family.partitions, dg.TimeWindowPartitionsDefinition) else keys


def champion_token(registry: MlflowRegistry, model: str, alias: str) -> str | None:
    """``v<version>`` that the alias points at, None where the model has no such alias; one registry call.

    Raises
    ------
    RegistryError
        The registry does not answer, or has no such model.
    """
    version = registry.address().model(model).aliases.get(alias)
    return None if version is None else f"v{int(version)}"


def published_token(instance: dg.DagsterInstance, family: Family) -> str | None:
    """``v<version>`` that made the published predictions, as their last materialization says."""
    event = instance.get_latest_materialization_event(family.key("predictions"))
    materialization = event.asset_materialization if event else None
    version = materialization.metadata.get("model_version") if materialization else None
    return f"v{version.value}" if version else None


def note_move(context: dg.SensorEvaluationContext, family: Family, alias: str, token: str | None) -> None:
    """Put a move into the journal; a journal that cannot be written is logged and holds up no run."""
    try:
        journal_resource(family).open().note(alias, int(token.removeprefix("v")) if token else None, None, "sensor")
    except (MlopsAssetsError, OSError) as error:
        context.log.error(f"The move could not be noted in the journal: {type(error).__name__}: {error}")
