"""The bars of a table in parts, judged by what `benchmarks.parallel` has measured."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import linear_regression

from mlops_assets_tests.benchmarks.parallel_jobs import DEMO, NAIVE, SPARK
from mlops_assets_tests.benchmarks.score_jobs import COLUMNS

BASE = "base"
ROW_BYTES = 8 * (COLUMNS + 1)
MIB = 1 << 20


@dataclass(frozen=True)
class Job:
    """What was run: `which` job, on how many rows, by `engine`: a number of processes, spark, or base."""

    which: str
    model: str = ""
    rows: int = 0
    engine: str = ""

    def __str__(self) -> str:
        by = {BASE: "the earlier release", SPARK: "Spark", "": "", "1": "one process"}
        engine = by.get(self.engine, f"{self.engine} processes")
        rows = f"{self.rows:,} rows" if self.rows else ""
        return ", ".join(filter(None, (self.which, self.model, rows, engine)))


Figures = Mapping[Job, Mapping[str, float]]
"""Seconds, processor seconds (`driver`, `all`), bytes read by the driver (`read`), peaks in bytes."""


@dataclass(frozen=True)
class Bar:
    """A figure, and what it must not exceed, or must reach where `at_least`."""

    name: str
    value: float
    limit: float
    at_least: bool = False

    @property
    def is_reached(self) -> bool:
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def __str__(self) -> str:
        verdict = "reached" if self.is_reached else "NOT REACHED"
        return f"{self.name:<82} {self.value:8.3f}  bar {'>=' if self.at_least else '<='} {self.limit:<5g} {verdict}"


def bars(figures: Figures) -> Iterator[Bar]:
    """Every bar for which enough was measured, in the order of the issue that set them."""
    several = sorted({(job.which, job.model, job.engine) for job in figures if job.rows and job.which != NAIVE})
    for which, model, engine in several:
        sizes = sorted(job.rows for job in figures if (job.which, job.model, job.engine) == (which, model, engine))
        if engine not in (BASE, "1") and len(sizes) > 2:
            yield from _of_driver(figures, which, model, engine, sizes)
    for job in sorted(figures, key=lambda job: (job.which, job.model, job.rows)):
        if job.engine == "2":
            yield from _of_two_workers(figures, job)
        if job.engine == SPARK and (base := figures.get(_by(job, BASE))):
            yield Bar(f"processor time on Spark / before the parts: {_name(job)}", _ratio(figures, job, base), 1.25)
    if DEMO in {job.which for job in figures} and (base := figures.get(Job(DEMO, engine=BASE))):
        demo = figures[Job(DEMO, engine="1")]
        yield Bar("time of the demo's graph / before the parts", demo["seconds"] / base["seconds"], 1.05)
        yield Bar("processor time of the demo's graph / before the parts", demo["all"] / base["all"], 1.05)


def _of_driver(figures: Figures, which: str, model: str, engine: str, sizes: list[int]) -> Iterator[Bar]:
    runs = [figures[Job(which, model, rows, engine)] for rows in sizes]
    millions = [rows / 1e6 for rows in sizes]
    name = f"{which}, {model}, {engine} workers, {sizes[0]:,} to {sizes[-1]:,} rows"
    slope = linear_regression(millions, [run["driver"] for run in runs]).slope
    yield Bar(f"driver, s per million rows: {name}", slope, 0.03)
    slope = linear_regression(millions, [run["read"] for run in runs]).slope
    yield Bar(f"bytes the driver reads / bytes of the rows: {name}", slope / (ROW_BYTES * 1e6), 0.01)
    if engine == "2":
        first, last = runs[0], runs[-1]
        yield Bar(f"peak of a worker, largest / smallest: {name}", last["worker_peak"] / first["worker_peak"], 1.1)
        more = last["worker_peak"] - last["worker_before"]
        yield Bar(f"GiB of a worker beyond imports and model: {name}", more / (1 << 30), 0.5)


def _of_two_workers(figures: Figures, job: Job) -> Iterator[Bar]:
    own = figures[job]
    if one := figures.get(_by(job, "1")):
        most = 0.6 if job.which == "inference" else 0.55
        yield Bar(f"time of two workers / of one process: {_name(job)}", own["seconds"] / one["seconds"], most)
    if base := figures.get(_by(job, BASE)):
        yield Bar(f"processor time / before the parts: {_name(job)}", _ratio(figures, job, base), 1.1)
    naive = figures.get(Job(NAIVE, job.model, job.rows))
    if naive and job.which == "inference":
        faster = naive["seconds"] / own["seconds"]
        yield Bar(f"time of the three naive lines / of the job: {_name(job)}", faster, 1.5, at_least=True)


def _ratio(figures: Figures, job: Job, base: Mapping[str, float]) -> float:
    return figures[job]["all"] / base["all"]


def _by(job: Job, engine: str) -> Job:
    return Job(job.which, job.model, job.rows, engine)


def _name(job: Job) -> str:
    return f"{job.which}, {job.model}, {job.rows:,} rows"
