"""Locks on files that the operating system drops when their holder dies, however it dies; on Windows as well.

A process id says less: it is reused, and another container's is not ours to see.

A lock file is empty and is removed by its holder, while it still holds it. Whoever waited for that file notices and
takes the lock on the next one of its name: filelock does so since version 4 (tox-dev/filelock, `st_nlink`).
"""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from filelock import BaseFileLock

FOLDER_LOCK = ".mlops_assets.lock"
"""The file in a folder that `lock_folder` holds."""


@contextmanager
def lock_file(path: Path, on_wait: Callable[[], None] | None = None) -> Iterator[None]:
    """Be the only one inside ``lock_file(path)``, of all processes and threads; waits for the holder to end or to die.

    The file exists while somebody holds it. One that a killed process left behind is taken over, and removed, by the
    next holder.

    Parameters
    ----------
    on_wait
        Called once, before the wait, when the lock is held elsewhere.

    Raises
    ------
    OSError
        The file cannot be made.
    """
    from filelock import Timeout

    lock = _file_lock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        if on_wait is not None:
            on_wait()
        lock.acquire()
    try:
        yield
    finally:
        _remove_and_release(lock, path)


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Be the only one inside ``lock_folder(folder)``, of all processes and threads; leaves no file."""
    with lock_file(folder / FOLDER_LOCK):
        yield


@contextmanager
def hold(path: Path) -> Iterator[None]:
    """Show by the file `path`, which is made here, that this process lives; until the block ends or the process dies.

    The file holds nothing else: on Windows no other handle can write to a locked file.
    """
    with lock_file(path):
        yield


def is_held(path: Path) -> bool:
    """Whether some process (this one included) is inside `hold(path)`; a file that a dead one left is removed."""
    from filelock import Timeout

    if not path.exists():
        return False
    try:
        lock = _file_lock(path)
        lock.acquire(blocking=False)
    except Timeout:
        return True
    except FileNotFoundError:
        # Another process looked as well, and has removed it with its folder.
        return False
    _remove_and_release(lock, path)
    return False


def _file_lock(path: Path) -> "BaseFileLock":
    from filelock import FileLock

    path.parent.stat()
    if not path.parent.is_dir():
        # filelock would try to make the folder.
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path.parent))
    # Not of one thread: a generator that holds a lock may be closed by another.
    return FileLock(path, thread_local=False)


def _remove_and_release(lock: "BaseFileLock", path: Path) -> None:
    try:
        # Windows removes no file that is open; filelock does so there itself, after the release.
        with suppress(PermissionError, FileNotFoundError):
            path.unlink()
    finally:
        # Else a code server whose disk failed once would keep everybody waiting for as long as it lives.
        lock.release()
