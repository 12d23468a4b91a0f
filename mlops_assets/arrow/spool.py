"""Rows put aside on disk: written once, read as often as wanted, gone afterwards."""

import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

import pyarrow as pa

from mlops_assets.arrow.read_ahead import read_ahead
from mlops_assets.storage.location import Location
from mlops_assets.storage.locks import hold, is_held
from mlops_assets.storage.os_errors import translate_os_errors

_LOCK = ".alive"


class Spool:
    """Batches of one schema in an uncompressed Arrow IPC stream file; a context manager that removes the file.

    Read back with ordinary reads rather than mapped into memory: the pages of a mapped file count as the process's own,
    and its peak would grow with the table. Batches stay valid after the file is gone.

    Parameters
    ----------
    schema
        Of every batch.
    folder
        An existing scratch folder, see `scratch_folder`.

    Examples
    --------
    >>> import tempfile
    >>> batch = pa.record_batch({"a": [1, 2]})
    >>> with tempfile.TemporaryDirectory() as folder, Spool(batch.schema, Path(folder)) as spool:
    ...     spool.write(batch)
    ...     (spool.rows, spool.reader().read_all()["a"].to_pylist(), spool.reader().read_all().num_rows)
    (2, [1, 2], 2)
    """

    def __init__(self, schema: pa.Schema, folder: Path) -> None:
        self.schema = schema
        self.rows = 0
        """Rows written so far."""
        self._path = folder / f"{secrets.token_hex(8)}.arrows"
        self._sink = pa.OSFile(str(self._path), "wb")
        self._writer: pa.RecordBatchStreamWriter | None = pa.ipc.new_stream(self._sink, schema)

    def __enter__(self) -> "Spool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._finish()
        self._path.unlink(missing_ok=True)

    def write(self, batch: pa.RecordBatch) -> None:
        """Append `batch`; only before the first `reader`.

        Raises
        ------
        TableError
            The scratch folder's disk is full.
        """
        if self._writer is None:
            raise ValueError("The spool is being read, nothing can be added to it")
        with translate_os_errors(Location.parse(self._path)):
            self._writer.write_batch(batch)
        self.rows += batch.num_rows

    def reader(self) -> pa.RecordBatchReader:
        """All rows from the start, in the batches that were written, read ahead in a thread; any number of times."""
        self._finish()
        return pa.RecordBatchReader.from_batches(self.schema, read_ahead(self._batches()))

    def _batches(self) -> Iterator[pa.RecordBatch]:
        with pa.OSFile(str(self._path), "rb") as source, pa.ipc.open_stream(source) as batches:
            yield from batches

    def _finish(self) -> None:
        if self._writer is not None:
            writer, self._writer = self._writer, None
            with translate_os_errors(Location.parse(self._path)), self._sink:
                writer.close()


@contextmanager
def scratch_folder(root: Path) -> Iterator[Path]:
    """A fresh folder ``<root>/<pid>-<random>``, removed at exit; at entry, those of dead processes are removed."""
    root.mkdir(parents=True, exist_ok=True)
    _sweep(root)
    folder = root / f"{os.getpid()}-{secrets.token_hex(4)}"
    folder.mkdir()
    try:
        with hold(folder / _LOCK):
            yield folder
    finally:
        # Whoever cleans up the disk may have been faster.
        with suppress(FileNotFoundError):
            shutil.rmtree(folder)


def _sweep(root: Path) -> None:
    for folder in root.iterdir():
        process, _, random = folder.name.partition("-")
        # Both must say that it is dead: a process id is unknown in another container, a lock is not yet taken at once.
        if folder.is_dir() and random and process.isdigit() and not _runs(int(process)) and not is_held(folder / _LOCK):
            shutil.rmtree(folder, ignore_errors=True)


def _runs(process: int) -> bool:
    if sys.platform == "win32":
        # There `os.kill` would end it.
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
