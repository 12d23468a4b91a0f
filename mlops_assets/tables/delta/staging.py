"""Parts of Delta tables in object stores: written under their final names, in the table's own folder.

A name follows from a part's key and its generation, so that a part is found by asking for it, without a list. No commit
may remove and add a file of one name, so a publish uses the generation that the published version does not: a part that
is published already is copied to its other name, by the store.
"""

import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pyarrow as pa
from pyarrow import fs as arrow_fs

from mlops_assets.errors import TableError
from mlops_assets.storage.location import Location
from mlops_assets.storage.os_errors import translate_os_errors
from mlops_assets.tables.delta.store import file_in
from mlops_assets.tables.parts.part import StagedPart, name_of_key, read_part_record
from mlops_assets.tables.parts.staging import Staging

_GENERATIONS = ("a", "b")
_ENDING = ".snappy.parquet"
_PIECE_BYTES, _BUFFER_BYTES = 1 << 20, 8 << 20
_REFRESHED = timedelta(days=6)
"""A file that no version names is kept by a vacuum for seven days; an older one is not relied upon."""


def remote_staging(target: Location, names: list[str]) -> Staging:
    """The staging of a table in an object store, of whose current version these are the files."""
    first, second = _GENERATIONS
    taken = any(name.endswith(f"-{first}{_ENDING}") for name in names)
    return Staging(target, target, generation=second if taken else first)


def remote_name(key: str, generation: str) -> str:
    """The name of the part of this key in the table's folder."""
    return f"part-{name_of_key(key)}-{generation}{_ENDING}"


def stage_remote(staging: Staging, key: str, write: Callable[[pa.NativeFile], None]) -> StagedPart:
    """Write a part: whole or absent; a writer that fails harms no other one of its key."""
    name = remote_name(key, staging.generation)
    file = _upload(staging, name, write)
    part = read_part_record(name, file)
    if part is None or part.key != key:
        raise TableError(
            "The store does not return the part that was written to it", where=file.uri, fix="Check the store"
        )
    return part


def _upload(staging: Staging, name: str, write: Callable[[pa.NativeFile], None]) -> Location:
    """Write a file of the table under a name of its own, and give it this one when it is whole."""
    file = file_in(staging.target, name)
    # No hidden name: what a killed writer leaves is for a vacuum, as all that no version names.
    draft = file_in(staging.target, f"draft-{secrets.token_hex(8)}-{name}")
    try:
        with translate_os_errors(file):
            sink = draft.filesystem.open_output_stream(draft.path, compression=None)
        try:
            write(sink)
        finally:
            # To close it is to complete the upload, also of one that failed.
            with translate_os_errors(file):
                sink.close()
        with translate_os_errors(file):
            draft.filesystem.move(draft.path, file.path)
    except BaseException:
        draft.remove()
        raise
    return file


def find_remote(staging: Staging, key: str) -> StagedPart | None:
    """The part of this key in the generation of this staging; copied by the store where it has the other one."""
    name = remote_name(key, staging.generation)
    file = file_in(staging.target, name)
    if _is_recent(file):
        part = read_part_record(name, file)
        return part if part is not None and part.key == key else None
    other = next(each for each in _GENERATIONS if each != staging.generation)
    source = file_in(staging.target, remote_name(key, other))
    if not source.exists():
        return None
    part = read_part_record(name, source)
    if part is None or part.key != key:
        return None
    try:
        # Through this process: deltalake's own copy raises a TypeError (1.6.6, `DeltaStorageHandler.copy_file`).
        with source.filesystem.open_input_file(source.path) as stream:
            _upload(staging, name, lambda sink: _copy(stream, sink))
    except FileNotFoundError:  # vacuumed meanwhile
        return None
    return part


def _copy(stream: pa.NativeFile, sink: pa.NativeFile) -> None:
    # deltalake's stream takes bytes alone (1.6.6): what Arrow writes piece by piece comes to it as such from a buffer.
    buffered = pa.BufferedOutputStream(sink, _BUFFER_BYTES)
    while piece := stream.read(_PIECE_BYTES):
        buffered.write(piece)
    buffered.flush()
    buffered.detach()


def _is_recent(file: Location) -> bool:
    info = file.filesystem.get_file_info(file.path)
    if info.type != arrow_fs.FileType.File:
        return False
    return bool(info.mtime is not None and datetime.now(UTC) - info.mtime < _REFRESHED)
