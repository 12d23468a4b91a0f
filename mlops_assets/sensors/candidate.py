"""The candidate sensor: a run that compares the champion with a candidate each time the candidate's alias moves."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import dagster as dg

from mlops_assets.metadata import VERSION_AFTER
from mlops_assets.naming import CHANGE_SUMMARY, CHANGES, REGISTRY, SAMPLE_EXPLANATIONS, ModelNames
from mlops_assets.redaction.errors import redact_errors
from mlops_assets.resources.shared import shared_resource
from mlops_assets.sensors.alerts import alert_stale
from mlops_assets.sensors.champion import champion_token, runs_of_move
from mlops_assets.sensors.moves import is_same, plain_token, version_token
from mlops_assets.sensors.published import last_metadata
from mlops_assets.sensors.reconcile import Situation
from mlops_assets.sensors.requests import UNDER_WAY, is_under_way, last_runs, of_status, read_asked, unsettled
from mlops_assets.sensors.watch import Look, Watch, evaluate_tick, now
from mlops_assets.settings.sensors import RepeatingSensorSettings

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

CANDIDATE_TAG = "mlops_assets/candidate_seen"


def candidate_sensor(
    names: ModelNames,
    alias: str,
    settings: RepeatingSensorSettings,
    partitions: "dg.PartitionsDefinition[str] | None",
    job: "UnresolvedAssetJobDefinition",
    defaults: Mapping[str, dg.ResourceDefinition],
) -> dg.SensorDefinition:
    """Launches `job` on every move of the candidate's alias, exactly once each. One registry call a tick.

    `changes` knows which versions it compares. Where it is not of the candidate although a run was asked for, another
    one is asked for (see `reconcile`). An alias that is removed starts nothing, and while nothing is explained no run
    is asked for. With partitions: a run for each of `partitions_to_rescore`.
    """
    name = names.candidate_sensor

    @dg.sensor(
        name=name,
        job=job,
        default_status=settings.default_status,
        minimum_interval_seconds=settings.interval_seconds,
        description=f"Launches {job.name} each time {names.model}@{alias} points at another version, once per move. "
        "Switch it on to see what each candidate would change.",
    )
    @redact_errors
    def candidate(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        instance, subject = context.instance, f"{names.name}/candidate@{alias}"
        with shared_resource(context, REGISTRY, defaults) as registry:
            return evaluate_tick(
                context,
                Watch(
                    subject,
                    look=lambda: champion_token(registry, names.model, alias),
                    asked=lambda: read_asked(instance, subject),
                    published=lambda _: _published(instance, names),
                    situation=lambda look: candidate_situation(
                        instance, names, name, look, has_partitions=partitions is not None
                    ),
                    act=lambda request: runs_of_move(instance, names, partitions, request, CANDIDATE_TAG),
                    retries=settings.retries,
                    tell=alert_stale(context, names, defaults),
                    defer=lambda: UNDER_WAY if is_under_way(instance, names, name, now()) else "",
                    hold=lambda: _reason_without_explanations(instance, names),
                ),
            )

    return candidate


def candidate_situation(
    instance: dg.DagsterInstance, names: ModelNames, sensor_name: str, look: Look, *, has_partitions: bool
) -> Situation:
    """Whether `changes` is of the candidate that was seen; with partitions, whether the runs of its move succeeded."""
    runs = last_runs(instance, look.move)
    under_way = is_under_way(instance, names, sensor_name, now())
    if has_partitions:
        ended_well = of_status(runs, dg.DagsterRunStatus.SUCCESS)
        if len(ended_well) == len(runs):
            return Situation(True)
        made_from = f"another candidate in {len(runs) - len(ended_well)} of {len(runs)} partitions"
        return unsettled(instance, runs, now(), published=made_from)
    published = _published(instance, names)
    if published is not None and is_same(published, look.token):
        return Situation(True)
    made_from = "" if published is None else f"the candidate {plain_token(published)}"
    return unsettled(instance, runs, now(), published=made_from, under_way=under_way)


def _published(instance: dg.DagsterInstance, names: ModelNames) -> str | None:
    """The token of the version that both tables have as the candidate; None: there are none, or of two versions."""
    versions = {last_metadata(instance, names.key(asset), VERSION_AFTER) for asset in (CHANGES, CHANGE_SUMMARY)}
    version = versions.pop()
    return None if versions or version is None else version_token(int(str(version)), None)


def _reason_without_explanations(instance: dg.DagsterInstance, names: ModelNames) -> str:
    explained = instance.get_latest_materialization_event(names.key(SAMPLE_EXPLANATIONS)) is not None
    return "" if explained else f"{names.name} has explained nothing yet"
