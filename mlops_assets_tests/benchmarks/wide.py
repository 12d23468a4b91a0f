"""What wide tables cost: processor seconds of the package's jobs, per cell, and beside the plain script.

``python -m mlops_assets_tests.benchmarks.wide [--columns 30 300 3000] [--rows 20000] [--models linear xgboost]``

Two bars, each of ratios within one run:

1. Processor time per cell does not grow from the narrowest to the widest table. A cell is one value of the inputs; of
   explanations one attribution, so that a model of 100 classes has 100 per value.
2. At `--compared` columns the inference job takes at most 3 times, the explanations job at most 6 times the processor
   seconds of a plain script that reads the table, asks the library for the same numbers and writes them. With
   ``--csv``, a file of text with so many columns likewise.

Each job has a process of its own (`wide_jobs`), whose imports and first run on few rows are not counted. Processor time
of a busy machine is up to twice that of an idle one: compare ratios, and look at the load that is printed. Ledgers of
many classes are large: a hundred classes are explained on `--class-columns` columns at most.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from mlops_assets_tests.benchmarks.score import print_noise, scratch, verdict
from mlops_assets_tests.benchmarks.wide_jobs import CLASSES

JOBS = ("plain_inference", "inference", "plain_explanations", "explanations")
BARS = {"inference": 3.0, "explanations": 6.0}
# Two measurements of the same job on a machine that does something else differ by so much.
NOISE = 1.25
NANO = 1e9


def run(job: str, folder: Path, model: str, columns: int, rows: int, table_format: str) -> float:
    """Processor seconds of one job; results that are kept from an earlier one are not there."""
    shutil.rmtree(folder / "chunks", ignore_errors=True)
    module = "mlops_assets_tests.benchmarks.wide_jobs"
    options = ["--model", model, "--columns", str(columns), "--rows", str(rows), "--format", table_format]
    # One thread per library: threads that wait for each other spin, and that is counted.
    environment = dict(os.environ) | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-m", module, job, str(folder), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise RuntimeError(f"{job} of {model} with {columns} columns failed:\n{done.stderr[-4000:]}")
    text = done.stdout.strip()
    return float(json.loads(text.splitlines()[-1])["cpu"]) if text else 0.0


def measure(
    folder: Path, model: str, columns: int, rows: int, rounds: int, table_format: str = "parquet"
) -> dict[str, float]:
    """The median of each job's processor seconds; a line of the table is printed."""
    run("prepare", folder, model, columns, rows, table_format)
    seconds = {
        job: statistics.median(run(job, folder, model, columns, rows, table_format) for _ in range(rounds))
        for job in JOBS
    }
    cells = rows * columns
    outputs = CLASSES if model == "classes" else 1
    per_cell = {"inference": cells, "explanations": cells * outputs}
    line = "".join(f"{seconds[job]:20.2f}" for job in JOBS)
    nanos = "".join(f"{NANO * seconds[job] / count:15.0f}" for job, count in per_cell.items())
    print(f"{model:10}{columns:8,}{rows:9,} {table_format:8}{line}{nanos}", flush=True)
    return seconds | {f"{job} per cell": seconds[job] / count for job, count in per_cell.items()}


def print_growth(model: str, found: dict[int, dict[str, float]]) -> None:
    """Bar 1 for one model."""
    narrow, wide = min(found), max(found)
    if narrow == wide:
        return
    for job in BARS:
        before, after = (found[columns][f"{job} per cell"] for columns in (narrow, wide))
        print(f"  {job}: per cell, {wide:,} columns to {narrow:,}: {verdict(after / before, NOISE, at_least=False)}")


def print_ratios(seconds: dict[str, float]) -> None:
    """Bar 2 for one model."""
    for job, bar in BARS.items():
        ratio = seconds[job] / seconds[f"plain_{job}"]
        print(f"  {job}: times the plain script: {verdict(ratio, bar, at_least=False)}", flush=True)


def bench_model(folder: Path, model: str, options: argparse.Namespace) -> None:
    """One model at each width."""
    rows, widths = options.rows, list(options.columns)
    if model == "classes":
        rows = min(rows, 10_000)
        widths = [columns for columns in widths if columns <= options.class_columns]
    compared = min(options.compared, options.class_columns) if model == "classes" else options.compared
    found = {columns: measure(folder, model, columns, rows, options.rounds) for columns in widths}
    print_growth(model, found)
    if compared not in found:
        found[compared] = measure(folder, model, compared, rows, options.rounds)
    print_ratios(found[compared])
    for table in folder.glob("inputs-*"):
        table.unlink()


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables and say which bars are met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--columns", nargs="+", type=int, default=[30, 300, 3000])
    parser.add_argument("--rows", type=int, default=20_000, help="at most 10,000 of them for the classifier")
    parser.add_argument("--models", nargs="+", default=["linear", "xgboost", "classes"])
    parser.add_argument("--compared", type=int, default=1000, help="columns at which the plain script is compared")
    parser.add_argument("--class-columns", type=int, default=100, help="the most columns of the classifier")
    parser.add_argument("--csv", type=int, default=10_000, help="columns of a file of text; 0: leave it out")
    parser.add_argument("--csv-rows", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="keep tables and models here, and use those that are there")
    options = parser.parse_args(arguments)
    heads = "".join(f"{job.replace('_', ' '):>20}" for job in JOBS)
    with scratch(options.folder) as folder:
        print_noise("before")
        print("processor seconds, and nanoseconds per cell")
        print(f"{'model':10}{'columns':>8}{'rows':>9} {'format':8}{heads}{'inference':>15}{'explanations':>15}")
        for model in options.models:
            bench_model(folder, model, options)
        if options.csv:
            print_ratios(measure(folder, "linear", options.csv, options.csv_rows, options.rounds, "csv"))
        print_noise("after")


if __name__ == "__main__":
    main()
