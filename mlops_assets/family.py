"""The names of everything that belongs to one registered model: asset keys, resource keys, jobs."""

import hashlib
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import dagster as dg

if TYPE_CHECKING:
    from mlops_assets.component import MlflowModelComponent

REGISTRY, NOTIFIER = "mlflow_registry", "notifier"


class HasPartition(Protocol):
    """What the contexts of assets, ops and checks know of their run's partition."""

    @property
    def has_partition_key(self) -> bool: ...

    @property
    def partition_key(self) -> str: ...


class ModelNames(ABC):
    """Everything that is named after a registered model."""

    @property
    @abstractmethod
    def model(self) -> str:
        """The registered model's name."""

    @property
    def prefix(self) -> str:
        """The asset keys' first part: the model's name, with an underscore for what Dagster does not take."""
        kept = re.sub(r"[^A-Za-z0-9_.\-]", "_", self.model)
        return kept if re.search("[A-Za-z0-9]", kept) else self.slug

    @property
    def slug(self) -> str:
        """The model's name as the start of a Python identifier, for jobs and resource keys."""
        kept = re.sub(r"\W", "_", self.model, flags=re.ASCII)
        if not re.search("[A-Za-z0-9]", kept):
            return f"model_{hashlib.sha256(self.model.encode()).hexdigest()[:8]}"
        # A resource key begins with a letter.
        return kept if kept[0].isalpha() else f"model_{kept}"

    @property
    def group(self) -> str:
        return self.slug

    def key(self, asset: str) -> dg.AssetKey:
        """``<model>/<asset>``."""
        return dg.AssetKey([self.prefix, asset])

    def resource(self, part: str) -> str:
        """The key of a resource of this model: ``<model>_<part>``."""
        return f"{self.slug}_{part}"

    @property
    def champion_store(self) -> str:
        return self.resource("champion_io_manager")

    @property
    def signature_store(self) -> str:
        return self.resource("signature_io_manager")

    @property
    def tables(self) -> str:
        return self.resource("tables_io_manager")

    @property
    def tables_of_the_run(self) -> str:
        return self.resource("tables_of_the_run")

    @property
    def inputs_reader(self) -> str:
        return self.resource("inputs_io_manager")

    @property
    def turn(self) -> str:
        return self.resource("tables_turn")

    @property
    def pool(self) -> str:
        """The concurrency pool of the steps that write the tables; without a limit in the instance it does nothing."""
        return self.resource("tables")

    @property
    def signer(self) -> str:
        return self.resource("signer")

    @property
    def loader(self) -> str:
        return self.resource("loader")

    @property
    def journal(self) -> str:
        return self.resource("journal")

    @property
    def inference_job(self) -> str:
        return f"{self.slug}_inference_job"

    @property
    def explanations_job(self) -> str:
        return f"{self.slug}_explanations_job"

    @property
    def tracking(self) -> str:
        return self.resource("tracking")

    @property
    def validation_job(self) -> str:
        return f"{self.slug}_validation_job"

    @property
    def sign_job(self) -> str:
        return f"{self.slug}_sign_job"

    @property
    def compatibility_job(self) -> str:
        return f"{self.slug}_compatibility_job"


@dataclass(frozen=True)
class NamedModel(ModelNames):
    """A registered model of which no more than the name is known."""

    name: str

    @property
    def model(self) -> str:
        return self.name


@dataclass(frozen=True)
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

    @property
    def model(self) -> str:
        """The registered model's name."""
        return self.settings.registered_model

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
