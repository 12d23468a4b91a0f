"""One table in many files: the whole jobs with one process, with several, and beside the three naive lines.

``python -m mlops_assets_tests.benchmarks.parallel [--rows 4000000] [--models gradient-100 ...] [--workers 2]``

Every job runs in a process of its own whose imports and first compilation are paid by a job on few rows. All figures
are of one run on one machine; what counts are the ratios. `driver` is the processor time of the process that plans and
commits, `all` that of it and its workers.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from mlops_assets_tests.benchmarks import score_jobs
from mlops_assets_tests.benchmarks.score_jobs import COLUMNS, FEW_ROWS, KEY, features, register, registry_of

FILES = 16
MODELS = ("gradient-100", "histogram-100", "lightgbm-100")


def make_files(folder: Path, rows: int) -> Path:
    """`rows` rows in `FILES` files: an increasing int64 key and 20 doubles; kept for the next job."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    place = folder / f"inputs-{rows}"
    if place.exists():
        return place
    making = folder / f"making-{rows}"
    making.mkdir()
    schema = pa.schema([(KEY, pa.int64()), *((f"f{i}", pa.float64()) for i in range(COLUMNS))])
    each = rows // FILES
    for number in range(FILES):
        columns = [np.arange(number * each, (number + 1) * each), *features(each, number + 1)]
        pq.write_table(pa.table(columns, schema=schema), making / f"{number:02d}.parquet")
    making.rename(place)
    return place


def children_seconds() -> float:
    """Processor time of this process's living and ended children (Linux)."""
    ticks = os.sysconf("SC_CLK_TCK")
    times = os.times()
    spent = times.children_user + times.children_system
    for task in Path("/proc/self/task").iterdir():
        for child in (task / "children").read_text("ascii").split():
            fields = Path(f"/proc/{child}/stat").read_text("ascii").rpartition(")")[2].split()
            spent += (int(fields[11]) + int(fields[12])) / ticks
    return spent


def peak_of_children() -> int:
    """The most bytes that a living child has held."""
    most = 0
    for task in Path("/proc/self/task").iterdir():
        for child in (task / "children").read_text("ascii").split():
            status = Path(f"/proc/{child}/status").read_text("ascii")
            most = max(most, int(status.partition("VmHWM:")[2].split()[0]) * 1024)
    return most


def run_job(folder: Path, model: str, rows: int, which: str, workers: int) -> dict[str, Any]:
    """One job in this process."""
    import dagster as dg

    from mlops_assets import build_model_definitions
    from mlops_assets.resources.defaults import default_resources

    name, outputs = model.replace("-", "_"), folder / f"{which}-{model}-{rows}-{workers}"
    definitions = dg.Definitions.merge(
        build_model_definitions(
            model,
            folder,
            inputs={"path": str(folder / f"inputs-{rows}"), "format": "parquet", "row_key": [KEY]},
            outputs={"path": str(outputs)},
            resume={"path": str(folder / "chunks")},
            engine={"KIND": "LocalEngine", "workers": workers},
        ),
        dg.Definitions(resources=default_resources(folder) | {"mlflow_registry": registry_of(folder)}),
    )
    job = definitions.resolve_job_def(f"{name}_{which}_job")
    instance = dg.DagsterInstance.ephemeral()
    score_jobs.load_kernel({"load": 0.0})
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    few = {"ops": {f"{name}__samples": {"config": {"limit": FEW_ROWS}}}}
    assert job.execute_in_process(instance=instance, run_config=quiet | few).success
    shutil.rmtree(folder / "chunks", ignore_errors=True)
    os.sync()
    children, driver, start = children_seconds(), time.process_time(), time.perf_counter()
    result = job.execute_in_process(instance=instance, run_config=quiet)
    assert result.success
    seconds, driver, children = (
        time.perf_counter() - start,
        time.process_time() - driver,
        children_seconds() - children,
    )
    steps: dict[str, float] = {}
    for event in result.all_events:
        if event.is_step_success:
            step = (event.step_key or "").removeprefix(f"{name}__")
            steps[step] = steps.get(step, 0.0) + (event.step_success_data.duration_ms or 0) / 1000
    return {
        "seconds": seconds,
        "driver": driver,
        "all": driver + children,
        "peak": score_jobs.peak(),
        "peak_of_worker": peak_of_children(),
        "steps": steps,
        "outputs": str(outputs),
    }


def naive(folder: Path, model: str, rows: int) -> dict[str, Any]:
    """The three naive lines, in this process."""
    stages: dict[str, float] = {}
    work = score_jobs.job_naive(folder, model, folder / f"inputs-{rows}", stages)
    os.sync()
    driver, start = time.process_time(), time.perf_counter()
    work()
    spent = time.process_time() - driver
    return {"seconds": time.perf_counter() - start, "driver": spent, "all": spent, "peak": score_jobs.peak()}


def in_a_process(folder: Path, model: str, rows: int, which: str, workers: int) -> dict[str, Any]:
    """One job in a process of its own."""
    words = ["job", str(folder), model, str(rows), which, str(workers)]
    command = [sys.executable, "-W", "ignore", "-m", "mlops_assets_tests.benchmarks.parallel", *words]
    ended = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    told: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return told


def main() -> None:
    """Measure, and print a table."""
    if sys.argv[1:2] == ["job"]:
        place, model, rows, which, workers = sys.argv[2:]
        told = (
            naive(Path(place), model, int(rows))
            if which == "naive"
            else run_job(Path(place), model, int(rows), which, int(workers))
        )
        print(json.dumps(told))
        sys.stdout.flush()
        os._exit(0)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[4_000_000])
    parser.add_argument("--models", nargs="+", default=list(MODELS))
    parser.add_argument("--jobs", nargs="+", default=["inference", "explanations"])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--folder", type=Path, help="Kept afterwards; default: a temporary one.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for model in options.models:
            register(folder, model)
            for count in options.rows:
                make_files(folder, count)
                _measure(folder, model, count, options.jobs, options.workers)


def _measure(folder: Path, model: str, rows: int, jobs: list[str], workers: list[int]) -> None:
    runs = [("naive", 0), *((which, count) for which in jobs for count in workers)]
    first: dict[str, dict[str, Any]] = {}
    for which, count in runs:
        told = in_a_process(folder, model, rows, which, count)
        base = first.setdefault(which, told)
        print(
            f"{model} {rows:,} rows {which} {f'{count} workers' if count else '':10}"
            f" {told['seconds']:7.1f} s, driver {told['driver']:6.2f} s, all {told['all']:7.1f} s,"
            f" peak {told['peak'] / 2**20:,.0f} MiB, of a worker {told.get('peak_of_worker', 0) / 2**20:,.0f} MiB;"
            f" time {told['seconds'] / base['seconds']:.2f} of the first,"
            f" {told['seconds'] / first['naive']['seconds']:.2f} of naive"
            f" { ({step: round(spent, 1) for step, spent in told.get('steps', {}).items() if spent >= 0.3}) }",
            flush=True,
        )


if __name__ == "__main__":
    main()
