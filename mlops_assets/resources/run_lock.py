"""A lock for the runs of one model, which also clear away what killed ones left."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from mlops_assets.naming import ModelNames
from mlops_assets.resources.liveness import show_life
from mlops_assets.settings.environment import open_location
from mlops_assets.settings.tables import OutputsSettings
from mlops_assets.storage.locks import lock_file
from mlops_assets.storage.partition_paths import file_name
from mlops_assets.tables.leftovers import sweep_folder

PARTITION_TAG = "dagster/partition"


class RunLock(dg.ConfigurableResource[Any]):
    """Held by a run from its start to its end: a second run of the same jobs on the same tables waits.

    Runs of different partitions do not wait for each other. For runs in one process and local tables: a step that has a
    process of its own cannot hold anything for the whole run, and there is no lock that an object store knows. There a
    pool of Dagster's makes runs wait, and `mlops_assets.io_managers.same_run` refuses mixtures in any case.

    At its start a run removes the hidden files of killed writers. Every step of the model requires this resource, so
    that its process shows that it lives.
    """

    model: str = Field(description="What the model's assets are named after.")
    silent_seconds: float = Field(
        description="How long no heartbeat may come before a run on another machine counts as dead."
    )
    path: str = Field(description="Folder or fsspec URL of the tables.")
    storage_options: dict[str, Any] = Field(default_factory=dict, description="For fsspec.")
    jobs: list[str] = Field(default_factory=list, description="The jobs whose runs take turns.")
    folders: list[str] = Field(default_factory=list, description="The assets that have a folder of several tables.")

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["RunLock"]:
        folder = open_location(self.path, self.storage_options)
        run, log = context.run, context.log
        with ExitStack() as stack:
            # Before the lock: a run that waits for another one lives as well.
            stack.enter_context(show_life(context.instance, run, self.model, self.silent_seconds))
            if run is not None and run.job_name in self.jobs and folder.is_local:
                waiting = f"Another run writes the tables in {folder.uri}; this one waits for it to end"
                lock = Path(folder.address) / lock_name(run.tags.get(PARTITION_TAG))
                try:
                    lock.parent.mkdir(parents=True, exist_ok=True)
                    stack.enter_context(lock_file(lock, lambda: log.info(waiting) if log is not None else None))
                except OSError as error:
                    # The first table will fail for the same reason, with a message of its own.
                    if log is not None:
                        log.warning(f"Nothing can be written to {folder.uri}: {error.strerror}")
            swept = sweep_folder(folder, self.folders)
            if swept and log is not None:
                log.info(f"Removed what a killed run had left: {', '.join(swept)}")
            yield self


def lock_name(partition: str | None) -> str:
    """The hidden file that a run holds beside the tables."""
    return ".mlops_assets.run" if partition is None else f".mlops_assets.{file_name(partition)}.run"


def run_lock(
    names: ModelNames,
    outputs: OutputsSettings,
    root: Path,
    *,
    in_process: bool,
    folders: Sequence[str],
    silent_seconds: float,
) -> RunLock:
    """The lock of one model's runs.

    Parameters
    ----------
    in_process
        Whether a run is one process; otherwise no process lives as long as the run, and nothing is locked.
    folders
        The assets that have a folder of several tables: of partitions, or of publications.
    silent_seconds
        How long no heartbeat may come before a run on another machine counts as dead.
    """
    jobs = [names.inference_job, names.explanations_job, names.performance_job, names.changes_job]
    return RunLock(
        model=names.name,
        silent_seconds=silent_seconds,
        path=outputs.address(root),
        storage_options=outputs.storage_options or {},
        jobs=jobs if in_process else [],
        folders=list(folders),
    )
