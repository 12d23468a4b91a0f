"""A code location's definitions, for commands that work beside Dagster."""

import importlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg

from mlops_assets.errors import ConfigurationError, did_you_mean
from mlops_assets.journal.journal import Journal
from mlops_assets.naming import REGISTRY, ModelNames
from mlops_assets.resources.binding import default_bindings
from mlops_assets.resources.journal import ChampionJournal
from mlops_assets.resources.registry import MlflowRegistry

DEFAULT_MODULE = "mlops_assets.definitions"
_MARK = "_tables_io_manager"


def load_definitions(module: str) -> dg.Definitions:
    """The `defs` of a module: a `Definitions`, or a function that makes one.

    Raises
    ------
    ConfigurationError
        The module cannot be imported, or holds no definitions.
    """
    fix = "Name the module that holds the code location's `defs`"
    try:
        definitions_or_function = getattr(importlib.import_module(module), "defs", None)
    except ImportError as error:
        raise ConfigurationError(f"The module {module!r} cannot be imported ({error})", fix=fix) from error
    definitions = definitions_or_function() if callable(definitions_or_function) else definitions_or_function
    if not isinstance(definitions, dg.Definitions):
        raise ConfigurationError(f"The module {module!r} holds no definitions", fix=fix)
    return definitions


@contextmanager
def model_resources(module: str, names: ModelNames, only: Collection[str] | None = None) -> Iterator[dict[str, Any]]:
    """The initialized resources of one model of a code location, with the registry, by their keys; or `only` some.

    Raises
    ------
    ConfigurationError
        The code location has no such model.
    """
    known = _all_resources(load_definitions(module))
    if names.tables not in known:
        models = sorted(key.removesuffix(_MARK) for key in known if key.endswith(_MARK))
        raise ConfigurationError(
            f"The code location has no model {names.model!r}{did_you_mean(names.slug, models)}",
            where=module,
            fix=f"Its models are: {', '.join(models) or 'none'}",
        )
    model_keys = {key for key in known if key == REGISTRY or key.startswith(f"{names.slug}_")}
    needed = {key: known[key] for key in (model_keys if only is None else only)}
    with dg.build_resources(needed) as resources:
        yield {key: getattr(resources, key) for key in needed}


def find_registry(module: str) -> MlflowRegistry:
    """The registry of the code location that `module` defines.

    Raises
    ------
    ConfigurationError
        The module cannot be imported, holds no definitions, or has neither a registry nor a model.
    """
    known = _all_resources(load_definitions(module))
    if REGISTRY not in known:
        raise ConfigurationError(
            "The code location has no registered model", where=module, fix="Add one, or name another module"
        )
    with dg.build_resources({REGISTRY: known[REGISTRY]}) as resources:
        registry: MlflowRegistry = getattr(resources, REGISTRY)
        return registry


def find_journal(module: str, model: str) -> Journal:
    """The journal of a model of the code location that `module` defines.

    Raises
    ------
    ConfigurationError
        The module cannot be imported, holds no definitions, or has no such model.
    """
    names = ModelNames(model)
    with model_resources(module, names, only=[names.journal]) as resources:
        journal: ChampionJournal = resources[names.journal]
        return journal.open()


def _all_resources(definitions: dg.Definitions) -> dict[str, Any]:
    """The code location's resources, and those that its models' assets bring with them."""
    asset_resources: dict[str, Any] = {}
    for asset in definitions.assets or ():
        if isinstance(asset, dg.AssetsDefinition):
            asset_resources |= asset.resource_defs
    return {**default_bindings(asset_resources), **(definitions.resources or {}), **asset_resources}
