"""Addresses of registries and artifacts: shown without their secrets, and compared by folder."""

from collections.abc import Iterable

from mlops_assets.errors import RegistryError
from mlops_assets.models.artifact_address import ArtifactAddress
from mlops_assets.redaction.addresses import secrets_in, show_address
from mlops_assets.redaction.text import redact


def strip_credentials(address: str) -> str:
    """`address` without user, password and query; a local path is left as it is.

    Examples
    --------
    >>> strip_credentials("postgresql://ml:p/w@db.example/mlflow?sslpassword=x")
    'postgresql://db.example/mlflow'
    >>> strip_credentials("sqlite:////srv/a@b/mlflow.db")
    'sqlite:////srv/a@b/mlflow.db'
    """
    return show_address(address)


def secrets_of(address: str) -> frozenset[str]:
    """Every way in which the user's part and the query of `address` may be spelled in somebody else's message."""
    return secrets_in(address)


def redact_secrets(text: str, secrets: Iterable[str] = ()) -> str:
    """Somebody else's message with known secrets, and whatever looks like one in a URL, replaced by ``***``."""
    return redact(text, secrets)


def is_below(address: str, folder: str) -> bool:
    """Whether `address` is `folder` or is in it: by whole path parts, scheme and host included.

    Examples
    --------
    >>> is_below("s3://models/churn/1", "s3://models/churn"), is_below("s3://models/churn-2/1", "s3://models/churn")
    (True, False)
    >>> is_below("s3://models/churn/../fraud", "s3://models/churn")
    False
    """
    try:
        return ArtifactAddress.parse(address).is_below(ArtifactAddress.parse(folder))
    except RegistryError:
        # What is no address is below none.
        return False
