"""Files that are kept for the next run: which ones a living process uses, and which ones are deleted when."""

import os
import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

from mlops_assets.storage.location import Location
from mlops_assets.storage.locks import hold, is_held
from mlops_assets.storage.os_errors import translate_os_errors

IN_USE = "in_use"
"""The folder of marks in a folder of kept files."""

# What a process that was killed leaves is older than any write takes.
ABANDONED = timedelta(hours=1)
ATTEMPTS = 100


@contextmanager
def mark_in_use(folder: Path) -> Iterator[None]:
    """Inside the block no process collects what was made or used in `folder` since the block was entered."""
    marker = folder / IN_USE / f"{os.getpid()}-{secrets.token_hex(4)}"
    with ExitStack() as held:
        with translate_os_errors(Location.parse(folder)):
            for attempt in range(ATTEMPTS):
                marker.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                try:
                    held.enter_context(hold(marker))
                    break
                except FileNotFoundError:
                    # Whoever left last has removed the folder, which was still empty.
                    if attempt + 1 == ATTEMPTS:
                        raise
        yield


def collect_files(files: Iterable[Path], folder: Path, max_age: timedelta, max_bytes: int) -> list[str]:
    """Delete kept files by age and by size, those used longest ago first; returns their names.

    Nothing that a process marked in use has made or used is deleted. The time of a file is when it was used last.
    """
    now, spared, kept = time.time(), _oldest_user(folder), []
    for path in files:
        try:
            seen = path.stat()
        except FileNotFoundError:
            continue
        kept.append((seen.st_mtime, seen.st_size, path))
    total = sum(size for _, size, _ in kept)
    deleted = []
    for used, size, path in sorted(kept):
        if used >= spared or (now - used <= max_age.total_seconds() and total <= max_bytes):
            break
        path.unlink(missing_ok=True)
        total -= size
        deleted.append(path.name)
    return deleted


def _oldest_user(folder: Path) -> float:
    oldest = float("inf")
    for marker in (folder / IN_USE).glob("*"):
        try:
            began = marker.stat().st_mtime
        except FileNotFoundError:
            continue
        if is_held(marker):
            oldest = min(oldest, began)
        elif time.time() - began > ABANDONED.total_seconds():
            marker.unlink(missing_ok=True)
    return oldest
