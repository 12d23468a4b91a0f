"""What a file system says about a file without its content: when it differs, the content may."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlops_assets.errors import ConcurrentRunError, MlopsAssetsError, TableError
from mlops_assets.redaction.errors import redact_chain
from mlops_assets.storage.location import Location
from mlops_assets.storage.store_errors import translate_errors

# What object stores call the identity of an object's content; where one has none, the age of it.
_TAGS = ("ETag", "etag", "md5", "content_md5", "Content-MD5", "Digest", "crc32c", "generation")
_TIMES = ("mtime", "LastModified", "last_modified", "updated", "created")


def file_facts(file: Location) -> str:
    """The facts about one file, as they are now.

    Raises
    ------
    TableError
        It is gone, or the file system does not answer.
    """
    try:
        if file.is_local:
            return local_facts(Path(file.path).stat())
        filesystem, path = file.remote()
        filesystem.invalidate_cache()
        with translate_errors(file.uri):
            return remote_facts(filesystem.info(path))
    except MlopsAssetsError:
        raise
    except FileNotFoundError as error:
        raise TableError("The file is gone", where=file.uri, fix="Run again") from redact_chain(error)
    except Exception as error:  # noqa: BLE001 - each file system has exceptions of its own
        raise TableError(
            f"The file cannot be looked at: {getattr(error, 'strerror', None) or type(error).__name__}",
            where=file.uri,
            fix="Check the path, the permissions and the connection",
        ) from redact_chain(error)


def local_facts(facts: os.stat_result) -> str:
    """Size and times. Not the inode's number: some network file systems give one file another on each machine."""
    return f"{facts.st_size} {facts.st_mtime_ns} {facts.st_ctime_ns}"


def remote_facts(info: Mapping[str, Any]) -> str:
    """Size and tags; times only without tags: a listing may give them more exactly than a look at one object."""
    tags = [f"{name.lower()}={str(info[name]).strip(chr(34))}" for name in _TAGS if info.get(name) is not None]
    times = [f"{name}={info[name]}" for name in _TIMES if info.get(name) is not None]
    return " ".join([str(info.get("size")), *(tags or times)])


def show_content(facts: str) -> bool:
    """Whether another content would surely have other facts; False for a store that says no more than a size."""
    return " " in facts


def refuse_replaced(file: Location) -> ConcurrentRunError:
    """The error about a file that is another one than when the work was planned."""
    return ConcurrentRunError(
        "The file was replaced or changed while the table was read; nothing of the two was mixed",
        where=file.uri,
        fix="Run again once nobody writes to the inputs",
    )
