"""Which code location a command means: that of the project it is typed in, found as Dagster finds it."""

from pathlib import Path

import pytest

from mlops_assets.code_location.find_location import find_code_location
from mlops_assets.errors import ConfigurationError

DG = '[tool.dg]\ndirectory_type = "project"\n[tool.dg.project]\nroot_module = "theirs"\n'


@pytest.fixture
def project(tmp_path) -> Path:
    (tmp_path / "src" / "theirs" / "deep").mkdir(parents=True)
    return tmp_path


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)


@pytest.mark.parametrize("below", ["", "src", "src/theirs/deep"])
def test_a_dg_project_from_any_of_its_folders(project, below):
    write(project, "pyproject.toml", DG)
    location = find_code_location(start=project / below)
    assert (location.name, location.module, location.folder) == ("theirs.definitions", "theirs.definitions", project)
    assert location.source_roots == (project / "src", project)


@pytest.mark.parametrize(
    ("name", "text", "module"),
    [
        ("pyproject.toml", DG + 'code_location_target_module = "theirs.here"\n', "theirs.here"),
        ("pyproject.toml", '[tool.dagster]\nmodule_name = "theirs.old"\n', "theirs.old"),
        ("pyproject.toml", '[[tool.dagster.modules]]\ntype = "module"\nname = "theirs.list"\n', "theirs.list"),
        ("dg.toml", 'directory_type = "project"\n[project]\nroot_module = "theirs"\n', "theirs.definitions"),
        ("workspace.yaml", "load_from:\n  - python_module: theirs.a\n", "theirs.a"),
        ("workspace.yml", "load_from:\n  - python_module: {module_name: theirs.b, attribute: d}\n", "theirs.b"),
        ("workspace.yaml", "load_from:\n  - python_package: {package_name: theirs}\n", "theirs"),
        ("workspace.yaml", "load_from:\n  python_module: theirs.c\n", "theirs.c"),
    ],
)
def test_each_way_to_declare_a_location(project, name, text, module):
    write(project, name, text)
    assert find_code_location(start=project / "src").module == module


def test_the_nearest_declaration_counts_and_a_plain_pyproject_declares_nothing(project):
    write(project, "workspace.yaml", "load_from:\n  - python_module: outer\n")
    write(project / "src", "pyproject.toml", "[project]\nname = 'x'\n")
    assert find_code_location(start=project / "src" / "theirs").module == "outer"
    write(project / "src", "pyproject.toml", DG)
    assert find_code_location(start=project / "src" / "theirs").module == "theirs.definitions"


def test_a_file_with_its_working_directory(project):
    text = (
        "load_from:\n  - python_file: {relative_path: src/jobs.py, working_directory: lib, attribute: all_of_it, "
        "location_name: warehouse}\n"
    )
    write(project, "workspace.yaml", text)
    location = find_code_location(start=project)
    assert (location.name, location.attribute) == ("warehouse", "all_of_it")
    assert location.file == project / "src" / "jobs.py"
    assert location.source_roots[0] == project / "lib"


def test_several_locations_ask_which_one_and_take_its_name(project):
    write(
        project,
        "workspace.yaml",
        "load_from:\n  - python_module: {module_name: one.definitions, location_name: first}\n"
        "  - python_module: two.definitions\n",
    )
    with pytest.raises(ConfigurationError, match=r"Add --module with one of: first, two\.definitions"):
        find_code_location(start=project)
    assert find_code_location("first", project).module == "one.definitions"
    assert find_code_location("one.definitions", project).name == "first"
    assert find_code_location("two.definitions", project).name == "two.definitions"


def test_the_projects_of_a_dg_workspace(project):
    for name in ("one", "two"):
        (project / name).mkdir()
        write(project / name, "pyproject.toml", DG.replace("theirs", name))
    write(project, "dg.toml", 'directory_type = "workspace"\n[[workspace.projects]]\npath = "one"\n')
    assert find_code_location(start=project).module == "one.definitions"
    with (project / "dg.toml").open("a") as file:
        file.write('[[workspace.projects]]\npath = "two"\n')
    with pytest.raises(ConfigurationError, match=r"one of: one.definitions, two.definitions"):
        find_code_location(start=project)
    assert find_code_location(start=project / "two").module == "two.definitions"


def test_without_a_project_the_command_asks_for_a_module(tmp_path):
    with pytest.raises(ConfigurationError, match=r"no Dagster project here.*--module my_project.definitions"):
        find_code_location(start=tmp_path)
    assert find_code_location("theirs.definitions", tmp_path).source_roots == (tmp_path,)


@pytest.mark.parametrize(
    ("name", "text", "fact"),
    [
        ("pyproject.toml", "[tool.dg", "TOML"),
        ("workspace.yaml", "load_from: [", "workspace cannot be read"),
        ("workspace.yaml", "load_from:\n  - grpc_server: {port: 4000}\n", "grpc_server"),
        ("workspace.yaml", "load_from:\n  - theirs\n", "python_module"),
        ("pyproject.toml", "[tool.dg.project]\ncode_location_name = 'x'\n", "root_module"),
    ],
)
def test_what_cannot_be_read_is_named(project, name, text, fact):
    write(project, name, text)
    with pytest.raises(ConfigurationError, match=fact) as caught:
        find_code_location(start=project)
    assert name in str(caught.value)
    assert caught.value.fix


@pytest.mark.parametrize("asked", ["not-a-module", "no_such.py", "a..b"])
def test_what_is_asked_for_must_be_a_module_or_a_file(asked, tmp_path):
    with pytest.raises(ConfigurationError, match="--module"):
        find_code_location(asked, tmp_path)
