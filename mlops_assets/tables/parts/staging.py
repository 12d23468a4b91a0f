"""Where workers put finished parts until the table is published; what a killed run leaves there is found again."""

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path

import pyarrow as pa

from mlops_assets.storage.in_use import IN_USE, collect_files, mark_in_use
from mlops_assets.storage.location import Location
from mlops_assets.storage.os_errors import translate_os_errors
from mlops_assets.tables.parts.part import StagedPart, mark_of_name, name_of_key, published_mark, read_part_record
from mlops_assets.tables.parts.switch import link_file

STAGING = re.compile(r"\.(.+)\.staging")
"""The name of a folder of staged parts: the group is the table's."""

_DRAFT = re.compile(r"\.([0-9a-f]{32}\.parquet)\.")

MAX_AGE = timedelta(days=7)
MAX_BYTES = 10 << 30
"""Parts that were neither made nor found for so long, or beyond so many bytes the oldest ones, are collected."""


@dataclass(frozen=True)
class Staging:
    """A place for the finished parts of a table; small and picklable, so that workers are given it.

    Attributes
    ----------
    target
        The table's file or folder.
    folder
        Where finished parts are: locally a hidden folder beside the table.
    published
        The folder with the parts of the table as it is published now, if there is one.
    generation
        In object stores: which of two names a part of this publish has. See `mlops_assets.tables.delta.staging`.
    """

    target: Location
    folder: Location
    published: Location | None = None
    generation: str = ""

    def file(self, part: StagedPart | str) -> Location:
        """The file of a staged part, or of that name."""
        return self.folder.child(part if isinstance(part, str) else part.name)

    def name(self, key: str) -> str:
        """The name of the file of the part with this key."""
        return f"{name_of_key(key)}.parquet"

    def mark_in_use(self) -> AbstractContextManager[None]:
        """Inside the block no process collects what was staged or found since the block was entered."""
        return mark_in_use(Path(self.folder.path)) if self.folder.is_local else _nothing()


@contextmanager
def _nothing() -> Iterator[None]:
    yield


def staging_folder(target: Location) -> Location:
    """Where the finished parts of a local table are."""
    return target.sibling(f".{target.name}.staging")


def local_staging(target: Location, published: Location | None) -> Staging:
    """The staging of a local table; the folder is made."""
    folder = staging_folder(target)
    with translate_os_errors(target):
        Path(folder.path).mkdir(parents=True, exist_ok=True)
    return Staging(target, folder, published)


def stage(staging: Staging, key: str, write: Callable[[pa.NativeFile], None]) -> StagedPart:
    """Write a part: whole or absent; of two writers of one key, the last one's file is there, and it is the same."""
    name = staging.name(key)
    with staging.file(name).open_draft() as sink:
        write(sink)
    part = read_part_record(name, staging.file(name))
    if part is None:
        raise AssertionError(f"{staging.file(name).uri} is not what was written")
    return part


def find_staged(staging: Staging, key: str) -> StagedPart | None:
    """The part of this key, left by a run that was killed or part of the published table; notes that it was used."""
    name = staging.name(key)
    path = Path(staging.file(name).path)
    if not path.exists():
        source = _published_file(staging, key)
        if source is None:
            return None
        with translate_os_errors(staging.target), suppress(FileExistsError, FileNotFoundError):
            link_file(source, path)
    note_use(staging.file(name))
    part = read_part_record(name, staging.file(name))
    return part if part is not None and part.key == key else None


def note_use(file: Location) -> bool:
    """Whether a kept file is there; a local one is then kept as long as one that was made now."""
    if not file.is_local:
        return file.exists()
    try:
        os.utime(file.path)
    except FileNotFoundError:
        return False
    return True


def _published_file(staging: Staging, key: str) -> Path | None:
    if staging.published is None:
        return None
    folder = Path(staging.published.path)
    # Of another version by now: what it held is not found.
    with suppress(FileNotFoundError):
        for name in _names_by_key(str(folder), folder.stat().st_mtime_ns).get(published_mark(key), ()):
            part = read_part_record(name, Location.parse(folder / name))
            if part is not None and part.key == key:
                return folder / name
    return None


@lru_cache(maxsize=4)
def _names_by_key(folder: str, modified: int) -> Mapping[str, Sequence[str]]:
    """The files of a published version by `published_mark`; listed once for each time at which it was `modified`."""
    del modified
    names: dict[str, list[str]] = {}
    for path in sorted(Path(folder).iterdir()):
        names.setdefault(mark_of_name(path.name), []).append(path.name)
    return names


def forget_staged(staging: Staging, names: set[str]) -> None:
    """Remove these staged parts, and the folder when nothing else is in it."""
    folder = Path(staging.folder.path)
    for name in names:
        (folder / name).unlink(missing_ok=True)
    _sweep_drafts(staging.folder)
    _remove_if_empty(folder)


def sweep_staging(folder: Location) -> tuple[str, ...]:
    """Collect what runs that were killed left in a staging folder, and that nobody has used for days.

    Returns the names of what was removed. What a living run uses stays: see `Staging.mark_in_use`.
    """
    path = Path(folder.path)
    removed = _sweep_drafts(folder)
    # Another run may have collected all of it, and the folder, meanwhile.
    with suppress(FileNotFoundError):
        removed += collect_files(path.glob("[!.]*.*"), path, MAX_AGE, MAX_BYTES)
    _remove_if_empty(path)
    return tuple(removed)


def _sweep_drafts(folder: Location) -> list[str]:
    removed: list[str] = []
    for name in sorted({match[1] for file in folder.files(recursive=False) if (match := _DRAFT.match(file))}):
        removed += folder.child(name).sweep(timedelta(0))
    return removed


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):
        (folder / IN_USE).rmdir()
    with suppress(OSError):
        folder.rmdir()
