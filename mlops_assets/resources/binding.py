"""A model's own resources belong to its assets, checks and jobs, and not to the code location."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import dagster as dg

from mlops_assets.naming import REGISTRY

Bound = TypeVar("Bound", bound=dg.AssetsDefinition)


def resource_definitions(resources: Mapping[str, object]) -> dict[str, dg.ResourceDefinition]:
    """Each resource as what Dagster makes of it, once: two assets with the same key must have the same object."""
    return {
        key: resource if isinstance(resource, dg.ResourceDefinition) else _definition(key, resource)
        for key, resource in resources.items()
    }


def bind_resources(definitions: Iterable[Bound], resources: Mapping[str, dg.ResourceDefinition]) -> list[Bound]:
    """The same assets or checks, which bring `resources` with them.

    The resources of a code location go to every one of its jobs: two hundred models with ten resources and five jobs
    each were two million entries in the jobs' snapshots, gigabytes and minutes at each load. What comes with an asset
    goes to the jobs that select it, and to those of your own assets that read it. `dg.with_resources` asks for all
    resources at once, also for those that the code location adds later.
    """
    return [
        type(definition)(**{**definition.get_attributes_dict(), "resource_defs": dict(resources)})
        for definition in definitions
    ]


@contextmanager
def initialize_resources(
    context: dg.OpExecutionContext, resources: Mapping[str, dg.ResourceDefinition], keys: Iterable[str]
) -> Iterator[Any]:
    """Some of a model's own resources as attributes, and the code location's registry, within an op of its own job.

    A job of ops takes either all of its resources when it is defined or all of the code location's.
    """
    shared = {REGISTRY: dg.ResourceDefinition.hardcoded_resource(getattr(context.resources, REGISTRY))}
    with dg.build_resources({key: resources[key] for key in keys} | shared, instance=context.instance) as initialized:
        yield initialized


def _definition(key: str, resource: object) -> dg.ResourceDefinition:
    if isinstance(resource, dg.ConfigurableResource | dg.ConfigurableIOManagerFactory):
        return resource.get_resource_definition()
    raise TypeError(f"{key} is no resource of Dagster's: {type(resource).__name__}")
