"""The component in somebody else's project: found by name in YAML, and wrong YAML refused with file and line."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from mlops_assets_tests.forked import run_program

PYPROJECT = """
[tool.dg]
directory_type = "project"

[tool.dg.project]
root_module = "theirs"
"""
DEFINITIONS = """
from pathlib import Path
import dagster as dg


@dg.definitions
def defs():
    return dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
"""
RESOURCES = """
import dagster as dg
from mlops_assets import default_resources


@dg.definitions
def resources(context: dg.ComponentLoadContext):
    return dg.Definitions(resources=default_resources(context.project_root))
"""
GOOD = """
type: mlops_assets.MlflowModelComponent
attributes:
  model: churn
  inputs: {path: customers.parquet, row_key: [customer_id]}
  outputs: {path: tables}
"""


@pytest.fixture
def theirs(tmp_path) -> Path:
    """A project with two models."""
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    for path, text in {
        "theirs/__init__.py": "",
        "theirs/definitions.py": DEFINITIONS,
        "theirs/defs/__init__.py": "",
        "theirs/defs/churn/defs.yaml": GOOD,
        "theirs/defs/fraud/defs.yaml": GOOD.replace("churn", "fraud").replace("tables", "fraud_tables"),
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


def dg(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    folder = Path(sys.executable).parent
    environment = {
        "PYTHONPATH": f"{project}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
        "PATH": f"{folder}:{os.environ['PATH']}",
        "COLUMNS": "200",
    }
    return run_program("dg", arguments, project, os.environ | environment)


@pytest.mark.slow
def test_two_models_load_in_another_project(theirs):
    done = dg(theirs, "check", "defs")
    assert done.returncode == 0, done.stdout + done.stderr
    listed = dg(theirs, "list", "defs", "--json").stdout
    assert '"churn/predictions"' in listed
    assert '"fraud/sample_explanations"' in listed


@pytest.mark.slow
def test_a_yaml_alone_is_enough_to_launch(theirs, registry, monkeypatch):
    """No resource is copied from anywhere: `dg check defs` says all is well, and the first launch succeeds."""
    rows = pd.DataFrame({"x": [1.0, 2.0, 4.0], "customer_id": ["a", "b", "c"]})
    rows.to_parquet(theirs / "customers.parquet", index=False)
    registry.add_sklearn(LinearRegression().fit(rows[["x"]], [1.0, 2.0, 3.0]), rows[["x"]], name="churn")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registry.uri)
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", registry.uri)
    monkeypatch.setenv("DAGSTER_HOME", str(theirs))
    assert dg(theirs, "check", "yaml").returncode == 0
    assert dg(theirs, "check", "defs").returncode == 0
    done = dg(theirs, "launch", "--job", "churn_explanations_job")
    assert done.returncode == 0, done.stdout + done.stderr
    assert pd.read_parquet(theirs / "tables" / "predictions.parquet")["customer_id"].tolist() == ["a", "b", "c"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("wrong", "facts"),
    [
        ("outputs: {path: tables, fromat: csv}", ["fromat", "fraud/defs.yaml:6"]),
        ("outputs: {path: tables, format: excel}", ["format", "parquet", "csv", "fraud/defs.yaml"]),
        ("outputs: {path: tables}\n  alias_or_version: '3'", ["number 3 without quotes", "fraud"]),
    ],
)
def test_wrong_yaml_is_refused_with_file_key_and_allowed_values(wrong, facts, theirs):
    place = theirs / "theirs" / "defs" / "fraud" / "defs.yaml"
    place.write_text(place.read_text().replace("outputs: {path: fraud_tables}", wrong))
    done = dg(theirs, "check", "defs")
    assert done.returncode != 0
    for fact in facts:
        assert fact in done.stdout + done.stderr
