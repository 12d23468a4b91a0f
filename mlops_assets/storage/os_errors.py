"""An operating system's refusals in plain words."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from mlops_assets.errors import ConfigurationError, TableError
from mlops_assets.redaction.errors import redact_chain
from mlops_assets.storage.store_errors import translate_errors

_LONGEST = 300


class Place(Protocol):
    """What has an address that may be shown."""

    @property
    def uri(self) -> str: ...

    @property
    def is_local(self) -> bool: ...


@contextmanager
def translate_os_errors(place: Place) -> Iterator[None]:
    """Turn an operating system's refusal to write into an error that names the place."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise TableError(
            f"The file cannot be written: {reason}",
            where=place.uri,
            fix="Check the disk's space and the permissions; what was there before is untouched",
        ) from redact_chain(error)


@contextmanager
def translate_lookup_errors(place: Place) -> Iterator[None]:
    """Turn what refuses to look at a place into an error that names it; of a local one, only what refuses its name."""
    if not place.is_local:
        with translate_errors(place.uri, "listed"):
            yield
        return
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENAMETOOLONG, errno.ELOOP):
            raise
        what = f"The path cannot be looked up: {os.strerror(error.errno)}"
        raise ConfigurationError(what, where=place.uri[:_LONGEST], fix="Correct the path") from None
