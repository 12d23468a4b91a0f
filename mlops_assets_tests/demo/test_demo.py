"""What the demo prepares; that it runs is tested with the README's commands."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from mlops_assets.demo.champion import ALIAS, MODEL, register_demo_champion, write_demo_table
from mlops_assets.demo.project import DEFS_YAML, FILES, write_demo_project
from mlops_assets.demo.run import find_demo_project, prepare_dagster_home
from mlops_assets.errors import ConfigurationError
from mlops_assets_tests.forked import run_program

ROOT = Path(__file__).parents[2]


@pytest.fixture
def without_home(monkeypatch, tmp_path):
    monkeypatch.setenv("DAGSTER_HOME", "to be removed after the test")
    monkeypatch.delenv("DAGSTER_HOME")
    monkeypatch.delenv("MLOPS_ASSETS_HOME", raising=False)
    return tmp_path


def test_the_dagster_home_is_made_once_and_named_for_the_ui(without_home):
    (without_home / ".env").write_text("OTHER=1")
    home = prepare_dagster_home(without_home)
    assert os.environ["DAGSTER_HOME"] == str(home)
    assert (home / "dagster.yaml").is_file()
    (home / "dagster.yaml").write_text("# changed by a user\n")
    del os.environ["DAGSTER_HOME"]
    prepare_dagster_home(without_home)
    assert (without_home / ".env").read_text() == f"OTHER=1\nDAGSTER_HOME=${{DAGSTER_HOME:-{home}}}\n"
    assert (home / "dagster.yaml").read_text() == "# changed by a user\n"


def test_a_dagster_home_that_is_set_is_used(without_home, monkeypatch):
    monkeypatch.setenv("DAGSTER_HOME", str(without_home / "mine"))
    assert prepare_dagster_home(without_home) == without_home / "mine"
    assert not (without_home / ".env").exists()


def test_the_inputs_are_the_same_bytes_every_time(tmp_path):
    for name in ("a", "b"):
        write_demo_table(tmp_path / name / "inputs.parquet")
    assert (tmp_path / "a" / "inputs.parquet").read_bytes() == (tmp_path / "b" / "inputs.parquet").read_bytes()


def test_the_model_is_registered_once_and_made_the_champion_again(registry):
    first = register_demo_champion(registry.resource)
    registry.client.delete_registered_model_alias(MODEL, ALIAS)
    second = register_demo_champion(registry.resource)
    assert (first.version, first.registered_now) == (1, True)
    assert (second.version, second.registered_now) == (1, False)
    assert int(registry.client.get_model_version_by_alias(MODEL, ALIAS).version) == 1


def test_this_repositorys_code_location_is_the_demo():
    assert (ROOT / "mlops_assets" / "defs" / "breast_cancer" / "defs.yaml").read_text("utf-8") == DEFS_YAML
    assert find_demo_project() == ROOT


def test_the_project_is_written_once_and_a_users_changes_stay(tmp_path, monkeypatch):
    assert len(write_demo_project(tmp_path)) == len(FILES)
    changed = tmp_path / "breast_cancer_demo" / "defs" / "breast_cancer" / "defs.yaml"
    changed.write_text("# theirs")
    (tmp_path / ".gitignore").unlink()
    assert write_demo_project(tmp_path) == [tmp_path / ".gitignore"]
    assert changed.read_text() == "# theirs"
    monkeypatch.chdir(changed.parent)
    assert find_demo_project() == tmp_path


def test_another_project_is_left_alone(tmp_path):
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "theirs"\n')
    with pytest.raises(ConfigurationError, match="another project"):
        write_demo_project(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["pyproject.toml"]


@pytest.mark.slow
def test_the_demo_runs_outside_this_repository(without_home):
    """In an empty folder; again it registers and writes nothing new, and other commands find it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DAGSTER_HOME", "MLFLOW"))}

    def run(*arguments, cwd=without_home):
        return run_program("mlops-assets", arguments, cwd, environment)

    command = [Path(sys.executable).parent / "mlops-assets", "demo"]
    first = subprocess.run(command, cwd=without_home, env=environment, capture_output=True, text=True, check=False)
    assert first.returncode == 0, first.stdout + first.stderr
    assert "version 1 registered now" in first.stdout
    assert "dev --target-path mlops_assets_demo" in first.stdout
    tables = without_home / "mlops_assets_demo" / ".mlops_assets" / "tables" / "breast_cancer"
    assert f"{tables.relative_to(without_home)}/predictions.parquet" in first.stdout
    before = (tables / "predictions.parquet").read_bytes()
    again = run("demo", "mlops_assets_demo")
    assert "version 1 was already registered" in again.stdout
    assert (tables / "predictions.parquet").read_bytes() == before
    journal = run("journal", "breast_cancer", cwd=without_home / "mlops_assets_demo")
    assert journal.returncode == 0, journal.stderr
    assert "Champion" in journal.stdout


@pytest.mark.slow
def test_the_wheel_holds_no_demo_definitions(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert "mlops_assets/component.py" in names
    assert not [name for name in names if name.startswith(("mlops_assets/defs", "mlops_assets/definitions"))]
