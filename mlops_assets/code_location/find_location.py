"""The code location that a command is typed in, found as Dagster finds it."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_assets.errors import ConfigurationError, did_you_mean

WORKSPACE_FILES = ("workspace.yaml", "workspace.yml")
_NAME_IT = "name the module that holds its definitions: --module my_project.definitions"


@dataclass(frozen=True)
class CodeLocation:
    """Definitions that a project declares, and how to import them.

    Attributes
    ----------
    name
        What `--module` takes for it: the module, or the name that a workspace gives it.
    folder
        The project's folder: relative paths of the definitions start here, and its `.env` belongs to it.
    module
        The module to import; None: `file`.
    file
        The Python file to run as a module; None: `module`.
    attribute
        What of it holds the definitions; None: `defs`, or whatever else holds some.
    autoload
        `module` is a defs folder, and nothing else declares the definitions.
    source_roots
        What is put on `sys.path`, because the project may not be installed.
    declared_in
        The file that says so; None: the command line.
    defs_module
        The module of the defs folder; None: the declaration knows no such folder.
    """

    name: str
    folder: Path
    module: str | None = None
    file: Path | None = None
    attribute: str | None = None
    autoload: bool = False
    source_roots: tuple[Path, ...] = ()
    declared_in: Path | None = None
    defs_module: str | None = None

    @property
    def defs_folder(self) -> Path | None:
        """The defs folder, which need not exist yet; None where there is no package to hold it."""
        if self.defs_module is None:
            return None
        package, *inner = self.defs_module.split(".")
        roots = (root for root in self.source_roots if (root / package).is_dir())
        return next((root.joinpath(package, *inner) for root in roots), None)

    def is_called(self, name: str) -> bool:
        """Whether `--module` may mean this one."""
        return name in {self.name, self.module, str(self.file), self.file and self.file.name}


def find_code_location(asked: str | None = None, start: Path | None = None) -> CodeLocation:
    """The code location of the project at or above `start` (None: the working directory).

    In each folder, from `start` up: ``[tool.dg.project]``, or the projects of ``[tool.dg.workspace]``, in ``dg.toml``
    or ``pyproject.toml``; else ``[tool.dagster]``; else ``workspace.yaml``. The first folder with one of them counts.

    Parameters
    ----------
    asked
        A module, a Python file, or the name of one of a workspace's locations; None: the project's only one.

    Raises
    ------
    ConfigurationError
        There is no project and nothing was asked for; there are several locations; a file cannot be read.
    """
    start = (start or Path.cwd()).absolute()
    known = find_code_locations(start)
    if asked is not None:
        return next((each for each in known if each.is_called(asked)), None) or _asked_for(asked, start, known)
    if not known:
        raise ConfigurationError(
            "There is no Dagster project here, nor in a folder above",
            where=str(start),
            fix=f"Change to your project's folder, or {_NAME_IT}",
        )
    if len(known) > 1:
        listed = ", ".join(each.name for each in known)
        raise ConfigurationError(
            f"There are {len(known)} code locations here",
            where=str(known[0].declared_in),
            fix=f"Add --module with one of: {listed}",
        )
    return known[0]


def find_code_locations(start: Path) -> tuple[CodeLocation, ...]:
    """What the nearest folder at or above `start` declares; empty where none declares anything."""
    for folder in (start, *start.parents):
        declared = tuple(_declared_in(folder))
        if declared:
            return declared
    return ()


def _asked_for(asked: str, start: Path, known: Sequence[CodeLocation]) -> CodeLocation:
    """What the command line names, imported from the working directory and from the project it is in."""
    folder = known[0].folder if known else start
    roots = (*(root for each in known for root in each.source_roots), start)
    if asked.endswith(".py"):
        file = start / asked
        if not file.is_file():
            raise ConfigurationError("There is no such file", where=f"--module {asked}", fix="Correct the path")
        return CodeLocation(asked, folder, file=file, source_roots=(file.parent, *roots))
    if not all(part.isidentifier() for part in asked.split(".")):
        near = did_you_mean(asked, [each.name for each in known])
        names = ", ".join(each.name for each in known)
        raise ConfigurationError(
            f"{asked!r} is neither a module nor a code location{near}",
            where="--module",
            fix=f"Use one of: {names}" if known else "Give a module's dotted name, for example my_project.definitions",
        )
    return CodeLocation(asked, folder, module=asked, source_roots=roots)


def _declared_in(folder: Path) -> Iterator[CodeLocation]:
    dg_toml, pyproject = folder / "dg.toml", folder / "pyproject.toml"
    tool = _table(_read_toml(pyproject), "tool")
    # As for dg: where there is a dg.toml, [tool.dg] does not count.
    dg, dg_file = (_read_toml(dg_toml), dg_toml) if dg_toml.is_file() else (_table(tool, "dg"), pyproject)
    dagster = _table(tool, "dagster")
    # `dagster` looks at [tool.dagster] first, `dg` at its own alone. In practice they name the same.
    if _table(dg, "project"):
        yield _dg_project(folder, _table(dg, "project"), dg_file)
    elif projects := _table(dg, "workspace").get("projects"):
        for project in projects:
            yield from _declared_in(folder / str(project["path"]))
    elif dagster.get("module_name") or dagster.get("modules"):
        names = (
            [dagster["module_name"]] if dagster.get("module_name") else [each["name"] for each in dagster["modules"]]
        )
        for name in names:
            yield CodeLocation(name, folder, module=name, source_roots=_roots(folder), declared_in=pyproject)
    else:
        for name in WORKSPACE_FILES:
            if (folder / name).is_file():
                yield from _workspace(folder / name)
                return


def _dg_project(folder: Path, project: Mapping[str, Any], file: Path) -> CodeLocation:
    root_module = project.get("root_module")
    if not isinstance(root_module, str):
        raise ConfigurationError(
            "The project has no root_module", where=str(file), fix='Add root_module = "my_project"'
        )
    autoload = bool(project.get("autoload_defs"))
    defined = project.get("defs_module") if autoload else project.get("code_location_target_module")
    module = str(defined or f"{root_module}.{'defs' if autoload else 'definitions'}")
    defs_module = str(project.get("defs_module") or f"{root_module}.defs")
    return CodeLocation(
        module,
        folder,
        module=module,
        autoload=autoload,
        source_roots=_roots(folder),
        declared_in=file,
        defs_module=defs_module,
    )


def _workspace(file: Path) -> Iterator[CodeLocation]:
    import yaml

    from mlops_assets.plain_yaml import load_yaml

    try:
        content = load_yaml(file.read_text("utf-8"))
    except (yaml.YAMLError, OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise ConfigurationError(
            f"The workspace cannot be read ({type(error).__name__})", where=str(file), fix="Correct the file"
        ) from error
    entries = content.get("load_from") if isinstance(content, Mapping) else None
    for entry in [entries] if isinstance(entries, Mapping) else entries or ():
        if not isinstance(entry, Mapping) or len(entry) != 1:
            raise ConfigurationError(
                "An entry of load_from is not one of python_module, python_package, python_file, autoload_defs_module",
                where=str(file),
                fix="Write for example `- python_module: my_project.definitions`",
            )
        ((kind, value),) = entry.items()
        yield _workspace_entry(file, str(kind), value)


def _workspace_entry(file: Path, kind: str, value: Any) -> CodeLocation:
    settings: Mapping[str, Any] = value if isinstance(value, Mapping) else {}
    folder = file.parent
    names = {
        "python_file": "relative_path",
        "python_module": "module_name",
        "python_package": "package_name",
        "autoload_defs_module": "module_name",
    }
    target = settings.get(names[kind]) if kind in names and settings else value
    if kind not in names or not isinstance(target, str):
        raise ConfigurationError(
            f"A location of the workspace is a {kind}, which cannot be loaded here",
            where=str(file),
            fix=f"Give the location as {', '.join(names)}, or {_NAME_IT}",
        )
    working = settings.get("working_directory")
    roots = ((folder / Path(str(working)).expanduser()).resolve(), *_roots(folder)) if working else _roots(folder)
    name, attribute = str(settings.get("location_name") or target), settings.get("attribute")
    if kind == "python_file":
        path = (folder / target).resolve()
        return CodeLocation(
            name, folder, file=path, attribute=attribute, source_roots=(*roots, path.parent), declared_in=file
        )
    return CodeLocation(
        name,
        folder,
        module=target,
        attribute=attribute,
        autoload=kind == "autoload_defs_module",
        source_roots=roots,
        declared_in=file,
    )


def _roots(folder: Path) -> tuple[Path, ...]:
    """Where a project's packages are: below `src`, where there is one, and in its own folder."""
    return tuple(root for root in (folder / "src", folder) if root.is_dir())


def _read_toml(file: Path) -> Mapping[str, Any]:
    if not file.is_file():
        return {}
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"The file cannot be read as TOML: {error}", where=str(file), fix="Correct the file"
        ) from error


def _table(content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table = content.get(name)
    return table if isinstance(table, Mapping) else {}
