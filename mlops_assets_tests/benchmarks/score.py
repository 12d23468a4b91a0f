"""From a Parquet file to published predictions: ``python -m mlops_assets_tests.benchmarks.score``.

Seeded rows (an int64 key and 20 normal doubles, which nothing compresses) and models in a temporary folder. Each job
runs in a fresh process, the jobs of a round one after the other, so that a round's ratios are of neighbours in time:

- *native*: the library's own `predict` of all rows, in memory already, as a DataFrame or as an array: the faster
- *naive*: `pd.read_parquet`, `mlflow.pyfunc` predict, `to_parquet`
- *pipeline*: what the graph does, through the package's functions: `rejected_samples`, `input_samples`, `predictions`
- *graph*: the whole `<model>_inference_job` in process, checks included

Imports and loading (of the model, and of the kernel with numba) are not in the rates; they are in columns of their own.
The models have the number of trees that follows the dash; 100 is the default of all three libraries. Every model counts
for every bar: a bar is met when the median of the rounds' ratios is. The jobs must agree on the predictions.

``--fit`` prints the cost model instead: ``seconds = rows / (rate x cores) + start-up``, rate and start-up by least
squares over runs of several sizes. Rates there are rows per second of processor time, whoever else uses the machine.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

MODELS = ("histogram-100", "lightgbm-100", "gradient-100")
SCORING = ("native", "naive", "pipeline", "graph")
JOBS_MODULE = "mlops_assets_tests.benchmarks.score_jobs"
OURS = ("pipeline", "graph")
GIGABYTE = 2**30

Told = dict[str, Any]


def run(job: str, folder: Path, model: str, rows: int) -> Told:
    """What a job says of itself; ``peak`` is the larger of its own and of what its process tree held at one time."""
    command = [sys.executable, "-m", JOBS_MODULE, job, str(folder), "--model", model, "--rows", str(rows)]
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        with subprocess.Popen(command, stdout=output, stderr=errors) as process:
            tree = 0
            while process.poll() is None:
                tree = max(tree, resident(process.pid))
                time.sleep(0.02)
        output.seek(0)
        errors.seek(0)
        if process.returncode:
            raise RuntimeError(f"{job} of {model} failed:\n{errors.read()}")
        text = output.read().strip()
    told: Told = json.loads(text.splitlines()[-1]) if text else {}
    if told:
        told["peak"] = max(told["peak"], tree)
    return told


def resident(process: int) -> int:
    """Bytes that a process and its descendants hold now; pages that they share count for each."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        # It ended between two looks.
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE") + sum(resident(int(child)) for child in children)


def rounds_of(folder: Path, model: str, rows: int, rounds: int, jobs: Sequence[str] = SCORING) -> list[dict[str, Told]]:
    """Every job once per round."""
    found = []
    for _ in range(rounds):
        found.append({job: run(job, folder, model, rows) for job in jobs})
        for job in (job for job in jobs if job == "native"):
            told = found[-1][job]
            told["seconds"], told["cpu"] = (
                min(told["stages"][f"{form}{which}"] for form in ("frame", "array")) for which in ("", " cpu")
            )
        sums = {job: told["sum"] for job, told in found[-1].items() if "sum" in told}
        if sums and max(sums.values()) - min(sums.values()) > 1e-9 * abs(max(sums.values())):
            raise AssertionError(f"{model}: the jobs do not predict the same: {sums}")
    return found


def median_ratio(found: list[dict[str, Told]], over: str, under: str, of: str = "seconds") -> float:
    """The median of the rounds' ratios of one job's seconds (or ``cpu``) to another's."""
    return statistics.median(each[over][of] / each[under][of] for each in found)


def verdict(value: float, bar: float, at_least: bool = True) -> str:
    met = value >= bar if at_least else value <= bar
    return f"{value:.2f} ({'met' if met else 'MISSED'}, bar {'>=' if at_least else '<='} {bar:g})"


def print_speed(model: str, rows: int, found: list[dict[str, Told]]) -> None:
    """One block of the speed table, and the bars 1 and 2 for this model."""
    for job in found[0]:
        told = [each[job] for each in found]
        seconds = [each["seconds"] for each in told]
        best, middle = min(seconds), statistics.median(seconds)
        cpu = statistics.median(each["cpu"] for each in told)
        start = [statistics.median(each[part] for each in told) for part in ("imports", "load")]
        peak = max(each["peak"] for each in told) / GIGABYTE
        print(
            f"{model:15}{job:10}{rows / best:12,.0f}{rows / middle:12,.0f}{middle:9.2f}{max(seconds) / best:8.2f}"
            f"{cpu:9.2f}{start[0]:9.2f}{start[1]:8.2f}{peak:8.2f}",
            flush=True,
        )
    alone = statistics.median(each["naive"]["stages"]["predict"] / each["naive"]["seconds"] for each in found)
    for job in OURS:
        print(f"{'':15}{job}: rows/s of native: {verdict(median_ratio(found, 'native', job), 0.85)}", end="; ")
        print(f"times faster than naive: {verdict(median_ratio(found, 'naive', job), 1.5)}", end="; ")
        print(
            f"by processor time {median_ratio(found, 'native', job, 'cpu'):.2f} of native, "
            f"{median_ratio(found, 'naive', job, 'cpu'):.2f} times less than naive"
        )
        stages = found[0][job]["stages"]
        print(f"{'':15}  {', '.join(f'{name} {spent:.2f} s' for name, spent in stages.items() if spent >= 0.05)}")
    print(
        f"{'':15}of the naive job {alone:.0%} is predict alone: without a faster predict {1 / alone:.2f} times at most"
    )


def print_memory(model: str, small: int, large: int, found: dict[str, dict[int, int]]) -> None:
    """Peaks at both sizes, and the bars 2 and 3 for this model."""
    cells = "; ".join(
        f"{job} {peaks[small] / GIGABYTE:.2f} -> {peaks[large] / GIGABYTE:.2f}" for job, peaks in found.items()
    )
    print(f"{model:15}peak GiB at {small:,} -> {large:,} rows: {cells}")
    for job in OURS:
        grows = verdict(found[job][large] / found[job][small], 1.15, at_least=False)
        part = verdict(found[job][large] / found["naive"][large], 0.2, at_least=False)
        print(f"{'':15}{job}: grows by {grows}; of the naive job's {part}", flush=True)


def print_noise(when: str) -> None:
    one, five, _ = os.getloadavg()
    started = time.perf_counter()
    sum(range(20_000_000))
    print(
        f"{when}: {os.cpu_count()} cores, load average {one:.1f} (5 min: {five:.1f}), "
        f"a fixed loop takes {time.perf_counter() - started:.2f} s"
    )


@contextmanager
def scratch(folder: Path | None) -> Iterator[Path]:
    """The folder asked for, kept; or a temporary one."""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
        return
    with tempfile.TemporaryDirectory() as temporary:
        yield Path(temporary)


def main(arguments: list[str] | None = None) -> None:
    """Print the tables."""
    from mlops_assets_tests.benchmarks.score_fit import print_fit

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--models", nargs="+", default=MODELS, help="histogram-N, lightgbm-NxLEAVES, xgboost-NxDEPTH, ..."
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--large-rows", type=int, default=10_000_000, help="for the memory bars; 0: leave them out")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="keep tables and models here, and use those that are there")
    parser.add_argument("--fit", action="store_true", help="print the cost model instead")
    options = parser.parse_args(arguments)
    with scratch(options.folder) as folder:
        # The large inputs once, and what naive and ours write: about 200 bytes a row each.
        needed = 200 * (3 * options.large_rows + 3 * options.rows)
        if shutil.disk_usage(folder).free < needed:
            raise SystemExit(f"{folder} needs {needed / GIGABYTE:.0f} GiB of free space; use --large-rows or --folder")
        print_noise("before")
        if options.fit:
            print_fit(folder, options.models, options.rows)
        else:
            _bars(folder, options)
        print_noise("after")


def _bars(folder: Path, options: argparse.Namespace) -> None:
    heads = f"{'best/s':>12}{'median/s':>12}{'median s':>9}{'spread':>8}{'cpu s':>9}{'imports':>9}{'load':>8}{'GiB':>8}"
    print(f"{options.rows:,} rows x 20 columns, {options.rounds} rounds\n{'model':15}{'job':10}{heads}")
    for model in options.models:
        run("prepare", folder, model, options.rows)
        found = rounds_of(folder, model, options.rows, options.rounds)
        print_speed(model, options.rows, found)
        if options.large_rows:
            run("prepare", folder, model, options.large_rows)
            jobs = SCORING[1:]
            large = rounds_of(folder, model, options.large_rows, 1, jobs)[0]
            peaks = {
                job: {
                    options.rows: max(each[job]["peak"] for each in found),
                    options.large_rows: large[job]["peak"],
                }
                for job in jobs
            }
            print_memory(model, options.rows, options.large_rows, peaks)
    if not options.large_rows:
        print("the memory bars were left out")


if __name__ == "__main__":
    main()
