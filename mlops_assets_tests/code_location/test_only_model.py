"""A command about one model builds that model's definitions alone where components define the models."""

import json
import sys
from pathlib import Path

import pytest

from mlops_assets_tests.benchmarks.registry_project import write_registry_component
from mlops_assets_tests.commands.conftest import command

pytestmark = pytest.mark.slow

LOOK = """
import json, sys
from mlops_assets.code_location import model_resources as loading

load, groups = loading.load_definitions, set()


def noted(location):
    definitions = load(location)
    groups.update(key.path[0] for asset in definitions.assets or () for key in getattr(asset, "keys", ()))
    return definitions


loading.load_definitions = noted
with loading.open_model(None, sys.argv[1], lambda names: {names.tables}) as opened:
    print(json.dumps([sorted(groups), opened.names.name, sorted(opened.resources)]))
"""
PYPROJECT = '[tool.dg]\ndirectory_type = "project"\n[tool.dg.project]\nroot_module = "two"\n'
FROM_FOLDER = """
from pathlib import Path
import dagster as dg
from {package} import load_from_defs_folder

@dg.definitions
def defs():
    return load_from_defs_folder(path_within_project=Path(__file__).parent)
"""
IN_PYTHON = """
import dagster as dg
from mlops_assets import build_model_definitions

defs = dg.Definitions.merge(*(
    build_model_definitions(
        model=name, inputs={"path": "data.parquet", "row_key": ["id"]}, outputs={"path": f"tables/{name}"}
    )
    for name in ("model_0000", "model_0001")
))
"""
YAML = """
type: mlops_assets.MlflowModelComponent
attributes:
  model: {name}
  inputs: {{path: data.parquet, row_key: [id]}}
  outputs: {{path: tables/{name}}}
"""


def write(folder: Path, texts: dict[str, str]) -> None:
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")


def write_folder(folder: Path, package: str) -> None:
    names = ("model_0000", "model_0001")
    yaml = {f"two/defs/{name}/defs.yaml": YAML.format(name=name) for name in names}
    definitions = FROM_FOLDER.format(package=package)
    write(folder, {"two/__init__.py": "", "two/definitions.py": definitions, "two/defs/__init__.py": "", **yaml})


def ours(folder: Path) -> None:
    write_folder(folder, "mlops_assets")
    write(folder, {"pyproject.toml": PYPROJECT})


def dagsters(folder: Path) -> None:
    write_folder(folder, "dagster")
    write(folder, {"pyproject.toml": PYPROJECT})


def workspace_of_a_project(folder: Path) -> None:
    ours(folder)
    write(folder, {"workspace.yaml": "load_from:\n  - python_module: two.definitions\n"})


def workspace_of_python(folder: Path) -> None:
    write(folder, {"workspace.yaml": "load_from:\n  - python_file: defined.py\n", "defined.py": IN_PYTHON})


def python_in_a_project(folder: Path) -> None:
    write(folder, {"two/__init__.py": "", "two/definitions.py": IN_PYTHON, "pyproject.toml": PYPROJECT})


def registry(folder: Path) -> None:
    ours(folder)
    for name in ("model_0000", "model_0001"):
        (folder / "two" / "defs" / name / "defs.yaml").unlink()
    # Dagster imports the package to find where its state is.
    sys.path.insert(0, str(folder))
    try:
        write_registry_component(folder, "two", 2)
    finally:
        sys.path.remove(str(folder))
        sys.modules.pop("two", None)
        sys.modules.pop("two.defs", None)


@pytest.mark.parametrize("kind", [ours, dagsters, workspace_of_a_project, registry], ids=lambda kind: kind.__name__)
def test_the_model_alone_is_built_where_components_define_it(kind, tmp_path):
    kind(tmp_path)
    groups, resources = look(tmp_path)
    assert groups == ["model_0001"]
    assert {"mlflow_registry", "model_0001_tables_io_manager"} <= set(resources)


@pytest.mark.parametrize("kind", [workspace_of_python, python_in_a_project], ids=lambda kind: kind.__name__)
def test_definitions_in_python_are_all_built_but_only_the_models_resources_are_initialized(kind, tmp_path):
    """What Python code does with the definitions of a model is unknown: they are never left out."""
    kind(tmp_path)
    groups, resources = look(tmp_path)
    assert groups == ["model_0000", "model_0001"]
    assert {"mlflow_registry", "model_0001_tables_io_manager"} <= set(resources)
    assert not [key for key in resources if key.startswith("model_0000")]


def look(folder: Path) -> tuple[list[str], list[str]]:
    """The models that were built, and the resources that were initialized, for a command about one of two models."""
    done = command(folder, "model_0001", python=LOOK)
    assert done.returncode == 0, done.stderr
    groups, name, resources = json.loads(done.stdout.splitlines()[-1])
    assert name == "model_0001"
    return groups, resources


@pytest.mark.parametrize("kind", [workspace_of_python, registry], ids=lambda kind: kind.__name__)
def test_an_unknown_model_is_told_from_those_that_were_not_built(kind, tmp_path):
    kind(tmp_path)
    done = command(tmp_path, "verify", "model_0002", "1")
    assert (done.returncode, done.stdout) == (1, "")
    assert "no model 'model_0002'" in done.stderr
    assert "Its models are: model_0000, model_0001" in done.stderr
