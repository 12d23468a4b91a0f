"""A copy of an example, and the commands of its README, typed as they are."""

import os
import re
import shlex
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mlops_assets_tests.forked import run_program

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = ROOT / "examples"
# What makes the environment; the running one has it already.
_INSTALLS = ("python3 -m venv", "pip install")


@dataclass
class Example:
    """A copy of an example in a folder of its own."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    def commands(self) -> list[str]:
        """The lines of the README's first block of commands."""
        block = re.search(r"```bash\n(.*?)```", (self.folder / "README.md").read_text("utf-8"), re.DOTALL)
        assert block is not None
        return block[1].splitlines()

    def follow_readme(self) -> str:
        """Type each command; what they print."""
        printed = ""
        for command in self.commands():
            if command.startswith("export "):
                name, _, value = command.removeprefix("export ").partition("=")
                self.variables.setdefault(name, value)
            elif not command.startswith(_INSTALLS):
                printed += self.run(*shlex.split(command))
        return printed

    def run(self, *command: str) -> str:
        """One command in the example's folder; what it prints. It has to succeed.

        In a process that has other libraries imported.
        """
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "DAGSTER_"))}
        paths = (ROOT, self.folder / "src", *filter(None, [os.environ.get("PYTHONPATH")]))
        quiet = {
            "DAGSTER_DISABLE_TELEMETRY": "1",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "PYTHONPATH": os.pathsep.join(map(str, paths)),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }
        program, *arguments = command
        done = run_program(program, arguments, self.folder, kept | quiet | self.variables)
        assert done.returncode == 0, f"{shlex.join(command)}\n{done.stdout[-3000:]}{done.stderr[-5000:]}"
        return done.stdout


@pytest.fixture
def example(tmp_path):
    """`example(name)`: a copy of the example of this name."""

    def copy(name: str, **variables: str) -> Example:
        folder = tmp_path / name
        shutil.copytree(EXAMPLES / name, folder, ignore=shutil.ignore_patterns("__pycache__"))
        return Example(folder, variables)

    return copy
