"""One full run of a small family in a process of its own, which a test may kill at any moment.

Imported once by a fork server, so that a run costs its own work and no imports.
"""

import contextlib
import gc
import importlib
import os
import resource
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import dagster as dg

import mlops_assets
from mlops_assets.component import build_model_definitions
from mlops_assets.errors import user_error
from mlops_assets.resources.defaults import default_resources
from mlops_assets.resources.registry import MlflowRegistry
from mlops_assets.tables import part_size
from mlops_assets_tests.engines.forked_workers import fork_workers
from mlops_assets_tests.once import keep_connections, read_migrations_once, read_resources_once

# What a run would import by itself, seconds each time.
for _needed in (
    "dagster._core.storage.event_log",
    "dagster._core.storage.runs",
    "mlflow.pyfunc.model",
    "mlflow.sklearn",
    "mlflow.store.tracking.sqlalchemy_store",
    "mlflow.tracking",
    "mlops_assets.model_definitions",
    "mlops_assets.explain.explainers.choose",
    "mlops_assets.explain.explainers.linear",
    "mlops_assets.explain.report.report",
    "mlops_assets.explain.report.summary_plot",
    "sklearn.linear_model",
    "skops.io",
):
    importlib.import_module(_needed)
read_migrations_once()
read_resources_once()

MOMENTS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir")
LOGS = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def run_once(
    root: Path,
    registry_uri: str,
    inputs: str,
    version: int,
    *,
    executor: str = "in_process",
    largest_file: int | None = None,
    killed_at: int | None = None,
    outputs: dict[str, Any] | None = None,
    killed_at_call: int | None = None,
    counts_calls: bool = False,
    environment: Mapping[str, str] | None = None,
    verdict: Path | None = None,
    engine: dict[str, Any] | None = None,
    part_rows: int | None = None,
) -> None:
    """Run the explanations job on one table with one version; exits with 0 on success.

    Parameters
    ----------
    executor
        What the family is configured for; the run is in this process either way.
    largest_file
        A limit of the operating system on files written, in bytes: a full disk.
    killed_at
        The process kills itself at this one of its moments: those in which it opens, renames, makes or removes a file
        among the tables or in the state folder.
    outputs
        The settings of the tables' place; local Parquet files where it is left out, and moments are counted. Elsewhere
        the moments are the calls of functions that publish tables: most of what a database does opens no file.
    killed_at_call
        As `killed_at`, of those.
    counts_calls
        Count them without an end; counting takes longer than the run.
    environment
        Variables that are set first.
    verdict
        Where the failures' messages are written, or how many such moments there were.
    engine
        The settings of the engine; then nothing is counted.
    part_rows
        Tables of more rows are in parts.
    """
    # What the fork server has imported stays.
    gc.freeze()
    os.environ.update(environment or {})
    if part_rows is not None:
        part_size.PART_ROWS = part_rows
    if engine is not None:
        moments = [0]
        # So that a test can kill this process together with its workers.
        os.setpgrp()
        fork_workers(2 * engine["workers"] if engine["workers"] > 1 else 0)
    elif outputs is None:
        moments = count_moments((str(root / "tables"), str(root / ".mlops_assets")), killed_at)
    else:
        moments = count_calls(killed_at_call) if counts_calls or killed_at_call is not None else [0]
    if largest_file is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
    definitions = dg.Definitions.merge(
        build_model_definitions(
            "m",
            root,
            inputs={"path": inputs, "row_key": ["flower"]},
            outputs=outputs or {"path": "tables"},
            executor=executor,
            contract={"compatibility": "NONE"},
            **({"engine": engine} if engine is not None else {}),
        ),
        dg.Definitions(
            resources=default_resources(root)
            | {"mlflow_registry": MlflowRegistry(tracking_uri=registry_uri, state=str(root / ".mlops_assets"))}
        ),
    )
    with (
        dg.DagsterInstance.ephemeral() as instance,
        Path(os.devnull).open("w") as silence,
        contextlib.redirect_stderr(silence),
    ):
        keep_connections(instance)
        result = definitions.resolve_job_def("m_explanations_job").execute_in_process(
            instance=instance,
            run_config={"ops": {"m__champion_model": {"config": {"version": version}}}, **LOGS},
            raise_on_error=False,
        )
    errors = [event.step_failure_data.error for event in result.all_events if event.is_step_failure]
    failures = [user_error(error) for error in errors if error is not None]
    if verdict is not None:
        verdict.write_text("\n".join(failure.message for failure in failures) or str(moments[0]))
    os._exit(0 if result.success else 1)


def count_moments(folders: tuple[str, ...], killed_at: int | None) -> list[int]:
    """Count what this process does to files below `folders`, and die at a given one; the count is the list's item."""
    count = [0]

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event in MOMENTS and str(arguments[0]).startswith(folders):
            count[0] += 1
            if count[0] == killed_at:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    return count


def count_calls(killed_at: int | None) -> list[int]:
    """Count calls of functions of the rooms that publish, in all threads, and die at a given one."""
    count, package = [0], str(Path(mlops_assets.__file__).parent)
    rooms = tuple(f"{package}/{room}/" for room in ("tables", "storage", "io_managers"))

    def hook(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(rooms):
            count[0] += 1
            if count[0] == killed_at:
                os.kill(os.getpid(), signal.SIGKILL)

    threading.setprofile(hook)
    sys.setprofile(hook)
    return count
