"""Many models in one code location: one broken YAML hides no other, names occur once, jobs hold what is theirs."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from mlops_assets_tests.forked import run_forked
from mlops_assets_tests.test_other_project import GOOD, PYPROJECT, RESOURCES, dg

pytestmark = pytest.mark.slow

DEFINITIONS = """
from pathlib import Path
import dagster as dg
from mlops_assets import load_from_defs_folder


@dg.definitions
def defs():
    return load_from_defs_folder(path_within_project=Path(__file__).parent)
"""
# What Dagster's code server asks of a code location, told as JSON.
LOOK = """
import json
from dagster._core.remote_representation.external_data import RepositorySnap
from theirs.definitions import defs
repository = defs().get_repository_def()
snap = RepositorySnap.from_def(repository, defer_snapshots=True)
nodes = {node.asset_key.to_user_string(): node for node in snap.asset_nodes}
broken = {key: node for key, node in nodes.items() if node.group_name == "broken_definitions"}
print(json.dumps({
    "assets": sorted(nodes),
    "sensors": sorted(sensor.name for sensor in repository.sensor_defs),
    "jobs": {job.name: sorted(job.resource_defs) for job in repository.get_all_jobs()},
    "broken": {key: f"{node.metadata['file'].value}:{node.metadata['line'].value}" for key, node in broken.items()},
    "reasons": {key: node.metadata["reason"].value for key, node in broken.items()},
}))
"""


def write(project: Path, **texts: str) -> None:
    for folder, text in texts.items():
        place = project / "theirs" / "defs" / folder / "defs.yaml"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)


def yaml(model: str, more: str = "") -> str:
    return GOOD.replace("churn", model).replace("tables", f"tables/{model}") + more


def lay_out(folder: Path) -> Path:
    """A project whose code location loads each YAML by itself; two good models."""
    (folder / "theirs" / "defs").mkdir(parents=True)
    (folder / "pyproject.toml").write_text(PYPROJECT)
    (folder / "theirs" / "__init__.py").touch()
    (folder / "theirs" / "defs" / "__init__.py").touch()
    (folder / "theirs" / "definitions.py").write_text(DEFINITIONS)
    (folder / "theirs" / "defs" / "resources.py").write_text(RESOURCES)
    write(folder, churn=yaml("churn"), fraud=yaml("fraud_eu"))
    return folder


@pytest.fixture
def project(tmp_path) -> Path:
    return lay_out(tmp_path)


def python(project: Path, code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    path = f"{project}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    return run_forked(code, (), project, os.environ | {"PYTHONPATH": path, **environment})


def look(project: Path) -> tuple[dict, str]:
    """The code location, and what was logged while it loaded."""
    done = python(project, LOOK)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


BROKEN = {
    "no_such_key": (yaml("a").replace("tables/a", "tables/a, fromat: csv"), 6, ["outputs.fromat", "no such key"]),
    "wrong_value": (
        yaml("b").replace("tables/b", "t, format: excel"),
        6,
        ["outputs.format", "'parquet', 'csv'"],
    ),
    "no_such_class": (yaml("c", "  signer: {KIND: nowhere.MySigner}\n"), 7, ["nowhere.MySigner", "cannot be imported"]),
    "no_such_type": (yaml("d").replace("MlflowModel", "MlfowModel"), 2, ["MlfowModelComponent"]),
    "no_yaml": ("type: [\n a: b: c\n", 2, ["not YAML"]),
    "same_model": (yaml("churn"), 4, ["'churn'", "theirs/defs/same_model/defs.yaml", "theirs/defs/churn/defs.yaml"]),
    "same_names": (yaml("fraud.eu"), 4, ["'fraud.eu'", "'fraud_eu'", "theirs/defs/fraud/defs.yaml"]),
    "same_tables": (yaml("g").replace("tables/g", "tables/churn/"), 2, ["tables/churn", "theirs/defs/churn/defs.yaml"]),
    "team/nested": (yaml("e", "  automation: lazy\n"), 7, ["automation", "'eager'"]),
}


@pytest.fixture(scope="module")
def seen(tmp_path_factory) -> tuple[dict, str]:
    """One look at a code location with two good YAMLs and every broken one."""
    folder = tmp_path_factory.mktemp("project")
    write(lay_out(folder), **{name: text for name, (text, _, _) in BROKEN.items()})
    return look(folder)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_yaml_is_told_with_file_line_and_reason(name, seen):
    _, line, facts = BROKEN[name]
    told, logged = seen
    assert told["broken"][f"{name}/broken_definition"] == f"theirs/defs/{name}/defs.yaml:{line}"
    assert f"theirs/defs/{name}/defs.yaml:{line}: " in logged
    for fact in facts:
        assert fact in told["reasons"][f"{name}/broken_definition"]


def test_a_broken_yaml_hides_no_other(seen):
    told, _ = seen
    assert {"churn/predictions", "churn/sample_explanations", "fraud_eu/predictions"} <= set(told["assets"])
    assert {"churn_champion_sensor", "fraud_eu_champion_sensor"} <= set(told["sensors"])
    assert {"churn_inference_job", "fraud_eu_explanations_job"} <= set(told["jobs"])
    assert len(told["broken"]) == len(BROKEN)


def test_the_asset_in_its_place_fails_with_the_reason(project):
    write(project, late=yaml("late", "  executor: fast\n"))
    done = python(
        project,
        """
import dagster as dg
from theirs.definitions import defs
done = dg.materialize(defs().assets, selection='key:"late/broken_definition"', resources=defs().resources,
                      raise_on_error=False)
print(done.success, done.failure_data_for_node("late__broken_definition").error.cause)
""",
    )
    assert done.stdout.startswith("False"), done.stderr
    assert "ConfigurationError" in done.stdout
    assert "executor" in done.stdout
    assert "theirs/defs/late/defs.yaml:7" in done.stdout


def test_values_of_a_yaml_are_not_told(project):
    write(project, secret=yaml("s").replace("tables/s", "t, storage_options: {key: canary-1}, pasword: canary-2"))
    told, logged = look(project)
    assert "pasword" in told["reasons"]["secret/broken_definition"]
    assert "canary" not in json.dumps(told) + logged


def test_a_broken_python_file_fails_as_ever(project):
    (project / "theirs" / "defs" / "resources.py").write_text("raise RuntimeError('shared by all')")
    done = python(project, LOOK)
    assert done.returncode != 0
    assert "shared by all" in done.stderr


@pytest.mark.slow
def test_dg_check_defs_fails_and_names_every_broken_yaml(project):
    write(project, one=yaml("one", "  signer: {KIND: nowhere.A}\n"), two=yaml("two", "  loader: {KIND: nowhere.B}\n"))
    done = dg(project, "check", "defs")
    assert done.returncode != 0
    for fact in ("theirs/defs/one/defs.yaml:7", "nowhere.A", "theirs/defs/two/defs.yaml:7", "nowhere.B"):
        assert fact in done.stdout + done.stderr


def test_a_job_holds_no_other_models_resources(project):
    """Else the snapshots of the jobs of two hundred models have millions of entries."""
    told, _ = look(project)
    for job, resources in told["jobs"].items():
        if not job.startswith("__"):
            other = "fraud" if job.startswith("churn") else "churn"
            assert not [key for key in resources if key.startswith(other)], job
