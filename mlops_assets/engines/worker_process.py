"""A worker process as seen from this one, and workers that wait for the next table with what they have loaded."""

import atexit
import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

import pyarrow as pa

from mlops_assets.child_process import child_environment, signal_name
from mlops_assets.engines.worker import FAILED, PATH, read_frame, split_kind, write_frame

IDLE_SECONDS = 60.0
"""So long a worker waits for more: the assets of one run follow each other."""

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def worker_environment(count: int, cores: int) -> dict[str, str]:
    """The variables of each of `count` workers, which share the cores: their libraries' threads do not compete."""
    return {name: str(max(1, cores // count)) for name in _THREADS} | child_environment()


class LostWorkerError(Exception):
    """A worker ended before it answered. Internal: whoever asked says what this means.

    Parameters
    ----------
    status
        Its exit status; negative: the number of the signal that ended it.
    """

    def __init__(self, status: int) -> None:
        super().__init__(f"exit status {status}" if status >= 0 else f"exit status {status}, {signal_name(status)}")
        self.status = status


class WorkerProcess:
    """One process that answers questions of `mlops_assets.engines.worker`, one at a time.

    It ends when it is killed, or with this process.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = environment
        self._process = subprocess.Popen(
            [sys.executable, "-m", "mlops_assets.engines.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=dict(environment),
        )
        self._has_path = False

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, kind: bytes, question: bytes | pa.Buffer) -> pa.Buffer:
        """The answer.

        Raises
        ------
        MlopsAssetsError
            What went wrong there.
        LostWorkerError
            The process ended.
        """
        if not self._has_path:
            self._has_path = True
            self.ask(PATH, pickle.dumps(sys.path))
        # PIPE was asked for, so both are there.
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            write_frame(self._process.stdin, question, kind)  # type: ignore[arg-type]  # a buffered stream
            answer = read_frame(self._process.stdout)  # type: ignore[arg-type]
        except BrokenPipeError:
            answer = None
        if answer is None:
            raise LostWorkerError(self._process.wait())
        data, status = split_kind(answer)
        if status == FAILED:
            raise cast(Exception, pickle.loads(data))
        return data

    def kill(self) -> None:
        """End it; a thread that waits for its answer gets `LostWorkerError`."""
        self._process.kill()

    def reap(self) -> None:
        """End it, wait for that, and close what led to it; no thread may be waiting for its answer."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                try:
                    stream.close()
                except BrokenPipeError:
                    # What was left to write is lost with it.
                    continue


class IdleWorkers:
    """Workers between two tables: the next one finds them with their imports made and their models loaded.

    They are found by their environment, working folder and this process's list of modules' folders, since what they do
    may depend on these. Those that nobody takes for `IDLE_SECONDS` end, and all do with this process.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting: list[tuple[float, tuple[object, ...], WorkerProcess]] = []
        self._timer: threading.Timer | None = None

    def count(self, environment: Mapping[str, str]) -> int:
        """How many would be found."""
        key = _key(environment)
        with self._lock:
            return sum(each == key and worker.is_alive for _, each, worker in self._waiting)

    def take(self, environment: Mapping[str, str]) -> WorkerProcess:
        """One that waits, else a new one."""
        key = _key(environment)
        with self._lock:
            found = [entry for entry in self._waiting if entry[1] == key]
            for entry in found:
                self._waiting.remove(entry)
                if entry[2].is_alive:
                    return entry[2]
                entry[2].reap()
        return WorkerProcess(environment)

    def give(self, worker: WorkerProcess) -> None:
        """One that has answered everything may wait."""
        with self._lock:
            self._waiting.append((self._clock(), _key(worker.environment), worker))
        self._set_timer()

    def end(self, idle_seconds: float = 0.0) -> None:
        """End those that have waited for so long."""
        latest = self._clock() - idle_seconds
        with self._lock:
            late = [entry for entry in self._waiting if entry[0] <= latest]
            self._waiting = [entry for entry in self._waiting if entry[0] > latest]
        for _, key, worker in late:
            # A forked process has the list of its parent, and must leave the workers to it.
            if key[0] == os.getpid():
                worker.reap()

    def _set_timer(self) -> None:
        with self._lock:
            if self._timer is not None and self._timer.is_alive():
                return
            self._timer = threading.Timer(IDLE_SECONDS, self._end_late)
            self._timer.daemon = True
            self._timer.start()

    def _end_late(self) -> None:
        self.end(IDLE_SECONDS)
        with self._lock:
            self._timer = None
            is_waiting = bool(self._waiting)
        if is_waiting:
            self._set_timer()


def _key(environment: Mapping[str, str]) -> tuple[object, ...]:
    return os.getpid(), Path.cwd(), tuple(sys.path), frozenset(environment.items())


IDLE_WORKERS = IdleWorkers()
atexit.register(IDLE_WORKERS.end)
