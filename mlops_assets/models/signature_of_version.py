"""The signatures that models carry, read from their ``MLmodel`` files alone."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_assets.errors import SignatureError, TrustError
from mlops_assets.models.mlmodel import ModelDescription
from mlops_assets.models.model_uri import whole_number
from mlops_assets.models.registry import Registry
from mlops_assets.signatures.mlflow.text_names import with_text_names

if TYPE_CHECKING:
    from mlflow.models import ModelSignature

    from mlops_assets.signatures.compatibility.compatibility import Compatibility


SIGNING_ROWS = 10_000
"""Rows of a table that a signature is made from, where the model has none; the signer may take fewer."""


def signature_of_version(registry: Registry, name: str, version: int) -> "ModelSignature | None":
    """The signature that a registered version carries, or None; only its ``MLmodel`` is fetched, nothing is loaded.

    Raises
    ------
    VersionNotFoundError, ArtifactsMissingError
        The version, or its file, is gone.
    TrustError
        The file is not what MLflow writes.
    """
    with tempfile.TemporaryDirectory() as scratch:
        return signature_in_folder(registry.fetch_description(registry.version(name, version), Path(scratch)))


def signature_in_folder(folder: Path) -> "ModelSignature | None":
    """The signature in the ``MLmodel`` file of a model's folder, or None; nothing is loaded.

    Raises
    ------
    ArtifactsMissingError, TrustError
        There is no such file, or it is not what MLflow writes.
    """
    from mlflow.models import ModelSignature

    # What was examined is what MLflow gets; its own reader takes a second for the text of ten thousand columns.
    recorded = ModelDescription.read(folder).content.get("signature")
    if not isinstance(recorded, dict):
        return None
    try:
        return with_text_names(ModelSignature.from_dict(recorded))
    except Exception as error:
        # A stranger wrote it: MLflow, its JSON and its types each raise their own.
        raise TrustError(
            f"The signature in the MLmodel file is none ({type(error).__name__})",
            where=folder.name,
            fix="Register the model again with MLflow",
        ) from error


def compare_versions(registry: Registry, name: str, old: str, new: str, mode: str) -> "tuple[str, Compatibility]":
    """Whether the version `new` (an alias, or a number) may take the place of `old`; first the label of `new`.

    Raises
    ------
    ConfigurationError
        There is no such mode.
    RegistryError
        A version, or its ``MLmodel``, is not there.
    SignatureError
        Neither has a signature.
    """
    from mlops_assets.signatures.compatibility.compatibility import CompatibilityMode, check_compatibility

    judged = CompatibilityMode.of(mode)
    labels, signatures = [], []
    for text in (old, new):
        version = int(registry.version(name, whole_number(text)).version)
        labels.append(f"{name} version {version}")
        signatures.append(signature_of_version(registry, name, version))
    if signatures == [None, None]:
        raise SignatureError(
            "Neither version has a signature, so nothing can be compared",
            where=" and ".join(labels),
            fix="Log the model with a signature, or run the model's sign job",
        )
    return labels[1], check_compatibility([(labels[0], signatures[0])], signatures[1], judged)
