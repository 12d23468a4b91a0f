"""``mlops-assets init``."""

import argparse
import os
import shlex
import shutil
import sys
from pathlib import Path

from mlops_assets.commands.command import Command
from mlops_assets.commands.examine_options import add_examine_arguments, request_of


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder",
        nargs="?",
        default=".",
        help="in the project that this folder is in, else in a new one (default: here)",
    )
    parser.add_argument("--model", help="a registered model: churn (its Champion), churn@Challenger or churn/3")
    add_examine_arguments(parser)


def _run(chosen: argparse.Namespace) -> int:
    from mlops_assets.commands.progress import show_progress
    from mlops_assets.errors import ConfigurationError
    from mlops_assets.examine.yaml_text import first_line, trust_line
    from mlops_assets.scaffold.write_model import examine_for_project, write_model
    from mlops_assets.scaffold.write_project import find_or_plan_project

    folder = Path(chosen.folder).expanduser().absolute()
    if folder.exists() and not folder.is_dir():
        raise ConfigurationError("This is a file, not a folder", where=str(folder), fix="Name a folder")
    project = find_or_plan_project(folder)
    with show_progress() as show:
        show("examining")
        model = examine_for_project(request_of(chosen, project.root), project.defs_folder, "challenger")
    place = project.defs_folder / (model.names.slug if chosen.model or chosen.name else "my_model")
    if (place / "defs.yaml").exists():
        raise ConfigurationError(
            "The file is there already, and was not touched",
            where=str(place / "defs.yaml"),
            fix="Give another --name, or remove it",
        )
    written = (*project.write(), *(model := write_model(model, place, project.root)).files)
    print("Written:")
    for path in written:
        print(f"  {path.relative_to(project.root)}")
    print(f"\n{first_line(model.examination)}")
    for finding in (*model.examination.of("red")[1:], *model.examination.of("yellow")):
        print(f"  {finding.color}: {finding}")
    print("\nNext:")
    red = len(model.examination.of("red"))
    if number := trust_line(model.text):
        # As somebody would type it who has not changed the folder yet.
        written_yaml = os.path.relpath(place / "defs.yaml")
        print(f"  If you trust the model: in {written_yaml}, line {number}, remove the # and the blank after it")
        red -= 1
    for line in _next_commands(project.root, model.names.explanations_job, red=red > 0):
        print(f"  {line}")
    return 0


def _next_commands(root: Path, job: str, *, red: bool) -> list[str]:
    """What to type, as it works in this shell."""
    lines = [f"cd {shlex.quote(os.path.relpath(root))}"] if root != Path.cwd() else []
    dg = _program("dg")
    lines.append(f"{dg} check defs")
    return lines if red else [*lines, f"{dg} launch --job {job}", f"{dg} dev"]


def _program(name: str) -> str:
    """The command's name where the shell finds it, else its path beside this Python."""
    beside = Path(sys.executable).parent / name
    if shutil.which(name) is not None or not beside.is_file():
        return name
    return shlex.quote(str(beside))


INIT = Command(
    "init", "write a model's YAML into a Dagster project, and the project where there is none", _add_arguments, _run
)
