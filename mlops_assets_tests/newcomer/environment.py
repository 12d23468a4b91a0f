"""Where the newcomer types: an environment that holds the wheel, and not this checkout."""

import os
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

from mlops_assets_tests.forked import PROGRAMS, run_program

CHECKOUT = Path(__file__).parent.parent.parent
# xgboost's build without GPU libraries is a tenth of the size, and the same otherwise.
LIBRARIES_OF_THE_MODELS = ("lightgbm>=4.5", "xgboost-cpu>=3.2", "shap")


@dataclass(frozen=True)
class Environment:
    """Folders with commands, in the order in which a shell looks into them, and what is set besides.

    Where it is the running one, commands are begun in processes that have other libraries imported.
    """

    folders: tuple[Path, ...]
    variables: dict[str, str] = field(default_factory=dict)
    running: bool = False

    def run(self, folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
        """One command, typed in a folder; what it prints is kept, its exit code is not judged."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("MLFLOW_", "DAGSTER_", "PYTHONPATH", "VIRTUAL_ENV"))
        }
        quiet = {"DAGSTER_DISABLE_TELEMETRY": "1", "MLFLOW_DISABLE_TELEMETRY": "true", "COLUMNS": "200"}
        path = os.pathsep.join((*map(str, self.folders), os.environ["PATH"]))
        known = kept | quiet | {"PATH": path} | self.variables
        if self.running and command[0] in (*PROGRAMS, "python"):
            return run_program(command[0], command[1:], folder, known)
        program = next((place for where in self.folders if (place := where / command[0]).exists()), Path(command[0]))
        return subprocess.run(
            [str(program), *command[1:]],
            cwd=folder,
            env=known,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def has_command(self, name: str) -> bool:
        """Whether `mlops-assets` knows the command."""
        # By the program that was installed.
        return replace(self, running=False).run(Path.cwd(), "mlops-assets", name, "--help").returncode == 0


def build_wheel(folder: Path, checkout: Path = CHECKOUT) -> Path:
    """The wheel of a checkout, built as its users' pip builds it."""
    done = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(checkout)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"The wheel could not be built:\n{done.stderr}")
    return next(folder.glob("*.whl"))


def new_environment(folder: Path, wheel: Path) -> Environment:
    """A virtual environment with the wheel, what it depends on, and the libraries of the models."""
    for command in (
        [sys.executable, "-m", "venv", str(folder)],
        [str(folder / "bin" / "pip"), "install", "--quiet", str(wheel), *LIBRARIES_OF_THE_MODELS],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{' '.join(command)}\n{done.stderr}")
    return Environment((folder / "bin",))


def running_environment(folder: Path, wheel: Path) -> Environment:
    """The environment that runs this, with the wheel's files before everything else: made in a second."""
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(folder), wheel],
        check=True,
    )
    folders = (folder / "bin", Path(sys.executable).parent)
    return Environment(folders, {"PYTHONPATH": str(folder)}, running=True)
