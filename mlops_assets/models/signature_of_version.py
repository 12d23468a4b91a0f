"""The signatures of registered versions, read from their ``MLmodel`` files alone."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_assets.models.mlmodel import ModelDescription
from mlops_assets.models.registry import Registry

if TYPE_CHECKING:
    from mlflow.models import ModelSignature

    from mlops_assets.signatures.compatibility.compatibility import Compatibility


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


def compare_versions(registry: Registry, name: str, old: str, new: str, mode: str) -> "tuple[str, Compatibility]":
    """Whether the version `new` (an alias, or a number) may take the place of `old`; first the label of `new`.

    Raises
    ------
    ConfigurationError
        There is no such mode.
    RegistryError
        A version, or its ``MLmodel``, is not there.
    """
    from mlops_assets.signatures.compatibility.compatibility import CompatibilityMode, check_compatibility

    judged = CompatibilityMode.of(mode)
    labels, signatures = [], []
    for text in (old, new):
        version = int(registry.version(name, int(text) if text.isdigit() else text).version)
        labels.append(f"{name} version {version}")
        signatures.append(recorded_signature(registry, name, version))
    return labels[1], check_compatibility([(labels[0], signatures[0])], signatures[1], judged)
