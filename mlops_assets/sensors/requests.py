"""The runs that sensors asked for, as Dagster's instance has them: under which keys, and how they ended."""

from collections.abc import Iterable, Mapping, Sequence

import dagster as dg

from mlops_assets.naming import MODEL_EXPLANATIONS, MODEL_TAG, PREDICTIONS, SAMPLE_EXPLANATIONS, ModelNames
from mlops_assets.resources.run_lock import PARTITION_TAG
from mlops_assets.sensors.moves import Asked
from mlops_assets.sensors.reconcile import Situation
from mlops_assets.sensors.run_events import first_line, step_failures

SENSOR_TAG, RUN_KEY_TAG, MOVE_TAG = "dagster/sensor_name", "dagster/run_key", "mlops_assets/move"
# What Dagster's own run retries say of a failed run.
WILL_RETRY_TAG, RETRIED_TAG = "dagster/will_retry", "dagster/auto_retry_run_id"
# Seconds after which a retry that Dagster announced is no longer waited for.
LONGEST_RETRY = 3600.0
# Seconds after which a run that was made and not launched is given up.
LONGEST_LAUNCH = 600.0

UNDER_WAY = "a run that will use it is under way"
# Dagster's own name for materializations that no job defines: automation, backfills, by hand in the UI.
NO_JOB = "__ASSET_JOB"
# Moves that one question asks for.
_AT_ONCE = 200
FINISHED = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
UNFINISHED = [status for status in dg.DagsterRunStatus if status not in FINISHED]


def run_keys(instance: dg.DagsterInstance, prefix: str) -> list[str]:
    """The keys of runs and moves that begin like this; one question to the instance."""
    tags = instance.get_run_tags([MOVE_TAG, RUN_KEY_TAG], value_prefix=prefix)
    return [value for _, values in tags for value in values]


def read_asked(instance: dg.DagsterInstance, subject: str) -> Asked:
    """What was ever asked for on behalf of a subject, by whichever sensor."""
    return Asked.of_keys(subject, run_keys(instance, f"{subject}:"))


def is_under_way(instance: dg.DagsterInstance, names: ModelNames, sensor_name: str, now: float) -> bool:
    """Whether a run that makes the model's tables is queued or at work: of its jobs, or of no job.

    A run that this sensor has asked for and that was never launched does not count: Dagster launches it when it is
    asked for again.
    """
    jobs = (names.inference_job, names.explanations_job)
    of_jobs = instance.get_run_records(dg.RunsFilter(tags={MODEL_TAG: names.slug}, statuses=UNFINISHED))
    of_no_job = instance.get_run_records(dg.RunsFilter(job_name=NO_JOB, statuses=UNFINISHED))
    keys = {names.key(asset) for asset in (PREDICTIONS, SAMPLE_EXPLANATIONS, MODEL_EXPLANATIONS)}
    return any(
        is_unfinished(record, now) and not _waits_to_be_asked_for(record.dagster_run, sensor_name)
        for record in of_jobs
        if record.dagster_run.job_name in jobs
    ) or any(
        is_unfinished(record, now) and not keys.isdisjoint(record.dagster_run.asset_selection or ())
        for record in of_no_job
    )


def partitions_at_work(instance: dg.DagsterInstance, names: ModelNames) -> set[str]:
    """The partitions of the model that started runs of its jobs are making, or runs of no job."""
    started = [dg.DagsterRunStatus.STARTED]
    runs = [
        *instance.get_runs(dg.RunsFilter(tags={MODEL_TAG: names.slug}, statuses=started)),
        *(
            run
            for run in instance.get_runs(dg.RunsFilter(job_name=NO_JOB, statuses=started))
            if names.key(PREDICTIONS) in (run.asset_selection or ())
        ),
    ]
    return {run.tags[PARTITION_TAG] for run in runs if PARTITION_TAG in run.tags}


def _waits_to_be_asked_for(run: dg.DagsterRun, sensor_name: str) -> bool:
    return run.status == dg.DagsterRunStatus.NOT_STARTED and run.tags.get(SENSOR_TAG) == sensor_name


def last_runs(instance: dg.DagsterInstance, move: str) -> dict[str | None, dg.RunRecord]:
    """The newest run of a move, by partition (None: it has none); re-executions are runs of the same move."""
    records = instance.get_run_records(dg.RunsFilter(tags={MOVE_TAG: move}))
    newest: dict[str | None, dg.RunRecord] = {}
    for record in records:
        newest.setdefault(record.dagster_run.tags.get(PARTITION_TAG), record)
    return newest


def newest_of_moves(instance: dg.DagsterInstance, moves: Sequence[str]) -> dict[str, dg.RunRecord]:
    """The newest run of each of several moves, by the move; those that have none are left out."""
    newest: dict[str, dg.RunRecord] = {}
    for start in range(0, len(moves), _AT_ONCE):
        for record in instance.get_run_records(dg.RunsFilter(tags={MOVE_TAG: moves[start : start + _AT_ONCE]})):
            newest.setdefault(record.dagster_run.tags[MOVE_TAG], record)
    return newest


def is_unfinished(record: dg.RunRecord, now: float) -> bool:
    """Whether a run has not ended, or Dagster is about to retry it.

    One that was made and not launched for `LONGEST_LAUNCH` seconds never will be: whoever made it has died.
    """
    # A clock that was set back makes a run of the future, which is as old as it is far away.
    run, age = record.dagster_run, abs(now - record.update_timestamp.timestamp())
    if run.status in UNFINISHED:
        return run.status != dg.DagsterRunStatus.NOT_STARTED or age < LONGEST_LAUNCH
    is_announced = run.tags.get(WILL_RETRY_TAG) == "true" and RETRIED_TAG not in run.tags
    return run.status == dg.DagsterRunStatus.FAILURE and is_announced and age < LONGEST_RETRY


def describe_ends(instance: dg.DagsterInstance, records: Iterable[dg.RunRecord]) -> str:
    """How the first of these runs that did not succeed has ended, for a person; empty: all have succeeded."""
    for record in records:
        run = record.dagster_run
        if run.status in (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED):
            return f"run {run.run_id[:8]} {_describe_end(instance, run)}"
    return ""


def of_status(records: Mapping[str | None, dg.RunRecord], *statuses: dg.DagsterRunStatus) -> list[str | None]:
    """The partitions whose run has one of these statuses."""
    return [partition for partition, record in records.items() if record.dagster_run.status in statuses]


def _describe_end(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str:
    if run.status == dg.DagsterRunStatus.CANCELED:
        return "was canceled"
    steps = instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE).records
    failures = step_failures(event for each in steps if (event := each.event_log_entry.dagster_event) is not None)
    if failures:
        return f"failed in {failures[0].step}: {failures[0].error}"
    ends = instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.RUN_FAILURE).records
    texts = [event.message for each in ends if (event := each.event_log_entry.dagster_event) is not None]
    return f"failed: {first_line(texts[-1])}" if texts else "failed"


def unsettled(
    instance: dg.DagsterInstance,
    runs: Mapping[str | None, dg.RunRecord],
    now: float,
    *,
    published: str,
    under_way: bool = False,
) -> Situation:
    """The situation of tables that are not made from what is watched.

    Parameters
    ----------
    runs
        The newest runs of the move, see `last_runs`.
    published
        What the tables are made from, for a person.
    under_way
        Whether another run is, see `is_under_way`.
    """
    failed = of_status(runs, dg.DagsterRunStatus.FAILURE)
    return Situation(
        settled=False,
        running=under_way or any(is_unfinished(run, now) for run in runs.values()),
        canceled=bool(of_status(runs, dg.DagsterRunStatus.CANCELED)) and not failed,
        published=published,
        failure=describe_ends(instance, runs.values()),
    )
