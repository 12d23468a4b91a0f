"""An operating system's refusals in plain words."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from mlops_assets.errors import TableError
from mlops_assets.redaction.errors import redact_chain


class Place(Protocol):
    """What has an address that may be shown."""

    @property
    def uri(self) -> str: ...


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
