"""Choose a strategy by its `KIND`: one of this package's classes, or a user's own as ``module.Class``."""

import importlib
from collections.abc import Mapping
from typing import Any, TypeVar

from mlops_assets.errors import ConfigurationError, did_you_mean

Strategy = TypeVar("Strategy")


def build_strategy(
    base: type[Strategy],
    kinds: Mapping[str, type[Strategy]],
    settings: Mapping[str, Any],
) -> Strategy:
    """Make the strategy that `settings` describe: ``{"KIND": name, **arguments}``.

    Parameters
    ----------
    base
        What every such strategy is a subclass of.
    kinds
        The names this package knows.
    settings
        `KIND` is one of them, or a dotted path to a subclass of `base`; the rest are its arguments.

    Raises
    ------
    ConfigurationError
        The class cannot be found, is no subclass, or does not take these arguments.
    """
    arguments = dict(settings)
    kind = arguments.pop("KIND", None)
    if not isinstance(kind, str):
        raise ConfigurationError(
            f"A {base.__name__} needs KIND", fix=f"Use one of {sorted(kinds)}, or your own class as module.Class"
        )
    chosen = kinds[kind] if kind in kinds else _import(base, kinds, kind)
    try:
        return chosen(**arguments)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(
            f"{kind} does not take these settings: {error}", where=base.__name__, fix="Correct them in the model's YAML"
        ) from error


def _import(base: type[Strategy], kinds: Mapping[str, type[Strategy]], kind: str) -> type[Strategy]:
    module, dot, name = kind.rpartition(".")
    if not dot:
        raise ConfigurationError(
            f"There is no {base.__name__} of KIND {kind!r}{did_you_mean(kind, kinds)}",
            fix=f"Use one of {sorted(kinds)}, or your own class as module.Class",
        )
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(
            f"The class {kind!r} cannot be imported ({error})",
            where=base.__name__,
            fix="Check that its module is installed or lies in the project's folder",
        ) from error
    if not (isinstance(found, type) and issubclass(found, base)):
        raise ConfigurationError(f"{kind!r} is not a subclass of {base.__module__}.{base.__name__}")
    return found
