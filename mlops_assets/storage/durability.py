"""What is written is on the disk before anybody relies on it."""

import os
import sys
from pathlib import Path


def flush_to_disk(path: str) -> None:
    """Flush a file, or the entries of a folder, to the disk; it returns when they would survive a power cut."""
    if sys.platform == "win32":
        # Windows flushes what it can write to, and no folders.
        if Path(path).is_dir():
            return
        flags = os.O_RDWR
    else:
        flags = os.O_RDONLY
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
