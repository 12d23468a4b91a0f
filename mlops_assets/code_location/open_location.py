"""Definitions as a command loads them: in the project's folder, with its `.env` and its packages."""

import importlib
import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from mlops_assets.code_location.env_file import load_env_file
from mlops_assets.code_location.find_location import CodeLocation, find_code_location
from mlops_assets.errors import ConfigurationError, MlopsAssetsError

if TYPE_CHECKING:
    import dagster as dg

_FIX = "Name the module that holds the code location's definitions"
_LONGEST_CAUSE = 300


@contextmanager
def open_code_location(asked: str | None = None) -> Iterator[CodeLocation]:
    """Find a code location, and work as Dagster does when it loads it.

    Inside, the working directory is the project's folder, its packages can be imported whether or not it is installed,
    and the variables of its ``.env`` are set.

    Parameters
    ----------
    asked
        See `find_code_location`.
    """
    location = find_code_location(asked)
    before = dict(os.environ)
    load_env_file(location.folder)
    for root in reversed([str(root) for root in location.source_roots]):
        # It stays there: what is imported here may import more when it is used.
        if root not in sys.path:
            sys.path.insert(0, root)
    try:
        with chdir(location.folder):
            yield location
    finally:
        os.environ.clear()
        os.environ.update(before)


def load_definitions(location: CodeLocation) -> "dg.Definitions":
    """The definitions of a code location that is open.

    Raises
    ------
    ConfigurationError
        It cannot be imported, fails to load, or holds no definitions.
    """
    # Here: to know the code location takes no Dagster, whose import takes most of a second.
    import dagster as dg

    try:
        module = _import(location)
        found = _autoloaded(module) if location.autoload else _definitions_in(module, location)
        definitions = found() if callable(found) else found
    except MlopsAssetsError:
        raise
    except Exception as error:
        raise _load_error(error, location) from error
    if not isinstance(definitions, dg.Definitions):
        raise ConfigurationError(f"{location.name!r} holds no definitions", where=_where(location), fix=_FIX)
    return definitions


def _import(location: CodeLocation) -> ModuleType:
    if location.module is not None:
        try:
            return importlib.import_module(location.module)
        except ModuleNotFoundError as error:
            if not f"{location.module}.".startswith(f"{error.name}."):
                raise
            raise ConfigurationError(
                f"The module {location.module!r} cannot be imported ({error})", where=_where(location), fix=_FIX
            ) from error
    assert location.file is not None
    if not location.file.is_file():
        raise ConfigurationError(f"There is no file {location.file}", where=_where(location), fix="Correct the path")
    spec = importlib.util.spec_from_file_location(location.file.stem, location.file)
    if spec is None or spec.loader is None:
        raise ConfigurationError(f"{location.file} is not a Python file", where=_where(location), fix=_FIX)
    module = importlib.util.module_from_spec(spec)
    sys.modules[location.file.stem] = module
    spec.loader.exec_module(module)
    return module


def _autoloaded(module: ModuleType) -> "dg.Definitions":
    from mlops_assets.code_location.defs_folder import load_from_defs_folder

    return load_from_defs_folder(path_within_project=Path(module.__path__[0]))


def _definitions_in(module: ModuleType, location: CodeLocation) -> object:
    """The attribute that is named, else `defs`, else the module's only definitions."""
    name = location.attribute or "defs"
    if hasattr(module, name):
        return getattr(module, name)
    if location.attribute is None:
        # `dg.definitions` makes an object of a class that Dagster does not export.
        kinds = ("Definitions", "LazyDefinitions")
        found = [value for value in vars(module).values() if type(value).__name__ in kinds]
        if len(found) == 1:
            return found[0]
    raise ConfigurationError(f"{location.name!r} holds no definitions", where=_where(location), fix=_FIX)


def _load_error(error: Exception, location: CodeLocation) -> MlopsAssetsError:
    """An error of this package among the causes, else one that says what was raised."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, MlopsAssetsError):
            return cause
        cause = cause.__cause__
    text = (str(error).strip().splitlines() or [""])[0][:_LONGEST_CAUSE]
    return ConfigurationError(
        f"The definitions of {location.name!r} cannot be loaded ({type(error).__name__}: {text})",
        where=_where(location),
        fix="Run `dg check defs` in the project's folder for the whole error",
    )


def _where(location: CodeLocation) -> str:
    return str(location.declared_in) if location.declared_in else f"--module {location.name}"
