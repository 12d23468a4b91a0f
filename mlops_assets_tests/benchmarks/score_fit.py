"""The cost model of `benchmarks.score --fit`: what predicting and explaining cost per row and core, and once."""

from collections.abc import Sequence
from pathlib import Path

BILLION = 10**9
CORES = (1, 16, 64)
EXPLAINED_SHARE = 10
"""Explaining is slower than predicting by about this factor: it gets so many times fewer rows."""


def line_through(points: Sequence[tuple[int, float]]) -> tuple[float, float]:
    """Slope and intercept by least squares on the relative errors, so that the small runs fix the intercept.

    >>> slope, intercept = line_through([(100, 3.0), (200, 4.0), (400, 6.0)])
    >>> round(slope, 6), round(intercept, 6)
    (0.01, 2.0)
    """
    weights = [1 / seconds**2 for _, seconds in points]
    total = sum(weights)
    mean_x = sum(weight * x for weight, (x, _) in zip(weights, points, strict=True)) / total
    mean_y = sum(weight * y for weight, (_, y) in zip(weights, points, strict=True)) / total
    spread = sum(weight * (x - mean_x) ** 2 for weight, (x, _) in zip(weights, points, strict=True))
    slope = sum(weight * (x - mean_x) * (y - mean_y) for weight, (x, y) in zip(weights, points, strict=True)) / spread
    return slope, mean_y - slope * mean_x


def print_fit(folder: Path, models: Sequence[str], rows: int) -> None:
    """Rates per core of predicting and explaining, the start-up, and what a billion rows cost."""
    from mlops_assets_tests.benchmarks.score import run

    heads = "".join(f"{f'1e9 on {cores}':>14}" for cores in CORES)
    print(f"{'model':15}{'job':10}{'rows/s/core':>12}{'start-up s':>12}{heads}")
    for model in models:
        for job, most in (("graph", rows), ("explain", max(1000, rows // EXPLAINED_SHARE))):
            points = []
            startup = 0.0
            sizes = (most // 8, most // 4, most // 2, most)
            # Kernels are compiled once on a machine, by whoever needs them first: that one is not counted.
            for size in (sizes[0], *sizes):
                run("prepare", folder, model, size)
                told = run(job, folder, model, size)
                points.append((size, told["cpu"]))
                startup = told["imports"] + told["load"]
            slope, fixed = line_through(points[1:])
            if slope <= 0:
                print(f"{model:15}{job:10}no fit: more rows did not take longer, {points[1:]}", flush=True)
                continue
            once = startup + max(0.0, fixed)
            costs = "".join(f"{f'{(slope * BILLION / cores + once) / 3600:,.2f} h':>14}" for cores in CORES)
            print(f"{model:15}{job:10}{1 / slope:12,.0f}{once:12.1f}{costs}", flush=True)
