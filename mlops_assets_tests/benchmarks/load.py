"""What a code location costs: ``python -m mlops_assets_tests.benchmarks.load``.

*import*: fresh processes, the best of five: `import mlops_assets.definitions` beside `import dagster, pyarrow`.

*demo*: the demo's whole graph (569 rows) in one fresh process, beside a process that imports the libraries which the
graph cannot do without and does the bare work: read the table, load the champion with MLflow, predict, explain every
row with `shap`, write two Parquet files.

*models*: a code location of that many models in a fresh process: *load* is `load_from_defs_folder`, *serve* what
Dagster's code server does with the result before it answers (the repository, its jobs, its snapshot). *yaml* is a
folder with a `defs.yaml` per model; *registry* is one `MlflowRegistryComponent` that knows its models already; *plain*
is a code location in Python with as many assets, checks, jobs and sensors per model, of which the functions are empty:
what Dagster itself costs. The last column divides by *plain* of the same run.

Seconds of the processor, user and system, of one process. Resident memory on Linux.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from mlops_assets_tests.benchmarks.registry_project import write_registry_component

# Plain first: what the others are divided by.
KINDS = ("plain", "yaml", "registry")
PROJECT = """
[tool.dg]
directory_type = "project"

[tool.dg.project]
root_module = "many"
"""
DEFINITIONS = """
from pathlib import Path
import dagster as dg
from mlops_assets import load_from_defs_folder

@dg.definitions
def defs():
    return load_from_defs_folder(path_within_project=Path(__file__).parent)
"""
RESOURCES = """
import dagster as dg
from mlops_assets import default_resources

@dg.definitions
def resources(context: dg.ComponentLoadContext):
    return dg.Definitions(resources=default_resources(context.project_root))
"""
MODEL = """
type: mlops_assets.MlflowModelComponent
attributes:
  model: {name}
  inputs: {{path: data/{name}.parquet, row_key: [id]}}
  outputs: {{path: tables/{name}}}
"""
BARE_DEMO = """
import dagster, pyarrow.dataset, pandas as pd, numba, shap, mlflow.sklearn
from mlflow import MlflowClient
from skops.io import get_untrusted_types, load
state = {state!r}
uri = f"sqlite:///{{state}}/mlflow.db"
client = MlflowClient(tracking_uri=uri, registry_uri=uri)
version = client.get_model_version_by_alias("breast_cancer", "Champion")
place = mlflow.artifacts.download_artifacts(
    artifact_uri=client.get_model_version_download_uri("breast_cancer", version.version), tracking_uri=uri
)
stored = next(path for path in __import__("pathlib").Path(place).glob("*.skops"))
model = load(stored, trusted=get_untrusted_types(file=stored))
table = pd.read_parquet(f"{{state}}/demo/breast_cancer.parquet")
features = table[model.feature_names_in_]
pd.DataFrame(model.predict_proba(features)).to_parquet(f"{aside}/bare_predictions.parquet")
values = shap.TreeExplainer(model).shap_values(features)[:, :, 1]
pd.DataFrame(values).to_parquet(f"{aside}/bare_explanations.parquet")
"""
DEMO = """
from mlops_assets.definitions import defs
import dagster as dg
definitions = defs()
with dg.DagsterInstance.get() as instance:
    done = definitions.resolve_job_def("breast_cancer_explanations_job").execute_in_process(
        instance=instance, run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    )
assert done.success
"""


def write_project(folder: Path, models: int, kind: str) -> None:
    """A project with `models` folders, each with a `defs.yaml`, or with one for a registry of as many."""
    texts = {
        "pyproject.toml": PROJECT,
        "many/__init__.py": "",
        "many/definitions.py": DEFINITIONS,
        "many/defs/__init__.py": "",
        "many/defs/resources.py": RESOURCES,
    }
    for number in range(models if kind == "yaml" else 0):
        texts[f"many/defs/model_{number:04d}/defs.yaml"] = MODEL.format(name=f"model_{number:04d}")
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    if kind == "registry":
        write_registry_component(folder, "many", models)


def resident() -> int:
    """Bytes of this process in memory."""
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024


def load_once(models: int, kind: str) -> None:
    """Load a code location in this process and print what it cost."""
    from dagster._core.remote_representation.external_data import RepositorySnap

    import mlops_assets.model_definitions  # noqa: F401 - imported once, whatever number of models there is

    with tempfile.TemporaryDirectory() as folder:
        sys.path.insert(0, folder)
        write_project(Path(folder), models, kind)
        before, start = resident(), time.process_time()
        if kind == "plain":
            from mlops_assets_tests.benchmarks.plain_dagster import plain_definitions

            definitions = plain_definitions(models)
        else:
            from many.definitions import defs  # type: ignore[import-not-found]

            definitions = defs()
        loaded = time.process_time()
        RepositorySnap.from_def(definitions.get_repository_def(), defer_snapshots=True)
        served = time.process_time()
    print(json.dumps({"load": loaded - start, "serve": served - loaded, "memory": resident() - before}))


def fresh(code: str, **environment: str) -> float:
    """Seconds of the processor that a fresh Python process takes for `code`."""
    before = os.times()
    subprocess.run(
        [sys.executable, "-c", code], check=True, env=os.environ | environment, stdout=subprocess.DEVNULL, cwd="/"
    )
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def best(run: Callable[[], float], times: int) -> float:
    return min(run() for _ in range(times))


def compare(what: str, ours: float, other: str, theirs: float) -> None:
    """One line: seconds, and the ratio."""
    print(f"{what:<32}{ours:>7.2f} s  {ours / theirs:>5.2f} x {other} ({theirs:.2f} s)", flush=True)


def print_imports(times: int) -> None:
    """The first part of the table."""
    ours = best(lambda: fresh("import mlops_assets.definitions"), times)
    theirs = best(lambda: fresh("import dagster, pyarrow"), times)
    compare("import mlops_assets.definitions", ours, "import dagster, pyarrow", theirs)


def print_demo(times: int) -> None:
    """The second part; the demo is trained, registered and run once in this checkout before."""
    root = Path(__file__).parents[2]
    with tempfile.TemporaryDirectory() as home:
        (Path(home) / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
        places = {"DAGSTER_HOME": home, "PYTHONPATH": os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])}
        demo = "import sys; from mlops_assets.cli import main; sys.exit(main(['demo']))"
        subprocess.run(
            [sys.executable, "-c", demo], check=True, env=os.environ | places, stdout=subprocess.DEVNULL, cwd=root
        )
        ours = best(lambda: fresh(DEMO, **places), times)
        bare = best(lambda: fresh(BARE_DEMO.format(state=str(root / ".mlops_assets"), aside=home), **places), times)
    compare("demo graph, 569 rows", ours, "imports and bare work", bare)


def print_models(numbers: list[int]) -> None:
    """The third part."""
    print(f"\n{'models':>8}{'':>10}{'load':>10}{'serve':>10}{'each':>12}{'memory':>12}{'each':>12}{'ratio':>9}")
    for models in numbers:
        empty = 0.0
        for kind in KINDS:
            command = [sys.executable, "-m", __spec__.name if __spec__ else __name__, "--load", str(models)]
            done = subprocess.run([*command, "--kind", kind], check=True, capture_output=True, text=True)
            told = json.loads(done.stdout)
            seconds = told["load"] + told["serve"]
            empty = empty or seconds
            print(
                f"{models:>8}{kind:>10}{told['load']:>8.2f} s{told['serve']:>8.2f} s"
                f"{seconds / models * 1e3:>9.1f} ms{told['memory'] / 2**20:>8.0f} MiB"
                f"{told['memory'] / models / 2**10:>8.0f} KiB{seconds / empty:>7.2f} x",
                flush=True,
            )


def main(arguments: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--models", type=int, nargs="*", default=[1, 50, 100, 200])
    parser.add_argument("--times", type=int, default=5, help="fresh processes, of which the best counts")
    parser.add_argument("--load", type=int, help="only load so many models in this process, and print JSON")
    parser.add_argument("--kind", choices=KINDS, default="yaml", help="with --load: what the code location holds")
    parser.add_argument("--only-models", action="store_true", help="leave out imports and demo")
    options = parser.parse_args(arguments)
    if options.load:
        load_once(options.load, options.kind)
        return
    if not options.only_models:
        print_imports(options.times)
        print_demo(min(options.times, 3))
    print_models(options.models)


if __name__ == "__main__":
    main()
