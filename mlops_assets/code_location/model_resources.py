"""The resources of one model of a code location, for commands that work beside Dagster."""

import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import dagster as dg

from mlops_assets.code_location.find_location import CodeLocation
from mlops_assets.code_location.only_model import load_only
from mlops_assets.code_location.open_location import load_definitions, open_code_location
from mlops_assets.errors import ConfigurationError, did_you_mean
from mlops_assets.journal.journal import Journal
from mlops_assets.naming import REGISTRY, ModelNames
from mlops_assets.resources.binding import default_bindings
from mlops_assets.resources.defaults import default_resources
from mlops_assets.resources.journal import ChampionJournal
from mlops_assets.resources.registry import MlflowRegistry
from mlops_assets.settings.model import ModelSettings

_MARK = "_tables_io_manager"


@dataclass(frozen=True)
class ModelResources:
    """One model of a code location.

    Attributes
    ----------
    location, names
        Where it is defined, and what its assets are called.
    resources
        Its initialized resources, with the registry, by their keys.
    settings
        What its YAML says; None where the definitions were not made by this package's component.
    """

    location: CodeLocation
    names: ModelNames
    resources: dict[str, Any]
    settings: ModelSettings | None = None

    @property
    def journal_resource(self) -> ChampionJournal:
        """The record of its aliases."""
        journal: ChampionJournal = self.resources[self.names.journal]
        return journal


@contextmanager
def open_model(
    module: str | None, model: str, only: Callable[[ModelNames], set[str]] | None = None
) -> Iterator[ModelResources]:
    """A model of the code location that a command is typed in, or that `module` names.

    Parameters
    ----------
    only
        The keys of the resources that are needed; None: all of the model's.

    Raises
    ------
    ConfigurationError
        There is no code location, it cannot be loaded, or it has no such model.
    """
    with open_code_location(module) as location, load_only(model) as loaded:
        imported = location.module in sys.modules
        known = _all_resources(load_definitions(location))
        if not imported:
            # It may hold definitions of this model alone: whoever imports it next gets all of them.
            sys.modules.pop(location.module or "", None)
        settings = loaded.find()
        names = settings.names if settings else ModelNames(model)
        if names.tables not in known:
            models = set(loaded.settings) or {key.removesuffix(_MARK) for key in known if key.endswith(_MARK)}
            raise _no_such_model(model, models, location)
        keys = {key for key in known if key.startswith(f"{names.slug}_")} if only is None else only(names)
        keys = _with_required({*keys, names.journal, REGISTRY}, known)
        with dg.build_resources({key: known[key] for key in keys}) as resources:
            registered = getattr(resources, names.journal).model
            if registered != names.model:
                # Definitions in Python: "a-b" and "a_b" have the same keys; other keys are those of a name of its own.
                if ModelNames(registered).slug == names.slug:
                    raise _no_such_model(model, {registered}, location)
                names = ModelNames(registered, model)
            yield ModelResources(location, names, {key: getattr(resources, key) for key in keys}, settings)


@contextmanager
def open_registry(module: str | None) -> Iterator[MlflowRegistry]:
    """The registry of a code location.

    Raises
    ------
    ConfigurationError
        As `open_model`.
    """
    with open_code_location(module) as location:
        yield registry_of(load_definitions(location), location)


def registry_of(definitions: dg.Definitions, location: CodeLocation) -> MlflowRegistry:
    """The registry of definitions: their own, else the default of their models or of the project's folder."""
    known = _all_resources(definitions)
    registry = known.get(REGISTRY) or default_resources(location.folder)[REGISTRY]
    with dg.build_resources({REGISTRY: registry}) as resources:
        built: MlflowRegistry = getattr(resources, REGISTRY)
        return built


def find_journal(module: str | None, model: str) -> Journal:
    """The journal of a model of the code location.

    Raises
    ------
    ConfigurationError
        As `open_model`.
    """
    with open_model(module, model, lambda _names: set()) as opened:
        return opened.journal_resource.open()


def _with_required(keys: set[str], known: Mapping[str, Any]) -> set[str]:
    """The keys, and those of the resources that these ask for."""
    required = {need for key in keys for need in getattr(known[key], "required_resource_keys", ())}
    return keys if required <= keys else _with_required(keys | required, known)


def _no_such_model(model: str, known: Collection[str], location: CodeLocation) -> ConfigurationError:
    return ConfigurationError(
        f"The code location has no model {model!r}{did_you_mean(model, sorted(known))}",
        where=location.name,
        fix=f"Its models are: {', '.join(sorted(known)) or 'none'}",
    )


def _all_resources(definitions: dg.Definitions) -> dict[str, Any]:
    """The code location's resources, and those that its models' assets bring with them."""
    asset_resources: dict[str, Any] = {}
    for asset in definitions.assets or ():
        if isinstance(asset, dg.AssetsDefinition):
            asset_resources |= asset.resource_defs
    return {**default_bindings(asset_resources), **asset_resources, **(definitions.resources or {})}
