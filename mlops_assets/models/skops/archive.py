"""The zip archive of a skops file: opened once, bounded before anything in it is unpacked."""

import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlops_assets.models.skops.refusal import RefusedStateError, quote

_ZIP = b"PK\x03\x04"
_SCHEMA = "schema.json"
# skops writes its archives uncompressed; one that grows a hundredfold is made to fill the memory.
_MOST_EXPANSION = 100
_MOST_SCHEMA = 256 << 20
_ENCRYPTED = 0x1
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
_BROKEN = (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, EOFError, OSError, RuntimeError, ValueError)


class Archive:
    """The members of one skops file, each read when it is asked for.

    Attributes
    ----------
    size
        Bytes of all members, unpacked.
    """

    def __init__(self, opened: zipfile.ZipFile, length: int) -> None:
        entries = opened.infolist()
        names = [entry.filename for entry in entries]
        if len(names) != len(set(names)):
            raise RefusedStateError("has two members of one name")
        if any(entry.flag_bits & _ENCRYPTED or entry.compress_type not in _METHODS for entry in entries):
            raise RefusedStateError("has members that are encrypted, or packed in an unusual way")
        self.size = sum(entry.file_size for entry in entries)
        if self.size > _MOST_EXPANSION * max(length, 1):
            raise RefusedStateError(f"expands to more than {_MOST_EXPANSION} times its size")
        self._opened = opened
        self._sizes = {entry.filename: entry.file_size for entry in entries}

    def read(self, name: object, path: object) -> bytes:
        """The whole member, which is not longer than the archive says."""
        if not isinstance(name, str) or name not in self._sizes or name == _SCHEMA:
            raise RefusedStateError(f"names the file {quote(name)}, which is not in it", path)
        return self._unpack(name)

    def read_schema(self) -> dict[str, Any]:
        """``schema.json``, parsed."""
        if _SCHEMA not in self._sizes:
            raise RefusedStateError(f"is not a skops file: it has no {_SCHEMA}")
        if self._sizes[_SCHEMA] > _MOST_SCHEMA:
            raise RefusedStateError(f"has a schema of more than {_MOST_SCHEMA >> 20} MiB")
        text = self._unpack(_SCHEMA)
        try:
            schema = json.loads(text)
        except RecursionError as error:
            raise RefusedStateError("is nested deeper than any model") from error
        except ValueError as error:
            raise RefusedStateError("is not a skops file: its schema is not JSON") from error
        if not isinstance(schema, dict):
            raise RefusedStateError("is not a skops file: its schema is not an object")
        return schema

    def _unpack(self, name: str) -> bytes:
        try:
            with self._opened.open(name) as member:
                # One byte more than it says would be a lie.
                content = member.read(self._sizes[name] + 1)
        except _BROKEN as error:
            raise RefusedStateError(f"is damaged: its member {quote(name)} cannot be unpacked") from error
        if len(content) != self._sizes[name]:
            raise RefusedStateError(f"is damaged: its member {quote(name)} is not as long as it says")
        return content


@contextmanager
def open_archive(file: Path) -> Iterator[Archive]:
    """The archive in a file.

    Raises
    ------
    RefusedStateError
        It is none, or one that is made to fill the memory.
    """
    with file.open("rb") as stream:
        # A zip archive may follow anything, a pickle for example; then two readers see two files.
        if stream.read(len(_ZIP)) != _ZIP:
            raise RefusedStateError("is not a skops file")
        length = stream.seek(0, io.SEEK_END)
        try:
            opened = zipfile.ZipFile(stream)
        except _BROKEN as error:
            raise RefusedStateError("is not a skops file") from error
        with opened:
            yield Archive(opened, length)
