"""How much of a table's files has been read."""

from collections.abc import Callable, Sequence
from functools import cached_property

import pyarrow as pa

from mlops_assets.errors import TableError
from mlops_assets.storage.location import Location

# To open the footers of more files than these would take longer than what it is for.
_MOST_FOOTERS = 256


class FilesRead:
    """Follows the reading of files, one after the other; asked from another thread than the one that reads.

    Parameters
    ----------
    files
        All of them, in order.
    rows_of
        The rows of a file by its own bookkeeping; None where that does not say.
    """

    def __init__(self, files: Sequence[Location], rows_of: Callable[[Location], int | None]) -> None:
        self._files, self._rows_of = files, rows_of
        self._at = 0
        self._stream: pa.NativeFile | None = None

    def begin(self, number: int) -> None:
        """The file of this number is read now."""
        self._stream, self._at = None, number

    def watch(self, stream: pa.NativeFile) -> None:
        """The stream that is read."""
        self._stream = stream

    def count(self) -> int | None:
        """Rows of all files; None where their bookkeeping does not say, or there are too many of them to ask."""
        if len(self._files) > _MOST_FOOTERS:
            return None
        total = 0
        try:
            for file in self._files:
                rows = self._rows_of(file)
                if rows is None:
                    return None
                total += rows
        except TableError:
            # Whoever reads the file says so.
            return None
        return total

    def share(self) -> float | None:
        """The part of all bytes that has been read, from 0 to 1; None: not known."""
        sizes = self._sizes
        if sizes is None or not sum(sizes):
            return None
        at, position = self._at, self._position()
        if position is None and not at:
            return None
        return (sum(sizes[:at]) + min(position or 0, sizes[at])) / sum(sizes)

    @cached_property
    def _sizes(self) -> list[int] | None:
        try:
            return [file.size() for file in self._files]
        except TableError:
            return None

    def _position(self) -> int | None:
        """Bytes of the present file; None: a stream that only goes on has no position, nor has a closed one."""
        stream = self._stream
        try:
            return None if stream is None else int(stream.tell())
        except (ValueError, OSError):
            return None
