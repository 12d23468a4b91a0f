"""The jobs that `benchmarks.parallel` measures, each in a process of its own: one line of JSON on standard output.

Called by the file's path, with `PYTHONPATH` naming the checkout that is measured: an older one is measured by the same
code. Imports, loading and compilation are paid before anything is measured, in workers as well. Linux only.
"""

import argparse
import contextlib
import io
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from mlops_assets_tests.benchmarks import score_jobs
from mlops_assets_tests.benchmarks.score_jobs import COLUMNS, FEW_ROWS, KEY, features, registry_of

FILES = 16
WARM_FILES, WARM_ROWS = 8, 75_000
NAIVE, SPARK, DEMO = "naive", "spark", "demo"


def make_files(folder: Path, rows: int, files: int = FILES) -> Path:
    """`rows` rows in so many files: an increasing int64 key and 20 doubles; kept for the next job."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    place = folder / f"inputs-{rows}"
    if place.exists():
        return place
    making = folder / f"making-{rows}"
    making.mkdir(parents=True)
    schema = pa.schema([(KEY, pa.int64()), *((f"f{i}", pa.float64()) for i in range(COLUMNS))])
    each = rows // files
    for number in range(files):
        columns = [np.arange(number * each, (number + 1) * each), *features(each, number + 1)]
        pq.write_table(pa.table(columns, schema=schema), making / f"{number:02d}.parquet")
    making.rename(place)
    return place


def descendants() -> list[int]:
    """The processes that this one started, and those that they started."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            children.setdefault(int(_fields(int(entry.name))[1]), []).append(int(entry.name))
    found = [os.getpid()]
    for process in found:
        found += children.get(process, [])
    return found[1:]


def _fields(process: int) -> list[str]:
    """Of /proc/N/stat, from the state on."""
    return Path(f"/proc/{process}/stat").read_text("ascii", "replace").rpartition(")")[2].split()


def seconds_of_others() -> float:
    """Processor time of all processes that this one and its own have started, ended ones included."""
    ticks, times = os.sysconf("SC_CLK_TCK"), os.times()
    spent = times.children_user + times.children_system
    for process in descendants():
        with contextlib.suppress(OSError):
            spent += sum(map(int, _fields(process)[11:15])) / ticks
    return spent


def peak_of_workers() -> int:
    """The most bytes that a living Python process below this one has held."""
    most = 0
    for process in descendants():
        with contextlib.suppress(OSError):
            status = Path(f"/proc/{process}/status").read_text("ascii", "replace")
            if "Name:\tjava" not in status and "VmHWM:" in status:
                most = max(most, int(status.partition("VmHWM:")[2].split()[0]) * 1024)
    return most


def bytes_read() -> int:
    """What this process has read from files and pipes."""
    return int(Path("/proc/self/io").read_text("ascii").partition("rchar:")[2].split()[0])


@contextmanager
def measured(results: dict[str, Any]) -> Iterator[None]:
    """Fill in what the block took: seconds, processor time of this process and of all, bytes read here."""
    os.sync()
    others, own, read, start = seconds_of_others(), time.process_time(), bytes_read(), time.perf_counter()
    yield
    results["seconds"] = time.perf_counter() - start
    results["driver"] = time.process_time() - own
    results["all"] = results["driver"] + seconds_of_others() - others
    results["read"] = bytes_read() - read


def job_of(
    folder: Path, model: str, inputs: Path, outputs: Path, which: str, engine: dict[str, Any]
) -> Callable[..., Any]:
    """What runs a whole job of one model in this process, and returns its result."""
    import dagster as dg

    from mlops_assets import build_model_definitions
    from mlops_assets.resources.defaults import default_resources

    definitions = dg.Definitions.merge(
        build_model_definitions(
            model,
            folder,
            inputs={"path": str(inputs), "format": "parquet", "row_key": [KEY]},
            outputs={"path": str(outputs)},
            resume={"path": str(outputs / "kept")},
            engine=engine,
        ),
        dg.Definitions(resources=default_resources(folder) | {"mlflow_registry": registry_of(folder)}),
    )
    name = model.replace("-", "_")
    job, instance = definitions.resolve_job_def(f"{name}_{which}_job"), dg.DagsterInstance.ephemeral()
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}

    def run(limit: int | None = None) -> Any:
        few = {} if limit is None else {"ops": {f"{name}__samples": {"config": {"limit": limit}}}}
        result = job.execute_in_process(instance=instance, run_config=quiet | few)
        assert result.success
        return result

    return run


def warm_up(folder: Path, model: str, which: str, engine: dict[str, Any]) -> None:
    """Rows in one part and in several, so that this process and all workers have imported, loaded and compiled.

    So many rows that this package's kernels pay, and are loaded.
    """
    small = make_files(folder / "warm", WARM_FILES * WARM_ROWS, WARM_FILES)
    score_jobs.load_kernel({"load": 0.0})
    with tempfile.TemporaryDirectory(dir=folder) as outputs:
        job_of(folder, model, small, Path(outputs), which, engine)(FEW_ROWS)
        with contextlib.suppress(ImportError):
            from mlops_assets.tables import part_size

            usual, part_size.PART_ROWS = part_size.PART_ROWS, WARM_ROWS
            job_of(folder, model, small, Path(outputs) / "parts", which, engine)()
            part_size.PART_ROWS = usual


def run_job(folder: Path, model: str, rows: int, which: str, engine: dict[str, Any]) -> dict[str, Any]:
    """One job in this process and its workers."""
    outputs = folder / "outputs"
    shutil.rmtree(outputs, ignore_errors=True)
    run = job_of(folder, model, folder / f"inputs-{rows}", outputs, which, engine)
    warm_up(folder, model, which, engine)
    results: dict[str, Any] = {"worker_before": peak_of_workers()}
    with measured(results):
        result = run()
    results |= {"peak": score_jobs.peak(), "worker_peak": peak_of_workers(), "steps": {}}
    for event in result.all_events:
        if event.is_step_success:
            step = (event.step_key or "").rpartition("__")[2]
            spent = (event.step_success_data.duration_ms or 0) / 1000
            results["steps"][step] = results["steps"].get(step, 0.0) + spent
    shutil.rmtree(outputs)
    return results


def run_naive(folder: Path, model: str, rows: int) -> dict[str, Any]:
    """The three naive lines, in this process."""
    work = score_jobs.job_naive(folder, model, folder / f"inputs-{rows}", {})
    results: dict[str, Any] = {}
    with measured(results):
        work()
    return results | {"peak": score_jobs.peak()}


def run_demo(folder: Path) -> dict[str, Any]:
    """The demo's graph, once imports are paid; the best of three."""
    from mlops_assets.demo.run import run_demo as run

    best: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(dir=folder) as place, contextlib.redirect_stdout(io.StringIO()):
        for number in range(4):
            shutil.rmtree(Path(place) / ".mlops_assets" / "cache" / "chunks", ignore_errors=True)
            results: dict[str, Any] = {}
            with measured(results):
                assert run(Path(place) / "demo") == 0
            if number:
                best = {name: min(value, best.get(name, value)) for name, value in results.items()}
    return best | {"peak": score_jobs.peak()}


@contextmanager
def spark_engine(folder: Path) -> Iterator[dict[str, Any]]:
    """A standalone cluster of two workers, of which the application has one core each."""
    from mlops_assets_tests.engines.spark_cluster import APPLICATION, Cluster

    with tempfile.TemporaryDirectory(dir=folder) as place:
        cluster = Cluster(Path(place) / "cluster")
        try:
            cluster.start()
            home = {"spark.executorEnv.MLOPS_ASSETS_HOME": str(Path(place) / "home")}
            threads = {f"spark.executorEnv.{name}_NUM_THREADS": "1" for name in ("OMP", "NUMBA", "OPENBLAS")}
            yield {"KIND": "SparkEngine", "master": cluster.master, "conf": APPLICATION | home | threads}
        finally:
            cluster.stop()


def main() -> None:
    """Do one job, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("which", choices=["inference", "explanations", NAIVE, DEMO])
    parser.add_argument("--model", default="")
    parser.add_argument("--rows", type=int, default=0)
    parser.add_argument("--engine", default="1", help="A number of worker processes, or spark.")
    options = parser.parse_args()
    if options.which == DEMO:
        results = run_demo(options.folder)
    elif options.which == NAIVE:
        results = run_naive(options.folder, options.model, options.rows)
    else:
        local = {"KIND": "LocalEngine", "workers": options.engine if options.engine == "auto" else 0}
        if options.engine not in ("auto", SPARK):
            local["workers"] = int(options.engine)
        with spark_engine(options.folder) if options.engine == SPARK else nullcontext(local) as engine:
            results = run_job(options.folder, options.model, options.rows, options.which, engine)
    print(json.dumps(results))
    sys.stdout.flush()
    # Interpreters with thread pools of four libraries take their time to leave; nothing is measured there.
    os._exit(0)


if __name__ == "__main__":
    main()
