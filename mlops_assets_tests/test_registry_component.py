"""One YAML for a registry: every registered model that carries a tag, without asking the registry at each load."""

import json
import os
from pathlib import Path

import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from mlops_assets_tests.test_many_models import LOOK, python
from mlops_assets_tests.test_other_project import PYPROJECT, dg

pytestmark = pytest.mark.slow

YAML = """
type: mlops_assets.MlflowRegistryComponent
attributes:
  tags: {serve: "true"}
  defaults:
    inputs: {path: "data/{model}.parquet", row_key: [key]}
    outputs: {path: "tables/{model}"}
"""
DEFINITIONS = """
from pathlib import Path
import dagster as dg


@dg.definitions
def defs():
    return dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
"""
ROWS = pd.DataFrame({"x": [1.0, 2.0, 4.0], "key": ["a", "b", "c"]})


@pytest.fixture
def project(tmp_path, registry, monkeypatch) -> Path:
    """Two models with the tag, one without; none was looked at."""
    folder = tmp_path / "project"
    for place, text in {
        "pyproject.toml": PYPROJECT,
        "theirs/__init__.py": "",
        "theirs/definitions.py": DEFINITIONS,
        "theirs/defs/__init__.py": "",
        "theirs/defs/registry/defs.yaml": YAML,
    }.items():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_text(text)
    fitted = LinearRegression().fit(ROWS[["x"]], [1.0, 2.0, 3.0])
    (folder / "data").mkdir()
    for name in ("churn", "fraud", "other"):
        registry.add_sklearn(fitted, ROWS[["x"]], name=name)
        ROWS.to_parquet(folder / "data" / f"{name}.parquet", index=False)
    for name in ("churn", "fraud"):
        registry.client.set_registered_model_tag(name, "serve", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registry.uri)
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", registry.uri)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    return folder


def refresh(project):
    done = dg(project, "utils", "refresh-defs-state")
    assert done.returncode == 0, done.stdout + done.stderr


def look(project, **environment):
    done = python(project, LOOK, **environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def families(told):
    return {asset.partition("/")[0] for asset in told["assets"] if asset.endswith("/predictions")}


def test_every_model_with_the_tag_is_defined_and_runs(project):
    refresh(project)
    told, _ = look(project)
    assert families(told) == {"churn", "fraud"}
    done = dg(project, "launch", "--job", "fraud_inference_job")
    assert done.returncode == 0, done.stdout + done.stderr
    assert pd.read_parquet(project / "tables" / "fraud" / "predictions.parquet")["key"].tolist() == ["a", "b", "c"]


def test_definitions_load_without_the_registry(project, tmp_path):
    refresh(project)
    told, _ = look(project, MLFLOW_TRACKING_URI="http://127.0.0.1:9", MLFLOW_REGISTRY_URI="http://127.0.0.1:9")
    assert families(told) == {"churn", "fraud"}


def test_before_the_first_look_the_command_is_named(project):
    told, logged = look(project)
    assert families(told) == set()
    assert "dg utils refresh-defs-state" in logged


def test_a_new_model_appears_with_the_next_look(project, registry):
    refresh(project)
    registry.client.set_registered_model_tag("other", "serve", "true")
    assert families(look(project)[0]) == {"churn", "fraud"}
    refresh(project)
    assert families(look(project)[0]) == {"churn", "fraud", "other"}


def test_a_registry_that_is_away_fails_the_look_and_keeps_what_was_known(project):
    refresh(project)
    away = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9", "MLFLOW_REGISTRY_URI": "http://127.0.0.1:9"}
    before = dict(os.environ)
    os.environ.update(away)
    try:
        done = dg(project, "utils", "refresh-defs-state")
    finally:
        os.environ.clear()
        os.environ.update(before)
    assert done.returncode != 0
    assert families(look(project)[0]) == {"churn", "fraud"}
    # `dg dev` looks by itself; it starts all the same.
    told, logged = look(project, DAGSTER_IS_DEV_CLI="1", **away)
    assert families(told) == {"churn", "fraud"}
    assert "last look at the registry" in logged


def test_a_model_with_a_wrong_tag_hides_no_other(project, registry):
    registry.client.set_registered_model_tag("fraud", "mlops_assets.settings.trust.allow_pickle", "true")
    refresh(project)
    told, logged = look(project)
    assert families(told) == {"churn"}
    assert "fraud/broken_definition" in told["broken"]
    assert "trust.allow_pickle" in told["reasons"]["fraud/broken_definition"]
    assert "trust.allow_pickle" in logged
    done = dg(project, "check", "defs")
    assert done.returncode != 0
    assert "trust.allow_pickle" in done.stdout + done.stderr


def test_a_mistake_in_the_defaults_is_reported_with_its_key(project):
    place = project / "theirs" / "defs" / "registry" / "defs.yaml"
    place.write_text(YAML.replace("outputs: {path", "outputs: {pth"))
    done = dg(project, "check", "defs")
    assert done.returncode != 0
    assert "outputs.pth" in done.stdout + done.stderr
