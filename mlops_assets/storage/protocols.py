"""From a URL to fsspec's filesystem, or to the package that is missing for it."""

import os
import re
from collections.abc import Mapping
from typing import Any

from mlops_assets.errors import ConfigurationError, MissingExtraError, TableError, describe_without_values
from mlops_assets.redaction.errors import redact_chain
from mlops_assets.storage.store_errors import store_error, unknown_option

# The object stores of `object_stores`, as fsspec calls them -> the extra of this package that brings the client.
EXTRAS = {
    **dict.fromkeys(("s3", "s3a"), "s3"),
    **dict.fromkeys(("gs", "gcs"), "gcs"),
    **dict.fromkeys(("abfs", "abfss", "az"), "azure"),
}


def open_filesystem(address: str, storage_options: Mapping[str, Any], uri: str) -> tuple[Any, str]:
    """The fsspec filesystem of a URL, and the path inside it; nothing is asked of it yet.

    Parameters
    ----------
    uri
        The address as it may be shown.

    Raises
    ------
    MissingExtraError
        The protocol's package is not installed.
    ConfigurationError
        fsspec does not know the protocol, or its filesystem one of the options.
    TableError
        It connects at once, and cannot.
    """
    import fsspec.core

    protocol = address.split("://", 1)[0].split("::")[-1]
    options = dict(storage_options)
    if address.split("://", 1)[0] in EXTRAS:
        # What another process has written a second ago must be seen.
        options.setdefault("use_listings_cache", False)
    _forget_filesystems_of_other_credentials()
    try:
        filesystem, path = fsspec.core.url_to_fs(address, **options)
    except ImportError as error:
        raise MissingExtraError(
            f"{protocol}:// needs a package that is not installed",
            where=uri,
            fix=f"Run: pip install {_packages_of(protocol, error)}",
        ) from redact_chain(error)
    except TypeError as error:
        raise (
            unknown_option(error, uri)
            or ConfigurationError(
                f"{protocol}:// cannot be opened with these storage_options ({describe_without_values(error)})",
                where=uri,
                fix="Compare their names and values with the documentation of fsspec's filesystem",
            )
        ) from redact_chain(error)
    except ValueError as error:
        if protocol in fsspec.available_protocols():
            raise ConfigurationError(
                f"{protocol}:// cannot be opened with these storage_options ({describe_without_values(error)})",
                where=uri,
                fix="Compare their names and values with the documentation of fsspec's filesystem",
            ) from redact_chain(error)
        raise ConfigurationError(
            f"{protocol}:// is not a protocol that fsspec can open",
            where=uri,
            fix="Use a local path, or a URL whose protocol and storage_options are in fsspec's documentation",
        ) from redact_chain(error)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - each client has errors of its own
        # Some connect when they are made (FTP, GitHub), or open the archive that the address names.
        what = f"The place cannot be opened: {type(error).__name__}"
        raise (
            store_error(error, uri)
            or TableError(what, where=uri, fix="Check the address, and that its server can be reached")
        ) from redact_chain(error)
    return filesystem, path


# Where the stores' clients look for credentials and endpoints that storage_options do not name.
_CREDENTIALS = ("AWS_", "GOOGLE_", "GCS_", "GCSFS_", "AZURE_", "FSSPEC_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
_known_credentials: list[frozenset[tuple[str, str]]] = []


def _forget_filesystems_of_other_credentials() -> None:
    """fsspec keeps a filesystem under its options alone, and its client reads the environment once."""
    from fsspec.registry import registry

    now = frozenset((name, value) for name, value in os.environ.items() if name.upper().startswith(_CREDENTIALS))
    if _known_credentials and _known_credentials[-1] != now:
        for kind in list(registry.values()):
            kind.clear_instance_cache()
    _known_credentials[:] = [now]


def _packages_of(protocol: str, error: ImportError) -> str:
    """What brings the packages that fsspec says `protocol` needs, as arguments of ``pip install``."""
    if protocol in EXTRAS:
        return f'"mlops-assets[{EXTRAS[protocol]}]"'
    from fsspec.registry import known_implementations

    known = known_implementations.get(protocol, {})
    root = known.get("class", "").split(".")[0]
    if root and root != "fsspec":
        return str(root).replace("_", "-")
    quoted = re.findall(r'"([A-Za-z0-9_\-\[\]]+)"', known.get("err", ""))
    return " ".join(quoted) or error.name or protocol
