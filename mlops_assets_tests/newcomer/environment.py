"""Where the newcomer types: an environment that holds the wheel, and not this checkout."""

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

CHECKOUT = Path(__file__).parent.parent.parent
# xgboost's build without GPU libraries is a tenth of the size, and the same otherwise.
LIBRARIES_OF_THE_MODELS = ("lightgbm>=4.5", "xgboost-cpu>=3.2", "shap")


@dataclass(frozen=True)
class Environment:
    """Folders with commands, in the order in which a shell looks into them, and what is set besides."""

    folders: tuple[Path, ...]
    variables: dict[str, str] = field(default_factory=dict)

    def run(self, folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
        """One command, typed in a folder; what it prints is kept, its exit code is not judged."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("MLFLOW_", "DAGSTER_", "PYTHONPATH", "VIRTUAL_ENV"))
        }
        quiet = {"DAGSTER_DISABLE_TELEMETRY": "1", "MLFLOW_DISABLE_TELEMETRY": "true", "COLUMNS": "200"}
        path = os.pathsep.join((*map(str, self.folders), os.environ["PATH"]))
        program = next((place for where in self.folders if (place := where / command[0]).exists()), Path(command[0]))
        return subprocess.run(
            [str(program), *command[1:]],
            cwd=folder,
            env=kept | quiet | {"PATH": path} | self.variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def has_command(self, name: str) -> bool:
        """Whether `mlops-assets` knows the command."""
        return self.run(Path.cwd(), "mlops-assets", name, "--help").returncode == 0


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
    return Environment((folder / "bin", Path(sys.executable).parent), {"PYTHONPATH": str(folder)})
