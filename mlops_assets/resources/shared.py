"""The resources that all models of a code location share: the code location's own, else this package's defaults."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import dagster as dg

from mlops_assets.resources.defaults import default_resources

SensorContext = dg.SensorEvaluationContext | dg.RunStatusSensorContext


@lru_cache
def shared_defaults(root: Path) -> Mapping[str, dg.ResourceDefinition]:
    """`default_resources` as definitions: the same objects for all models of a root.

    Dagster compares by identity: two assets of one job must bring the same object for a key.
    """
    return {key: resource.get_resource_definition() for key, resource in default_resources(root).items()}


@contextmanager
def shared_resource(context: SensorContext, key: str, defaults: Mapping[str, dg.ResourceDefinition]) -> Iterator[Any]:
    """A shared resource within a sensor's tick: of the context, else of the code location, else the default.

    A sensor that requires a key makes it an error of the whole code location when it is missing, and unlike an asset
    it cannot bring a resource with it; so sensors require none.
    """
    if key in (context.resource_defs or {}):
        yield getattr(context.resources, key)
        return
    repository = context.repository_def
    location = repository.get_top_level_resources() if repository is not None else {}
    definitions = location if key in location else defaults
    needed = {name: definitions[name] for name in _with_requirements(key, definitions)}
    with dg.build_resources(needed, instance=context.instance) as resources:
        yield getattr(resources, key)


def _with_requirements(key: str, definitions: Mapping[str, dg.ResourceDefinition]) -> set[str]:
    """The keys of a resource and of all that it requires."""
    keys, waiting = set[str](), [key]
    while waiting:
        name = waiting.pop()
        if name not in keys:
            keys.add(name)
            waiting += definitions[name].required_resource_keys
    return keys
