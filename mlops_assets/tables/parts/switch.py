"""A folder of files in the place of a table, switched in one step: the table's name is a link to a hidden folder.

``predictions.parquet`` is a relative link to ``.predictions.parquet.<16 hexadecimal digits>.parts``, which is never
changed once the link leads to it. To replace a link is one step on every file system that has links (ext4, xfs, tmpfs,
overlayfs, NFS), whether there was a file, a link or nothing; to exchange two folders is not.
"""

import errno
import os
import re
import secrets
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from mlops_assets.errors import TableError
from mlops_assets.storage.durability import flush_to_disk
from mlops_assets.storage.location import LOCK_SUFFIX, Location
from mlops_assets.storage.locks import hold, is_held
from mlops_assets.storage.os_errors import translate_os_errors

VERSION = re.compile(rf"\.(.+)\.[0-9a-f]{{16}}\.parts({re.escape(LOCK_SUFFIX)})?")
"""The name of a folder that is or was a table, or of the lock of the one who fills it: the group is the table's."""

_LINK = ".link"
_NO_LINKS = {errno.EPERM, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.EXDEV}


def can_switch(target: Location) -> bool:
    """Whether a folder can take the place of a local table: Windows lets few users make links, some disks have none."""
    if not target.is_local or sys.platform == "win32":
        return False
    trial = Path(target.sibling(f".{target.name}.{secrets.token_hex(8)}.tmp").path)
    with translate_os_errors(target):
        trial.parent.mkdir(parents=True, exist_ok=True)
        try:
            # A link to itself, so that nothing else is looked at.
            trial.symlink_to(trial.name)
        except OSError as error:
            if error.errno in _NO_LINKS:
                return False
            raise
        finally:
            trial.unlink(missing_ok=True)
    return True


def version_folder(target: Location) -> Location | None:
    """The hidden folder that is the table now; None where it is a file, a folder of somebody else's, or nothing."""
    if not target.is_local:
        return None
    try:
        name = str(Path(target.path).readlink())
    except OSError:
        return None
    match = VERSION.fullmatch(name)
    return target.sibling(name) if match and match[1] == target.name and not match[2] else None


@contextmanager
def replace_by_folder(target: Location) -> Iterator[tuple[Location, Callable[[], None]]]:
    """An empty hidden folder, and what makes it the table in one step; when the block ends without, it is removed.

    Guarantees: whoever dies leaves the previous table or the new one; no `sweep_versions` removes the folder meanwhile.
    """
    folder = target.sibling(f".{target.name}.{secrets.token_hex(8)}.parts")
    path, place = Path(folder.path), Path(target.path)

    def switch() -> None:
        with translate_os_errors(target):
            link = path / _LINK
            link.symlink_to(path.name)
            flush_to_disk(str(path))
            flush_to_disk(str(place.parent))
            link.replace(place)
            flush_to_disk(str(place.parent))

    with ExitStack() as stack:
        with translate_os_errors(target):
            path.parent.mkdir(parents=True, exist_ok=True)
            stack.enter_context(hold(Path(folder.path + LOCK_SUFFIX)))
            path.mkdir()
        try:
            yield folder, switch
        finally:
            if version_folder(target) != folder:
                shutil.rmtree(path, ignore_errors=True)


def link_file(source: Path, copy: Path) -> None:
    """A second name of a file; a copy, flushed to the disk, where the disk has no such links."""
    try:
        os.link(source, copy)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        shutil.copyfile(source, copy)
        flush_to_disk(str(copy))


def link_parts(parts: Iterable[tuple[Location, Location]]) -> None:
    """Give each file a second name.

    Raises
    ------
    TableError
        A file is gone, or the disk refuses.
    """
    for staged, published in parts:
        with translate_os_errors(published):
            try:
                link_file(Path(staged.path), Path(published.path))
            except FileNotFoundError as error:
                raise TableError(
                    "A finished part of the table is gone", where=staged.uri, fix="Run again: it will be made anew"
                ) from error


def sweep_versions(target: Location) -> tuple[str, ...]:
    """Remove the folders that were the table, and those that killed writers left; returns their names.

    Those that living writers fill stay.
    """
    if not target.is_local:
        return ()
    removed = []
    parent = Path(target.path).parent
    # What may not be listed is left as it is: a table in it can be published all the same.
    with suppress(FileNotFoundError, NotADirectoryError, PermissionError):
        for entry in sorted(parent.iterdir()):
            match = VERSION.fullmatch(entry.name)
            if match is None or match[1] != target.name:
                continue
            folder = entry.with_name(entry.name.removesuffix(LOCK_SUFFIX))
            # In this order: a writer that is gone by now has switched before.
            if is_held(Path(f"{folder}{LOCK_SUFFIX}")):
                continue
            current = version_folder(target)
            if folder.exists() and (current is None or current.name != folder.name):
                shutil.rmtree(folder, ignore_errors=True)
                removed.append(folder.name)
    return tuple(removed)


def refuse_foreign_folder(target: Location) -> None:
    """Refuse to replace a folder that was not published here.

    Raises
    ------
    TableError
        Names it.
    """
    if target.is_local and Path(target.path).is_dir() and version_folder(target) is None:
        raise TableError(
            "The table is a folder here and cannot be replaced by a file",
            where=target.uri,
            fix="Remove the folder, or write to another path",
        )
