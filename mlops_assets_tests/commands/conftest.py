"""A project of one's own: a src layout that is not installed, with a model, a table and an embedded registry."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier

from mlops_assets_tests.forked import run_forked, run_program

ROOT = Path(__file__).parent.parent.parent
FILES = {
    "pyproject.toml": '[project]\nname = "theirs"\n[tool.dg]\ndirectory_type = "project"\n'
    '[tool.dg.project]\nroot_module = "theirs"\n',
    ".env": "MLFLOW_TRACKING_URI={uri}\n",
    "src/theirs/__init__.py": "",
    "src/theirs/definitions.py": "from pathlib import Path\nfrom dagster import definitions, load_from_defs_folder\n"
    "@definitions\ndef defs():\n    return load_from_defs_folder(path_within_project=Path(__file__).parent)\n",
    "src/theirs/defs/__init__.py": "",
    "src/theirs/defs/resources.py": "import dagster as dg\nfrom mlops_assets import default_resources\n"
    "@dg.definitions\ndef resources(context: dg.ComponentLoadContext):\n"
    "    return dg.Definitions(resources=default_resources(context.project_root))\n",
    "src/theirs/defs/churn/defs.yaml": "type: mlops_assets.MlflowModelComponent\nattributes:\n  model: churn\n"
    "  inputs: {path: data/customers.parquet, row_key: [customer_id]}\n  outputs: {path: data/tables}\n"
    "  explain: {reasons: {}, changes: {}}\n  monitor: {}\n  outcomes: {path: data/outcomes.csv, column: left}\n",
    "src/theirs/defs/fraud/defs.yaml": "type: mlops_assets.MlflowModelComponent\nattributes:\n  model: fraud\n"
    "  inputs: {path: data/customers.parquet, row_key: [customer_id]}\n  outputs: {path: data/fraud}\n",
}


def environment_with(**variables: str) -> dict[str, str]:
    """The environment of a command: this checkout; no registry and no home of Dagster, unless they are given."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "DAGSTER_HOME"))}
    quiet = {"DAGSTER_DISABLE_TELEMETRY": "1", "MLFLOW_DISABLE_TELEMETRY": "true"}
    return kept | quiet | {"PYTHONPATH": str(ROOT)} | variables


def command(folder: Path, *arguments: str, python: str | None = None, **environment: str) -> Any:
    """`mlops-assets` with these arguments, typed in a folder, as a person types it: in a process of its own.

    Or other Python code, in a process that imports everything itself.
    """
    if python is None:
        return run_program("mlops-assets", arguments, folder, environment_with(**environment))
    return subprocess.run(
        [sys.executable, "-c", python, *arguments],
        cwd=folder,
        env=environment_with(**environment),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def customers() -> pd.DataFrame:
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.normal(size=(60, 3)), columns=["age", "income", "tenure"])
    return frame.assign(customer_id=[f"c{number:02}" for number in range(60)])


@pytest.fixture
def project(tmp_path, registry, customers) -> SimpleNamespace:
    """The project; `run()` materializes churn's tables in a process of its own."""
    root = tmp_path / "project"
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text.replace("{uri}", registry.uri))
    (root / "data").mkdir()
    customers.to_parquet(root / "data" / "customers.parquet", index=False)
    features = customers[["age", "income", "tenure"]]
    model = RandomForestClassifier(10, max_depth=4, random_state=0).fit(features, features.age > 0)
    registry.add_sklearn(model, features, name="churn")

    def run() -> None:
        code = (
            "import dagster as dg\nfrom theirs.definitions import defs\n"
            "with dg.DagsterInstance.ephemeral() as instance:\n"
            "    defs().resolve_job_def('churn_explanations_job').execute_in_process(instance=instance)\n"
        )
        path = os.pathsep.join((str(ROOT), str(root / "src")))
        done = run_forked(code, (), root, environment_with(PYTHONPATH=path, MLFLOW_TRACKING_URI=registry.uri))
        assert done.returncode == 0, done.stderr[-3000:]

    return SimpleNamespace(root=root, run=run, registry=registry, model=model, features=features)
