"""The job that deletes a model's old runs, and the schedule that starts it."""

import time
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
from pydantic import Field

from mlops_assets.jobs.old_runs import find_needed, find_old_runs, jobs_of, read_trackings
from mlops_assets.metadata import list_names
from mlops_assets.naming import MODEL_TAG, ModelNames
from mlops_assets.redaction.errors import redact_errors
from mlops_assets.resources.binding import job_with_defaults
from mlops_assets.resources.liveness import executed_alive
from mlops_assets.settings.retention import RetentionSettings


def retention_job(
    names: ModelNames, settings: RetentionSettings, silent_seconds: float, *, tracked: bool
) -> dg.JobDefinition:
    """`<model>_retention_job`: deletes the model's finished runs beyond the newest of each job, with their events,
    materializations and logs.

    What it never deletes: see `mlops_assets.jobs.old_runs`. A run that it could not delete whole is deleted by the next
    one.

    Parameters
    ----------
    tracked
        Whether the tracking sensor records runs in MLflow: what it has not looked at yet is kept.
    """
    job_name = names.retention_job

    class RetentionConfig(dg.Config):
        """How much is deleted."""

        runs: int = Field(default=settings.runs, description="Finished runs of each job that are kept.", gt=0)
        most: int = Field(default=settings.most, description="Runs that are deleted at most, oldest first.", gt=0)
        dry_run: bool = Field(default=False, description="Only say what would be deleted.")

    @dg.op(
        name=f"{names.slug}__delete_old_runs",
        description="Deletes old runs with their events, materializations and logs, and says which.",
        out=dg.Out(dg.Nothing),
    )
    @redact_errors
    @executed_alive(names.name, silent_seconds)
    def delete_old_runs(context: dg.OpExecutionContext, config: RetentionConfig) -> None:
        began, instance = time.monotonic(), context.instance
        now = datetime.now(UTC)
        origin = context.run.remote_job_origin
        location = origin.repository_origin.code_location_origin.location_name if origin else None
        needed = find_needed(instance, names, read_trackings(instance, names, location, now) if tracked else ())
        deleted, freed, first = Counter[str](), 0, list[str]()
        for job in jobs_of(names, job_name):
            for run in find_old_runs(instance, names, job, config.runs, needed, now):
                if deleted.total() == config.most:
                    break
                if not config.dry_run:
                    freed += delete_run(instance, run.run_id)
                deleted[job] += 1
                first.append(run.run_id)
        what = ", ".join(f"{count} of {job}" for job, count in deleted.items()) or "none"
        did = "Would delete" if config.dry_run else "Deleted"
        context.log.info(f"{did} runs beyond the newest {config.runs} of each job: {what}. {list_names(first)}")
        context.add_output_metadata(
            {
                "deleted": deleted.total(),
                "deleted_by_job": dict(deleted),
                "kept_although_old": dict(Counter(why for why in needed.runs.values() if why != "one of the newest")),
                "freed_bytes": freed,
                "more_to_delete": deleted.total() == config.most,
                "seconds": round(time.monotonic() - began, 3),
            }
        )

    return job_with_defaults(
        delete_old_runs,
        job_name,
        f"Deletes finished runs of {names.name} beyond the newest {settings.runs} of each job, with their events and "
        "logs; never what an asset shows, what runs, or what a sensor counts from.",
        {},
        tags={MODEL_TAG: names.slug},
    )


def retention_schedule(job: dg.JobDefinition, settings: RetentionSettings) -> dg.ScheduleDefinition:
    """Starts the job, by default each hour."""
    return dg.ScheduleDefinition(
        name=job.name.removesuffix("_job") + "_schedule",
        job=job,
        cron_schedule=settings.cron,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=job.description,
    )


def delete_run(instance: dg.DagsterInstance, run_id: str) -> int:
    """Delete a run with its events and the output of its processes; the bytes of the files that are gone."""
    instance.delete_run(run_id)
    instance.compute_log_manager.delete_logs(prefix=[run_id])
    freed = 0
    for file in _event_files(instance, run_id):
        with suppress(FileNotFoundError):
            size = file.stat().st_size
            file.unlink()
            freed += size
    return freed


def _event_files(instance: dg.DagsterInstance, run_id: str) -> list[Path]:
    """The database in which SQLite keeps the events of this run alone. Dagster deletes its rows, and the file remains
    as large as it was (dagster 1.13.27)."""
    from dagster._core.storage.event_log import SqliteEventLogStorage  # no public name (dagster 1.13.27)

    storage = instance.event_log_storage
    if not isinstance(storage, SqliteEventLogStorage):
        return []
    file = storage.path_for_shard(run_id)
    return [Path(f"{file}{suffix}") for suffix in ("", "-journal", "-wal", "-shm")]
