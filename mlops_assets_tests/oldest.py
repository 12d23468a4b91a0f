"""Test the oldest set of libraries that pyproject.toml allows: `python -m mlops_assets_tests.oldest [FOLDER] [-- ...]`.

Makes an environment in FOLDER (a temporary one where none is named, removed afterwards), installs every declared
dependency in exactly the version of its lower bound, with the newest of what these bring along, and runs the fast tests
there; what follows `--` goes to pytest in place of `-m "not slow"`. A lower bound that cannot be installed beside the
others, or with which a test fails, is not true: raise it.
"""

import subprocess
import sys
import tempfile
import tomllib
import venv
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
FAST_TESTS = ("-q", "-n", "2", "-m", "not slow")


def lower_bounds(project: dict) -> Iterator[str]:
    """A constraint such as ``pandas==2.2.2`` for each dependency that has a lower bound, those of extras too."""
    extras = project["optional-dependencies"]
    # What `test` includes; the clients of the other stores are not tested.
    tested = next(Requirement(text).extras for text in extras["test"] if Requirement(text).name == project["name"])
    declared = [project["dependencies"], extras["test"], *(extras[name] for name in sorted(tested))]
    for requirement in (Requirement(text) for group in declared for text in group):
        for specifier in requirement.specifier:
            if specifier.operator == ">=":
                yield f"{requirement.name}=={specifier.version}"


def split_arguments(arguments: list[str]) -> tuple[Path | None, list[str]]:
    """The folder, and each argument of pytest as the shell passed it: `-m "not slow"` are two."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    ours, theirs = arguments[:end], arguments[end + 1 :]
    if len(ours) > 1 or any(argument.startswith("-") for argument in ours):
        sys.exit(f"{' '.join(ours)}: one folder at most; put the options of pytest behind --")
    return (Path(ours[0]) if ours else None), theirs or list(FAST_TESTS)


def main(folder: Path, pytest_arguments: list[str]) -> int:
    """Pytest's exit code in an environment of the oldest allowed versions, which is made in `folder`."""
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
    constraints = folder / "oldest.txt"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    constraints.write_text("\n".join(dict.fromkeys(lower_bounds(project))) + "\n", "utf-8")
    print(constraints.read_text("utf-8"), flush=True)
    subprocess.run([python, "-m", "pip", "install", "-q", "-c", constraints, "-e", f"{ROOT}[test]"], check=True)
    return subprocess.run([python, "-m", "pytest", *pytest_arguments], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    chosen, for_pytest = split_arguments(sys.argv[1:])
    with tempfile.TemporaryDirectory() as temporary:
        sys.exit(main((chosen or Path(temporary)).resolve(), for_pytest))
