"""Which files an input table is made of, as one token that changes when they do. Their content is not read."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
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
# Stores that know no folders: nothing under a prefix is as good as an empty folder.
_WITH_PREFIXES = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oss", "memory"})
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

    Behind a ``#`` comes one over what tells two files of one name, size and time apart: of local files the number and
    the time of the last change that the file system gave them, of others their address.

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


def token_of(files: Iterable[tuple[str, str]], length: int = 32) -> str:
    """One digest over files and the facts about them, of so many characters; what follows a ``#`` has its own."""
    total, identity = hashlib.sha256(), hashlib.sha256()
    for name, facts in files:
        plain, _, more = facts.partition("#")
        total.update(f"{len(name)} {name} {plain}\n".encode())
        identity.update(f"{more}\n".encode())
    return f"{total.hexdigest()[:length]}#{identity.hexdigest()[:8]}"


def may_be_empty(place: Location) -> bool:
    """Whether no file there is nothing to worry about: an empty folder, a file still to come, a prefix of a bucket.

    False for a local folder that is not there: its path may be wrong, or its disk is not mounted. False for servers
    that have no prefixes: one that is away looks like one without the file.
    """
    if not place.is_local:
        return place.address.partition("://")[0] in _WITH_PREFIXES
    if Path(place.path).is_dir():
        return True
    path = Path(place.path)
    is_file = path.suffix.lower() in {extension for known in EXTENSIONS.values() for extension in known}
    return is_file and path.parent.is_dir()


def _counts(name: str) -> bool:
    return not any(part[0] in "._" for part in name.split("/"))


def _is_log_entry(name: str) -> bool:
    return f"/{DELTA_LOG}/" in f"/{name}" and name.count("/_") + name.startswith("_") == 1


def _below(place: Location) -> Iterator[tuple[str, str]]:
    if place.is_local:
        for entry in list_below(place.path):
            if entry.is_file and entry.facts is not None:
                yield entry.name, _local_facts(entry.facts)
        return
    filesystem, path = place.remote()
    for file, info in filesystem.find(path, detail=True).items():
        yield file.strip("/")[len(path.strip("/")) :].lstrip("/"), _remote_facts(info, place)


def _facts_of_file(place: Location) -> str:
    if place.is_local:
        return _local_facts(Path(place.path).stat())
    filesystem, path = place.remote()
    return _remote_facts(filesystem.info(path), place)


def _local_facts(facts: os.stat_result) -> str:
    return f"{facts.st_size} {facts.st_mtime_ns}#{facts.st_ino} {facts.st_ctime_ns}"


def _remote_facts(info: dict[str, Any], place: Location) -> str:
    facts = " ".join(f"{name}={info[name]}" for name in _REMOTE_FACTS if info.get(name) is not None)
    return f"{facts}#{place.uri}"
