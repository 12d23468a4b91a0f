"""Choose a strategy by its `KIND`: one of this package's classes, or a user's own as ``module.Class``."""

import importlib
import inspect
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ValidationError

from mlops_assets.errors import ConfigurationError, MlopsAssetsError, describe_cause, did_you_mean
from mlops_assets.mistakes import describe_mistakes

_LONGEST_KIND = 300
_CORRECT = "Correct them in the model's YAML"

Kind = TypeVar("Kind", bound="Strategy")


class Strategy:
    """What can be chosen by its `KIND` and replaced by a class of your own.

    Attributes
    ----------
    KIND
        The strategy's name, in YAML and in the metadata of what it makes; a subclass that sets none is called by the
        name of its class.
    """

    KIND: ClassVar[str]

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "KIND" not in cls.__dict__:
            cls.KIND = cls.__name__


def settings_of(value: object) -> str | None:
    """The settings of a pydantic model or a dataclass as one text; empty without any, None of another object.

    For keys of caches: an object of any other class says nothing of what it depends on.
    """
    if isinstance(value, BaseModel):
        names = sorted(type(value).model_fields)
    elif is_dataclass(value):
        names = sorted(field.name for field in fields(value))
    else:
        return None
    settings = {name: getattr(value, name) for name in names}
    return json.dumps(settings, sort_keys=True, default=repr) if settings else ""


def by_kind(*strategies: type[Kind]) -> dict[str, type[Kind]]:
    """The classes by their `KIND`, for `build_strategy`."""
    return {strategy.KIND: strategy for strategy in strategies}


def build_strategy(
    base: type[Kind],
    kinds: Mapping[str, type[Kind]],
    settings: Mapping[str, Any],
) -> Kind:
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
        The class cannot be found, is no subclass, does not take these arguments, or fails when it is made.
    """
    arguments = dict(settings)
    kind = arguments.pop("KIND", None)
    if not isinstance(kind, str):
        raise ConfigurationError(
            f"A {base.__name__} needs KIND", fix=f"Use one of {sorted(kinds)}, or your own class as module.Class"
        )
    chosen = find_strategy(base, kinds, kind)
    _check_names(chosen, arguments, kind, base.__name__)
    try:
        return chosen(**arguments)
    except ValidationError as error:
        mistakes = describe_mistakes(error, chosen) if issubclass(chosen, BaseModel) else [describe_cause(error)]
        raise ConfigurationError(f"{kind}: {'; '.join(mistakes)}", where=base.__name__, fix=_CORRECT) from error
    except MlopsAssetsError:
        raise
    except Exception as error:
        # A class of somebody's own, which may refuse a value of a setting or fail on anything else.
        raise ConfigurationError(
            f"{kind} cannot be made: {describe_cause(error)}",
            where=base.__name__,
            fix="Correct its settings in the model's YAML, or the class itself where the cause lies there",
        ) from error


def find_strategy(base: type[Kind], kinds: Mapping[str, type[Kind]], kind: str) -> type[Kind]:
    """The class that `kind` names: one of `kinds`, or the dotted path to a subclass of `base`.

    Raises
    ------
    ConfigurationError
        The class cannot be found, is no subclass, or lacks a method that `base` leaves open.
    """
    chosen = kinds[kind] if kind in kinds else _import(base, kinds, kind)
    missing = sorted(getattr(chosen, "__abstractmethods__", ()))
    if missing:
        raise ConfigurationError(
            f"{kind} lacks what every {base.__name__} has: {', '.join(missing)}",
            where=base.__name__,
            fix=f"Write {'these methods' if len(missing) > 1 else 'this method'} into the class",
        )
    return chosen


def _check_names(chosen: type[Strategy], arguments: Mapping[str, Any], kind: str, base: str) -> None:
    """Refuse a setting that the strategy does not have, and name those that it has."""
    if issubclass(chosen, BaseModel):
        allowed = [field.alias or name for name, field in chosen.model_fields.items()]
    else:
        parameters = inspect.signature(chosen).parameters.values()
        if any(one.kind is one.VAR_KEYWORD for one in parameters):
            return
        allowed = [one.name for one in parameters]
    for name in arguments:
        if name not in allowed:
            raise ConfigurationError(
                f"{kind} has no setting {name!r}{did_you_mean(name, allowed)}",
                where=base,
                fix=f"Use {', '.join(allowed)}" if allowed else f"Leave it out: {kind} has no settings",
            )


def _import(base: type[Kind], kinds: Mapping[str, type[Kind]], kind: str) -> type[Kind]:
    module, dot, name = kind.rpartition(".")
    if len(kind) > _LONGEST_KIND or not all(part.isidentifier() for part in kind.split(".")):
        raise ConfigurationError(
            f"{kind[:_LONGEST_KIND]!r} is no name of a {base.__name__}",
            fix=f"Use one of {sorted(kinds)}, or your own class as module.Class",
        )
    if not dot:
        raise ConfigurationError(
            f"There is no {base.__name__} of KIND {kind!r}{did_you_mean(kind, kinds)}",
            fix=f"Use one of {sorted(kinds)}, or your own class as module.Class",
        )
    try:
        strategy = getattr(importlib.import_module(module), name)
    except Exception as error:
        raise ConfigurationError(
            f"The class {kind!r} cannot be imported ({describe_cause(error)})",
            where=base.__name__,
            fix="Check that its module is installed or is in the project's folder",
        ) from error
    if not (isinstance(strategy, type) and issubclass(strategy, base)):
        raise ConfigurationError(f"{kind!r} is not a subclass of {base.__module__}.{base.__name__}")
    return strategy
