"""The settings of many registered models at once: defaults, a table of exceptions, and tags in the registry.

A registry is what a stranger may have written: a tag can change how a model is scored, never whether it is trusted,
what code is run, or where tables go; and where inputs are read only below places that the YAML allows.
"""

import fnmatch
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from mlops_assets.errors import ConfigurationError, did_you_mean
from mlops_assets.naming import ModelNames
from mlops_assets.plain_yaml import load_yaml

TAG_PREFIX = "mlops_assets.settings."
# What a tag may set. No strategies, no trust, no outputs, no options of storage.
TAG_SETTINGS = (
    "alias_or_version",
    "contract.iso_datetimes",
    "contract.max_rejected",
    "contract.missing",
    "explain.limit",
    "explain.sample",
    "explain.seed",
    "explain.where",
    "inputs.columns",
    "inputs.format",
    "inputs.limit",
    "inputs.path",
    "inputs.row_key",
    "owners",
    "predict.batch_rows",
    "predict.method",
    "predict.params",
)
_MODEL = "{model}"


@dataclass(frozen=True)
class RegisteredModelTags:
    """A registered model, as it was found in the registry.

    Attributes
    ----------
    name
        Its name.
    tags
        Its tags.
    """

    name: str
    tags: Mapping[str, str] = field(default_factory=dict)


def to_json(models: Sequence[RegisteredModelTags]) -> str:
    """What is kept of a registry, as a person may read it in a diff."""
    entries = [
        {"name": model.name, "tags": dict(sorted(model.tags.items()))}
        for model in sorted(models, key=lambda model: model.name)
    ]
    return json.dumps({"models": entries}, indent=2, ensure_ascii=False) + "\n"


def from_json(text: str) -> list[RegisteredModelTags]:
    """The models of `to_json`.

    Raises
    ------
    ConfigurationError
        This is something else.
    """
    try:
        return [
            RegisteredModelTags(str(entry["name"]), {str(key): str(value) for key, value in entry["tags"].items()})
            for entry in json.loads(text)["models"]
        ]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ConfigurationError(
            "What was kept of the registry cannot be read", fix="Run: dg utils refresh-defs-state"
        ) from error


@dataclass(frozen=True)
class ModelFilter:
    """Which registered models are meant.

    Attributes
    ----------
    tags
        Tags that a model must have, each with its value; ``*`` stands for any.
    pattern
        What its name looks like: ``risk_*``.
    """

    tags: Mapping[str, str]
    pattern: str = "*"

    def matches(self, model: RegisteredModelTags) -> bool:
        """Whether a model has all of the tags and a name of this kind."""
        tagged = all(name in model.tags and value in ("*", model.tags[name]) for name, value in self.tags.items())
        return tagged and fnmatch.fnmatchcase(model.name, self.pattern)


def settings_of_model(
    model: RegisteredModelTags,
    defaults: Mapping[str, Any],
    exceptions: Mapping[str, Any],
    allowed_inputs: Sequence[str] = (),
) -> dict[str, Any]:
    """The attributes that a YAML of this model alone would have: defaults, then its tags, then its exceptions.

    ``{model}`` in a text of the defaults stands for the model's name, as asset keys have it: it is no path of its own.

    Raises
    ------
    ConfigurationError
        A tag sets what no tag may set, or holds no YAML.
    """
    filled = _fill(defaults, ModelNames(model.name).prefix)
    return {**_merge(_merge(filled, _settings_of_tags(model, allowed_inputs)), exceptions), "model": model.name}


def _settings_of_tags(model: RegisteredModelTags, allowed_inputs: Sequence[str]) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    for tag, text in sorted(model.tags.items()):
        if not tag.startswith(TAG_PREFIX):
            continue
        key = tag.removeprefix(TAG_PREFIX)
        if key not in TAG_SETTINGS:
            raise ConfigurationError(
                f"The tag {tag} sets what a tag may not set{did_you_mean(key, TAG_SETTINGS)}",
                where=f"registered model {model.name!r}",
                fix=f"Write it into the YAML, under models: {{{json.dumps(model.name)}: ...}}; tags may set: "
                + ", ".join(TAG_SETTINGS),
            )
        try:
            value = load_yaml(text)
        except (yaml.YAMLError, RecursionError, ValueError, TypeError, LookupError, AttributeError) as error:
            raise ConfigurationError(
                f"The value of the tag {tag} is not YAML", where=f"registered model {model.name!r}", fix="Correct it"
            ) from error
        if key == "inputs.path" and not _is_below(str(value), allowed_inputs):
            raise ConfigurationError(
                f"The tag {tag} names a place that tags may not name",
                where=f"registered model {model.name!r}",
                fix="List the places below which tags may name inputs under allowed_inputs, such as [s3://features/]",
            )
        group, _, name = key.partition(".")
        if name:
            settings.setdefault(group, {})[name] = value
        else:
            settings[group] = value
    return settings


def _is_below(path: str, places: Sequence[str]) -> bool:
    """Whether a path is below one of these places; ``..`` leaves every place."""
    if ".." in re.split(r"[/\\]", path):
        return False
    return any(path.startswith(place if place.endswith("/") else f"{place}/") for place in places)


def _fill(value: Any, name: str) -> Any:
    if isinstance(value, str):
        return value.replace(_MODEL, name)
    if isinstance(value, Mapping):
        return {key: _fill(each, name) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_fill(each, name) for each in value]
    return value


def _merge(settings: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Groups are merged key by key; a strategy is replaced as a whole, for its keys belong to its KIND."""
    merged = dict(settings)
    for key, value in more.items():
        earlier = merged.get(key)
        together = isinstance(value, Mapping) and isinstance(earlier, Mapping) and "KIND" not in {*value, *earlier}
        merged[key] = _merge(earlier, value) if together and isinstance(earlier, Mapping) else value
    return merged
