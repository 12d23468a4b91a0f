"""How long one row's story takes: ``python -m mlops_assets_tests.benchmarks.decision``.

Seeded rows of 20 doubles, by default ten million, whose keys are text in no order: what is asked for may be in any row
group of a table. A project of its own, explanations and reasons of every row, then whole `mlops-assets decision`
commands, each of another row. Prints seconds from the command to its end, and its processor seconds.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from mlops_assets_tests.benchmarks import score_jobs
from mlops_assets_tests.benchmarks.score import verdict

MODEL = "gradient-100"
SECONDS = 2.0
ASKED = 7
REASONS = "  explain:\n    reasons: {toward: lower}\n"


def make_table(folder: Path, rows: int) -> tuple[Path, list[str]]:
    """The inputs, and some of their keys; kept for the next run."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    path, rng = folder / f"text-keys-{rows}.parquet", np.random.default_rng(0)
    numbers = rng.permutation(rows)
    if not path.exists():
        names = [score_jobs.KEY, *(f"f{i}" for i in range(score_jobs.COLUMNS))]
        schema = pa.schema([(name, pa.string() if name == score_jobs.KEY else pa.float64()) for name in names])
        with pq.ParquetWriter(path.with_suffix(".part"), schema) as writer:
            for number, start in enumerate(range(0, rows, score_jobs.ROW_GROUP)):
                keys = [f"row-{key}" for key in numbers[start : start + score_jobs.ROW_GROUP].tolist()]
                columns = [keys, *score_jobs.features(len(keys), number + 1)]
                writer.write_table(pa.table(columns, schema=schema), row_group_size=score_jobs.ROW_GROUP)
        path.with_suffix(".part").rename(path)
    return path, [f"row-{key}" for key in rng.choice(numbers, ASKED, replace=False).tolist()]


def make_project(folder: Path, table: Path) -> Path:
    """A project that explains every row of the table and gives reasons; its job has run."""
    score_jobs.register(folder, MODEL)
    project = folder / f"project-{table.stem}"
    if not project.exists():
        asked = [f"--model={MODEL}", f"--inputs={table}", f"--row-key={score_jobs.KEY}"]
        registry = f"--tracking-uri={score_jobs.registry_uri(folder)}"
        _run([_command("mlops-assets"), "init", *asked, registry, str(project)], folder)
        (yaml,) = project.rglob("defs.yaml")
        yaml.write_text(yaml.read_text("utf-8") + REASONS, "utf-8")
        _run([_command("dg"), "launch", "--job", f"{MODEL.replace('-', '_')}_explanations_job"], project)
    return project


def measure(project: Path, keys: list[str]) -> tuple[list[float], list[float]]:
    """Seconds of each command, and its processor seconds; the first one, which reads files for all, is left out."""
    seconds, processor = [], []
    for key in keys:
        began, spent = time.perf_counter(), _children()
        _run([_command("mlops-assets"), "decision", MODEL, key, "--json"], project)
        seconds.append(time.perf_counter() - began)
        processor.append(_children() - spent)
    return seconds[1:], processor[1:]


def _command(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def _run(command: list[str], folder: Path) -> None:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    subprocess.run(command, cwd=folder, env=os.environ | {"PATH": path}, check=True, stdout=subprocess.DEVNULL)


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Measure, and print what was reached."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--folder", type=Path, help="Kept afterwards; default: a temporary one.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder: Path = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        table, keys = make_table(folder.resolve(), options.rows)
        seconds, processor = measure(make_project(folder.resolve(), table), keys)
    print(f"{options.rows:,} rows: {', '.join(f'{each:.2f}' for each in seconds)} s,", end=" ")
    print(f"processor {min(processor):.2f} to {max(processor):.2f} s")
    print(f"  the slowest, in seconds: {verdict(max(seconds), SECONDS, at_least=False)}")


if __name__ == "__main__":
    main()
