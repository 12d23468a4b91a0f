"""Which runs of a model may be deleted, and which something still needs."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.scheduler.instigation import SensorInstigatorData  # no public name (dagster 1.13.27)

from mlops_assets.naming import ModelNames
from mlops_assets.resources.run_lock import PARTITION_TAG
from mlops_assets.sensors.requests import FINISHED, NO_JOB, RUN_KEY_TAG, SENSOR_TAG, UNFINISHED
from mlops_assets.sensors.tracking_cursor import LINK_TAG, TrackingCursor

# Sensors that report and record runs, and Dagster's retries, have seen a run by then.
LEAST_AGE = timedelta(hours=1)
PAGE = 200
BACKFILL_TAG = "dagster/backfill"
# What Dagster calls a backfill that has not ended.
GOING_ON = ("REQUESTED", "CANCELING", "FAILING")


@dataclass
class Needed:
    """The runs of a model that something needs, whatever their age.

    Attributes
    ----------
    runs
        Run -> why.
    counts
        The highest count of each kind of run key that is kept: sensors continue from it.
    trackings
        How far the tracking sensor is, which records runs in MLflow; none where it does not.
    """

    runs: dict[str, str] = field(default_factory=dict)
    counts: dict[tuple[str, str], int] = field(default_factory=dict)
    trackings: Sequence[TrackingCursor] = ()

    def keep(self, run_ids: Iterable[str | None], why: str) -> None:
        for run_id in run_ids:
            if run_id:
                self.runs.setdefault(run_id, why)


def find_needed(instance: dg.DagsterInstance, names: ModelNames, trackings: Sequence[TrackingCursor] = ()) -> Needed:
    """What is still shown or used of a model: the last materialization and observation of each asset and partition, and
    what unfinished runs repeat."""
    needed = Needed(trackings=trackings)
    keys = [key for key in instance.get_asset_keys() if key.path[0] == names.prefix]
    for record in instance.get_asset_records(keys) if keys else ():
        entry = record.asset_entry
        needed.keep([entry.last_run_id], "its last run")
        events = (entry.last_materialization_record, entry.last_observation_record)
        needed.keep([event.run_id for event in events if event], "the last materialization of an asset")
    for key in keys:
        needed.keep(_runs_of_partitions(instance, key), "the last materialization of a partition")
    for run in instance.get_runs(dg.RunsFilter(statuses=UNFINISHED)):
        needed.keep([run.run_id, run.parent_run_id, run.root_run_id], "an unfinished run")
    return needed


def read_trackings(
    instance: dg.DagsterInstance, names: ModelNames, location: str | None, now: datetime
) -> list[TrackingCursor]:
    """How far the model's tracking sensor is, in this code location; None: in each that has one.

    Before its first tick, as far as that one will look back.
    """
    if instance.schedule_storage is None:
        # In memory: nothing ticks by itself.
        return []
    cursors = [
        state.instigator_data.cursor
        for state in instance.all_instigator_state()
        if state.instigator_name == names.tracking_sensor
        and location in (None, state.origin.repository_origin.code_location_origin.location_name)
        and isinstance(state.instigator_data, SensorInstigatorData)
    ]
    return [TrackingCursor.read(cursor, now.timestamp()) for cursor in cursors or [None]]


def jobs_of(names: ModelNames, own: str) -> list[str]:
    """The jobs whose runs are this model's: those of this package, and what is materialized without a job."""
    jobs = [names.inference_job, names.explanations_job, names.validation_job, names.sign_job, names.compatibility_job]
    return [*jobs, names.performance_job, names.changes_job, own, NO_JOB]


def find_old_runs(
    instance: dg.DagsterInstance, names: ModelNames, job: str, keep: int, needed: Needed, now: datetime
) -> Iterator[dg.DagsterRun]:
    """The finished runs of a job that may be deleted, oldest first: beyond the newest `keep` and what is needed."""
    ours = dg.RunsFilter(job_name=job, statuses=list(FINISHED))
    newest = _newest(instance, names, ours, keep)
    needed.keep((run.run_id for run in newest), "one of the newest")
    for run in newest:
        _note_count(needed.counts, run)
    succeeded = dg.RunsFilter(job_name=job, statuses=[dg.DagsterRunStatus.SUCCESS])
    needed.keep((run.run_id for run in _newest(instance, names, succeeded, 1)), "the last that succeeded")
    if len(newest) < keep:
        return
    oldest_kept = newest[-1].run_id if newest else None
    cursor = None
    while page := instance.get_run_records(ours, limit=PAGE, cursor=cursor, ascending=True):
        cursor = page[-1].dagster_run.run_id
        for record in page:
            run = record.dagster_run
            if run.run_id == oldest_kept:
                return
            ended = record.end_time or record.update_timestamp.timestamp()
            too_young = now - datetime.fromtimestamp(ended, UTC) < LEAST_AGE
            if not _is_of(names, run) or too_young or _is_needed(instance, run, needed):
                continue
            updated = record.update_timestamp.timestamp()
            if LINK_TAG not in run.tags and any(each.is_open(run.run_id, updated) for each in needed.trackings):
                needed.keep([run.run_id], "not recorded in MLflow yet")
                continue
            yield run


def _newest(instance: dg.DagsterInstance, names: ModelNames, runs: dg.RunsFilter, count: int) -> list[dg.DagsterRun]:
    """The newest runs of the model; runs of assets without a job are those of all models together."""
    found, cursor = list[dg.DagsterRun](), None
    while len(found) < count and (page := instance.get_runs(runs, cursor=cursor, limit=PAGE)):
        cursor = page[-1].run_id
        found += [run for run in page if _is_of(names, run)]
    return found[:count]


def _is_of(names: ModelNames, run: dg.DagsterRun) -> bool:
    """Whether all that a run without a job was about are assets of the model; others belong to it by their job."""
    if run.job_name != NO_JOB:
        return True
    planned = {*(run.asset_selection or ()), *(check.asset_key for check in run.asset_check_selection or ())}
    return bool(planned) and all(key.path[0] == names.prefix for key in planned)


def _is_needed(instance: dg.DagsterInstance, run: dg.DagsterRun, needed: Needed) -> bool:
    if run.run_id in needed.runs:
        return True
    backfill_id = run.tags.get(BACKFILL_TAG)
    backfill = instance.get_backfill(backfill_id) if backfill_id else None
    if backfill is not None and backfill.status.value in GOING_ON:
        return True
    counted = _count_of(run)
    if counted is None:
        return False
    subject, count = counted
    if subject not in needed.counts:
        # Of one partition among thousands, none may be among the newest runs of the job.
        tags = {name: run.tags[name] for name in (SENSOR_TAG, PARTITION_TAG) if name in run.tags}
        for other in instance.get_runs(dg.RunsFilter(tags=tags), limit=PAGE):
            _note_count(needed.counts, other)
    return count >= needed.counts.get(subject, 0)


def _note_count(counts: dict[tuple[str, str], int], run: dg.DagsterRun) -> None:
    counted = _count_of(run)
    if counted is not None:
        subject, count = counted
        counts[subject] = max(count, counts.get(subject, 0))


def _count_of(run: dg.DagsterRun) -> tuple[tuple[str, str], int] | None:
    """What the key of a sensor's run counts, and how far: ``m@Champion:3:v7``, ``m/v7:1690000000000``."""
    sensor, key = run.tags.get(SENSOR_TAG), run.tags.get(RUN_KEY_TAG, "")
    found = re.match(r"(?P<subject>.+?):(?P<count>\d+):|(?P<model>.+)/v(?P<version>\d+):", key, re.DOTALL)
    if sensor is None or found is None:
        return None
    subject = found["subject"] or found["model"]
    return (sensor, f"{subject}[{run.tags.get(PARTITION_TAG, '')}]"), int(found["count"] or found["version"])


def _runs_of_partitions(instance: dg.DagsterInstance, key: dg.AssetKey) -> Iterator[str]:
    """The run of each partition's last materialization."""
    latest: Mapping[str, int] = instance.event_log_storage.get_latest_storage_id_by_partition(
        key, dg.DagsterEventType.ASSET_MATERIALIZATION
    )
    ids = sorted(latest.values())
    for start in range(0, len(ids), PAGE):
        some = ids[start : start + PAGE]
        records = instance.fetch_materializations(dg.AssetRecordsFilter(key, storage_ids=some), limit=len(some))
        yield from (record.run_id for record in records.records)
