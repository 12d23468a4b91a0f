"""Files of 64-bit hashes, of which a range is read without reading the rest once they are sorted.

Eight bytes per hash (little-endian), and a zero byte at the end of a file that is not sorted.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import numpy as np
import pyarrow as pa

from mlops_assets.errors import TableError
from mlops_assets.redaction.errors import redact_chain
from mlops_assets.storage.location import Location
from mlops_assets.storage.os_errors import translate_os_errors
from mlops_assets.storage.store_errors import translate_errors

ALL_HASHES = 1 << 64
"""How many different hashes there are."""
_NOT_SORTED = b"\0"


def write_hashes(file: Location, pieces: Iterable[np.ndarray], *, is_sorted: bool) -> None:
    """Write the file, whole or not at all, in place of what is there."""
    with file.open_draft() as sink, translate_os_errors(file):
        for hashes in pieces:
            if len(hashes):
                sink.write(hashes.astype("<u8", copy=False).data)
        if not is_sorted:
            sink.write(_NOT_SORTED)


def sort_hashes(file: Location) -> None:
    """Sort the file's hashes, in memory; nothing happens where they are sorted. Errors as of `count_between`."""
    with _open(file) as source:
        rows, is_sorted = _rows(file, source)
        if is_sorted:
            return
        hashes = np.sort(_read(source, 0, rows))
    write_hashes(file, [hashes], is_sorted=True)


def count_between(file: Location, low: int, high: int) -> int:
    """How many hashes the file has of ``low <= hash < high``.

    Raises
    ------
    TableError
        The file is gone, damaged or cannot be read.
    """
    with _open(file) as source:
        rows, is_sorted = _rows(file, source)
        if not is_sorted:
            return len(_between(np.sort(_read(source, 0, rows)), low, high))
        return _place(source, rows, high) - _place(source, rows, low)


def read_between(file: Location, low: int, high: int, most: int) -> np.ndarray | None:
    """The hashes of ``low <= hash < high``; None where there are more than `most`. Errors as of `count_between`."""
    with _open(file) as source:
        rows, is_sorted = _rows(file, source)
        if not is_sorted:
            found = _between(np.sort(_read(source, 0, rows)), low, high)
            return found if len(found) <= most else None
        # Hashes are spread evenly: what is looked for is near its share of the file, and one reading gets it.
        margin = 8 * int(rows**0.5) + 8
        start, stop = max(0, rows * low // ALL_HASHES - margin), min(rows, rows * high // ALL_HASHES + margin)
        if stop - start <= most + 2 * margin:
            hashes = _read(source, start, stop)
            if (not start or hashes[0] < low) and (stop == rows or hashes[-1] >= high):
                found = _between(hashes, low, high)
                return found if len(found) <= most else None
        # Many equal ones.
        start, stop = _place(source, rows, low), _place(source, rows, high)
        return _read(source, start, stop) if stop - start <= most else None


def _between(hashes: np.ndarray, low: int, high: int) -> np.ndarray:
    return hashes[_search(hashes, low) : _search(hashes, high)]


def _place(source: pa.NativeFile, rows: int, value: int) -> int:
    """The place of the first hash that is not below `value`."""
    start, stop = 0, rows
    while stop - start > 1024:
        middle = (start + stop) // 2
        if int(_read(source, middle, middle + 1)[0]) < value:
            start = middle + 1
        else:
            stop = middle
    return start + _search(_read(source, start, stop), value)


def _search(hashes: np.ndarray, value: int) -> int:
    return len(hashes) if value >= ALL_HASHES else int(np.searchsorted(hashes, np.uint64(value)))


@contextmanager
def _open(file: Location) -> Iterator[pa.NativeFile]:
    try:
        with translate_errors(file.uri, "read"), file.filesystem.open_input_file(file.path) as source:
            yield source
    except FileNotFoundError as error:
        raise TableError(
            "The file of a part's key hashes is gone, which another run or a clean-up must have removed",
            where=file.uri,
            fix="Start the run again",
        ) from redact_chain(error)


def _rows(file: Location, source: pa.NativeFile) -> tuple[int, bool]:
    """How many hashes there are, and whether they are sorted."""
    rows, left = divmod(int(source.size()), 8)
    if left > len(_NOT_SORTED):
        raise TableError("A file of a part's key hashes is damaged", where=file.uri, fix="Delete it and run again")
    return rows, not left


def _read(source: pa.NativeFile, start: int, stop: int) -> np.ndarray:
    source.seek(start * 8)
    return np.frombuffer(source.read_buffer((stop - start) * 8), dtype="<u8")
