"""`mlops-assets init`: the commands that it prints work as they stand, and no file is ever replaced."""

import tomllib

import pandas as pd
import pytest
import yaml

pytestmark = pytest.mark.slow

OPTIONS = "--model churn --inputs customers.parquet --row-key customer_id"
SRC = {
    "pyproject.toml": '[project]\nname = "my-project"\nversion = "0.1.0"\n[tool.dg]\ndirectory_type = "project"\n'
    '[tool.dg.project]\nroot_module = "my_project"\n',
    "src/my_project/__init__.py": "",
    "src/my_project/definitions.py": "from pathlib import Path\n"
    "from dagster import definitions, load_from_defs_folder\n"
    "@definitions\ndef defs():\n    return load_from_defs_folder(path_within_project=Path(__file__).parent)\n",
    "src/my_project/defs/__init__.py": "",
}


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def read_toml(path):
    return tomllib.loads(path.read_text())


def follow(desk, folder, printed, *, launch=True, **more):
    """Type the printed commands in one shell; `dg dev`, which does not end, is left out, the launch if it is told."""
    *commands, launches, serves = desk.next_commands(printed)
    assert (launches.split()[:2], serves.split()) == (["dg", "launch"], ["dg", "dev"])
    done = desk.shell(folder, " && ".join([*commands, *[launches] * launch]), **more)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]


def test_in_an_empty_folder_a_project_appears_that_launches(desk):
    folder = desk.folder / "Our models-2"
    desk.write_table(folder)
    done = desk.shell(folder, f"mlops-assets init {OPTIONS}")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Ready: " in done.stdout
    assert (
        tomllib.loads((folder / "pyproject.toml").read_text())["tool"]["dg"]["project"]["root_module"] == "our_models_2"
    )
    follow(desk, folder, done.stdout)
    written = pd.read_parquet(folder / "tables" / "churn" / "predictions.parquet")
    assert written["customer_id"].tolist() == [f"c{number:02}" for number in range(60)]

    before = contents(folder)
    again = desk.shell(folder, f"mlops-assets init {OPTIONS} --name churn")
    assert again.returncode == 1
    assert "is there already, and was not touched" in again.stderr
    assert contents(folder) == before
    second = desk.shell(folder, f"mlops-assets init {OPTIONS} --name churn_b")
    assert second.returncode == 0, second.stderr
    assert (
        yaml.safe_load((folder / "our_models_2/defs/churn_b/defs.yaml").read_text())["attributes"]["name"] == "churn_b"
    )
    assert {path: text for path, text in contents(folder).items() if path in before} == before
    checked = desk.shell(folder, "dg check yaml && dg check defs")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_in_a_new_folder_the_registry_beside_it_is_named_in_env(desk):
    desk.write_table(desk.folder)
    (desk.folder / "mlflow.db").write_bytes((desk.registry.folder / "mlflow.db").read_bytes())
    done = desk.shell(desk.folder, f"unset MLFLOW_TRACKING_URI; mlops-assets init project {OPTIONS}")
    assert (done.returncode, done.stderr) == (0, "")
    project = desk.folder / "project"
    assert (project / ".env").read_text() == f"MLFLOW_TRACKING_URI=sqlite:///{desk.folder / 'mlflow.db'}\n"
    assert ".env" in (project / ".gitignore").read_text().splitlines()
    commands = desk.next_commands(done.stdout)
    assert commands[0] == "cd project"
    follow(desk, desk.folder, f"Next:\n{'unset MLFLOW_TRACKING_URI'}\n" + "\n".join(commands))
    assert (project / "tables" / "churn" / "predictions.parquet").is_file()


def test_in_a_src_layout_only_the_yaml_is_new(desk):
    folder = desk.folder / "my-project"
    for name, text in SRC.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    desk.write_table(folder)
    before = set(contents(folder))
    below = folder / "src" / "my_project"
    done = desk.shell(below, "mlops-assets init --model churn --inputs ../../customers.parquet")
    assert (done.returncode, done.stderr) == (0, "")
    new = folder / "src" / "my_project" / "defs" / "churn" / "defs.yaml"
    assert {path for path in set(contents(folder)) - before if path.suffix != ".pyc"} == {new}
    assert yaml.safe_load(new.read_text())["attributes"]["inputs"]["path"] == "customers.parquet"
    assert desk.next_commands(done.stdout)[0] == "cd ../.."
    follow(desk, below, done.stdout, PYTHONPATH=f"{folder / 'src'}:{desk.root}")
    assert (folder / "tables" / "churn" / "predictions.parquet").is_file()


def test_beside_a_pyproject_of_something_else_the_project_is_declared_in_dg_toml(desk):
    folder = desk.folder / "library"
    desk.write_table(folder)
    (folder / "pyproject.toml").write_text(
        '[project]\nname = "library"\nversion = "1"\n[tool.ruff]\nline-length = 99\n'
    )
    (folder / "library").mkdir()
    (folder / "library" / "__init__.py").write_text("x = 1\n")
    before = contents(folder)
    done = desk.shell(folder, f"mlops-assets init {OPTIONS}")
    assert (done.returncode, done.stderr) == (0, "")
    assert {path: text for path, text in contents(folder).items() if path in before} == before
    assert read_toml(folder / "dg.toml")["project"]["root_module"] == "library_models"
    follow(desk, folder, done.stdout, launch=False)


def test_an_env_file_without_the_registry_is_not_touched_and_the_line_is_named(desk):
    folder = desk.folder / "project"
    desk.write_table(folder)
    (folder / ".env").write_text("OTHER=1\n")
    done = desk.shell(
        folder, f"unset MLFLOW_TRACKING_URI; mlops-assets init {OPTIONS} --tracking-uri {desk.registry.uri}"
    )
    assert done.returncode == 0, done.stderr
    assert (folder / ".env").read_text() == "OTHER=1\n"
    assert f"Add the line MLFLOW_TRACKING_URI={desk.registry.uri} to it" in done.stdout


def test_without_options_a_yaml_with_marked_places_appears_and_loads(desk):
    folder = desk.folder / "project"
    folder.mkdir()
    done = desk.shell(folder, "mlops-assets init && dg check yaml && dg check defs")
    assert done.returncode == 0, done.stdout + done.stderr
    text = (folder / "project" / "defs" / "my_model" / "defs.yaml").read_text()
    assert text.startswith("# Not ready: --model and --inputs were not given. Replace each value marked")
    assert text.count("# <- replace") == 2


def test_a_project_without_a_defs_folder_is_told_what_to_do(desk):
    folder = desk.folder / "project"
    folder.mkdir()
    (folder / "workspace.yaml").write_text("load_from:\n  - python_file: definitions.py\n")
    done = desk.shell(folder, f"mlops-assets init {OPTIONS}")
    assert (done.returncode, done.stdout) == (1, "")
    assert "has no defs folder" in done.stderr
    assert "build_model_definitions" in done.stderr
