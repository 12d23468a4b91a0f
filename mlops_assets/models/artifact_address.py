"""Addresses of artifacts: taken apart once, into the value that is judged, shown and fetched."""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, unquote

from mlops_assets.errors import RegistryError

LONGEST_ADDRESS = 4_000
_ADDRESS = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]+):(?://(?P<authority>[^/]*))?(?P<path>.*)", re.DOTALL)
_HOST = re.compile(r"(?:[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_CONTAINER = re.compile(r"[A-Za-z0-9$_.-]+")
# What the user's part is: an account's container, or who logs in.
_CONTAINERS = frozenset({"abfs", "abfss", "b2", "r2", "wasb", "wasbs"})
_LOGINS = frozenset({"ftp", "sftp"})
_WITHOUT_HOST = frozenset({"dbfs", "hdfs", "mlflow-artifacts", "models", "runs", "viewfs"})
_HOST_KEEPS_CASE = frozenset({"hdfs", "viewfs"})
# It decodes the path of a request; object stores take it as it is.
SERVED = frozenset({"http", "https", "mlflow-artifacts"})
"""What an MLflow server serves."""
# The address names a bucket or a volume; which server is asked is the deployment's own setting.
_WITHOUT_PEER = frozenset({"dbfs", "file", "gs", "s3"})


@dataclass(frozen=True)
class ArtifactAddress:
    """Where a model's files are.

    `parse` refuses every address that two readers may read in two ways, so that what a policy sees is what is opened.

    Attributes
    ----------
    scheme
        In lower case; ``file`` also for a plain path.
    host
        Host and port, bucket, or ``container@account``; empty where the address has none.
    path
        As it is opened: decoded for ``file`` and HTTP, as it is written for object stores. No part of it is ``..``.
    user
        Who logs in, with a password where there is one. Neither shown nor compared with others.
    """

    scheme: str
    host: str
    path: str
    user: str = field(default="", repr=False, compare=False)

    @classmethod
    def parse(cls, text: str) -> "ArtifactAddress":
        """The address that `text` writes.

        Raises
        ------
        RegistryError
            It is none, or can be read in more than one way. The message does not repeat it.
        """
        if not isinstance(text, str) or not text.strip():
            raise _refusal("is empty")
        if len(text) > LONGEST_ADDRESS:
            raise _refusal(f"has {len(text):,} characters, and {LONGEST_ADDRESS:,} are the most")
        if not text.isprintable() or text != text.strip() or "\\" in text:
            raise _refusal("holds a backslash, a blank at its end or a character that cannot be printed")
        match = _ADDRESS.fullmatch(text)
        if match is None:
            # A plain path is what it is, whatever characters are in it.
            return cls("file", "", _local(text))
        scheme, authority, path = match["scheme"].lower(), match["authority"] or "", match["path"]
        if "?" in path + authority or "#" in path + authority:
            raise _refusal("holds a query or a fragment (? or #), which some would read and others ignore")
        if scheme == "file":
            if authority.lower() not in ("", "localhost"):
                raise _refusal("is a file on another host")
            return cls("file", "", _local(_decode(path)))
        host, user = _authority(scheme, authority)
        opened = _remote(_decode(path) if scheme in SERVED else path)
        if not host and opened.startswith("//"):
            raise _refusal("has a path that begins with two slashes, after which some would read a host")
        return cls(scheme, host, opened, user)

    def __str__(self) -> str:
        """Without user and password; `parse` makes the same value of it."""
        if self.scheme == "file":
            return Path(self.path).as_uri()
        return self._written(self.host)

    @property
    def url(self) -> str:
        """For whoever fetches: with user and password."""
        return self._written(f"{self.user}@{self.host}" if self.user else self.host)

    @property
    def peer(self) -> str | None:
        """The host that a connection would be made to because this address names it; None where it names none."""
        return None if self.scheme in _WITHOUT_PEER or not self.host else self.host.rpartition("@")[2]

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rstrip("/").rpartition("/")[2]

    def is_below(self, folder: "ArtifactAddress") -> bool:
        """Whether this is `folder` or is in it: by whole parts of the path, scheme and host included."""
        if (self.scheme, self.host) != (folder.scheme, folder.host):
            return False
        parts, others = self.parts, folder.parts
        return parts[: len(others)] == others

    @property
    def parts(self) -> list[str]:
        """The parts of the path, empty ones within it too."""
        path = self.path.removeprefix("/").rstrip("/")
        return path.split("/") if path else []

    def _written(self, authority: str) -> str:
        path = quote(self.path, safe="/:@ ~!$&'()*+,;=") if self.scheme in SERVED else self.path
        return f"{self.scheme}:{f'//{authority}' if authority else ''}{path}"


def _authority(scheme: str, authority: str) -> tuple[str, str]:
    """Host as it is compared, and the user."""
    user, separator, host = authority.rpartition("@")
    if not authority and scheme not in _WITHOUT_HOST:
        raise _refusal(f"names no host or bucket after {scheme}://")
    if authority and not _HOST.fullmatch(host):
        raise _refusal("names a host or bucket that is none")
    host = host if scheme in _HOST_KEEPS_CASE else host.lower()
    if not separator:
        return host, ""
    if scheme in _CONTAINERS:
        if not _CONTAINER.fullmatch(user):
            raise _refusal("names a container that is none")
        return f"{user.lower()}@{host}", ""
    if scheme in _LOGINS and user:
        return host, user
    raise _refusal(f"has a user in it, and no artifacts under {scheme}:// do")


def _decode(path: str) -> str:
    try:
        decoded = unquote(path, errors="strict")
    except UnicodeDecodeError as error:
        raise _refusal("has an escape (%) that is no text in UTF-8") from error
    if not decoded.isprintable() or "\\" in decoded:
        raise _refusal("holds a backslash or a character that cannot be printed")
    return decoded


def _remote(path: str) -> str:
    # Some servers and stores decode once more than others.
    if any({".", ".."} & set(each.split("/")) for each in (path, unquote(path), unquote(unquote(path)))):
        raise _refusal("has . or .. in its path")
    if path and not path.startswith("/"):
        raise _refusal("has a relative path")
    return path


def _local(path: str) -> str:
    if ".." in path.split("/"):
        raise _refusal("has .. in its path")
    # Links are not followed: that is for whoever opens it.
    return os.path.normpath(Path(path).absolute())


def _refusal(reason: str) -> RegistryError:
    return RegistryError(
        f"The address of the model's files {reason}",
        fix="Register the model again from a plain address: the folder's path, or scheme://host/folder",
    )


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
