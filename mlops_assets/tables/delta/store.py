"""The place of a Delta table in the form that deltalake takes, and its errors in ours."""

import importlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pyarrow import fs as arrow_fs

from mlops_assets.errors import ConcurrentRunError, ConfigurationError, MissingExtraError, TableError
from mlops_assets.redaction.errors import redact_chain
from mlops_assets.storage.location import Location

# fsspec's name of an option -> the name that deltalake's object store has for it.
_NAMES: Mapping[str, Mapping[str, str]] = {
    "s3": {
        "key": "AWS_ACCESS_KEY_ID",
        "secret": "AWS_SECRET_ACCESS_KEY",
        "token": "AWS_SESSION_TOKEN",
        "anon": "AWS_SKIP_SIGNATURE",
        "endpoint_url": "AWS_ENDPOINT_URL",
        "region_name": "AWS_REGION",
    },
    "gs": {"token": "GOOGLE_SERVICE_ACCOUNT"},
    "az": {
        "account_name": "AZURE_STORAGE_ACCOUNT_NAME",
        "account_key": "AZURE_STORAGE_ACCOUNT_KEY",
        "sas_token": "AZURE_STORAGE_SAS_TOKEN",
        "tenant_id": "AZURE_STORAGE_TENANT_ID",
        "client_id": "AZURE_STORAGE_CLIENT_ID",
        "client_secret": "AZURE_STORAGE_CLIENT_SECRET",
    },
}
_FAMILIES = {"s3": "s3", "s3a": "s3", "gs": "gs", "gcs": "gs", "az": "az", "abfs": "az", "abfss": "az", "adl": "az"}
_MOST_OF_A_REASON = 300


def deltalake() -> Any:
    """The package.

    Raises
    ------
    MissingExtraError
        It is not installed.
    """
    try:
        return importlib.import_module("deltalake")
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            "Delta tables need the package deltalake", fix='Run: pip install "mlops-assets[delta]"'
        ) from redact_chain(error)


def table_url(place: Location) -> str:
    """The table's URL.

    Raises
    ------
    ConfigurationError
        deltalake would look elsewhere, or does not know the protocol.
    """
    if place.is_local:
        # deltalake decodes a path twice and takes a backslash for a slash.
        if re.search(r"%[0-9A-Fa-f]{2}|[\\\x00-\x1f\x7f]", place.address):
            raise ConfigurationError(
                "A local path with a percent sign before two hexadecimal digits, a backslash or a control character "
                "cannot hold a Delta table",
                where=place.uri,
                fix="Use another folder",
            )
        return Path(place.address).as_uri()
    protocol = place.address.split("://", 1)[0]
    if protocol not in _FAMILIES:
        raise ConfigurationError(
            f"deltalake cannot open {protocol}://",
            where=place.uri,
            fix=f"Use a local folder, or one of {', '.join(f'{name}://' for name in _FAMILIES)}",
        )
    return place.address


def store_options(place: Location) -> dict[str, str]:
    """`place.storage_options` under the names that deltalake knows: fsspec's are translated, its own are kept."""
    names = _NAMES.get(_FAMILIES.get(place.address.split("://", 1)[0], ""), {})
    given = dict(place.storage_options)
    nested = given.pop("client_kwargs", None)
    if isinstance(nested, Mapping):
        given = {**nested, **given}
    options = {names.get(name, name): _text(value) for name, value in given.items() if _is_plain(value)}
    if options.get("AWS_ENDPOINT_URL", "").startswith("http://"):
        options.setdefault("AWS_ALLOW_HTTP", "true")
    return options


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int | float | bool)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@contextmanager
def translate_errors(place: Location) -> Iterator[None]:
    """Turn what deltalake raises into an error that names the table, and shows no credential.

    Raises
    ------
    ConcurrentRunError
        Another writer committed at the same moment.
    TableError
        Anything else.
    """
    errors = deltalake().exceptions
    try:
        yield
    except errors.TableNotFoundError:
        raise TableError("No such Delta table", where=place.uri, fix="Check the path") from None
    except errors.CommitFailedError:
        raise ConcurrentRunError(
            "Another writer has changed the table at the same moment",
            where=place.uri,
            fix="Run again; the table is as the other writer left it",
        ) from None
    except (errors.DeltaError, OSError) as error:
        # Without its cause: an object store's answer may repeat the key it was asked with.
        raise TableError(
            f"deltalake cannot do this: {_reason(error, place)}",
            where=place.uri,
            fix="Check the path, the storage_options, and that the table is whole",
        ) from None


def _reason(error: Exception, place: Location) -> str:
    text = str(error)
    for value in store_options(place).values():
        if len(value) > 3:
            text = text.replace(value, "***")
    # The first line: what follows is where in deltalake's own code it happened.
    return text.strip().partition("\n")[0][:_MOST_OF_A_REASON]


@dataclass(frozen=True, repr=False)
class StoredFile(Location):
    """A file of a remote Delta table, through deltalake's own object store: fsspec's package need not be there.

    Attributes
    ----------
    inside
        The path below the table's folder.
    store
        The table's folder as an Arrow filesystem.
    """

    inside: str = ""
    store: Any = field(default=None, repr=False, compare=False)

    def __reduce__(self) -> tuple[Any, ...]:
        # With a store of its own in the process that it is sent to.
        table = Location(self.address.removesuffix(f"/{self.inside}"), dict(self.storage_options))
        return file_in, (table, self.inside)

    @property
    def path(self) -> str:
        return self.inside

    @property
    def filesystem(self) -> arrow_fs.FileSystem:
        return self.store

    def kind(self) -> arrow_fs.FileType:
        return self.store.get_file_info(self.inside).type

    def remove(self) -> None:
        if self.exists():
            self.store.delete_file(self.inside)


def file_in(place: Location, inside: str) -> Location:
    """A file of the table at `place`; it need not be there."""
    if place.is_local:
        return place.child(inside)
    deltalake()
    from deltalake.fs import DeltaStorageHandler

    store = arrow_fs.PyFileSystem(DeltaStorageHandler(table_url(place), store_options(place)))
    return StoredFile(f"{place.address}/{inside}", place.storage_options, inside, store)
