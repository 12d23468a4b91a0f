"""Which files an input table is made of, as one token that changes when they do. Their content is not read."""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

from pyarrow import fs as arrow_fs

from mlops_assets.errors import MlopsAssetsError, TableError
from mlops_assets.redaction.errors import redact_chain
from mlops_assets.storage.local_files import list_below
from mlops_assets.storage.location import Location
from mlops_assets.storage.store_errors import translate_errors
from mlops_assets.tables.csv_files import CsvFiles
from mlops_assets.tables.delta.log import is_delta, newest_version
from mlops_assets.tables.files import DELTA_LOG
from mlops_assets.tables.json_lines_files import JsonLinesFiles
from mlops_assets.tables.parquet_files import ParquetFiles

EXTENSIONS = {
    "parquet": ParquetFiles.extensions,
    "csv": CsvFiles.extensions,
    "jsonl": JsonLinesFiles.extensions,
    # Of a Delta table the log alone is looked at: rows may go without a data file's coming.
    "delta": (".json",),
}
# What object stores call the identity and the age of an object's content.
_REMOTE_FACTS = (
    "size",
    "mtime",
    "ETag",
    "etag",
    "md5",
    "content_md5",
    "crc32c",
    "generation",
    "LastModified",
    "updated",
)


def listing_token(place: Location, table_format: str | None) -> str | None:
    """A digest over the files' names, sizes and times or entity tags; None when there is no file.

    The files are those that the reader counts: the file itself, or those below the folder that have the format's
    extension and no ``.`` or ``_`` in front of their name.

    Parameters
    ----------
    place
        The file or folder of the inputs.
    table_format
        ``parquet``, ``csv``, ``jsonl`` or ``delta``; None: any of the files' extensions counts, or a Delta log.

    Raises
    ------
    TableError
        The file system does not answer.
    """
    if table_format == "delta" or (table_format is None and is_delta(place)):
        newest = newest_version(place)
        return None if newest is None else token_of([newest])
    files = [
        (name, facts)
        for name, facts in listing(place)
        if not name or name.lower().endswith(extensions_of(table_format))
    ]
    return token_of(files) if files else None


def extensions_of(table_format: str | None) -> tuple[str, ...]:
    """The extensions of a format's files; for None those of every format, a Delta log's not among them."""
    if table_format:
        return EXTENSIONS[table_format]
    return tuple(one for name, known in EXTENSIONS.items() if name != "delta" for one in known)


def listing(place: Location, table_format: str | None = None) -> list[tuple[str, str]]:
    """The files below a folder and the facts about each, sorted by name; a file itself has the name ``""``.

    Left out are names with ``.`` or ``_`` in front, and what is below them; of Delta tables all but the log's entries.

    Raises
    ------
    TableError
        The file system does not answer.
    """
    counts = _is_log_entry if table_format == "delta" else _counts
    try:
        with translate_errors(place.uri):
            kind = place.kind()
            if kind == arrow_fs.FileType.NotFound:
                return []
            if kind == arrow_fs.FileType.Directory:
                return sorted((name, facts) for name, facts in _below(place) if counts(name))
            return [("", _facts_of_file(place))]
    except MlopsAssetsError:
        raise
    except Exception as error:  # noqa: BLE001 - each file system has exceptions of its own
        raise TableError(
            f"The inputs cannot be listed: {getattr(error, 'strerror', None) or type(error).__name__}",
            where=place.uri,
            fix="Check the path, the permissions and the connection",
        ) from redact_chain(error)


def token_of(files: Iterable[tuple[str, str]]) -> str:
    """One digest over files and the facts about them."""
    total = hashlib.sha256()
    for name, facts in files:
        total.update(f"{len(name)} {name} {facts}\n".encode())
    return total.hexdigest()[:32]


def _counts(name: str) -> bool:
    return not any(part[0] in "._" for part in name.split("/"))


def _is_log_entry(name: str) -> bool:
    return f"/{DELTA_LOG}/" in f"/{name}" and name.count("/_") + name.startswith("_") == 1


def _below(place: Location) -> Iterator[tuple[str, str]]:
    if place.is_local:
        for entry in list_below(place.path):
            if entry.is_file and entry.facts is not None:
                yield entry.name, f"{entry.facts.st_size} {entry.facts.st_mtime_ns}"
        return
    filesystem, path = place.remote()
    for file, info in filesystem.find(path, detail=True).items():
        yield file.strip("/")[len(path.strip("/")) :].lstrip("/"), _remote_facts(info)


def _facts_of_file(place: Location) -> str:
    if place.is_local:
        return _local_facts(place.filesystem.get_file_info(place.path))
    filesystem, path = place.remote()
    return _remote_facts(filesystem.info(path))


def _local_facts(info: arrow_fs.FileInfo) -> str:
    return f"{info.size} {info.mtime_ns}"


def _remote_facts(info: dict[str, Any]) -> str:
    return " ".join(f"{name}={info[name]}" for name in _REMOTE_FACTS if info.get(name) is not None)
