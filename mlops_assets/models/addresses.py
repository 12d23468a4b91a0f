"""Addresses of registries and artifacts: shown without their secrets, and compared by folder."""

import re
from collections.abc import Iterable
from urllib.parse import quote, unquote

from mlops_assets.errors import RegistryError
from mlops_assets.models.artifact_address import ArtifactAddress

_USER_INFO = re.compile(r"(?<=://)[^/@\s'\"]*@")
# Bounded: without that, a page that repeats "?key" takes minutes.
_SECRET_PARAMETER = re.compile(
    r"(?i)([?&;][^=&?;\s'\"]{0,100}(?:password|passwd|pwd|secret|token|key|sig|signature|credential)"
    r"[^=&?;\s'\"]{0,100}=)[^&\s'\"]+"
)


def strip_credentials(address: str) -> str:
    """`address` without user, password and query; a local path is left as it is.

    Examples
    --------
    >>> strip_credentials("postgresql://ml:p/w@db.example/mlflow?sslpassword=x")
    'postgresql://db.example/mlflow'
    >>> strip_credentials("sqlite:////srv/a@b/mlflow.db")
    'sqlite:////srv/a@b/mlflow.db'
    """
    scheme, separator, rest = address.partition("://")
    if not separator or (rest.startswith("/") and not scheme.startswith("sqlite")):
        return address
    if rest.startswith("/"):
        return address.partition("?")[0]
    # The last @ ends the user's part even where a password was not percent-encoded as it should be.
    return f"{scheme}://{re.split('[?#]', rest.rpartition('@')[2])[0]}"


def secrets_of(address: str) -> frozenset[str]:
    """Every way in which the user's part of `address` may be spelled in somebody else's message."""
    _, separator, rest = address.partition("://")
    if not separator or rest.startswith("/") or "@" not in rest:
        return frozenset()
    user_info = rest.rpartition("@")[0]
    password = user_info.partition(":")[2]
    spellings = {text for written in (user_info, password) for text in (written, unquote(written), quote(written, ""))}
    return frozenset(text for text in spellings if text)


def redact_secrets(text: str, secrets: Iterable[str] = ()) -> str:
    """Somebody else's message with known secrets, and whatever looks like one in a URL, replaced by ``***``."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    return _SECRET_PARAMETER.sub(r"\1***", _USER_INFO.sub("***@", text))


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
