"""Whether the process that made a file still lives: a lock that the kernel drops when its holder dies, however it dies.

A process id says less: it is reused, and another container's is not ours to see.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

if sys.platform != "win32":
    import fcntl


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Create `path` if need be and hold it until the block ends or the process dies.

    The lock follows the file, not its name: it survives a rename. Windows has no such lock; nothing is held there.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        if sys.platform != "win32":
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Keep every other process and thread out of `exclusive(folder)` meanwhile; waits its turn, leaves no file."""
    if sys.platform == "win32":
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def turn(path: Path, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Be the only one inside ``turn(path)``, of all processes and threads; waits for the one before.

    Unlike `exclusive` it leaves the folder's own lock alone. The file is there while somebody has his turn; one that a
    killed process left behind is taken over, and removed, by the next. Windows has no such lock: nobody waits there.

    Parameters
    ----------
    waiting
        Called once where one has to wait.

    Raises
    ------
    OSError
        The file cannot be made.
    """
    if sys.platform == "win32":
        yield
        return
    descriptor = _taken(path, waiting)
    try:
        yield
    finally:
        # Still locked: nobody can have taken this very file meanwhile.
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _taken(path: Path, waiting: Callable[[], None] | None) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if waiting is not None:
                    waiting()
                    waiting = None
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            # Whoever had it before has removed the file: a lock on that one would keep nobody out.
            if path.exists() and os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def is_held(path: Path) -> bool:
    """True while some process (this one included) is inside `held(path)`; False when the file is gone."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        if sys.platform != "win32":
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
