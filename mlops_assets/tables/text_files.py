"""What CSV and JSON Lines have in common: bytes that must be UTF-8 text, perhaps compressed."""

import io
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa

from mlops_assets.errors import TableError
from mlops_assets.storage.location import Location
from mlops_assets.tables.files import looks_like, translate_read_errors

COMPRESSED = (".gz", ".bz2", ".zst")


def with_compressed(*extensions: str) -> tuple[str, ...]:
    """The extensions, and each with the extension of a compression behind it."""
    return (*extensions, *(extension + packed for extension in extensions for packed in COMPRESSED))


@contextmanager
def open_text_file(file: Location, format_name: str) -> Iterator[pa.NativeFile]:
    """The file's bytes, decompressed by its extension, after a look at what they are.

    Raises
    ------
    TableError
        The bytes are not text, or not readable.
    """
    with translate_read_errors(file):
        with file.filesystem.open_input_stream(file.path, compression="detect") as stream:
            head = stream.read(4096)
        if not head:
            raise TableError("The file is empty", where=file.uri, fix="Write it again, or remove it")
        what = looks_like(head)
        expected = "JSON Lines" if format_name == "jsonl" else "text"
        if what != expected:
            raise TableError(
                f"The file is not {format_name}, it looks like {what or 'unknown bytes'}",
                where=file.uri,
                fix="Set format to what the file is, or write it again as UTF-8 text of that format",
            )
        with _open(file) as stream:
            yield stream


@contextmanager
def lines_of(file: Location, errors: str = "replace") -> Iterator[io.TextIOWrapper]:
    """The file's text for a second look, by default with invalid bytes replaced."""
    with (
        _open(file) as stream,
        io.TextIOWrapper(stream, encoding="utf-8-sig", errors=errors, newline="") as text,
    ):
        yield text


def _open(file: Location) -> pa.NativeFile:
    """The file's bytes, decompressed by its extension; the position of a local one that is not says what was read."""
    if file.is_local and not file.name.lower().endswith(COMPRESSED):
        return file.filesystem.open_input_file(file.path)
    return file.filesystem.open_input_stream(file.path, compression="detect")
