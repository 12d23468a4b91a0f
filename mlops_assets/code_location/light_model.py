"""A model of a project that is made of YAML files alone, found without Dagster, whose import takes seconds.

What definitions in Python do is known when they have run. Where the project's only Python is the call that loads its
defs folder, and that folder holds nothing but YAML files of `MlflowModelComponent`, they say it all. Everywhere else,
and where a setting is not known here, `NotLightError` is raised, and the caller loads the definitions.
"""

import ast
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds
import yaml

from mlops_assets.code_location.find_location import CodeLocation
from mlops_assets.errors import ConfigurationError
from mlops_assets.journal.journal import Journal
from mlops_assets.models.cache import ModelCache
from mlops_assets.models.light.errors import NotLightError
from mlops_assets.models.registry_limits import RegistryLimits
from mlops_assets.models.trust import TrustPolicy
from mlops_assets.naming import ModelNames
from mlops_assets.plain_yaml import PlainLoader, holds_endless_number
from mlops_assets.resources.journal_place import journal_place
from mlops_assets.state import FOLDER
from mlops_assets.storage.location import Location
from mlops_assets.storage.partition_paths import file_name
from mlops_assets.tables.parquet_writer import ParquetWriter

COMPONENTS = ("mlops_assets.MlflowModelComponent", "mlops_assets.component.MlflowModelComponent")
SETTINGS = frozenset(
    {
        *("model", "name", "alias_or_version", "inputs", "outputs", "partitions", "signer", "loader", "trust"),
        *("contract", "predict", "explain", "outcomes", "monitor", "engine", "resume", "sensors", "automation"),
        *("journal", "promotion", "tracking", "retention", "executor", "owners"),
    }
)
"""Keys of a model's YAML. Whoever adds one says here what it means for published tables, registry and trust."""
_TRUST: Mapping[str, type | tuple[type, ...]] = {
    "allow_pickle": bool,
    "native_libraries": bool,
    "trusted_types": list,
    "allowed_flavors": (list, type(None)),
    "allowed_sources": (list, type(None)),
    "required_tags": dict,
    "pinned_digests": (dict, type(None)),
}
_IMPORTS = {
    "pathlib": {"Path"},
    "dagster": {"definitions", "load_from_defs_folder", "Definitions"},
    "mlops_assets": {"load_from_defs_folder"},
    "mlops_assets.code_location.defs_folder": {"load_from_defs_folder"},
}
_DECORATORS = {"dg.definitions", "dagster.definitions", "definitions"}
_LOADERS = {
    f"{function}(path_within_project=Path(__file__).parent{above})"
    for function in ("load_from_defs_folder", "dg.load_from_defs_folder", "dagster.load_from_defs_folder")
    for above in ("", ".parent")
}


@dataclass(frozen=True)
class LightTables:
    """Published Parquet tables: what `ParquetIOManager` reads of them."""

    folder: Location

    def read(self, asset: str, partition: str | None = None) -> ds.Dataset:
        """The published table, lazily; `TableError` where there is none."""
        return ParquetWriter().read(self._place(asset, partition))

    def exists(self, asset: str, partition: str | None = None) -> bool:
        """Whether the table has been published."""
        return ParquetWriter().exists(self._place(asset, partition))

    def _place(self, asset: str, partition: str | None) -> Location:
        place = self.folder.child(asset)
        return place if partition is None else place.child(file_name(partition))


@dataclass(frozen=True)
class LightModel:
    """One model of a code location.

    Attributes
    ----------
    names, tables, journal
        What it is called, and what has been published and seen.
    trust
        Its policy.
    registry_uri, limits, cache
        As `MlflowRegistry` has them without settings.
    """

    names: ModelNames
    tables: LightTables
    journal: Journal
    trust: TrustPolicy
    registry_uri: str
    limits: RegistryLimits
    cache: ModelCache


def find_light_model(location: CodeLocation, model: str) -> LightModel:
    """The model that is called so; call it within `open_code_location`.

    Raises
    ------
    NotLightError
        The definitions are to be loaded to know it.
    """
    settings = _settings_of(location, model)
    root = location.folder
    names = ModelNames(settings["model"], settings.get("name"))
    tables, journal = _tables(settings, names), _group(settings, "journal", {"path": (str, type(None))}).get("path")
    loader = _group(settings, "loader", {"KIND": str}).get("KIND", "AutoLoader")
    if loader not in ("AutoLoader", "BuiltinLoader"):
        raise NotLightError("the model has a loader of its own")
    try:
        return LightModel(
            names,
            LightTables(Location.parse(tables, base=root)),
            Journal(journal_place(names.model, journal, tables, root), names.model),
            _trust(settings),
            _registry_uri(root),
            RegistryLimits.of_settings(),
            ModelCache(root / FOLDER / "cache" / "models"),
        )
    except ConfigurationError as error:
        raise NotLightError(error.what) from error


def _tables(settings: Mapping[str, Any], names: ModelNames) -> str:
    known = {"path": str, "format": str, "joined": bool, "url": str, "mode": str}
    outputs = _group(settings, "outputs", known)
    if outputs.get("format", "parquet") != "parquet":
        raise NotLightError("the tables are not Parquet files")
    return str(outputs.get("path") or f"tables/{names.prefix}")


def _trust(settings: Mapping[str, Any]) -> TrustPolicy:
    trust = _group(settings, "trust", _TRUST)
    for name in ("trusted_types", "allowed_flavors", "allowed_sources"):
        if not all(isinstance(each, str) for each in trust.get(name) or ()):
            raise NotLightError(f"trust.{name} holds what is no text")
    pinned, tags = trust.get("pinned_digests"), trust.get("required_tags", {})
    if not all(type(version) is int and isinstance(digest, str) for version, digest in (pinned or {}).items()):
        raise NotLightError("trust.pinned_digests are no digests by version")
    if not all(isinstance(tag, str) and isinstance(value, str) for tag, value in tags.items()):
        raise NotLightError("trust.required_tags are no texts")
    flavors, sources = trust.get("allowed_flavors"), trust.get("allowed_sources")
    return TrustPolicy(
        allow_pickle=trust.get("allow_pickle", False),
        trusted_types=frozenset(trust.get("trusted_types", ())),
        allowed_flavors=None if flavors is None else frozenset(flavors),
        pinned_digests=pinned,
        required_tags=tags,
        allowed_sources=None if sources is None else tuple(sources),
        native_libraries=trust.get("native_libraries", False),
    )


def _registry_uri(root: Path) -> str:
    tracking, registry = (os.environ.get(f"MLFLOW_{kind}_URI") for kind in ("TRACKING", "REGISTRY"))
    uri = tracking or f"sqlite:///{(root / FOLDER / 'mlflow.db').as_posix()}"
    if registry not in (None, "", uri):
        raise NotLightError("the registry is not on the tracking server")
    return uri


def _group(settings: Mapping[str, Any], name: str, known: Mapping[str, type | tuple[type, ...]]) -> Mapping[str, Any]:
    """A group of settings whose keys and types are known here."""
    group = settings.get(name, {})
    if not isinstance(group, dict) or not set(group) <= set(known):
        raise NotLightError(f"{name} has settings that are not read here")
    if not all(isinstance(value, known[key]) for key, value in group.items()):
        raise NotLightError(f"{name} has a setting of an unusual type")
    return group


def _settings_of(location: CodeLocation, model: str) -> dict[str, Any]:
    """What the YAML of a model says."""
    folder = location.defs_folder
    if folder is None or location.module is None or location.attribute is not None:
        raise NotLightError("the code location has no defs folder")
    _require_no_other_python(location, folder)
    documents = [document for file in _yaml_files(folder) for document in _documents(file)]
    named = [settings for settings in documents if (settings.get("name") or settings["model"]) == model]
    chosen = named or [settings for settings in documents if settings["model"] == model]
    if len(chosen) != 1 or len(documents) != len({settings.get("name") or settings["model"] for settings in documents}):
        raise NotLightError("there is no such model, or there are several")
    (settings,) = chosen
    if not set(settings) <= SETTINGS or any("{{" in text or "{%" in text for text in _texts(settings)):
        raise NotLightError("the YAML has keys that are not known, or templates")
    return settings


def _require_no_other_python(location: CodeLocation, defs: Path) -> None:
    package, _, rest = (location.module or "").partition(".")
    root = next((root for root in location.source_roots if (root / package).is_dir()), None)
    if root is None or not defs.is_relative_to(root / package):
        raise NotLightError("the project's package is not found")
    if package != "mlops_assets" and not _is_empty(root / package / "__init__.py"):
        raise NotLightError("the package runs code when it is imported")
    if not location.autoload and (rest != "definitions" or not _only_loads_defs(root / package / "definitions.py")):
        raise NotLightError("the definitions are not those of a defs folder alone")
    between = [folder for folder in defs.parents if folder.is_relative_to(root / package) and folder != root / package]
    if not all(_is_empty(folder / "__init__.py") for folder in between):
        raise NotLightError("a package runs code when it is imported")


def _yaml_files(defs: Path) -> Iterator[Path]:
    """The YAML files that define something; nothing else in the folder does."""
    for path in sorted(defs.iterdir()):
        if path.name == "__pycache__" or path.name.startswith("."):
            continue
        if path.is_dir():
            if path.is_symlink():
                raise NotLightError("the defs folder holds links")
            yield from _yaml_files(path)
        elif path.suffix == ".py" and not _is_empty(path):
            raise NotLightError("the defs folder holds Python")
        elif path.name == "defs.yaml":
            yield path
        elif path.stem in ("defs", "component"):
            raise NotLightError("the defs folder holds definitions of another form")


def _documents(file: Path) -> Iterator[dict[str, Any]]:
    try:
        text = file.read_text("utf-8")
        if holds_endless_number(text):
            raise NotLightError("a YAML file has an endless number")
        documents = list(yaml.load_all(text, PlainLoader))
    except (yaml.YAMLError, OSError, ValueError, RecursionError) as error:
        raise NotLightError("a YAML file cannot be read") from error
    for document in documents:
        if not isinstance(document, dict) or set(document) != {"type", "attributes"}:
            raise NotLightError("a YAML file holds more than a type and its attributes")
        settings = document["attributes"]
        if document["type"] not in COMPONENTS or not isinstance(settings, dict):
            raise NotLightError("a YAML file holds another component")
        names = settings.get("model"), settings.get("name", settings.get("model"))
        if not all(isinstance(name, str) and name and "{" not in name for name in names):
            raise NotLightError("a model has an unusual name")
        yield settings


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _texts(key)
            yield from _texts(each)
    elif isinstance(value, Sequence):
        for each in value:
            yield from _texts(each)


def _is_empty(file: Path) -> bool:
    """Whether a module does nothing: it is not there, or holds its docstring alone."""
    if not file.exists():
        return True
    body = _body(file)
    return body is not None and not _without_docstring(body)


def _only_loads_defs(file: Path) -> bool:
    """Whether a module holds one function of definitions, which does nothing but load the defs folder."""
    body = _body(file)
    if body is None:
        return False
    functions = 0
    for statement in _without_docstring(body):
        match statement:
            case ast.Import(names=[ast.alias(name="dagster", asname=None | "dg")]):
                pass
            case ast.ImportFrom(module=str(module), level=0) if {
                each.name for each in statement.names if each.asname is None
            } <= _IMPORTS.get(module, set()) and all(each.asname is None for each in statement.names):
                pass
            case ast.FunctionDef(decorator_list=[decorator]) if ast.unparse(decorator) in _DECORATORS:
                functions += 1
                match _without_docstring(statement.body):
                    case [ast.Return(value=ast.Call() as call)] if ast.unparse(call) in _LOADERS:
                        pass
                    case _:
                        return False
            case _:
                return False
    return functions == 1


def _body(file: Path) -> list[ast.stmt] | None:
    try:
        return ast.parse(file.read_text("utf-8")).body
    except (OSError, ValueError, SyntaxError, RecursionError):
        return None


def _without_docstring(body: Sequence[ast.stmt]) -> list[ast.stmt]:
    match body:
        case [ast.Expr(value=ast.Constant(value=str())), *rest]:
            return rest
    return list(body)
