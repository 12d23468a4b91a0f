"""A Dagster project around a model's YAML, where there is none."""

import keyword
import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from mlops_assets.code_location.find_location import CodeLocation, find_code_location, find_code_locations
from mlops_assets.errors import ConfigurationError
from mlops_assets.scaffold.write_model import create_file


@dataclass(frozen=True)
class Project:
    """A project that has, or is to have, a defs folder.

    Attributes
    ----------
    root
        Its folder.
    defs_folder
        Where YAMLs go.
    files
        What has to be written before: path -> text. Empty for a project that is there.
    """

    root: Path
    defs_folder: Path
    files: tuple[tuple[Path, str], ...] = ()

    def write(self) -> tuple[Path, ...]:
        """Write the files; none of them replaces another.

        Raises
        ------
        ConfigurationError
            One of them is there already.
        """
        return tuple(create_file(path, text) for path, text in self.files)


def find_or_plan_project(folder: Path) -> Project:
    """The project that `folder` is in, else a new one in it. Nothing is written yet.

    A ``pyproject.toml`` that is there stays as it is: the project is then declared in a ``dg.toml`` beside it.

    Raises
    ------
    ConfigurationError
        There are several projects here, or one without a defs folder.
    """
    if find_code_locations(folder.absolute()):
        location = find_code_location(start=folder)
        return Project(location.folder, _defs_folder_of(location))
    return _plan(folder.absolute())


def _defs_folder_of(location: CodeLocation) -> Path:
    if location.defs_folder is not None:
        return location.defs_folder
    package = (location.module or "").partition(".")[0]
    for root in location.source_roots:
        if package and (root / package / "defs").is_dir():
            return root / package / "defs"
    raise ConfigurationError(
        "The project has no defs folder",
        where=str(location.declared_in),
        fix="Run mlops-assets doctor MODEL --inputs TABLE for the settings, and give them to "
        "mlops_assets.build_model_definitions in your definitions",
    )


def _plan(root: Path) -> Project:
    package = _package_name(root)
    files = {
        root / package / "__init__.py": "",
        root / package / "definitions.py": _DEFINITIONS,
        root / package / "defs" / "__init__.py": "",
    }
    pyproject, ignore = root / "pyproject.toml", root / ".gitignore"
    if pyproject.exists():
        files[root / "dg.toml"] = _DG_TOML.format(package=package)
    else:
        files[pyproject] = _PYPROJECT.format(
            name=package.replace("_", "-"), package=package, version=version("mlops-assets")
        )
    if not ignore.exists():
        files[ignore] = _GITIGNORE
    return Project(root, root / package / "defs", tuple(files.items()))


def _package_name(root: Path) -> str:
    """A module's name made of the folder's, which no other module has and no folder here."""
    base = re.sub(r"\W+", "_", root.name, flags=re.ASCII).strip("_").lower() or "models"
    base = f"models_{base}" if base[0].isdigit() or keyword.iskeyword(base) else base
    return next(name for name in _names(base) if not _is_taken(root, name))


def _names(base: str) -> Iterable[str]:
    yield base
    yield f"{base}_models"
    number = 2
    while True:
        yield f"{base}_models_{number}"
        number += 1


def _is_taken(root: Path, name: str) -> bool:
    places = (root / name, root / f"{name}.py", root / "src" / name, root / "src" / f"{name}.py")
    return any(place.exists() for place in places) or find_spec(name) is not None


_DEFINITIONS = '''"""The code location: what is in ``defs/``."""

from pathlib import Path

import dagster as dg
from mlops_assets import load_from_defs_folder


@dg.definitions
def defs() -> dg.Definitions:
    """Each YAML of ``defs/`` loads by itself; one that is broken does not hide the others."""
    return load_from_defs_folder(path_within_project=Path(__file__).parent)
'''
_DG_TOML = """# For `dg`: the project's own pyproject.toml is left as it is.
directory_type = "project"

[project]
root_module = "{package}"
"""
_PYPROJECT = """[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "{name}"
version = "0.1.0"
requires-python = ">=3.11,<3.14"
dependencies = ["mlops-assets>={version}"]

[tool.hatch.build.targets.wheel]
packages = ["{package}"]

[tool.dg]
directory_type = "project"

[tool.dg.project]
root_module = "{package}"
"""
_GITIGNORE = """# state, caches and secrets
.env
.mlops_assets/
.tmp_dagster_home_*/
__pycache__/
# tables that are written
tables/
"""
