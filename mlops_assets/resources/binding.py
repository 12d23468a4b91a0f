"""A model's own resources belong to its assets, checks and jobs, and not to the code location."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import dagster as dg

from mlops_assets.naming import REGISTRY

# A default for a shared resource is bound to an asset under this prefix and the resource's key.
_DEFAULT = "mlops_assets_default__"


def resource_definitions(resources: Mapping[str, object]) -> dict[str, dg.ResourceDefinition]:
    """Each resource as what Dagster makes of it, once: two assets with the same key must have the same object."""
    return {
        key: resource if isinstance(resource, dg.ResourceDefinition) else _definition(key, resource)
        for key, resource in resources.items()
    }


def default_bindings(resources: Mapping[str, dg.ResourceDefinition]) -> dict[str, dg.ResourceDefinition]:
    """The defaults among the resources of an asset, by the keys that they are for."""
    return {key.removeprefix(_DEFAULT): definition for key, definition in resources.items() if key.startswith(_DEFAULT)}


class AssetsWithDefaults(dg.AssetsDefinition):
    """Assets that bring defaults for the resources that they share with the rest of the code location.

    Dagster binds a code location's resources to assets by `with_resources`, and refuses assets whose requirements are
    not met then. What a code location has takes precedence; what it lacks is one of the defaults.
    """

    def with_resources(self, resource_defs: Mapping[str, dg.ResourceDefinition]) -> "dg.AssetsDefinition":
        defaults = default_bindings(self.resource_defs)
        bound = {key: default for key, default in defaults.items() if key not in self.resource_defs}
        return super().with_resources({**bound, **resource_defs})

    @staticmethod
    def dagster_internal_init(**attributes: Any) -> "AssetsWithDefaults":
        """Dagster's own would make plain `AssetsDefinition`s of copies (dagster 1.13.27)."""
        return AssetsWithDefaults(**attributes)


class ChecksWithDefaults(AssetsWithDefaults, dg.AssetChecksDefinition):
    """Asset checks that bring the same defaults."""

    @staticmethod
    def dagster_internal_init(**attributes: Any) -> "ChecksWithDefaults":
        """As for assets."""
        return ChecksWithDefaults(**attributes)


class JobWithDefaults(dg.JobDefinition):
    """A job of ops that takes from `defaults` what the code location lacks."""

    defaults: Mapping[str, dg.ResourceDefinition]

    def with_top_level_resources(self, resource_defs: Mapping[str, dg.ResourceDefinition]) -> dg.JobDefinition:
        return super().with_top_level_resources({**self.defaults, **resource_defs})

    def with_metadata(self, metadata: Mapping[str, Any]) -> dg.JobDefinition:
        """As Dagster does when it loads a defs folder; its copy would be a plain job (dagster 1.13.27)."""
        copy = super().with_metadata(metadata)
        job = JobWithDefaults(
            graph_def=copy.graph,
            executor_def=copy.executor_def,
            description=copy.description,
            tags=copy.tags,
            metadata=copy.metadata,
            hook_defs=copy.hook_defs,
        )
        job.defaults = self.defaults
        return job


def bind_resources(
    definitions: Iterable[dg.AssetsDefinition],
    resources: Mapping[str, dg.ResourceDefinition],
    defaults: Mapping[str, dg.ResourceDefinition],
) -> list[AssetsWithDefaults]:
    """The same assets or checks, which bring `resources` with them, and `defaults` for the code location's.

    The resources of a code location go to every one of its jobs: two hundred models with ten resources and five jobs
    each were two million entries in the jobs' snapshots, gigabytes and minutes at each load. What comes with an asset
    goes to the jobs that select it, and to those of your own assets that read it. `dg.with_resources` asks for all
    resources at once, also for those that the code location adds later.
    """
    brought = {**resources, **{f"{_DEFAULT}{key}": default for key, default in defaults.items()}}
    return [
        (ChecksWithDefaults if isinstance(definition, dg.AssetChecksDefinition) else AssetsWithDefaults)(
            **{**definition.get_attributes_dict(), "resource_defs": brought}
        )
        for definition in definitions
    ]


def job_with_defaults(
    op: dg.OpDefinition,
    name: str,
    description: str,
    defaults: Mapping[str, dg.ResourceDefinition],
    tags: Mapping[str, str] | None = None,
) -> JobWithDefaults:
    """A job of one op, in one process."""
    job = JobWithDefaults(
        graph_def=dg.GraphDefinition(name, node_defs=[op]),
        executor_def=dg.in_process_executor,
        description=description,
        tags=tags,
    )
    job.defaults = defaults
    return job


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
        # Without config of its own: its settings are those of the YAML, and the Launchpad shows what a run may change.
        definition = resource.get_resource_definition()
        return definition.configured(definition.config_schema.default_value)
    raise TypeError(f"{key} is no resource of Dagster's: {type(resource).__name__}")
