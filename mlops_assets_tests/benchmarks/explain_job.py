"""What explaining costs in the whole job: ``python -m mlops_assets_tests.benchmarks.explain_job``.

Seeded rows (an int64 key and 20 doubles) in 16 files. Each round runs, in a process of its own each, the
`<model>_inference_job`, the `<model>_explanations_job` (which holds the former), the same with reasons, with drift and
with changes against a version of the same kind, and the kernel alone, on all rows, in memory and loaded; one worker.
All figures are processor seconds, medians of the rounds. The bars:

- *beyond*: what the explanations job takes beyond the inference job, as a multiple of the kernel's own time
- *whole*: the explanations job as a multiple of the inference job
- *reasons*, *drift*: the explanations job with these tables, as a multiple of the one without
- *changes*: what the tables of changes take beyond the explanations job, as a multiple of that

*walk* is the kernel that walks the trees, with the margin that is computed beside it, on a tenth of the rows: what the
kernel was before tables.
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
from pathlib import Path
from typing import Any

from mlops_assets_tests.benchmarks import score_jobs
from mlops_assets_tests.benchmarks.score import verdict

FILES = 16
CHUNK = 32_768
BEYOND = 1.5
REASONS, DRIFT, CHANGES = 1.15, 1.05, 1.3
WHOLE = {"gradient-100": 2.0, "histogram-100": 5.0}


def kernel_seconds(folder: Path, model: str, rows: int) -> dict[str, float]:
    """Processor seconds of the kernel, and of the walk."""
    import numpy as np

    from mlops_assets.trees import shap_values
    from mlops_assets.trees.margin import raw_margin
    from mlops_assets.trees.read import read_ensemble

    stages: dict[str, float] = {}
    ensemble = read_ensemble(score_jobs.load(folder, model, stages).native)
    assert ensemble is not None
    columns = score_jobs.features(rows, 1)

    def explain(many: int) -> None:
        for low in range(0, many, CHUNK):
            # Ordered by columns, as the job has them.
            part = np.ascontiguousarray(columns[:, low : low + CHUNK]).T
            sums = shap_values.tree_shap_sums(ensemble, part, rows)
            if sums.margin is None:
                raw_margin(ensemble, part, compiled=True)

    def spent(many: int) -> float:
        explain(min(many, 1_000))
        began = time.process_time()
        explain(many)
        return time.process_time() - began

    seconds = {"kernel": spent(rows)}
    setattr(shap_values, "choose_plan", lambda _: None)  # noqa: B010
    return seconds | {"walk": spent(rows // 10) * rows / (rows // 10)}


def make_files(folder: Path, rows: int) -> Path:
    """`rows` rows in `FILES` files, kept for the next job."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    place, making = folder / f"files-{rows}", folder / f"making-{rows}"
    if not place.exists():
        making.mkdir()
        names = [score_jobs.KEY, *(f"f{i}" for i in range(score_jobs.COLUMNS))]
        for number, start in enumerate(range(0, rows, rows // FILES)):
            count = min(rows // FILES, rows - start)
            columns = [np.arange(start, start + count), *score_jobs.features(count, number + 1)]
            pq.write_table(pa.table(columns, names=names), making / f"{number:02d}.parquet")
        making.rename(place)
    return place


def make_catalogue(folder: Path) -> Path:
    """A text for each column, half of them by a condition."""
    lines = ["otherwise: {code: X, text: Other information}", "reasons:"]
    for number in range(score_jobs.COLUMNS):
        entry = f"{{code: R{number}, text: The value of column {number} is unusual}}"
        low = f"{{when: f{number} < 0, code: L{number}, text: The value of column {number} is low}}, "
        lines.append(f"  f{number}: [{low if number % 2 else ''}{entry}]")
    place = folder / "reasons.yaml"
    place.write_text("\n".join(lines), "utf-8")
    return place


def register_other(folder: Path, model: str) -> None:
    """A second version of the same kind, fitted to a somewhat other target; the first one stays the champion."""
    import mlflow.sklearn
    from mlflow import MlflowClient
    from sklearn.base import clone

    from mlops_assets.models.trust import TRUSTED_TYPES

    place = folder / "models" / f"{model}-other"
    if place.exists():
        return
    frame, fitted = score_jobs.fitted(model)
    other = clone(fitted).fit(frame, fitted.predict(frame) + frame.iloc[:, 0] * frame.iloc[:, 1])
    signature = mlflow.models.infer_signature(frame, other.predict(frame))
    trusted = sorted(TRUSTED_TYPES)
    told: dict[str, Any] = {"signature": signature, "pip_requirements": ["mlflow"], "skops_trusted_types": trusted}
    mlflow.sklearn.save_model(other, place, serialization_format="skops", **told)
    address = score_jobs.registry_uri(folder)
    MlflowClient(tracking_uri=address, registry_uri=address).create_model_version(model, source=place.as_uri())


def job_seconds(folder: Path, model: str, rows: int, which: str) -> dict[str, float]:
    """Processor seconds of a job whose imports and compilation are paid."""
    from mlops_assets.trees import table_kernel  # noqa: F401

    settings: dict[str, Any] = {"engine": {"KIND": "LocalEngine", "workers": 1}}
    if which == "reasons":
        settings["explain"] = {"reasons": {"toward": "lower", "catalogue": str(make_catalogue(folder))}}
    if which == "changes":
        settings["explain"] = {"changes": {"against": 2, "tolerance": 0.01, "segments": {"f0": [0.0]}}}
    if which == "drift":
        settings["monitor"] = {}
    job = "inference" if which == "inference" else "explanations"
    # Parts of another job are not to be found.
    shutil.rmtree(folder / job, ignore_errors=True)
    work = score_jobs.job_of(folder, model, make_files(folder, rows), {}, job, **settings)
    began = score_jobs.processor_seconds()
    work()
    return {which: score_jobs.processor_seconds() - began}


def measure(folder: Path, model: str, rows: int) -> dict[str, float]:
    """One round."""
    found: dict[str, float] = {}
    for what in ("inference", "explanations", "reasons", "drift", "changes", "kernel"):
        command = [sys.executable, "-W", "ignore", "-m", __spec__.name, what, str(folder), model, str(rows)]
        ended = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        found |= json.loads(ended.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Measure, and print what was reached."""
    if sys.argv[1:2] in (["kernel"], ["inference"], ["explanations"], ["reasons"], ["drift"], ["changes"]):
        what, place, model, count = sys.argv[1:]
        asked = Path(place), model, int(count)
        print(json.dumps(kernel_seconds(*asked) if what == "kernel" else job_seconds(*asked, what)))
        sys.stdout.flush()
        os._exit(0)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--models", nargs="+", default=list(WHOLE))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="Kept afterwards; default: a temporary one.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder: Path = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        make_files(folder, options.rows)
        for model in options.models:
            score_jobs.register(folder, model)
            register_other(folder, model)
            _report(model, options.rows, [measure(folder, model, options.rows) for _ in range(options.rounds)])


def _report(model: str, rows: int, rounds: list[dict[str, Any]]) -> None:
    seconds = {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}
    beyond = statistics.median((each["explanations"] - each["inference"]) / each["kernel"] for each in rounds)
    walk = statistics.median((each["explanations"] - each["inference"]) / each["walk"] for each in rounds)
    whole = statistics.median(each["explanations"] / each["inference"] for each in rounds)
    print(f"{model}, {rows:,} rows:", ", ".join(f"{name} {spent:.2f} s" for name, spent in seconds.items()))
    print(f"  beyond the inference job, in kernels: {verdict(beyond, BEYOND, at_least=False)}; in walks: {walk:.2f}")
    for name, most in (("reasons", REASONS), ("drift", DRIFT)):
        ratio = statistics.median(each[name] / each["explanations"] for each in rounds)
        print(f"  with {name}, in explanations jobs: {verdict(ratio, most, at_least=False)}")
    changes = statistics.median(each["changes"] / each["explanations"] - 1 for each in rounds)
    print(f"  changes, in explanations jobs: {verdict(changes, CHANGES, at_least=False)}")
    bar = WHOLE.get(model)
    print(f"  explanations job, in inference jobs: {whole:.2f}" if bar is None else
          f"  explanations job, in inference jobs: {verdict(whole, bar, at_least=False)}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
