"""Addresses of registries and artifacts: shown without their secrets, and compared by folder."""

import posixpath
from collections.abc import Iterable
from urllib.parse import unquote, urlsplit

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
    (scheme, host, path), (folder_scheme, folder_host, folder_path) = _parts(address), _parts(folder)
    if (scheme, host) != (folder_scheme, folder_host) or ".." in path.split("/"):
        return False
    parts, folder_parts = path.strip("/").split("/"), folder_path.strip("/").split("/")
    return folder_parts == [""] or parts[: len(folder_parts)] == folder_parts


def local_path(address: str) -> str | None:
    """The path of a ``file:`` URL or a plain path; None for every other address."""
    scheme, host, path = _parts(address)
    return path if (scheme, host) == ("file", "") else None


def _parts(address: str) -> tuple[str, str, str]:
    """Scheme, host (with port, without user) and path, decoded once; a plain path is a ``file`` address."""
    split = urlsplit(address)
    if not split.scheme or len(split.scheme) == 1:  # one letter: a drive
        return "file", "", posixpath.normpath(address) if ".." not in address else address
    host = split.netloc.rpartition("@")[2].lower()
    # A query belongs to the path here: no part of an address may be ignored when it is compared.
    path = (
        unquote(split.path) + (f"?{split.query}" if split.query else "") + (f"#{split.fragment}" * bool(split.fragment))
    )
    return split.scheme.lower(), "" if split.scheme.lower() == "file" and host == "localhost" else host, path
