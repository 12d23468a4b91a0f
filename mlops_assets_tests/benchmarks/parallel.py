"""One table in 16 files, rows of a key and 20 doubles: each bar of working in parallel, measured.

``python -m mlops_assets_tests.benchmarks.parallel [--rows N ...] [--models M ...] [--engines 1 2 spark ...]``

Prints a line per bar: the figure, the bar, and whether it is reached. Ratios are of runs on one machine that follow
each other, the best of `--repeats`; imports, loading and compilation are paid before, in workers as well. `driver` is
the process that plans and commits. ``--before FOLDER`` is a checkout of an earlier release, which is measured by the
same code. With ``--folder`` the figures are kept there, and a second call adds to them. Linux only.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlops_assets_tests.benchmarks import parallel_jobs
from mlops_assets_tests.benchmarks.parallel_bars import BASE, MIB, Bar, Job, bars
from mlops_assets_tests.benchmarks.parallel_jobs import DEMO, NAIVE, make_files
from mlops_assets_tests.benchmarks.score_jobs import register

MODELS = ("gradient-100", "histogram-100", "lightgbm-100")
REPOSITORY = Path(__file__).parents[2]
_WORST = ("peak", "worker_peak", "worker_before")


def measure(folder: Path, job: Job, before: Path | None) -> dict[str, Any]:
    """One job in a process of its own."""
    checkout = REPOSITORY
    inputs = make_files(folder, job.rows) if job.rows else None
    if job.engine == BASE and before is not None:
        # An earlier release does not read what a later one has written.
        checkout, folder = before, folder / "before"
        folder.mkdir(exist_ok=True)
        if inputs is not None and not (folder / inputs.name).exists():
            (folder / inputs.name).symlink_to(inputs)
    if job.rows:
        register(folder, job.model)
    engine = "1" if job.engine in (BASE, "") else job.engine
    words = [str(folder), job.which, "--model", job.model, "--rows", str(job.rows), "--engine", engine]
    # Without the folder of the script, whose modules have the names of others.
    command = [sys.executable, "-P", "-W", "ignore", parallel_jobs.__file__, *words]
    environment = os.environ | {"PYTHONPATH": str(checkout)}
    ended = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    if ended.returncode:
        raise SystemExit(f"{job} failed:\n{ended.stderr[-4000:]}")
    figures: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return figures


def best(earlier: dict[str, Any] | None, now: dict[str, Any]) -> dict[str, Any]:
    """Of two measurements the shorter times and the higher peaks."""
    if earlier is None:
        return now
    steps = now if now["seconds"] <= earlier["seconds"] else earlier
    merged = {
        name: (max if name in _WORST else min)(value, earlier[name]) for name, value in now.items() if name != "steps"
    }
    return merged | ({"steps": steps["steps"]} if "steps" in steps else {})


def jobs(options: argparse.Namespace) -> Iterator[Job]:
    """What is measured, in an order that brings what is compared close together."""
    engines = [*options.engines, *([BASE] if options.before else [])]
    for model in options.models:
        for rows in options.rows:
            if "inference" in options.jobs and options.naive:
                yield Job(NAIVE, model, rows)
            for which in options.jobs:
                yield from (Job(which, model, rows, engine) for engine in engines)
    if options.demo:
        yield from (Job(DEMO, engine=engine) for engine in ("1", *([BASE] if options.before else [])))


def line(job: Job, figures: dict[str, Any]) -> str:
    """What one job took."""
    steps = {step: round(spent, 1) for step, spent in figures.get("steps", {}).items() if spent >= 0.5}
    return (
        f"{job!s:<60} {figures['seconds']:7.1f} s, driver {figures['driver']:6.2f} s, all {figures['all']:7.1f} s, "
        f"peak {figures['peak'] / MIB:,.0f} MiB, of a worker {figures.get('worker_peak', 0) / MIB:,.0f} MiB {steps}"
    )


def main() -> None:
    """Measure, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="*", default=[1_000_000, 4_000_000, 16_000_000])
    parser.add_argument("--models", nargs="+", default=list(MODELS))
    parser.add_argument("--jobs", nargs="*", default=["inference", "explanations"])
    parser.add_argument("--engines", nargs="*", default=["1", "2"], help="numbers of processes, auto, spark")
    parser.add_argument("--before", type=Path, help="a checkout of an earlier release")
    parser.add_argument("--no-naive", dest="naive", action="store_false", help="leave out the three naive lines")
    parser.add_argument("--no-demo", dest="demo", action="store_false", help="leave out the demo's graph")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="kept afterwards; default: a temporary one")
    parser.add_argument("--each", action="store_true", help="print what each job took as well")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder: Path = (options.folder or Path(temporary)).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        kept = folder / "figures.jsonl"
        figures: dict[Job, dict[str, Any]] = {}
        for text in kept.read_text("utf-8").splitlines() if kept.exists() else ():
            words, measured = json.loads(text)
            figures[Job(*words)] = best(figures.get(Job(*words)), measured)
        for job in list(jobs(options)) * options.repeats:
            measured = measure(folder, job, options.before)
            figures[job] = best(figures.get(job), measured)
            with kept.open("a", encoding="utf-8") as file:
                file.write(json.dumps([[job.which, job.model, job.rows, job.engine], measured]) + "\n")
            if options.each:
                print(line(job, measured), flush=True)
        found: list[Bar] = list(bars(figures))
        for bar in found:
            print(bar)
        print(f"{sum(bar.is_reached for bar in found)} of {len(found)} bars are reached")


if __name__ == "__main__":
    main()
