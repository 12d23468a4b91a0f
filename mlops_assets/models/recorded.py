"""The signatures of registered versions, read from their ``MLmodel`` files alone."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_assets.models.mlmodel import ModelDescription
from mlops_assets.models.registry import Registry

if TYPE_CHECKING:
    from mlflow.models import ModelSignature


def recorded_signature(registry: Registry, name: str, version: int) -> "ModelSignature | None":
    """The signature that a registered version carries, or None; only its ``MLmodel`` is fetched, nothing is loaded.

    Raises
    ------
    VersionNotFoundError, ArtifactsMissingError
        The version, or its file, is gone.
    TrustError
        The file is not what MLflow writes.
    """
    from mlflow.models import Model

    with tempfile.TemporaryDirectory() as scratch:
        folder = registry.fetch_description(registry.version(name, version), Path(scratch))
        ModelDescription.read(folder)
        signature: ModelSignature | None = Model.load(str(folder)).signature
    return signature
