"""The names of everything that belongs to one registered model: asset keys, resource keys, jobs."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from mlops_assets.component import MlflowModelComponent

REGISTRY, NOTIFIER = "mlflow_registry", "notifier"


@dataclass(frozen=True)
class Family:
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
    def prefix(self) -> str:
        """The asset keys' first part: the model's name, with an underscore for what Dagster does not take."""
        return re.sub(r"[^A-Za-z0-9_.\-]", "_", self.model)

    @property
    def slug(self) -> str:
        """The model's name as the start of a Python identifier, for jobs and resource keys."""
        return re.sub(r"\W", "_", self.model, flags=re.ASCII)

    @property
    def group(self) -> str:
        return self.slug

    def key(self, asset: str) -> dg.AssetKey:
        """``<model>/<asset>``."""
        return dg.AssetKey([self.prefix, asset])

    @property
    def inputs_key(self) -> dg.AssetKey:
        """The external inputs, or the user's own asset."""
        own = self.settings.inputs.asset
        return dg.AssetKey.from_user_string(own) if own else self.key("inputs")

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
    def inputs_reader(self) -> str:
        return self.resource("inputs_io_manager")

    @property
    def readers(self) -> tuple[str, ...]:
        """The resource that reads the inputs; none where they are the user's own asset."""
        return (self.inputs_reader,) if self.settings.inputs.path else ()

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
