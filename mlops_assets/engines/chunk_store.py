"""Results of chunks, kept under what they were made from: a run that died, or tomorrow's run, finds them again."""

import hashlib
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pyarrow as pa

from mlops_assets.arrow.content_hash import hash_of
from mlops_assets.storage.in_use import ABANDONED, collect_files, mark_in_use
from mlops_assets.storage.location import Location
from mlops_assets.storage.os_errors import translate_os_errors

_COLLECTED = "collected"
_CHECKSUM = 32


@dataclass(frozen=True)
class ChunkStore:
    """A folder of results, each in a file that is named by its key; a cache: any of them may be deleted at any time.

    Guarantees: a result is there whole or not at all, also when a process was killed or the power failed: a file whose
    checksum is wrong counts as missing. Two processes that store the same key store the same.

    Attributes
    ----------
    root
        A local folder, made when it is needed.
    max_age
        Results that were neither made nor used for so long are collected.
    max_bytes
        When there is more, those used longest ago are collected.
    """

    root: Path
    max_age: timedelta = timedelta(days=7)
    max_bytes: int = 10 << 30

    @staticmethod
    def key(work: str, content: str) -> str:
        """The name of the result of `work` (its identity) on rows of this content."""
        return hash_of(work, content)

    def get(self, key: str) -> pa.RecordBatch | None:
        """The result, or None; notes that it was used."""
        path = self.path(key)
        try:
            data = path.read_bytes()
            os.utime(path)
        except FileNotFoundError:
            return None
        checksum, content = data[:_CHECKSUM], pa.py_buffer(data)[_CHECKSUM:]
        if hashlib.blake2b(content, digest_size=_CHECKSUM).digest() != checksum:
            return None
        with pa.ipc.open_stream(content) as reader:
            return reader.read_next_batch()

    def put(self, key: str, result: pa.RecordBatch) -> None:
        """Keep a result.

        Raises
        ------
        TableError
            The disk is full, or the folder may not be written to.
        """
        sink = pa.BufferOutputStream()
        # Version and digest are the same in every row: a fifth of the size, and of the time to write it.
        with pa.ipc.new_stream(sink, result.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
            writer.write_batch(result)
        content = sink.getvalue()
        path = self.path(key)
        temporary = path.with_name(f"{path.name}.{secrets.token_hex(8)}.tmp")
        with translate_os_errors(Location.parse(path)):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            try:
                with temporary.open("xb") as file:
                    file.write(hashlib.blake2b(content, digest_size=_CHECKSUM).digest())
                    file.write(content)
                temporary.replace(path)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise

    def holds(self, key: str) -> bool:
        """Whether there is such a result, perhaps a damaged one; notes that it was used."""
        try:
            os.utime(self.path(key))
        except FileNotFoundError:
            return False
        return True

    @contextmanager
    def mark_in_use(self) -> Iterator[None]:
        """Inside the block no process collects what was made or used since the block was entered."""
        with mark_in_use(self.root):
            yield

    def collect(self) -> int:
        """Delete results by age and by size, those used longest ago first; returns how many.

        Nothing that a living run has made or used is deleted.
        """
        now, results = time.time(), []
        for path in self.root.glob("[0-9a-f][0-9a-f]/*"):
            if path.suffix != ".tmp":
                results.append(path)
                continue
            with suppress(FileNotFoundError):
                if now - path.stat().st_mtime > ABANDONED.total_seconds():
                    path.unlink()
        return len(collect_files(results, self.root, self.max_age, self.max_bytes))

    def collect_if_due(self, every: timedelta = timedelta(hours=1)) -> int:
        """`collect`, unless it was done within `every`: to look at a hundred thousand files takes seconds."""
        mark = self.root / _COLLECTED
        if mark.exists() and time.time() - mark.stat().st_mtime < every.total_seconds():
            return 0
        with translate_os_errors(Location.parse(mark)):
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            mark.touch()
        return self.collect()

    def path(self, key: str) -> Path:
        """Where the result of this key is, or would be."""
        return self.root / key[:2] / key
