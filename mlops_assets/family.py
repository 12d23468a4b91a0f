"""One registered model within a code location."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from mlops_assets.naming import HasPartition, ModelNames

if TYPE_CHECKING:
    from mlops_assets.component import MlflowModelComponent


@dataclass(frozen=True, init=False)
class Family(ModelNames):
    """One registered model within a code location.

    Attributes
    ----------
    settings
        The component, as configured.
    root
        The project's folder: relative paths start here.
    """

    settings: "MlflowModelComponent"
    root: Path

    def __init__(self, settings: "MlflowModelComponent", root: Path) -> None:
        object.__setattr__(self, "model", settings.registered_model)
        object.__setattr__(self, "settings", settings)
        object.__setattr__(self, "root", root)

    @property
    def inputs_key(self) -> dg.AssetKey:
        """The external inputs, or the user's own asset."""
        own = self.settings.inputs.asset
        return dg.AssetKey.from_user_string(own) if own else self.key("inputs")

    @cached_property
    def partitions(self) -> "dg.PartitionsDefinition[str] | None":
        """How the samples, `predictions` and `sample_explanations` are cut; None: not at all."""
        configured = self.settings.partitioning
        return configured.definition(self.slug) if configured else None

    def run_partition(self, context: "HasPartition") -> str | None:
        """The partition of a run; None where the tables have none, or the run has none."""
        return context.partition_key if self.partitions is not None and context.has_partition_key else None

    @property
    def trackers(self) -> tuple[str, ...]:
        """The resource that records runs in MLflow; none where tracking is off."""
        return (self.tracking,) if self.settings.tracking.enabled else ()

    @property
    def readers(self) -> tuple[str, ...]:
        """The resource that reads the inputs; none where they are the user's own asset."""
        return (self.inputs_reader,) if self.settings.inputs.is_read else ()
